//! After the scan: it goes on, with what was let through on record, or ends.

use super::{
    Answer, At, Transition,
    enter::{act, enter, rest, say, unchanged},
};
use crate::{
    document::{Deployment, Ending, Failure, Scan, Scanning, Step},
    port::source::{Archived, Manifest},
};

/// Part of it was looked at. Whoever comes second with a part that is looked at already changes nothing.
pub(super) fn goes_on(
    mut next: Deployment,
    at: &At<'_>,
    manifest: &Manifest,
    scanning: Box<Scanning>,
) -> Transition {
    if next.scanning.as_ref().is_some_and(|known| !scanning.beyond(known)) {
        return unchanged(Answer::Unchanged);
    }
    if next.scanning.is_none() {
        say(&mut next, at, "The source is large; it is scanned in several stretches");
    }
    let (mib, all) = (scanning.bytes >> 20, manifest.bytes >> 20);
    next.waits =
        Some(format!("Scanned {} of {} files, {mib} of {all} MiB", scanning.scan.files, manifest.files));
    next.progress = progress(scanning.bytes, manifest.bytes);
    next.updated_at = at.now;
    next.scanning = Some(scanning);
    act(next, at)
}

/// Percent of the whole deployment: validation begins at 2 and ends at 10.
fn progress(bytes: u64, all: u64) -> u8 {
    let share = bytes.saturating_mul(8).checked_div(all).unwrap_or(0).min(8);
    2 + u8::try_from(share).unwrap_or(8)
}

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
            let who = finding.allowed_by(&next.requested_by);
            let text = format!("{who} allows {} ({}): {why}", finding.id, finding.what);
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
