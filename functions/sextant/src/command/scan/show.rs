//! Findings as text for people, as JSON, and as SARIF 2.1.0.

use super::finding::{Finding, Scanned};
use crate::command::client::ESCAPED;
use inspect::docker::Severity;
use percent_encoding::{AsciiSet, utf8_percent_encode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Findings for people, and how many there are.
pub fn text(files: &[Scanned]) -> String {
    let mut out = String::new();
    let mut counts = [0_usize; 3];
    for finding in files.iter().flat_map(|file| &file.findings) {
        counts[finding.severity as usize] += 1;
        let peers = finding.peers.join(", ");
        let peers = if peers.is_empty() { peers } else { format!(" ({peers})") };
        let Finding { path, line, severity, message, rule, why, fix, .. } = finding;
        let _ =
            writeln!(out, "{path}:{line}: {}: {message} [{rule}{peers}]\n    {why} {fix}", severity.name());
    }
    let [info, warnings, errors] = counts;
    let _ = write!(out, "{} files, {errors} errors, {warnings} warnings, {info} notes", files.len());
    out
}

/// One run of one tool: its rules are those that were broken.
pub fn sarif(files: &[Scanned]) -> Value {
    let findings: Vec<&Finding> = files.iter().flat_map(|file| &file.findings).collect();
    let mut rules: BTreeMap<&str, &Finding> = BTreeMap::new();
    for finding in &findings {
        rules.entry(&finding.rule).or_insert(finding);
    }
    let index: BTreeMap<&str, usize> = rules.keys().enumerate().map(|(at, rule)| (*rule, at)).collect();
    let results: Vec<Value> = findings.iter().map(|finding| result(finding, index[&*finding.rule])).collect();
    let rules: Vec<Value> = rules.values().map(|finding| rule(finding)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "sextant", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(finding: &Finding) -> Value {
    json!({
        "id": finding.rule,
        "shortDescription": { "text": finding.why },
        "help": { "text": finding.fix },
        "properties": { "tags": finding.peers.iter().map(String::as_str).chain([finding.scanner]).collect::<Vec<_>>() },
    })
}

fn result(finding: &Finding, index: usize) -> Value {
    json!({
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": level(finding.severity),
        "message": { "text": format!("{}. {} {}", finding.message, finding.why, finding.fix) },
        "partialFingerprints": { "sextant/v1": finding.fingerprint },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": uri(&finding.path) },
                "region": { "startLine": finding.line, "endLine": finding.end_line.max(finding.line) },
            },
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// A path as the reference that SARIF wants: what is no plain character is written as `%XX`.
fn uri(path: &str) -> String {
    const ESCAPED_IN_PATH: &AsciiSet = &ESCAPED.remove(b'/');
    utf8_percent_encode(path, ESCAPED_IN_PATH).to_string()
}
