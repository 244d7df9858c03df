//! The command line: one file per command. Data goes to stdout, everything else to stderr.

mod backup;
mod canary;
mod cancel;
mod catalog;
mod client;
mod completions;
mod consent;
mod dead_letters;
mod delete;
pub mod demo;
pub mod deploy;
mod dockerfile;
mod down;
mod env;
mod estimate;
mod feedback;
mod flags;
mod follow;
mod inspect;
mod invoke;
mod let_go;
mod list;
mod logs;
mod man;
mod messages;
mod open;
mod openapi;
mod operate;
pub mod output;
mod pause;
mod promote;
mod redact;
mod redeploy;
mod report;
mod restore;
mod resume;
mod rollback;
mod run_build;
mod run_log;
mod run_options;
mod scan;
mod send;
pub mod serve;
pub mod server;
mod settings;
mod span;
mod sse;
mod status;
mod tick;
mod token;
pub mod up;
mod view;

use crate::failure::Ended;
use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use client::Api;
use host::setting::Process;
use output::Output;
use std::path::{Path, PathBuf};

/// Where data is kept unless told otherwise: `~/.sextant`, or `.sextant` here where there is no home.
pub fn default_data() -> PathBuf {
    std::env::home_dir().unwrap_or_default().join(".sextant")
}

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 failed (also: the deployment that was followed failed); 2 wrong usage or input; \
3 no server is running; 4 the server refused.
Data goes to stdout, everything else to stderr. NO_COLOR is honoured.";

/// Deploys an app, watches what it really does and costs, asks, and learns.
#[derive(Parser)]
#[command(name = "sextant", version, about, after_help = EXIT_CODES, max_term_width = 110)]
pub struct Cli {
    /// Print data as JSON.
    #[arg(long, global = true)]
    pub json: bool,
    /// The data folder of the server that is talked to, or started.
    #[arg(long, global = true, env = "SEXTANT_DATA")]
    pub data: Option<PathBuf>,
    /// The server that is talked to.
    #[command(flatten)]
    pub named: client::Named,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Show the whole story in under a minute: releases, a canary, a way back, feedback, learning.
    Demo(demo::Demo),
    /// Run every function in one process on this machine, and deploy APP if one is given.
    #[command(after_help = flags::rest(Process::Up))]
    Up(Box<up::Up>),
    /// Stop what `up` started; apps go on unless told otherwise.
    Down(down::Down),
    /// Run functions as an HTTP service on $PORT.
    #[command(after_help = flags::rest(Process::Serve))]
    Serve(serve::Serve),
    /// Deploy a folder or a Git repository, and follow it to the end.
    Deploy(deploy::Deploy),
    /// Open the console in a browser, signed in; the page of ID if one is given.
    Open(open::Open),
    /// List deployments, newest first.
    List(list::List),
    /// Show a deployment, or every service.
    Status(status::Status),
    /// Show the build log of a deployment, or what the app writes.
    Logs(logs::Logs),
    /// End a deployment; traffic goes back to what served before.
    Cancel(cancel::Cancel),
    /// Bring traffic back to an earlier revision.
    Rollback(rollback::Rollback),
    /// Give up a way back that keeps failing; whatever serves goes on serving.
    LetGo(let_go::LetGo),
    /// Go on to the next weight of a canary.
    Promote(promote::Promote),
    /// Hold a canary where it is.
    Pause(pause::Pause),
    /// Let a canary that is held go on by the evidence.
    Resume(resume::Resume),
    /// Put an earlier deployment to work again, without a build; undoes a rollback.
    Redeploy(redeploy::Redeploy),
    /// Stop a service; visitors are told so, until it is started or deployed again.
    Stop(operate::Operate),
    /// Start a service that was stopped.
    Start(operate::Operate),
    /// Restart a service's processes.
    Restart(operate::Operate),
    /// Delete a service with its revisions, variables and secrets; says what goes and what stays.
    Delete(delete::Delete),
    /// Show and change the variables of a service.
    Env(env::Env),
    /// Say how a deployment's configuration fits.
    Feedback(feedback::Feedback),
    /// Say what a source tree is and how it would be built and run.
    Inspect(inspect::Inspect),
    /// Write a Dockerfile for a source tree, or advise on the one it has.
    Dockerfile(dockerfile::Dockerfile),
    /// Say what is wrong with a tree: its Dockerfiles, and secrets that lie in it.
    Scan(scan::Scan),
    /// Hide secrets in what comes in on stdin.
    Redact(redact::Redact),
    /// Price a month on Cloud Run.
    Estimate(estimate::Estimate),
    /// Judge a recorded canary: CSV, a minute per row.
    Canary(canary::Canary),
    /// Write everything into one sealed file, also while the server runs.
    Backup(backup::Backup),
    /// Make an empty data folder what was backed up.
    Restore(restore::Restore),
    /// Show every function with what starts it.
    Catalog(catalog::Catalog),
    /// Show every setting, with what it takes and who reads it.
    Settings(settings::Settings),
    /// Print the OpenAPI document.
    Openapi,
    /// Print what a shell completes commands by.
    Completions(completions::Completions),
    /// Print the manual of a command, in roff: `sextant man deploy | man -l -`.
    Man(man::Man),
    /// Make a bearer token for this machine's API.
    Token(token::Token),
    /// For developing: call a function once.
    Invoke(invoke::Invoke),
    /// For developing: move the clock of timers forward.
    Tick(tick::Tick),
    /// For developing: show the newest messages and what became of them.
    Messages(messages::Messages),
    /// For developing: show messages that were given up on, or deliver them again.
    DeadLetters(dead_letters::DeadLetters),
    /// Carry out one build; started by the machine target.
    #[command(hide = true)]
    RunBuild(run_build::RunBuild),
    /// Keep the log of one app; started by the machine target.
    #[command(hide = true)]
    RunLog(run_log::RunLog),
    /// The app that the demo deploys.
    #[command(hide = true)]
    DemoApp,
}

