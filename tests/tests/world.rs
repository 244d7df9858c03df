//! The pipeline's own code in a world where everything that can go wrong does: the handlers of `deploy-step` and
//! `register`, over ports in memory, one port call at a time, in an order drawn from a seed.
//!
//! Each call of a port first waits at a gate. So anything may happen between any two calls: another handler runs, the
//! process dies, a message comes twice, late or not at all, somebody else moves traffic, minutes pass. A run is its
//! seed: the same seed is the same run.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "test code")]

#[path = "world/chance.rs"]
mod chance;
#[path = "world/errors.rs"]
mod errors;
#[path = "world/gate.rs"]
mod gate;
#[path = "world/people.rs"]
mod people;
#[path = "world/ports.rs"]
mod ports;
#[path = "world/process.rs"]
mod process;
#[path = "world/properties.rs"]
mod properties;
#[path = "world/rest.rs"]
mod rest;
#[path = "world/rules.rs"]
mod rules;
#[path = "world/run.rs"]
mod run;
#[path = "world/source.rs"]
mod source;
#[path = "world/stories.rs"]
mod stories;
#[path = "world/target.rs"]
mod target;
#[path = "world/task.rs"]
mod task;
#[path = "world/walk.rs"]
mod walk;
