//! One decision: which months are compared, what each metric came to, and what changes because of it.

use crate::{
    change::Change,
    commit::commit,
    compared::{Compared, paid},
    known::{Known, known, measured},
    run::{self, SETTLED_MS},
};
use forecast::{
    actual::{Comparison, compare as compare_values, promise},
    calibrate::{Metric, Month, bucket, event_id},
};
use host::{Context, Error, Outcome, Stored};
use model::{
    DecisionId,
    document::calibration::{CalibrationEvent as Event, calibration_event_path},
    port::store::Path,
};
use std::collections::BTreeSet;

/// Why a comparison is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// An owner answered the question, or the customer's API did.
    Answered,
    /// A window was measured.
    Measured,
}

/// Compares what is due and commits what changes.
pub async fn compare(ctx: &Context, id: &DecisionId, reason: Reason) -> Result<Outcome, Error> {
    let Some(known) = known(ctx, id).await? else {
        return Ok(Outcome::Reject(format!("there is no decision `{id}` that was carried out")));
    };
    ctx.about(&known.deployment);
    if !is_due(ctx, &known, reason) {
        return Ok(Outcome::Duplicate);
    }
    let mut compared = vec![];
    for month in months(ctx, &known) {
        compared.push(one(ctx, &known, month).await?);
    }
    let changes = changes(ctx, &known, &compared).await?;
    commit(ctx, known, &compared, changes).await
}

fn is_due(ctx: &Context, known: &Known, reason: Reason) -> bool {
    match reason {
        Reason::Answered => known.feedback.is_some(),
        Reason::Measured => {
            let kept = known.service.iter().flat_map(|service| &service.slot.kept);
            let since = kept
                .filter(|kept| kept.decision.as_ref() == Some(&known.decision.id))
                .map(|kept| kept.since)
                .next()
                .unwrap_or(known.decision.created_at);
            ctx.now().since(since) >= SETTLED_MS && run::is_due(&known.run, ctx.now(), ctx.real())
        }
    }
}

/// Those that may still change, and those for which somebody says or said what they pay.
fn months(ctx: &Context, known: &Known) -> BTreeSet<Month> {
    let mut months = run::open(&known.run, ctx.real());
    months.extend(known.run.paid_in);
    months.extend(known.feedback.as_ref().and_then(paid).map(|(month, _)| month));
    months
}

async fn one(ctx: &Context, known: &Known, month: Month) -> Result<Compared, Error> {
    let seen = measured(ctx, known, month).await?;
    let requests_month = seen.as_ref().and_then(|seen| seen.requests_month);
    let mut values = seen.map(|seen| seen.values).unwrap_or_default();
    if let Some((_, cost)) = known.feedback.as_ref().and_then(paid).filter(|(said_in, _)| *said_in == month) {
        values.insert(Metric::CostMonth, cost.0);
    }
    let values = compare_values(&known.decision, &values, requests_month);
    Ok(Compared {
        month,
        requests_month,
        values: values.into_iter().map(|made| (made.metric, made)).collect(),
    })
}

/// What each comparison adds to or takes from the sums, given what it added before.
async fn changes(ctx: &Context, known: &Known, compared: &[Compared]) -> Result<Vec<Change>, Error> {
    let tenant = ctx.tenant()?;
    let all = compared.iter().flat_map(|made| Metric::ALL.map(|metric| (made, metric)));
    let wanted: Vec<(&Compared, Metric, Path)> = all
        .map(|(made, metric)| {
            let id = event_id(known.deployment.as_str(), metric, made.month);
            (made, metric, calibration_event_path(tenant, &id))
        })
        .collect();
    let paths: Vec<Path> = wanted.iter().map(|(_, _, path)| path.clone()).collect();
    let stored = ctx.read_many::<Event>(&paths).await?;
    let mut changes = vec![];
    for ((made, metric, path), before) in wanted.into_iter().zip(stored) {
        let after = made.values.get(&metric).map(|value| event(known, made.month, value, before.as_ref()));
        changes.extend(Change::between(path, before, after));
    }
    Ok(changes)
}

fn event(known: &Known, month: Month, value: &Comparison, before: Option<&Stored<Event>>) -> Event {
    let promised = promise(&known.decision, value.metric);
    Event {
        schema: model::document::SCHEMA,
        revision: before.map_or(0, |before| before.document.revision + 1),
        y: value.y,
        class: known.decision.class.clone(),
        metric: value.metric,
        month,
        decision: known.decision.id.clone(),
        deployment: known.deployment.clone(),
        base: value.base,
        actual: value.actual,
        n: i64::from(promised.n),
        score: bucket(value.y, promised.mu, promised.variance),
    }
}
