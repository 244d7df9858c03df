//! What is said at the end of a deployment.

use super::{
    output::{green, pairs, red},
    span,
    view::{Configuration, Deployment},
};
use model::{
    document::{Diagnosis, Why},
    text::visible,
};

/// Lines of a log in a report.
const LAST_LINES: usize = 30;

/// The report: what came of it, where it is, how long each stage took, what it is expected to cost, what was checked.
pub fn report(deployment: &Deployment) -> String {
    let head = if deployment.succeeded() { success(deployment) } else { failure(deployment) };
    format!("{head}\n{}", pairs(&rows(deployment)))
}

fn success(deployment: &Deployment) -> String {
    green(&format!("`{}` is deployed.", deployment.service))
}

/// What happened, to what, what to do next.
fn failure(deployment: &Deployment) -> String {
    let status = deployment.pipeline_status.as_deref().unwrap_or_default().to_lowercase().replace('_', " ");
    let service = &deployment.service;
    let head = red(&format!("`{service}` was not deployed: {status}."));
    let Some(failure) = &deployment.failure else {
        let last = deployment.timeline.last().map(|entry| entry.text.as_str()).unwrap_or_default();
        return format!("{head} {}{}", visible(last), last_words(deployment));
    };
    let (why, next) = why(deployment, &failure.hint);
    let (what, words) = (visible(&failure.message), last_words(deployment));
    let found = stopping(deployment);
    format!(
        "{head}{why}\n  What: {what}\n  Where: stage {} ({}){next}{found}{words}",
        failure.stage, failure.code
    )
}

/// Why, in the program's own words, and what to do next: what mends that goes before what usually helps.
fn why(deployment: &Deployment, hint: &str) -> (String, String) {
    let found = deployment.diagnosis.as_ref();
    let why = found.map(|found| format!("\n  Why: {}", visible(&found.sentence()))).unwrap_or_default();
    let next = Diagnosis::next_or(found, hint);
    (why, if next.is_empty() { String::new() } else { format!("\n  Next: {}", visible(next)) })
}

/// What of the scan's findings stands in its way, where there is more than one: each is allowed by its own id.
fn stopping(deployment: &Deployment) -> String {
    let Some(scan) = deployment.scan.as_ref().filter(|scan| scan.stopping > 1) else { return String::new() };
    let stops = scan.findings.iter().filter(|finding| finding.stops && finding.allowed.is_none());
    let lines: Vec<String> =
        stops.map(|finding| format!("\n    {} ({})", visible(&finding.id), visible(&finding.what))).collect();
    format!("\n  Found {} that stop it:{}", scan.stopping, lines.concat())
}

/// What it wrote last: enough to see why, and where the rest is.
fn last_words(deployment: &Deployment) -> String {
    let (id, all) = (&deployment.deployment_id, &deployment.last_words);
    if all.is_empty() {
        return String::new();
    }
    let newest = &all[all.len().saturating_sub(LAST_LINES)..];
    let shown: Vec<String> = newest.iter().map(|line| format!("\n    {}", visible(line))).collect();
    let runtime = if deployment.revision.is_some() { " --runtime" } else { "" };
    format!("\n  It wrote last (`sextant logs{runtime} {id}` has more):{}", shown.concat())
}

fn rows(deployment: &Deployment) -> Vec<(&'static str, String)> {
    let serves =
        if deployment.succeeded() { deployment.url.clone().unwrap_or_default() } else { String::new() };
    vec![
        ("URL", serves),
        ("Service", service(deployment)),
        ("Deployment", deployment.deployment_id.clone()),
        ("Where", place(deployment)),
        ("Took", took(deployment)),
        ("Traffic", evidence(deployment)),
        ("Synthetic", synthetic(deployment)),
        ("Differs", differs(deployment)),
        ("New lines", new_lines(deployment)),
        ("Configuration", deployment.configuration.as_ref().map(Configuration::words).unwrap_or_default()),
        ("Predicted", deployment.prediction.as_ref().map(|p| p.cost_month.dollars()).unwrap_or_default()),
        ("Checked", deployment.checks.join("\n")),
    ]
}

fn service(deployment: &Deployment) -> String {
    let revision =
        deployment.revision.as_ref().map(|revision| format!(", revision {revision}")).unwrap_or_default();
    format!("{} ({}){revision}", deployment.service, deployment.environment)
}

fn place(deployment: &Deployment) -> String {
    match deployment.target.as_str() {
        "machine" => "this machine, as a process".to_owned(),
        other => other.to_owned(),
    }
}

fn took(deployment: &Deployment) -> String {
    let Some(whole) = deployment.duration_ms else { return String::new() };
    let stages: Vec<String> = deployment
        .stages
        .iter()
        .map(|stage| format!("{} {}", stage.stage, span::words(stage.duration_ms)))
        .collect();
    format!("{}: {}", span::words(whole), stages.join(", "))
}

