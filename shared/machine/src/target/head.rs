//! The head of a build's log, written by whoever takes the log over from the runner.
//!
//! Invariant: a head is written after the segment it names is in the objects. What a predecessor stored without
//! saying so is found by listing, once, before anything is added.

use bytes::Bytes;
use model::{
    DeploymentId, TenantId, Timestamp,
    document::log::{Head, attempt_of, head_path, segment_key},
    port::{
        Objects, PortError, Store,
        store::{Precondition, StoreError, Write},
    },
};
use std::time::Duration;

/// Keys listed at once.
const LISTED: usize = 1_000;

/// A log's head as it is known here, and as it was written last.
pub struct LogHead<'a> {
    store: &'a dyn Store,
    objects: &'a dyn Objects,
    tenant: &'a TenantId,
    deployment: &'a DeploymentId,
    prefix: &'a str,
    known: Option<Head>,
    written: Option<Head>,
}

impl<'a> LogHead<'a> {
    /// Reads what was said, and what was stored beyond it.
    pub async fn open(
        store: &'a dyn Store,
        objects: &'a dyn Objects,
        (tenant, deployment): (&'a TenantId, &'a DeploymentId),
        prefix: &'a str,
        now: Timestamp,
    ) -> Result<Self, PortError> {
        let found = store.get(&head_path(tenant, deployment)).await.map_err(port_error)?;
        let known: Option<Head> =
            found.map(|document| document.body.parse()).transpose().map_err(port_error)?;
        let written = known.clone();
        let mut head = Self { store, objects, tenant, deployment, prefix, known, written };
        head.catch_up(now).await?;
        Ok(head)
    }

    async fn catch_up(&mut self, now: Timestamp) -> Result<(), PortError> {
        let mut after = self.known.as_ref().map(|head| segment_key(self.prefix, head.segment));
        loop {
            let keys = self.objects.list(&format!("{}/", self.prefix), after.as_deref(), LISTED).await?;
            for key in &keys {
                let number = key.rsplit('/').next().and_then(|name| name.parse().ok());
                if let (Some(number), Some(data)) = (number, self.objects.get(key).await?) {
                    self.count(number, &data, now);
                }
            }
            if keys.len() < LISTED {
                return Ok(());
            }
            after = keys.into_iter().next_back();
        }
    }

    /// Stores a segment; a repeat finds the first one's.
    pub async fn store(&mut self, number: u32, data: Bytes, now: Timestamp) -> Result<(), PortError> {
        self.objects.create(&segment_key(self.prefix, number), data.clone()).await?;
        self.count(number, &data, now);
        Ok(())
    }

    fn count(&mut self, number: u32, data: &[u8], now: Timestamp) {
        self.known = Some(match self.known.take() {
            None => Head::new(self.tenant, self.deployment, number, data, now),
            Some(head) => head.with(number, data, now),
        });
    }

    /// The number of the first segment that isn't there; `from` where there is none of this attempt.
    pub fn next(&self, from: u32) -> u32 {
        self.known.as_ref().map_or(from, |head| (head.segment + 1).max(from))
    }

    /// How long until the head should be written; `None` while it says all there is to say.
    pub fn due_in(&self, now: Timestamp) -> Option<Duration> {
        let known = self.known.as_ref().filter(|known| self.written.as_ref() != Some(*known))?;
        let told = self.written.as_ref().filter(|told| attempt_of(told.segment) == attempt_of(known.segment));
        let due = told.filter(|_| !known.ended).map_or(now, |told| told.at.plus(told.pause_ms()));
        Some(Duration::from_millis(due.since(now).max(0).unsigned_abs()))
    }

    /// Writes the head if that is due.
    pub async fn tell(&mut self, now: Timestamp) -> Result<(), PortError> {
        if self.due_in(now) != Some(Duration::ZERO) {
            return Ok(());
        }
        let Some(head) = &mut self.known else { return Ok(()) };
        head.at = now;
        // Nobody else writes it: the store has one owner, and so has a build.
        let path = head_path(self.tenant, self.deployment);
        let write = Write::put(path, Precondition::None, head).map_err(port_error)?;
        self.store.commit(vec![write]).await.map_err(port_error)?;
        self.written.clone_from(&self.known);
        Ok(())
    }
}

fn port_error(error: StoreError) -> PortError {
    if error.is_transient() {
        PortError::Transient(error.to_string())
    } else {
        PortError::Permanent(error.to_string())
    }
}
