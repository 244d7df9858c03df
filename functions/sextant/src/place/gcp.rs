//! Google Cloud, or its emulators: documents in Firestore, topics in Pub/Sub, mail by SMTP.
//!
//! Invariant: nothing is connected before it is used, and a function that needs a port without an adapter doesn't start.

use crate::failure::Stop;
use ::gcp::{FirestoreOptions, FirestoreStore, PubSubBroker, PubSubOptions};
use anyhow::Result;
use common::{
    clock::{OsRandom, SystemClock},
    mail::Mailer,
};
use host::{Function, Port, Settings, port::lazy, seal::ExposeSecret as _, setting::value::Address};
use model::port::Ports;
use std::{fmt::Write as _, sync::Arc};

/// Ports that have an adapter here.
const HERE: [Port; 3] = [Port::Store, Port::Broker, Port::Mailer];

/// The ports that these functions need.
pub fn ports(settings: &Settings, functions: &[Function]) -> Result<Ports> {
    if let Some(why) = missing(settings, functions) {
        return Err(Stop::Usage(why).into());
    }
    let none = "place `gcp` has no adapter for this port".to_owned();
    let mut ports = lazy::none(none, Arc::new(SystemClock), Arc::new(OsRandom));
    ports.store = Arc::new(FirestoreStore::new(documents(settings)));
    ports.broker = Arc::new(PubSubBroker::new(topics(settings)));
    if let Some(url) = &settings.smtp {
        let mailer = Mailer::smtp(url.expose_secret(), &settings.mail_from);
        ports.mailer = Arc::new(mailer.map_err(|error| Stop::Usage(error.to_string()))?);
    }
    Ok(ports)
}

/// Which ports are missing here, and who needs them.
fn missing(settings: &Settings, functions: &[Function]) -> Option<String> {
    let lacks = |port: &Port| !HERE.contains(port) || (*port == Port::Mailer && settings.smtp.is_none());
    let mut said = String::new();
    for port in Port::ALL.into_iter().filter(lacks) {
        let needing = functions.iter().filter(|function| function.ports.contains(&port));
        let needing: Vec<String> = needing.map(|function| format!("`{}`", function.name)).collect();
        if !needing.is_empty() {
            let yet = if port == Port::Mailer { "but SMTP (SEXTANT_SMTP is not set)" } else { "yet" };
            let needs = if needing.len() == 1 { "needs" } else { "need" };
            let _ = writeln!(
                said,
                "Place `gcp` has no adapter for {port} {yet}, which {} {needs}.",
                needing.join(", ")
            );
        }
    }
    (!said.is_empty())
        .then(|| format!("{said}Nothing was started. Place `machine` has them all: `sextant up`."))
}

fn project(settings: &Settings) -> String {
    settings.project.clone().unwrap_or_default()
}

fn address(emulator: Option<&Address>) -> Option<String> {
    emulator.map(|address| address.as_str().to_owned())
}

fn documents(settings: &Settings) -> FirestoreOptions {
    let mut options = FirestoreOptions::new(project(settings));
    options.database.clone_from(&settings.database);
    options.emulator = address(settings.firestore_emulator.as_ref());
    options
}

fn topics(settings: &Settings) -> PubSubOptions {
    let mut options = PubSubOptions::new(project(settings));
    options.prefix.clone_from(&settings.topic_prefix);
    options.emulator = address(settings.pubsub_emulator.as_ref());
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions;

    fn named(name: &str) -> Function {
        functions::named(name).unwrap()
    }

    #[test]
    fn a_port_without_an_adapter_is_named_with_who_needs_it() {
        let settings = Settings::default();
        let said = missing(&settings, &[named("register"), named("deploy-step")]).unwrap();
        assert!(said.contains("no adapter for timers yet, which `deploy-step` needs"), "{said}");
        assert!(said.contains("no adapter for keys yet, which `register`, `deploy-step` need"), "{said}");
        assert_eq!(missing(&settings, &[named("advise"), named("learn"), named("receive-feedback")]), None);
    }

    #[test]
    fn mail_goes_by_smtp_or_not_at_all() {
        let mut settings = Settings::default();
        assert!(missing(&settings, &[named("notify")]).unwrap().contains("SEXTANT_SMTP"));
        assert!(settings.set("smtp", "smtp://localhost:2525"));
        assert_eq!(missing(&settings, &[named("notify"), named("send-feedback")]), None);
    }
}
