//! What was measured.

use super::{millionths, milliseconds, time};
use model::{
    Timestamp,
    document::{Observation, Service},
    time::DAY_MS,
};
use serde::Serialize;
use utoipa::ToSchema;

/// What the newest window of a deployment says.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct MetricsView {
    /// The app itself.
    pub cloud_run: AppMetrics,
    /// Its database, where it has one that is measured.
    pub cloud_sql: Option<DatabaseMetrics>,
    /// What it costs.
    pub billing: Billing,
    /// When this was recorded.
    pub collected_at: String,
    /// `machine`, `cloud-run`, or `webhook` when the customer sent it.
    pub source: String,
    /// First moment of the window.
    pub window_from: String,
    /// First moment after it.
    pub window_to: String,
    /// For how long this deployment was measured, in milliseconds: a month says little before it is a day.
    pub measured_ms: i64,
}

/// Measured for less than this, a month would be made of minutes: nobody is told one.
pub const ENOUGH_FOR_A_MONTH_MS: i64 = DAY_MS;

/// How the app did in a window.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AppMetrics {
    /// CPU used, as a share of what is configured.
    pub cpu_utilization: f64,
    /// Memory used, as a share of what is configured.
    pub memory_utilization: f64,
    /// Requests answered.
    pub request_count: u64,
    /// Share of requests that failed (5xx).
    pub error_rate: f64,
    /// Median time to answer, in milliseconds.
    pub latency_ms: f64,
}

/// How its database did in a window.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DatabaseMetrics {
    /// CPU used, as a share of what there is.
    pub cpu_utilization: f64,
    /// Memory used, as a share of what there is.
    pub memory_utilization: f64,
    /// Connections that were open when the window ended.
    pub connections: u64,
}

/// US dollars.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Billing {
    /// The service's this calendar month (UTC), summed over its windows; where windows don't follow each other (a
    /// webhook's), the measured rate over the time served.
    pub current_month_cost: f64,
    /// The measured rate over a month of 30 days.
    pub projected_monthly_cost: f64,
    /// Whether the rate was reckoned from list prices rather than read from a bill.
    pub estimated: bool,
}

impl MetricsView {
    /// The newest window, looked at now. `since`: when this deployment began to serve.
    pub fn of(observation: &Observation, since: Timestamp, now: Timestamp) -> Self {
        let used = &observation.utilization;
        Self {
            cloud_run: AppMetrics {
                cpu_utilization: millionths(used.cpu),
                memory_utilization: millionths(used.memory),
                request_count: observation.counts.requests,
                error_rate: millionths(used.error_rate),
                latency_ms: milliseconds(used.latency),
            },
            cloud_sql: None,
            billing: Billing {
                current_month_cost: millionths(this_month(observation, since, now)),
                projected_monthly_cost: millionths(used.cost_month),
                estimated: observation.cost_estimated,
            },
            collected_at: time(observation.collected_at),
            source: observation.source.clone(),
            window_from: time(observation.window.from),
            window_to: time(observation.window.to),
            measured_ms: measured_ms(observation, since),
        }
    }
}

/// What this calendar month has cost so far.
fn this_month(newest: &Observation, since: Timestamp, now: Timestamp) -> i64 {
    match &newest.spent {
        Some(spent) if spent.month == now.month() => spent.micros,
        Some(_) => 0,
        None => month_to_date(newest.utilization.cost_month, since, now),
    }
}

/// The part of a month's cost that this calendar month has seen so far.
fn month_to_date(cost_month: i64, since: Timestamp, now: Timestamp) -> i64 {
    let served_ms = now.since(now.month().start().max(since)).max(0);
    (i128::from(cost_month) * i128::from(served_ms) / i128::from(30 * DAY_MS)) as i64
}

/// For how long what has served since then was measured, in milliseconds.
pub fn measured_ms(newest: &Observation, since: Timestamp) -> i64 {
    newest.window.to.since(since).max(0)
}

/// When a deployment began to serve, as far as its service still knows.
pub fn serving_since(service: Option<&Service>, observation: &Observation) -> Timestamp {
    service
        .and_then(|service| service.slot.kept.iter().find(|kept| kept.deployment == observation.deployment))
        .map_or(observation.window.from, |kept| kept.since)
}

/// One window of a service.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ObservationView {
    /// The observation's id.
    pub observation_id: String,
    /// Of which service.
    pub service: String,
    /// Which deployment served.
    pub deployment_id: String,
    /// Which decision that carried out.
    pub decision_id: Option<String>,
    /// First moment of the window.
    pub from: String,
    /// First moment after it.
    pub to: String,
    /// When it was recorded.
    pub collected_at: String,
    /// `machine`, `cloud-run` or `webhook`.
    pub source: String,
    /// Requests answered.
    pub requests: u64,
    /// Of them 4xx.
    pub client_errors: u64,
    /// Of them 5xx, or cut off.
    pub server_errors: u64,
    /// CPU used, as a share of what is configured.
    pub cpu_utilization: f64,
    /// Memory used, as a share of what is configured.
    pub memory_utilization: f64,
    /// Median time to answer, in milliseconds.
    pub latency_ms: f64,
    /// Share of requests that failed.
    pub error_rate: f64,
    /// Cost of the window in US dollars.
    pub cost: f64,
    /// The same on a month of 30 days.
    pub cost_month: f64,
    /// Requests, on a month of 30 days.
    pub requests_month: i64,
    /// Whether the cost was reckoned from list prices.
    pub cost_estimated: bool,
}

impl From<&Observation> for ObservationView {
    fn from(seen: &Observation) -> Self {
        let used = &seen.utilization;
        Self {
            observation_id: seen.id.to_string(),
            service: seen.service.to_string(),
            deployment_id: seen.deployment.to_string(),
            decision_id: seen.decision.as_ref().map(ToString::to_string),
            from: time(seen.window.from),
            to: time(seen.window.to),
            collected_at: time(seen.collected_at),
            source: seen.source.clone(),
            requests: seen.counts.requests,
            client_errors: seen.counts.client_errors,
            server_errors: seen.counts.server_errors,
            cpu_utilization: millionths(used.cpu),
            memory_utilization: millionths(used.memory),
            latency_ms: milliseconds(used.latency),
            error_rate: millionths(used.error_rate),
            cost: millionths(used.cost),
            cost_month: millionths(used.cost_month),
            requests_month: used.requests_month,
            cost_estimated: seen.cost_estimated,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_counts_from_its_first_day_or_from_when_it_began_to_serve() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let cost = 30_000_000;
        let now = at("2026-11-20T00:00:00Z");
        assert_eq!(month_to_date(cost, at("2026-10-02"), now), 19_000_000);
        assert_eq!(month_to_date(cost, at("2026-11-18"), now), 2_000_000);
        assert_eq!(month_to_date(cost, at("2026-11-21"), now), 0);
    }
}
