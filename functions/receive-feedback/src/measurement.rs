//! Measurements as a customer sends them, and as an observation has them.

use crate::share;
use host::{Error, Findings};
use model::{
    Timestamp,
    document::Utilization,
    port::target::{RevisionWindow, Window},
    time::{DAY_MS, MINUTE_MS},
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A month, as predictions count it.
const MONTH_MS: i64 = 30 * DAY_MS;
/// Windows are at most this long.
const LONGEST_MS: i64 = 31 * DAY_MS;
/// The window of who names none: what came before, up to the full minute.
const ASSUMED_MS: i64 = 5 * MINUTE_MS;

/// What a customer measured.
#[derive(Deserialize, utoipa::ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body; it is read field by field, so that all problems are told at once"
)]
pub struct MetricsBody {
    /// Where the numbers come from, such as `cloud-monitoring`.
    source: String,
    /// `cpu_utilization`, `memory_utilization` and `error_rate` as a fraction or in percent (a value over 1 is percent,
    /// so `0.25` and `25` are the same), `request_count`, `latency_ms`; directly or under `cloud_run`.
    #[schema(value_type = Object)]
    metrics: Value,
    /// `projected_monthly_cost` (or `actual_monthly_cost`) and `currency`.
    #[schema(value_type = Option<Object>)]
    cost: Option<Value>,
    /// `from` and `to`, RFC 3339; the five minutes before the present one if absent.
    #[schema(value_type = Option<Object>)]
    window: Option<Value>,
}

/// A checked body.
#[derive(Debug)]
pub struct Measurement {
    /// When it was measured.
    pub window: Window,
    /// What the customer counted in the window, in our units.
    pub counts: RevisionWindow,
    /// Shares and money.
    pub utilization: Utilization,
    /// What could not be used, for whoever sent it.
    pub note: Option<String>,
}

/// Numbers of the body, where they were sent.
#[derive(Default)]
struct Told {
    cpu: Option<f64>,
    memory: Option<f64>,
    errors: Option<f64>,
    requests: Option<f64>,
    latency_ms: Option<f64>,
    cost_month: Option<f64>,
}

/// Reads the body; `now` is real time.
pub fn read(body: &Map<String, Value>, now: Timestamp) -> Result<Measurement, Error> {
    let mut findings = Findings::default();
    let source = body.get("source").and_then(Value::as_str).map(str::trim).unwrap_or_default();
    findings.require((1..=100).contains(&source.chars().count()), "source", || {
        "it must be a text of 1 to 100 characters: where the numbers come from".to_owned()
    });
    let window = window(body.get("window"), now, &mut findings);
    let mut told = metrics(body.get("metrics"), &mut findings);
    let note;
    (told.cost_month, note) = cost(body.get("cost"), &mut findings);
    let all = [told.cpu, told.memory, told.errors, told.requests, told.latency_ms, told.cost_month];
    findings.require(all.iter().any(Option::is_some) || note.is_some(), "metrics", || {
        "it has none of cpu_utilization, memory_utilization, request_count, error_rate and latency_ms, and there is no cost"
            .to_owned()
    });
    findings.finish()?;
    Ok(Measurement { window, counts: counts(&told), utilization: utilization(&told, window), note })
}

fn metrics(value: Option<&Value>, findings: &mut Findings) -> Told {
    let Some(metrics) = value.and_then(Value::as_object) else {
        findings.add("metrics", "it must be an object");
        return Told::default();
    };
    let metrics = metrics.get("cloud_run").and_then(Value::as_object).unwrap_or(metrics);
    let mut number = |name: &str, most: f64| {
        let value = metrics.get(name).filter(|value| !value.is_null())?;
        let number = value.as_f64().filter(|number| (0.0..=most).contains(number));
        let field = format!("metrics.{name}");
        findings.require(number.is_some(), &field, || format!("it must be a number from 0 to {most}"));
        number
    };
    Told {
        requests: number("request_count", 1e12),
        latency_ms: number("latency_ms", 3.6e6),
        cpu: share::take(metrics, "cpu_utilization", "metrics", findings),
        memory: share::take(metrics, "memory_utilization", "metrics", findings),
        errors: share::take(metrics, "error_rate", "metrics", findings),
        cost_month: None,
    }
}

fn counts(told: &Told) -> RevisionWindow {
    let requests = told.requests.unwrap_or(0.0).round();
    RevisionWindow {
        requests: requests as u64,
        server_errors: (requests * told.errors.unwrap_or(0.0)).round() as u64,
        ..RevisionWindow::default()
    }
}

fn utilization(told: &Told, window: Window) -> Utilization {
    let millionths = |share: Option<f64>| (share.unwrap_or(0.0) * 1e6).round() as i64;
    let months = window.to.since(window.from).max(1) as f64 / MONTH_MS as f64;
    let cost_month = millionths(told.cost_month);
    Utilization {
        cpu: millionths(told.cpu),
        memory: millionths(told.memory),
        latency: (told.latency_ms.unwrap_or(0.0) * 1e3).round() as i64,
        error_rate: millionths(told.errors),
        cost: (cost_month as f64 * months).round() as i64,
        cost_month,
        requests_month: (told.requests.unwrap_or(0.0) / months).round() as i64,
    }
}

/// Dollars a month. Other currencies are neither converted nor kept: a bill in them is for the feedback.
fn cost(value: Option<&Value>, findings: &mut Findings) -> (Option<f64>, Option<String>) {
    let Some(value) = value.filter(|value| !value.is_null()) else { return (None, None) };
    let named = |name: &str| value.get(name).filter(|value| !value.is_null());
    let paid = named("projected_monthly_cost").or_else(|| named("actual_monthly_cost"));
    let paid = if value.is_number() { Some(value) } else { paid };
    let amount = paid.and_then(Value::as_f64).filter(|paid| (0.0..=1e9).contains(paid));
    findings.require(amount.is_some(), "cost", || {
        "it must have `projected_monthly_cost` or `actual_monthly_cost`, a number from 0 to 1,000,000,000"
            .to_owned()
    });
    let currency = named("currency").map_or(Some("USD"), Value::as_str).unwrap_or_default();
    if currency.eq_ignore_ascii_case("USD") {
        return (amount, None);
    }
    let legal = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_alphabetic());
    findings.require(legal, "cost.currency", || "it must be three letters, such as USD".to_owned());
    (None, Some(format!("The cost is in {currency}; nothing is converted, so it was left out.")))
}

fn window(value: Option<&Value>, now: Timestamp, findings: &mut Findings) -> Window {
    let to = Timestamp(now.0 - now.0.rem_euclid(MINUTE_MS));
    let assumed = Window { from: to.plus(-ASSUMED_MS), to };
    let Some(value) = value.filter(|value| !value.is_null()) else { return assumed };
    findings.require(value.is_object(), "window", || "it must be an object with `from` and `to`".to_owned());
    let mut point = |name: &str| {
        let point = value.get(name).and_then(Value::as_str).and_then(Timestamp::parse);
        findings.require(point.is_some(), &format!("window.{name}"), || {
            "it must be a moment of the calendar, such as 2026-11-20T05:40:00Z".to_owned()
        });
        point
    };
    let (Some(from), Some(to)) = (point("from"), point("to")) else { return assumed };
    findings.require((1_000..=LONGEST_MS).contains(&to.since(from)), "window", || {
        "`to` must be a second to 31 days after `from`".to_owned()
    });
    findings.require(to <= now.plus(MINUTE_MS), "window.to", || "it must not lie in the future".to_owned());
    Window { from, to }
}
