//! The conformance suites on the adapters for Google Cloud, against Google's own emulators, and what those adapters
//! add to their ports. Only with feature `gcp`.

#![cfg(feature = "gcp")]
#![expect(clippy::disallowed_methods, reason = "names of their own for each run come from the time")]

#[path = "emulators/broker.rs"]
mod broker;
#[path = "emulators/harness.rs"]
mod harness;
#[path = "emulators/push.rs"]
mod push;
#[path = "emulators/store.rs"]
mod store;
