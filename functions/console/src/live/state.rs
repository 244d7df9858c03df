//! What all readers of one deployment share: its newest document, and events made from it and from its log.
//!
//! Invariant: a state is never changed, only followed by the next one; what both hold is shared.

use super::frame::{Frame, encode};
use crate::{
    log::{Extent, LineView, following},
    read::Whole,
    view::{CanaryView, EntryView},
};
use bytes::Bytes;
use host::Error;
use model::{
    document::{Deployment, Entry, log::Line},
    port::{Objects, PortError, Ports},
};
use std::{collections::VecDeque, sync::Arc};

/// Segments of the log that are held for readers who keep up; older ones are read again by whoever needs them.
const HELD: usize = 4;

/// How a feed ended.
#[derive(Clone, Debug)]
pub enum End {
    /// The deployment is at rest: event `done`.
    Done(Bytes),
    /// The document or the log can't be watched any more: readers come back, to this instance or another.
    Failed,
}

/// One segment of the log as events: the number of each line, and its event.
#[derive(Debug)]
pub struct Segment {
    /// The segment's number in its log.
    pub number: u32,
    /// Its lines as they are sent, by their number.
    pub lines: Vec<(u32, Frame)>,
}

/// What readers share.
#[derive(Clone, Debug)]
pub struct State {
    /// The newest document.
    pub deployment: Arc<Deployment>,
    /// Its story's newest lines as events, by number.
    pub story: Vec<(u64, Frame)>,
    /// The shift as an event, and how often it has changed.
    pub canary: Option<(u64, Bytes)>,
    seen: Option<CanaryView>,
    /// The first segment of the log that isn't there yet.
    pub head: u32,
    segments: VecDeque<Arc<Segment>>,
    /// Whether nothing more comes.
    pub end: Option<End>,
}

impl State {
    /// The first state of a deployment; its log begins at `head`, as far as it is held here.
    pub fn new(deployment: Deployment, head: u32) -> Self {
        let empty = Self {
            deployment: Arc::new(deployment.clone()),
            story: vec![],
            canary: None,
            seen: None,
            head,
            segments: VecDeque::new(),
            end: None,
        };
        empty.with(deployment)
    }

    /// A deployment at rest, with its whole log.
    pub async fn at_rest(ports: &Ports, deployment: Deployment) -> Result<Self, Error> {
        let head = Extent::read(ports, &deployment).await?.next();
        Self::new(deployment, head).ended(ports).await
    }

    /// The same with a newer document.
    #[must_use]
    pub fn with(&self, deployment: Deployment) -> Self {
        let known = |entry: &Entry| self.story.iter().find(|(seq, _)| *seq == entry.seq).cloned();
        let fresh = |entry: &Entry| {
            (entry.seq, Frame { at: entry.at, body: encode("status", &EntryView::from(entry)) })
        };
        let story = deployment.timeline.iter().map(|e| known(e).unwrap_or_else(|| fresh(e))).collect();
        let seen = CanaryView::of(&deployment);
        let canary = match &seen {
            Some(view) if seen != self.seen => {
                Some((self.canary.as_ref().map_or(1, |(times, _)| times + 1), encode("canary", view)))
            }
            _ => self.canary.clone(),
        };
        Self { deployment: Arc::new(deployment), story, canary, seen, ..self.clone() }
    }

    /// The same with whatever the log has beyond it; `None` if there is nothing.
    pub async fn with_log(&self, objects: &dyn Objects) -> Result<Option<Self>, PortError> {
        let mut next = self.clone();
        while let Some((number, lines)) = following(objects, &self.deployment, next.head, 0).await? {
            next.segments.push_back(Arc::new(Segment::new(number, &lines)));
            next.head = number + 1;
            if next.segments.len() > HELD {
                next.segments.pop_front();
            }
        }
        Ok((next.head > self.head).then_some(next))
    }

    /// The same with the event that ends it.
    pub async fn ended(self, ports: &Ports) -> Result<Self, Error> {
        let whole = Whole::read(&*ports.store, (*self.deployment).clone()).await?;
        let end = Some(End::Done(encode("done", &whole.view(ports))));
        Ok(Self { end, ..self })
    }

    /// The same when nothing can be watched any more.
    #[must_use]
    pub fn failed(&self) -> Self {
        Self { end: Some(End::Failed), ..self.clone() }
    }

    /// A segment of the log, if it is held here.
    pub fn held(&self, number: u32) -> Option<Arc<Segment>> {
        self.segments.iter().find(|segment| segment.number == number).cloned()
    }
}

impl Segment {
    /// A segment's lines as the events that readers are sent.
    pub fn new(number: u32, lines: &[(u32, Line)]) -> Self {
        let event = |line: &Line| Frame { at: line.at, body: encode("log", &LineView::from(line)) };
        Self { number, lines: lines.iter().map(|(number, line)| (*number, event(line))).collect() }
    }
}
