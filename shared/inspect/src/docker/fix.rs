//! Corrections that can't change what the image does, made in the text itself.
//!
//! Invariant: a correction stays only if its finding is gone and no other has come.

use super::finding::Finding;
use super::lint::{Surroundings, scan_file};
use super::parse::parse;
use super::settings::Settings;
use serde_json::json;
use std::collections::BTreeMap;

/// How often the text is looked at again: a file has seldom more to correct, and time stays bounded.
const ROUNDS: usize = 200;

/// The text with what is safe to correct corrected, and the findings that are gone.
pub fn fix(text: &str, around: Surroundings) -> (String, Vec<Finding>) {
    fix_with(text, around, &Settings::default())
}

/// The same with settings: what is ignored is left.
pub fn fix_with(text: &str, around: Surroundings, settings: &Settings) -> (String, Vec<Finding>) {
    let scan = |text: &str| scan_file(&parse(text), around, settings);
    let mut text = text.to_owned();
    let mut gone = Vec::new();
    let mut skipped = 0;
    for _ in 0..ROUNDS {
        let findings = scan(&text);
        let Some((index, changed)) = findings
            .iter()
            .enumerate()
            .skip(skipped)
            .find_map(|(index, finding)| Some((index, correct(&text, finding)?)))
        else {
            break;
        };
        if is_better(&findings, &scan(&changed), &findings[index]) {
            gone.push(findings[index].clone());
            text = changed;
        } else {
            skipped = index + 1;
        }
    }
    (text, gone)
}

fn counts(findings: &[Finding]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        *counts.entry(finding.rule).or_default() += 1;
    }
    counts
}

fn is_better(before: &[Finding], after: &[Finding], target: &Finding) -> bool {
    let (before, after) = (counts(before), counts(after));
    let of = |counts: &BTreeMap<&str, usize>, rule: &str| counts.get(rule).copied().unwrap_or(0);
    of(&after, target.rule) < of(&before, target.rule)
        && after.iter().all(|(rule, count)| *count <= of(&before, rule))
}

/// The text with one finding corrected, where that is safe.
fn correct(text: &str, finding: &Finding) -> Option<String> {
    let replace = |from: &str, to: &str| replaced(text, finding, from, to);
    match finding.rule {
        "add-for-copy" => keyword(text, finding, "ADD", "COPY"),
        "maintainer" => label(text, finding),
        "apt-yes" => replace("apt-get install", "apt-get install -y"),
        "apt" => replace("apt ", "apt-get "),
        "yum-yes" => replace("yum install", "yum install -y"),
        "dnf-yes" => replace("dnf install", "dnf install -y"),
        "zypper-yes" => replace("zypper ", "zypper -n "),
        "apk-cache" => replace("apk add", "apk add --no-cache"),
        "pip-cache" => replace("pip install", "pip install --no-cache-dir")
            .or_else(|| replace("pip3 install", "pip3 install --no-cache-dir")),
        "wget-progress" => replace("wget ", "wget -nv "),
        "target-platform" => replace("--platform=$TARGETPLATFORM ", "")
            .or_else(|| replace("--platform=${TARGETPLATFORM} ", "")),
        "shell-form" => exec_form(text, finding),
        "apt-lists" => appended(text, finding, " && rm -rf /var/lib/apt/lists/*"),
        "yarn-cache" => appended(text, finding, " && yarn cache clean"),
        _ => None,
    }
}

/// Replaces the first occurrence as whole words outside of comments, on the finding's lines.
fn replaced(text: &str, finding: &Finding, from: &str, to: &str) -> Option<String> {
    edit(text, finding, |line| {
        if line.trim_start().starts_with('#') {
            return None;
        }
        let whole = |at: usize| {
            let before = line[..at].chars().next_back();
            let after = line[at + from.len()..].chars().next();
            before.is_none_or(|c| c.is_whitespace() || "&;|(".contains(c))
                && (from.ends_with(' ') || after.is_none_or(char::is_whitespace))
        };
        let at = line.match_indices(from).map(|(at, _)| at).find(|at| whole(*at))?;
        Some(format!("{}{to}{}", &line[..at], &line[at + from.len()..]))
    })
}

/// Changes the first of the finding's lines that the function changes.
fn edit(text: &str, finding: &Finding, change: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 32);
    let mut done = false;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let here = (finding.line..=finding.end_line).contains(&(index + 1)) && !done;
        match here.then(|| change(line)).flatten() {
            Some(changed) => {
                out.push_str(&changed);
                done = true;
            }
            None => out.push_str(line),
        }
    }
    done.then_some(out)
}

fn keyword(text: &str, finding: &Finding, from: &str, to: &str) -> Option<String> {
    edit(text, finding, |line| {
        let start = line.get(..from.len())?;
        start.eq_ignore_ascii_case(from).then(|| format!("{to}{}", &line[from.len()..]))
    })
}

fn label(text: &str, finding: &Finding) -> Option<String> {
    if finding.line != finding.end_line {
        return None;
    }
    edit(text, finding, |line| {
        let name = line.trim().split_once(char::is_whitespace)?.1.trim().trim_matches('"');
        let end = &line[line.trim_end().len()..];
        Some(format!("LABEL org.opencontainers.image.authors={}{end}", json!(name)))
    })
}

/// `CMD a b` as a list, where no shell is needed to read it.
fn exec_form(text: &str, finding: &Finding) -> Option<String> {
    if finding.line != finding.end_line {
        return None;
    }
    edit(text, finding, |line| {
        let (keyword, command) = line.trim().split_once(char::is_whitespace)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || " ._/:,@+-".contains(c);
        let known = matches!(keyword.to_ascii_uppercase().as_str(), "CMD" | "ENTRYPOINT");
        let words: Vec<&str> = command.split_whitespace().collect();
        let builtin =
            matches!(words.first().copied(), None | Some("cd" | "exec" | "." | "source" | "export"));
        let list: Vec<String> = words.iter().map(|word| json!(word).to_string()).collect();
        let end = &line[line.trim_end().len()..];
        (known && command.chars().all(plain) && !builtin)
            .then(|| format!("{keyword} [{}]{end}", list.join(", ")))
    })
}

fn appended(text: &str, finding: &Finding, more: &str) -> Option<String> {
    let line = text.lines().nth(finding.end_line.checked_sub(1)?)?;
    // A heredoc, a list, a comment and a command in the background end otherwise.
    let open = line.trim_end().ends_with(['\\', '`', ']', '&', ';', '|']) || line.contains(['#', '<']);
    let instruction = text.lines().nth(finding.line.checked_sub(1)?)?;
    if open || instruction.contains("<<") || line.trim().is_empty() {
        return None;
    }
    let last = Finding { line: finding.end_line, ..finding.clone() };
    edit(text, &last, |line| {
        let body = line.trim_end();
        Some(format!("{body}{more}{}", &line[body.len()..]))
    })
}
