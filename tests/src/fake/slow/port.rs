//! The port.

use super::{
    Build, SlowTarget,
    operations::{Pending, build_stands, standing},
};
use async_trait::async_trait;
use model::{
    message::{Message, kind},
    port::{
        PortError, Target,
        target::{
            BuildOrder, BuildState, Capabilities, Cost, Gone, LogPosition, Measured, Operation, Probe,
            Released, RevisionOrder, RuntimeLines, ServiceKey, TargetError, Traffic, TrafficToken, Window,
            WindowPolicy,
        },
    },
};
use std::collections::BTreeMap;

fn no_service(service: &ServiceKey) -> TargetError {
    TargetError::no_service(format!("there is no service `{service}`"))
}

/// What every artifact of this target begins with.
const ARTIFACT: &str = "sha256:";

#[async_trait]
impl Target for SlowTarget {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn window_policy(&self) -> WindowPolicy {
        self.temper.windows
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn start_build(&self, order: BuildOrder) -> Result<(), TargetError> {
        let now = self.clock.real();
        let mut state = self.state();
        if state.builds.contains_key(&order.key) {
            return Ok(());
        }
        if state.chance(self.temper.forgetful) {
            return Ok(());
        }
        let dice = state.duration(self.temper.slow, self.temper.longest_ms);
        let takes = state.builds_take.unwrap_or(dice).min(order.timeout_ms);
        let end = if state.chance(self.temper.failing) {
            let (reason, tail) = ("exit 1".to_owned(), vec!["error".to_owned()]);
            BuildState::Failed { reason, tail, duration_ms: takes }
        } else {
            BuildState::Succeeded { artifact: format!("{ARTIFACT}{}", order.key), duration_ms: takes }
        };
        let message = Message::about(kind::BUILD_ENDED, &order.service.tenant, &order.deployment);
        state.count("build", &order.key);
        state.builds.insert(order.key, Build { until: now.plus(takes), end, told: false, message });
        Ok(())
    }

    async fn read_build(&self, key: &str) -> Result<BuildState, TargetError> {
        let now = self.clock.real();
        Ok(build_stands(self.state().builds.get(key), now))
    }

    async fn cancel_build(&self, key: &str) -> Result<(), TargetError> {
        let now = self.clock.real();
        if let Some(build) = self.state().builds.get_mut(key).filter(|build| build.until > now) {
            build.until = now;
            build.end = BuildState::Failed { reason: "cancelled".to_owned(), tail: vec![], duration_ms: 1 };
        }
        Ok(())
    }

    async fn start_release(&self, order: RevisionOrder) -> Result<(), TargetError> {
        let now = self.clock.real();
        let mut state = self.state();
        let revision = order.revision;
        let known = |found: &super::Service| found.releases.contains_key(&revision);
        if state.services.get(&order.service).is_some_and(known) {
            return Ok(());
        }
        if !order.artifact.starts_with(ARTIFACT) {
            let text = format!("nothing was built that is called `{}`", order.artifact);
            return Err(TargetError::Gone { what: Gone::Artifact(order.artifact), text });
        }
        if state.chance(self.temper.forgetful) {
            return Ok(());
        }
        let until = now.plus(state.duration(self.temper.slow, self.temper.longest_ms));
        let end = if state.chance(self.temper.failing) {
            Err("the container did not start".to_owned())
        } else {
            let url = format!("http://{}.localhost", order.service.service);
            let revision_url = format!("http://{revision}.localhost");
            Ok(Released { revision: revision.clone(), url, revision_url, closed: false })
        };
        state.comes(&revision);
        state.count("release", &revision);
        let first = !state.services.contains_key(&order.service);
        let service = state.services.entry(order.service).or_default();
        service.closed |= first && self.temper.first_takes_all;
        service.releases.insert(revision, Pending { until, end, done: false });
        service.end_what_is_due(now);
        Ok(())
    }

    async fn read_release(
        &self,
        service: &ServiceKey,
        revision: &str,
    ) -> Result<Operation<Released>, TargetError> {
        let state = self.state();
        let release = state.services.get(service).and_then(|found| found.releases.get(revision));
        Ok(standing(release, "the revision is starting"))
    }

    async fn open(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        key: &str,
    ) -> Result<Traffic, TargetError> {
        let now = self.clock.real();
        let mut state = self.state();
        let takes = state.duration(self.temper.slow, self.temper.longest_ms);
        let found = state.services.get_mut(service).ok_or_else(|| no_service(service))?;
        let first = !found.opened.contains(key);
        if first && expected.0 != found.token.to_string() {
            return Err(TargetError::Stale { service: service.to_string() });
        }
        let opens = first && found.closed && found.opens.is_none();
        if opens {
            found.opened.insert(key.to_owned());
            found.opens = Some(now.plus(takes));
            found.end_what_is_due(now);
        }
        let traffic = found.traffic();
        if opens {
            state.count("open", key);
        }
        Ok(traffic)
    }

    async fn probe(&self, service: &ServiceKey, revision: &str, _: &str) -> Result<Probe, TargetError> {
        let runs = {
            let state = self.state();
            let found = state.services.get(service).ok_or_else(|| no_service(service))?;
            if !found.knows(revision) {
                let text = format!("`{service}` has no revision `{revision}`");
                return Err(TargetError::no_revision(revision, text));
            }
            found.running.contains(revision)
        };
        Ok(self.probed(revision, runs))
    }

