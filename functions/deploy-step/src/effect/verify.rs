//! Probes the new revision at its own address, for a while, and looks at what came before it.

use super::{Failed, lately, synthetic};
use forecast::canary::{Traffic, outlook};
use host::Context;
use inspect::{diagnose::Answer, redact::Redactor};
use model::{
    deployment::{Before, Outcome},
    document::{Deployment, Strategy},
    port::target::{Plan, Probe},
    text::visible,
    time::SECOND_MS,
};
use std::time::Duration;

/// How long one delivery goes on probing; a message goes on after that.
const PROBE_FOR_MS: i64 = 8 * SECOND_MS;

/// Probes until it is healthy or dead, or this delivery has taken long enough.
pub async fn probe(ctx: &Context, deployment: &Deployment) -> Result<Outcome, Failed> {
    let began = ctx.real();
    let limit = PROBE_FOR_MS.min(deployment.limits.verify_ms);
    let mut pause_ms = 5;
    loop {
        let probe = once(ctx, deployment).await?;
        if probe.healthy {
            return Ok(Outcome::Probed { probe, before: before(ctx, deployment).await? });
        }
        let late = ctx.real().since(began) >= limit;
        if probe.dead || late {
            // Whoever finds fault with a request for so long doesn't warm up.
            let dead = probe.dead || late && probe.status == Some(400);
            return Ok(Outcome::Probed { probe: Probe { dead, ..probe }, before: None });
        }
        ctx.ports.clock.sleep(Duration::from_millis(pause_ms)).await;
        pause_ms = (pause_ms * 2).min(250);
    }
}

/// One try at the health path.
pub async fn once(ctx: &Context, deployment: &Deployment) -> Result<Probe, Failed> {
    let path = deployment.plan.as_ref().and_then(|plan| plan.health_path.as_deref()).unwrap_or("/");
    let probe = ctx.ports.target.probe(&deployment.key(), &deployment.revision_name(), path).await?;
    Ok(judge(probe, path, deployment.plan.as_ref()))
}

/// What an answer says of the app, in its own words where there are some. A path that was named as the one to ask must
/// answer below 400; one that the source only seems to serve, and `/`, may be missing, closed to strangers, or want more
/// than a plain GET. Who refuses our host refuses everybody.
fn judge(probe: Probe, path: &str, plan: Option<&Plan>) -> Probe {
    let Some(status) = probe.status.filter(|status| *status >= 400) else { return probe };
    let said = plan.is_some_and(|plan| plan.health_said);
    let words = own_words(status, &probe.body, plan);
    let refuses = words.as_ref().is_some_and(|answer| answer.whatever);
    let healthy = probe.healthy && !said && !refuses;
    let detail = if healthy { passes(status, path, plan) } else { fails(status, words, path, plan) };
    Probe { healthy, detail, ..probe }
}

fn passes(status: u16, path: &str, plan: Option<&Plan>) -> String {
    match plan.and_then(|plan| plan.health_place.as_ref()) {
        Some(place) => format!(
            "GET {path} answered {status}, though {place} seems to serve it: that isn't held against it; name the path with \
             `health_path` in sextant.toml"
        ),
        None => format!("GET {path} answered {status}: it runs, and no path is known that says more"),
    }
}

fn fails(status: u16, words: Option<Answer>, path: &str, plan: Option<&Plan>) -> String {
    let place = plan.and_then(|plan| plan.health_place.as_ref());
    let place = match place.map(String::as_str) {
        Some("options") => " (as asked for)".to_owned(),
        Some(place) => format!(" (from {place})"),
        None => String::new(),
    };
    match words {
        Some(Answer { words, whatever: true }) => format!("it answers {status} to every request: {words}"),
        Some(Answer { words, whatever: false }) => format!("GET {path}{place} answers {status}: {words}"),
        None => format!("GET {path}{place} answers {status}"),
    }
}

/// What the answer says in the app's own words, one line and without what looks like a secret.
fn own_words(status: u16, body: &str, plan: Option<&Plan>) -> Option<Answer> {
    let django = plan.and_then(|plan| plan.framework.as_deref()) == Some("django");
    let Answer { words, whatever } = inspect::diagnose::answer(status, body, django)?;
    let line = words.lines().next().unwrap_or_default();
    let words = Redactor::new(&[]).line(&visible(line)).into_owned();
    Some(Answer { words, whatever })
}

/// Why a service to which nobody is known to have come isn't called quiet.
const FORGOTTEN: &str =
    "Whether anybody comes isn't known yet: what was counted last was lost when Sextant was ended abruptly";

/// What came to the service lately, and what that means for a canary; none where there will be none, or it can't be read.
async fn before(ctx: &Context, deployment: &Deployment) -> Result<Option<Before>, Failed> {
    let Some(good) = deployment.last_good.as_ref().filter(|_| deployment.strategy == Strategy::Canary) else {
        return Ok(None);
    };
    let place = ctx.ports.target.window_policy();
    // Where nothing lags, the window that is still open counts too: what has only just begun is traffic.
    let open = if place.lag_ms == 0 { lately::length_ms(ctx, deployment) } else { -place.lag_ms };
    let Some((span_ms, windows)) = lately::read(ctx, deployment, ctx.real().plus(open)).await else {
        return Ok(None);
    };
    let seen = Traffic::of(lately::WINDOWS, &windows, &good.revision);
    let counted = seen.requests > 0 || lately::counted(ctx, span_ms).await;
    let outlook =
        if counted { outlook(&deployment.policy, place, seen).sentence } else { FORGOTTEN.to_owned() };
    let asked = if seen.requests == 0 { synthetic::ask(ctx, deployment).await? } else { None };
    Ok(Some(Before { requests: seen.requests, span_ms, counted, outlook, asked }))
}
