//! One reader: its place, and whatever the shared state has beyond it.

use super::{
    admit::Permit,
    feed::Shared,
    frame::{Frame, encode, push, retry},
    hub::{Feed, Hub},
    id::EventId,
    state::{End, Segment, State},
};
use crate::{log::following, read::Whole};
use bytes::{Bytes, BytesMut};
use host::Error;
use model::{Timestamp, document::log::Position, port::Ports, time::SECOND_MS};
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// A comment goes out after this much silence, so that both ends notice when the other is gone.
const BEAT_MS: i64 = 15 * SECOND_MS;
/// Come back this soon after a stream that was cut short.
const RETRY_MS: u32 = 1_000;
/// Come back this late after the end: there is nothing more, unless it is rolled back.
const RETRY_DONE_MS: u32 = 30_000;

/// What brings a reader up to date that was away for too long.
#[derive(Serialize)]
struct Reset<T> {
    text: &'static str,
    log_from: String,
    deployment: T,
}

/// What a reader asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// After which event; anything that is still kept if absent.
    pub place: Option<EventId>,
    /// Whether the log is wanted.
    pub logs: bool,
    /// When the stream must end, in real time.
    pub until: Timestamp,
}

/// What a stream counts for, as long as it is open.
pub struct Counted {
    /// Counts its bytes.
    pub hub: Arc<Hub>,
    /// Its place among all streams.
    pub _permit: Permit,
}

/// One reader of a stream: where it has come, and what it waits for.
pub struct Reader {
    ports: Arc<Ports>,
    states: watch::Receiver<Shared>,
    /// Keeps the feed going; none for a deployment at rest.
    _feed: Option<Arc<Feed>>,
    counted: Counted,
    at: EventId,
    /// Whether it has read anything before: then what is no longer kept is a reset.
    resumed: bool,
    logs: bool,
    /// The newest change of the shift that it saw.
    canary: u64,
    until: Timestamp,
    over: bool,
}

impl Reader {
    /// Of a deployment that moves.
    pub fn following(ports: &Arc<Ports>, feed: Arc<Feed>, counted: Counted, wish: Wish) -> Self {
        Self::new(ports, feed.states(), Some(feed), counted, wish)
    }

    /// Of a deployment at rest.
    pub fn resting(ports: &Arc<Ports>, state: State, counted: Counted, wish: Wish) -> Self {
        Self::new(ports, watch::channel(Some(Arc::new(state))).1, None, counted, wish)
    }

    fn new(
        ports: &Arc<Ports>,
        states: watch::Receiver<Shared>,
        feed: Option<Arc<Feed>>,
        counted: Counted,
        wish: Wish,
    ) -> Self {
        Self {
            ports: Arc::clone(ports),
            states,
            _feed: feed,
            counted,
            at: EventId { done: false, ..wish.place.unwrap_or_default() },
            resumed: wish.place.is_some_and(|place| place.seq > 0),
            logs: wish.logs,
            canary: 0,
            until: wish.until,
            over: false,
        }
    }

