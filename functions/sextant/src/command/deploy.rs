//! `sextant deploy PATH|URL`: hands a source to the server and follows what becomes of it.

#![expect(
    clippy::disallowed_methods,
    reason = "secrets may come from the environment instead of the arguments"
)]

use super::{
    client::Api,
    consent::{agreed, attended, unless_dropping},
    follow::follow,
    output::Output,
    report::report,
    run_options::RunFlags,
    send,
    server::Address,
    view::{self, Started},
};
use crate::failure::{Ended, Stop};
use anyhow::Result;
use clap::Args;
use model::{
    document::{Allowance, RunOptions, ScanPolicy, ScanSeverity, Strategy},
    port::source::SourceRef,
};
use serde_json::{Map, Value, json};
use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

/// What to deploy, and how.
#[derive(Args)]
pub struct Deploy {
    /// A folder, which is packed here and sent, or a Git repository (https:// or, on the server's own machine, a path
    /// with --branch).
    #[arg(default_value = ".")]
    pub source: String,
    /// The service; derived from the source if absent.
    #[arg(long)]
    pub service: Option<String>,
    /// production, staging, …; any but production becomes part of the service's name.
    #[arg(long)]
    pub environment: Option<String>,
    /// Branch or tag of a Git repository.
    #[arg(long)]
    pub branch: Option<String>,
    /// Full commit id of a Git repository.
    #[arg(long)]
    pub commit: Option<String>,
    /// How traffic gets to the new revision.
    #[arg(long, value_parser = strategy, default_value = "canary", value_name = "instant|quick|canary")]
    pub strategy: Strategy,
    /// A plain variable of the service; may be given several times. Those that aren't named stay as they are.
    #[arg(long = "env", value_parser = pair, value_name = "NAME=VALUE")]
    pub variables: Vec<(String, String)>,
    /// A secret variable, stored encrypted. NAME alone takes the value from this shell's variable of that name.
    #[arg(long = "secret", value_parser = secret, value_name = "NAME[=VALUE]")]
    pub secrets: Vec<(String, String)>,
    /// A variable, plain or secret, that the service is to have no longer.
    #[arg(long, value_name = "NAME")]
    pub unset: Vec<String>,
    /// A finding of the scan that is let through, by the id that the refusal names; its reason follows as --why.
    #[arg(long, value_name = "FINDING", requires = "why")]
    pub allow: Vec<String>,
    /// Why it may stay: one for all that are allowed, or one for each in their order. Kept with the deployment.
    #[arg(long, value_name = "TEXT", requires = "allow")]
    pub why: Vec<String>,
    /// From which severity on a finding in a Dockerfile stops the deployment; none does if absent.
    #[arg(long, value_parser = severity, value_name = "info|warning|error")]
    pub dockerfile: Option<ScanSeverity>,
    /// How it is to run.
    #[command(flatten)]
    pub run: RunFlags,
    /// Token for a private repository; better given as SEXTANT_SOURCE_TOKEN.
    #[arg(long, env = "SEXTANT_SOURCE_TOKEN", hide_env_values = true)]
    pub source_token: Option<String>,
    /// Go on without asking, also without variables that the deployment that serves has, or that the code needs.
    #[arg(long)]
    pub yes: bool,
    /// Only hand it over; print the id and go.
    #[arg(long)]
    pub no_wait: bool,
}

impl Deploy {
    /// Hands it over and, unless told otherwise, follows it.
    /// `data` is this machine's data folder, which is never sent.
    pub async fn run(self, api: &Api, data: &Path, output: Output) -> Result<Ended> {
        let allow = allowances(&self.allow, &self.why)?;
        let source = self.source(api, data, output).await?;
        let body = self.body(source, &allow);
        let send = |may_drop: bool, may_lack: bool| {
            let mut body = body.clone();
            body["may_drop"] = may_drop.into();
            body["may_lack"] = may_lack.into();
            async move { api.post("/api/v1/deployments", &body).await }
        };
        let dropped = AtomicBool::new(self.yes);
        let first = |may_drop: bool| {
            dropped.store(may_drop, Ordering::Relaxed);
            send(may_drop, self.yes)
        };
        let started = unless_dropping(self.yes, first).await?;
        let came_to = followed(api, started, self.no_wait, output).await?;
        if self.yes || !attended() || !came_to.as_ref().is_some_and(lacks_variables) {
            return Ok(ended(came_to.as_ref()));
        }
        // What stands in the way was just told; whoever knows better says so.
        if agreed("Deploy it without them all the same?", false).is_err() {
            return Ok(Ended::Failed);
        }
        accepted(api, send(dropped.load(Ordering::Relaxed), true).await?, self.no_wait, output).await
    }

