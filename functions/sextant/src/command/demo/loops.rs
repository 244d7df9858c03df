//! The second half: what was measured, what somebody said, and what the next decision makes of it.

use super::{
    mail::{self, Asked},
    stage::{SERVICE, Stage, text},
    story::{Told, aside, told},
};
use crate::command::{
    client::encoded,
    view::{Estimate, Prediction},
};
use anyhow::{Context as _, Result, bail, ensure};
use model::time::{DAY_MS, HOUR_MS};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// How long the functions may take to do what is due.
const PATIENCE: Duration = Duration::from_secs(15);
/// How much more a month really costs than was predicted at that traffic, as the form will say.
const DEARER: f64 = 2.5;

/// What the demo reads of an observation's JSON.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Observation {
    requests: u64,
    requests_month: i64,
    cpu_utilization: f64,
    memory_utilization: f64,
    latency_ms: f64,
    error_rate: f64,
    /// US dollars, of the window.
    cost: f64,
}

/// Looks until something is there.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let found = async {
        loop {
            if let Some(found) = look().await? {
                return anyhow::Ok(found);
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, found).await;
    found.with_context(|| format!("{what} did not come within {} s", PATIENCE.as_secs()))?
}

async fn tick(stage: &Stage, by_ms: i64) -> Result<()> {
    let _: Value = stage.api.post("/local/v1/tick", &json!({ "by_ms": by_ms })).await?;
    Ok(())
}

/// An hour on, the service is due to be measured: over the real time since it began to serve.
pub async fn measure(stage: &mut Stage) -> Result<Told<Observation>> {
    tick(stage, HOUR_MS).await?;
    let path = format!("/api/v1/observations?service={SERVICE}&limit=1");
    let seen: Observation = until("an observation", async || {
        let value: Value = stage.api.get(&path).await?;
        let newest = &value["observations"][0];
        Ok(if newest.is_null() { None } else { Some(serde_json::from_value(newest.clone())?) })
    })
    .await?;
    ensure!(seen.requests > 0, "the observation counts no requests, and the client sent thousands");
    let client = stage.client.take().context("the client is not at work")?.stop().await;
    // An hour is no month: what it cost is told, and the page says that it's too early for more.
    let words = format!(
        "{} requests of version 2, CPU {:.1} %, memory {:.1} %, median {:.1} ms, {:.2} % bad: {:.6} USD so far at list price (an estimate). The client sent {} in all",
        seen.requests,
        seen.cpu_utilization * 100.0,
        seen.memory_utilization * 100.0,
        seen.latency_ms,
        seen.error_rate * 100.0,
        seen.cost,
        client.total()
    );
    Ok(Told { value: seen, words })
}

/// Seven days on, the owner is asked by mail.
pub async fn week(stage: &Stage) -> Result<Told<Asked>> {
    tick(stage, 7 * DAY_MS).await?;
    let asked =
        until("a mail with a link to a form", async || Ok(mail::find(&stage.data.join("mail")))).await?;
    for line in asked.lines.iter().filter(|line| !line.trim().is_empty()) {
        aside(stage.output, line);
    }
    let words = format!("The timers went 7 days forward, and the owner got a mail: \"{}\"", asked.subject);
    Ok(Told { value: asked, words })
}

/// What a new app of the same kind is predicted to cost at the traffic that was measured.
async fn decide(stage: &Stage, measured: &Observation) -> Result<(Estimate, Vec<String>)> {
    let body = json!({ "path": text(&stage.app)?, "requests_month": measured.requests_month.max(1) });
    let decision: Value = stage.api.post("/api/v1/decisions", &body).await?;
    let prediction: Prediction = serde_json::from_value(decision["prediction"].clone())?;
    let reasons = serde_json::from_value(decision["reasons"].clone()).unwrap_or_default();
    Ok((prediction.cost_month, reasons))
}

