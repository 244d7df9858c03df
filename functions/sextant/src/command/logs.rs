//! `sextant logs ID|SERVICE`: the build log, whole or as it grows, or what the app itself writes.
//!
//! Invariant: what a log holds moves no cursor and paints nothing unless colours were asked for.

use super::{client::Api, output::Output, sse::Events, status::resolve, view::Line};
use crate::failure::Ended;
use anyhow::Result;
use clap::{Args, ValueEnum};
use model::text::{coloured, visible};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    borrow::Cow,
    io::{self, IsTerminal as _},
    time::Duration,
};

/// Lines that are asked for at once: of a build, and of an app.
const BUILD_PAGE: usize = 5_000;
const RUNTIME_PAGE: usize = 2_000;
/// How many lines of what the app writes, unless told otherwise.
const RUNTIME_LINES: usize = 200;
/// How often it is asked for more of what an app writes: nothing tells of it.
const PACE: Duration = Duration::from_secs(1);

/// When colours that are in a log are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal.
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

/// Whose log, which one, and how much of it.
#[derive(Args)]
pub struct Logs {
    /// A deployment's id, or a service's name.
    pub what: String,
    /// Go on until the deployment is at rest; with --runtime until it is interrupted.
    #[arg(long, short)]
    pub follow: bool,
    /// What the app writes, instead of the build.
    #[arg(long)]
    pub runtime: bool,
    /// Only so many of the newest lines; of a build all, and of what the app writes 200, if absent.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub lines: Option<u32>,
    /// Show colours that are in the log: on a terminal, or `always`; control characters are shown as text otherwise.
    #[arg(long, visible_alias = "colour", value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "auto")]
    pub color: Option<When>,
}

/// Some lines of a build's log.
#[derive(Default, Deserialize)]
#[serde(default)]
struct BuildPage {
    lines: Vec<Value>,
    next: String,
    end: bool,
}

/// Some lines that an app wrote.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RuntimePage {
    revision: String,
    lines: Vec<String>,
    next: Option<String>,
    missed: bool,
}

impl Logs {
    /// Prints the lines asked for, and goes on with `--follow`.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let id = resolve(api, &self.what).await?;
        let show = Show { output, colours: self.colours() };
        let lines = self.lines.map(|lines| lines as usize);
        match (self.runtime, self.follow) {
            (true, follow) => runtime(api, &id, show, lines.unwrap_or(RUNTIME_LINES), follow).await,
            (false, true) => follow(api, &id, show).await,
            (false, false) => match lines {
                Some(lines) => newest(api, &id, show, lines).await,
                None => whole(api, &id, show).await,
            },
        }
    }

    fn colours(&self) -> bool {
        match self.color {
            Some(When::Always) => true,
            Some(When::Auto) => io::stdout().is_terminal(),
            Some(When::Never) | None => false,
        }
    }
}

/// How lines are shown.
#[derive(Clone, Copy)]
struct Show {
    output: Output,
    colours: bool,
}

impl Show {
    fn line(self, text: &str) {
        let shown: Cow<'_, str> = if self.colours { coloured(text) } else { visible(text) };
        self.output.text(&shown);
    }

    fn lines<'a>(self, lines: impl IntoIterator<Item = &'a str>) {
        let shown: Vec<Cow<'_, str>> =
            lines.into_iter().map(|text| if self.colours { coloured(text) } else { visible(text) }).collect();
        if !shown.is_empty() {
            self.output.text(&shown.join("\n"));
        }
    }
}

fn texts(lines: &[Value]) -> impl Iterator<Item = &str> {
    lines.iter().map(|line| line["text"].as_str().unwrap_or_default())
}

/// All of it, page by page.
async fn whole(api: &Api, id: &str, show: Show) -> Result<Ended> {
    let (mut all, mut after) = (vec![], String::new());
    loop {
        let path = format!("/api/v1/deployments/{id}/logs?limit={BUILD_PAGE}&after={after}");
        let page: BuildPage = api.get(&path).await?;
        let over = page.end || page.lines.len() < BUILD_PAGE;
        if show.output.is_json() {
            all.extend(page.lines);
        } else {
            show.lines(texts(&page.lines));
        }
        if over {
            if show.output.is_json() {
                show.output.json(&json!({ "lines": all, "next": page.next, "end": page.end }));
            }
            return Ok(Ended::Done);
        }
        after = page.next;
    }
}

/// Its newest lines, oldest first.
async fn newest(api: &Api, id: &str, show: Show, count: usize) -> Result<Ended> {
    let (mut lines, mut after) = (vec![], String::new());
    while lines.len() < count {
        let limit = (count - lines.len()).min(BUILD_PAGE);
        let path = format!("/api/v1/deployments/{id}/logs?order=newest&limit={limit}&after={after}");
        let page: BuildPage = api.get(&path).await?;
        lines.extend(page.lines);
        if page.end {
            break;
        }
        after = page.next;
    }
    lines.reverse();
    if show.output.is_json() {
        show.output.json(&json!({ "lines": lines }));
    } else {
        show.lines(texts(&lines));
    }
    Ok(Ended::Done)
}

async fn follow(api: &Api, id: &str, show: Show) -> Result<Ended> {
    let mut events = Events::new(api, format!("/api/v1/deployments/{id}/events"));
    loop {
        let event = events.next().await?;
        match event.kind.as_str() {
            "log" if show.output.is_json() => show.output.text(&event.data),
            "log" => {
                let line: Line = serde_json::from_str(&event.data).unwrap_or_default();
                if line.stream != "end" {
                    show.line(&line.text);
                }
            }
            "done" => return Ok(Ended::Done),
            _ => {}
        }
    }
}

/// The newest lines that the app wrote, and with `follow` what it writes from then on.
async fn runtime(api: &Api, id: &str, show: Show, count: usize, follow: bool) -> Result<Ended> {
    let path = format!("/api/v1/deployments/{id}/runtime-logs");
    let mut page: RuntimePage = api.get(&format!("{path}?lines={}", count.min(RUNTIME_PAGE))).await?;
    if !follow && show.output.is_json() {
        show.output.json(&json!({ "revision": page.revision, "lines": page.lines, "next": page.next }));
        return Ok(Ended::Done);
    }
    loop {
        if page.missed {
            show.output.note("some lines are missing here: they were written faster than they could be read");
        }
        if show.output.is_json() {
            page.lines.iter().for_each(|line| show.output.json_line(line));
        } else {
            show.lines(page.lines.iter().map(String::as_str));
        }
        let Some(next) = page.next.filter(|_| follow) else { return Ok(Ended::Done) };
        if page.lines.len() < RUNTIME_PAGE {
            tokio::time::sleep(PACE).await;
        }
        page = api.get(&format!("{path}?lines={RUNTIME_PAGE}&after={next}")).await?;
    }
}
