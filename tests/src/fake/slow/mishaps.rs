//! What others do to the target, and what it loses. Each answers whether there was anything to do it to.

use super::{SlowTarget, splitmix};
use model::port::target::ServiceKey;

impl SlowTarget {
    /// Somebody else gives all traffic to one of the revisions that run.
    pub fn meddle(&self, service: &ServiceKey) -> bool {
        let mut state = self.state();
        let dice = splitmix(&mut state.random) as usize;
        let Some(found) = state.services.get_mut(service).filter(|found| !found.running.is_empty()) else {
            return false;
        };
        let revision = found.running.iter().nth(dice % found.running.len()).cloned().unwrap_or_default();
        found.give(revision);
        true
    }

    /// Somebody else gives all traffic to this revision.
    pub fn give(&self, service: &ServiceKey, revision: &str) {
        self.state().services.entry(service.clone()).or_default().give(revision.to_owned());
    }

    /// A build that runs is lost without a word.
    pub fn lose_a_build(&self) -> bool {
        let now = self.clock.real();
        let mut state = self.state();
        let found = state.builds.iter().find(|(_, build)| build.until > now).map(|(key, _)| key.clone());
        let Some(key) = found else { return false };
        state.builds.remove(&key);
        state.builds_lost += 1;
        true
    }

    /// A revision without traffic, the key of any revision, or the whole service is gone.
    pub fn lose_something(&self, service: &ServiceKey) -> bool {
        let mut state = self.state();
        let dice = splitmix(&mut state.random);
        let Some(found) = state.services.get_mut(service) else { return false };
        let known: Vec<String> = found.running.union(&found.remembered).cloned().collect();
        let Some(revision) = known.get((dice >> 8) as usize % known.len().max(1)) else { return false };
        match dice % 8 {
            0 => drop(state.services.remove(service)),
            1..=3 => drop(found.keyless.insert(revision.clone())),
            _ if found.weights.contains_key(revision) => return false,
            _ => {
                found.running.remove(revision);
                found.remembered.remove(revision);
                found.releases.remove(revision);
            }
        }
        state.gone += 1;
        true
    }
}
