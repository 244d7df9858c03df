//! What the tests share: conformance suites that every adapter of a port must pass, and fakes.

#![expect(clippy::disallowed_methods, clippy::unwrap_used, reason = "test code")]

pub mod conformance;
pub mod emulator;
pub mod fake;
pub mod smtp;
pub mod system;
pub mod world;
