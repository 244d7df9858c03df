//! Adapters that are the same in every place: the operating system's clock and randomness, and mail.
//!
//! Invariant: nothing here belongs to one place. What needs a data folder is `machine`'s, what needs a Google crate is
//! `gcp`'s; both may use this, and neither the other.

#![expect(clippy::disallowed_methods, reason = "adapters are where the clock is read")]

pub mod clock;
pub mod mail;
