//! `sextant serve NAME,NAME`: functions as one HTTP service on `$PORT`, with their push routes and health.
//!
//! Invariant: nothing is opened, connected or compiled before the first request needs it.

use super::flags::{self, Flags};
use crate::{
    failure::{Ended, Stop},
    functions, local,
    place::{self, certificates::Published, machine},
};
use anyhow::{Context as _, Result};
use clap::{Args, FromArgMatches as _};
use host::{
    Config, Function, PushAuth, Runner, Settings,
    oidc::Verifier,
    seal::ExposeSecret as _,
    setting::{Place, Process, Push},
    telemetry::Format,
    token,
};
use model::port::{Ports, Random};
use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    sync::Arc,
};
use tokio::net::TcpListener;

/// What is logged.
const LOG: &str = "info";

/// Which functions, and what they are told.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// The functions, separated by commas (`sextant catalog` lists them).
    #[arg(value_delimiter = ',', required = true, num_args = 1, value_name = "FUNCTION")]
    pub functions: Vec<String>,
    /// A flag for each setting that `serve` reads.
    #[command(flatten)]
    pub settings: Flags<true>,
    /// The data folder, if the command line's own `--data` names one.
    #[arg(skip)]
    pub data: Option<PathBuf>,
}

/// The arguments, if they begin with `serve`: parsed without building the other commands.
pub fn from_arguments(arguments: impl Iterator<Item = OsString>) -> Option<Result<Serve>> {
    let arguments: Vec<OsString> = arguments.skip(1).collect();
    if arguments.first()? != "serve" {
        return None;
    }
    let data = clap::Arg::new("data")
        .long("data")
        .help("The data folder, on a machine")
        .value_parser(clap::value_parser!(PathBuf));
    let command =
        Serve::augment_args(clap::Command::new("sextant serve").bin_name("sextant serve")).arg(data);
    let command = command
        .about("Run functions as an HTTP service on $PORT.")
        .after_help(flags::rest(Process::Serve))
        .max_term_width(110);
    let matches = command.try_get_matches_from(arguments);
    let mut matches = matches.unwrap_or_else(|error| error.exit());
    let data = matches.remove_one::<PathBuf>("data");
    let parsed = Serve::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    Some(Ok(Serve { data, ..parsed }))
}

/// Serves until told to stop.
pub fn run(serve: Serve) -> Result<Ended> {
    let functions = chosen(&serve.functions)?;
    let names: Vec<&str> = functions.iter().map(|function| function.name).collect();
    let (settings, place) = serve.settings.read(std::env::vars_os(), serve.data.as_deref(), &[], &names)?;
    host::telemetry::init(format(&settings), settings.log.as_deref().unwrap_or(LOG)).map_err(Stop::Usage)?;
    if place == Place::Machine && settings.firestore_emulator.is_some() {
        tracing::warn!(
            "FIRESTORE_EMULATOR_HOST is not used in place `machine`; set SEXTANT_PLACE=gcp for it"
        );
    }
    let mut config = config(settings, place)?;
    let ports = place::ports(place, &config, &functions)?;
    config.settings.forget_secrets();
    config.settings.instance = instance(config.settings.revision.as_deref(), &*ports.random);
    listen(functions, ports, config)
}

fn listen(functions: Vec<Function>, ports: Ports, config: Config) -> Result<Ended> {
    let names = functions.iter().map(|function| function.name).collect::<Vec<_>>().join(",");
    let (address, port) = (config.settings.listen.unwrap_or(IpAddr::from(Ipv4Addr::LOCALHOST)), config.port);
    let runner = Runner::new(functions, Arc::new(ports), Arc::new(config)).with_openapi(local::openapi);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("no thread could be started")?;
    runtime.block_on(async {
        let stopped = host::serve::signal();
        let listener = TcpListener::bind((address, port)).await.with_context(|| {
            format!("port {port} of {address} can't be listened on; choose another with --port or --listen")
        })?;
        tracing::info!(functions = names, "listening on {}", listener.local_addr()?);
        host::serve(listener, Arc::new(runner).router(), stopped).await?;
        anyhow::Ok(())
    })?;
    // What runs beyond the last answer (a store's own threads) ends by itself or with the process.
    runtime.shutdown_background();
    Ok(Ended::Done)
}

/// The functions of these names, each once.
fn chosen(names: &[String]) -> Result<Vec<Function>> {
    let mut chosen: Vec<Function> = vec![];
    for name in names {
        let Some(function) = functions::named(name) else {
            let all: Vec<&str> = functions::all().iter().map(|function| function.name).collect();
            let text = format!("there is no function `{name}`; there are {}", all.join(", "));
            return Err(Stop::Usage(text).into());
        };
        if chosen.iter().any(|other| other.name == function.name) {
            return Err(Stop::Usage(format!("`{name}` is named twice; name each function once")).into());
        }
        chosen.push(function);
    }
    Ok(chosen)
}

