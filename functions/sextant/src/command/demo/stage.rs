//! Where the story happens: a fresh folder, an installation as `sextant up` starts it, and a client.

use super::{Demo, app, client::Client};
use crate::command::{
    client::Api,
    output::Output,
    up::{self, Apps, Running},
};
use anyhow::{Context as _, Result};
use host::Settings;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

/// The service's name.
pub const SERVICE: &str = "demo";
/// How long stopping may take.
const STOPPING: Duration = Duration::from_secs(20);

/// Everything that the story needs.
pub struct Stage {
    /// The API, as the owner.
    pub api: Api,
    /// Where words go.
    pub output: Output,
    /// The link that signs a browser in.
    pub link: String,
    /// The data folder.
    pub data: PathBuf,
    /// The app's folder.
    pub app: PathBuf,
    /// The ingress's port.
    pub ingress_port: u16,
    /// The client, while it is at work.
    pub client: Option<Client>,
    /// The broker, to know when nothing is left to do.
    pub broker: Arc<machine::broker::Broker>,
    folder: TempDir,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Result<()>>,
}

impl Stage {
    /// Sets it up.
    pub async fn open(demo: &Demo) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("sextant-demo-").tempdir();
        let folder =
            folder.context("no temporary folder could be made; point TMPDIR to a place with room")?;
        let (data, app) = (folder.path().join("data"), folder.path().join("app"));
        app::write(&app)?;
        let running = up::start(settings(demo, &data), Apps::Stop).await?;
        let api = Api::at(&running.address)?;
        let link = running.link.clone();
        let (ingress_port, broker) = (running.address.ingress_port, running.machine.broker.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(serve(running, stopped));
        let output = Output::plain();
        Ok(Self { api, output, link, data, app, ingress_port, client: None, broker, folder, stop, serving })
    }

    /// Stops everything; answers the data folder if it is kept.
    pub async fn close(mut self, keep: bool) -> Option<PathBuf> {
        if let Some(client) = self.client.take() {
            client.stop().await;
        }
        // A server that is gone already is as good.
        let _ = self.stop.send(());
        let stopped = tokio::time::timeout(STOPPING, self.serving).await;
        if !matches!(stopped, Ok(Ok(Ok(())))) {
            self.output.note("The server did not stop as it should; what it left is cleaned up.");
        }
        machine::target::stop_leftovers(&self.data).await;
        keep.then(|| self.folder.keep().join("data"))
    }

    /// The client, which some parts can't do without.
    pub fn client(&mut self) -> Result<&mut Client> {
        self.client.as_mut().context("the client is not at work")
    }
}

async fn serve(running: Running, stopped: oneshot::Receiver<()>) -> Result<()> {
    let stop = async {
        // Dropped is stopped, too.
        let _ = stopped.await;
    };
    running.serve(stop).await.map(drop)
}

/// Whatever the environment says: the story is the same everywhere.
fn settings(demo: &Demo, data: &Path) -> Settings {
    Settings {
        data: Some(data.to_owned()),
        console_port: 0,
        ingress_port: Some(0),
        no_learning: demo.no_learning,
        ..Settings::default()
    }
}

/// A path as the API takes it.
pub fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the temporary folder's path is not UTF-8; point TMPDIR elsewhere")
}
