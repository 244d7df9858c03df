//! The one binary: `up` (every function in one process), `serve FUNCTION` (one of them), and the command line.

mod command;
mod failure;
mod functions;
mod local;
mod place;

use clap::Parser as _;
use command::{Cli, Command, output::Output};
use std::process::ExitCode;

/// What one thread allocates, another frees: the store's documents come from request threads and go in its own. The
/// system's allocator takes a kernel call a request for that.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // A service starts often and must be ready in milliseconds: it doesn't wait for the whole command line.
    if let Some(serve) = command::serve::from_arguments(std::env::args_os()) {
        return finish(serve.and_then(command::serve::run), Output::plain());
    }
    let cli = Cli::parse();
    match &cli.command {
        Command::RunBuild(run) => return run.run(),
        Command::RunLog(run) => return run.run(),
        Command::DemoApp => return command::demo::app::run(),
        _ => {}
    }
    let output = Output::new(cli.json);
    finish(command::run(cli, output), output)
}

fn finish(result: anyhow::Result<failure::Ended>, output: Output) -> ExitCode {
    if let Err(error) = &result {
        output.error(error);
    }
    ExitCode::from(failure::code(&result))
}