    /// An address goes to the server as it is, and a local repository of which a branch or commit is named; a folder is
    /// packed and sent.
    async fn source(&self, api: &Api, data: &Path, output: Output) -> Result<(&'static str, Value)> {
        let of_git = self.branch.is_some() || self.commit.is_some();
        if let Some(address) = address(&self.source, of_git)? {
            return Ok(("url", address.into()));
        }
        let folder = send::folder(&self.source)?;
        let manifest = send::send(api, &folder, &self.service_in(&folder), data, output).await?;
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let source = SourceRef::Archive { digest: manifest.digest, origin: manifest.origin, name };
        Ok(("source", json!(source)))
    }

    /// What the service will be called, the environment in it; to be shown only.
    fn service_in(&self, folder: &Path) -> String {
        let folder = folder.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let derived = || ::inspect::names::suggested_service_name(&folder);
        let name = self.service.clone().or_else(derived).unwrap_or_else(|| "NAME".to_owned());
        match self.environment.as_deref() {
            None | Some("production") => name,
            Some(other) => format!("{name}-{other}"),
        }
    }

    fn body(&self, (field, source): (&str, Value), allow: &[Allowance]) -> Value {
        let mut body = Map::new();
        body.insert(field.to_owned(), source);
        body.insert("strategy".to_owned(), json!(self.strategy));
        let options = [
            ("service", &self.service),
            ("environment", &self.environment),
            ("branch", &self.branch),
            ("commit", &self.commit),
            ("source_token", &self.source_token),
        ];
        for (name, value) in options {
            if let Some(value) = value {
                body.insert(name.to_owned(), json!(value));
            }
        }
        for (name, pairs) in [("env", &self.variables), ("secrets", &self.secrets)] {
            let object: Map<String, Value> = pairs.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
            body.insert(name.to_owned(), object.into());
        }
        if !self.unset.is_empty() {
            body.insert("unset".to_owned(), json!(self.unset));
        }
        if !allow.is_empty() {
            body.insert("allow".to_owned(), json!(allow));
        }
        let run = self.run.options();
        if run != RunOptions::default() {
            body.insert("run".to_owned(), json!(run));
        }
        if let Some(dockerfile) = self.dockerfile {
            body.insert("scan".to_owned(), json!(ScanPolicy { dockerfile: Some(dockerfile) }));
        }
        body.into()
    }
}

/// Whether it ended for variables that its code certainly needs.
fn lacks_variables(deployment: &view::Deployment) -> bool {
    deployment.failure.as_ref().is_some_and(|failure| failure.code == "variables_missing")
}

/// One that isn't waited for is done with.
fn ended(deployment: Option<&view::Deployment>) -> Ended {
    if deployment.is_none_or(view::Deployment::succeeded) { Ended::Done } else { Ended::Failed }
}

/// Says what was accepted and, unless told otherwise, follows it.
pub async fn accepted(api: &Api, started: Value, no_wait: bool, output: Output) -> Result<Ended> {
    Ok(ended(followed(api, started, no_wait, output).await?.as_ref()))
}