fn evidence(deployment: &Deployment) -> String {
    let Some(canary) = &deployment.canary else { return String::new() };
    let thin = if canary.thin { " (on thin evidence: there was too little traffic to judge by)" } else { "" };
    let held = canary.held.as_ref().map(|why| format!("; held: {why}")).unwrap_or_default();
    // An instant shift weighs nothing up, so it has no reason.
    let reason = [", ", &canary.reason].concat();
    let reason = if canary.reason.is_empty() { "" } else { &reason };
    format!("{} %{reason}{thin}{held}", canary.weight)
}

/// What requests of our own came to.
fn synthetic(deployment: &Deployment) -> String {
    let asked = deployment.canary.as_ref().and_then(|canary| canary.synthetic.as_ref());
    asked.map(|asked| asked.words.clone()).unwrap_or_default()
}

/// Where its requests were answered otherwise than by the last good revision.
pub fn differs(deployment: &Deployment) -> String {
    let why = deployment.canary.as_ref().and_then(|canary| canary.why.as_ref());
    shown(&why.map(Why::paths_in_words).unwrap_or_default())
}

/// What only it wrote.
pub fn new_lines(deployment: &Deployment) -> String {
    let why = deployment.canary.as_ref().and_then(|canary| canary.why.as_ref());
    shown(&why.map(Why::lines_in_words).unwrap_or_default())
}

fn shown(lines: &[String]) -> String {
    lines.iter().map(|line| visible(line).into_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_failure_says_what_where_and_what_next() {
        let deployment: Deployment = serde_json::from_value(json!({
            "deployment_id": "dep_1", "service": "shop", "environment": "production", "target": "machine",
            "pipeline_status": "FAILED", "url": "http://shop.localhost:1", "duration_ms": 1500,
            "stages": [{"stage": "build", "duration_ms": 1500}],
            "failure": {"stage": "build", "code": "build_failed", "message": "npm is missing", "hint": "Install npm."}
        }))
        .unwrap();
        let text = report(&deployment);
        for part in [
            "`shop` was not deployed: failed.",
            "What: npm is missing",
            "stage build",
            "Next: Install npm.",
            "build 1.5 s",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("URL"), "{text}");
    }

    #[test]
    fn a_failure_shows_what_was_written_last() {
        let lines: Vec<String> = (0..50).map(|n| format!("wrote {n}.\u{1b}]0;owned\u{7}")).collect();
        let deployment: Deployment = serde_json::from_value(json!({
            "deployment_id": "dep_1", "service": "shop", "pipeline_status": "FAILED", "revision": "shop-r1",
            "failure": {"stage": "verify", "code": "probe_failed", "message": "exited\u{1b}[2J", "hint": ""},
            "last_words": lines
        }))
        .unwrap();
        let text = report(&deployment);
        assert!(text.contains("`sextant logs --runtime dep_1` has more"), "{text}");
        assert!(text.contains("    wrote 20.\\x1b]0;owned\\x07\n") && text.contains("wrote 49."), "{text}");
        assert!(!text.contains("wrote 19.") && !text.contains(['\u{1b}', '\u{7}']), "{text:?}");
    }

    #[test]
    fn what_set_it_apart_is_told() {
        let deployment: Deployment = serde_json::from_value(json!({
            "deployment_id": "dep_1", "service": "shop", "pipeline_status": "ROLLED_BACK",
            "failure": {"stage": "shift", "code": "canary_failed", "message": "worse", "hint": ""},
            "canary": {"why": {
                "read_at": "taken_back",
                "lines": [{"template": "no pay #", "count": 9, "error": true, "example": "no pay 7\u{1b}[2J"}],
                "paths": [{"path": "/pay", "class": "5xx", "canary_requests": 9, "canary_bad": 9,
                    "stable_requests": 80, "stable_bad": 0}]
            }}
        }))
        .unwrap();
        let text = report(&deployment);
        assert!(text.contains("/pay: all 9 answered 5xx, none of 80 by the last good revision"), "{text}");
        assert!(text.contains("9 × no pay 7\\x1b[2J") && !text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn traffic_is_told_with_its_reason_where_there_is_one() {
        let told = |canary: serde_json::Value| {
            let deployment = json!({"deployment_id": "dep_1", "service": "shop", "canary": canary});
            evidence(&serde_json::from_value(deployment).unwrap())
        };
        assert_eq!(told(json!({"weight": 100})), "100 %");
        assert_eq!(
            told(json!({"weight": 10, "reason": "Passed", "held": "a person"})),
            "10 %, Passed; held: a person"
        );
    }
}
