//! `sextant up`: every function in one process, on one data folder.

mod detach;
pub mod farewell;
mod install;
mod outside;

use super::{
    flags::Flags,
    output::Output,
    server::{Address, write_address},
};
use crate::{
    failure::{Ended, Stop},
    functions, local,
    place::machine::{Machine, Options, TENANT, data_folder, token_key},
};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use host::{Caller, Config, Role, Runner, Settings, runner};
use machine::{
    engine::Lock,
    schedule::Schedules,
    target::{Live, live_in},
};
use model::{
    TenantId,
    message::{Message, kind},
    port::{Broker as _, Clock as _},
};
use outside::Outside;
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::net::TcpListener;

/// The port of the ingress.
const INGRESS_PORT: u16 = 8088;
/// What is logged.
const LOG: &str = "warn";
/// How long the command line's own token is valid; each `up` makes a new one.
const TOKEN_SECONDS: i64 = 30 * 24 * 3600;

/// What can be chosen about an installation on one machine.
#[derive(Args, Clone, Debug)]
pub struct Up {
    /// A folder or Git URL to deploy once everything is up.
    pub app: Option<String>,
    /// Begin with an empty data folder: removes what is in it.
    #[arg(long)]
    pub fresh: bool,
    /// Open the console in a browser.
    #[arg(long)]
    pub open: bool,
    /// Stop the apps too when this ends; by default they go on and are found again.
    #[arg(long)]
    pub stop_apps: bool,
    /// Go on in the background, with the output in `up.log` of the data folder; `sextant down` stops it.
    #[arg(long, conflicts_with = "install")]
    pub detach: bool,
    /// Write a systemd unit that runs this command, instead of running it.
    #[arg(long)]
    pub install: bool,
    /// What `--detach` starts.
    #[arg(long, hide = true)]
    pub detached: bool,
    /// A flag for each setting that `up` reads.
    #[command(flatten)]
    pub settings: Flags<false>,
    /// Settings by their names, `name=value`; for tests and demonstrations.
    #[arg(long = "set", value_parser = super::deploy::pair, value_name = "NAME=VALUE", hide = true)]
    pub set: Vec<(String, String)>,
}

/// What becomes of the apps when Sextant ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Apps {
    /// They end with it.
    Stop,
    /// They go on, and the next start finds them.
    Keep,
}

/// A running installation, for whoever wants to stop it.
pub struct Running {
    /// How to reach it.
    pub address: Address,
    /// The link that signs a browser in.
    pub link: String,
    /// From where it is reached.
    outside: Outside,
    /// The adapters that the functions are handed as ports.
    pub machine: Machine,
    runner: Arc<Runner>,
    listener: TcpListener,
    schedules: Schedules,
    apps: Apps,
}

/// Runs until told to stop.
pub async fn run(up: Up, data: Option<PathBuf>, output: Output) -> Result<Ended> {
    let settings = settings(&up, data.as_deref())?;
    if up.install {
        return install::run(&data_folder(&settings), output);
    }
    if up.detach {
        if up.fresh {
            empty(&data_folder(&settings)).await?;
        }
        return detach::run(&data_folder(&settings), output).await;
    }
    if up.detached {
        detach::leave_terminal();
    }
    let log = settings.log.as_deref().unwrap_or(LOG);
    host::telemetry::init(host::telemetry::Format::Human, log).map_err(Stop::Usage)?;
    if up.fresh {
        empty(&data_folder(&settings)).await?;
    }
    let running = start(settings, if up.stop_apps { Apps::Stop } else { Apps::Keep }).await?;
    let stopped = host::serve::signal();
    announce(&running, up.detached, output);
    if up.open {
        super::open::browser(&running.link, output);
    }
    let (address, data) = (running.address.clone(), running.machine.data.clone());
    let deploying = tokio::spawn(async move {
        if let Some(app) = up.app {
            super::deploy::first(&address, &app, &data, output).await;
        }
    });
    let folder = running.machine.data.clone();
    let live = running.serve(stopped).await?;
    deploying.abort();
    if !output.is_json() {
        output.note(&farewell::text(&live, &folder));
    }
    Ok(Ended::Done)
}

