//! An anomaly in a sentence: what, against what was expected, since when, how rare.

use forecast::anomaly::Judgement;
use model::document::{Episode, Observation, Watched};

/// One sentence over the numbers of a judgement.
pub fn sentence(watched: Watched, judged: &Judgement, episode: &Episode, seen: &Observation) -> String {
    let since = &episode.since.minute();
    format!(
        "{} of {} is {} where {} ± {} was expected, since {since} UTC: {} (z {:.1}, from {} windows).",
        what(watched),
        seen.service,
        value(watched, judged.value),
        value(watched, judged.mean),
        value(watched, judged.deviation),
        rarity(judged.z),
        judged.z,
        judged.points
    )
}

fn what(watched: Watched) -> &'static str {
    match watched {
        Watched::Cpu => "CPU in use",
        Watched::Memory => "Memory in use",
        Watched::Latency => "The median time to answer",
        Watched::ErrorRate => "The share of failed requests",
        Watched::Requests => "Traffic",
    }
}

fn value(watched: Watched, value: f64) -> String {
    match watched {
        Watched::Cpu | Watched::Memory => format!("{:.1} %", value * 100.0),
        Watched::ErrorRate => format!("{:.2} %", value * 100.0),
        Watched::Latency => format!("{value:.1} ms"),
        Watched::Requests => format!("{value:.1} requests/s"),
    }
}

/// How often chance alone would do it if windows varied normally. Two-sided, the next lower step of z.
fn rarity(z: f64) -> String {
    const STEPS: [(f64, &str); 6] = [
        (6.0, "less than 1 in 100,000,000 windows"),
        (5.0, "about 1 in 1,700,000 windows"),
        (4.5, "about 1 in 147,000 windows"),
        (4.0, "about 1 in 15,800 windows"),
        (3.5, "about 1 in 2,150 windows"),
        (3.0, "about 1 in 370 windows"),
    ];
    let step = STEPS.iter().find(|(from, _)| z.abs() >= *from);
    let rare = step.map_or("about 1 in 80 windows", |(_, text)| *text);
    format!("by chance that happens in {rare}")
}
