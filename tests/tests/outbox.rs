//! What documents owe to the topics goes out, whatever fails in between: the topics out of reach after a commit, a
//! process that dies between any two calls, messages that come twice.

#![expect(clippy::unwrap_used, reason = "test code")]

#[path = "outbox/clearing.rs"]
mod clearing;
#[path = "outbox/hostile.rs"]
mod hostile;
#[path = "outbox/leftovers.rs"]
mod leftovers;
#[path = "outbox/mortal.rs"]
mod mortal;
#[path = "outbox/world.rs"]
mod world;
