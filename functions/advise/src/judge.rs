//! One window against the windows before it. Pure.

use crate::words;
use forecast::anomaly::{self, Judgement};
use model::{
    document::{Baseline, Episode, Observation, SCHEMA, Series, Severity, Watched},
    message::{AboutAnomaly, Message, kind, topic},
};

/// Windows that are remembered of each metric: ten hours at five minutes each.
const WINDOWS: usize = 120;

/// A series without a past.
fn without_past(watched: Watched) -> Series {
    Series { past: anomaly::window(WINDOWS, floor(watched)), episode: None }
}

/// A deviation is never taken to be smaller: what differs by less is of no consequence.
fn floor(watched: Watched) -> f64 {
    match watched {
        Watched::Cpu | Watched::Memory => 0.01,
        Watched::Latency => 2.0,
        Watched::ErrorRate => 0.002,
        Watched::Requests => 0.5,
    }
}

/// Judges a window, remembers it, and answers what is to be told of it.
pub fn judge(baseline: &mut Baseline, seen: &Observation) -> Vec<Message> {
    baseline.schema = SCHEMA;
    baseline.seen_to = seen.to;
    let mut told = vec![];
    for (watched, value) in values(seen) {
        let series = baseline.series.entry(watched).or_insert_with(|| without_past(watched));
        let Some(judged) = anomaly::add(&mut series.past, value) else { continue };
        if let Some(episode) = news(series, watched, &judged, seen) {
            told.push(anomaly(watched, &judged, &episode, seen));
        }
    }
    told
}

/// What the window says, where it says something.
fn values(seen: &Observation) -> Vec<(Watched, f64)> {
    let share = |millionths: i64| millionths as f64 / 1e6;
    let used = &seen.utilization;
    let seconds = seen.window.to.since(seen.window.from).max(1) as f64 / 1e3;
    let mut values = vec![(Watched::Requests, seen.counts.requests as f64 / seconds)];
    if used.cpu > 0 {
        values.push((Watched::Cpu, share(used.cpu)));
    }
    if used.memory > 0 {
        values.push((Watched::Memory, share(used.memory)));
    }
    if seen.counts.requests > 0 {
        values.push((Watched::ErrorRate, share(used.error_rate)));
    }
    if used.latency > 0 {
        values.push((Watched::Latency, used.latency as f64 / 1e3));
    }
    values
}

/// The episode, if this is its beginning or its getting worse. Fewer errors and faster answers are no anomaly.
fn news(series: &mut Series, watched: Watched, judged: &Judgement, seen: &Observation) -> Option<Episode> {
    let good = judged.z < 0.0 && matches!(watched, Watched::ErrorRate | Watched::Latency);
    if judged.severity == Severity::None || good {
        series.episode = None;
        return None;
    }
    match &mut series.episode {
        Some(episode) if episode.told >= judged.severity => None,
        Some(episode) => {
            episode.told = judged.severity;
            Some(episode.clone())
        }
        None => {
            series.episode = Some(Episode { since: seen.window.from, told: judged.severity });
            series.episode.clone()
        }
    }
}

fn anomaly(watched: Watched, judged: &Judgement, episode: &Episode, seen: &Observation) -> Message {
    let body = AboutAnomaly {
        observation: seen.id.clone(),
        service: seen.service.clone(),
        deployment: seen.deployment.clone(),
        metric: watched.name().to_owned(),
        severity: if judged.severity == Severity::High { "high" } else { "medium" }.to_owned(),
        z: judged.z,
        since: episode.since,
        sentence: words::sentence(watched, judged, episode, seen),
    };
    Message::new(topic::OBSERVATIONS, kind::ANOMALY_DETECTED, &seen.tenant, &body)
}
