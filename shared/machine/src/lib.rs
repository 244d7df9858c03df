//! Adapters for one machine: an embedded store and broker, timers, objects, keys, and a target that runs
//! apps as real processes behind a weighted ingress.
//!
//! Invariant: one process owns a data folder. Nothing here decides anything; the functions do.

#![expect(clippy::disallowed_methods, reason = "adapters are where clock and environment are read")]

#[cfg(not(target_os = "linux"))]
compile_error!(
    "Sextant runs on Linux: apps are kept by its process groups, sessions and control groups, and found again in /proc. \
     Use a Linux machine, a virtual one or a container."
);

pub mod backup;
pub mod broker;
pub mod clock;
pub mod engine;
pub mod ingress;
pub mod keys;
pub mod migrate;
pub mod objects;
mod ports;
pub mod schedule;
pub mod source;
pub mod store;
pub mod target;
pub mod timers;
mod turns;
