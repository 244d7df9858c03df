//! Results that come when the deployment has moved on, and those that no step can have.
//!
//! Invariant: a late result never moves a deployment forward. At most it ends the wait for what was under way, or
//! has a revision discarded that nobody wants any more.

use super::{
    Answer, At, Effect, Outcome, Transition,
    enter::{act, unchanged},
};
use crate::document::{Deployment, Step};

/// Whether an effect of this step can come to this.
pub(super) fn fits(step: Step, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Scanning { .. } | Outcome::Scanned { .. } => step == Step::Scan,
        Outcome::Rejected { .. } => matches!(step, Step::Scan | Step::Analyze),
        Outcome::Analyzed { .. } => step == Step::Analyze,
        Outcome::BuildStarted => step == Step::StartBuild,
        Outcome::BuildRead(_) => matches!(step, Step::StartBuild | Step::AwaitBuild),
        Outcome::ReleasePending { .. } | Outcome::ReleaseUnknown | Outcome::Released { .. } => {
            matches!(step, Step::Release | Step::AwaitRelease)
        }
        Outcome::Opened(_) => step == Step::Open,
        Outcome::Probed { .. } => step == Step::Verify,
        Outcome::TrafficPending { .. } | Outcome::TrafficUnknown => {
            matches!(step, Step::SetTraffic | Step::AwaitTraffic | Step::Restore | Step::AwaitRestore)
        }
        Outcome::TrafficSet(_) => matches!(step, Step::SetTraffic | Step::AwaitTraffic),
        Outcome::TrafficMoved(_) => matches!(
            step,
            Step::Open
                | Step::SetTraffic
                | Step::AwaitTraffic
                | Step::Watch
                | Step::Retire
                | Step::Restore
                | Step::AwaitRestore
        ),
        Outcome::WindowSeen(_) => step == Step::Watch,
        Outcome::Retired => step == Step::Retire,
        Outcome::Restored(_) => matches!(step, Step::Restore | Step::AwaitRestore),
        Outcome::Waits { .. } => matches!(step, Step::Scan | Step::Analyze | Step::StartBuild),
        Outcome::Fault(_) => !matches!(step, Step::Queue | Step::Rest),
    }
}

/// On the way back, an effect of an earlier step ends. If that is what the way back waited for, it begins now.
pub(super) fn overtaken(mut next: Deployment, step: Step, outcome: Outcome, at: &At<'_>) -> Transition {
    let awaited = |lease: &crate::document::Lease| lease.step == Some(step) && lease.owner == at.owner;
    if !next.lease.as_ref().is_some_and(awaited) {
        return left_over(&next, &outcome);
    }
    if let Outcome::Released { released, .. } = outcome {
        next.released = Some(released);
    }
    next.lease = None;
    act(next, at)
}

/// What a late effect leaves behind once nobody wants it: a revision is discarded, the rest ends by itself.
pub(super) fn left_over(next: &Deployment, outcome: &Outcome) -> Transition {
    let effect = match outcome {
        Outcome::Released { released, .. } if released.revision == next.revision_name() => {
            Some(Effect::Discard { revision: released.revision.clone() })
        }
        Outcome::ReleasePending { .. } => Some(Effect::Discard { revision: next.revision_name() }),
        Outcome::Released { .. }
        | Outcome::ReleaseUnknown
        | Outcome::Opened(_)
        | Outcome::TrafficPending { .. }
        | Outcome::TrafficUnknown
        | Outcome::Scanning { .. }
        | Outcome::Scanned { .. }
        | Outcome::Rejected { .. }
        | Outcome::Analyzed { .. }
        | Outcome::BuildStarted
        | Outcome::BuildRead(_)
        | Outcome::Probed { .. }
        | Outcome::TrafficSet(_)
        | Outcome::TrafficMoved(_)
        | Outcome::WindowSeen(_)
        | Outcome::Retired
        | Outcome::Restored(_)
        | Outcome::Waits { .. }
        | Outcome::Fault(_) => None,
    };
    Transition { effect, ..unchanged(Answer::Unchanged) }
}
