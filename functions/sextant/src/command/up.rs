//! `sextant up`: every function in one process, on one data folder.

use super::{
    output::Output,
    server::{Address, write_address},
};
use crate::{
    failure::{Ended, Stop},
    functions, local,
    place::machine::{Machine, Options, token_key},
};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use host::{Caller, Config, Role, Runner, runner};
use machine::schedule::Schedules;
use model::{
    TenantId,
    message::{Message, kind},
    port::{Broker as _, Clock as _},
};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::net::TcpListener;

/// The tenant and user that everything on a developer's machine belongs to.
pub const TENANT: &str = "local";
/// Whom mails come from.
pub const MAIL_FROM: &str = "Sextant <sextant@localhost>";
/// How long the command line's own token is valid; each `up` makes a new one.
const TOKEN_SECONDS: i64 = 30 * 24 * 3600;

/// What can be chosen about an installation on one machine.
#[derive(Args, Clone, Debug)]
pub struct Up {
    /// A folder or Git URL to deploy once everything is up.
    pub app: Option<String>,
    /// Port of console and API; 0 for a free one.
    #[arg(long, default_value_t = 8080, env = "SEXTANT_PORT")]
    pub port: u16,
    /// Port of the ingress in front of the apps; 0 for a free one.
    #[arg(long, default_value_t = 8088, env = "SEXTANT_INGRESS_PORT")]
    pub ingress_port: u16,
    /// Address to listen on. Anything but loopback makes the console reachable from outside.
    #[arg(long, default_value = "127.0.0.1")]
    pub listen: std::net::IpAddr,
    /// Begin with an empty data folder: removes what is in it.
    #[arg(long)]
    pub fresh: bool,
    /// Open the console in a browser.
    #[arg(long)]
    pub open: bool,
    /// Who gets the mails about services.
    #[arg(long, default_value = "you@localhost", env = "SEXTANT_MAIL_TO")]
    pub mail_to: String,
    /// `smtp://user:password@host:port`; without it mails become files in the data folder.
    #[arg(long, env = "SEXTANT_SMTP", hide_env_values = true)]
    pub smtp: Option<String>,
    /// Days that observations, build logs and notices are kept once nothing refers to them; at least 31.
    #[arg(long, env = "SEXTANT_KEEP_DAYS", default_value_t = 90, value_parser = sweep::retention::days)]
    pub keep_days: i64,
    /// Stop the apps too when this ends; by default they go on and are found again.
    #[arg(long)]
    pub stop_apps: bool,
    /// What is logged, such as `info` or `warn,host=debug`.
    #[arg(long, default_value = "warn", env = "SEXTANT_LOG")]
    pub log: String,
    /// Settings of functions, `name=value`; for tests and demonstrations.
    #[arg(long = "set", value_parser = super::deploy::pair, value_name = "NAME=VALUE", hide = true)]
    pub settings: Vec<(String, String)>,
    /// For tests: deliver badly, by this seed.
    #[arg(long, hide = true, env = "SEXTANT_HOSTILE")]
    pub hostile: Option<u64>,
    /// For tests: die at this point of the code.
    #[arg(long, hide = true, env = "SEXTANT_CRASH_AT")]
    pub crash_at: Option<String>,
}

/// A running installation, for whoever wants to stop it.
pub struct Running {
    /// How to reach it.
    pub address: Address,
    /// The link that signs a browser in.
    pub link: String,
    /// Its adapters.
    pub machine: Machine,
    runner: Arc<Runner>,
    listener: TcpListener,
    schedules: Schedules,
    stop_apps: bool,
}

/// Runs until told to stop.
pub async fn run(up: Up, data: PathBuf, output: Output) -> Result<Ended> {
    host::telemetry::init(host::telemetry::Format::Human, &up.log).map_err(Stop::Usage)?;
    let app = up.app.clone();
    let open = up.open;
    let running = start(up, &data).await?;
    announce(&running, output);
    if open {
        open_browser(&running.link, output);
    }
    let address = running.address.clone();
    let deploying = tokio::spawn(async move {
        if let Some(app) = app {
            super::deploy::first(&address, &app, output).await;
        }
    });
    let result = running.serve(host::serve::signal()).await;
    deploying.abort();
    result.map(|()| Ended::Done)
}

