//! `GET /api/v1/services/{name}/actions/{id}`: what became of an action, at once or as soon as it is over.

use futures::StreamExt as _;
use host::{Context, Error, Request, Response};
use model::{
    ServiceName,
    document::{ActionRecord, action_path},
    message::Action,
    port::store::{Path, Watch},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Longest wait.
const LONGEST_MS: u64 = 8_000;

/// An action's id, as its request was answered with it.
pub struct ActionId;

impl utoipa::PartialSchema for ActionId {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[A-Za-z0-9_-]{1,64}$"))
            .into()
    }
}

impl utoipa::ToSchema for ActionId {}

/// How long the answer may wait for the action's end.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// Milliseconds, at most 8000; 0 if absent.
    #[serde(default)]
    #[schema(maximum = 8000)]
    pub wait_ms: u64,
}

/// An action and what became of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ActionShown {
    /// Its id.
    pub action_id: String,
    /// To which service.
    pub service: String,
    /// What.
    pub action: Action,
    /// Who asked for it.
    pub requested_by: String,
    /// Whether it is over.
    pub ended: bool,
    /// Whether it was done; else, once it is over, it was refused.
    pub done: bool,
    /// What happened, one sentence; `null` while it is under way.
    pub message: Option<String>,
}

/// Looks, and waits for as long as it may.
pub async fn look(ctx: Context, request: Request) -> Result<Response, Error> {
    let name: ServiceName = request.id("name")?;
    let id = request.param("id").to_owned();
    let wait: Wait = request.query()?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !(1..=64).contains(&id.len()) || !id.bytes().all(legal) {
        return Err(unknown(&name));
    }
    let path = action_path(ctx.tenant()?, &id);
    let mut record = read(&ctx, &path, &name).await?;
    let patience = Duration::from_millis(wait.wait_ms.min(LONGEST_MS));
    if !patience.is_zero() && record.outcome.is_none() {
        // Whether it ended or the time is up, what is answered is read afterwards.
        tokio::time::timeout(patience, ended(&ctx, &path)).await.ok().transpose()?;
        record = read(&ctx, &path, &name).await?;
    }
    Ok(Response::json(200, &shown(record)))
}

async fn read(ctx: &Context, path: &Path, name: &ServiceName) -> Result<ActionRecord, Error> {
    let found = ctx.read::<ActionRecord>(path).await?.map(|found| found.document);
    found.filter(|record| record.request.service == *name).ok_or_else(|| unknown(name))
}

async fn ended(ctx: &Context, path: &Path) -> Result<(), Error> {
    let mut changes = ctx.ports.store.watch(Watch::Document(path.clone())).await?;
    while let Some(change) = changes.next().await {
        let Some(document) = change?.document else { return Ok(()) };
        if document.body.parse::<ActionRecord>()?.outcome.is_some() {
            return Ok(());
        }
    }
    Ok(())
}

fn shown(record: ActionRecord) -> ActionShown {
    let outcome = record.outcome;
    ActionShown {
        action_id: record.request.id,
        service: record.request.service.to_string(),
        action: record.request.action,
        requested_by: record.request.requested_by,
        ended: outcome.is_some(),
        done: outcome.as_ref().is_some_and(|outcome| outcome.done),
        message: outcome.map(|outcome| outcome.message),
    }
}

fn unknown(service: &ServiceName) -> Error {
    Error::not_found(format!(
        "`{service}` has no such action, or it is over for so long that it is kept no more."
    ))
}
