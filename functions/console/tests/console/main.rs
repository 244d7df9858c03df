//! The console behind the host's own HTTP, on the embedded store and objects; only what reaches outside is a fake.

#![expect(clippy::unwrap_used, reason = "test code")]

mod docs;
mod documents;
mod events;
mod pages;
mod reading;
mod world;
