//! The simulation as one self-contained page: a table for each set of cells, with a plot of when runs ended in each.

use super::{
    missed,
    run::End,
    table::{Cell, Outcomes},
};
use std::fmt::Write as _;

const STYLE: &str = "
:root { color-scheme: light dark; --back: #c0392b; --held: #c98a00; --promoted: #2e7d4f; --line: #8884; }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; } th { text-align: left; }
td, th { padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: middle; }
td { white-space: nowrap; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
.back { fill: var(--back); stroke: var(--back); } .held { fill: var(--held); stroke: var(--held); }
.promoted { fill: var(--promoted); stroke: var(--promoted); } path { stroke-width: 1; fill-opacity: .75; }
.axis { stroke: currentColor; stroke-opacity: .5; } text { font-size: 9px; fill: currentColor; stroke: none; }
.missed { color: var(--back); font-weight: 600; } .key span { margin-right: 1.5rem; }
";

/// Plots are so wide and high, and show so many windows.
const WIDTH: f64 = 260.0;
const HEIGHT: f64 = 64.0;
const WINDOWS: i64 = 100;

/// The page.
pub fn page(runs: u32, cells: &[Cell], made: &[Outcomes]) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>The canary, simulated</title>\
         <style>{STYLE}</style><h1>The canary, simulated</h1><p>{runs} seeded runs of each cell, with the policy as \
         shipped and the code that deployments use. A window is a minute, or a second where it says so. Each plot shows \
         the share of runs that had ended by a window.</p><p class=\"key\">{}</p>",
        key()
    );
    for (table, title) in [
        ("rates", "Base error 0.5 %, by traffic and by how much worse the new revision is"),
        ("scenarios", "What a canary must see through"),
        ("others", "Scenes of our own"),
    ] {
        let rows = cells.iter().zip(made).filter(|(cell, _)| cell.table == table);
        let rows: Vec<String> = rows.map(|(cell, outcomes)| row(cell, outcomes)).collect();
        if !rows.is_empty() {
            let _ = write!(
                page,
                "<h2>{title}</h2><table><tr><th>Scene<th>Taken back<th>Held<th>Promoted<th>Median windows until \
                 taken back, promoted<th>To reach<th>When</tr>{}</table>",
                rows.concat()
            );
        }
    }
    page
}

fn key() -> String {
    let entry = |class: &str, name: &str| {
        format!(
            "<span><svg width=\"12\" height=\"12\" role=\"img\" aria-label=\"{class}\"><rect class=\"{class}\" width=\"12\" \
             height=\"12\"/></svg> {name}</span>"
        )
    };
    [entry("back", "taken back"), entry("held", "held for a person"), entry("promoted", "promoted")].concat()
}

fn row(cell: &Cell, outcomes: &Outcomes) -> String {
    let share = |end| format!("<td class=\"number\">{:.2} %", outcomes.share(end) * 100.0);
    let median = |end| outcomes.median(end).map_or("–".to_owned(), |median| median.to_string());
    let missed = missed(cell, outcomes);
    let wants: Vec<String> = cell
        .wants
        .iter()
        .map(ToString::to_string)
        .map(|want| {
            if missed.contains(&want) {
                format!("<span class=\"missed\">{want}: missed</span>")
            } else {
                want
            }
        })
        .collect();
    format!(
        "<tr><td>{}{}{}{}<td class=\"number\">{}, {}<td>{}<td>{}</tr>",
        cell.name,
        share(End::TakenBack),
        share(End::Held),
        share(End::Promoted),
        median(End::TakenBack),
        median(End::Promoted),
        wants.join("<br>"),
        plot(&cell.name, outcomes)
    )
}

/// Shares that had ended, one end stacked upon the other.
fn plot(name: &str, outcomes: &Outcomes) -> String {
    let total = outcomes.ended.len().max(1) as f64;
    let by = |window: i64, ends: &[End]| {
        outcomes.ended.iter().filter(|ended| ended.windows <= window && ends.contains(&ended.end)).count()
            as f64
            / total
    };
    let area = |class: &str, under: &[End], ends: &[End]| {
        let x = |window: i64| window as f64 / WINDOWS as f64 * WIDTH;
        let y = |share: f64| HEIGHT - share * HEIGHT;
        let top = (0..=WINDOWS).map(|window| format!("{:.1} {:.1}", x(window), y(by(window, ends))));
        let bottom =
            (0..=WINDOWS).rev().map(|window| format!("{:.1} {:.1}", x(window), y(by(window, under))));
        let points: Vec<String> = top.chain(bottom).collect();
        format!("<path class=\"{class}\" d=\"M{}Z\"/>", points.join("L"))
    };
    let back = [End::TakenBack];
    let both = [End::TakenBack, End::Held];
    let all = [End::TakenBack, End::Held, End::Promoted];
    let tick = |window: i64| {
        let x = window as f64 / WINDOWS as f64 * WIDTH;
        format!("<text x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"middle\">{window}</text>", HEIGHT + 11.0)
    };
    let ticks = (0..=WINDOWS).step_by(20).map(tick).collect::<Vec<_>>().concat();
    format!(
        "<svg viewBox=\"-8 -2 {:.0} {:.0}\" width=\"{WIDTH}\" role=\"img\" aria-label=\"When runs of {name} ended\">{}{}{}\
         <path class=\"axis\" d=\"M0 0V{HEIGHT}H{WIDTH}\" fill=\"none\"/>{ticks}</svg>",
        WIDTH + 16.0,
        HEIGHT + 16.0,
        area("back", &[], &back),
        area("held", &back, &both),
        area("promoted", &both, &all),
    )
}