/// Opens the data folder, wires functions to adapters and listens.
pub async fn start(up: Up, data: &Path) -> Result<Running> {
    if up.fresh {
        empty(data).await?;
    }
    if let Some(other) = super::server::running(data) {
        bail!(
            "Sextant runs on `{}` already (pid {}, {}). Use that one, stop it, or name another folder with --data.",
            data.display(),
            other.pid,
            other.url
        );
    }
    let listener = TcpListener::bind((up.listen, up.port)).await.with_context(|| {
        format!("port {} is taken; choose another with --port, or 0 for a free one", up.port)
    })?;
    let port = listener.local_addr()?.port();
    let key = token_key(data)?;
    let mut config = Config::local(port, key.clone());
    let mut functions = functions::all();
    let subscriptions = runner::subscriptions(&functions, &config);
    let options = Options {
        data: data.to_owned(),
        ingress_port: up.ingress_port,
        smtp: up.smtp.clone(),
        mail_from: MAIL_FROM.to_owned(),
        hostile: up.hostile,
    };
    let machine = Machine::open(&options, subscriptions).await?;
    config.values = values(&up, &machine);
    let minutes: Vec<(String, String)> = runner::schedules(&functions)
        .iter()
        .map(|schedule| (schedule.name.to_owned(), schedule.cron.to_owned()))
        .collect();
    functions.push(local::function(&machine));
    local::welcome(&machine, &up.mail_to).await?;
    let runner = Runner::new(functions, machine.ports.clone(), Arc::new(config)).with_openapi(local::openapi);
    let runner = Arc::new(runner);
    machine.broker.start(runner.clone());
    let schedules = Schedules::start(&machine.data, &minutes, machine.clock.clone(), machine.broker.clone())?;
    catch_up(&machine).await?;
    let address = address(&key, &machine, port)?;
    write_address(&machine.data, &address)?;
    let link = runner.sign_in_link(&owner()?);
    Ok(Running { address, link, machine, runner, listener, schedules, stop_apps: up.stop_apps })
}

impl Running {
    /// Serves until `shutdown` is done.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> Result<()> {
        host::serve(self.listener, self.runner.router(), shutdown).await?;
        super::server::remove_address(&self.machine.data);
        // Whoever publishes by itself stops before the broker does.
        drop(self.schedules);
        self.machine.broker.close().await;
        if self.stop_apps {
            self.machine.target.stop_all().await;
        }
        self.machine.target.shutdown().await;
        Ok(())
    }
}

fn values(up: &Up, machine: &Machine) -> BTreeMap<String, String> {
    let instance = format!("{:032x}", machine.ports.random.bits());
    let mut values = BTreeMap::from([
        ("instance".to_owned(), instance),
        // The store's lock says so: whoever else held a lease is dead.
        ("alone".to_owned(), "true".to_owned()),
        ("region".to_owned(), "us-central1".to_owned()),
        ("keep_days".to_owned(), up.keep_days.to_string()),
    ]);
    values.extend(up.settings.iter().cloned());
    values.extend(up.crash_at.clone().map(|point| ("crash_at".to_owned(), point)));
    values
}

/// Whatever was due while nothing ran is found by the sweep, at once instead of at the next full minute; so is what
/// becomes due soon, since the timers for that ended with the process that set them.
async fn catch_up(machine: &Machine) -> Result<()> {
    let time = machine.clock.now().plus(model::time::HOUR_MS);
    let due = machine::schedule::Due { schedule: "sweep".to_owned(), time };
    let message = Message::new(runner::SCHEDULE_TOPIC, kind::SCHEDULE, &TenantId::new("system")?, &due);
    Ok(machine.broker.publish(vec![message]).await?)
}

/// Who the command line and the one-time link act as.
pub fn owner() -> Result<Caller> {
    Ok(Caller { tenant: TenantId::new(TENANT)?, user: "you".to_owned(), role: Role::Owner })
}

fn address(key: &host::token::Key, machine: &Machine, port: u16) -> Result<Address> {
    let claims =
        host::token::Claims::new(&owner()?, machine.clock.real(), TOKEN_SECONDS, machine.ports.random.bits());
    Ok(Address {
        url: format!("http://127.0.0.1:{port}"),
        token: host::token::mint(key, &claims)?,
        pid: std::process::id(),
        ingress_port: machine.target.ingress_port(),
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
    if let Some(running) = super::server::running(data) {
        bail!(
            "Sextant is running on `{}` (pid {}); stop it before you begin afresh",
            data.display(),
            running.pid
        );
    }
    machine::target::stop_leftovers(data).await;
    fs::remove_dir_all(data).with_context(|| format!("`{}` can't be emptied", data.display()))
}

fn announce(running: &Running, output: Output) {
    let Address { url, ingress_port, .. } = &running.address;
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
    output.note(&format!("  apps      http://SERVICE.localhost:{ingress_port}"));
    output.note(&format!("  data      {}", running.machine.data.display()));
    let apps = if running.stop_apps { "apps stop with it" } else { "apps go on unless you said --stop-apps" };
    output.note(&format!("Deploy something with `sextant deploy PATH`. Stop with Ctrl-C; {apps}."));
}

fn open_browser(link: &str, output: Output) {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    if std::process::Command::new(opener).arg(link).spawn().is_err() {
        output.note("No browser could be opened here; follow the link above.");
    }
}
