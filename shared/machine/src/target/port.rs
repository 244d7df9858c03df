//! The port itself: each call in terms of builds, services and revisions.

use super::{
    Inner, MachineTarget, files, kept, price,
    probe::probe,
    runtime_log::RuntimeLog,
    service::{Revision, Service},
    spec::{RevisionSpec, ServiceRecord},
};
use crate::ingress::backend::Reach;
use async_trait::async_trait;
use model::{
    Timestamp,
    port::{
        PortError, Target,
        target::{
            BuildOrder, BuildState, Capabilities, Cost, Gone, LogPosition, Measured, Operation, Paths, Probe,
            Released, RevisionOrder, RevisionWindow, RuntimeLines, ServiceKey, TargetError, Traffic,
            TrafficToken, Window, WindowPolicy,
        },
    },
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// How long a revision that is given traffic may take to listen; below the 20 s that a step may wait.
const READY_PATIENCE: Duration = Duration::from_secs(15);
/// What a forgotten revision did is known for as long as counts are kept.
const PAST_SECONDS: i64 = 7_200;

#[async_trait]
impl Target for MachineTarget {
    fn name(&self) -> &'static str {
        "machine"
    }

    fn window_policy(&self) -> WindowPolicy {
        WindowPolicy::MACHINE
    }

    /// One process is what a revision has here, from the moment it takes traffic: a second one could not listen on
    /// the same `$PORT`, and none would need a start by the first request. So no bounds are promised. Nor is a port of the app's own: two revisions serve side by
    /// side within a canary, all processes of this machine share one loopback, and only one can listen there.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn start_build(&self, order: BuildOrder) -> Result<(), TargetError> {
        self.inner.builds.start(order).await
    }

    async fn read_build(&self, key: &str) -> Result<BuildState, TargetError> {
        self.inner.builds.read(key)
    }

    async fn cancel_build(&self, key: &str) -> Result<(), TargetError> {
        self.inner.builds.cancel(key)
    }

    async fn start_release(&self, order: RevisionOrder) -> Result<(), TargetError> {
        check(&order)?;
        let artifact = self.inner.shared.places.artifacts.join(&order.artifact).join("app");
        if !artifact.is_dir() {
            let artifact = &order.artifact;
            let text = format!("the artifact `{artifact}` is not on this machine; build it again");
            return Err(TargetError::Gone { what: Gone::Artifact(artifact.clone()), text });
        }
        let service = self.inner.service_or_new(&order.service).await?;
        let _changing = service.changing.lock().await;
        if service.revision(&order.revision).is_ok() {
            return Ok(());
        }
        self.inner.create(&service, order).await
    }

    /// A process is started at once; whether it is well is the probe's business.
    async fn read_release(
        &self,
        service: &ServiceKey,
        revision: &str,
    ) -> Result<Operation<Released>, TargetError> {
        let Ok(service) = self.inner.service(service) else { return Ok(Operation::Unknown) };
        let found = service.revision(revision);
        Ok(found.map_or(Operation::Unknown, |found| Operation::Done(self.inner.released(&service, &found))))
    }

    async fn probe(&self, service: &ServiceKey, revision: &str, path: &str) -> Result<Probe, TargetError> {
        let service = self.inner.service(service)?;
        let revision = service.revision(revision)?;
        let host = format!("{}---{}.localhost", revision.spec.tag, service.route.host);
        Ok(probe(&revision, &host, path).await)
    }

    async fn traffic(&self, service: &ServiceKey) -> Result<Traffic, TargetError> {
        Ok(self.inner.service(service)?.record.lock().traffic())
    }

    async fn start_traffic(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        weights: &BTreeMap<String, u32>,
        key: &str,
    ) -> Result<(), TargetError> {
        let service = self.inner.service(service)?;
        let _changing = service.changing.lock().await;
        let record = service.record.lock().clone();
        if record.repeated(key).is_some() {
            return Ok(());
        }
        if record.traffic().token != *expected {
            return Err(TargetError::Stale { service: record.key.to_string() });
        }
        let weights: BTreeMap<String, u32> = weights
            .iter()
            .filter(|(_, weight)| **weight > 0)
            .map(|(name, weight)| (name.clone(), *weight))
            .collect();
        let sum: u64 = weights.values().map(|weight| u64::from(*weight)).sum();
        if sum != 100 && !weights.is_empty() {
            return Err(PortError::Permanent(format!(
                "the shares of traffic sum to {sum} percent; make them sum to 100"
            ))
            .into());
        }
        let chosen: Result<Vec<Revision>, _> = weights.keys().map(|name| service.revision(name)).collect();
        // Whoever serves already goes on even if it is in trouble: taking traffic off another must not fail.
        let new =
            chosen?.into_iter().filter(|revision| !record.weights.contains_key(&revision.spec.revision));
        let ready: Vec<_> = new.collect();
        futures::future::try_join_all(ready.iter().map(|revision| revision.ready(READY_PATIENCE))).await?;
        let next = record.changed(weights, key);
        service.commit(&self.inner.shared.places, next).await?;
        Ok(())
    }

    /// A change is done when it was started, and the newest are remembered.
    async fn read_traffic(&self, service: &ServiceKey, key: &str) -> Result<Operation<Traffic>, TargetError> {
        let done = self.inner.service(service)?.record.lock().repeated(key);
        Ok(done.map_or(Operation::Unknown, Operation::Done))
    }

    async fn observe_range(
        &self,
        service: &ServiceKey,
        range: Window,
        step_ms: i64,
    ) -> Result<Vec<(Window, Measured)>, TargetError> {
        let step = step_ms.max(1);
        let mut seen = Vec::new();
        for n in 0..range.to.since(range.from).max(0) / step {
            let window = Window { from: range.from.plus(n * step), to: range.from.plus((n + 1) * step) };
            let revisions = self.inner.windows(service, window).await?;
            let revisions = revisions.into_iter().map(|(name, (window, _))| (name, window)).collect();
            seen.push((window, Measured { revisions }));
        }
        Ok(seen)
    }

    async fn counted_since(&self) -> Result<Option<Timestamp>, TargetError> {
        Ok(self.inner.counted_since)
    }

    async fn observe_paths(&self, service: &ServiceKey, range: Window) -> Result<Option<Paths>, TargetError> {
        let service = self.inner.service(service)?;
        let seen = service.backends().into_iter().map(|one| (one.revision.clone(), one.paths.within(range)));
        Ok(Some(seen.filter(|(_, paths)| !paths.is_empty()).collect()))
    }

    async fn cost(&self, service: &ServiceKey, window: Window) -> Result<Cost, TargetError> {
        let windows = self.inner.windows(service, window).await?;
        let present = self.inner.service(service)?.all();
        // Revisions that are gone ran where the newest of those that are there does.
        let newest = present.iter().max_by_key(|revision| revision.spec.created_ms);
        let region = |name: &String| {
            let own = present.iter().find(|revision| revision.spec.revision == *name);
            own.or(newest).and_then(|revision| revision.spec.region.clone())
        };
        let priced = windows.iter().map(|(name, seen)| (seen, price::rates(region(name).as_deref())));
        Ok(price::cost(priced))
    }

    async fn retire(
        &self,
        service: &ServiceKey,
        keep: &[String],
        remember: &[String],
    ) -> Result<(), TargetError> {
        let service = self.inner.service(service)?;
        let _changing = service.changing.lock().await;
        let serving = service.record.lock().weights.clone();
        if let Some(name) = serving.keys().find(|name| !keep.contains(name)) {
            return Err(PortError::Permanent(format!(
                "revision `{name}` takes traffic and can't be retired; move its traffic first"
            ))
            .into());
        }
        let rest: Vec<Revision> =
            service.all().into_iter().filter(|revision| !keep.contains(&revision.spec.revision)).collect();
        futures::future::join_all(rest.iter().map(|revision| revision.stop(false))).await;
        for revision in rest.iter().filter(|revision| !remember.contains(&revision.spec.revision)) {
            self.inner.forget(&service, revision).await?;
        }
        Ok(())
    }

    async fn discard(&self, service: &ServiceKey, revision: &str) -> Result<(), TargetError> {
        let Ok(service) = self.inner.service(service) else { return Ok(()) };
        let _changing = service.changing.lock().await;
        let Ok(revision) = service.revision(revision) else { return Ok(()) };
        if service.record.lock().weights.contains_key(&revision.spec.revision) {
            return Ok(());
        }
        revision.stop(false).await;
        self.inner.forget(&service, &revision).await
    }

    async fn stop(&self, service: &ServiceKey, revisions: &[String]) -> Result<(), TargetError> {
        let service = self.inner.service(service)?;
        let _changing = service.changing.lock().await;
        let serving = service.record.lock().weights.clone();
        let mut stopped = service.all();
        stopped.retain(|one| {
            revisions.contains(&one.spec.revision) && !serving.contains_key(&one.spec.revision)
        });
        futures::future::join_all(stopped.iter().map(|revision| revision.stop(false))).await;
        let record = service.record.lock().clone();
        if record.weights.is_empty() && !record.stopped {
            let stopped = ServiceRecord { stopped: true, ..record };
            service.commit(&self.inner.shared.places, stopped).await?;
        }
        Ok(())
    }

    async fn delete(&self, service: &ServiceKey) -> Result<(), TargetError> {
        self.inner.delete(service).await
    }

    async fn restart(&self, service: &ServiceKey, revision: &str, key: &str) -> Result<(), TargetError> {
        let service = self.inner.service(service)?;
        let _changing = service.changing.lock().await;
        let revision = service.revision(revision)?;
        if matches!(*revision.backend.reach.borrow(), Reach::Stopped) {
            let name = &revision.spec.revision;
            return Err(PortError::Permanent(format!(
                "revision `{name}` is stopped; give it traffic to start it"
            ))
            .into());
        }
        revision.restart(key).await;
        Ok(revision.ready(READY_PATIENCE).await?)
    }

    async fn runtime_log(
        &self,
        service: &ServiceKey,
        revision: &str,
        from: Option<&LogPosition>,
        limit: usize,
    ) -> Result<RuntimeLines, TargetError> {
        let (log, secrets) = self.inner.readable_log(service, revision)?;
        let (redact, from) = (Arc::clone(&self.inner.shared.redact), from.cloned());
        let read = move || match from {
            Some(from) => log.from(&from, limit, redact.as_ref(), &secrets),
            None => Ok(log.newest(limit, redact.as_ref(), &secrets)),
        };
        Ok(files::blocking(read).await?)
    }
}

