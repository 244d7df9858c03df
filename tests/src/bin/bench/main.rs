//! Measures what `scripts/bench` prints. Each part is one subcommand that prints rows of a table: name, figure, unit.
//! Nothing here is a test: a slow machine makes slow figures, not failures.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measuring program reads clocks and prints"
)]

mod client;
mod cold;
mod pipelines;
mod register;
mod stream;

use std::process::ExitCode;

/// As in the binary that is measured: the store's limit is its limit there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Percentile of sorted values; 0 without any.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    percentile(values, 0.5)
}

/// One row of the table.
fn row(name: &str, figure: f64, unit: &str, note: &str) {
    println!("{name}\t{figure:.3}\t{unit}\t{note}");
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["cold", runs, commands @ ..] => cold::run(runs.parse().unwrap(), commands),
        ["register", sextant] => register::run(sextant),
        ["pipelines"] => pipelines::run(),
        ["stream", sextant] => stream::run(sextant),
        _ => {
            eprintln!("bench cold RUNS COMMAND… | register SEXTANT | pipelines | stream SEXTANT");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
