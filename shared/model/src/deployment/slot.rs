//! One deployment runs per service: who gets the slot, who waits, who is superseded.
//!
//! Invariant: the service's document and the deployment's change in one commit, each at the version read.

use super::{At, Slot};
use crate::{
    DeploymentId,
    document::{Deployment, Kept, Service},
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
    match &service.running {
        None => {
            service.running = Some(deployment.clone());
            Claim::Runs
        }
        Some(running) if running == deployment => Claim::Runs,
        Some(running) => {
            let running = running.clone();
            let before = service.queued.replace(deployment.clone());
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
        Slot::Take => match &service.running {
            Some(other) if *other != deployment.id => Err(other.clone()),
            Some(_) | None => take(service, deployment),
        },
        Slot::Free => Ok(free(service, &deployment.id)),
        Slot::Lost(gone) => {
            forget(service, gone);
            Ok(free(service, &deployment.id))
        }
        Slot::Back => {
            serves_again(service, deployment);
            Ok(free(service, &deployment.id))
        }
        Slot::Serve(kept) => {
            service.serve(kept.clone());
            service.url =
                deployment.released.as_ref().map(|released| released.url.clone()).or(service.url.take());
            service.traffic.clone_from(&deployment.traffic);
            // A window is about one revision: what lies before it must not thin out its counts.
            service.measured_to = service.measured_to.max(at.real);
            service.metrics_due.get_or_insert(at.now.plus(MINUTE_MS));
            service.ask_due.get_or_insert(at.now.plus(7 * DAY_MS));
            Ok(free(service, &deployment.id))
        }
    }
}

fn take(service: &mut Service, deployment: &Deployment) -> Result<Option<DeploymentId>, DeploymentId> {
    let kept = |good: &&Kept| service.kept.iter().any(|kept| kept.revision == good.revision);
    if let Some(gone) = deployment.last_good.as_ref().filter(|good| !kept(good)) {
        return Err(gone.deployment.clone());
    }
    service.running = Some(deployment.id.clone());
    Ok(None)
}

/// Taken back: what traffic went back to serves, whoever served before. Our own revision was stopped.
fn serves_again(service: &mut Service, deployment: &Deployment) {
    service.serving.clone_from(&deployment.last_good);
    service.traffic.clone_from(&deployment.traffic);
    service.kept.retain(|kept| kept.deployment != deployment.id);
}

/// What the target has lost can't be gone back to, and doesn't serve.
fn forget(service: &mut Service, gone: &Gone) {
    match gone {
        Gone::Service => {
            service.kept.clear();
            (service.serving, service.url, service.traffic) = (None, None, None);
        }
        Gone::Revision(name) | Gone::Key(name) => {
            service.kept.retain(|kept| kept.revision != *name);
            service.serving = service.serving.take().filter(|kept| kept.revision != *name);
        }
        Gone::Artifact(_) => {}
    }
}

fn free(service: &mut Service, deployment: &DeploymentId) -> Option<DeploymentId> {
    if service.queued.as_ref() == Some(deployment) {
        service.queued = None;
    }
    if service.running.as_ref() != Some(deployment) {
        return None;
    }
    service.running = service.queued.take();
    service.running.clone()
}