/// What the environment and the command line say.
fn settings(up: &Up, data: Option<&Path>) -> Result<Settings> {
    let functions = functions::all();
    let names: Vec<&str> = functions.iter().map(|function| function.name).collect();
    let (settings, _) = up.settings.read(std::env::vars_os(), data, &up.set, &names)?;
    Ok(settings)
}

/// Opens the data folder, wires functions to adapters and listens.
pub async fn start(settings: Settings, apps: Apps) -> Result<Running> {
    let data = data_folder(&settings);
    drop(own(&data)?);
    let listener = listen(&settings).await?;
    let port = listener.local_addr()?.port();
    let outside = Outside::of(&settings, port);
    let key = token_key(&data)?;
    let mut config = Config::local(port, key.clone());
    config.public_url.clone_from(&outside.url);
    config.hosts.clone_from(&outside.hosts);
    let mut functions = functions::all();
    let subscriptions = runner::subscriptions(&functions, &config);
    let mail_to = settings.mail_to.clone();
    let ingress_port = settings.ingress_port.unwrap_or(INGRESS_PORT);
    let options = Options { data, ingress_port, exposure: outside.exposure(), settings: settings.clone() };
    let machine = Machine::open(&options, subscriptions).await?;
    let instance = format!("{:032x}", machine.ports.random.bits());
    if settings.no_limits {
        config.limits = host::limit::Limits::Off;
    }
    config.origins.clone_from(&settings.origins);
    // The store's lock says so: whoever else held a lease is dead.
    config.settings = Settings { instance, alone: true, ..settings };
    config.settings.forget_secrets();
    let minutes: Vec<(String, String)> = runner::schedules(&functions)
        .iter()
        .map(|schedule| (schedule.name.to_owned(), schedule.cron.to_owned()))
        .collect();
    let sessions = Arc::<host::session::Sessions>::default();
    functions.push(local::function(&machine, Arc::clone(&sessions)));
    local::welcome(&machine, &mail_to).await?;
    let runner = Runner::new(functions, machine.ports.clone(), Arc::new(config)).with_openapi(local::openapi);
    let runner = Arc::new(runner.with_sessions(sessions));
    machine.broker.start(runner.clone());
    let schedules = Schedules::start(&machine.data, &minutes, machine.clock.clone(), machine.broker.clone())?;
    catch_up(&machine).await?;
    let address = address(&key, &machine, &outside.here, port)?;
    write_address(&machine.data, &address)?;
    let link = runner.sign_in_link(&owner()?);
    Ok(Running { address, link, outside, machine, runner, listener, schedules, apps })
}

impl Running {
    /// Serves until `shutdown` is done; answers which apps go on.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<Vec<Live>> {
        host::serve(self.listener, self.runner.router(), shutdown).await?;
        super::server::remove_address(&self.machine.data);
        // Whoever publishes by itself stops before the broker does.
        drop(self.schedules);
        self.machine.broker.close().await;
        if self.apps == Apps::Stop {
            self.machine.target.stop_all().await;
        }
        self.machine.target.shutdown().await;
        let engine = self.machine.store.engine().clone();
        tokio::task::spawn_blocking(move || engine.close()).await?;
        Ok(live_in(&self.machine.data))
    }
}

/// Whatever was due while nothing ran is found by the sweep, at once instead of at the next full minute; so is what
/// becomes due soon, since the timers for that ended with the process that set them.
async fn catch_up(machine: &Machine) -> Result<()> {
    let time = machine.clock.now().plus(model::time::HOUR_MS);
    let system = TenantId::new("system")?;
    let due = |name: &str| {
        let due = machine::schedule::Due { schedule: name.to_owned(), time };
        Message::new(runner::SCHEDULE_TOPIC, kind::SCHEDULE, &system, &due)
    };
    Ok(machine.broker.publish(vec![due("sweep"), due("sources")]).await?)
}

