//! `sextant serve FUNCTION`: one function as an HTTP service on `$PORT`, with its push route and health.
//!
//! Invariant: nothing is opened, connected or compiled before the first request needs it.

#![expect(
    clippy::disallowed_methods,
    reason = "a service is told its settings by its environment, read here once"
)]

use crate::{
    failure::{Ended, Stop},
    functions, local,
    place::{self, machine::Options},
};
use anyhow::{Context as _, Result};
use clap::{Args, FromArgMatches as _};
use host::{Config, PushAuth, Runner, oidc::Verifier, telemetry::Format};
use model::port::{Ports, Random as _};
use std::{
    env,
    ffi::OsString,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    sync::Arc,
};

/// Which function, and where.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// The function (`sextant catalog` lists them).
    pub function: String,
    /// The port.
    #[arg(long, env = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// Address to listen on; every one on Cloud Run, else loopback.
    #[arg(long, env = "SEXTANT_LISTEN")]
    pub listen: Option<IpAddr>,
    /// Who may push deliveries: whoever presents this token. On Cloud Run the platform verifies them.
    #[arg(long, env = "SEXTANT_PUSH_TOKEN", hide_env_values = true)]
    pub push_token: Option<String>,
    /// Take pushes that Google signed for this audience, and no others; with `--push-account`. On Cloud Run the platform
    /// verifies them, which is enough for a service that is not public.
    #[arg(long, env = "SEXTANT_PUSH_AUDIENCE", requires = "push_account")]
    pub push_audience: Option<String>,
    /// The e-mail of the service account that pushes.
    #[arg(long, env = "SEXTANT_PUSH_ACCOUNT", requires = "push_audience")]
    pub push_account: Option<String>,
    /// Where the keys are that pushes are signed with.
    #[arg(long, env = "SEXTANT_PUSH_CERTIFICATES", default_value = host::oidc::GOOGLE, hide = true)]
    pub push_certificates: String,
    /// Names that the service answers for, beside loopback.
    #[arg(long = "host", env = "SEXTANT_HOSTS", value_delimiter = ',')]
    pub hosts: Vec<String>,
    /// Where people reach the console.
    #[arg(long, env = "SEXTANT_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Port of the ingress in front of the apps, on a machine; 0 for a free one.
    #[arg(long, env = "SEXTANT_INGRESS_PORT", default_value_t = 0)]
    pub ingress_port: u16,
    /// What is logged, such as `info` or `warn,host=debug`.
    #[arg(long, env = "SEXTANT_LOG", default_value = "info")]
    pub log: String,
    /// The data folder; set by the command line's own `--data`.
    #[arg(skip)]
    pub data: Option<PathBuf>,
}

/// The arguments, if they begin with `serve`: parsed without building the other commands.
pub fn from_arguments(arguments: impl Iterator<Item = OsString>) -> Option<Result<Serve>> {
    let arguments: Vec<OsString> = arguments.skip(1).collect();
    if arguments.first()? != "serve" {
        return None;
    }
    let data =
        clap::Arg::new("data").long("data").env("SEXTANT_DATA").value_parser(clap::value_parser!(PathBuf));
    let command =
        Serve::augment_args(clap::Command::new("sextant serve").bin_name("sextant serve")).arg(data);
    let command = command.about("Run one function as an HTTP service on $PORT.");
    let matches = command.try_get_matches_from(arguments);
    let mut matches = matches.unwrap_or_else(|error| error.exit());
    let data = matches.remove_one::<PathBuf>("data");
    let parsed = Serve::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    Some(Ok(Serve { data, ..parsed }))
}

/// Serves until told to stop.
pub fn run(serve: Serve) -> Result<Ended> {
    let cloud_run = env::var_os("K_SERVICE").is_some();
    let format = if cloud_run {
        Format::Cloud { project: env::var("GOOGLE_CLOUD_PROJECT").ok() }
    } else {
        Format::Human
    };
    host::telemetry::init(format, &serve.log).map_err(Stop::Usage)?;
    let Some(function) = functions::named(&serve.function) else {
        let names: Vec<&str> = functions::all().iter().map(|function| function.name).collect();
        return Err(Stop::Usage(format!(
            "there is no function `{}`; there are {}",
            serve.function,
            names.join(", ")
        ))
        .into());
    };
    let data = serve.data.clone().unwrap_or_else(super::default_data);
    let config = Arc::new(config(&serve, &data, cloud_run)?);
    let ports = Arc::new(ports(&serve, &data, &config)?);
    let runner = Runner::new(vec![function], ports, config).with_openapi(local::openapi);
    let address =
        serve.listen.unwrap_or(if cloud_run { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST }.into());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("no thread could be started")?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((address, serve.port)).await;
        let listener = listener.with_context(|| {
            format!("port {} can't be listened on; choose another with --port", serve.port)
        })?;
        tracing::info!(function = serve.function, "listening on {}", listener.local_addr()?);
        host::serve(listener, Arc::new(runner).router(), host::serve::signal()).await?;
        anyhow::Ok(())
    })?;
    // What runs beyond the last answer (a store's own threads) ends by itself or with the process.
    runtime.shutdown_background();
    Ok(Ended::Done)
}

