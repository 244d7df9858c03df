//! Trees that somebody made to do harm: each has a defined answer, nothing outside of the tree is read, nothing hangs.
//!
//! A file outside holds [`place::CANARY`], and a pipe outside that nobody writes to: reading the first shows in an
//! answer, opening the second never ends.

#![expect(clippy::unwrap_used, reason = "test code")]

mod place;

mod encodings;
mod entries;
mod fuzzed;
mod growth;
mod links;
mod nesting;
mod paths;
mod sizes;
