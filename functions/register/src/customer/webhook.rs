//! `POST /api/v1/decisions/{id}/webhook-secret`: shows the secret of a registered decision's webhook again, or makes
//! another one.
//!
//! Invariant: after a change the secret before still verifies for [`OVERLAP_MS`], so that the sender can be changed
//! meanwhile; only the one before, and not longer.

use super::hash;
use crate::command::optional;
use host::{Context, Error, Request, Response};
use model::{
    DecisionId, Timestamp,
    document::{Decision, FormerSecret, Registration, decision_path},
    port::store::{Precondition, Write},
    time::DAY_MS,
};
use serde::{Deserialize, Serialize};

/// How long the secret before goes on to verify.
pub const OVERLAP_MS: i64 = DAY_MS;

/// Which is wanted; may be absent.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretBody {
    /// Makes another secret; the one before verifies for 24 hours more.
    #[serde(default)]
    pub rotate: bool,
}

/// The secret of a decision's webhook.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SecretShown {
    /// The decision whose webhook it is.
    pub decision_id: String,
    /// What it signs with, or sends as bearer token.
    pub webhook_secret: String,
    /// Whether it is another one than before.
    pub rotated: bool,
    /// Until when the one before verifies as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_valid_until: Option<String>,
}

/// Shows the secret, or changes it.
pub async fn secret(ctx: Context, request: Request) -> Result<Response, Error> {
    let id: DecisionId = request.id("id")?;
    let body: SecretBody = optional(&request)?;
    ctx.persisting(|| attempt(&ctx, &id, body.rotate)).await
}

async fn attempt(ctx: &Context, id: &DecisionId, rotate: bool) -> Result<Response, Error> {
    let path = decision_path(ctx.tenant()?, id);
    let found = ctx.read::<Decision>(&path).await?.ok_or_else(|| unknown(id))?;
    let mut decision = found.document;
    let registration = decision.registration.as_mut().ok_or_else(|| not_registered(id))?;
    let key = &ctx.config.token_key;
    let of = |generation| host::webhook::secret(key, &decision.tenant, &decision.id, generation);
    let now = of(registration.webhook_generation);
    if !rotate && hash(&now) == registration.webhook_secret_hash {
        return Ok(shown(id, now, false, registration, ctx.real()));
    }
    // Asked for again, but issued under a key that is gone: nobody can show it, so there is another one.
    let next = of(registration.webhook_generation + 1);
    change(registration, &next, ctx.real());
    let response = shown(id, next, true, registration, ctx.real());
    ctx.commit(vec![Write::put(path, Precondition::At(found.version), &decision)?], &response).await?;
    Ok(response)
}

fn change(registration: &mut Registration, next: &str, now: Timestamp) {
    let before = std::mem::replace(&mut registration.webhook_secret_hash, hash(next));
    registration.webhook_former = Some(FormerSecret { hash: before, until: now.plus(OVERLAP_MS) });
    registration.webhook_generation += 1;
}

fn shown(
    id: &DecisionId,
    secret: String,
    rotated: bool,
    registration: &Registration,
    now: Timestamp,
) -> Response {
    let former = registration.webhook_former.as_ref().filter(|former| former.until > now);
    let shown = SecretShown {
        decision_id: id.to_string(),
        webhook_secret: secret,
        rotated,
        previous_valid_until: former.map(|former| former.until.rfc3339()),
    };
    Response::json(200, &shown)
}

fn unknown(id: &DecisionId) -> Error {
    Error::not_found(format!("There is no decision `{id}`. Check the id; a deployment's page shows it."))
}

fn not_registered(id: &DecisionId) -> Error {
    Error::conflict(format!(
        "Decision `{id}` has no webhook, since you didn't register its deployment. Nothing was done; register it first."
    ))
    .slug("not-registered")
}
