//! Removes what is over: answers to repeated requests, links, notices, records of actions, observations, build logs.
//!
//! Each sort has an index by the time that counts, so a minute in which nothing is over costs one empty query a sort.
//! Invariant: nothing is removed that somebody changed since it was read, and nothing that is still referred to: a
//! build log of a deployment that runs, serves or is kept; an observation of a decision whose owner is still asked.

use crate::page::Pages;
use host::{Context, Error};
use model::{
    DecisionId, ServiceName, TenantId, Timestamp,
    document::{Deployment, Service, log::head_path, service_path},
    port::store::{Change, Comparison, Document, Path, Precondition, Query, Scope, StoreError, Write},
    time::DAY_MS,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Documents looked at and removed at once.
const PAGE: usize = 100;
/// Objects listed at once.
const LISTED: usize = 1_000;
/// A link that has expired says so for this long; after it, it is unknown.
const LINK_MS: i64 = 30 * DAY_MS;

/// Removes what is over, until the time is. What fails is tried again in a minute and keeps nothing else.
pub async fn clear(ctx: &Context, until: Timestamp) {
    let (now, real, kept) = (ctx.now(), ctx.real(), ctx.config.settings.keep_days.get() * DAY_MS);
    let group = |name: &str| Scope::Group(name.to_owned());
    let links = Scope::Collection("links".to_owned());
    let sorts = [
        (group("idempotency"), "expires_at", real),
        (links, "expires_at", now.plus(-LINK_MS)),
        (group("notices"), "created_at", now.plus(-kept)),
        (group("actions"), "ended_at", now.plus(-kept)),
    ];
    for (scope, field, by) in sorts {
        let name = format!("{scope:?}");
        told(&name, over(ctx, older(scope, field, by), until).await);
    }
    let before = real.plus(-kept);
    told("observations", observations(ctx, older(group("observations"), "to", before), until).await);
    told("build logs", logs(ctx, older(group("deployments"), "log_since", before), until).await);
}

fn told(what: &str, removed: Result<usize, Error>) {
    match removed {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "removed what was over of {what}"),
        Err(error) => tracing::error!(%error, "what is over of {what} could not be removed"),
    }
}

/// The oldest first.
fn older(scope: Scope, field: &str, by: Timestamp) -> Query {
    Query::all(scope, PAGE).filter(field, Comparison::LessOrEqual, by.0).order(field, false)
}

async fn over(ctx: &Context, query: Query, until: Timestamp) -> Result<usize, Error> {
    let (mut pages, mut removed) = (Pages::new(ctx, query, until), 0);
    while let Some(documents) = pages.next().await? {
        removed += remove(ctx, documents).await?;
    }
    Ok(removed)
}

/// What of an observation says whether it is referred to.
#[derive(Deserialize)]
struct Seen {
    tenant: TenantId,
    service: ServiceName,
    #[serde(default)]
    decision: Option<DecisionId>,
}

async fn observations(ctx: &Context, query: Query, until: Timestamp) -> Result<usize, Error> {
    let (mut pages, mut removed) = (Pages::new(ctx, query, until), 0);
    while let Some(documents) = pages.next().await? {
        let seen: Vec<(Document, Seen)> = documents.into_iter().filter_map(readable).collect();
        let services = services(ctx, seen.iter().map(|(_, seen)| (&seen.tenant, &seen.service))).await?;
        let free = |(document, seen): (Document, Seen)| {
            let service = services.get(&service_path(&seen.tenant, &seen.service));
            let waits = |decision: &DecisionId| service.is_some_and(|service| service.waits_for(decision));
            (!seen.decision.as_ref().is_some_and(waits)).then_some(document)
        };
        removed += remove(ctx, seen.into_iter().filter_map(free).collect()).await?;
    }
    Ok(removed)
}

async fn logs(ctx: &Context, query: Query, until: Timestamp) -> Result<usize, Error> {
    let (mut pages, mut removed) = (Pages::new(ctx, query, until), 0);
    while let Some(documents) = pages.next().await? {
        let ended: Vec<(Document, Deployment)> = documents.into_iter().filter_map(readable).collect();
        let of = ended.iter().map(|(_, deployment)| (&deployment.tenant, &deployment.service));
        let services = services(ctx, of).await?;
        for (document, deployment) in ended {
            let service = services.get(&service_path(&deployment.tenant, &deployment.service));
            let referred = service.is_some_and(|service| service.refers_to(&deployment.id));
            if referred || !deployment.status.at_rest() || ctx.real() >= until {
                continue;
            }
            remove_log(ctx, &deployment).await?;
            let head = head_path(&deployment.tenant, &deployment.id);
            let writes = vec![forget_log(&document), Write::delete(head, Precondition::None)];
            removed += usize::from(commit(ctx, writes).await?);
        }
    }
    Ok(removed)
}

/// First the log, then the note of it: if we die in between, the rest goes in the next minute.
async fn remove_log(ctx: &Context, deployment: &Deployment) -> Result<(), Error> {
    let folder = format!("{}/", deployment.log_prefix());
    loop {
        let keys = ctx.ports.objects.list(&folder, None, LISTED).await?;
        for key in &keys {
            ctx.ports.objects.delete(key).await?;
        }
        if keys.len() < LISTED {
            return Ok(());
        }
    }
}

fn forget_log(document: &Document) -> Write {
    let set = vec![(vec!["log_since".to_owned()], None::<Value>)];
    let change = Change::Patch { set, increment: vec![] };
    Write { path: document.path.clone(), precondition: Precondition::At(document.version), change }
}

/// One that can't be read stays, and holds up no other.
fn readable<T: for<'de> Deserialize<'de>>(document: Document) -> Option<(Document, T)> {
    match document.body.parse() {
        Ok(parsed) => Some((document, parsed)),
        Err(error) => {
            tracing::error!(document = document.path.as_str(), %error, "a document that is over can't be read and is kept");
            None
        }
    }
}

async fn services(
    ctx: &Context,
    wanted: impl Iterator<Item = (&TenantId, &ServiceName)>,
) -> Result<BTreeMap<Path, Service>, Error> {
    let wanted: BTreeSet<Path> = wanted.map(|(tenant, name)| service_path(tenant, name)).collect();
    let found = ctx.ports.store.get_many(&Vec::from_iter(wanted)).await?;
    found.into_iter().flatten().map(|found| Ok((found.path.clone(), found.body.parse()?))).collect()
}

/// Removes documents that nobody has changed since.
async fn remove(ctx: &Context, documents: Vec<Document>) -> Result<usize, Error> {
    let write =
        |document: &Document| Write::delete(document.path.clone(), Precondition::At(document.version));
    let all: Vec<Write> = documents.iter().map(write).collect();
    if all.is_empty() || commit(ctx, all).await? {
        return Ok(documents.len());
    }
    let mut removed = 0;
    for document in &documents {
        removed += usize::from(commit(ctx, vec![write(document)]).await?);
    }
    Ok(removed)
}

/// Whether it was done; not if somebody changed a document meanwhile.
async fn commit(ctx: &Context, writes: Vec<Write>) -> Result<bool, Error> {
    match ctx.ports.store.commit(writes).await {
        Ok(_) => Ok(true),
        Err(StoreError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
