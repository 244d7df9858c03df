//! `GET /api/v1/analytics`: sums of the daily counters.
//!
//! Invariant: one small document a day is read, however many deployments there were; no deployment is looked at.

use host::{Context, Error, Request, Response};
use model::{ServiceName, document::counters_path, time::DAY_MS};
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
    /// By service.
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
    /// Failed.
    pub failed: i64,
    /// Ended by a person.
    pub cancelled: i64,
    /// Made way for a newer one.
    pub superseded: i64,
    /// Taken back.
    pub rolled_back: i64,
    /// From the first stage to the end, in the mean; `null` without deployments.
    pub average_duration_seconds: Option<f64>,
    /// Failed ones as a share of all; `null` without deployments.
    pub error_rate: Option<f64>,
}

/// Counters as they are stored, of a day or of a service in it.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Outcomes {
    total: i64,
    successful: i64,
    failed: i64,
    cancelled: i64,
    superseded: i64,
    rolled_back: i64,
    duration_ms: i64,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
struct Ran {
    count: i64,
    failed: i64,
    duration_ms: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Day {
    #[serde(flatten)]
    all: Outcomes,
    stages: BTreeMap<String, Ran>,
    services: BTreeMap<String, Outcomes>,
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
    let mut sum = Day::default();
    for found in ctx.ports.store.get_many(&paths).await?.into_iter().flatten() {
        sum.add(&found.body.parse()?);
    }
    Ok(sum.view(first.day(), today.day(), only))
}

impl Day {
    fn add(&mut self, day: &Self) {
        self.all.add(&day.all);
        for (name, counts) in &day.services {
            self.services.entry(name.clone()).or_default().add(counts);
        }
        for (name, ran) in &day.stages {
            let sum = self.stages.entry(name.clone()).or_default();
            sum.count += ran.count;
            sum.failed += ran.failed;
            sum.duration_ms += ran.duration_ms;
        }
    }

    fn view(mut self, from: String, to: String, only: Option<&ServiceName>) -> Analytics {
        if let Some(name) = only {
            self.services.retain(|service, _| service == name.as_str());
            self.all = self.services.get(name.as_str()).copied().unwrap_or_default();
        }
        let all = self.all;
        Analytics {
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
                .then(|| self.stages.iter().map(|(n, ran)| (n.clone(), ran.view())).collect()),
            by_service: self.services.iter().map(|(name, counts)| (name.clone(), counts.view())).collect(),
        }
    }
}

impl Outcomes {
    fn add(&mut self, more: &Self) {
        self.total += more.total;
        self.successful += more.successful;
        self.failed += more.failed;
        self.cancelled += more.cancelled;
        self.superseded += more.superseded;
        self.rolled_back += more.rolled_back;
        self.duration_ms += more.duration_ms;
    }

    fn view(&self) -> ServiceSum {
        ServiceSum {
            total: self.total,
            successful: self.successful,
            failed: self.failed,
            cancelled: self.cancelled,
            superseded: self.superseded,
            rolled_back: self.rolled_back,
            average_duration_seconds: seconds(self.duration_ms, self.total),
            error_rate: ratio(self.failed, self.total),
        }
    }
}

impl Ran {
    fn view(&self) -> StageSum {
        StageSum {
            count: self.count,
            failed: self.failed,
            average_duration_seconds: seconds(self.duration_ms, self.count),
        }
    }
}

fn ratio(part: i64, whole: i64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn seconds(ms: i64, n: i64) -> Option<f64> {
    ratio(ms, n).map(|mean_ms| mean_ms / 1e3)
}
