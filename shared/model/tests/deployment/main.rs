//! The deployment state machine, proven: a table of every answer, scripted stories of what once went wrong. The world in
//! which everything that can go wrong does runs the handlers themselves: `tests/tests/world.rs`.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod again;
mod sample;
mod schema;
mod slots;
mod story;
mod table;
