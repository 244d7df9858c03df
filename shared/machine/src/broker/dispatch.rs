//! Brings queued messages to the subscriber: a few workers per subscription, one alarm for everything that waits.
//!
//! Invariant: a subscription never has more deliveries under way than its concurrency, and a delivery never holds
//! its slot longer than the deadline, whatever the handler does.

use super::{
    Options,
    dead::{DeadLetter, DeadLetters},
    entry::{Entry, Ticket},
    hostile::{Hostile, mix},
    queue::Queue,
    recent::Progress,
    stored::{Books, Change, Reply, What},
};
use crate::engine::Core as EngineCore;
use model::{
    message::Message,
    port::{
        Clock,
        broker::{Delivery, Subscriber, Verdict},
    },
};
use parking_lot::Mutex;
use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    runtime::Handle,
    sync::Notify,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

/// Who delivers, once the broker was started.
#[derive(Clone)]
pub(super) struct Running {
    pub runtime: Handle,
    pub subscriber: Arc<dyn Subscriber>,
}

/// A ticket that waits; earlier ones first, equal ones in the order they came.
struct Waiting {
    due: Instant,
    order: u64,
    ticket: Ticket,
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.order) == (other.due, other.order)
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

/// Everything that publishers, workers and the engine's writer share. Locks are never held across an await, and only in
/// the order: queue, then nothing.
pub(super) struct Core {
    pub queue: Mutex<Queue>,
    pub dead: Mutex<DeadLetters>,
    pub running: Mutex<Option<Running>>,
    pub stopped: CancellationToken,
    pub clock: Arc<dyn Clock>,
    waiting: Mutex<BinaryHeap<Reverse<Waiting>>>,
    alarm: Notify,
    idle: Notify,
    numbers: AtomicU64,
    order: AtomicU64,
    engine: Arc<EngineCore>,
    options: Options,
}

impl Books for Core {
    fn name(&self, lane: u16) -> String {
        self.queue.lock().lanes[usize::from(lane)].spec.name.clone()
    }

    fn changed(self: Arc<Self>, what: &mut What, durable: bool) {
        if !durable {
            if let What::Bury { ticket, .. } = what {
                tracing::error!(
                    message.number = ticket.number,
                    "a dead letter can't be stored; it is delivered again"
                );
                return self.try_again(ticket.clone());
            }
            return self.release(what.reserved());
        }
        match what {
            What::Publish(entries) => self.admit(std::mem::take(entries)),
            What::Bury { ticket, letter } => {
                self.dead.lock().add((**letter).clone());
                self.settled(ticket, Progress::Dead);
            }
            What::Replay { entry, letter } => {
                self.dead.lock().remove(letter);
                self.admit(vec![entry.clone()]);
            }
            What::Settled { .. } | What::Tried { .. } => {}
        }
    }
}

impl Core {
    pub fn new(
        queue: Queue,
        dead: DeadLetters,
        next_number: u64,
        clock: Arc<dyn Clock>,
        engine: Arc<EngineCore>,
        options: Options,
    ) -> Self {
        Self {
            queue: Mutex::new(queue),
            dead: Mutex::new(dead),
            running: Mutex::new(None),
            stopped: CancellationToken::new(),
            clock,
            waiting: Mutex::new(BinaryHeap::new()),
            alarm: Notify::new(),
            idle: Notify::new(),
            numbers: AtomicU64::new(next_number),
            order: AtomicU64::new(0),
            engine,
            options,
        }
    }

    /// A number that no message has had.
    fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub fn names(&self) -> Vec<String> {
        self.queue.lock().lanes.iter().map(|lane| lane.spec.name.clone()).collect()
    }

    /// Numbers and routes new messages and reserves their deliveries. What nobody is subscribed to is only shown
    /// among the recent ones.
    pub fn entries(&self, messages: Vec<Message>) -> Vec<Entry> {
        let published_at = self.clock.now();
        let mut queue = self.queue.lock();
        let mut entries = Vec::with_capacity(messages.len());
        for message in messages {
            let owed = queue.route(&message);
            let entry = Entry { number: self.number(), published_at, message: Arc::new(message), owed };
            if entry.owed.is_empty() {
                queue.show(&entry);
            } else {
                queue.reserve(entry.owed.len());
                entries.push(entry);
            }
        }
        entries
    }

    /// Starts workers wherever something is queued.
    pub fn wake_all(self: &Arc<Self>) {
        let lanes = self.queue.lock().lanes.len();
        (0..lanes).for_each(|lane| self.wake(lane as u16));
    }

    /// Hands a change to the engine. What was reserved for it is released where none is taken.
    pub fn change(self: &Arc<Self>, what: What, reply: Option<Reply>) {
        let reserved = what.reserved();
        let books: Arc<dyn Books> = Arc::<Self>::clone(self);
        let change = Change { books, what, reply };
        // Whoever waits for a reply hears that it was dropped.
        if self.stopped.is_cancelled() || self.engine.push(Box::new(change)).is_err() {
            self.release(reserved);
        }
    }

