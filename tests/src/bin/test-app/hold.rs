//! A process that holds a machine target, to be killed.

use machine::{
    clock::MachineClock,
    keys::Keys,
    objects::Objects,
    store::{self, Store},
    target::{Helpers, MachineTarget},
};
use std::{path::Path, process::ExitCode, sync::Arc};
use tests::conformance::target::{Heard, Stars};

/// Opens the target on `data` and stays; says `ready PORT` once it listens.
pub fn main(data: &Path, port: &str) -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        std::fs::create_dir_all(data.join("store")).unwrap();
        let store = Store::open(&data.join("store"), store::Options::default()).unwrap();
        let target = MachineTarget::open(machine::target::Options {
            data: data.to_owned(),
            ingress_port: port.parse().unwrap(),
            exposure: machine::target::Exposure::default(),
            limits: machine::target::Limits::default(),
            objects: Arc::new(Objects::open(&data.join("objects")).unwrap()),
            store: Arc::new(store),
            broker: Arc::new(Heard::default()),
            redact: Arc::new(Stars),
            clock: Arc::new(MachineClock::open(data).unwrap()),
            helpers: Helpers {
                program: std::env::current_exe().unwrap(),
                build: vec!["run-build".to_owned()],
                log: vec!["run-log".to_owned()],
            },
            keys: Arc::new(Keys::open(data).unwrap()),
            inherited: machine::target::Inherited::read(),
            builds: machine::target::BUILDS,
        })
        .await
        .unwrap();
        println!("ready {}", target.ingress_port());
        // Its parent decides when this ends.
        std::future::pending::<()>().await;
        drop(target);
    });
    ExitCode::SUCCESS
}
