//! A target that does what it is told, late, twice, or not at all, and counts what became effective.

use model::{
    deployment::Outcome,
    port::target::{BuildState, Released, Traffic, TrafficToken},
};
use std::collections::{BTreeMap, BTreeSet};

/// A set of weights refused: somebody else moved traffic, or there is no such revision.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    Stale,
    NotFound,
}

#[derive(Default)]
pub struct Target {
    token: u64,
    pub weights: BTreeMap<String, u32>,
    answers: BTreeMap<String, Traffic>,
    pub builds: BTreeMap<String, BuildState>,
    pub running: BTreeSet<String>,
    remembered: BTreeSet<String>,
    /// Keys under which traffic really changed, and how often each did.
    pub effective: BTreeMap<String, u32>,
    pub builds_started: BTreeMap<String, u32>,
    pub builds_lost: u32,
    pub created: BTreeMap<String, u32>,
}

impl Target {
    pub fn traffic(&self) -> Traffic {
        Traffic { token: TrafficToken(self.token.to_string()), weights: self.weights.clone(), closed: false }
    }

    pub fn set(
        &mut self,
        expected: &TrafficToken,
        weights: &BTreeMap<String, u32>,
        key: &str,
    ) -> Result<Traffic, Refused> {
        if let Some(answer) = self.answers.get(key) {
            return Ok(answer.clone());
        }
        if expected.0 != self.token.to_string() {
            return Err(Refused::Stale);
        }
        if weights.keys().any(|name| !self.running.contains(name) && !self.remembered.contains(name)) {
            return Err(Refused::NotFound);
        }
        self.running.extend(weights.keys().cloned());
        self.token += 1;
        self.weights.clone_from(weights);
        *self.effective.entry(key.to_owned()).or_default() += 1;
        self.answers.insert(key.to_owned(), self.traffic());
        Ok(self.traffic())
    }

    /// Somebody else gives all traffic to a revision.
    pub fn meddle(&mut self, revision: &str) {
        self.token += 1;
        self.weights = BTreeMap::from([(revision.to_owned(), 100)]);
    }

    pub fn create(&mut self, revision: &str) -> Released {
        if self.running.insert(revision.to_owned()) {
            *self.created.entry(revision.to_owned()).or_default() += 1;
        }
        Released {
            revision: revision.to_owned(),
            url: "http://shop".to_owned(),
            revision_url: format!("http://{revision}"),
            closed: false,
        }
    }

    pub fn retire(&mut self, keep: &[String], remember: &[String]) {
        let weights = &self.weights;
        self.running.retain(|name| keep.contains(name) || weights.contains_key(name));
        self.remembered = remember.iter().cloned().collect();
    }

    pub fn discard(&mut self, revision: &str) {
        if !self.weights.contains_key(revision) {
            self.running.remove(revision);
        }
    }

    pub fn start_build(&mut self, key: &str) {
        if !self.builds.contains_key(key) {
            self.builds.insert(key.to_owned(), BuildState::Running);
            *self.builds_started.entry(key.to_owned()).or_default() += 1;
        }
    }

    pub fn read_build(&self, key: &str) -> Outcome {
        Outcome::BuildRead(self.builds.get(key).cloned().unwrap_or(BuildState::Unknown))
    }

    pub fn cancel_build(&mut self, key: &str) {
        if let Some(state) = self.builds.get_mut(key).filter(|state| **state == BuildState::Running) {
            *state = BuildState::Failed { reason: "cancelled".to_owned(), tail: vec![], duration_ms: 1 };
        }
    }
}
