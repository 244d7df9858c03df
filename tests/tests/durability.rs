//! What the embedded store promises about disks: an acknowledged commit is durable, a half commit never shows,
//! damage is refused and never written over.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "test code")]

use machine::engine::{Engine, Options};
use machine::store::Store;
use model::index::INDEXES;
use model::port::store::StoreError;
use std::sync::Arc;

#[path = "durability/backup.rs"]
mod backup;
#[path = "durability/crash.rs"]
mod crash;
#[path = "durability/damage.rs"]
mod damage;
#[path = "durability/disk.rs"]
mod disk;
#[path = "durability/group.rs"]
mod group;
#[path = "durability/keys.rs"]
mod keys;
#[path = "durability/older.rs"]
mod older;
#[path = "durability/random.rs"]
mod random;
#[path = "durability/strace.rs"]
mod strace;

/// A store with its journal on a simulated disk.
fn open(disk: &disk::SimulatedDisk, options: Options) -> Result<Store, StoreError> {
    let engine = Engine::on(Box::new(disk.clone()), &disk.tables(), options)?;
    Store::with(Arc::new(engine), INDEXES)
}
