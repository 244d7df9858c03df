//! `sextant demo`: the whole story in under a minute, on a fresh data folder and free ports. Nothing is mocked: the
//! functions, the store, the ingress and the canary are those of `sextant up`, and the app is a real process.
//!
//! Invariant: whatever happens, its processes are stopped at the end, and its folder goes unless it is to be kept.

pub mod app;
mod client;
mod loops;
mod mail;
mod ship;
mod stage;
mod story;

use super::output::{Output, bold, green, red};
use crate::failure::{self, Ended};
use anyhow::{Result, anyhow};
use clap::Args;
use comfy_table::{Table, presets};
use serde_json::json;
use stage::Stage;
use std::time::Duration;
use story::{Chapter, Story};

/// After this long something is stuck.
const LONGEST: Duration = Duration::from_secs(150);

/// How the story is told.
#[derive(Args, Clone, Debug)]
pub struct Demo {
    /// Switch learning off, to see that the demo notices.
    #[arg(long)]
    pub no_learning: bool,
    /// Leave the console open at the end, to look around until Ctrl-C, and keep the data folder.
    #[arg(long)]
    pub keep: bool,
    /// What is logged, such as `info` or `warn,host=debug`.
    #[arg(long, default_value = "error", env = "SEXTANT_LOG")]
    pub log: String,
}

/// Tells it, cleans up, and sums up.
pub async fn run(demo: Demo, output: Output) -> Result<Ended> {
    host::telemetry::init(host::telemetry::Format::Human, &demo.log).map_err(failure::Stop::Usage)?;
    let mut story = Story::new(output);
    let mut stage = Stage::open(&demo).await?;
    let told = tokio::select! {
        told = tokio::time::timeout(LONGEST, tell(&mut stage, &mut story)) => {
            told.unwrap_or_else(|_| Err(anyhow!("the story did not end within {} s: something is stuck", LONGEST.as_secs())))
        }
        () = host::serve::signal() => Err(anyhow!("stopped by a signal")),
    };
    if let Err(error) = &told {
        story.failed(error);
    }
    sum_up(&story, output);
    if demo.keep && told.is_ok() {
        look_around(&stage, output).await;
    }
    let kept = stage.close(demo.keep).await;
    if let Some(folder) = kept {
        output.note(&format!(
            "Its folder is kept; look into it with `sextant up --data {}`.",
            folder.display()
        ));
    }
    Ok(if told.is_ok() { Ended::Done } else { Ended::Failed })
}

/// Whoever wants to see what came of it has all the time.
async fn look_around(stage: &Stage, output: Output) {
    output
        .note(&format!("The console is open: {} (signs this browser in, once). Ctrl-C ends it.", stage.link));
    host::serve::signal().await;
}

/// Each part proves what it says, or ends the story.
async fn tell(stage: &mut Stage, story: &mut Story) -> Result<()> {
    story.part("First release", ship::first(stage)).await?;
    story.part("Real requests", ship::requests(stage)).await?;
    story.part("An equal release", ship::equal(stage)).await?;
    story.part("A faulty release", ship::faulty(stage)).await?;
    let measured = story.part("Measured", loops::measure(stage)).await?;
    let asked = story.part("Seven days later", loops::week(stage)).await?;
    let before = story.part("Predicted before", loops::predict(stage, &measured)).await?;
    let paid = story.part("Answered", loops::answer(stage, &asked, &before)).await?;
    story.part("Learned", loops::learn(stage)).await?;
    story.part("Predicted after", loops::compare(stage, &measured, &before, paid)).await?;
    Ok(())
}

fn sum_up(story: &Story, output: Output) {
    let chapters = story.chapters();
    let seconds = story.seconds();
    let all_well = chapters.iter().all(|chapter| chapter.well);
    let value = json!({ "passed": all_well, "seconds": seconds, "parts": chapters });
    output.data(&value, || table(chapters));
    let verdict = if all_well {
        green(&format!("The whole story in {seconds:.1} s."))
    } else {
        let part = chapters.iter().find(|chapter| !chapter.well).map_or("", |chapter| chapter.name);
        red(&format!("It failed after {seconds:.1} s, at: {part}."))
    };
    output.note(&bold(&verdict));
}

fn table(chapters: &[Chapter]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(["", "Part", "What came of it", "Took"]);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(120);
    }
    for chapter in chapters {
        let mark = if chapter.well { "ok" } else { "FAILED" };
        table.add_row([mark, chapter.name, &chapter.result, &format!("{:.1} s", chapter.seconds)]);
    }
    table.trim_fmt()
}
