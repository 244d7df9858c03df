//! A handler under way.

use crate::{gate::Gate, people::Ask};
use futures::future::BoxFuture;
use model::{DeploymentId, message::Message, port::Verdict};
use serde_json::Value;
use std::{
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

/// What a handler was started for.
#[derive(Clone, Debug)]
pub enum Work {
    Delivery { message: Message, about: DeploymentId, attempt: u32 },
    Ask(Ask),
}

/// How a handler ended.
#[derive(Debug)]
pub enum End {
    Verdict(Verdict),
    Answer { status: u16, body: Value },
}

/// One handler.
pub struct Task {
    pub id: u64,
    /// The process it runs in.
    pub process: usize,
    pub work: Work,
    /// It stands still, as if it had no processor, and goes on later as if nothing had happened.
    pub frozen: bool,
    future: BoxFuture<'static, End>,
}

/// Wakes the one thread that there is: what is no port (a thread that reads files) may have its time.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Task {
    pub fn new(id: u64, process: usize, work: Work, future: BoxFuture<'static, End>) -> Self {
        Self { id, process, work, frozen: false, future }
    }

    /// On to the next gate, or to the end.
    pub fn go_on(&mut self, gate: &Gate) -> Option<End> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let mut cx = Context::from_waker(&waker);
        gate.enter(self.id);
        for _ in 0..1_000 {
            if let Poll::Ready(end) = self.future.as_mut().poll(&mut cx) {
                return Some(end);
            }
            if gate.holds(self.id) {
                return None;
            }
            thread::park_timeout(Duration::from_millis(100));
        }
        panic!("it waits for something that is no port: {:?}", self.work);
    }

    /// The deployment that it is about, where it is about one.
    pub fn about(&self) -> Option<&DeploymentId> {
        match &self.work {
            Work::Delivery { about, .. } => Some(about),
            Work::Ask(Ask::Command { about, .. }) => Some(about),
            Work::Ask(Ask::Deploy { .. }) => None,
        }
    }
}
