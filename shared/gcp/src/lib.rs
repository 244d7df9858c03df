//! Adapters for Google Cloud, and the only crate that names a Google crate.
//!
//! | adapter | port | made of |
//! |---|---|---|
//! | [`FirestoreStore`] | `Store` | raw Firestore commits, queries and listeners |
//! | [`PubSubBroker`] | `Broker` | Pub/Sub topics and push subscriptions |
//!
//! Everything is behind feature `gcp`; without it this crate is empty, so that a local run and the workspace's
//! tests never compile a cloud crate.
//!
//! Invariants: a constructor does no I/O, clients connect on first use, so that a function which starts without
//! needing one is ready in milliseconds; nothing here reads the environment, where an emulator is comes from the
//! caller; an adapter never decides, it reports what the service said.

#[cfg(feature = "gcp")]
pub mod firestore;
#[cfg(feature = "gcp")]
pub mod pubsub;

#[cfg(feature = "gcp")]
pub use firestore::{FirestoreOptions, FirestoreStore};
#[cfg(feature = "gcp")]
pub use pubsub::{PubSubBroker, PubSubOptions, Push};
