//! Google Cloud, or its emulators: documents in Firestore, topics in Pub/Sub; the rest is this machine's.

#![expect(
    clippy::disallowed_methods,
    reason = "where the cloud is, is said by the environment, read here once"
)]

use crate::failure::Stop;
use anyhow::Result;
use gcp::{FirestoreOptions, FirestoreStore, PubSubBroker, PubSubOptions};
use model::port::Ports;
use std::{env, sync::Arc};

/// Which project, and where its services are.
pub struct Cloud {
    store: FirestoreOptions,
    topics: PubSubOptions,
}

/// The cloud that the environment names; `None` if it names none.
pub fn from_environment() -> Result<Option<Cloud>> {
    let emulator = env::var("FIRESTORE_EMULATOR_HOST").ok();
    let wanted = env::var("SEXTANT_PLACE").is_ok_and(|place| place == "gcp");
    if !wanted && emulator.is_none() {
        return Ok(None);
    }
    let project = env::var("GOOGLE_CLOUD_PROJECT")
        .ok()
        .or_else(|| emulator.as_ref().map(|_| "sextant-local".to_owned()));
    let project = project.ok_or_else(|| {
        Stop::Usage("SEXTANT_PLACE is gcp and no project is named; set GOOGLE_CLOUD_PROJECT".to_owned())
    })?;
    let mut store = FirestoreOptions::new(project.clone());
    store.emulator = emulator;
    if let Ok(database) = env::var("SEXTANT_DATABASE") {
        store.database = database;
    }
    let mut topics = PubSubOptions::new(project);
    topics.emulator = env::var("PUBSUB_EMULATOR_HOST").ok();
    Ok(Some(Cloud { store, topics }))
}

impl Cloud {
    /// The machine's ports with documents and topics from here. Both connect on first use.
    pub fn over(self, machine: Ports) -> Ports {
        let broker = Arc::new(PubSubBroker::new(self.topics));
        Ports { store: Arc::new(FirestoreStore::new(self.store)), broker, ..machine }
    }
}
