//! `GET /services/{name}`: one service: what it can go back to, what was measured, what was learned of its like.

use super::{
    chart::sparkline,
    html,
    learnings::Learned,
    live::{Button, change},
    manage::{self, VariableRow},
    words,
    words::Moment,
};
use crate::{
    api::{
        list_deployments::{self, ListQuery},
        list_learnings::{self, LearningsQuery},
        list_observations,
    },
    page::overview::{Row, address, state},
    read,
    view::{ENOUGH_FOR_A_MONTH_MS, measured_ms, serving_since},
};
use askama::Template;
use host::{Context, Error, Request, Response};
use model::{
    Timestamp,
    document::{Decision, Deployment, Kept, Observation, Service, decision_path, deployment_path},
    port::store::Document,
};

/// Windows that are drawn.
const WINDOWS: usize = 100;
/// Deployments that are listed.
const DEPLOYMENTS: usize = 10;

#[derive(Template)]
#[template(path = "service.html")]
struct Page {
    name: String,
    environment: String,
    /// How it stands in a word, and how that looks.
    state: &'static str,
    tone: &'static str,
    url: Option<String>,
    owner: String,
    /// Who stopped it, where it is stopped.
    stopped_by: Option<String>,
    buttons: Vec<Button>,
    variables: Vec<VariableRow>,
    kept: Vec<KeptRow>,
    lines: Vec<Spark>,
    /// From when to when the lines go, for their axes.
    axis: Option<(Moment, Moment)>,
    windows: usize,
    deployments: Vec<Row>,
    class: Option<String>,
    learnings: Vec<Learned>,
}

struct KeptRow {
    revision: String,
    deployment: String,
    commit: Option<String>,
    /// What was changed, and by whom.
    change: Option<String>,
    since: Moment,
    serving: bool,
    /// Where a way back posts to, and what.
    back: Option<(String, String)>,
}

/// One measured quantity over time.
struct Spark {
    name: &'static str,
    points: String,
    newest: String,
    most: String,
}

/// The page.
pub async fn page(ctx: Context, request: Request) -> Result<Response, Error> {
    let service = read::service(&ctx, &request.id("name")?).await?;
    let (observations, _) = list_observations::page(&ctx, &service.name, Some(WINDOWS), None).await?;
    let of_service = ListQuery {
        limit: Some(DEPLOYMENTS),
        service: Some(service.name.to_string()),
        ..ListQuery::default()
    };
    let (deployments, _) = list_deployments::page(&ctx, of_service).await?;
    let class = class(&ctx, &service).await?;
    let learnings = learnings(&ctx, class.as_deref()).await?;
    let since = |newest| measured_ms(newest, serving_since(Some(&service), newest));
    let measured = observations.first().map_or(0, since);
    let rows = deployments.iter().map(|deployment| Row::of(deployment, &ctx)).collect();
    let (state, tone) = state(&service);
    html(&Page {
        name: service.name.to_string(),
        environment: service.environment.clone(),
        state,
        tone,
        url: address(&service),
        owner: service.owner.clone(),
        stopped_by: service.slot.stopped.as_ref().map(|stopped| stopped.by.clone()),
        buttons: manage::buttons(&service),
        variables: manage::variables(&ctx, &service).await?,
        kept: kept(&service, &ctx).await?,
        lines: sparks(&observations, measured),
        axis: axis(&observations, ctx.now()),
        windows: observations.len(),
        deployments: rows,
        class,
        learnings,
    })
}

/// What apps like this one are called, by the decision that serves.
async fn class(ctx: &Context, service: &Service) -> Result<Option<String>, Error> {
    let Some(id) = service.slot.serving.as_ref().and_then(|kept| kept.decision.as_ref()) else {
        return Ok(None);
    };
    let decision: Option<Decision> =
        read::document(&*ctx.ports.store, &decision_path(ctx.tenant()?, id)).await?;
    Ok(decision.map(|decision| decision.class))
}

async fn learnings(ctx: &Context, class: Option<&str>) -> Result<Vec<Learned>, Error> {
    let Some(class) = class else { return Ok(vec![]) };
    let (learnings, _) = list_learnings::page(ctx, LearningsQuery::default()).await?;
    let now = ctx.now();
    Ok(learnings.iter().filter(|learning| learning.class == class).map(|one| Learned::of(one, now)).collect())
}

async fn kept(service: &Service, ctx: &Context) -> Result<Vec<KeptRow>, Error> {
    let serving = service.slot.serving.as_ref();
    let paths = service.slot.kept.iter().map(|kept| deployment_path(&service.tenant, &kept.deployment));
    let found = ctx.ports.store.get_many(&paths.collect::<Vec<_>>()).await?;
    let row = |(kept, found): (&Kept, Option<Document>)| {
        let deployment: Option<Deployment> = found.map(|found| found.body.parse()).transpose()?;
        let serves = serving.is_some_and(|serving| serving.revision == kept.revision);
        let from = serving.filter(|_| !serves && service.slot.running.is_none());
        Ok(KeptRow {
            revision: kept.revision.clone(),
            deployment: kept.deployment.to_string(),
            commit: kept.commit.clone(),
            change: deployment.and_then(|it| change(&it.archive?.manifest.origin)),
            since: Moment::of(kept.since, ctx.now()),
            serving: serves,
            back: from.map(|serving| {
                let action = format!("/api/v1/deployments/{}/rollback", serving.deployment);
                (action, serde_json::json!({ "to": kept.revision }).to_string())
            }),
        })
    };
    service.slot.kept.iter().zip(found).map(row).collect()
}

/// First and last moment that was measured.
fn axis(observations: &[Observation], now: Timestamp) -> Option<(Moment, Moment)> {
    let (newest, oldest) = (observations.first()?, observations.last()?);
    Some((Moment::of(oldest.window.from, now), Moment::of(newest.window.to, now)))
}

fn sparks(observations: &[Observation], measured_ms: i64) -> Vec<Spark> {
    type Read = fn(&Observation) -> f64;
    type Quantity = (&'static str, Read, fn(f64) -> String);
    let all: [Quantity; 4] = [
        ("Requests a window", |seen| seen.counts.requests as f64, |n| words::count(n as u64)),
        ("Latency, median", |seen| seen.utilization.latency as f64 / 1e3, words::latency),
        ("Failed requests", |seen| seen.utilization.error_rate as f64 / 1e6, words::percent),
        ("CPU", |seen| seen.utilization.cpu as f64 / 1e6, words::percent),
    ];
    let month: Quantity = ("Cost on a month", |seen| seen.utilization.cost_month as f64 / 1e6, words::money);
    let spark = |(name, read, unit): Quantity| {
        let values: Vec<f64> = observations.iter().rev().map(read).collect();
        Spark {
            name,
            points: sparkline(&values),
            newest: unit(values.last().copied()?),
            most: unit(values.iter().copied().fold(0.0, f64::max)),
        }
        .into()
    };
    let told = |mut line: Spark| {
        if measured_ms < ENOUGH_FOR_A_MONTH_MS {
            (line.newest, line.most) = (words::too_early(measured_ms), String::new());
            line.points.clear();
        }
        line
    };
    all.into_iter().filter_map(spark).chain(spark(month).map(told)).collect()
}
