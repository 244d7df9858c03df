//! Named points at which a test kills the process, to prove that nothing is lost and no effect happens twice.
//!
//! Invariant: without the setting `crash_at` this does nothing.

use crate::Context;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::sync::atomic::Ordering;

/// Every point there is. A test walks all of them, and fails if one is never reached; those of `act`, which ends a
/// service's story, have tests of their own.
pub const POINTS: [&str; 15] = [
    "register.before-commit",
    "register.after-commit",
    "deploy-step.before-commit",
    "deploy-step.after-commit",
    "deploy-step.after-publish",
    "deploy-step.after-scan",
    "deploy-step.after-analyze",
    "deploy-step.after-start-build",
    "deploy-step.after-release",
    "deploy-step.after-set-traffic",
    "deploy-step.after-retire",
    "deploy-step.after-restore",
    "deploy-step.at-rest",
    "send-feedback.after-mail",
    "act.after-delete",
];

impl Context {
    /// Dies here by SIGKILL if the setting `crash_at` names this point; with `NAME#N`, when it is passed the Nth time.
    pub fn crash_point(&self, name: &'static str) {
        debug_assert!(POINTS.contains(&name), "{name} is not listed");
        let Some(point) = &self.config.settings.crash_at else { return };
        if point.name == name && point.pass == self.config.passes.fetch_add(1, Ordering::SeqCst) + 1 {
            let _ = kill(Pid::this(), Signal::SIGKILL);
        }
    }
}
