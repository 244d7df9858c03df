//! Reads what a comparison rests on.

use crate::run::bounds;
use forecast::{
    actual::{Actual, actual},
    calibrate::Month,
};
use host::{Context, Error};
use model::{
    DecisionId, DeploymentId, ServiceName,
    document::{
        Decision, Feedback, LearningRun, Observation, Service, collection, decision_path, feedback_path,
        learning_run_path, service_path,
    },
    port::store::{Comparison, Cursor, Page, Precondition, Query, Scope},
};

/// Windows of one month that are read at most: one in four minutes.
const MOST_WINDOWS: usize = 11_000;
const PAGE: usize = 1_000;

/// Everything known about a decision that was carried out.
pub struct Known {
    /// The decision that is judged, as it was stored.
    pub decision: Decision,
    /// The deployment that carried it out.
    pub deployment: DeploymentId,
    /// The service that carries it out; none once it is gone.
    pub service: Option<Service>,
    /// What somebody said.
    pub feedback: Option<Feedback>,
    /// The state of learning from it.
    pub run: LearningRun,
    /// As it was read: what every commit is guarded by.
    pub run_at: Precondition,
}

/// Reads it; `None` if there is no such decision, or nobody carried it out.
pub async fn known(ctx: &Context, id: &DecisionId) -> Result<Option<Known>, Error> {
    let tenant = ctx.tenant()?;
    // First of all: what is read after it is at least as new.
    let (run, run_at) = run(ctx, id).await?;
    let paths = [decision_path(tenant, id), feedback_path(tenant, id)];
    let mut found = ctx.ports.store.get_many(&paths).await?.into_iter();
    let decision: Option<Decision> = found.next().flatten().map(|found| found.body.parse()).transpose()?;
    let feedback: Option<Feedback> = found.next().flatten().map(|found| found.body.parse()).transpose()?;
    let Some(decision) = decision else { return Ok(None) };
    let Some(deployment) = decision.deployment.clone() else { return Ok(None) };
    let service = service(ctx, &decision).await?;
    Ok(Some(Known { decision, deployment, service, feedback, run, run_at }))
}

/// The state of learning. What a crash kept back goes out now: the message that brought us here came again for it.
async fn run(ctx: &Context, id: &DecisionId) -> Result<(LearningRun, Precondition), Error> {
    let Some(mut found) = ctx.read::<LearningRun>(&learning_run_path(ctx.tenant()?, id)).await? else {
        return Ok((LearningRun::new(id), Precondition::Absent));
    };
    found.hand_on_all(ctx).await;
    Ok((found.document, Precondition::At(found.version)))
}

async fn service(ctx: &Context, decision: &Decision) -> Result<Option<Service>, Error> {
    let Some(name) = decision.service.as_ref().and_then(|name| ServiceName::new(name).ok()) else {
        return Ok(None);
    };
    let found = ctx.ports.store.get(&service_path(&decision.tenant, &name)).await?;
    Ok(found.map(|found| found.body.parse()).transpose()?)
}

/// What was measured while the decision served in a month.
pub async fn measured(ctx: &Context, known: &Known, month: Month) -> Result<Option<Actual>, Error> {
    let Some(name) = &known.decision.service else { return Ok(None) };
    let (from, to) = bounds(month);
    let mut windows: Vec<Observation> = vec![];
    let mut cursor = None;
    while windows.len() < MOST_WINDOWS {
        let query = windows_of(known, name).filter("to", Comparison::GreaterOrEqual, from.0).filter(
            "to",
            Comparison::Less,
            to.0,
        );
        cursor = take(&mut windows, known, ctx.ports.store.query(&query.after(cursor)).await?)?;
        if cursor.is_none() {
            break;
        }
    }
    Ok(actual(&known.decision, &windows))
}

/// Windows of the service, newest first.
fn windows_of(known: &Known, service: &str) -> Query {
    Query::all(Scope::Collection(collection(&known.decision.tenant, "observations")), PAGE)
        .filter("service", Comparison::Equal, service)
        .order("to", true)
}

/// Keeps the windows of our decision; answers where to go on.
fn take(windows: &mut Vec<Observation>, known: &Known, page: Page) -> Result<Option<Cursor>, Error> {
    for document in page.documents {
        let seen: Observation = document.body.parse()?;
        if seen.decision.as_ref() == Some(&known.decision.id) {
            windows.push(seen);
        }
    }
    Ok(page.next)
}
