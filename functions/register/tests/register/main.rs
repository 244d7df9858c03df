//! The register function behind the host's own HTTP, on the embedded store; only what reaches outside is a fake.

#![expect(clippy::unwrap_used, reason = "test code")]

mod actions;
mod again;
mod bad_input;
mod commands;
mod customer;
mod decisions;
mod idempotency;
mod queue;
mod secrets;
mod start;
mod variables;
mod world;
