//! `POST /api/v1/deployments/{id}/rollback`: traffic back to an earlier revision, without a gate.

use super::{Command, optional, run};
use host::{Context, Error, Request, Response};
use model::document::{CarriedOutBy, Deployment, Kept, Service, Status};
use serde::Deserialize;

/// Where traffic is to go back to; may be absent.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    /// A kept revision; the newest one of another deployment if absent.
    #[serde(default)]
    pub to: Option<String>,
    /// The newest `seq` of the timeline that the caller saw.
    #[serde(default)]
    pub seq: Option<u64>,
}

/// Rolls a deployment back.
pub async fn rollback(ctx: Context, request: Request) -> Result<Response, Error> {
    let body: RollbackBody = optional(&request)?;
    run(&ctx, &request, Command::Rollback(body.to), body.seq).await
}

/// The revision to go back to. `None` while the pipeline runs: it knows its last good one. Once deployed, only
/// the deployment that serves can be rolled back: going back from any other would take traffic off this one.
pub(super) fn way_back(
    deployment: &Deployment,
    service: Option<&Service>,
    to: Option<&str>,
) -> Result<Option<Kept>, Error> {
    let Some(service) = service.filter(|_| deployment.carried_out_by == CarriedOutBy::Sextant) else {
        return Ok(None);
    };
    if deployment.status == Status::Deployed {
        serves(deployment, service)?;
    }
    match to {
        Some(revision) if goes_back(deployment.status) => {
            let found = service.slot.kept.iter().find(|kept| kept.revision == revision);
            found.cloned().map(Some).ok_or_else(|| not_kept(revision, service))
        }
        None if deployment.status == Status::Deployed => {
            Ok(service.slot.kept.iter().find(|kept| kept.deployment != deployment.id).cloned())
        }
        Some(_) | None => Ok(None),
    }
}

/// Whether a rollback can still be meant; elsewhere its answer doesn't hang on where to.
fn goes_back(status: Status) -> bool {
    status == Status::Deployed || !status.at_rest()
}

fn serves(deployment: &Deployment, service: &Service) -> Result<(), Error> {
    match &service.slot.serving {
        Some(serving) if serving.deployment != deployment.id => Err(Error::conflict(format!(
            "`{}` doesn't serve any more; `{}` does. Nothing was done; to go back from what serves now, roll back `{}`.",
            deployment.id, serving.deployment, serving.deployment
        ))
        .slug("not-serving")
        .with("serving", serving.deployment.to_string())),
        Some(_) | None => Ok(()),
    }
}

fn not_kept(revision: &str, service: &Service) -> Error {
    let kept: Vec<&str> = service.slot.kept.iter().map(|kept| kept.revision.as_str()).collect();
    let there =
        if kept.is_empty() { "none is kept".to_owned() } else { format!("kept are {}", kept.join(", ")) };
    let shown: String = revision.chars().take(80).collect();
    Error::unprocessable(format!(
        "Revision `{shown}` of `{}` is not kept: {there}. Nothing was done.",
        service.name
    ))
    .slug("revision-not-kept")
    .field("to", there)
}
