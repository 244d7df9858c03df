//! What a Sextant that is gone left running on a data folder: for whoever is about to throw the folder away.
//!
//! Invariant: only processes that the folder's own files name, by id and start time or by their mark, are ended.

use super::{
    environment::Alias,
    files, launch, members, process,
    runner::RUNNER,
    spec::{Instance, Places, ServiceRecord, instance_file},
};
use rustix::process::Signal;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

/// A service that takes traffic, as it is without a Sextant in front of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// Its name.
    pub service: String,
    /// Where the process of its weightiest revision listens; `None` where none runs, as for static sites, which Sextant
    /// serves itself.
    pub address: Option<SocketAddr>,
}

/// Services of a data folder that take traffic, by name. What can't be read is left out.
pub fn live_in(data: &Path) -> Vec<Live> {
    let places = Places { services: data.join("services"), artifacts: data.join("artifacts") };
    let services = places.services().unwrap_or_default();
    let serving = services.iter().filter_map(|record| live(&places, record));
    let mut all: Vec<Live> = serving.collect();
    all.sort_by(|a, b| a.service.cmp(&b.service));
    all
}

fn live(places: &Places, record: &ServiceRecord) -> Option<Live> {
    let (revision, _) = record.weights.iter().max_by_key(|(_, weight)| **weight)?;
    let file = instance_file(&places.revision(&record.key, revision));
    let instance = files::read_json::<Instance>(&file).ok().flatten();
    let runs = instance.filter(|one| one.process.as_ref().is_some_and(|process| process.alive()));
    let address = runs.map(|one| SocketAddr::from((Ipv4Addr::LOCALHOST, one.port)));
    Some(Live { service: record.key.service.to_string(), address })
}

/// How long apps and builds may take to end when asked to.
const GRACE: Duration = Duration::from_secs(5);

/// Ends apps and builds of a data folder that no Sextant owns any more, and removes the names it had outside.
/// What can't be read is left alone.
pub async fn stop_leftovers(data: &Path) {
    for (_, builds) in files::subfolders(&data.join("builds")) {
        stop_build(&builds).await;
    }
    for (_, tenant) in files::subfolders(&data.join("services")) {
        for (_, service) in files::subfolders(&tenant) {
            for (_, revision) in files::subfolders(&service.join("revisions")) {
                stop_revision(&revision).await;
            }
        }
    }
    if let Ok(alias) = data.canonicalize().map_err(drop).and_then(|data| Alias::open(&data).map_err(drop)) {
        alias.remove();
    }
}

async fn stop_build(folder: &Path) {
    let Ok(Some(runner)) = files::read_json::<Option<process::Identity>>(&folder.join(RUNNER)) else {
        return;
    };
    let Some(runner) = runner else { return };
    runner.signal(Signal::TERM);
    tokio::time::timeout(GRACE, runner.gone()).await.ok();
    runner.signal(Signal::KILL);
}

async fn stop_revision(folder: &Path) {
    let Ok(Some(instance)) = files::read_json::<Instance>(&instance_file(folder)) else { return };
    if let Some(process) = instance.process.filter(|process| process.alive()) {
        members::end(&instance, process.pid, GRACE).await;
    }
    launch::sweep(folder).await;
}
