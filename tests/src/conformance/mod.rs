//! One suite per port; every adapter of that port passes it unchanged.

pub mod broker;
pub mod keys;
pub mod objects;
pub mod source;
pub mod store;
pub mod target;
pub mod timers;
