//! The one binary: `up` (every function in one process), `serve FUNCTION` (one of them), and the command line.

mod command;
mod failure;
mod functions;
mod local;
mod place;

use clap::Parser as _;
use command::{Cli, Command, output::Output};
use std::process::ExitCode;

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