impl Inner {
    async fn create(&self, service: &Arc<Service>, order: RevisionOrder) -> Result<(), TargetError> {
        let spec = Arc::new(RevisionSpec::new(order, self.shared.clock.real().0)?);
        // On disk before its process exists, so that a successor knows it.
        let (places, kept) = (self.shared.places.clone(), kept::close(&spec, &*self.shared.keys).await?);
        files::blocking(move || places.write_revision(&kept)).await?;
        let opened = Revision::open(Arc::clone(&spec), &self.shared, &self.end, &self.tasks);
        let revision = match opened {
            Ok(revision) => revision,
            Err(error) => {
                files::remove_folder(&self.shared.places.revision(&spec.service, &spec.revision))?;
                return Err(error.into());
            }
        };
        service.revisions.lock().insert(spec.revision.clone(), revision);
        service.apply();
        Ok(())
    }

    async fn forget(&self, service: &Service, revision: &Revision) -> Result<(), TargetError> {
        service.forget(revision, &self.shared).await?;
        self.thin_out(&revision.spec.service).await;
        let now = self.shared.clock.real().0 / 1000;
        service.past.lock().retain(|past| now - past.stats.last_second() < PAST_SECONDS);
        Ok(())
    }

    fn released(&self, service: &Service, revision: &Revision) -> Released {
        let host = &service.route.host;
        Released {
            revision: revision.spec.revision.clone(),
            url: self.ingress.url(host, service.route.port),
            revision_url: self.ingress.tagged(&revision.spec.tag, host),
            closed: false,
        }
    }

