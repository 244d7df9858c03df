//! Whole-system tests over HTTP on the real binary.
//!
//! Each test has a system of its own: a data folder, a `sextant up` with free ports, a mail server, apps that keep
//! a journal. Effects are counted by whoever received them. At most four systems run at once.

#![expect(clippy::unwrap_used, reason = "test code")]

mod apps;
mod attack;
mod bad_input;
mod canary;
mod catalog;
mod crash_late;
mod crash_walk;
mod feedback_loop;
mod hostile;
mod idempotency;
mod inspected;
mod kill_loop;
mod killed;
mod logs;
mod recovering;
mod scanning;
mod secrets;
mod smoke;
mod uploads;

use tests::system::{Setup, System};

/// A system of the binary that was built with these tests.
fn system() -> Setup {
    System::of(env!("CARGO_BIN_EXE_sextant"))
}