    async fn traffic(&self, service: &ServiceKey) -> Result<Traffic, TargetError> {
        let state = self.state();
        state.services.get(service).map(super::Service::traffic).ok_or_else(|| no_service(service))
    }

    async fn start_traffic(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        weights: &BTreeMap<String, u32>,
        key: &str,
    ) -> Result<(), TargetError> {
        let now = self.clock.real();
        let mut state = self.state();
        let until = now.plus(state.duration(self.temper.slow, self.temper.longest_ms));
        let (fails, lost) = (state.chance(self.temper.failing), state.chance(self.temper.forgetful));
        let fails = fails || state.fails > 0;
        let found = state.services.get_mut(service).ok_or_else(|| no_service(service))?;
        if found.changes.contains_key(key) {
            return Ok(());
        }
        if expected.0 != found.token.to_string() {
            return Err(TargetError::Stale { service: service.to_string() });
        }
        let weights: BTreeMap<String, u32> = weights
            .iter()
            .filter(|(_, share)| **share > 0)
            .map(|(name, share)| (name.clone(), *share))
            .collect();
        let name = service.to_string();
        if let Some(refused) = weights.keys().find_map(|revision| found.refuses(&name, revision)) {
            return Err(refused);
        }
        if !matches!(weights.values().sum::<u32>(), 0 | 100) {
            return Err(PortError::Permanent("shares must sum to a hundred".to_owned()).into());
        }
        if lost {
            return Ok(());
        }
        found.replace_pending();
        found.token += 1;
        let token = TrafficToken(found.token.to_string());
        // A service that must serve something is closed instead.
        let none = weights.is_empty() && self.temper.first_takes_all;
        let weights = if none { found.weights.clone() } else { weights };
        let end = if fails {
            Err("the router did not get ready".to_owned())
        } else {
            Ok(Traffic { token, weights, closed: none })
        };
        found.changes.insert(key.to_owned(), Pending { until, end, done: false });
        found.end_what_is_due(now);
        if fails {
            state.fails = state.fails.saturating_sub(1);
        } else {
            state.count("traffic", key);
        }
        Ok(())
    }

    async fn read_traffic(&self, service: &ServiceKey, key: &str) -> Result<Operation<Traffic>, TargetError> {
        let state = self.state();
        let found = state.services.get(service).ok_or_else(|| no_service(service))?;
        Ok(standing(found.changes.get(key), "the router takes the new shares"))
    }

    async fn observe_range(
        &self,
        service: &ServiceKey,
        range: Window,
        step_ms: i64,
    ) -> Result<Vec<(Window, Measured)>, TargetError> {
        let step = step_ms.max(1);
        let windows = (0..range.to.since(range.from).max(0) / step).map(|n| {
            let from = range.from.plus(n * step);
            let window = Window { from, to: from.plus(step) };
            (window, self.seen(service, window))
        });
        Ok(windows.collect())
    }

    async fn cost(&self, _: &ServiceKey, _: Window) -> Result<Cost, TargetError> {
        Err(PortError::Permanent("this target sends no bill".to_owned()).into())
    }

    async fn retire(
        &self,
        service: &ServiceKey,
        keep: &[String],
        remember: &[String],
    ) -> Result<(), TargetError> {
        let mut state = self.state();
        let found = state.services.get_mut(service).ok_or_else(|| no_service(service))?;
        if let Some(name) = found.serves().keys().find(|name| !keep.contains(name)) {
            return Err(PortError::Permanent(format!("`{name}` takes traffic and can't be retired")).into());
        }
        let weights = found.weights.clone();
        let stays = |name: &String| keep.contains(name) || weights.contains_key(name);
        found.running.retain(stays);
        found.remembered.retain(|name| remember.contains(name));
        let known: Vec<String> =
            found.releases.iter().filter(|(_, one)| one.done).map(|(name, _)| name.clone()).collect();
        for name in known.into_iter().filter(|name| !stays(name)) {
            if remember.contains(&name) {
                found.remembered.insert(name);
            } else {
                found.releases.remove(&name);
            }
        }
        Ok(())
    }

    async fn delete(&self, service: &ServiceKey) -> Result<(), TargetError> {
        self.state().services.remove(service);
        Ok(())
    }

    async fn discard(&self, service: &ServiceKey, revision: &str) -> Result<(), TargetError> {
        let mut state = self.state();
        let Some(found) = state.services.get_mut(service) else { return Ok(()) };
        if found.releases.get(revision).is_some_and(|release| !release.done) {
            return Err(PortError::Transient(format!("`{revision}` is still coming up")).into());
        }
        if !found.weights.contains_key(revision) {
            found.running.remove(revision);
            found.remembered.remove(revision);
            found.releases.remove(revision);
        }
        Ok(())
    }

    async fn restart(&self, _: &ServiceKey, _: &str, _: &str) -> Result<(), TargetError> {
        Ok(())
    }

    async fn runtime_log(
        &self,
        _: &ServiceKey,
        _: &str,
        _: Option<&LogPosition>,
        _: usize,
    ) -> Result<RuntimeLines, TargetError> {
        Ok(RuntimeLines { lines: vec![], next: LogPosition("0".to_owned()), missed: false })
    }
}
