//! One deployment runs per service: who gets the slot, who waits, who is superseded.
//!
//! Invariant: the service's document and the deployment's change in one commit, each at the version read.

use super::{At, Slot};
use crate::{
    DeploymentId,
    document::{Deployment, Kept, Service, Took},
    port::target::Gone,
    time::{DAY_MS, MINUTE_MS},
};

/// What a new deployment finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The service was free: it runs.
    Runs,
    /// Another one runs: it waits, and the one that waited before is superseded.
    Waits {
        /// The one that waited before.
        supersedes: Option<DeploymentId>,
        /// The one that runs, to be told in case it is held.
        running: DeploymentId,
    },
}

/// A new deployment asks for the service.
pub fn claim(service: &mut Service, deployment: &DeploymentId, at: &At<'_>) -> Claim {
    service.updated_at = at.now;
    match &service.slot.running {
        None => {
            service.slot.running = Some(deployment.clone());
            Claim::Runs
        }
        Some(running) if running == deployment => Claim::Runs,
        Some(running) => {
            let running = running.clone();
            let before = service.slot.queued.replace(deployment.clone());
            Claim::Waits { supersedes: before.filter(|before| before != deployment), running }
        }
    }
}

/// A deployment takes or leaves the service. Answers who runs next, if that changed and it must be woken; `Err`
/// names who stands in the way when it can't be taken: whoever holds the slot, or whose revision was to serve again
/// but is kept no more, because it was taken back itself meanwhile. Then nothing was changed.
pub fn settle(
    service: &mut Service,
    deployment: &Deployment,
    slot: &Slot,
    at: &At<'_>,
) -> Result<Option<DeploymentId>, DeploymentId> {
    service.updated_at = at.now;
    match slot {
        Slot::Stays => Ok(None),
        Slot::Take => match &service.slot.running {
            Some(other) if *other != deployment.id => Err(other.clone()),
            Some(_) | None => take(service, deployment),
        },
        Slot::Free => Ok(free(service, &deployment.id)),
        Slot::Lost(gone) => {
            forget(service, gone);
            Ok(free(service, &deployment.id))
        }
        Slot::Back => {
            serves_again(service, deployment, at);
            Ok(free(service, &deployment.id))
        }
        Slot::Serve(kept) => {
            service.serve(kept.clone());
            remember(service, deployment);
            service.slot.url =
                deployment.released.as_ref().map(|released| released.url.clone()).or(service.slot.url.take());
            service.slot.traffic.clone_from(&deployment.traffic);
            // A window is about one revision: what lies before it must not thin out its counts.
            service.measuring.measured_to = service.measuring.measured_to.max(at.real);
            service.measuring.metrics_due.get_or_insert(at.now.plus(MINUTE_MS));
            service.asking.ask_due.get_or_insert(at.now.plus(7 * DAY_MS));
            Ok(free(service, &deployment.id))
        }
    }
}

/// What it took is what the next one is expected to take.
fn remember(service: &mut Service, deployment: &Deployment) {
    let took = &mut service.slot.took;
    took.push(Took::of(&deployment.stages));
    let surplus = took.len().saturating_sub(Took::REMEMBERED);
    took.drain(..surplus);
}

fn take(service: &mut Service, deployment: &Deployment) -> Result<Option<DeploymentId>, DeploymentId> {
    let kept = |good: &&Kept| service.slot.kept.iter().any(|kept| kept.revision == good.revision);
    if let Some(gone) = deployment.last_good.as_ref().filter(|good| !kept(good)) {
        return Err(gone.deployment.clone());
    }
    service.slot.running = Some(deployment.id.clone());
    Ok(None)
}

/// Taken back: what traffic went back to serves, whoever served before. Our own revision was stopped. A service that
/// was stopped before is so again, with what a start of it brings back.
fn serves_again(service: &mut Service, deployment: &Deployment, at: &At<'_>) {
    if deployment.last_good.is_some() || service.slot.stopped.is_none() {
        service.slot.serving.clone_from(&deployment.last_good);
        if service.slot.stopped.take().is_some() && service.slot.serving.is_some() {
            // It was measured until it was stopped.
            service.measuring.measured_to = at.real;
            service.measuring.metrics_due.get_or_insert(at.now.plus(MINUTE_MS));
        }
    }
    service.slot.traffic.clone_from(&deployment.traffic);
    service.slot.kept.retain(|kept| kept.deployment != deployment.id);
}

/// What the target has lost can't be gone back to, and doesn't serve.
fn forget(service: &mut Service, gone: &Gone) {
    match gone {
        Gone::Service => {
            service.slot.kept.clear();
            (service.slot.serving, service.slot.url, service.slot.traffic) = (None, None, None);
            service.slot.stopped = None;
        }
        Gone::Revision(name) | Gone::Key(name) => {
            service.slot.kept.retain(|kept| kept.revision != *name);
            service.slot.serving = service.slot.serving.take().filter(|kept| kept.revision != *name);
        }
        Gone::Artifact(_) => {}
    }
}

fn free(service: &mut Service, deployment: &DeploymentId) -> Option<DeploymentId> {
    if service.slot.queued.as_ref() == Some(deployment) {
        service.slot.queued = None;
    }
    if service.slot.running.as_ref() != Some(deployment) {
        return None;
    }
    service.slot.running = service.slot.queued.take();
    service.slot.running.clone()
}
