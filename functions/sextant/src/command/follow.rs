//! Follows a deployment to its rest: its story and its build log, live.
//!
//! On a terminal the last line is a bar that moves; elsewhere each step is a plain line. All of it is stderr.

use super::{
    client::Api,
    output::{Output, bold, colours, dim},
    sse::Events,
    view::{Deployment, Entry, Line},
};
use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use model::text::visible;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};

/// Follows until nothing more happens by itself; answers the deployment as it then is, and as JSON.
pub async fn follow(api: &Api, id: &str, output: Output) -> Result<(Deployment, Value)> {
    let screen = Screen::new(output);
    let work = watch(api, id, &screen);
    let result = tokio::select! {
        result = work => result,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!(
            "stopped following; `{id}` goes on: `sextant status {id}`, `sextant logs --follow {id}`, or `sextant cancel {id}`"
        )),
    };
    screen.end();
    result
}

/// The same on a screen of the caller's, without an eye on Ctrl-C.
pub async fn watch(api: &Api, id: &str, screen: &Screen) -> Result<(Deployment, Value)> {
    let mut events = Events::new(api, format!("/api/v1/deployments/{id}/events"));
    let mut shown = 0;
    loop {
        let event = events.next().await?;
        match event.kind.as_str() {
            "status" => {
                let entry: Entry = parse(&event.data)?;
                if entry.seq > shown {
                    shown = entry.seq;
                    screen.entry(&entry);
                }
            }
            "log" => screen.log(&parse::<Line>(&event.data)?),
            "reset" => {
                let view: Deployment = parse(&event.data)?;
                for entry in view.timeline.iter().filter(|entry| entry.seq > shown) {
                    screen.entry(entry);
                }
                shown = view.seq.max(shown);
            }
            "done" => {
                let value: Value = parse(&event.data)?;
                return Ok((serde_json::from_value(value.clone()).unwrap_or_default(), value));
            }
            _ => {}
        }
    }
}

fn parse<T: DeserializeOwned>(data: &str) -> Result<T> {
    serde_json::from_str(data)
        .context("the server sent an event that this version can't read; are both of the same version?")
}

/// Where progress is shown.
pub struct Screen {
    bar: Option<ProgressBar>,
    output: Output,
    aside: bool,
}

impl Screen {
    /// A bar on a terminal, plain lines elsewhere.
    pub fn new(output: Output) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr());
            let template = if colours() {
                "{spinner} {bar:24.cyan/dim} {pos:>3} %  {elapsed}  {wide_msg}"
            } else {
                "{spinner} {bar:24} {pos:>3} %  {elapsed}  {wide_msg}"
            };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("━╸─"));
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, output, aside: false }
    }

    /// Only the story, as lines beside something that matters more.
    pub fn aside(output: Output) -> Self {
        Self { bar: None, output, aside: true }
    }

    /// A line that stays.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => self.output.note(text),
        }
    }

    fn entry(&self, entry: &Entry) {
        let text = visible(&entry.text);
        if self.aside {
            self.line(&dim(&format!("     {:>3} %  {text}", entry.progress)));
            return;
        }
        let status = bold(&format!("{:<17}", entry.status));
        self.line(&format!("{:>3} %  {status}  {text}", entry.progress));
        if let Some(bar) = &self.bar {
            bar.set_position(u64::from(entry.progress));
            bar.set_message(text.into_owned());
        }
    }

    fn log(&self, line: &Line) {
        if line.stream != "end" && !self.aside {
            self.line(&dim(&format!("       | {}", visible(&line.text))));
        }
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
