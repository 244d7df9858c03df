//! The gate before every call of a port: whoever comes waits here until the world lets them through, and hears then what
//! becomes of the call.
//!
//! Invariant: a call takes effect in the poll that follows its opening, never before, so whoever is dropped at the gate
//! has done nothing.

use model::Timestamp;
use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It works.
    Works,
    /// It never arrives.
    Fails(Lasts),
    /// It works, and its answer is lost.
    AnswerLost(Lasts),
}

/// Whether a failure says that the same call may succeed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    Passing,
    ForGood,
}

/// Whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    Store,
    Broker,
    Timers,
    Target,
    Source,
    Clock,
    Other,
}

/// A call at the gate.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub port: Port,
    pub name: &'static str,
    /// Until when it sleeps.
    pub until: Option<Timestamp>,
}

/// Somebody who waits.
pub struct Waiting {
    pub id: u64,
    pub task: u64,
    pub call: Call,
    waker: Option<Waker>,
}

#[derive(Default)]
struct State {
    next: u64,
    /// The task that is being polled.
    at: u64,
    waiting: Vec<Waiting>,
    open: Option<(u64, Fate)>,
}

/// The gate.
#[derive(Clone, Default)]
pub struct Gate(Arc<Mutex<State>>);

impl Gate {
    /// Waits to be let through.
    pub fn pass(&self, port: Port, name: &'static str) -> Passing {
        self.call(Call { port, name, until: None })
    }

    /// Waits to be let through, which is not before this.
    pub fn sleep(&self, until: Timestamp) -> Passing {
        self.call(Call { port: Port::Clock, name: "sleep", until: Some(until) })
    }

    fn call(&self, call: Call) -> Passing {
        Passing { gate: self.clone(), call, id: None }
    }

    /// From here on, whoever comes is this task.
    pub fn enter(&self, task: u64) {
        self.state().at = task;
    }

    /// Whoever waits of the tasks that are wanted: id, task and call.
    pub fn waiting(&self, wanted: impl Fn(u64) -> bool) -> Vec<(u64, u64, Call)> {
        let state = self.state();
        state.waiting.iter().filter(|one| wanted(one.task)).map(|one| (one.id, one.task, one.call)).collect()
    }

    /// Whether the task waits here.
    pub fn holds(&self, task: u64) -> bool {
        self.state().waiting.iter().any(|one| one.task == task)
    }

    /// Lets one through; its task is to be polled now.
    pub fn open(&self, id: u64, fate: Fate) {
        let mut state = self.state();
        state.open = Some((id, fate));
        let waker = state.waiting.iter_mut().find(|one| one.id == id).and_then(|one| one.waker.take());
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Whether whoever was let through has gone.
    pub fn is_shut(&self) -> bool {
        self.state().open.is_none()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

/// Somebody on their way through.
pub struct Passing {
    gate: Gate,
    call: Call,
    id: Option<u64>,
}

impl Future for Passing {
    type Output = Fate;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Fate> {
        let gate = self.gate.clone();
        let mut state = gate.state();
        let Some(id) = self.id else {
            state.next += 1;
            let (id, task) = (state.next, state.at);
            state.waiting.push(Waiting { id, task, call: self.call, waker: Some(cx.waker().clone()) });
            self.id = Some(id);
            return Poll::Pending;
        };
        match state.open {
            Some((open, fate)) if open == id => {
                state.open = None;
                state.waiting.retain(|one| one.id != id);
                self.id = None;
                Poll::Ready(fate)
            }
            _ => {
                if let Some(one) = state.waiting.iter_mut().find(|one| one.id == id) {
                    one.waker = Some(cx.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.gate.state().waiting.retain(|one| one.id != id);
        }
    }
}
