//! Corrections that can't change what the image does, made in the text itself.
//!
//! Invariant: a correction stays only if its finding is gone and no other has come.

use super::finding::Finding;
use super::lint::Surroundings;
use super::parse::parse;
use super::settings::Settings;
use super::walk::scan_file;
use serde_json::json;
use std::collections::BTreeMap;

/// How often the text is looked at again: a file has seldom more to correct, and time stays bounded.
const ROUNDS: usize = 200;
/// How many lines are tried to be corrected, all rounds together: findings may be as many as lines, and each of a RUN
/// spans all of its lines.
const TRIED: usize = 1_000_000;

/// A text and where each of its lines begins.
struct Source<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Source<'t> {
    fn new(text: &'t str) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// Where a line is, its end included, by its number from 1.
    fn place(&self, number: usize) -> Option<std::ops::Range<usize>> {
        let start = *self.starts.get(number.checked_sub(1)?)?;
        Some(start..self.starts.get(number).copied().unwrap_or(self.text.len()))
    }

    fn line(&self, number: usize) -> Option<&'t str> {
        Some(&self.text[self.place(number)?])
    }
}

/// The text with what is safe to correct corrected, and the findings that are gone.
pub fn fix(text: &str, around: Surroundings) -> (String, Vec<Finding>) {
    fix_with(text, around, &Settings::default())
}

/// The same with settings: what is ignored is left.
pub fn fix_with(text: &str, around: Surroundings, settings: &Settings) -> (String, Vec<Finding>) {
    let scan = |text: &str| scan_file(&parse(text), around, settings);
    let mut text = text.to_owned();
    let mut gone = Vec::new();
    let (mut skipped, mut tried) = (0, 0);
    for _ in 0..ROUNDS {
        let findings = scan(&text);
        let source = Source::new(&text);
        let affordable = |(_, finding): &(usize, &Finding)| {
            tried += finding.end_line.saturating_sub(finding.line) + 1;
            tried <= TRIED
        };
        let mut left = findings.iter().enumerate().skip(skipped).take_while(affordable);
        let Some((index, changed)) =
            left.find_map(|(index, finding)| Some((index, correct(&source, finding)?)))
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
fn correct(source: &Source, finding: &Finding) -> Option<String> {
    let replace = |from: &str, to: &str| replaced(source, finding, from, to);
    match finding.rule {
        "add-for-copy" => keyword(source, finding, "ADD", "COPY"),
        "maintainer" => label(source, finding),
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
        "shell-form" => exec_form(source, finding),
        "apt-lists" => appended(source, finding, " && rm -rf /var/lib/apt/lists/*"),
        "yarn-cache" => appended(source, finding, " && yarn cache clean"),
        _ => None,
    }
}

/// Replaces the first occurrence as whole words outside of comments, on the finding's lines.
fn replaced(source: &Source, finding: &Finding, from: &str, to: &str) -> Option<String> {
    edit(source, finding, |line| {
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
fn edit(source: &Source, finding: &Finding, change: impl Fn(&str) -> Option<String>) -> Option<String> {
    let text = source.text;
    (finding.line.max(1)..=finding.end_line).map_while(|number| source.place(number)).find_map(|place| {
        let changed = change(&text[place.clone()])?;
        Some(format!("{}{changed}{}", &text[..place.start], &text[place.end..]))
    })
}

fn keyword(source: &Source, finding: &Finding, from: &str, to: &str) -> Option<String> {
    edit(source, finding, |line| {
        let start = line.get(..from.len())?;
        start.eq_ignore_ascii_case(from).then(|| format!("{to}{}", &line[from.len()..]))
    })
}

fn label(source: &Source, finding: &Finding) -> Option<String> {
    if finding.line != finding.end_line {
        return None;
    }
    edit(source, finding, |line| {
        let name = line.trim().split_once(char::is_whitespace)?.1.trim().trim_matches('"');
        let end = &line[line.trim_end().len()..];
        Some(format!("LABEL org.opencontainers.image.authors={}{end}", json!(name)))
    })
}

/// `CMD a b` as a list, where no shell is needed to read it.
fn exec_form(source: &Source, finding: &Finding) -> Option<String> {
    if finding.line != finding.end_line {
        return None;
    }
    edit(source, finding, |line| {
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

fn appended(source: &Source, finding: &Finding, more: &str) -> Option<String> {
    let line = source.line(finding.end_line)?;
    // A heredoc, a list, a comment and a command in the background end otherwise.
    let open = line.trim_end().ends_with(['\\', '`', ']', '&', ';', '|']) || line.contains(['#', '<']);
    let instruction = source.line(finding.line)?;
    if open || instruction.contains("<<") || line.trim().is_empty() {
        return None;
    }
    let last = Finding { line: finding.end_line, ..finding.clone() };
    edit(source, &last, |line| {
        let body = line.trim_end();
        Some(format!("{body}{more}{}", &line[body.len()..]))
    })
}
