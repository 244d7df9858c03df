//! The probe: asked again while the app may still be starting, and the end where it isn't well.

use super::{
    At, Transition,
    enter::{fail, wait},
};
use crate::{
    document::{Deployment, Failure, Stage},
    port::target::Probe,
    time::SECOND_MS,
};

/// It isn't well: again in a moment, unless that is for good or its time is over.
pub(super) fn unhealthy(next: Deployment, at: &At<'_>, probe: &Probe) -> Transition {
    let detail = &probe.detail;
    let began = next.stages.last().map_or(at.real, |time| time.from);
    let late = at.real.since(began) >= next.limits.verify_ms;
    if !probe.dead && !late {
        return wait(next, at, SECOND_MS / 4);
    }
    let waited =
        if probe.dead { String::new() } else { format!("; waited {} s", next.limits.verify_ms / SECOND_MS) };
    let failure = Failure {
        stage: Stage::Verify,
        code: "probe_failed".to_owned(),
        message: format!("The new revision is not healthy: {detail}{waited}"),
        hint: what_mends(&next, probe.status),
    };
    fail(next, at, failure)
}

/// What to do about it: it may not be reached at all, or answer, and badly.
fn what_mends(next: &Deployment, status: Option<u16>) -> String {
    let fixed = next.plan.as_ref().and_then(|plan| plan.fixed_port.as_ref());
    match (status, fixed) {
        (Some(400), _) => "It finds fault with a plain GET: mend that, then deploy again; its log may say more.".to_owned(),
        (Some(_), _) => {
            "Its health path must answer below 400; look at its log, or name another path with `health_path` in \
             sextant.toml."
                .to_owned()
        }
        (None, Some(fixed)) => format!("{}. {}.", fixed.sentence(), fixed.mend()),
        (None, None) => "It must listen on $PORT and answer its health path; look at its log.".to_owned(),
    }
}
