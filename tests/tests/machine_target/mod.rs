//! The machine target with what it needs.

mod adoption;
mod apps;
mod builds;
mod hostile;
mod ingress;
mod secrets;
mod tools;

use machine::{
    clock::MachineClock,
    keys::Keys,
    objects::Objects,
    store::{self, Store},
    target,
};
use model::port::Clock;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, Weak},
    time::{SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;
use tests::conformance::target::{App, Fixture, Heard, Stars, archived};

pub const TEST_APP: &str = env!("CARGO_BIN_EXE_test-app");

/// The suite's tests start several.
const BUILDS_AT_ONCE: usize = 8;

/// What must live as long as the test; nothing it started is left behind.
struct Guard {
    target: Arc<target::MachineTarget>,
    _folders: [TempDir; 2],
}

impl Drop for Guard {
    fn drop(&mut self) {
        let target = Arc::clone(&self.target);
        let stop = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(target.stop_all());
        });
        stop.join().unwrap();
    }
}

/// Opens a target on a data folder.
pub async fn open(data: &Path, port: u16, heard: &Arc<Heard>) -> target::MachineTarget {
    let clock = Arc::new(MachineClock::open(data).unwrap());
    let inherited = target::Inherited::read();
    open_with(data, port, heard, target::Limits::default(), clock, inherited, BUILDS_AT_ONCE).await
}

/// The store of a data folder: the one that is open, or it is opened.
pub fn store_of(data: &Path) -> Arc<Store> {
    static OPEN: Mutex<BTreeMap<PathBuf, Weak<Store>>> = Mutex::new(BTreeMap::new());
    let mut open = OPEN.lock().unwrap();
    if let Some(store) = open.get(data).and_then(Weak::upgrade) {
        return store;
    }
    let folder = data.join("store");
    std::fs::create_dir_all(&folder).unwrap();
    let store = Arc::new(Store::open(&folder, store::Options::default()).unwrap());
    open.insert(data.to_owned(), Arc::downgrade(&store));
    store
}

async fn open_with(
    data: &Path,
    port: u16,
    heard: &Arc<Heard>,
    limits: target::Limits,
    clock: Arc<dyn Clock>,
    inherited: target::Inherited,
    builds: usize,
) -> target::MachineTarget {
    target::MachineTarget::open(target::Options {
        data: data.to_owned(),
        ingress_port: port,
        exposure: target::Exposure::default(),
        limits,
        objects: Arc::new(Objects::open(&data.join("objects")).unwrap()),
        store: store_of(data),
        broker: heard.clone(),
        redact: Arc::new(Stars),
        clock,
        helpers: target::Helpers {
            program: TEST_APP.into(),
            build: vec!["run-build".into()],
            log: vec!["run-log".into()],
        },
        keys: Arc::new(Keys::open(data).unwrap()),
        inherited,
        builds,
    })
    .await
    .unwrap()
}

pub async fn machine() -> Fixture {
    world().await.0
}

/// A fixture, and the target itself for what the port doesn't say.
pub async fn world() -> (Fixture, Arc<target::MachineTarget>) {
    world_with(target::Limits::default()).await
}

/// The same with other bounds of the ingress.
pub async fn world_with(limits: target::Limits) -> (Fixture, Arc<target::MachineTarget>) {
    let data = tempfile::tempdir().unwrap();
    let clock = Arc::new(MachineClock::open(data.path()).unwrap());
    world_by(data, limits, clock).await
}

/// The same by another clock.
pub async fn world_by(
    data: TempDir,
    limits: target::Limits,
    clock: Arc<dyn Clock>,
) -> (Fixture, Arc<target::MachineTarget>) {
    world_on(data, limits, clock, target::Inherited::read(), BUILDS_AT_ONCE).await
}

/// The same with so many builds at once.
pub async fn world_of(builds: usize) -> (Fixture, Arc<target::MachineTarget>) {
    let data = tempfile::tempdir().unwrap();
    let clock = Arc::new(MachineClock::open(data.path()).unwrap());
    world_on(data, target::Limits::default(), clock, target::Inherited::read(), builds).await
}

/// The same on a machine with other programs.
pub async fn world_in(inherited: target::Inherited) -> (Fixture, Arc<target::MachineTarget>) {
    let data = tempfile::tempdir().unwrap();
    let clock = Arc::new(MachineClock::open(data.path()).unwrap());
    world_on(data, target::Limits::default(), clock, inherited, BUILDS_AT_ONCE).await
}

async fn world_on(
    data: TempDir,
    limits: target::Limits,
    clock: Arc<dyn Clock>,
    inherited: target::Inherited,
    builds: usize,
) -> (Fixture, Arc<target::MachineTarget>) {
    let source = tempfile::tempdir().unwrap();
    std::fs::write(source.path().join("README"), "an app\n").unwrap();
    let heard = Arc::new(Heard::default());
    let target = Arc::new(open_with(data.path(), 0, &heard, limits, clock, inherited, builds).await);
    let objects = Arc::new(Objects::open(&data.path().join("objects")).unwrap());
    let store = store_of(data.path());
    let archive = archived(&*objects, source.path()).await;
    let app = App { archive, start_command: format!("{TEST_APP} serve") };
    let guard = Box::new(Guard { target: target.clone(), _folders: [data, source] });
    let service = Fixture::service();
    (Fixture { target: target.clone(), objects, store, heard, app, now_ms, service, guard }, target)
}

pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Whether a program that a test needs is here; where `CI` is set it must be.
pub fn has(program: &str) -> bool {
    let found =
        std::process::Command::new(program).arg("--version").output().is_ok_and(|out| out.status.success());
    assert!(found || std::env::var("CI").is_err(), "{program} is not installed; this test needs it");
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}
