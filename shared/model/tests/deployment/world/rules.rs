//! What must hold after each commit, and what must hold at rest.

use super::World;
use crate::sample;
use model::{
    deployment::{Input, Outcome, Verdict},
    document::{Deployment, Status, Step, Strategy},
};
use std::collections::BTreeMap;

impl World {
    /// What must hold after each commit.
    pub(super) fn check_commit(&mut self, before: &Deployment, input: &Input, next: &Deployment) {
        self.one_holds_the_slot();
        if before.status != next.status {
            self.reached.insert((before.status.as_str(), next.status.as_str()));
        }
        assert!(next.timeline.len() <= 60 && next.seq >= before.seq, "the story grows within bounds");
        assert!(
            next.next_due.is_some() || (next.status.at_rest() && next.outbox.is_empty()),
            "{} is forgotten: {:?}/{:?}",
            next.id,
            next.status,
            next.step
        );
        assert_eq!(next.status.at_rest(), next.step == Step::Rest);
        if before.status.at_rest() && next.status != before.status {
            assert_eq!((before.status, next.status), (Status::Deployed, Status::RollingBack));
        }
        if next.failure.as_ref().is_some_and(|failure| failure.code == "restore_failed") {
            self.barred_or_moved = true;
        }
        Self::evidence(before, input, next);
        if next.status.at_rest() && !before.status.at_rest() {
            self.ended(next);
        }
    }

    fn one_holds_the_slot(&self) {
        for stored in self.deployments.values().filter(|stored| sample::runs(&stored.document)) {
            let (id, holder) = (&stored.document.id, &self.service.document.running);
            assert_eq!(holder.as_ref(), Some(id), "{id} runs without the slot: {:?}", self.story());
        }
    }

    /// A weight is passed on evidence, on a person's word, or on thin evidence that is named.
    fn evidence(before: &Deployment, input: &Input, next: &Deployment) {
        let passed = before.step == Step::Watch && matches!(next.step, Step::SetTraffic | Step::Retire);
        if !passed {
            let skipped = before.step == Step::SetTraffic && next.step == Step::Retire;
            assert!(!skipped || next.strategy == Strategy::Instant, "a weight was not watched");
            return;
        }
        let well = match input {
            Input::Promote { index } => *index == before.canary.index,
            Input::Result { outcome: Outcome::WindowSeen(seen), .. } => {
                let thin = seen.verdict == Verdict::Inconclusive
                    && seen.probe == Some(true)
                    && next.canary.thin
                    && next.canary.counts.canary_bad == 0
                    && next.canary.windows >= next.policy.deadline_windows;
                seen.guard.is_none() && (seen.verdict == Verdict::Pass || thin)
            }
            _ => false,
        };
        assert!(well, "a weight was passed without data: {input:?}");
    }

    fn ended(&self, next: &Deployment) {
        if self.barred_or_moved {
            return;
        }
        let ours = next.revision_name();
        let weights = &self.target.weights;
        match next.status {
            Status::Deployed => assert_eq!(*weights, BTreeMap::from([(ours, 100)]), "{}", next.id),
            Status::Cancelled | Status::Superseded | Status::RolledBack | Status::Failed => {
                assert!(
                    !weights.contains_key(&ours),
                    "{} ended with traffic on it: {:?}",
                    next.id,
                    self.story()
                );
                if next.ending.is_some() {
                    let good = next.last_good.iter().map(|good| (good.revision.clone(), 100)).collect();
                    assert_eq!(*weights, good, "{} ended before traffic was back", next.id);
                }
            }
            _ => {}
        }
    }

    /// What must hold once nothing is under way.
    pub(super) fn check_rest(&self) {
        let story = self.story();
        let service = &self.service.document;
        assert_eq!((&service.running, &service.queued), (&None, &None), "somebody still waits: {story:?}");
        for stored in self.deployments.values() {
            let document = &stored.document;
            assert!(document.status.at_rest(), "{story:?}");
            assert!(
                document.outbox.is_empty() && document.next_due.is_none(),
                "{} owes: {story:?}",
                document.id
            );
            assert_eq!(document.lease, None);
        }
        self.once();
        let weights = &self.target.weights;
        if self.barred_or_moved {
            assert!(weights.is_empty() || weights.values().sum::<u32>() == 100, "{weights:?}");
            return;
        }
        let serving: BTreeMap<String, u32> =
            service.serving.iter().map(|kept| (kept.revision.clone(), 100)).collect();
        assert_eq!(*weights, serving, "the service says otherwise: {story:?}");
        assert!(serving.keys().all(|name| self.target.running.contains(name)), "what serves was stopped");
        let kept = service.serving.as_ref().is_none_or(|serving| service.kept.contains(serving));
        assert!(kept, "what serves is not kept: {:?} {story:?}", service.serving);
        if !self.chaos.crashes && self.chaos.faults == 0 {
            let kept = self.remembered();
            let wanted = |name: &&String| serving.contains_key(*name) || (self.froze && kept.contains(name));
            let left: Vec<_> = self.target.running.iter().filter(|name| !wanted(name)).collect();
            assert!(left.is_empty(), "left running without traffic: {left:?} {story:?}");
        }
    }

    /// Each keyed effect took effect once.
    fn once(&self) {
        assert!(self.target.effective.values().all(|times| *times == 1));
        // A handler that stood still for longer than its lease may bring a revision up after it was stopped, or
        // start a build that the target has lost meanwhile.
        let created = &self.target.created;
        assert!(self.froze || created.values().all(|times| *times == 1), "{created:?}");
        let started: u32 = self.target.builds_started.values().sum();
        assert!(
            self.froze || started <= self.deployments.len() as u32 + self.target.builds_lost,
            "a build too many"
        );
        for stored in self.deployments.values().filter(|_| !self.barred_or_moved) {
            let back = format!("{}-Restore-", stored.document.id);
            let times = self.target.effective.keys().filter(|key| key.starts_with(&back)).count();
            assert!(times <= 1, "{} was taken back {times} times", stored.document.id);
        }
    }
}
