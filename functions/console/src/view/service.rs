//! A service and the revisions it can go back to.

use super::time;
use model::document::{CarriedOutBy, Kept, Service};
use serde::Serialize;
use utoipa::ToSchema;

/// A revision that proved itself and can take traffic again.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct KeptView {
    /// Its name at the target.
    pub revision: String,
    /// The deployment that released it.
    pub deployment_id: String,
    /// The decision it carries out.
    pub decision_id: Option<String>,
    /// The commit it was built from, or digits of its content.
    pub commit: Option<String>,
    /// Since when it has served.
    pub since: String,
    /// Whether it serves now.
    pub serving: bool,
}

impl KeptView {
    fn of(kept: &Kept, service: &Service) -> Self {
        Self {
            revision: kept.revision.clone(),
            deployment_id: kept.deployment.to_string(),
            decision_id: kept.decision.as_ref().map(ToString::to_string),
            commit: kept.commit.clone(),
            since: time(kept.since),
            serving: service.live().is_some_and(|serving| serving.revision == kept.revision),
        }
    }

    /// All of a service's, newest first.
    pub fn all(service: &Service) -> Vec<Self> {
        service.slot.kept.iter().map(|kept| Self::of(kept, service)).collect()
    }
}

/// The app being deployed, in one environment.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ServiceView {
    /// Its name; environments other than production are part of it.
    pub service: String,
    /// `production`, `staging`, …
    pub environment: String,
    /// By whom it is deployed.
    pub carried_out_by: CarriedOutBy,
    /// The address people use.
    pub url: Option<String>,
    /// The deployment that runs.
    pub running: Option<String>,
    /// The one that waits for it.
    pub queued: Option<String>,
    /// What takes all traffic, or took it until the service was stopped.
    pub serving: Option<KeptView>,
    /// Since when it is stopped; `null` while it isn't.
    pub stopped_at: Option<String>,
    /// Who stopped it.
    pub stopped_by: Option<String>,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Revisions that can take traffic again, newest first.
    pub kept: Vec<KeptView>,
    /// Who gets the mails.
    pub owner: String,
    /// The decision that its owner was asked about and hasn't answered yet.
    pub question: Option<String>,
    /// When it was first heard of.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

impl From<&Service> for ServiceView {
    fn from(service: &Service) -> Self {
        Self {
            service: service.name.to_string(),
            environment: service.environment.clone(),
            carried_out_by: service.carried_out_by,
            url: service.slot.url.clone(),
            running: service.slot.running.as_ref().map(ToString::to_string),
            queued: service.slot.queued.as_ref().map(ToString::to_string),
            serving: service.slot.serving.as_ref().map(|kept| KeptView::of(kept, service)),
            stopped_at: service.slot.stopped.as_ref().map(|stopped| time(stopped.at)),
            stopped_by: service.slot.stopped.as_ref().map(|stopped| stopped.by.clone()),
            deleting: service.slot.deleting.is_some(),
            kept: KeptView::all(service),
            owner: service.owner.clone(),
            question: service.asking.question.as_ref().map(|question| question.decision.to_string()),
            created_at: time(service.created_at),
            updated_at: time(service.updated_at),
        }
    }
}
