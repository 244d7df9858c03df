//! `GET /`: services, what they cost against what was predicted, and the newest deployments.

use super::{html, link, words, words::Moment};
use crate::{
    api::{
        list_deployments::{self, ListQuery},
        list_services::{self, ServicesQuery},
        summarize,
    },
    read,
    view::{ENOUGH_FOR_A_MONTH_MS, measured_ms, millionths, serving_since},
};
use askama::Template;
use futures::future::try_join_all;
use host::{Context, Error, Request, Response};
use model::{
    document::{CarriedOutBy, Decision, Deployment, Observation, Service, decision_path},
    port::store::Comparison,
};
use serde::Deserialize;

/// Services on a page: each takes a query of its own.
const SERVICES: usize = 24;
/// Days that the sums cover.
const DAYS: u32 = 30;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Wanted {
    cursor: Option<String>,
    services: Option<String>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    sums: Vec<(&'static str, String)>,
    services: Vec<Card>,
    more_services: Option<String>,
    deployments: Vec<Row>,
    next: Option<String>,
    target: &'static str,
}

struct Card {
    name: String,
    environment: String,
    url: Option<String>,
    state: &'static str,
    tone: &'static str,
    since: Option<Moment>,
    running: Option<String>,
    predicted: Option<String>,
    interval: Option<String>,
    measured: Option<String>,
}

/// How a service stands, in a word, and how that looks.
pub fn state(service: &Service) -> (&'static str, &'static str) {
    match (&service.slot.running, service.live()) {
        (Some(_), _) => ("Deploying", "busy"),
        (None, Some(_)) => ("Serving", "good"),
        (None, None) if service.slot.stopped.is_some() => ("Stopped", "calm"),
        (None, None) => ("Nothing serves", "calm"),
    }
}

/// Where a service answers; none where nothing does.
pub fn address(service: &Service) -> Option<String> {
    link(service.slot.url.as_deref().filter(|_| service.live().is_some()))
}

/// One deployment in a table.
pub struct Row {
    /// The deployment's id, which its page's address ends with.
    pub id: String,
    /// Of which service.
    pub service: String,
    /// The status in a word.
    pub status: &'static str,
    /// How that looks.
    pub tone: &'static str,
    /// 0–100.
    pub progress: u8,
    /// Whether it still moves.
    pub busy: bool,
    /// When it was accepted.
    pub at: Moment,
    /// How long it took.
    pub took: String,
    /// Its commit, short.
    pub commit: String,
    /// What happened last.
    pub text: String,
}

impl Row {
    /// As seen now.
    pub fn of(deployment: &Deployment, ctx: &Context) -> Self {
        let ours = deployment.carried_out_by == CarriedOutBy::Sextant;
        let took = crate::view::duration_ms(deployment, ctx.real());
        Self {
            id: deployment.id.to_string(),
            service: deployment.service.to_string(),
            status: if ours { words::status(deployment.status) } else { "Registered" },
            tone: if ours { words::tone(deployment.status) } else { "calm" },
            progress: deployment.progress,
            busy: !deployment.status.at_rest(),
            at: Moment::of(deployment.created_at, ctx.now()),
            took: took.map(words::duration).unwrap_or_default(),
            commit: deployment.commit.as_deref().unwrap_or_default().chars().take(8).collect(),
            text: deployment.timeline.last().map_or_else(String::new, |entry| entry.text.clone()),
        }
    }
}

/// The page.
pub async fn page(ctx: Context, request: Request) -> Result<Response, Error> {
    let wanted: Wanted = request.query()?;
    let (services, more_services) =
        list_services::page(&ctx, ServicesQuery { limit: Some(SERVICES), cursor: wanted.services }).await?;
    let newest = ListQuery { cursor: wanted.cursor, ..ListQuery::default() };
    let (deployments, next) = list_deployments::page(&ctx, newest).await?;
    html(&Page {
        sums: sums(&ctx).await?,
        services: cards(&ctx, &services).await?,
        more_services,
        deployments: deployments.iter().map(|deployment| Row::of(deployment, &ctx)).collect(),
        next,
        target: ctx.ports.target.name(),
    })
}

async fn sums(ctx: &Context) -> Result<Vec<(&'static str, String)>, Error> {
    let sums = summarize::sums(ctx, DAYS, None).await?;
    let count = |n: i64| words::count(n.unsigned_abs());
    let average = sums.average_duration_seconds.map(|s| words::duration((s * 1e3) as i64));
    Ok(vec![
        ("deployments in 30 days", count(sums.total)),
        ("deployed", count(sums.successful)),
        ("failed", count(sums.failed)),
        ("rolled back", count(sums.rolled_back)),
        ("average duration", average.unwrap_or_else(|| "–".to_owned())),
    ])
}

async fn cards(ctx: &Context, services: &[Service]) -> Result<Vec<Card>, Error> {
    let decisions = decisions(ctx, services).await?;
    let observations = try_join_all(services.iter().map(|service| newest(ctx, service))).await?;
    let cards = services.iter().zip(decisions).zip(observations);
    Ok(cards
        .map(|((service, decision), seen)| Card::of(service, decision.as_ref(), seen.as_ref(), ctx))
        .collect())
}

/// The decision that serves, of each service.
async fn decisions(ctx: &Context, services: &[Service]) -> Result<Vec<Option<Decision>>, Error> {
    let tenant = ctx.tenant()?;
    let serving = |service: &Service| service.slot.serving.as_ref()?.decision.clone();
    let ids: Vec<_> = services.iter().map(serving).collect();
    let paths: Vec<_> = ids.iter().flatten().map(|id| decision_path(tenant, id)).collect();
    let mut found = ctx.ports.store.get_many(&paths).await?.into_iter();
    let mut decisions = vec![];
    for id in &ids {
        let document = id.as_ref().and_then(|_| found.next().flatten());
        decisions.push(document.map(|document| document.body.parse()).transpose()?);
    }
    Ok(decisions)
}

async fn newest(ctx: &Context, service: &Service) -> Result<Option<Observation>, Error> {
    let query = read::newest(ctx.tenant()?, "observations", "to", 1).filter(
        "service",
        Comparison::Equal,
        service.name.as_str(),
    );
    Ok(read::all(&ctx.ports.store.query(&query).await?.documents)?.pop())
}

impl Card {
    fn of(service: &Service, decision: Option<&Decision>, seen: Option<&Observation>, ctx: &Context) -> Self {
        let cost = decision.map(|decision| &decision.prediction.cost_month);
        let dollars = |micros: i64| words::money(millionths(micros));
        let (state, tone) = state(service);
        Self {
            name: service.name.to_string(),
            environment: service.environment.clone(),
            url: address(service),
            state,
            tone,
            since: service.slot.serving.as_ref().map(|kept| Moment::of(kept.since, ctx.now())),
            running: service.slot.running.as_ref().map(ToString::to_string),
            predicted: cost.map(|cost| dollars(cost.value)),
            interval: cost.map(|cost| format!("{} – {}", dollars(cost.low), dollars(cost.high))),
            measured: seen.map(|seen| {
                let ms = measured_ms(seen, serving_since(Some(service), seen));
                if ms < ENOUGH_FOR_A_MONTH_MS {
                    words::too_early(ms)
                } else {
                    dollars(seen.utilization.cost_month)
                }
            }),
        }
    }
}
