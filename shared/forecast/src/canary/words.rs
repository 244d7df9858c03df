//! What the evidence says, in words: first what people met, then the effect with its bounds, then E and p.

use super::{Decision, Options, State};
use model::document::Counts;

/// What failed on both sides: "18 of 33 requests to it failed, none of 314 to the last good revision".
pub fn of_counts(counts: &Counts) -> String {
    let ours = match (counts.canary_bad, counts.canary_requests) {
        (_, 0) => return "no request has reached it".to_owned(),
        (0, requests) => format!("none of {requests} requests to it failed"),
        (bad, requests) if bad == requests => format!("all {requests} requests to it failed"),
        (bad, requests) => format!("{bad} of {requests} requests to it failed"),
    };
    let theirs = match (counts.stable_bad, counts.stable_requests) {
        (_, 0) => return ours,
        (0, requests) => format!("none of {requests}"),
        (bad, requests) => format!("{bad} of {requests}"),
    };
    format!("{ours}, {theirs} to the last good revision")
}

pub(super) fn counts(decision: &Decision) -> String {
    of_counts(&Counts {
        canary_requests: decision.canary_requests,
        stable_requests: decision.stable_requests,
        canary_bad: decision.canary_bad,
        stable_bad: decision.stable_bad,
    })
}

/// It fails more often, by so much.
pub(super) fn worse(decision: &Decision) -> String {
    let times = match decision.ratio {
        Some(ratio) => format!(": {} times as many", times(ratio)),
        None => String::new(),
    };
    format!("{}{times}{} ({})", counts(decision), bounds(decision), evidence(decision))
}

/// It may, and can't be said to.
pub(super) fn suspicious(decision: &Decision) -> String {
    format!(
        "{}: more than the last good revision's rate explains, and too few to be sure ({})",
        counts(decision),
        evidence(decision)
    )
}

/// It doesn't, as far as could be seen.
pub(super) fn passed(decision: &Decision) -> String {
    let ratio = match decision.ratio_at_most {
        Some(most) if decision.stable_bad > 0 => {
            format!(" and at most {} times what the last good one does", times(most))
        }
        _ => String::new(),
    };
    format!(
        "{}. It fails at most {}{ratio} (95 %); one that fails {} would have been stopped by now with {} ({})",
        counts(decision),
        percent(decision.rate_at_most),
        percent(decision.catch_rate),
        chance(decision.power),
        evidence(decision)
    )
}

/// Too little was seen for what the policy asks for.
pub(super) fn powerless(decision: &Decision, options: &Options) -> String {
    format!(
        "{}; one that fails {} would have been stopped by now with {} only, {} is asked for",
        counts(decision),
        percent(decision.catch_rate),
        chance(decision.power),
        chance(options.power)
    )
}

/// It takes longer.
pub(super) fn slower(state: &State) -> String {
    let test = &state.latency;
    format!(
        "95 % of requests to it take up to {}, to the last good revision {}; {} of {} are slower than that, {} of {} there (E = {})",
        millis(state.p95.canary_micros),
        millis(state.p95.stable_micros),
        test.canary_bad,
        test.canary_requests,
        test.stable_bad,
        test.stable_requests,
        number(test.e_value())
    )
}

/// The effect with its bounds, as far as they say something: how many times as often, and of how many requests at most.
pub fn effect(decision: &Decision) -> Option<String> {
    if decision.canary_requests == 0 {
        return None;
    }
    let most = percent(decision.rate_at_most);
    Some(match (decision.ratio_at_least, decision.ratio_at_most) {
        (least, Some(above)) if least > 1.0 => {
            format!(
                "It fails between {} and {} times as often as before, at most {most} of requests",
                times(least),
                times(above)
            )
        }
        (least, None) if least > 1.0 => {
            format!("It fails at least {} times as often as before, at most {most} of requests", times(least))
        }
        (_, Some(above)) => {
            format!("It fails at most {} times as often as before, at most {most} of requests", times(above))
        }
        (_, None) => format!("It fails at most {most} of requests"),
    })
}

/// What the test could have seen by now.
pub fn power(decision: &Decision) -> String {
    format!(
        "A release that fails {} would have been stopped by now with {}",
        percent(decision.catch_rate),
        chance(decision.power)
    )
}

fn bounds(decision: &Decision) -> String {
    match (decision.ratio_at_least, decision.ratio_at_most) {
        (least, Some(most)) if least > 1.0 => {
            format!(", between {} and {} (95 %)", times(least), times(most))
        }
        (least, None) if least > 1.0 => format!(", at least {} times as many (95 %)", times(least)),
        _ => String::new(),
    }
}

fn evidence(decision: &Decision) -> String {
    format!("E = {}, p = {}", number(decision.e_value), number(decision.p_value))
}

/// A share of requests as percent, to two digits.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 0.0 {
        "0 %".to_owned()
    } else if percent >= 9.95 {
        format!("{percent:.0} %")
    } else if percent >= 0.95 {
        format!("{percent:.1} %").replace(".0 %", " %")
    } else {
        format!("{percent:.2} %")
    }
}

/// A chance, never rounded up to certainty.
pub fn chance(share: f64) -> String {
    if share > 0.99 { "over 99 %".to_owned() } else { format!("{:.0} %", (share * 100.0).floor()) }
}

/// How many times as many.
pub fn times(ratio: f64) -> String {
    if ratio >= 9.95 {
        format!("{ratio:.0}")
    } else {
        format!("{ratio:.1}").trim_end_matches(".0").to_owned()
    }
}

fn number(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else if (0.001..1e4).contains(&value) {
        if value < 1.0 { format!("{value:.3}") } else { format!("{value:.1}") }
    } else {
        format!("{value:.1e}")
    }
}

fn millis(micros: u64) -> String {
    let millis = micros as f64 / 1e3;
    if millis >= 10.0 { format!("{millis:.0} ms") } else { format!("{millis:.2} ms") }
}
