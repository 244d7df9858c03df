//! The first half: three releases, and what a client sees of them.

use super::{
    client::{Client, Seen},
    stage::{SERVICE, Stage, text},
    story::{Told, aside, told},
};
use crate::command::{
    follow::{Screen, watch},
    output::evidence,
    span,
    view::{Canary, Deployment, Started},
};
use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use std::time::Duration;

/// Answers of the faulty version that fail, in percent.
const FAULTY: u32 = 30;
/// Requests that are seen before a canary begins: how the stable side behaves is known then.
const WARM_UP: u64 = 500;
/// Requests after the return of traffic among which none may reach the faulty version.
const AFTERWARDS: u64 = 200;

/// Deploys a version and follows it to its rest.
async fn deploy(stage: &Stage, env: Value) -> Result<Deployment> {
    let body = json!({
        "path": text(&stage.app)?,
        "service": SERVICE,
        "strategy": "canary",
        // Windows are a second here: three of them, and 59 requests at each weight, before it may pass.
        "canary": { "bake_windows": 3, "min_requests": 59, "deadline_windows": 15 },
        "env": env,
    });
    let started: Started = stage.api.post("/api/v1/deployments", &body).await?;
    let (deployment, _) = watch(&stage.api, &started.deployment_id, &Screen::aside(stage.output)).await?;
    Ok(deployment)
}

/// Version 1, with nothing before it.
pub async fn first(stage: &Stage) -> Result<Told<()>> {
    let deployment = deploy(stage, json!({ "APP_VERSION": "1" })).await?;
    ensure!(deployment.succeeded(), "version 1 was not deployed: {}", why(&deployment));
    let url = deployment.url.clone().unwrap_or_default();
    Ok(told(format!("Version 1 serves at {url} after {}", took(&deployment))))
}

/// A client begins, and goes on through all that follows.
pub async fn requests(stage: &mut Stage) -> Result<Told<()>> {
    let client = Client::start(stage.ingress_port, &format!("{SERVICE}.localhost"))?;
    let client = stage.client.insert(client);
    let seen = client.until(|seen| seen.total() >= WARM_UP).await?;
    nothing_lost(&seen, "")?;
    let by_first = seen.of("1").0;
    ensure!(by_first == seen.total(), "version 1 answered {by_first} of {} requests", seen.total());
    Ok(told(format!(
        "{} requests at 200 a second through the ingress, all answered by version 1",
        seen.total()
    )))
}

/// Version 2 behaves like version 1: the canary must let it pass.
pub async fn equal(stage: &mut Stage) -> Result<Told<()>> {
    let before = stage.client()?.seen();
    let deployment = deploy(stage, json!({ "APP_VERSION": "2" })).await?;
    ensure!(
        deployment.succeeded(),
        "version 2 behaves as version 1 does and was not deployed: {}",
        why(&deployment)
    );
    let canary = canary(&deployment)?;
    ensure!(!canary.thin, "version 2 was let pass without enough requests to judge by");
    ensure!(canary.e_value < 100.0, "version 2 passed with an E-value of {}", canary.e_value);
    for weight in [10, 50, 100] {
        let step = format!("{weight} % of traffic");
        let told = deployment.timeline.iter().any(|entry| entry.text.contains(&step));
        ensure!(told, "version 2 never had {step}");
    }
    let client = stage.client()?;
    let seen = client.until(|seen| seen.since(&before).of("2").0 >= 200).await?.since(&before);
    nothing_lost(&seen, "")?;
    Ok(told(format!(
        "Version 2 passed 10, 50 and 100 % in {}: {}. None of the client's {} requests failed",
        took(&deployment),
        numbers(canary),
        seen.total()
    )))
}

/// Version 3 answers its health path and fails people: the canary must take it back, on what people met.
pub async fn faulty(stage: &mut Stage) -> Result<Told<()>> {
    let before = stage.client()?.seen();
    let env = json!({ "APP_VERSION": "3", "FAIL_PERCENT": FAULTY.to_string() });
    let deployment = deploy(stage, env).await?;
    let status = deployment.pipeline_status.as_deref().unwrap_or_default();
    ensure!(
        status == "ROLLED_BACK" || status == "FAILED",
        "version 3 fails {FAULTY} % of requests and ended {status}"
    );
    let failure = deployment.failure.as_ref().context("version 3 was taken back without a reason")?;
    ensure!(failure.code == "canary_failed", "version 3 ended by `{}`: {}", failure.code, failure.message);
    let healthy = deployment.checks.iter().any(|check| check.contains("GET /healthz answered 200"));
    ensure!(healthy, "version 3 was to pass its probe: {:?}", deployment.checks);
    let canary = canary(&deployment)?;
    ensure!(canary.e_value >= 100.0, "it was taken back at an E-value of {}, below 100", canary.e_value);
    let seen = afterwards(stage, &before).await?;
    nothing_lost(&seen, "3")?;
    ensure!(seen.of("3").1 > 0, "the client never met version 3, so there was nothing to judge by");
    aside(stage.output, &failure.message);
    Ok(told(format!(
        "Version 3 ({FAULTY} % of its answers fail, its health path is fine) was taken back in {}: {}. The client met \
         {} failures of version 3; of {} requests to version 2 none failed",
        took(&deployment),
        numbers(canary),
        seen.of("3").1,
        seen.of("2").0,
    )))
}

/// Waits until nothing reaches version 3 any more; what was under way when traffic turned may still arrive.
async fn afterwards(stage: &mut Stage, before: &Seen) -> Result<Seen> {
    tokio::time::sleep(Duration::from_millis(200)).await;
    let client = stage.client()?;
    let turned = client.seen();
    let seen = client.until(|seen| seen.total() >= turned.total() + AFTERWARDS).await?;
    let (well, failed) = seen.since(&turned).of("3");
    ensure!(
        well + failed == 0,
        "version 3 still answered {} requests after it was taken back",
        well + failed
    );
    Ok(seen.since(before))
}

/// Every request was answered well, except by that version.
fn nothing_lost(seen: &Seen, except: &str) -> Result<()> {
    let failed = seen.failed_beside(except);
    let example = seen.first_lost.as_deref().unwrap_or("an answer of 500");
    ensure!(failed == 0, "{failed} of the client's {} requests failed, for example: {example}", seen.total());
    Ok(())
}

fn canary(deployment: &Deployment) -> Result<&Canary> {
    deployment.canary.as_ref().context("the deployment has no canary")
}

fn numbers(canary: &Canary) -> String {
    format!("{} (E = {}, p = {})", canary.words, evidence(canary.e_value), evidence(canary.p_value))
}

fn took(deployment: &Deployment) -> String {
    span::words(deployment.duration_ms.unwrap_or_default())
}

fn why(deployment: &Deployment) -> String {
    let status = deployment.pipeline_status.clone().unwrap_or_default();
    let told = deployment.failure.as_ref().map(|failure| failure.message.clone());
    let last = || deployment.timeline.last().map(|entry| entry.text.clone()).unwrap_or_default();
    format!("{status}, {}", told.unwrap_or_else(last))
}