/// Carries out a command that needs no process of its own kind.
pub fn run(cli: Cli, output: Output) -> Result<Ended> {
    let given = cli.data;
    let data = given.clone().unwrap_or_else(default_data);
    match cli.command {
        Command::Demo(demo) => parallel(demo::run(demo, output)),
        Command::Up(up) => parallel(up::run(*up, given, output)),
        Command::Down(down) => single(down.run(&data, output)),
        Command::Serve(serve) => serve::run(serve::Serve { data: given, ..serve }),
        Command::Inspect(inspect) => inspect.run(output),
        Command::Dockerfile(dockerfile) => dockerfile.run(output),
        Command::Scan(scan) => scan.run(output),
        Command::Redact(redact) => redact.run(),
        Command::Estimate(estimate) => estimate.run(output),
        Command::Canary(canary) => canary.run(output),
        Command::Catalog(catalog) => catalog.run(output),
        Command::Settings(settings) => settings.run(output),
        Command::Openapi => openapi::run(output),
        Command::Completions(completions) => completions.run(output),
        Command::Man(man) => man.run(output),
        Command::Token(token) => token.run(&data, output),
        Command::Backup(backup) => single(backup.run(&data, &cli.named, output)),
        Command::Restore(restore) => restore.run(&data, output),
        Command::RunBuild(_) | Command::RunLog(_) | Command::DemoApp => Ok(Ended::Done),
        remote => {
            let api = Api::find(&data, &cli.named)?;
            single(ask(remote, api, &data, output))
        }
    }
}

/// Commands that speak to the server.
async fn ask(command: Command, api: Api, data: &Path, output: Output) -> Result<Ended> {
    match command {
        Command::Deploy(deploy) => deploy.run(&api, data, output).await,
        Command::Open(open) => open.run(&api, output).await,
        Command::List(list) => list.run(&api, output).await,
        Command::Status(status) => status.run(&api, output).await,
        Command::Logs(logs) => logs.run(&api, output).await,
        Command::Cancel(cancel) => cancel.run(&api, output).await,
        Command::Rollback(rollback) => rollback.run(&api, output).await,
        Command::LetGo(let_go) => let_go.run(&api, output).await,
        Command::Promote(promote) => promote.run(&api, output).await,
        Command::Pause(pause) => pause.run(&api, output).await,
        Command::Resume(resume) => resume.run(&api, output).await,
        Command::Redeploy(redeploy) => redeploy.run(&api, output).await,
        Command::Stop(service) => service.run(&api, "stop", output).await,
        Command::Start(service) => service.run(&api, "start", output).await,
        Command::Restart(service) => service.run(&api, "restart", output).await,
        Command::Delete(delete) => delete.run(&api, output).await,
        Command::Env(env) => env.run(&api, output).await,
        Command::Feedback(feedback) => feedback.run(&api, output).await,
        Command::Invoke(invoke) => invoke.run(&api, output).await,
        Command::Tick(tick) => tick.run(&api, output).await,
        Command::Messages(messages) => messages.run(&api, output).await,
        Command::DeadLetters(letters) => letters.run(&api, output).await,
        Command::Demo(_)
        | Command::Up(_)
        | Command::Down(_)
        | Command::Serve(_)
        | Command::Inspect(_)
        | Command::Dockerfile(_)
        | Command::Scan(_)
        | Command::Redact(_)
        | Command::Estimate(_)
        | Command::Canary(_)
        | Command::Catalog(_)
        | Command::Settings(_)
        | Command::Openapi
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Token(_)
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::RunBuild(_)
        | Command::RunLog(_)
        | Command::DemoApp => Ok(Ended::Done),
    }
}

fn parallel(work: impl Future<Output = Result<Ended>>) -> Result<Ended> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("no thread could be started")?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    result
}

fn single(work: impl Future<Output = Result<Ended>>) -> Result<Ended> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("no event loop could be started")?.block_on(work)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_declaration_holds_together() {
        Cli::command().debug_assert();
    }
}
