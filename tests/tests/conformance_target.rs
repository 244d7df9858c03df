//! The machine target passes the target's suite, and what only it promises: adoption, static sites, real apps.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "test code")]

mod machine_target;

use machine_target::machine;

tests::target_suite!(machine());