/// Who the command line and the one-time link act as.
pub fn owner() -> Result<Caller> {
    Ok(Caller { tenant: TenantId::new(TENANT)?, user: "you".to_owned(), role: Role::Owner })
}

fn address(key: &host::token::Key, machine: &Machine, here: &str, port: u16) -> Result<Address> {
    let claims =
        host::token::Claims::new(&owner()?, machine.clock.real(), TOKEN_SECONDS, machine.ports.random.bits());
    Ok(Address {
        url: format!("http://{here}:{port}"),
        token: host::token::mint(key, &claims)?,
        pid: std::process::id(),
        ingress_port: machine.target.ingress_port(),
    })
}

/// Takes a data folder for as long as the answer is held; `None` where there is none yet. Whether another process has
/// it is the kernel's word: a file that names a process may be left over, or gone.
pub fn own(data: &Path) -> Result<Option<Lock>> {
    let store = data.join("store");
    if !store.is_dir() {
        return Ok(None);
    }
    Lock::take(&store).map(Some).map_err(|error| match super::server::told(data) {
        Some(other) => anyhow::anyhow!(
            "Sextant runs on `{}` already (pid {}, {}). Use that one, stop it, or name another folder with --data.",
            data.display(),
            other.pid,
            other.url
        ),
        None => error.into(),
    })
}

/// Removes what is in a data folder, if it is one of ours or empty.
async fn empty(data: &Path) -> Result<()> {
    let Ok(mut entries) = fs::read_dir(data) else { return Ok(()) };
    let ours = ["store", "token.key", "broker"].iter().any(|name| data.join(name).exists());
    if !ours && entries.next().is_some() {
        bail!(
            "`{}` is not a Sextant data folder, so --fresh leaves it alone; name another with --data",
            data.display()
        );
    }
    // Held until all of it is gone.
    let _lock = own(data)?;
    machine::target::stop_leftovers(data).await;
    fs::remove_dir_all(data).with_context(|| format!("`{}` can't be emptied", data.display()))
}

async fn listen(settings: &Settings) -> Result<TcpListener> {
    let port = settings.console_port;
    let address = Outside::of(settings, port).listen;
    TcpListener::bind((address, port)).await.with_context(|| {
        format!(
            "port {port} of {address} can't be listened on; choose another with --port, or 0 for a free one"
        )
    })
}

/// What addresses of apps look like.
fn apps(running: &Running, ingress_port: u16) -> String {
    let below = running.outside.exposure().names().into_iter().next();
    match (below, running.outside.hosts.first()) {
        (Some(name), _) => format!("http://SERVICE.{name}:{ingress_port}"),
        (None, Some(host)) if host != "*" => format!("http://{host}:PORT, a port for each service"),
        _ => format!("http://SERVICE.localhost:{ingress_port}"),
    }
}

fn announce(running: &Running, detached: bool, output: Output) {
    let Address { url, ingress_port, .. } = &running.address;
    let port = running.listener.local_addr().map_or(0, |address| address.port());
    if output.is_json() {
        let data = &running.machine.data;
        output.json_line(
            &json!({ "url": url, "sign_in": running.link, "ingress_port": ingress_port, "data": data, "pid": running.address.pid }),
        );
        return;
    }
    output.note("Sextant is up.");
    output.note(&format!("  console   {}   (signs this browser in, once)", running.link));
    output.note(&format!("  API       {url}/api/v1   (token: `sextant token`)"));
    output.note(&format!("  apps      {}", apps(running, *ingress_port)));
    output.note(&format!("  data      {}", running.machine.data.display()));
    let apps = if running.apps == Apps::Stop {
        "apps stop with it"
    } else {
        "apps go on unless you said --stop-apps"
    };
    if let Some(warning) = running.outside.warning(*ingress_port, port) {
        output.note(&warning);
    }
    let stop = if detached { "`sextant down`" } else { "Ctrl-C" };
    output.note(&format!("Deploy something with `sextant deploy PATH`. Stop with {stop}; {apps}."));
}
