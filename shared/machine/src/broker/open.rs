//! Opening the broker of an engine: what is owed, the dead letters, and what was owed to nobody that is still here.
//!
//! Invariant: what is owed to subscriptions of this version is owed again; the rest is dropped, and said.

use super::{
    Error, Options,
    dead::{DeadLetter, DeadLetters},
    dispatch::Core,
    entry::{Entry, Owed},
    queue::Queue,
    stored::{self, BROKER, DEAD, MESSAGE, OWED},
};
use crate::engine::{Core as EngineCore, Group, Transaction};
use lsm_tree::Slice;
use model::{
    Timestamp,
    port::{Clock, broker::Subscription, store::StoreError},
};
use std::{collections::BTreeMap, sync::Arc};

/// The shared state.
pub(super) fn open(
    engine: Arc<EngineCore>,
    subscriptions: Vec<Subscription>,
    clock: Arc<dyn Clock>,
    options: Options,
) -> Result<Arc<Core>, Error> {
    check_names(&subscriptions)?;
    let names: Vec<String> = subscriptions.iter().map(|one| one.name.clone()).collect();
    let mut queue = Queue::new(subscriptions, options.remembered);
    let mut dead = DeadLetters::default();
    let snapshot = engine.snapshot();
    let mut highest = engine.state().messages;
    let all = |kind: u8| {
        let entries = snapshot.range(&[BROKER, kind], Some(&[BROKER, kind + 1]));
        entries.collect::<Result<Vec<_>, _>>().map_err(Error::Store)
    };
    for (key, value) in all(DEAD)? {
        let letter: DeadLetter = serde_json::from_slice(&value).map_err(|_| unreadable(&key))?;
        highest = highest.max(letter.number);
        dead.add(letter);
    }
    let mut owed = BTreeMap::<u64, Vec<Owed>>::new();
    let mut dropped = vec![];
    for (key, value) in all(OWED)? {
        let (number, name) = stored::parse(&key).ok_or_else(|| unreadable(&key))?;
        let attempts = value[..].try_into().map(u32::from_le_bytes).map_err(|_| unreadable(&key))?;
        match names.iter().position(|known| known == name) {
            Some(lane) => owed.entry(number).or_default().push(Owed { lane: lane as u16, attempts }),
            None => dropped.push(key),
        }
    }
    for (key, value) in all(MESSAGE)? {
        let (number, _) = stored::parse(&key).ok_or_else(|| unreadable(&key))?;
        highest = highest.max(number);
        let Some(owed) = owed.remove(&number) else {
            dropped.push(key);
            continue;
        };
        queue.insert(entry(number, &value, owed).ok_or_else(|| unreadable(&key))?);
    }
    if let Some(number) = owed.keys().next() {
        return Err(unreadable(&stored::key(MESSAGE, *number, "")));
    }
    let tickets = queue.resume();
    let core = Arc::new(Core::new(queue, dead, highest + 1, clock, Arc::clone(&engine), options));
    core.offer(tickets);
    drop_from(&engine, dropped)?;
    Ok(core)
}

fn entry(number: u64, value: &[u8], owed: Vec<Owed>) -> Option<Entry> {
    let (published_at, json) = value.split_at_checked(8)?;
    let published_at = Timestamp(i64::from_le_bytes(published_at.try_into().ok()?));
    Some(Entry { number, published_at, message: Arc::new(serde_json::from_slice(json).ok()?), owed })
}

fn unreadable(key: &[u8]) -> Error {
    let what = stored::parse(key).map_or_else(String::new, |(number, _)| format!(" {number}"));
    Error::Store(StoreError::Corrupt(format!(
        "The stored message{what} can't be read. Nothing was changed. Restore the data folder with `sextant restore` from \
         a backup."
    )))
}

/// What belongs to subscriptions that are gone goes with the next group.
fn drop_from(engine: &EngineCore, keys: Vec<Slice>) -> Result<(), Error> {
    if keys.is_empty() {
        return Ok(());
    }
    tracing::warn!(
        entries = keys.len(),
        "dropped what was owed to subscriptions that this version does not have"
    );
    engine.push(Box::new(Dropped(keys))).map_err(Error::Store)
}

struct Dropped(Vec<Slice>);

impl Transaction for Dropped {
    fn apply(&mut self, group: &mut Group<'_>) -> Result<(), StoreError> {
        for key in &self.0 {
            group.remove(key.clone());
        }
        Ok(())
    }

    fn done(&mut self, _: Result<(), StoreError>) {}

    fn may_wait(&self) -> bool {
        true
    }
}

fn check_names(subscriptions: &[Subscription]) -> Result<(), Error> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let twice = |name: &str| subscriptions.iter().filter(|one| one.name == name).count() > 1;
    let bad = subscriptions
        .iter()
        .find(|one| one.name.is_empty() || !one.name.bytes().all(legal) || twice(&one.name));
    bad.map_or(Ok(()), |one| Err(Error::Name { name: one.name.clone() }))
}
