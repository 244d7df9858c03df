//! One machine: every adapter opened on one data folder, which this process then owns.

use ::machine::{
    broker::{self, Broker},
    clock::{MachineClock, OsRandom},
    keys::{Keys, secret_file},
    mail::Mailer,
    objects::Objects,
    source::MachineSource,
    store::{self, Store},
    target::{self, MachineTarget},
    timers::Timers,
};
use anyhow::{Context as _, Result};
use model::port::{Ports, Redact, broker::Subscription, redact::LineRedactor};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What can be chosen about a machine.
#[derive(Clone, Debug)]
pub struct Options {
    /// The data folder.
    pub data: PathBuf,
    /// The ingress's port; 0 for a free one.
    pub ingress_port: u16,
    /// `smtp://…`; mail becomes files without it.
    pub smtp: Option<String>,
    /// Whom mail comes from.
    pub mail_from: String,
    /// Bad delivery, for tests: seed.
    pub hostile: Option<u64>,
}

/// The adapters, as what they are; the functions get them as [`Ports`].
pub struct Machine {
    /// The data folder.
    pub data: PathBuf,
    /// Documents.
    pub store: Arc<Store>,
    /// Topics.
    pub broker: Arc<Broker>,
    /// Time.
    pub clock: Arc<MachineClock>,
    /// Apps.
    pub target: Arc<MachineTarget>,
    /// All of them.
    pub ports: Arc<Ports>,
}

impl Machine {
    /// Opens everything. The store comes first: its lock decides whether this process may touch the rest.
    pub async fn open(options: &Options, subscriptions: Vec<Subscription>) -> Result<Self> {
        let data = private_folder(&options.data)?;
        let store = Arc::new(Store::open(&private_folder(&data.join("store"))?, store::Options::default())?);
        let clock = Arc::new(MachineClock::open(&data)?);
        let mut delivery = broker::Options::default();
        if let Some(seed) = options.hostile {
            delivery.hostile = Some(broker::Hostile {
                seed,
                duplicate_percent: 20,
                reorder: true,
                delay_ms_max: 20,
                nack_percent: 10,
            });
        }
        let broker = Arc::new(Broker::open(
            &private_folder(&data.join("broker"))?,
            subscriptions,
            clock.clone(),
            delivery,
        )?);
        let timers = Arc::new(Timers::new(clock.clone(), broker.clone()));
        let objects = Arc::new(Objects::open(&private_folder(&data.join("objects"))?)?);
        let mailer = match &options.smtp {
            Some(url) => Mailer::smtp(url, &options.mail_from)?,
            None => Mailer::folder(&private_folder(&data.join("mail"))?, &options.mail_from)?,
        };
        let inherited = target::Inherited::read();
        let keys = Arc::new(Keys::open(&data)?);
        let target = MachineTarget::open(target::Options {
            data: data.clone(),
            ingress_port: options.ingress_port,
            limits: target::Limits::default(),
            objects: objects.clone(),
            broker: broker.clone(),
            redact: Arc::new(Redactors),
            clock: clock.clone(),
            helpers: helpers()?,
            keys: keys.clone(),
            inherited: inherited.clone(),
        })
        .await?;
        let target = Arc::new(target);
        let ports = Ports {
            store: store.clone(),
            broker: broker.clone(),
            timers,
            target: target.clone(),
            objects,
            keys,
            mailer: Arc::new(mailer),
            source: Arc::new(MachineSource::open(&data, &inherited.path)?),
            clock: clock.clone(),
            random: Arc::new(OsRandom),
        };
        Ok(Self { data, store, broker, clock, target, ports: Arc::new(ports) })
    }
}

/// The key that signs this machine's tokens.
pub fn token_key(data: &Path) -> Result<host::token::Key> {
    Ok(host::token::Key::new(secret_file(&private_folder(data)?, "token.key")?.to_vec())?)
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
