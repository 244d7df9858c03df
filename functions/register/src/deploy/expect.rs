//! How long a deployment is expected to take, by strategy, in one sentence: told before it starts.

use model::{
    document::{CanaryPolicy, Limits, Strategy, ThinEvidence, Usual, WithoutTraffic},
    port::target::WindowPolicy,
    time::SECOND_MS,
};

/// What it depends on.
pub struct Ahead<'a> {
    /// How traffic gets there.
    pub strategy: Strategy,
    /// As accepted, with the target's own figures where it was open.
    pub policy: &'a CanaryPolicy,
    /// Within which time.
    pub limits: &'a Limits,
    /// Whether nothing serves yet.
    pub first: bool,
    /// Whether another deployment runs.
    pub queued: bool,
    /// Whether something is built.
    pub builds: bool,
    /// When windows can be read.
    pub place: WindowPolicy,
    /// What this service's own history says.
    pub usual: Option<&'a Usual>,
}

/// The sentence.
pub fn expected(ahead: &Ahead<'_>) -> String {
    let wait = if ahead.queued { "Waits for the deployment that is running. Then " } else { "" };
    let way = way(ahead);
    let build = ahead.limits.build_ms / SECOND_MS;
    let text = if ahead.builds {
        match Usual::build_words(ahead.usual).as_str() {
            "" => format!("{wait}a build of usually one to three minutes (at most {build} s), then {way}"),
            usually => format!("{wait}a build{usually} (at most {build} s), then {way}"),
        }
    } else {
        format!("{wait}without a build: {way}")
    };
    if ahead.queued { text } else { capitalised(&text) }
}

fn way(ahead: &Ahead<'_>) -> String {
    let Ahead { strategy, policy, limits, first, place, .. } = *ahead;
    let window_ms = policy.window_ms.max(place.shortest_ms).max(1);
    let usually = Usual::release_words(ahead.usual);
    let probe = limits.verify_ms / SECOND_MS;
    if first {
        return format!(
            "all traffic at once as soon as its health path answers{usually}, within {probe} s: nothing serves before it."
        );
    }
    match strategy {
        Strategy::Instant => {
            format!("all traffic at once as soon as its health path answers{usually}, within {probe} s.")
        }
        Strategy::Quick => {
            format!(
                "all traffic once its health path answers{usually}, within {probe} s, and a look at one window of {}.",
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