    /// The log of a revision, and what to hide in it; one that is gone is read where its log is kept.
    fn readable_log(
        &self,
        service: &ServiceKey,
        revision: &str,
    ) -> Result<(RuntimeLog, Vec<String>), TargetError> {
        files::check_name("revision", revision)?;
        let found = self.service(service)?.revision(revision);
        let kept = self.shared.places.kept_logs(service).join(revision);
        match found {
            Ok(revision) => Ok((self.log(&revision), revision.spec.secrets())),
            Err(TargetError::Gone { .. }) if kept.is_dir() => Ok((RuntimeLog::new(&kept), vec![])),
            Err(error) => Err(error),
        }
    }

    /// What each revision did in the window, and its memory in KiB × ms; those that did nothing are left out.
    async fn windows(
        &self,
        service: &ServiceKey,
        window: Window,
    ) -> Result<BTreeMap<String, (RevisionWindow, u64)>, TargetError> {
        let service = self.service(service)?;
        self.sample(window.to.0).await;
        let backends = service.backends().into_iter();
        let windows = backends.map(|backend| (backend.revision.clone(), backend.stats.window(window)));
        Ok(windows.filter(|(_, (seen, _))| *seen != RevisionWindow::default()).collect())
    }
}

fn check(order: &RevisionOrder) -> Result<(), PortError> {
    files::check_name("revision", &order.revision)?;
    files::check_name("artifact", &order.artifact)?;
    let tag = &order.tag;
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if tag.is_empty()
        || tag.len() > 46
        || !tag.bytes().all(legal)
        || tag.starts_with('-')
        || tag.ends_with('-')
    {
        return Err(PortError::Permanent(format!(
            "`{tag}` can't be a revision's tag: use 1 to 46 lower-case letters, digits and hyphens"
        )));
    }
    let plan = &order.plan;
    if plan.start_command.as_deref().unwrap_or_default().trim().is_empty() && plan.static_folder.is_none() {
        return Err(PortError::Permanent(format!(
            "nothing says how revision `{}` is started: set a start command, or the folder of a static site",
            order.revision
        )));
    }
    Ok(())
}
