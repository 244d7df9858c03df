//! How long a deployment is expected to take, by strategy, in one sentence: told before it starts.

use super::check::Wanted;
use model::{
    document::{CanaryPolicy, Strategy, ThinEvidence, WithoutTraffic},
    port::target::WindowPolicy,
    time::SECOND_MS,
};

/// The sentence. `first`: nothing serves yet. `policy`: as accepted, with the target's own figures where it is open.
pub fn expected(
    wanted: &Wanted,
    policy: &CanaryPolicy,
    first: bool,
    queued: bool,
    place: WindowPolicy,
) -> String {
    let wait = if queued { "Waits for the deployment that is running. Then " } else { "" };
    let way = way(wanted, policy, first, place);
    let build = wanted.limits.build_ms / SECOND_MS;
    let text = format!("{wait}a build of usually one to three minutes (at most {build} s), then {way}");
    if queued { text } else { capitalised(&text) }
}

fn way(wanted: &Wanted, policy: &CanaryPolicy, first: bool, place: WindowPolicy) -> String {
    let window_ms = policy.window_ms.max(place.shortest_ms).max(1);
    let probe = wanted.limits.verify_ms / SECOND_MS;
    if first {
        return format!(
            "all traffic at once as soon as its health path answers, within {probe} s: nothing serves before it."
        );
    }
    match wanted.strategy {
        Strategy::Instant => {
            format!("all traffic at once as soon as its health path answers, within {probe} s.")
        }
        Strategy::Quick => {
            format!(
                "all traffic once its health path answers, within {probe} s, and a look at one window of {}.",
                span(window_ms)
            )
        }
        Strategy::Canary => {
            let steps = policy.weights.iter().filter(|weight| **weight < 100).count() as i64;
            let at_each = |windows: u32| steps * (i64::from(windows) * window_ms + place.lag_ms);
            let (least, most) = (at_each(policy.bake_windows), at_each(policy.deadline_windows));
            let weights: Vec<String> = policy.weights.iter().map(|w| format!("{w} %")).collect();
            let quiet = match policy.without_traffic {
                WithoutTraffic::Probe if policy.synthetic.is_some() => {
                    "; without traffic synthetic requests decide at once"
                }
                WithoutTraffic::Probe => "; without traffic its health path decides at once",
                WithoutTraffic::Wait => "",
            };
            let thin = match policy.thin_evidence {
                ThinEvidence::Promote => "",
                ThinEvidence::Hold => "; held for you if that is too little to judge by",
            };
            format!(
                "a canary over {} for {} to {}{quiet}{thin}.",
                weights.join(", "),
                span(least),
                span(most)
            )
        }
    }
}

fn span(ms: i64) -> String {
    if ms >= 120 * SECOND_MS {
        format!("{} min", ms / (60 * SECOND_MS))
    } else {
        format!("{:.1} s", ms as f64 / 1e3).replace(".0 ", " ")
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