/// Cloud Logging reads JSON; people don't.
fn format(settings: &Settings) -> Format {
    if settings.service.is_some() || settings.job.is_some() {
        return Format::Cloud { project: settings.project.clone() };
    }
    Format::Human
}

fn config(settings: Settings, place: Place) -> Result<Config> {
    let mut config = Config::local(settings.port, token_key(&settings, place)?);
    config.browser_sessions = false;
    config.limits = if settings.no_limits { host::limit::Limits::Off } else { host::limit::Limits::Shared };
    // Cloud Run's own front end is the one hop.
    config.forwarded_hops = usize::from(settings.service.is_some());
    config.hosts.clone_from(&settings.hosts);
    config.origins.clone_from(&settings.origins);
    config.push = push(&settings)?;
    if let Some(url) = &settings.public_url {
        url.as_str().clone_into(&mut config.public_url);
    }
    config.settings = settings;
    Ok(config)
}

/// The key that signs tokens: as it is set, else the machine's own. Where neither is, the functions have no routes,
/// and a key that nobody knows keeps it that way.
fn token_key(settings: &Settings, place: Place) -> Result<token::Key> {
    let bytes = match (&settings.token_key, place) {
        (Some(key), _) => key.expose_secret().as_bytes().to_vec(),
        (None, Place::Machine) => return machine::token_key(&machine::data_folder(settings)),
        (None, Place::Gcp) => (0..2).flat_map(|_| common::clock::OsRandom.bits().to_le_bytes()).collect(),
    };
    Ok(token::Key::new(bytes).map_err(|error| Stop::Usage(format!("SEXTANT_TOKEN_KEY: {error}")))?)
}

/// Who may push, as it is set or as the other settings of pushes ask for.
fn push(settings: &Settings) -> Result<PushAuth> {
    let Settings { push_token: token, push_audience: audience, push_account: account, .. } = settings;
    let asked = match (audience, account, token) {
        (None, None, None) => Push::Off,
        (None, None, Some(_)) => Push::Token,
        _ => Push::Google,
    };
    let missing = |needs: &str| Stop::Usage(format!("Pushes can't be told apart: set {needs}."));
    Ok(match settings.push.unwrap_or(asked) {
        Push::Off => PushAuth::Off,
        Push::Platform => PushAuth::Platform,
        Push::Token => {
            let token = token.as_ref().ok_or_else(|| missing("SEXTANT_PUSH_TOKEN"))?;
            PushAuth::Token(token.expose_secret().to_owned())
        }
        Push::Google => {
            let (Some(audience), Some(account)) = (audience, account) else {
                return Err(missing("both SEXTANT_PUSH_AUDIENCE and SEXTANT_PUSH_ACCOUNT").into());
            };
            let published = Box::new(Published(settings.push_certificates.as_str().to_owned()));
            PushAuth::Google(Arc::new(Verifier::new(audience, account, published)))
        }
    })
}

/// In whose name leases are taken. In a container every process has the same number, so that would not tell two
/// instances of a revision apart.
fn instance(revision: Option<&str>, random: &dyn Random) -> String {
    format!("{}-{:032x}", revision.unwrap_or("serve"), random.bits())
}

#[cfg(test)]
mod tests {
    use super::*;
    use common::clock::OsRandom;

    #[test]
    fn two_instances_of_a_revision_have_two_names() {
        let instance = || instance(Some("deploy-step-00001-abc"), &OsRandom);
        assert!(instance() != instance() && instance().starts_with("deploy-step-00001-abc-"));
    }

    #[test]
    fn functions_are_named_once_each_and_must_be_there() {
        let chosen = |names: &[&str]| chosen(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(chosen(&["console", "register"]).unwrap().len(), 2);
        assert!(chosen(&["console", "console"]).unwrap_err().to_string().contains("twice"));
        assert!(chosen(&["console", ""]).unwrap_err().to_string().contains("there is no function ``"));
    }

    #[test]
    fn who_may_push_is_said_or_asked_for_and_never_half() {
        let with = |set: &[(&str, &str)]| {
            let mut settings = Settings::default();
            assert!(set.iter().all(|(name, text)| settings.set(name, text)));
            push(&settings)
        };
        let token = ("push_token", "only-for-this-test");
        assert!(matches!(with(&[]), Ok(PushAuth::Off)));
        assert!(matches!(with(&[token]), Ok(PushAuth::Token(_))));
        assert!(matches!(with(&[token, ("push", "off")]), Ok(PushAuth::Off)));
        assert!(matches!(with(&[("push", "platform")]), Ok(PushAuth::Platform)));
        assert!(with(&[("push", "token")]).unwrap_err().to_string().contains("SEXTANT_PUSH_TOKEN"));
        let half = with(&[("push_audience", "https://x.run.app")]).unwrap_err().to_string();
        assert!(half.contains("SEXTANT_PUSH_ACCOUNT"), "{half}");
        let both = [("push_audience", "https://x.run.app"), ("push_account", "pusher@x"), token];
        assert!(matches!(with(&both), Ok(PushAuth::Google(_))));
    }
}
