//! Targets pass the target's suite: the machine with real processes, and what only it promises (adoption, static sites,
//! real apps); a slow, lossy one with what needs no processes, both where a first revision takes no traffic and where it
//! must take all of it.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "test code")]

mod machine_target;
mod slow_target;

use machine_target::machine;

tests::target_suite!(machine());
