//! After the scan: it goes on, with what was let through on record, or ends.

use super::{
    At, Transition,
    enter::{enter, rest, say},
};
use crate::{
    document::{Deployment, Ending, Failure, Scan, Step},
    port::source::Archived,
};

/// Nothing stops it. What was let through is said before anything else is done.
pub(super) fn passed(
    mut next: Deployment,
    at: &At<'_>,
    archive: Archived,
    scan: Scan,
    mut checks: Vec<String>,
) -> Transition {
    let text = match scan.found {
        0 => "Nothing speaks against it".to_owned(),
        _ => format!("The source was {}", scan.summary()),
    };
    next.progress = 10;
    for finding in &scan.findings {
        if let Some(why) = &finding.allowed {
            let text = format!("{} allows {} ({}): {why}", next.requested_by, finding.id, finding.what);
            say(&mut next, at, text);
        }
    }
    found(&mut next, archive, scan);
    next.checks.append(&mut checks);
    enter(next, at, Step::Analyze, format!("{text}. Finding out what it is"))
}

/// Something in it must not be deployed.
pub(super) fn stopped(
    mut next: Deployment,
    at: &At<'_>,
    failure: Failure,
    archive: Archived,
    scan: Scan,
) -> Transition {
    found(&mut next, archive, scan);
    let text = failure.message.clone();
    next.failure = Some(failure);
    rest(next, at, Ending::SecurityFailed, text)
}

fn found(next: &mut Deployment, archive: Archived, scan: Scan) {
    next.commit = Some(archive.manifest.revision().to_owned());
    next.archive = Some(archive);
    next.scan = Some(scan);
}