/// The same; what it came to, if that was waited for.
async fn followed(
    api: &Api,
    started: Value,
    no_wait: bool,
    output: Output,
) -> Result<Option<view::Deployment>> {
    let known: Started = serde_json::from_value(started.clone()).unwrap_or_default();
    output.note(&format!("Deployment {} of service `{}`.", known.deployment_id, known.service));
    for note in &known.notes {
        output.note(&format!("{}.", capitalised(note)));
    }
    output.note(&format!("Expected: {}", known.expected));
    output.note(&format!("Its page: {}", api.url(&format!("/deployments/{}", known.deployment_id))));
    if no_wait {
        output.data(&started, || known.deployment_id.clone());
        return Ok(None);
    }
    end_of(api, &known.deployment_id, output).await.map(Some)
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// Follows a deployment and says at the end what came of it.
async fn end_of(api: &Api, id: &str, output: Output) -> Result<view::Deployment> {
    let (deployment, value) = follow(api, id, output).await?;
    output.data(&value, || report(&deployment));
    Ok(deployment)
}

/// What `up APP` deploys once it is up. Whatever becomes of it, the server goes on.
pub async fn first(address: &Address, app: &str, data: &Path, output: Output) {
    let deploy = Deploy {
        source: app.to_owned(),
        service: None,
        environment: None,
        branch: None,
        commit: None,
        strategy: Strategy::default(),
        variables: vec![],
        secrets: vec![],
        unset: vec![],
        allow: vec![],
        why: vec![],
        dockerfile: None,
        run: RunFlags::default(),
        source_token: None,
        yes: false,
        no_wait: false,
    };
    let result = match Api::at(address) {
        Ok(api) => deploy.run(&api, data, output).await,
        Err(error) => Err(error),
    };
    if let Err(error) = result {
        output.error(&error);
    }
}

/// What the server fetches by itself: an address, or with `git` a local repository.
fn address(source: &str, git: bool) -> Result<Option<String>> {
    if let Some(https) = over_https(source) {
        return Err(Stop::Usage(format!(
            "`{source}` is fetched over https here: `sextant deploy {https}`, with a token as SEXTANT_SOURCE_TOKEN if it is private"
        ))
        .into());
    }
    if source.contains("://") {
        return Ok(Some(source.to_owned()));
    }
    if !git {
        return Ok(None);
    }
    let text = send::folder(source)?.into_os_string().into_string();
    text.map(Some).map_err(|_| {
        Stop::Usage(format!("the path of `{source}` is not UTF-8; move it to one that is")).into()
    })
}

/// The https form of an address for SSH.
fn over_https(source: &str) -> Option<String> {
    let (host, path) = match source.strip_prefix("ssh://") {
        Some(rest) => rest.split_once('/')?,
        None if !source.contains("://") && source.contains('@') => source.split_once(':')?,
        None => return None,
    };
    let host = host.rsplit('@').next()?;
    let host = host.split(':').next()?;
    let named = !host.is_empty() && !host.contains('/') && !path.is_empty();
    named.then(|| format!("https://{host}/{}", path.trim_start_matches('/')))
}

/// Each finding with its reason.
fn allowances(allow: &[String], why: &[String]) -> Result<Vec<Allowance>> {
    if why.len() > 1 && why.len() != allow.len() {
        let (findings, reasons) = (allow.len(), why.len());
        return Err(Stop::Usage(format!(
            "--allow is given {findings} times and --why {reasons} times; give one reason for all, or one for each"
        ))
        .into());
    }
    let reason = |at: usize| why.get(at).or(why.first()).cloned().unwrap_or_default();
    let one = |(at, finding): (usize, &String)| Allowance { finding: finding.clone(), why: reason(at) };
    Ok(allow.iter().enumerate().map(one).collect())
}

fn severity(text: &str) -> Result<ScanSeverity, String> {
    match text {
        "info" => Ok(ScanSeverity::Info),
        "warning" => Ok(ScanSeverity::Warning),
        "error" => Ok(ScanSeverity::Error),
        _ => Err("use `info`, `warning` or `error`".to_owned()),
    }
}

/// `instant`, `quick` or `canary`.
pub fn strategy(text: &str) -> Result<Strategy, String> {
    serde_json::from_value(Value::String(text.to_lowercase()))
        .map_err(|_| "use `instant`, `quick` or `canary`".to_owned())
}

/// `NAME=VALUE`.
pub fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// `NAME=VALUE`, or `NAME` for the variable of that name. An error doesn't repeat the value.
pub fn secret(text: &str) -> Result<(String, String), String> {
    if text.contains('=') {
        return pair(text);
    }
    let value =
        std::env::var(text).map_err(|_| "there is no such variable in this shell; write NAME=VALUE")?;
    Ok((text.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_allowed_for_a_reason() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let reasons = |allow: &[&str], why: &[&str]| {
            allowances(&texts(allow), &texts(why)).map(|all| {
                all.into_iter().map(|one| format!("{}: {}", one.finding, one.why)).collect::<Vec<_>>()
            })
        };
        assert_eq!(reasons(&["a", "b"], &["x"]).unwrap(), ["a: x", "b: x"]);
        assert_eq!(reasons(&["a", "b"], &["x", "y"]).unwrap(), ["a: x", "b: y"]);
        assert!(reasons(&["a"], &["x", "y"]).is_err());
    }

    #[test]
    fn sources_are_told_apart() {
        assert_eq!(address("https://host/x.git", false).unwrap().as_deref(), Some("https://host/x.git"));
        for (ssh, https) in [
            ("git@github.com:ann/shop.git", "https://github.com/ann/shop.git"),
            ("ssh://git@git.example.com:22/ann/shop", "https://git.example.com/ann/shop"),
        ] {
            let error = address(ssh, false).unwrap_err().to_string();
            assert!(error.contains(&format!("`sextant deploy {https}`")), "{error}");
        }
        assert_eq!(address("/", false).unwrap(), None);
        assert_eq!(address("/", true).unwrap().as_deref(), Some("/"));
        let error = address("/no/such/folder", true).unwrap_err().to_string();
        assert!(error.contains("/no/such/folder") && error.contains("give"), "{error}");
    }
}
