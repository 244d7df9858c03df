//! The deployment state machine, proven: a table of every answer, scripted stories of what once went wrong, and a
//! simulated world in which everything that can go wrong does.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod properties;
mod sample;
mod schema;
mod slots;
mod story;
mod table;
mod world;