/// Before anything was learned.
pub async fn predict(stage: &Stage, measured: &Observation) -> Result<Told<Estimate>> {
    let (cost, _) = decide(stage, measured).await?;
    ensure!(cost.value > 0.0, "the prediction is {} USD a month", cost.value);
    let words = format!("A similar app with this traffic is expected to cost {}", cost.dollars());
    Ok(Told { value: cost, words })
}

/// The owner opens the link and says what a month really costs.
pub async fn answer(stage: &Stage, asked: &Asked, predicted: &Estimate) -> Result<Told<f64>> {
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let fields = mail::open(&http, &asked.link).await?;
    let paid = (predicted.value * DEARER * 100.0).round() / 100.0;
    let body: Vec<String> =
        fields.iter().map(|name| format!("{}={}", encoded(name), encoded(&value(name, paid)))).collect();
    let request = http.post(&asked.link).header("content-type", "application/x-www-form-urlencoded");
    let response = request.header("accept", "text/html").body(body.join("&")).send().await?;
    let status = response.status();
    if !status.is_success() && !status.is_redirection() {
        bail!("the form answered {status}: {}", response.text().await.unwrap_or_default());
    }
    let again = http.get(&asked.link).send().await?.status();
    ensure!(again.as_u16() == 410, "a used link answered {again} instead of 410");
    let words = format!(
        "The form was opened by the mail's link and sent: a month really costs {paid:.2} USD. The link is used up"
    );
    aside(stage.output, &asked.link);
    Ok(Told { value: paid, words })
}

/// What goes into a field of the form.
fn value(name: &str, paid: f64) -> String {
    let has = |part: &str| name.contains(part);
    match name {
        _ if has("cost") => format!("{paid:.2}"),
        _ if has("currency") => "USD".to_owned(),
        _ if has("satisfaction") => "6".to_owned(),
        _ if has("type") || has("fit") || has("kind") => "perfect_fit".to_owned(),
        _ if has("comment") => "Runs well, and costs more than we were told.".to_owned(),
        _ => String::new(),
    }
}

/// What was learned, if anything may be.
pub async fn learn(stage: &Stage) -> Result<Told<()>> {
    // Nothing is left to do once the broker is idle: what is not there then does not come.
    let idle = tokio::time::timeout(PATIENCE, stage.broker.idle()).await;
    idle.context("the functions are still busy after 15 s; `--log info` shows with what")?;
    let value: Value = stage.api.get("/api/v1/learnings").await?;
    let newest = &value["learnings"][0];
    let lines =
        |name: &str| -> Vec<String> { serde_json::from_value(newest[name].clone()).unwrap_or_default() };
    for sentence in lines("explanation") {
        aside(stage.output, &sentence);
    }
    if newest.is_null() {
        return Ok(told("Nothing was learned: learning is switched off, or did not come about"));
    }
    let impact = newest["impact"].as_str().unwrap_or_default();
    Ok(told(format!("{} (impact {impact})", lines("updates_generated").join("; "))))
}

/// The same question again: the answer must have moved towards what was paid.
pub async fn compare(
    stage: &Stage,
    measured: &Observation,
    before: &Estimate,
    paid: f64,
) -> Result<Told<()>> {
    let (after, reasons) = decide(stage, measured).await?;
    let words = format!(
        "{:.2} USD a month before, {:.2} after (90 % between {:.2} and {:.2}, n = {}); really paid: {paid:.2}",
        before.value, after.value, after.low, after.high, after.n
    );
    let moved = after.value - before.value;
    ensure!(
        moved.abs() > 0.005 * before.value,
        "the next prediction stays as it was, so nothing was learned: {words}"
    );
    ensure!(
        moved * (paid - before.value) > 0.0,
        "the next prediction moved away from what was paid: {words}"
    );
    if let Some(reason) = reasons.iter().find(|reason| reason.contains("deployment-month")) {
        aside(stage.output, reason);
    }
    Ok(told(words))
}
