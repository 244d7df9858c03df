//! A transition as one atomic commit: the deployment, the service if the slot changes hands, the day's counters
//! when it comes to rest.

use super::{At, Slot, Transition, settle};
use crate::{
    DeploymentId,
    document::{Deployment, Service, Status, counters_path, deployment_path, service_path},
    message::{Message, kind},
    port::store::{Precondition, StoreError, Version, Write},
};

/// Why a transition can't be written.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Another deployment of the service runs, or the one to go back to was taken back itself meanwhile.
    #[error("`{0}` is running on this service, or was taken back meanwhile; look at it, then ask again")]
    Taken(DeploymentId),
    /// A document can't be serialized.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The writes of a transition, and the deployment as it will then stand. `service` must be given, as it was read,
/// when the transition's slot is not [`Slot::Stays`].
pub fn batch(
    before: &Deployment,
    version: Version,
    transition: &Transition,
    service: Option<(Service, Version)>,
    at: &At<'_>,
) -> Result<(Vec<Write>, Deployment), BatchError> {
    let mut next = transition.next.as_deref().unwrap_or(before).clone();
    let mut writes = Vec::with_capacity(3);
    if let Some((mut service, read)) = service.filter(|_| transition.slot != Slot::Stays) {
        if let Some(granted) = settle(&mut service, &next, &transition.slot, at).map_err(BatchError::Taken)? {
            next.outbox.push(Message::about(kind::DEPLOYMENT_DUE, &next.tenant, &granted));
        }
        writes.push(Write::put(service_path(&next.tenant, &next.service), Precondition::At(read), &service)?);
    }
    if next.status.at_rest() && !before.status.at_rest() {
        writes.push(Write::add(counters_path(&next.tenant, at.now), counts(before, &next)));
    }
    writes.insert(0, Write::put(deployment_path(&next.tenant, &next.id), Precondition::At(version), &next)?);
    Ok((writes, next))
}

/// What the day's counters gain when a deployment comes to rest.
fn counts(before: &Deployment, next: &Deployment) -> Vec<(String, i64)> {
    let outcome = match next.status {
        Status::Deployed => "successful",
        Status::Cancelled => "cancelled",
        Status::Superseded => "superseded",
        Status::RolledBack => "rolled_back",
        Status::Failed | Status::SecurityFailed => "failed",
        Status::Pending
        | Status::SecurityScanning
        | Status::Analyzing
        | Status::Building
        | Status::Deploying
        | Status::Verifying
        | Status::Shifting
        | Status::RollingBack => "unfinished",
    };
    let duration =
        next.ended_at.map_or(0, |end| end.since(next.stages.first().map_or(end, |first| first.from)).max(0));
    let service = format!("services.{}", next.service);
    let again = i64::from(before.ended_at.is_none());
    // Deployed again, after a way back that was blocked, is no second success.
    let ended = if next.status == Status::Deployed { again } else { 1 };
    let mut counts = vec![
        ("total".to_owned(), again),
        (outcome.to_owned(), ended),
        ("duration_ms".to_owned(), duration * again),
        (format!("{service}.total"), again),
        (format!("{service}.{outcome}"), ended),
        (format!("{service}.duration_ms"), duration * again),
    ];
    for time in next.stages.iter().filter(|_| again == 1) {
        let stage = format!("stages.{}", time.stage.as_str());
        let ms = time.to.map_or(0, |to| to.since(time.from).max(0));
        counts.push((format!("{stage}.count"), 1));
        counts.push((format!("{stage}.duration_ms"), ms));
    }
    if let Some(failure) = next.failure.as_ref().filter(|_| again == 1) {
        counts.push((format!("stages.{}.failed", failure.stage.as_str()), 1));
    }
    merge(counts)
}

/// One increment a field: a stage may have run twice.
fn merge(counts: Vec<(String, i64)>) -> Vec<(String, i64)> {
    let mut sums = std::collections::BTreeMap::new();
    for (field, n) in counts {
        *sums.entry(field).or_insert(0) += n;
    }
    sums.into_iter().collect()
}
