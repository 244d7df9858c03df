//! Secrets in files: settings, `.env`, Compose files, sources. The text of one is never shown or kept.

use super::finding::{Finding, Scanned};
use inspect::docker::Severity;
use inspect::secret::{self, ScanOptions};
use std::path::Path;

const WHY: &str = "Whoever can read the files, an image of them or their history has it, now and later.";
const FIX: &str = "Revoke it, take a new one from the environment or a secret store, and keep it out of the tree; \
                   for what is none, write `sextant:allow` in its line or accept it in a baseline.";

/// Every file below a folder, or one file.
pub fn scan(path: &Path) -> Vec<Scanned> {
    let mut files: Vec<Scanned> = Vec::new();
    for mut found in secret::scan_tree(path, &ScanOptions::default()) {
        if path.is_file() {
            // One file is shown as it was named.
            found.file = path.to_string_lossy().into_owned();
        }
        let finding = finding(found);
        match files.last_mut().filter(|file| file.file == finding.path) {
            Some(file) => file.findings.push(finding),
            None => files.push(Scanned { file: finding.path.clone(), findings: vec![finding] }),
        }
    }
    files
}

fn finding(found: secret::Finding) -> Finding {
    let rule = secret::rule(&found.kind);
    let checked = match found.checksum {
        Some(true) => ", and its checksum holds",
        Some(false) => ", though its checksum doesn't hold",
        None => "",
    };
    let allowed = found.allowed.map(|comment| format!(", allowed by `{comment}`")).unwrap_or_default();
    let severity = match (found.allowed, secret::is_guess(&found.kind)) {
        (Some(_), _) => Severity::Info,
        (None, true) => Severity::Warning,
        (None, false) => Severity::Error,
    };
    Finding {
        scanner: "secrets",
        severity,
        message: format!("What looks like {}{checked}{allowed}: {}", found.kind, found.shown.trim()),
        why: WHY.into(),
        fix: FIX.into(),
        peers: peers(&rule),
        fingerprint: format!("secrets\t{}", found.fingerprint()),
        path: found.file,
        line: found.line,
        end_line: found.line,
        column: Some(found.column),
        rule,
    }
}

/// What gitleaks calls it, so that people find their words again.
fn peers(rule: &str) -> Vec<String> {
    let id = match rule {
        "private-key" => "private-key",
        "signed-token-jwt" => "jwt",
        "aws-key-id" => "aws-access-token",
        "google-api-key" => "gcp-api-key",
        "github-token" => "github-pat",
        "gitlab-token" => "gitlab-pat",
        "stripe-key" => "stripe-access-token",
        "npm-token" => "npm-access-token",
        "secret" | "token" | "key" | "key-or-credential" => "generic-api-key",
        _ => return Vec::new(),
    };
    vec![id.to_owned()]
}
