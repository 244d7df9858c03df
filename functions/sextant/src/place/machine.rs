//! One machine: every adapter opened on one data folder, which this process then owns.

use crate::{failure, functions};
use ::machine::{
    broker::{self, Broker},
    clock::{MachineClock, OsRandom},
    engine::{self, Engine},
    keys::{self, Keys, secret_file_beside},
    migrate,
    objects::Objects,
    source::{self, MachineSource},
    store::Store,
    target::{self, MachineTarget},
    timers::Timers,
};
use anyhow::{Context as _, Result};
use common::mail::Mailer;
use host::{Config, Settings, port::lazy, seal::ExposeSecret as _};
use model::index::INDEXES;
use model::port::{PortError, Ports, Redact, broker::Subscription, redact::LineRedactor};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The tenant and user that everything on a developer's machine belongs to.
pub const TENANT: &str = "local";

/// What can be chosen about a machine.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder.
    pub data: PathBuf,
    /// The ingress's port; 0 for a free one.
    pub ingress_port: u16,
    /// Where apps are reached from.
    pub exposure: target::Exposure,
    /// Every other setting, parsed and checked.
    pub settings: Settings,
}

/// The ports of a machine, opened by the first call of any of them. The clock of the data folder is one small file and
/// is read now.
///
/// Messages are kept for whoever runs the functions they are for: nothing is delivered by this process, deliveries come
/// in over its push route.
pub fn lazily(config: &Config) -> Result<Ports> {
    let settings = config.settings.clone();
    let data = private_folder(&data_folder(&settings))?;
    let clock = Arc::new(MachineClock::open(&data)?);
    let subscriptions = host::runner::subscriptions(&functions::all(), config);
    // Several of these may share a machine, each with an ingress of its own.
    let ingress_port = settings.ingress_port.unwrap_or_default();
    let options = Options { data, ingress_port, exposure: target::Exposure::default(), settings };
    let open = Box::new(move || {
        let (options, subscriptions) = (options.clone(), subscriptions.clone());
        Box::pin(async move {
            let machine = Machine::open(&options, subscriptions).await;
            machine.map(|machine| machine.ports).map_err(|error| PortError::Transient(failure::text(&error)))
        }) as _
    });
    Ok(lazy::ports(open, clock, Arc::new(OsRandom)))
}

/// Where data is kept.
pub fn data_folder(settings: &Settings) -> PathBuf {
    settings.data.clone().unwrap_or_else(crate::command::default_data)
}

/// The adapters, as what they are; the functions get them as [`Ports`].
pub struct Machine {
    /// The data folder.
    pub data: PathBuf,
    /// Documents, on the engine that the broker writes to as well.
    pub store: Arc<Store>,
    /// Topics and their deliveries, on the store's engine.
    pub broker: Arc<Broker>,
    /// The clock of timers, which `sextant tick` moves forward, and real time.
    pub clock: Arc<MachineClock>,
    /// Apps as processes of this machine, with the ingress before them.
    pub target: Arc<MachineTarget>,
    /// All of them.
    pub ports: Arc<Ports>,
}

impl Machine {
    /// Opens everything. The store comes first: its lock decides whether this process may touch the rest.
    pub async fn open(options: &Options, subscriptions: Vec<Subscription>) -> Result<Self> {
        let data = private_folder(&options.data)?;
        let engine = open_engine(&data)?;
        let store = Arc::new(Store::with(engine.clone(), INDEXES)?);
        keys::check(&data, &engine).await?;
        let clock = Arc::new(MachineClock::open(&data)?);
        let mut delivery = broker::Options::default();
        if let Some(seed) = options.settings.hostile {
            delivery.hostile = Some(broker::Hostile {
                seed,
                duplicate_percent: 20,
                reorder: true,
                delay_ms_max: 20,
                nack_percent: 10,
            });
        }
        let broker = Arc::new(Broker::with(engine, subscriptions, clock.clone(), delivery)?);
        let timers = Arc::new(Timers::new(clock.clone(), broker.clone()));
        let objects = Arc::new(Objects::open(&private_folder(&data.join("objects"))?)?);
        let mailer = mailer(&options.settings, &data)?;
        let inherited = target::Inherited::read();
        let keys = Arc::new(Keys::open(&data)?);
        let target = MachineTarget::open(target::Options {
            data: data.clone(),
            ingress_port: options.ingress_port,
            exposure: options.exposure.clone(),
            limits: target::Limits::default(),
            objects: objects.clone(),
            store: store.clone(),
            broker: broker.clone(),
            redact: Arc::new(Redactors),
            clock: clock.clone(),
            helpers: helpers()?,
            keys: keys.clone(),
            inherited: inherited.clone(),
            builds: count(options.settings.builds.get()),
        })
        .await?;
        let target = Arc::new(target);
        let ports = Ports {
            store: store.clone(),
            broker: broker.clone(),
            timers,
            target: target.clone(),
            objects: objects.clone(),
            keys,
            mailer: Arc::new(mailer),
            source: Arc::new(MachineSource::open(sources(
                source::Options::new(&data, &inherited.path, objects, clock.clone()),
                &options.settings,
            ))?),
            clock: clock.clone(),
            random: Arc::new(OsRandom),
        };
        Ok(Self { data, store, broker, clock, target, ports: Arc::new(ports) })
    }
}

