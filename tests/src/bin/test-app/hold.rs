//! A process that holds a machine target, to be killed.

use machine::{clock::MachineClock, objects::Objects, target::MachineTarget};
use std::{path::Path, process::ExitCode, sync::Arc};
use tests::conformance::target::{Heard, Stars};

/// Opens the target on `data` and stays; says `ready PORT` once it listens.
pub fn main(data: &Path, port: &str) -> ExitCode {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let target = MachineTarget::open(machine::target::Options {
            data: data.to_owned(),
            ingress_port: port.parse().unwrap(),
            objects: Arc::new(Objects::open(&data.join("objects")).unwrap()),
            broker: Arc::new(Heard::default()),
            redact: Arc::new(Stars),
            clock: Arc::new(MachineClock::open(data).unwrap()),
            runner: (std::env::current_exe().unwrap(), vec!["run-build".to_owned()]),
            inherited: machine::target::Inherited::read(),
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
