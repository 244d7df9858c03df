//! Simulates canaries by the thousand, with the policy as shipped and the code that deployments use, and prints every
//! cell of the tables that they must reach.
//!
//! `canary-simulation [RUNS] [PAGE.html] [NAME]`: so many runs of each cell whose name holds NAME, and a page of them.
//! Ends with 1 if a cell isn't reached.

mod page;
#[path = "../../tests/simulation/random.rs"]
mod random;
#[path = "../../tests/simulation/run.rs"]
mod run;
#[path = "../../tests/simulation/scene.rs"]
mod scene;
#[path = "../../tests/simulation/table.rs"]
mod table;

use run::End;
use std::{
    env, fs,
    io::{self, Write as _},
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};
use table::{Cell, Outcomes};

fn main() -> io::Result<ExitCode> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let runs = arguments.first().and_then(|runs| runs.parse().ok()).unwrap_or(2_000);
    let name = arguments.get(2).map_or("", String::as_str);
    let cells: Vec<Cell> = table::cells().into_iter().filter(|cell| cell.name.contains(name)).collect();
    let made = all(&cells, runs);
    let mut out = io::stdout().lock();
    writeln!(out, "{runs} runs a cell; taken back, held, promoted in %, median windows until then")?;
    for (cell, outcomes) in cells.iter().zip(&made) {
        writeln!(out, "{}", line(cell, outcomes))?;
    }
    if let Some(path) = arguments.get(1).filter(|path| !path.is_empty()) {
        fs::write(path, page::page(runs, &cells, &made))?;
        writeln!(out, "The page is {path}")?;
    }
    let missed = cells.iter().zip(&made).filter(|(cell, made)| !missed(cell, made).is_empty()).count();
    writeln!(out, "{missed} of {} cells are not reached", cells.len())?;
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every cell, on all processors; a cell's seeds are its own, so the order doesn't matter.
fn all(cells: &[Cell], runs: u32) -> Vec<Outcomes> {
    let next = AtomicUsize::new(0);
    let made: Mutex<Vec<Option<Outcomes>>> = Mutex::new(vec![None; cells.len()]);
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some((at, cell)) = take(&next, cells) {
                    let outcomes = cell.run(runs);
                    made.lock().expect("no worker panics with it")[at] = Some(outcomes);
                }
            });
        }
    });
    made.into_inner().expect("all workers ended").into_iter().flatten().collect()
}

fn take<'a>(next: &AtomicUsize, cells: &'a [Cell]) -> Option<(usize, &'a Cell)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    cells.get(at).map(|cell| (at, cell))
}

/// What is asked of a cell and not reached.
fn missed(cell: &Cell, outcomes: &Outcomes) -> Vec<String> {
    cell.wants.iter().filter(|want| !outcomes.reaches(**want, 0.0)).map(ToString::to_string).collect()
}

fn line(cell: &Cell, outcomes: &Outcomes) -> String {
    let share = |end| outcomes.share(end) * 100.0;
    let median = |end| outcomes.median(end).map_or("–".to_owned(), |median| median.to_string());
    let wants: Vec<String> = cell.wants.iter().map(ToString::to_string).collect();
    let missed = missed(cell, outcomes);
    let told = if missed.is_empty() { String::new() } else { format!("  MISSED: {}", missed.join(", ")) };
    format!(
        "{:9} {:62} {:6.2} {:6.2} {:6.2}  {:>3} {:>3}  {}{told}",
        cell.table,
        cell.name,
        share(End::TakenBack),
        share(End::Held),
        share(End::Promoted),
        median(End::TakenBack),
        median(End::Promoted),
        wants.join(", "),
    )
}
