//! Timers in process pass the timers' suite.

#![expect(clippy::unwrap_used, reason = "test code")]

use async_trait::async_trait;
use machine::{clock::MachineClock, timers::Timers};
use model::{
    Timestamp,
    message::Message,
    port::{self, Broker, PortError},
};
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;
use tests::conformance::timers::{Abilities, Harness, Session};
use tokio::sync::mpsc;

struct Forward(mpsc::UnboundedSender<Message>);

#[async_trait]
impl Broker for Forward {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), PortError> {
        for message in messages {
            // Whoever asked may be gone when a late timer fires.
            let _ = self.0.send(message);
        }
        Ok(())
    }
}

struct Machine {
    _folder: TempDir,
    clock: Arc<MachineClock>,
    timers: OnceLock<Arc<Timers>>,
}

fn machine() -> Machine {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(MachineClock::open(folder.path()).unwrap());
    Machine { _folder: folder, clock, timers: OnceLock::new() }
}

#[async_trait]
impl Harness for Machine {
    fn abilities(&self) -> Abilities {
        Abilities { replaces: true }
    }

    async fn start(&self) -> Session {
        let (sender, published) = mpsc::unbounded_channel();
        let timers = Arc::new(Timers::new(self.clock.clone(), Arc::new(Forward(sender))));
        let timers: Arc<dyn port::Timers> = self.timers.get_or_init(|| timers).clone();
        Session { timers, published, clock: self.clock.clone() }
    }

    async fn advance(&self, ms: i64) -> bool {
        self.clock.advance(ms).unwrap() > Timestamp(0)
    }
}

tests::timers_suite!(machine());
