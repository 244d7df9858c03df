//! One service at the target: what serves, what runs, and the operations on it.

use super::operations::Pending;
use model::{
    Timestamp,
    port::target::{Gone, Released, TargetError, Traffic, TrafficToken},
};
use std::collections::{BTreeMap, BTreeSet};

/// A service at the target.
#[derive(Debug, Default)]
pub struct Service {
    pub(super) token: u64,
    /// What serves.
    pub weights: BTreeMap<String, u32>,
    /// Whether nobody is let in.
    pub closed: bool,
    /// Revisions that run.
    pub running: BTreeSet<String>,
    pub(super) remembered: BTreeSet<String>,
    /// Revisions whose key is gone: they run on, and can't be started.
    pub(super) keyless: BTreeSet<String>,
    pub(super) changes: BTreeMap<String, Pending<Traffic>>,
    pub(super) releases: BTreeMap<String, Pending<Released>>,
    /// Keys under which people were let in.
    pub(super) opened: BTreeSet<String>,
    /// Until when the door stays closed that is being opened.
    pub(super) opens: Option<Timestamp>,
}

impl Service {
    pub(super) fn traffic(&self) -> Traffic {
        let token = TrafficToken(self.token.to_string());
        Traffic { token, weights: self.weights.clone(), closed: self.closed }
    }

    /// Who is served, and by what.
    pub fn serves(&self) -> BTreeMap<String, u32> {
        if self.closed { BTreeMap::new() } else { self.weights.clone() }
    }

    pub(super) fn knows(&self, revision: &str) -> bool {
        self.running.contains(revision) || self.remembered.contains(revision)
    }

    /// Why a revision can't be given traffic, if it can't.
    pub(super) fn refuses(&self, service: &str, revision: &str) -> Option<TargetError> {
        if !self.knows(revision) {
            return Some(TargetError::no_revision(revision, format!("`{service}` has no `{revision}`")));
        }
        let lost = self.keyless.contains(revision) && !self.running.contains(revision);
        lost.then(|| TargetError::Gone {
            what: Gone::Key(revision.to_owned()),
            text: format!("the key of `{revision}` is gone"),
        })
    }

    /// Whoever comes later takes the place of what is pending.
    pub(super) fn replace_pending(&mut self) {
        for change in self.changes.values_mut().filter(|change| !change.done) {
            change.done = true;
            change.end = Err("a later change of traffic took its place".to_owned());
        }
        // Nobody is let in by what was replaced; asked again, it is stale.
        if self.opens.take().is_some() {
            self.opened.clear();
        }
    }

    /// All traffic, by whoever.
    pub(super) fn give(&mut self, revision: String) {
        self.replace_pending();
        self.token += 1;
        self.weights = BTreeMap::from([(revision, 100)]);
    }

    pub(super) fn end_what_is_due(&mut self, now: Timestamp) {
        let due: Vec<String> = self
            .releases
            .iter()
            .filter(|(_, release)| release.until <= now && !release.done)
            .map(|(revision, _)| revision.clone())
            .collect();
        for revision in due {
            self.release_is_over(&revision);
        }
        for change in self.changes.values_mut().filter(|change| change.until <= now && !change.done) {
            change.done = true;
            if let Ok(traffic) = &change.end {
                self.weights.clone_from(&traffic.weights);
                self.closed = traffic.closed;
                self.running.extend(traffic.weights.keys().cloned());
            }
        }
        if self.opens.is_some_and(|opens| opens <= now) {
            (self.opens, self.closed) = (None, false);
        }
    }

    fn release_is_over(&mut self, revision: &str) {
        let Some(release) = self.releases.get_mut(revision) else { return };
        release.done = true;
        let Ok(released) = &mut release.end else { return };
        self.running.insert(revision.to_owned());
        // While nobody is let in, the newest revision has all traffic.
        released.closed = self.closed;
        if self.closed {
            self.token += 1;
            self.weights = BTreeMap::from([(revision.to_owned(), 100)]);
        }
    }
}
