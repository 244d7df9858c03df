//! What must hold after each commit, and what must hold at rest.

use crate::{
    people::{Ask, Command},
    run::{World, shop, tenant},
    task::Work,
};
use model::{
    DeploymentId,
    document::{Deployment, Status, Step, Strategy, collection},
    message::{AboutDeployment, Message, kind},
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tests::fake::{Changing, Nature};

impl World {
    /// What a commit changed is judged, once all of it is there.
    pub fn judge(&mut self, by: &Work, commit: &[Changing]) {
        let mut changed = vec![];
        for changing in commit.iter().filter(|changing| changing.path.group() == "deployments") {
            let Some(next) = changing.after.as_ref().map(|body| body.parse::<Deployment>().unwrap()) else {
                self.fail("a deployment was removed");
            };
            changed.push((self.deployments.insert(next.id.clone(), next.clone()), next));
        }
        for (before, next) in changed {
            match before {
                Some(before) => self.check_commit(by, &before, &next),
                None => self.hold_to(next.next_due.is_some(), || format!("{} is forgotten at once", next.id)),
            }
        }
    }

    pub fn published(&mut self, message: &Message) {
        if message.kind == kind::DEPLOYMENT_ENDED {
            let AboutDeployment { deployment } = message.body().unwrap();
            self.told.insert(deployment);
        }
    }

    fn check_commit(&mut self, by: &Work, before: &Deployment, next: &Deployment) {
        self.one_holds_the_slot();
        let id = &next.id;
        if before.status != next.status {
            self.say(format!("{id} {:?} -> {:?}", before.status, next.status));
            self.reached.insert((before.status.as_str(), next.status.as_str()));
        }
        self.hold_to(next.timeline.len() <= 60 && next.seq >= before.seq, || {
            format!("the story of {id} does not grow within bounds")
        });
        self.hold_to(next.next_due.is_some() || (next.status.at_rest() && next.outbox.is_empty()), || {
            format!("{id} is forgotten: {:?}/{:?}", next.status, next.step)
        });
        self.hold_to(next.status.at_rest() == (next.step == Step::Rest), || {
            format!("{id} rests and doesn't")
        });
        if before.status.at_rest() && next.status != before.status {
            let way = (before.status, next.status);
            self.hold_to(way == (Status::Deployed, Status::RollingBack), || format!("{id} went {way:?}"));
        }
        if is_blocked(next) {
            self.blocked_or_moved = true;
        }
        let by_hand = matches!(by, Work::Ask(Ask::Command { command: Command::Rollback { .. }, .. }));
        if next.status == Status::RollingBack && (by_hand || before.status != Status::RollingBack) {
            let count = self.target.state().count;
            self.ways_back.entry(id.clone()).or_default().push(count);
        }
        self.took_effect(before, next);
        self.evidence(by, before, next);
        if next.status.at_rest() && !before.status.at_rest() {
            self.came_to_rest(by, before, next);
        }
    }

    fn one_holds_the_slot(&self) {
        let holder = self.service().and_then(|service| service.slot.running);
        for found in self.deployments.values() {
            let waits = found.status == Status::Pending && found.step == Step::Queue;
            let runs = !found.status.at_rest() && !waits;
            self.hold_to(!runs || holder.as_ref() == Some(&found.id), || {
                format!("{} runs and {holder:?} holds the slot", found.id)
            });
        }
    }

    /// A deployment goes forward, or back, on what its own command did at the target, never on what an older one did.
    fn took_effect(&self, before: &Deployment, next: &Deployment) {
        let effects = self.target.state().effects.clone();
        let since = |key: &str, since: u64| {
            let times = effects.get(&format!("traffic {key}"));
            times.is_some_and(|times| times.iter().any(|at| *at > since))
        };
        let key = before.effect_key();
        let set = matches!(before.step, Step::SetTraffic | Step::AwaitTraffic);
        if set && matches!(next.step, Step::Watch | Step::Retire) {
            self.hold_to(self.blocked_or_moved || since(&key, 0), || {
                format!("{} went forward and {key} never took effect", next.id)
            });
        }
        let back = before.status == Status::RollingBack && next.status.at_rest();
        let blocked = next.status == Status::Deployed || (is_blocked(next) && next.failure != before.failure);
        if back && !blocked {
            let began =
                self.ways_back.get(&next.id).and_then(|ways| ways.last()).copied().unwrap_or_default();
            let nothing = next.last_good.is_none();
            self.hold_to(nothing || since(&key, began), || {
                format!("{} is back and {key} took no effect since it began", next.id)
            });
        }
    }

    /// A weight is passed on evidence, on a person's word, or on thin evidence that is named.
    fn evidence(&self, by: &Work, before: &Deployment, next: &Deployment) {
        let passed = before.step == Step::Watch && matches!(next.step, Step::SetTraffic | Step::Retire);
        if !passed {
            let set = matches!(before.step, Step::Open | Step::SetTraffic | Step::AwaitTraffic);
            let skipped = set && next.step == Step::Retire;
            let allowed = !skipped || next.strategy == Strategy::Instant || quiet(next);
            return self.hold_to(allowed, || format!("a weight of {} was not watched", next.id));
        }
        let well = match by {
            Work::Ask(Ask::Command { command: Command::Promote { index }, .. }) => {
                *index == before.canary.index
            }
            Work::Ask(_) => false,
            Work::Delivery { .. } => {
                let run = &next.canary;
                let thin = !run.thin
                    || before.canary.thin
                    || quiet(next)
                    || (run.counts.canary_bad == 0 && run.windows >= 3);
                run.seen_to > before.canary.seen_to && run.unreadable == 0 && thin
            }
        };
        self.hold_to(well, || format!("a weight of {} was passed without data, by {by:?}", next.id));
    }

    fn came_to_rest(&self, by: &Work, before: &Deployment, next: &Deployment) {
        let (id, ours) = (&next.id, next.revision_name());
        if next.status == Status::Deployed && before.status != Status::RollingBack {
            let nature = self.target.nature(&ours);
            let watched = next.strategy != Strategy::Instant;
            let promoted = next.timeline.iter().any(|entry| entry.text.contains("Promoted by hand"));
            let fit = match nature {
                Nature::Good | Nature::Quiet => true,
                // Whoever moves traffic moves the evidence; where nothing came, nothing could be seen to fail.
                Nature::Failing => !watched || promoted || quiet(next) || self.blocked_or_moved,
                Nature::Unhealthy | Nature::Dead => false,
            };
            self.hold_to(fit, || format!("{id} is deployed, and it is {nature:?}; by {by:?}"));
        }
        if self.blocked_or_moved {
            return;
        }
        let weights = self.weights();
        match next.status {
            Status::Deployed => self.hold_to(weights == BTreeMap::from([(ours, 100)]), || {
                format!("{id} is deployed and {weights:?} serve")
            }),
            Status::Cancelled | Status::Superseded | Status::RolledBack | Status::Failed => {
                self.hold_to(!weights.contains_key(&ours), || {
                    format!("{id} ended with traffic on it: {weights:?}")
                });
                let good: BTreeMap<_, _> =
                    next.last_good.iter().map(|good| (good.revision.clone(), 100)).collect();
                self.hold_to(next.ending.is_none() || weights == good, || {
                    format!("{id} ended before traffic was back: {weights:?}")
                });
            }
            _ => {}
        }
    }

    fn weights(&self) -> BTreeMap<String, u32> {
        self.target.state().services.get(&shop()).map(tests::fake::Service::serves).unwrap_or_default()
    }

    /// What must hold once nothing is under way.
    pub fn check_rest(&self) {
        self.hold_to(self.at_work() == 0, || "somebody is still at work".to_owned());
        let all: Vec<&Deployment> = self.deployments.values().collect();
        self.hold_to(all.len() <= self.keys.len(), || "a request made two deployments".to_owned());
        for found in &all {
            let owes = !found.outbox.is_empty() || found.next_due.is_some() || found.lease.is_some();
            self.hold_to(found.status.at_rest() && !owes, || format!("{} does not rest", found.id));
            self.hold_to(self.told.contains(&found.id), || {
                format!("nobody heard of the end of {}", found.id)
            });
        }
        self.counted(&all);
        self.once(&all);
        let Some(service) = self.service() else { return };
        self.hold_to(service.slot.running.is_none() && service.slot.queued.is_none(), || {
            format!("somebody still waits: {:?}, {:?}", service.slot.running, service.slot.queued)
        });
        let weights = self.weights();
        if self.blocked_or_moved {
            let whole = weights.is_empty() || weights.values().sum::<u32>() == 100;
            return self.hold_to(whole, || format!("{weights:?}"));
        }
        let serving: BTreeMap<_, _> =
            service.slot.serving.iter().map(|kept| (kept.revision.clone(), 100)).collect();
        self.hold_to(weights == serving, || format!("{weights:?} serve; the service says {serving:?}"));
        let kept = service.slot.serving.as_ref().is_none_or(|serving| service.slot.kept.contains(serving));
        self.hold_to(kept, || format!("what serves is not kept: {:?}", service.slot.serving));
        self.nothing_left_over(&serving);
    }

    fn nothing_left_over(&self, serving: &BTreeMap<String, u32>) {
        let running = self.target.state().services.get(&shop()).map(|found| found.running.clone());
        let running: BTreeSet<String> = running.unwrap_or_default();
        self.hold_to(serving.keys().all(|name| running.contains(name)), || {
            "what serves was stopped".to_owned()
        });
        if self.chaos.crashes || self.chaos.faults > 0 {
            return;
        }
        let kept = self.kept();
        let closed = self.target.state().services.get(&shop()).is_some_and(|found| found.closed);
        // A worker that froze for longer than a service keeps revisions starts one that served once, and nobody knows
        // it from one that still may: that is left to the target's own tidying.
        let served = |name: &str| {
            let once = |found: &Deployment| found.status == Status::Deployed && found.revision_name() == name;
            self.deployments.values().any(once)
        };
        let wanted = |name: &&String| {
            closed || serving.contains_key(*name) || (self.froze && (kept.contains(name) || served(name)))
        };
        // What was packed is kept to be put to work again; the sweep ends that.
        let again = |key: &str| {
            self.deployments.values().any(|found| found.id.as_str() == key && found.keeps_source())
        };
        let mut sources = self.wanted.lock().unwrap().clone();
        sources.retain(|key| !again(key));
        self.hold_to(self.froze || sources.is_empty(), || format!("sources that nobody wants: {sources:?}"));
        let left: Vec<_> = running.iter().filter(|name| !wanted(name)).collect();
        self.hold_to(left.is_empty(), || format!("left running without traffic: {left:?}"));
    }

    /// Each deployment is counted once.
    fn counted(&self, all: &[&Deployment]) {
        let counters = self.store.all(&collection(&tenant(), "counters"));
        let total = |document: &model::port::store::Document| {
            document.body.parse::<Value>().unwrap()["total"].as_i64().unwrap_or_default()
        };
        let sum: i64 = counters.iter().map(total).sum();
        self.hold_to(sum == all.len() as i64, || format!("{} deployments were counted as {sum}", all.len()));
    }

    /// Each keyed effect took effect once, and no deployment did more than it needed.
    fn once(&self, all: &[&Deployment]) {
        // Whoever fails shows what the target knows, so its lock is not held meanwhile.
        let (effects, lost, gone) = {
            let state = self.target.state();
            (state.effects.clone(), state.builds_lost, state.gone)
        };
        // A handler that stood still for longer than its lease may bring a revision up after it was stopped, or
        // start a build that the target has lost meanwhile.
        for (key, times) in &effects {
            let lost = (key.starts_with("build ") && lost > 0) || (key.starts_with("release ") && gone > 0);
            let again = times.len() > 1 && (key.starts_with("traffic") || !self.froze) && !lost;
            self.hold_to(!again, || format!("{key} took effect {} times", times.len()));
        }
        let builds = effects.keys().filter(|key| key.starts_with("build ")).count();
        self.hold_to(self.froze || builds <= all.len() + lost as usize, || "a build too many".to_owned());
        for found in all.iter().filter(|_| !self.blocked_or_moved) {
            let times = ways_back(&found.id, effects.keys());
            let begun = self.ways_back.get(&found.id).map_or(0, Vec::len);
            self.hold_to(times <= begun, || {
                format!("{} was taken back {times} times, not {begun}", found.id)
            });
        }
    }
}

/// Whether it was to go back and could not.
fn is_blocked(deployment: &Deployment) -> bool {
    let codes =
        ["restore_failed", "restore_abandoned", "service_gone", "revision_gone", "key_gone", "artifact_gone"];
    deployment.failure.as_ref().is_some_and(|failure| codes.contains(&failure.code.as_str()))
}

fn ways_back<'a>(id: &DeploymentId, effects: impl Iterator<Item = &'a String>) -> usize {
    let prefix = format!("traffic {id}-Restore-");
    effects.filter(|key| key.starts_with(&prefix)).count()
}

/// Nothing came that could be looked at, the report says so, and nothing that did come failed.
fn quiet(next: &Deployment) -> bool {
    let run = &next.canary;
    let told = next.checks.iter().any(|check| check.starts_with("by its health check alone: "));
    run.quiet && run.thin && told && run.counts.canary_bad == 0 && next.strategy == Strategy::Canary
}