    pub async fn wait_idle(&self) {
        loop {
            let mut notified = std::pin::pin!(self.idle.notified());
            notified.as_mut().enable();
            if self.queue.lock().outstanding() == 0 {
                return;
            }
            notified.await;
        }
    }

    pub fn release(&self, deliveries: usize) {
        if deliveries > 0 && self.queue.lock().release(deliveries) {
            self.idle.notify_waiters();
        }
    }

    /// Queues messages that are durable; their deliveries were reserved before.
    fn admit(self: &Arc<Self>, entries: Vec<Entry>) {
        let tickets = {
            let mut queue = self.queue.lock();
            entries.into_iter().flat_map(|entry| queue.insert(entry)).collect()
        };
        self.offer(tickets);
    }

    /// Queues tickets, or lets them wait first when the delivery is hostile.
    pub fn offer(self: &Arc<Self>, tickets: Vec<Ticket>) {
        let mut lanes = Vec::new();
        for ticket in tickets {
            let delay = self.options.hostile.as_ref().and_then(|hostile| {
                self.echo(hostile, &ticket);
                hostile.delay(ticket.number, ticket.lane, ticket.attempt, false)
            });
            if let Some(delay) = delay {
                self.later(ticket, delay);
            } else {
                lanes.push(ticket.lane);
                self.enqueue(ticket);
            }
        }
        lanes.sort_unstable();
        lanes.dedup();
        for lane in lanes {
            self.wake(lane);
        }
    }

    fn echo(&self, hostile: &Hostile, ticket: &Ticket) {
        if hostile.duplicates(ticket.number, ticket.lane, ticket.attempt) {
            self.queue.lock().reserve(1);
            let delay = hostile.delay(ticket.number, ticket.lane, ticket.attempt, true).unwrap_or_default();
            self.later(Ticket { echo: true, ..ticket.clone() }, delay);
        }
    }

    fn enqueue(&self, ticket: Ticket) {
        let mut queue = self.queue.lock();
        queue.lanes[usize::from(ticket.lane)].ready.push_back(ticket);
    }

    fn later(&self, ticket: Ticket, delay: Duration) {
        let order = self.order.fetch_add(1, Ordering::Relaxed);
        self.waiting.lock().push(Reverse(Waiting { due: Instant::now() + delay, order, ticket }));
        self.alarm.notify_one();
    }

    /// Starts as many workers as there is work and room for.
    fn wake(self: &Arc<Self>, lane: u16) {
        let Some(running) = self.running.lock().clone() else { return };
        let more = {
            let mut queue = self.queue.lock();
            let lane = &mut queue.lanes[usize::from(lane)];
            let more = lane.ready.len().min(lane.spec.concurrency.max(1).saturating_sub(lane.workers));
            lane.workers += more;
            more
        };
        for _ in 0..more {
            running.runtime.spawn(work(self.clone(), lane, running.clone()));
        }
    }

    /// The next delivery of a subscription; `None` ends the worker that asked.
    fn next(&self, lane: u16) -> Option<(Ticket, Delivery, Duration)> {
        let mut queue = self.queue.lock();
        let ticket = if self.stopped.is_cancelled() { None } else { self.pick(&mut queue, lane) };
        let Some(ticket) = ticket else {
            queue.lanes[usize::from(lane)].workers -= 1;
            return None;
        };
        if !ticket.echo {
            queue.recent.note(ticket.number, lane, Progress::Delivering, None);
        }
        let spec = &queue.lanes[usize::from(lane)].spec;
        let delivery = Delivery {
            subscription: spec.name.clone(),
            id: ticket.number.to_string(),
            published_at: ticket.published_at,
            attempt: ticket.attempt,
            message: (*ticket.message).clone(),
        };
        Some((ticket, delivery, Duration::from_millis(spec.ack_deadline_ms.max(1) as u64)))
    }

    fn pick(&self, queue: &mut Queue, lane: u16) -> Option<Ticket> {
        loop {
            let ready = &mut queue.lanes[usize::from(lane)].ready;
            let front = ready.front()?.number;
            let index = self.options.hostile.as_ref().map_or(0, |hostile| hostile.pick(ready.len(), front));
            let ticket = ready.remove(index)?;
            if ticket.echo || queue.owes(ticket.number, lane) {
                return Some(ticket);
            }
            // Settled meanwhile by a second ticket of the same message (a replay).
            if queue.release(1) {
                self.idle.notify_waiters();
            }
        }
    }

