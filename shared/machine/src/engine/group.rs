//! One group of transactions that becomes durable by one sync, and what a transaction may do in it.
//!
//! Invariant: a transaction sees everything before it, the group's earlier ones included, and either adds all of what
//! it changes or fails before its first change.

use super::journal::{Frame, State};
use super::table::Table;
use hashbrown::HashMap;
use lsm_tree::Slice;
use model::port::store::StoreError;

/// What waits for the thread that writes.
pub(crate) trait Transaction: Send {
    /// Checks, then changes. An error leaves the group as it was, so nothing may be changed before it.
    fn apply(&mut self, group: &mut Group<'_>) -> Result<(), StoreError>;

    /// Called once it is durable and visible, or won't be.
    fn done(&mut self, outcome: Result<(), StoreError>);

    /// Called after every transaction of the group was answered.
    fn told(self: Box<Self>) {}

    /// Whether it may wait for the next one that may not.
    fn may_wait(&self) -> bool {
        false
    }
}

/// A group being put together.
pub(crate) struct Group<'a> {
    pub(super) table: &'a Table,
    pub(super) frame: &'a mut Frame,
    pub(super) newest: HashMap<Slice, Option<Slice>>,
    /// What holds after it.
    pub state: State,
}

impl<'a> Group<'a> {
    pub(super) fn new(table: &'a Table, frame: &'a mut Frame, state: State) -> Self {
        frame.clear();
        Self { table, frame, newest: HashMap::new(), state }
    }

    /// A value, as the group's earlier transactions left it.
    pub fn get(&self, key: &[u8]) -> Result<Option<Slice>, StoreError> {
        match self.newest.get(key) {
            Some(newest) => Ok(newest.clone()),
            None => self.table.newest(key),
        }
    }

    /// Puts a value.
    pub fn put(&mut self, key: Slice, value: Slice) {
        self.frame.put(&key, &value);
        self.newest.insert(key, Some(value));
    }

    /// Removes a value, if there is one.
    pub fn remove(&mut self, key: Slice) {
        self.frame.remove(&key);
        self.newest.insert(key, None);
    }
}
