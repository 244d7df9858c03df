//! `GET /api/v1/analytics`: sums of the daily counters.
//!
//! Invariant: one small document a day is read, however many deployments there were; no deployment is looked at.

use host::{Context, Error, Request, Response};
use model::{
    ServiceName,
    document::{Counters, Outcomes, StageCounters, counters_path},
    time::DAY_MS,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The most days that are summed.
const MOST_DAYS: u32 = 366;

/// What to sum.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AnalyticsQuery {
    /// How many days, today (UTC) among them, 1 to 366; 30 if absent.
    #[schema(minimum = 1, maximum = 366)]
    pub days: Option<u32>,
    /// Only of this service.
    #[schema(pattern = "^([a-z][a-z0-9]*(-[a-z0-9]+)*)?$", max_length = 34)]
    pub service: Option<String>,
}

/// How deployments of the last days ended.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct Analytics {
    /// First day, UTC.
    pub from: String,
    /// Last day: today.
    pub to: String,
    /// Deployments that came to rest.
    pub total: i64,
    /// Of them deployed.
    pub successful: i64,
    /// Failed, those stopped by the security check among them.
    pub failed: i64,
    /// Ended by a person.
    pub cancelled: i64,
    /// Made way for a newer one.
    pub superseded: i64,
    /// Taken back, some of them after they were deployed.
    pub rolled_back: i64,
    /// From the first stage to the end, in the mean; `null` without deployments.
    pub average_duration_seconds: Option<f64>,
    /// Failed ones as a share of all; `null` without deployments.
    pub error_rate: Option<f64>,
    /// By stage; `null` for one service, since stages are counted for all together.
    pub by_stage: Option<BTreeMap<String, StageSum>>,
    /// The same sums of each service, by its name.
    pub by_service: BTreeMap<String, ServiceSum>,
}

/// What came of one stage.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct StageSum {
    /// Times it ran.
    pub count: i64,
    /// Deployments that failed in it.
    pub failed: i64,
    /// How long it took in the mean; `null` if it never ran.
    pub average_duration_seconds: Option<f64>,
}

/// What came of one service's deployments.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct ServiceSum {
    /// Deployments that came to rest.
    pub total: i64,
    /// Of them deployed.
    pub successful: i64,
    /// Those that failed, a stop by the security check among them.
    pub failed: i64,
    /// Ended by a person.
    pub cancelled: i64,
    /// Made way for a newer one.
    pub superseded: i64,
    /// Those that were taken back, some after they were deployed.
    pub rolled_back: i64,
    /// From the first stage to the end, in the mean; `null` without deployments.
    pub average_duration_seconds: Option<f64>,
    /// Failed ones as a share of all; `null` without deployments.
    pub error_rate: Option<f64>,
}

/// Sums the counters.
pub async fn summarize(ctx: Context, request: Request) -> Result<Response, Error> {
    let wanted: AnalyticsQuery = request.query()?;
    let days = days(wanted.days)?;
    let only = wanted
        .service
        .filter(|name| !name.is_empty())
        .map(ServiceName::new)
        .transpose()
        .map_err(|error| Error::unprocessable(error.to_string()).field("service", error.why))?;
    Ok(Response::json(200, &sums(&ctx, days, only.as_ref()).await?))
}

fn days(given: Option<u32>) -> Result<u32, Error> {
    let days = given.unwrap_or(30);
    if (1..=MOST_DAYS).contains(&days) {
        return Ok(days);
    }
    let problem = format!("{days} is not from 1 to {MOST_DAYS}");
    Err(Error::unprocessable(format!("The query's `days` is wrong: {problem}.")).field("days", problem))
}

/// The sums of the last `days` days, of one service or of all.
pub async fn sums(ctx: &Context, days: u32, only: Option<&ServiceName>) -> Result<Analytics, Error> {
    let today = ctx.now();
    let first = today.plus(-i64::from(days - 1) * DAY_MS);
    let paths: Vec<_> = (0..i64::from(days))
        .map(|day| Ok(counters_path(ctx.tenant()?, first.plus(day * DAY_MS))))
        .collect::<Result<_, Error>>()?;
    let mut sum = Counters::default();
    for found in ctx.ports.store.get_many(&paths).await?.into_iter().flatten() {
        sum.add(&found.body.parse()?);
    }
    Ok(Analytics::of(sum, first.day(), today.day(), only))
}

impl Analytics {
    fn of(mut sum: Counters, from: String, to: String, only: Option<&ServiceName>) -> Self {
        if let Some(name) = only {
            sum.services.retain(|service, _| service == name.as_str());
            sum.all = sum.services.get(name.as_str()).copied().unwrap_or_default();
        }
        let all = sum.all;
        Self {
            from,
            to,
            total: all.total,
            successful: all.successful,
            failed: all.failed,
            cancelled: all.cancelled,
            superseded: all.superseded,
            rolled_back: all.rolled_back,
            average_duration_seconds: seconds(all.duration_ms, all.total),
            error_rate: ratio(all.failed, all.total),
            by_stage: only
                .is_none()
                .then(|| sum.stages.iter().map(|(n, ran)| (n.clone(), StageSum::of(*ran))).collect()),
            by_service: sum
                .services
                .iter()
                .map(|(name, counts)| (name.clone(), ServiceSum::of(*counts)))
                .collect(),
        }
    }
}

impl ServiceSum {
    fn of(sum: Outcomes) -> Self {
        Self {
            total: sum.total,
            successful: sum.successful,
            failed: sum.failed,
            cancelled: sum.cancelled,
            superseded: sum.superseded,
            rolled_back: sum.rolled_back,
            average_duration_seconds: seconds(sum.duration_ms, sum.total),
            error_rate: ratio(sum.failed, sum.total),
        }
    }
}

impl StageSum {
    fn of(sum: StageCounters) -> Self {
        Self {
            count: sum.count,
            failed: sum.failed,
            average_duration_seconds: seconds(sum.duration_ms, sum.count),
        }
    }
}

fn ratio(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn seconds(ms: i64, n: i64) -> Option<f64> {
    ratio(ms, n).map(|mean_ms| mean_ms / 1e3)
}
