//! How long a deployment is expected to take, by strategy, in one sentence: told before it starts.

use super::check::Wanted;
use model::{
    document::{Strategy, ThinEvidence},
    time::SECOND_MS,
};

/// The sentence. `first`: nothing serves yet. `window_ms`: the target's own window.
pub fn expected(wanted: &Wanted, first: bool, queued: bool, window_ms: i64) -> String {
    let wait = if queued { "Waits for the deployment that is running. Then " } else { "" };
    let way = way(wanted, first, wanted.policy.window_ms.max(window_ms).max(1));
    let build = wanted.limits.build_ms / SECOND_MS;
    let text = format!("{wait}a build of usually one to three minutes (at most {build} s), then {way}");
    if queued { text } else { capitalised(&text) }
}

fn way(wanted: &Wanted, first: bool, window_ms: i64) -> String {
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
            let steps = wanted.policy.weights.iter().filter(|weight| **weight < 100).count() as i64;
            let least = steps * i64::from(wanted.policy.bake_windows) * window_ms;
            let most = steps * i64::from(wanted.policy.deadline_windows) * window_ms;
            let weights: Vec<String> = wanted.policy.weights.iter().map(|w| format!("{w} %")).collect();
            let thin = match wanted.policy.thin_evidence {
                ThinEvidence::Promote => "",
                ThinEvidence::Hold => ", or until you decide if there is too little traffic to judge by",
            };
            format!("a canary over {} for {} to {}{thin}.", weights.join(", "), span(least), span(most))
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