    /// The next bytes; `None` at the end.
    pub async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        if self.over {
            return Ok(None);
        }
        loop {
            let state = self.states.borrow_and_update().clone();
            if let Some(state) = state {
                let chunk = self.catch_up(&state).await?;
                if !chunk.is_empty() {
                    self.counted.hub.sent(chunk.len());
                    return Ok(Some((chunk.freeze(), self)));
                }
            }
            let left = self.until.since(self.ports.clock.real()).max(0);
            let pause = Duration::from_millis(left.min(BEAT_MS).unsigned_abs());
            tokio::select! {
                changed = self.states.changed() => if changed.is_err() { return Ok(Some(self.cut_short())); },
                () = self.ports.clock.sleep(pause) => {
                    if left <= BEAT_MS {
                        return Ok(Some(self.cut_short()));
                    }
                    return Ok(Some((Bytes::from_static(b":\n\n"), self)));
                }
            }
        }
    }

    /// The stream ends before its time; the client comes back with its place.
    fn cut_short(mut self) -> (Bytes, Self) {
        let mut buffer = BytesMut::new();
        retry(&mut buffer, RETRY_MS);
        self.over = true;
        (buffer.freeze(), self)
    }

    /// What the state has beyond this reader's place; of an old log at most one segment at a time.
    async fn catch_up(&mut self, state: &State) -> Result<BytesMut, Error> {
        let mut buffer = BytesMut::new();
        self.reset_if_lost(state, &mut buffer).await?;
        while self.logs && self.at.position.segment < state.head {
            let (segment, held) = self.segment(state).await?;
            self.take(state, &segment, &mut buffer);
            // A place at the very end of a segment yields nothing: then the next one is looked at in the same turn.
            if !held && !buffer.is_empty() {
                return Ok(buffer);
            }
        }
        self.story(state, Timestamp(i64::MAX), &mut buffer);
        if let Some((times, body)) = state.canary.as_ref().filter(|(times, _)| *times > self.canary) {
            buffer.extend_from_slice(body);
            self.canary = *times;
        }
        match &state.end {
            Some(End::Done(body)) => self.finish(body, &mut buffer),
            Some(End::Failed) => {
                retry(&mut buffer, RETRY_MS);
                self.over = true;
            }
            None => {}
        }
        Ok(buffer)
    }

    fn finish(&mut self, body: &Bytes, buffer: &mut BytesMut) {
        self.at.done = true;
        push(buffer, self.at, body);
        retry(buffer, RETRY_DONE_MS);
        self.over = true;
    }

    /// A place that is no longer kept, or not reached yet, can't be gone on from.
    async fn reset_if_lost(&mut self, state: &State, buffer: &mut BytesMut) -> Result<(), Error> {
        let newest = state.deployment.seq;
        let before = state.story.first().map_or(newest, |(seq, _)| seq.saturating_sub(1));
        let text = if self.at.seq > newest {
            self.at.position = Position::default();
            "That id is not one of this deployment's; this is how it stands, and its log follows from the beginning."
        } else if self.at.seq >= before {
            return Ok(());
        } else if self.resumed {
            "Too much has happened since that id to repeat it; this is how it stands. The log goes on where it was."
        } else {
            self.at.seq = before;
            return Ok(());
        };
        let whole = Whole::read(&*self.ports.store, (*state.deployment).clone()).await?;
        let log_from = self.at.position.to_string();
        let reset = Reset { text, log_from, deployment: whole.view(&self.ports) };
        self.at.seq = newest;
        push(buffer, self.at, &encode("reset", &reset));
        Ok(())
    }

    /// The segment this reader is in, and whether all readers share it.
    async fn segment(&self, state: &State) -> Result<(Arc<Segment>, bool), Error> {
        let number = self.at.position.segment;
        if let Some(segment) = state.held(number) {
            return Ok((segment, true));
        }
        let found = following(&*self.ports.objects, &state.deployment, number, 0).await?;
        // What is not there any more is passed over at once.
        let (number, lines) = found.unwrap_or((state.head.saturating_sub(1), vec![]));
        Ok((Arc::new(Segment::new(number, &lines)), false))
    }

    /// The rest of a segment, and what was said between its lines.
    fn take(&mut self, state: &State, segment: &Segment, buffer: &mut BytesMut) {
        if segment.number != self.at.position.segment {
            self.at.position = Position { segment: segment.number, line: 0 };
        }
        let from = self.at.position.line;
        for (line, Frame { at, body }) in segment.lines.iter().filter(|(line, _)| *line >= from) {
            self.story(state, *at, buffer);
            self.at.position.line = line + 1;
            push(buffer, self.at, body);
        }
        self.at.position = Position { segment: self.at.position.segment + 1, line: 0 };
    }

    /// The story up to a moment.
    fn story(&mut self, state: &State, until: Timestamp, buffer: &mut BytesMut) {
        for (seq, Frame { at, body }) in &state.story {
            if *seq <= self.at.seq {
                continue;
            }
            if *at > until {
                break;
            }
            self.at.seq = *seq;
            push(buffer, self.at, body);
        }
    }
}
