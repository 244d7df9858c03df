//! What the scanner finds in the source, weighed: what stops the deployment, what its owner lets through, what is shown.
//!
//! Invariant: only what has the structure or the checksum of an issuer's live key stops it, and what the deployment's
//! own policy says of Dockerfiles; a finding tells where and what, never the secret.

use super::Failed;
use inspect::{
    docker::Severity,
    redact::Redactor,
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
        let (mut scan, mut places) = (Scan::default(), Places::default());
        let looked = survey(&checkout.folder, &mut |found| {
            let at = places.of(&found);
            scan.add(weighed(found, at, policy, &allow));
        })?;
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

/// Tells the secrets of one line apart, so that an allowance is for one of them.
#[derive(Default)]
struct Places {
    file: String,
    line: usize,
    rules: Vec<String>,
}

impl Places {
    /// What an id ends with: nothing for the first secret of its rule on its line, else its column.
    fn of(&mut self, found: &Found) -> String {
        let Found::Secret(found) = found else { return String::new() };
        if (self.file.as_str(), self.line) != (found.file.as_str(), found.line) {
            *self = Self { file: found.file.clone(), line: found.line, rules: vec![] };
        }
        let rule = secret::rule(&found.kind);
        if self.rules.contains(&rule) {
            return format!(":{}", found.column);
        }
        self.rules.push(rule);
        String::new()
    }
}

fn weighed(found: Found, at: String, policy: ScanPolicy, allow: &[Allowance]) -> ScanFinding {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn scanned(name: &str, text: &str, allow: &[Allowance]) -> Scan {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(name), text).expect("a file");
        let (mut scan, mut places) = (Scan::default(), Places::default());
        survey(folder.path(), &mut |found| {
            let at = places.of(&found);
            scan.add(weighed(found, at, ScanPolicy::default(), allow));
        })
        .expect("a tree");
        scan
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

    #[test]
    fn what_a_dockerfile_quotes_holds_no_password() {
        let text = "FROM node:22\nRUN npm install git+https://ci:hunter2Xy9Qw@git.acme.com/lib.git\n";
        let scan = scanned("Dockerfile", text, &[]);
        let told = format!("{:?}", scan.findings);
        assert!(told.contains("without a version") && !told.contains("hunter2Xy9Qw"), "{told}");
    }
}
