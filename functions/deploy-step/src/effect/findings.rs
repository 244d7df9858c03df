//! What the scanner finds in the source, weighed: what stops the deployment, what its owner lets through, what is shown.
//!
//! Invariant: only what has the structure or the checksum of an issuer's live key stops it, and what the deployment's
//! own policy says of Dockerfiles; a finding tells where and what, never the secret.

use super::Failed;
use host::Context;
use inspect::{
    docker::Severity,
    redact::Redactor,
    secret,
    survey::{Found, Looked, Pace, Position, Stand, survey_from},
};
use model::{
    Timestamp,
    document::{
        Allowance, Deployment, Failure, Scan, ScanFinding, ScanLine, ScanPolicy, ScanSeverity, Scanning,
        Stage,
    },
    port::source::{Archived, Checkout},
    text::visible,
    time::SECOND_MS,
};
use std::path::Path;

/// Characters of a file's name that are kept, from its end.
const NAME: usize = 400;
/// Characters of what a Dockerfile does.
const WHAT: usize = 300;
/// Lesser findings that the report names; the others are counted.
const NAMED: usize = 5;

/// How long a stretch of a scan may take: with fetching and unpacking before it, which answer within 20 s each, it ends
/// before the lease does.
const STRETCH_MS: i64 = 8 * SECOND_MS;
/// Until when the whole effect should be done, from its beginning; a stretch that begins later takes [`LEAST_MS`].
const EFFECT_MS: i64 = 20 * SECOND_MS;
/// How long a stretch takes at least, so that each try gets on.
const LEAST_MS: i64 = SECOND_MS;

/// How a scan stands.
pub enum Stretch {
    /// Everything was looked at.
    Done(Scan),
    /// Time is up; it goes on from here.
    GoesOn(Scanning),
}

/// Looks at as much of the tree as there is time for, from where the scan has come, where that holds up no other handler.
pub async fn find(
    ctx: &Context,
    checkout: Checkout,
    deployment: &Deployment,
    archive: &Archived,
    began: Timestamp,
) -> Result<Stretch, Failed> {
    let digest = &archive.manifest.digest;
    let known = deployment.scanning.as_deref().filter(|known| known.digest == *digest).cloned();
    let scanning = known.unwrap_or_else(|| Scanning::begin(digest.clone()));
    let now = ctx.real();
    let until = now.plus(began.plus(EFFECT_MS).since(now).clamp(LEAST_MS, STRETCH_MS));
    let (allow, policy, ctx) = (deployment.allow.clone(), deployment.scan_policy, ctx.clone());
    // The whole value goes along: the tree stays for as long as it is read.
    let found = tokio::task::spawn_blocking(move || {
        let checkout = checkout;
        let in_time = || if ctx.real() < until { Pace::On } else { Pace::Pause };
        stretch(&checkout.folder, scanning, &allow, policy, &in_time)
    })
    .await;
    match found {
        Ok(Ok(stretch)) => Ok(stretch),
        // The tree is ours, unpacked from the archive: what can't be read of it is the disk's trouble.
        Ok(Err(error)) => Err(Failed::passing("not_scanned", format!("The source can't be read: {error}"))),
        Err(_) => Err(Failed::lasting(
            "not_scanned",
            "Scanning the source failed on our side",
            "Report this with the source.",
        )),
    }
}

/// Looks at the tree for as long as `in_time` says.
fn stretch(
    folder: &Path,
    mut scanning: Scanning,
    allow: &[Allowance],
    policy: ScanPolicy,
    in_time: &dyn Fn() -> Pace,
) -> std::io::Result<Stretch> {
    let Scanning { scan, offset, lines, bytes, line, .. } = &mut scanning;
    let looked = Looked { files: scan.files, passed_over: scan.passed_over };
    let from = Position { looked, offset: *offset, lines: *lines };
    let mut told = |found: Found| {
        let at = place(line, &found);
        scan.add(weighed(found, at, policy, allow));
    };
    let mut pace = |more: u64| {
        *bytes = bytes.saturating_add(more);
        in_time()
    };
    let stand = survey_from(folder, from, &mut told, &mut pace)?;
    let (Stand::Done(looked) | Stand::Paused(Position { looked, .. })) = stand;
    (scan.files, scan.passed_over) = (looked.files, looked.passed_over);
    Ok(match stand {
        Stand::Done(_) => Stretch::Done(scanning.scan),
        Stand::Paused(Position { offset, lines, .. }) => {
            (scanning.offset, scanning.lines) = (offset, lines);
            Stretch::GoesOn(scanning)
        }
    })
}