fn config(serve: &Serve, data: &Path, cloud_run: bool) -> Result<Config> {
    let key = match env::var("SEXTANT_TOKEN_KEY") {
        Ok(key) => host::token::Key::new(key.into_bytes())
            .map_err(|error| Stop::Usage(format!("SEXTANT_TOKEN_KEY: {error}")))?,
        Err(_) => place::machine::token_key(data)?,
    };
    let mut config = Config::local(serve.port, key);
    config.browser_sessions = false;
    config.hosts.clone_from(&serve.hosts);
    if cloud_run {
        config.push = PushAuth::Platform;
        if config.hosts.is_empty() {
            // The front end routes by name; what arrives here was meant for us.
            config.hosts.push("*".to_owned());
        }
    }
    if let Some(token) = &serve.push_token {
        config.push = PushAuth::Token(token.clone());
    }
    if let (Some(audience), Some(account)) = (&serve.push_audience, &serve.push_account) {
        let published = Box::new(place::certificates::Published(serve.push_certificates.clone()));
        config.push = PushAuth::Google(Arc::new(Verifier::new(audience, account, published)));
    }
    if let Some(url) = &serve.public_url {
        url.trim_end_matches('/').clone_into(&mut config.public_url);
    }
    let settings = [
        ("region", "SEXTANT_REGION"),
        ("no_learning", "SEXTANT_NO_LEARNING"),
        ("crash_at", "SEXTANT_CRASH_AT"),
        ("keep_days", "SEXTANT_KEEP_DAYS"),
        ("streams", "SEXTANT_STREAMS"),
    ];
    for (name, variable) in settings {
        config.values.extend(env::var(variable).ok().map(|value| (name.to_owned(), value)));
    }
    if let Some(days) = config.value("keep_days") {
        sweep::retention::days(days).map_err(|why| Stop::Usage(format!("SEXTANT_KEEP_DAYS: {why}")))?;
    }
    config.values.entry("region".to_owned()).or_insert_with(|| "us-central1".to_owned());
    let revision = env::var("K_REVISION").unwrap_or_else(|_| "serve".to_owned());
    config.values.insert("instance".to_owned(), instance(&revision));
    Ok(config)
}

/// In whose name leases are taken. In a container every process has the same number, so that would not tell two
/// instances of a revision apart.
fn instance(revision: &str) -> String {
    format!("{revision}-{:032x}", machine::clock::OsRandom.bits())
}

/// The place's ports, none of them open yet.
fn ports(serve: &Serve, data: &Path, config: &Config) -> Result<Ports> {
    let options = Options {
        data: data.to_owned(),
        ingress_port: serve.ingress_port,
        smtp: env::var("SEXTANT_SMTP").ok(),
        mail_from: super::up::MAIL_FROM.to_owned(),
        hostile: None,
    };
    let config = config.clone();
    place::machine::private_folder(data)?;
    let machine =
        place::lazy::ports(data, Box::new(move || Box::pin(open(options.clone(), config.clone()))))?;
    #[cfg(feature = "gcp")]
    if let Some(cloud) = place::cloud::from_environment()? {
        return Ok(cloud.over(machine));
    }
    if env::var("SEXTANT_PLACE").is_ok_and(|place| place != "machine") {
        return Err(Stop::Usage(
            "SEXTANT_PLACE names a place that this build doesn't have; build it with `--features gcp`"
                .to_owned(),
        )
        .into());
    }
    Ok(machine)
}

/// This machine's adapters. Messages are kept for whoever runs the functions they are for: nothing is delivered
/// by this process, deliveries come in over its push route.
async fn open(options: Options, config: Config) -> Result<Arc<Ports>> {
    let subscriptions = host::runner::subscriptions(&functions::all(), &config);
    let machine = place::machine::Machine::open(&options, subscriptions).await?;
    Ok(machine.ports.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_instances_of_a_revision_have_two_names() {
        assert_ne!(instance("deploy-step-00001-abc"), instance("deploy-step-00001-abc"));
    }
}
