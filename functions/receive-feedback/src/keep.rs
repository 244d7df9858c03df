//! Keeps an answer: the feedback, the service's question, the deployment's public status, the link it came by, in one
//! commit.
//!
//! Invariant: whoever comes later by (time, key) wins, whatever the order of arrival.

use crate::answer::Answer;
use host::{Context, Error, Response, Stored};
use model::{
    DecisionId, ServiceName, TenantId, Timestamp,
    document::{
        Decision, Feedback, FollowUp, Link, Owes, SCHEMA, Service, decision_path, deployment_path,
        feedback_path, service_path,
    },
    message::{AboutFeedback, Message, kind, topic},
    port::store::{Change, Path, Precondition, Version, Write},
};
use serde_json::json;

/// An answer that has come in.
pub struct Arrived {
    /// The tenant that it belongs to; it is part of the path and never comes from a request's body.
    pub tenant: TenantId,
    /// The decision that was answered about.
    pub decision: DecisionId,
    /// When it arrived, by the clock of schedules; with the id it orders what is said twice.
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
    if let Some((mut service, message)) = owed {
        service.hand_on(ctx, &[message]).await;
    }
    Ok(response)
}

/// What is answered, and the service with what it owes now.
type Done = (Response, Option<(Stored<Service>, Message)>);

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
    let mut owed = answered(ctx, arrived, &decision).await?;
    // First, so that its version is the first one, too.
    if let Some((service, _)) = &owed {
        writes.insert(0, service.write()?);
    }
    let versions = ctx.commit(writes, &response).await?;
    if let Some(((service, _), version)) = owed.as_mut().zip(versions.first()) {
        service.version = *version;
    }
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
) -> Result<Option<(Stored<Service>, Message)>, Error> {
    let Some(name) = decision.service.as_ref().and_then(|name| ServiceName::new(name).ok()) else {
        return Ok(None);
    };
    let Some(mut found) = ctx.read::<Service>(&service_path(&arrived.tenant, &name)).await? else {
        return Ok(None);
    };
    let service = &mut found.document;
    if service.asking.question.as_ref().is_some_and(|question| question.decision == decision.id) {
        service.asking.question = None;
        service.asking.ask_due = None;
    }
    let body = AboutFeedback { service: name, decision: Some(decision.id.clone()) };
    let message = ctx.traced(Message::new(topic::FEEDBACK, kind::FEEDBACK_RECEIVED, &arrived.tenant, &body));
    service.owe(message.clone(), ctx.now());
    service.updated_at = ctx.now();
    Ok(Some((found, message)))
}

/// There is no such decision of this tenant.
fn unknown(decision: &DecisionId) -> Error {
    Error::not_found(format!(
        "There is no decision `{decision}`. Nothing was stored; check the id, a deployment's page shows it."
    ))
}
