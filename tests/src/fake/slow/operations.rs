//! Operations that take their time.

use super::{Build, State};
use model::{
    Timestamp,
    port::target::{BuildState, Operation},
};

/// An operation under way or over: what it comes to, and when.
#[derive(Clone, Debug)]
pub(super) struct Pending<T> {
    pub(super) until: Timestamp,
    pub(super) end: Result<T, String>,
    /// Whether what it does has been done.
    pub(super) done: bool,
}

impl State {
    /// How long the next operation takes.
    pub(super) fn duration(&mut self, slow: u64, longest_ms: u64) -> i64 {
        if !self.chance(slow) {
            return 0;
        }
        let dice = super::splitmix(&mut self.random);
        (dice % longest_ms.max(1)) as i64 + 1
    }

    /// What was to end by now has ended.
    pub(super) fn end_what_is_due(&mut self, now: Timestamp) {
        let due = |build: &&mut Build| build.until <= now && !build.told;
        for build in self.builds.values_mut().filter(due) {
            build.told = true;
            self.ended.push(build.message.clone());
        }
        for service in self.services.values_mut() {
            service.end_what_is_due(now);
        }
    }

    pub(super) fn next_end(&self) -> Option<Timestamp> {
        let builds = self.builds.values().filter(|build| !build.told).map(|build| build.until);
        let services = self.services.values().flat_map(|service| {
            let releases = service.releases.values().filter(|one| !one.done).map(|one| one.until);
            let changes = service.changes.values().filter(|one| !one.done).map(|one| one.until);
            releases.chain(changes).chain(service.opens).collect::<Vec<_>>()
        });
        builds.chain(services).min()
    }
}

/// How an operation stands.
pub(super) fn standing<T: Clone>(operation: Option<&Pending<T>>, why: &str) -> Operation<T> {
    match operation {
        None => Operation::Unknown,
        Some(Pending { done: false, .. }) => Operation::Pending { why: why.to_owned() },
        Some(Pending { end: Ok(result), .. }) => Operation::Done(result.clone()),
        Some(Pending { end: Err(reason), .. }) => Operation::Failed { reason: reason.clone() },
    }
}

/// How a build stands.
pub(super) fn build_stands(build: Option<&Build>, now: Timestamp) -> BuildState {
    match build {
        None => BuildState::Unknown,
        Some(build) if build.until > now => BuildState::Running,
        Some(build) => build.end.clone(),
    }
}