/// Tells the secrets of one line apart, so that an allowance is for one of them: what an id ends with is nothing for the
/// first secret of its rule on its line, else its column.
fn place(last: &mut ScanLine, found: &Found) -> String {
    let Found::Secret(found) = found else { return String::new() };
    let line = found.line as u64;
    if (last.file.as_str(), last.line) != (found.file.as_str(), line) {
        *last = ScanLine { file: found.file.clone(), line, rules: vec![] };
    }
    let rule = secret::rule(&found.kind);
    if last.rules.contains(&rule) {
        return format!(":{}", found.column);
    }
    last.rules.push(rule);
    String::new()
}

fn weighed(found: Found, at: String, policy: ScanPolicy, allow: &[Allowance]) -> ScanFinding {
    let mut comment = None;
    let (rule, severity, what, file, line) = match found {
        Found::Secret(found) => {
            let severity = match (found.live, secret::is_guess(&found.kind)) {
                (true, _) => ScanSeverity::Live,
                (false, true) => ScanSeverity::Warning,
                (false, false) => ScanSeverity::Error,
            };
            comment = found.allowed.map(|comment| format!("`{comment}` stands in its line"));
            (secret::rule(&found.kind), severity, found.kind, found.file, found.line)
        }
        Found::Dockerfile { file, finding } => {
            // It quotes the file, where a password may stand in an address.
            let told = Redactor::new(&[]).line(&visible(&finding.message)).into_owned();
            let what: String = told.chars().take(WHAT).collect();
            (finding.rule.to_owned(), severity(finding.severity), what, file, finding.line)
        }
    };
    let stops =
        severity == ScanSeverity::Live || docker_stops(&rule, policy).is_some_and(|from| severity >= from);
    let file = short(&file);
    let id = format!("{rule}:{file}:{line}{at}");
    let by_person = allow.iter().find(|one| stops && one.finding == id).map(|one| one.why.clone());
    let by_comment = by_person.is_none() && comment.is_some();
    let allowed = by_person.or(comment);
    ScanFinding { id, severity, what, file, line: line as u64, stops, allowed, by_comment }
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
            let who = finding.allowed_by(&deployment.requested_by);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn scanned(name: &str, text: &str, allow: &[Allowance]) -> Scan {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(name), text).expect("a file");
        let scanning = Scanning::begin("d".repeat(64).parse().expect("64 digits"));
        match stretch(folder.path(), scanning, allow, ScanPolicy::default(), &|| Pace::On).expect("a tree") {
            Stretch::Done(scan) => scan,
            Stretch::GoesOn(scanning) => panic!("it paused at {scanning:?}"),
        }
    }

    #[test]
    fn an_allowance_is_for_one_key_of_a_line() {
        let key = |letters: &str| format!("sk_live_{letters}");
        let (one, other) = (key("a8Kq3ZxP0mW7vT2rYc5LbN9dJ6hG"), key("Gh6Jd9NbL5cYr2Tv7Wm0PxZ3qK8a"));
        let text = format!("pay('{one}');pay('{other}')");
        let first = Allowance { finding: "stripe-key:bundle.js:1".into(), why: "revoked".into() };
        let scan = scanned("bundle.js", &text, std::slice::from_ref(&first));
        let ids: Vec<&str> = scan.findings.iter().map(|found| found.id.as_str()).collect();
        assert_eq!(ids.len(), 2, "{ids:?}");
        assert_eq!((scan.stopping, scan.allowed), (1, 1), "{ids:?}");
        assert!(stopped(&scan).expect("the other one").hint.contains("stripe-key:bundle.js:1:"));
    }

    /// It goes on, as whoever wrote the comment wants it; it is on record all the same, as a live key.
    #[test]
    fn a_live_key_that_a_comment_hides_is_on_record() {
        let key = format!("sk_live_{}", "a8Kq3ZxP0mW7vT2rYc5LbN9dJ6hG");
        for comment in ["sextant:allow", "gitleaks:allow"] {
            let text =
                format!("pay('{key}') // {comment}\nconst password = 'kettle-Brine-42!' // {comment}\n");
            let scan = scanned("pay.js", &text, &[]);
            assert_eq!((scan.found, scan.stopping, scan.allowed), (1, 0, 1), "{scan:?}");
            let found = &scan.findings[0];
            assert_eq!((found.severity, found.stops, found.by_comment), (ScanSeverity::Live, true, true));
            assert_eq!(found.allowed, Some(format!("`{comment}` stands in its line")));
            assert!(stopped(&scan).is_none());
        }
    }

    #[test]
    fn what_a_dockerfile_quotes_holds_no_password() {
        let text = "FROM node:22\nRUN npm install git+https://ci:hunter2Xy9Qw@git.acme.com/lib.git\n";
        let scan = scanned("Dockerfile", text, &[]);
        let told = format!("{:?}", scan.findings);
        assert!(told.contains("without a version") && !told.contains("hunter2Xy9Qw"), "{told}");
    }
}
