//! What an earlier deployment built is released again, or built again where it is kept no more.

use super::{
    At, Fault, Transition,
    enter::{enter, say},
};
use crate::{
    DecisionId,
    document::{Deployment, Step, Usual},
    port::target::{Gone, Plan},
};

/// It is known what it is. What was built of the same source is released as it was built.
pub(super) fn analyzed(
    mut next: Deployment,
    at: &At<'_>,
    plan: Plan,
    decision: DecisionId,
    summary: &str,
) -> Transition {
    next.decision = Some(decision);
    let Some((of, built)) =
        next.again.as_ref().and_then(|again| Some((again.of.clone(), again.built.clone()?)))
    else {
        next.plan = Some(plan);
        let usually = Usual::build_words(next.usual.as_ref());
        return enter(next, at, Step::StartBuild, format!("{summary}. Building{usually}"));
    };
    (next.plan, next.artifact) = (Some(built.plan), Some(built.artifact));
    next.checks.push(format!("not built again: it is what {of} was built to"));
    let text = format!("{summary}. {of} built it already. Releasing a revision without traffic");
    enter(next, at, Step::Release, text)
}

/// Whether a failed release can be helped by a build: the target has lost what an earlier deployment had built.
pub(super) fn lacks_artifact(next: &Deployment, fault: &Fault) -> bool {
    let releasing = matches!(next.step, Step::Release | Step::AwaitRelease);
    let lost = matches!(fault.gone, Some(Gone::Artifact(_)));
    releasing && lost && next.again.as_ref().is_some_and(|again| again.built.is_some())
}

/// Builds what was to be taken over, from the same source and by the same plan.
pub(super) fn build_instead(mut next: Deployment, at: &At<'_>) -> Transition {
    next.artifact = None;
    next.checks.retain(|check| !check.starts_with("not built again"));
    if let Some(again) = &mut next.again {
        again.built = None;
        let text = format!("What {} built is kept no more", again.of);
        say(&mut next, at, text);
    }
    enter(next, at, Step::StartBuild, "Building it again, from the same source")
}
