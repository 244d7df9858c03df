//! Keeps an answer: the feedback, the service's question, the deployment's public status, the link it came by, in one
//! commit.
//!
//! Invariant: whoever comes later by (time, key) wins, whatever the order of arrival.

use crate::answer::Answer;
use host::{Context, Error, Response};
use model::{
    DecisionId, ServiceName, TenantId, Timestamp,
    document::{
        Decision, Feedback, FollowUp, Link, SCHEMA, Service, decision_path, deployment_path, feedback_path,
        service_path,
    },
    message::{AboutFeedback, Message, kind, topic},
    port::store::{Change, Path, Precondition, Version, Write},
    time::MINUTE_MS,
};
use serde_json::json;

/// An answer that has come in.
pub struct Arrived {
    /// Whose.
    pub tenant: TenantId,
    /// About what.
    pub decision: DecisionId,
    /// When.
    pub received_at: Timestamp,
    /// Tells two of the same moment apart.
    pub key: String,
    /// `form` or `api`.
    pub channel: &'static str,
    /// What it says.
    pub answer: Answer,
    /// The link it came by, as it was read.
    pub link: Option<(Path, Version, Link)>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is what counts now.
    Newest,
    /// A newer one was there.
    Older,
}

/// Keeps it; answers what `response` makes of that.
pub async fn keep(
    ctx: &Context,
    arrived: &Arrived,
    response: &(impl Fn(Kept) -> Response + Sync),
) -> Result<Response, Error> {
    let (response, owed) = ctx.retrying(|| attempt(ctx, arrived, response)).await?;
    if let Some((path, message)) = owed {
        publish(ctx, &path, &message).await?;
    }
    Ok(response)
}

type Done = (Response, Option<(Path, Message)>);

async fn attempt(
    ctx: &Context,
    arrived: &Arrived,
    response: &(impl Fn(Kept) -> Response + Sync),
) -> Result<Done, Error> {
    let tenant = &arrived.tenant;
    let paths = [decision_path(tenant, &arrived.decision), feedback_path(tenant, &arrived.decision)];
    let mut found = ctx.ports.store.get_many(&paths).await?.into_iter();
    let decision = found.next().flatten().ok_or_else(|| unknown(&arrived.decision))?;
    let decision: Decision = decision.body.parse()?;
    let (before, precondition) = match found.next().flatten() {
        Some(found) => (Some(found.body.parse::<Feedback>()?), Precondition::At(found.version)),
        None => (None, Precondition::Absent),
    };
    if before.is_some_and(|old| (old.received_at, &old.key) >= (arrived.received_at, &arrived.key)) {
        return Ok((response(Kept::Older), None));
    }
    let response = response(Kept::Newest);
    let path = feedback_path(tenant, &arrived.decision);
    let mut writes = vec![Write::put(path, precondition, &feedback(arrived, &decision))?];
    writes.extend(consumed(arrived)?);
    writes.extend(decision.deployment.as_ref().map(|deployment| Write {
        path: deployment_path(tenant, deployment),
        precondition: Precondition::Present,
        change: Change::Patch {
            set: vec![(vec!["follow_up".to_owned()], Some(json!(FollowUp::FeedbackCollected)))],
            increment: vec![],
        },
    }));
    let owed = answered(ctx, arrived, &decision, &mut writes).await?;
    ctx.commit(writes, &response).await?;
    Ok((response, owed))
}

fn feedback(arrived: &Arrived, decision: &Decision) -> Feedback {
    let answer = arrived.answer.clone();
    Feedback {
        schema: SCHEMA,
        tenant: arrived.tenant.clone(),
        decision: arrived.decision.clone(),
        deployment: decision.deployment.clone(),
        received_at: arrived.received_at,
        key: arrived.key.clone(),
        channel: arrived.channel.to_owned(),
        kind: answer.kind,
        satisfaction: answer.satisfaction,
        comments: answer.comments,
        metrics: answer.metrics,
        actual_monthly_cost: answer.cost,
        currency: answer.currency,
    }
}

fn consumed(arrived: &Arrived) -> Result<Option<Write>, Error> {
    let Some((path, version, link)) = &arrived.link else { return Ok(None) };
    let used = Link { used_at: Some(arrived.received_at), ..link.clone() };
    Ok(Some(Write::put(path.clone(), Precondition::At(*version), &used)?))
}

/// The service's question is answered, and the service owes the news of it to the topic.
async fn answered(
    ctx: &Context,
    arrived: &Arrived,
    decision: &Decision,
    writes: &mut Vec<Write>,
) -> Result<Option<(Path, Message)>, Error> {
    let Some(name) = decision.service.as_ref().and_then(|name| ServiceName::new(name).ok()) else {
        return Ok(None);
    };
    let path = service_path(&arrived.tenant, &name);
    let Some(found) = ctx.ports.store.get(&path).await? else { return Ok(None) };
    let mut service: Service = found.body.parse()?;
    if service.question.as_ref().is_some_and(|question| question.decision == decision.id) {
        service.question = None;
        service.ask_due = None;
    }
    let body = AboutFeedback { service: name, decision: Some(decision.id.clone()) };
    let message = ctx.traced(Message::new(topic::FEEDBACK, kind::FEEDBACK_RECEIVED, &arrived.tenant, &body));
    owe(ctx, &mut service, message.clone());
    writes.push(Write::put(path.clone(), Precondition::At(found.version), &service)?);
    Ok(Some((path, message)))
}

/// Puts a message into the service's outbox; the sweep publishes it in a minute if we can't.
pub fn owe(ctx: &Context, service: &mut Service, message: Message) {
    service.outbox.push(message);
    service.updated_at = ctx.now();
    service.next_due = Some(ctx.now().plus(MINUTE_MS));
}

/// Publishes a message and takes it out of the service's outbox. What fails is left to the sweep: the commit stands.
pub async fn publish(ctx: &Context, path: &Path, message: &Message) -> Result<(), Error> {
    if let Err(error) = ctx.publish(vec![message.clone()]).await {
        tracing::warn!(%error, "what a service owes could not be published; the sweep does it");
        return Ok(());
    }
    match ctx.retrying(|| forget(ctx, path, message)).await {
        // Others are faster: the sweep publishes it again, which is harmless.
        Err(error) if error.is_contended() => Ok(()),
        result => result,
    }
}

async fn forget(ctx: &Context, path: &Path, message: &Message) -> Result<(), Error> {
    let Some(found) = ctx.ports.store.get(path).await? else { return Ok(()) };
    let mut service: Service = found.body.parse()?;
    if !service.outbox.contains(message) {
        return Ok(());
    }
    service.outbox.retain(|owed| owed != message);
    if service.outbox.is_empty() {
        service.next_due = None;
    }
    let write = Write::put(path.clone(), Precondition::At(found.version), &service)?;
    ctx.ports.store.commit(vec![write]).await?;
    Ok(())
}

/// There is no such decision of this tenant.
fn unknown(decision: &DecisionId) -> Error {
    Error::not_found(format!(
        "There is no decision `{decision}`. Nothing was stored; check the id, a deployment's page shows it."
    ))
}
