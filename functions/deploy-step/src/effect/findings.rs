//! What the scanner finds in the source, weighed: what stops the deployment, what its owner lets through, what is shown.
//!
//! Invariant: only what has the structure or the checksum of an issuer's live key stops it, and what the deployment's
//! own policy says of Dockerfiles; a finding tells where and what, never the secret.

use super::Failed;
use inspect::{
    docker::Severity,
    secret,
    survey::{Found, survey},
};
use model::{
    document::{Allowance, Deployment, Failure, Scan, ScanFinding, ScanPolicy, ScanSeverity, Stage},
    port::source::Checkout,
    text::visible,
};

/// Characters of a file's name that are kept, from its end.
const NAME: usize = 400;
/// Characters of what a Dockerfile does.
const WHAT: usize = 300;
/// Lesser findings that the report names; the others are counted.
const NAMED: usize = 5;

/// Looks at the whole tree where that holds up no other handler.
pub async fn find(checkout: Checkout, deployment: &Deployment) -> Result<Scan, Failed> {
    let (allow, policy) = (deployment.allow.clone(), deployment.scan_policy);
    // The whole value goes along: the tree stays for as long as it is read.
    let found = tokio::task::spawn_blocking(move || {
        let checkout = checkout;
        let mut scan = Scan::default();
        let looked = survey(&checkout.folder, &mut |found| scan.add(weighed(found, policy, &allow)))?;
        (scan.files, scan.passed_over) = (looked.files, looked.passed_over);
        Ok::<_, std::io::Error>(scan)
    })
    .await;
    match found {
        Ok(Ok(scan)) => Ok(scan),
        // The tree is ours, unpacked from the archive: what can't be read of it is the disk's trouble.
        Ok(Err(error)) => Err(Failed::passing("not_scanned", format!("The source can't be read: {error}"))),
        Err(_) => Err(Failed::lasting(
            "not_scanned",
            "Scanning the source failed on our side",
            "Report this with the source.",
        )),
    }
}

fn weighed(found: Found, policy: ScanPolicy, allow: &[Allowance]) -> ScanFinding {
    let (rule, severity, what, file, line) = match found {
        Found::Secret(found) => {
            let severity = match (found.live, secret::is_guess(&found.kind)) {
                (true, _) => ScanSeverity::Live,
                (false, true) => ScanSeverity::Warning,
                (false, false) => ScanSeverity::Error,
            };
            (secret::rule(&found.kind), severity, found.kind, found.file, found.line)
        }
        Found::Dockerfile { file, finding } => {
            let what: String = visible(&finding.message).chars().take(WHAT).collect();
            (finding.rule.to_owned(), severity(finding.severity), what, file, finding.line)
        }
    };
    let stops =
        severity == ScanSeverity::Live || docker_stops(&rule, policy).is_some_and(|from| severity >= from);
    let file = short(&file);
    let id = format!("{rule}:{file}:{line}");
    let allowed = allow.iter().find(|one| stops && one.finding == id).map(|one| one.why.clone());
    ScanFinding { id, severity, what, file, line: line as u64, stops, allowed }
}

/// From which severity on a rule's finding stops, where it is one about Dockerfiles.
fn docker_stops(rule: &str, policy: ScanPolicy) -> Option<ScanSeverity> {
    policy.dockerfile.filter(|_| inspect::docker::RULES.iter().any(|known| known.id == rule))
}

fn severity(of: Severity) -> ScanSeverity {
    match of {
        Severity::Info => ScanSeverity::Info,
        Severity::Warning => ScanSeverity::Warning,
        Severity::Error => ScanSeverity::Error,
    }
}

/// A file's name on one line; of a long one its end tells more.
fn short(file: &str) -> String {
    let shown = visible(file);
    let surplus = shown.chars().count().saturating_sub(NAME);
    if surplus == 0 {
        return shown.into_owned();
    }
    format!("…{}", shown.chars().skip(surplus).collect::<String>())
}

/// Why the deployment ends here, if it does.
pub fn stopped(scan: &Scan) -> Option<Failure> {
    let first = scan.findings.iter().find(|finding| finding.stops && finding.allowed.is_none())?;
    let others = match scan.stopping.saturating_sub(1) {
        0 => String::new(),
        1 => "; 1 more like it".to_owned(),
        n => format!("; {n} more like it"),
    };
    let ScanFinding { id, what, file, line, .. } = first;
    let (code, message, mend) = if first.severity == ScanSeverity::Live {
        (
            "live_secret",
            format!("What has the form of {what} stands in {file}, line {line}{others}"),
            "Revoke it where it was issued, take it out of the source, and pass its successor with `--secret NAME`.",
        )
    } else {
        ("dockerfile_refused", format!("{file}, line {line}: {what}{others}"), "Mend it.")
    };
    let hint = format!("{mend} If it may stay: `--allow {id} --why TEXT`, which is recorded.");
    Some(Failure { stage: Stage::Validate, code: code.to_owned(), message, hint })
}

/// What the report says of it.
pub fn said(scan: &Scan, deployment: &Deployment) -> Vec<String> {
    let passed = match scan.passed_over {
        0 => String::new(),
        1 => " (1 file is no text)".to_owned(),
        n => format!(" ({n} files are no text)"),
    };
    let mut lines = vec![format!("source {}{passed}", scan.summary())];
    for finding in &scan.findings {
        if let Some(why) = &finding.allowed {
            let who = &deployment.requested_by;
            lines.push(format!("allowed by {who}: {} ({}): {why}", finding.id, finding.what));
        }
    }
    let lesser: Vec<&ScanFinding> = scan.findings.iter().filter(|finding| !finding.stops).collect();
    for finding in lesser.iter().take(NAMED) {
        let ScanFinding { severity, what, file, line, .. } = finding;
        lines.push(format!("{}: {what} ({file}, line {line})", severity.as_str()));
    }
    let more = scan.found.saturating_sub(scan.allowed + lesser.len().min(NAMED) as u64);
    if more > 0 {
        lines.push(format!("{more} more findings; `sextant scan .` shows them all"));
    }
    let unused = |one: &&Allowance| !scan.findings.iter().any(|found| found.id == one.finding);
    lines.extend(deployment.allow.iter().filter(unused).map(|one| {
        format!("allowed and not found: {}; leave it out of the next deployment", visible(&one.finding))
    }));
    lines
}
