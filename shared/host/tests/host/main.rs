//! The host through its router, by real HTTP on loopback, and as a broker's subscriber.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod access;
mod deliveries;
mod derived;
mod fake;
mod idempotency;
mod limits;
mod oidc;
mod ports;
mod problems;
mod sealing;
mod server;
mod stopping;
mod streams;
