//! One decision: which months are compared, what each metric came to, and what changes because of it.

use crate::{
    commit::{self, Change, Event, Stored},
    known::{Known, known, measured},
    run::{SETTLED_MS, is_settled},
};
use forecast::{
    actual::{Comparison, compare as compare_values, promise},
    calibrate::{Metric, Month, REMEMBERED_MONTHS, Scores, event_id},
    recommend::month_of,
};
use host::{Context, Error, Outcome};
use model::{DecisionId, Micros, document::Feedback, port::store::Path};
use std::collections::{BTreeMap, BTreeSet};

/// Why a comparison is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Somebody answered.
    Answered,
    /// A window was measured.
    Measured,
}

/// One month of a decision, compared.
pub struct Compared {
    /// Which.
    pub month: Month,
    /// Requests a month that were observed.
    pub requests_month: Option<u64>,
    /// By metric.
    pub values: BTreeMap<Metric, Comparison>,
}

/// Compares what is due and commits what changes.
pub async fn compare(ctx: &Context, id: &DecisionId, reason: Reason) -> Result<Outcome, Error> {
    let Some(known) = known(ctx, id).await? else {
        return Ok(Outcome::Reject(format!("there is no decision `{id}` that was carried out")));
    };
    ctx.about(&known.deployment);
    commit::owed(ctx, &known).await?;
    if !is_due(ctx, &known, reason) {
        return Ok(Outcome::Duplicate);
    }
    let mut compared = vec![];
    for month in months(ctx, &known) {
        compared.push(one(ctx, &known, month).await?);
    }
    let changes = changes(ctx, &known, &compared).await?;
    commit::commit(ctx, known, &compared, changes).await
}

fn is_due(ctx: &Context, known: &Known, reason: Reason) -> bool {
    match reason {
        Reason::Answered => known.feedback.is_some(),
        Reason::Measured => {
            let kept = known.service.iter().flat_map(|service| &service.kept);
            let since = kept
                .filter(|kept| kept.decision.as_ref() == Some(&known.decision.id))
                .map(|kept| kept.since)
                .next()
                .unwrap_or(known.decision.created_at);
            ctx.now().since(since) >= SETTLED_MS && known.run.is_due(ctx.now(), ctx.real())
        }
    }
}

/// Those that may still change, and those for which somebody says or said what they pay.
fn months(ctx: &Context, known: &Known) -> BTreeSet<Month> {
    let mut months = known.run.open(ctx.real());
    months.extend(known.run.paid_in);
    months.extend(known.feedback.as_ref().and_then(paid).map(|(month, _)| month));
    months
}

/// What somebody pays in a month, and the month in which they said so. Other currencies are kept, not compared.
pub fn paid(feedback: &Feedback) -> Option<(Month, Micros)> {
    let dollars = feedback.currency.as_deref().is_none_or(|currency| currency.eq_ignore_ascii_case("USD"));
    let cost = feedback.actual_monthly_cost.filter(|cost| dollars && cost.0 > 0)?;
    Some((month_of(feedback.received_at), cost))
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
            (made, metric, Path::new(format!("tenants/{tenant}/calibration_events/{id}")))
        })
        .collect();
    let paths: Vec<Path> = wanted.iter().map(|(_, _, path)| path.clone()).collect();
    let stored = ctx.ports.store.get_many(&paths).await?;
    let mut changes = vec![];
    for ((made, metric, path), found) in wanted.into_iter().zip(stored) {
        let before = found
            .map(|found| Ok::<_, Error>(Stored { event: found.body.parse()?, version: found.version }))
            .transpose()?;
        let after = made.values.get(&metric).map(|value| event(known, made.month, value, before.as_ref()));
        changes.extend(Change::between(path, before, after));
    }
    Ok(changes)
}

fn event(known: &Known, month: Month, value: &Comparison, before: Option<&Stored>) -> Event {
    let promised = promise(&known.decision, value.metric);
    Event {
        schema: model::document::SCHEMA,
        revision: before.map_or(0, |before| before.event.revision + 1),
        y: value.y,
        class: known.decision.class.clone(),
        metric: value.metric,
        month,
        decision: known.decision.id.clone(),
        deployment: known.deployment.clone(),
        base: value.base,
        actual: value.actual,
        n: i64::from(promised.n),
        score: Scores::bucket(value.y, promised.mu, promised.variance),
    }
}

/// Months that were compared for good, this time included.
pub fn closed(ctx: &Context, known: &Known, compared: &[Compared]) -> BTreeSet<Month> {
    let settled = compared.iter().map(|made| made.month).filter(|month| is_settled(*month, ctx.real()));
    let mut closed: BTreeSet<Month> = known.run.closed.iter().copied().chain(settled).collect();
    // Whatever is no longer remembered is never asked for again.
    while closed.len() > 2 * REMEMBERED_MONTHS as usize {
        closed.pop_first();
    }
    closed
}
