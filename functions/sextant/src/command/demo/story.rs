//! What happened so far, part by part, with how long each took.

#![expect(clippy::disallowed_methods, reason = "the demo measures itself")]

use crate::{
    command::output::{Output, bold, dim, green, red},
    failure,
};
use anyhow::Result;
use serde::Serialize;
use std::time::Instant;

/// One part of the demo's story.
#[derive(Clone, Debug, Serialize)]
pub struct Chapter {
    /// The part's name, as the JSON has it.
    pub name: &'static str,
    /// Whether it came out as it should.
    pub well: bool,
    /// What came of it.
    pub result: String,
    /// How long it took.
    pub seconds: f64,
}

/// A part's value for the parts after it, and what came of it in words.
pub struct Told<T> {
    /// For the parts after it.
    pub value: T,
    /// One or two sentences.
    pub words: String,
}

/// A part that leaves only words.
pub fn told(words: impl Into<String>) -> Told<()> {
    Told { value: (), words: words.into() }
}

/// The story so far.
pub struct Story {
    output: Output,
    began: Instant,
    chapters: Vec<Chapter>,
    /// The part that is being told, and since when.
    now: Option<(&'static str, Instant)>,
}

impl Story {
    /// Begins the story; its times count from here.
    pub fn new(output: Output) -> Self {
        Self { output, began: Instant::now(), chapters: vec![], now: None }
    }

    /// Has one part happen.
    pub async fn part<T>(
        &mut self,
        name: &'static str,
        work: impl Future<Output = Result<Told<T>>>,
    ) -> Result<T> {
        self.output.note(&bold(name));
        self.now = Some((name, Instant::now()));
        let Told { value, words } = work.await?;
        self.output.note(&format!("  {} {words}", green("ok")));
        self.end(true, words);
        Ok(value)
    }

    /// The part that is being told came out wrong.
    pub fn failed(&mut self, error: &anyhow::Error) {
        let words = failure::text(error);
        self.output.note(&format!("  {} {words}", red("failed")));
        self.end(false, words);
    }

    fn end(&mut self, well: bool, result: String) {
        let (name, since) = self.now.take().unwrap_or(("Start", self.began));
        self.chapters.push(Chapter { name, well, result, seconds: since.elapsed().as_secs_f64() });
    }

    /// Every part so far.
    pub fn chapters(&self) -> &[Chapter] {
        &self.chapters
    }

    /// How long it has taken.
    pub fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}

/// A line of what happens within a part.
pub fn aside(output: Output, text: &str) {
    output.note(&dim(&format!("     {text}")));
}