/// Within the bounds that were set.
fn sources(options: source::Options, settings: &Settings) -> source::Options {
    let bytes = |mib: i64| mib.unsigned_abs() << 20;
    let limits = archive::Limits {
        bytes: bytes(settings.source_mib.get()),
        files: settings.source_files.get().unsigned_abs(),
        packed_bytes: bytes(settings.upload_mib.get()),
        ..archive::Limits::default()
    };
    source::Options { limits, fetches: count(settings.fetches.get()), ..options }
}

fn count(setting: i64) -> usize {
    usize::try_from(setting).unwrap_or(1)
}

fn mailer(settings: &Settings, data: &Path) -> Result<Mailer> {
    Ok(match &settings.smtp {
        Some(url) => Mailer::smtp(url.expose_secret(), &settings.mail_from)?,
        None => Mailer::folder(&private_folder(&data.join("mail"))?, &settings.mail_from)?,
    })
}

/// The engine under documents and queue. Its lock decides whether this process may touch the rest.
fn open_engine(data: &Path) -> Result<Arc<Engine>> {
    let folder = data.join("store");
    let full = |name: &&str| fs::read_dir(data.join(name)).is_ok_and(|mut entries| entries.next().is_some());
    if let Some(orphan) = ["objects", "artifacts", "services"].into_iter().find(full)
        && !Engine::is_in(&folder)
    {
        anyhow::bail!(
            "the store `{}` is missing, though `{}` holds what belongs to it. Nothing was changed. Restore the data \
             folder with `sextant restore` from a backup, or start with an empty one by `--fresh`.",
            folder.display(),
            data.join(orphan).display()
        );
    }
    private_folder(&folder)?;
    migrate::data_folder(data)?;
    Ok(Arc::new(Engine::open(&folder, engine::Options::default())?))
}

/// The key that signs this machine's tokens.
pub fn token_key(data: &Path) -> Result<host::token::Key> {
    let data = private_folder(data)?;
    let bytes = secret_file_beside(&data, keys::TOKEN, &data.join("store"))?;
    Ok(host::token::Key::new(bytes.to_vec())?)
}

/// Creates a folder that only its owner may enter, and answers its absolute path.
pub fn private_folder(folder: &Path) -> Result<PathBuf> {
    fs::create_dir_all(folder)
        .with_context(|| format!("the folder `{}` can't be created", folder.display()))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
        .with_context(|| format!("`{}` can't be made private; check who owns it", folder.display()))?;
    Ok(folder.canonicalize()?)
}

/// This same executable, as the runner of builds and the keeper of logs.
fn helpers() -> Result<target::Helpers> {
    let program = std::env::current_exe().context("this program can't find its own file")?;
    Ok(target::Helpers { program, build: vec!["run-build".to_owned()], log: vec!["run-log".to_owned()] })
}

/// Redaction by `inspect`'s rules.
pub struct Redactors;

impl Redact for Redactors {
    fn stream(&self, literals: &[String]) -> Box<dyn LineRedactor> {
        Box::new(Stream(inspect::redact::Redactor::new(literals)))
    }
}

struct Stream(inspect::redact::Redactor);

impl LineRedactor for Stream {
    fn line(&mut self, line: &str) -> String {
        self.0.line(line).into_owned()
    }
}
