//! What the embedded store promises about disks: an acknowledged commit is durable, a half commit never shows,
//! damage is refused and never written over.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "test code")]

#[path = "durability/crash.rs"]
mod crash;
#[path = "durability/damage.rs"]
mod damage;
#[path = "durability/disk.rs"]
mod disk;
#[path = "durability/group.rs"]
mod group;
#[path = "durability/strace.rs"]
mod strace;