    fn finish(self: &Arc<Self>, ticket: Ticket, outcome: Result<Verdict, String>) {
        if ticket.echo {
            return self.release(1);
        }
        let most = self.queue.lock().lanes[usize::from(ticket.lane)].spec.max_attempts.max(1);
        let last = ticket.attempt >= most;
        let lost = |hostile: &Hostile| !last && hostile.loses_ack(ticket.number, ticket.lane, ticket.attempt);
        let reason = match outcome {
            Ok(Verdict::Ack) if !self.options.hostile.as_ref().is_some_and(lost) => {
                return self.settled(&ticket, Progress::Acknowledged);
            }
            Ok(_) => "the handler refused it".to_owned(),
            Err(reason) => reason,
        };
        if last { self.give_up(ticket, reason) } else { self.try_again(ticket) }
    }

    fn give_up(self: &Arc<Self>, ticket: Ticket, reason: String) {
        tracing::warn!(
            message.number = ticket.number,
            message.kind = %ticket.message.kind,
            attempts = ticket.attempt,
            reason,
            "a message was given up; `sextant dead-letters` lists and replays it"
        );
        let letter = Box::new(self.letter(&ticket, reason));
        self.change(What::Bury { ticket, letter }, None);
    }

    /// Lets the ticket back off, then deliver again.
    pub fn try_again(self: &Arc<Self>, mut ticket: Ticket) {
        let attempts = ticket.attempt;
        self.queue.lock().tried(ticket.number, ticket.lane, attempts);
        let subscription = self.name(ticket.lane);
        self.change(What::Tried { number: ticket.number, subscription, attempts }, None);
        let delay = self.options.back_off(attempts, ticket.number);
        ticket.attempt += 1;
        self.later(ticket, delay);
    }

    /// The subscription is done with the message.
    fn settled(self: &Arc<Self>, ticket: &Ticket, progress: Progress) {
        let subscription = self.name(ticket.lane);
        let whole = self.queue.lock().settle(ticket.number, ticket.lane, progress);
        // Before anybody hears that the broker is idle.
        self.change(What::Settled { number: ticket.number, subscription, whole }, None);
        self.release(1);
    }

    pub fn letter(&self, ticket: &Ticket, reason: String) -> DeadLetter {
        let subscription = self.queue.lock().lanes[usize::from(ticket.lane)].spec.name.clone();
        DeadLetter {
            id: format!("{}-{subscription}", ticket.number),
            number: ticket.number,
            subscription,
            attempts: ticket.attempt,
            reason,
            published_at: ticket.published_at,
            given_up_at: self.clock.now(),
            message: (*ticket.message).clone(),
        }
    }

    /// Queues what has waited long enough; answers when to look again.
    fn ring(self: &Arc<Self>) -> Option<Instant> {
        let now = Instant::now();
        let mut lanes = Vec::new();
        let next = loop {
            let mut waiting = self.waiting.lock();
            match waiting.peek() {
                Some(Reverse(first)) if first.due <= now => {}
                other => break other.map(|Reverse(first)| first.due),
            }
            let Some(Reverse(first)) = waiting.pop() else { break None };
            drop(waiting);
            lanes.push(first.ticket.lane);
            self.enqueue(first.ticket);
        };
        for lane in lanes {
            self.wake(lane);
        }
        next
    }
}

impl Options {
    /// Doubles with each try up to the most, plus up to a quarter so that what failed together is not retried
    /// together; so each back-off below the most is longer than the one before.
    pub(super) fn back_off(&self, failed: u32, number: u64) -> Duration {
        let doubled = self
            .backoff_min_ms
            .saturating_mul(1_u64.checked_shl(failed.saturating_sub(1)).unwrap_or(u64::MAX));
        let base = doubled.min(self.backoff_max_ms);
        Duration::from_millis(base + mix(number ^ u64::from(failed) << 48) % (base / 4 + 1))
    }
}

/// Waits for the next ticket that is due, for as long as the broker runs.
pub(super) async fn alarm(core: Arc<Core>) {
    loop {
        let next = core.ring();
        let until = async {
            match next {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = core.stopped.cancelled() => return,
            () = core.alarm.notified() => {}
            () = until => {}
        }
    }
}

async fn work(core: Arc<Core>, lane: u16, running: Running) {
    while let Some((ticket, delivery, deadline)) = core.next(lane) {
        let outcome = tokio::select! {
            () = core.stopped.cancelled() => return,
            outcome = deliver(&running, delivery, deadline) => outcome,
        };
        core.finish(ticket, outcome);
    }
}

/// One try, in a task of its own: a handler that panics or blocks its thread costs nobody else a slot.
async fn deliver(running: &Running, delivery: Delivery, deadline: Duration) -> Result<Verdict, String> {
    let subscriber = running.subscriber.clone();
    let task =
        AbortOnDropHandle::new(running.runtime.spawn(async move { subscriber.deliver(delivery).await }));
    match timeout(deadline, task).await {
        Ok(Ok(verdict)) => Ok(verdict),
        Ok(Err(failure)) if failure.is_panic() => Err("the handler panicked".to_owned()),
        Ok(Err(_)) => Err("the handler was stopped".to_owned()),
        Err(_) => Err(format!("the handler took longer than {} ms", deadline.as_millis())),
    }
}
