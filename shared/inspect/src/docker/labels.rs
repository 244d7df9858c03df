//! Rules about labels: their keys, and what a label schema asks for.

use std::collections::BTreeSet;

use super::lint::{Lint, lines};
use super::rule::{self, Rule};
use super::settings::Kind;
use super::syntax::Instruction;
use super::word;

/// Looks at one `LABEL`.
pub(crate) fn label(lint: &mut Lint, instruction: &Instruction) {
    let at = lines(instruction);
    let (pairs, _) = word::pairs(&instruction.text, lint.file.escape);
    if let Some((key, _)) = pairs.iter().find(|(key, _)| !is_label_key(key)) {
        lint.report(&rule::LABEL_KEY, at, format!("LABEL {key}"));
    }
    let settings = lint.settings;
    for (key, value) in pairs {
        match settings.labels.get(&key) {
            Some(_) if value.is_empty() => {
                lint.report(&rule::LABEL_EMPTY, at, format!("LABEL {key} is empty"));
            }
            // What a variable will hold is not known.
            Some(_) if value.contains('$') => {}
            Some(kind) => {
                if let Some(rule) = broken(*kind, &value) {
                    lint.report(rule, at, format!("LABEL {key} is {value}"));
                }
            }
            None if settings.strict_labels => {
                lint.report(&rule::LABEL_UNKNOWN, at, format!("LABEL {key} is not in the schema"));
            }
            None => {}
        }
        lint.stage().labels.insert(key);
    }
}

/// Says which labels of the schema a stage lacks. One that another stage is built from passes its own on.
pub(crate) fn end(lint: &mut Lint) {
    let settings = lint.settings;
    if settings.labels.is_empty() {
        return;
    }
    let used: BTreeSet<usize> = lint.stages.iter().filter_map(|stage| stage.parent).collect();
    for (index, stage) in std::mem::take(&mut lint.stages).into_iter().enumerate() {
        let missing = settings.labels.keys().find(|key| !stage.labels.contains(*key));
        if let (Some(key), false) = (missing, used.contains(&index)) {
            lint.report(
                &rule::LABEL_MISSING,
                (stage.line, stage.line),
                format!("the label {key} is missing"),
            );
        }
        lint.stages.push(stage);
    }
}

/// The rule that a value breaks.
fn broken(kind: Kind, value: &str) -> Option<&'static Rule> {
    let (holds, rule) = match kind {
        Kind::Text => (true, &rule::LABEL_EMPTY),
        Kind::Url => (is_url(value), &rule::LABEL_URL),
        Kind::Time => (is_time(value), &rule::LABEL_TIME),
        Kind::License => (is_license(value), &rule::LABEL_LICENSE),
        Kind::Hash => (is_hash(value), &rule::LABEL_HASH),
        Kind::Version => (is_version(value), &rule::LABEL_VERSION),
        Kind::Email => (is_email(value), &rule::LABEL_EMAIL),
    };
    (!holds).then_some(rule)
}

fn is_url(value: &str) -> bool {
    // The parser mends what browsers mend: a space, a backslash.
    url::Url::parse(value).is_ok() && !value.contains(|c: char| c.is_whitespace() || c == '\\')
}

/// `2026-01-31T12:00:00Z`, with a fraction or an offset.
fn is_time(value: &str) -> bool {
    // ISO 8601 has more than RFC 3339: no seconds, no separators, a zone's name behind it.
    let at = |place: usize| value.as_bytes().get(place).copied().unwrap_or_default();
    let complete = matches!(at(10), b'T' | b't') && at(16) == b':' && !value.ends_with(']');
    complete && value.parse::<jiff::Timestamp>().is_ok()
}

/// Licenses whose identifier has no number in it; the others are known by their form.
const LICENSES: [&str; 24] = [
    "0BSD",
    "AAL",
    "Beerware",
    "curl",
    "FTL",
    "ICU",
    "IJG",
    "Info-ZIP",
    "ISC",
    "JSON",
    "libpng",
    "MIT",
    "MIT-0",
    "MIT-CMU",
    "MulanPSL",
    "NCSA",
    "OpenSSL",
    "PostgreSQL",
    "Ruby",
    "TCL",
    "Unlicense",
    "W3C",
    "WTFPL",
    "Zlib",
];

/// One SPDX identifier, or several with AND, OR, WITH and brackets.
fn is_license(value: &str) -> bool {
    let words = value.split([' ', '(', ')']).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.filter(|word| !matches!(*word, "AND" | "OR" | "WITH")).collect();
    let known = |word: &&str| {
        let numbered = word.rsplit('-').any(|part| part.starts_with(|c: char| c.is_ascii_digit()));
        let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
        // GNU's licenses say whether a later version will do.
        let gnu = ["GPL-", "LGPL-", "AGPL-"].iter().any(|start| word.starts_with(start));
        let complete = !gnu || word.ends_with("-only") || word.ends_with("-or-later");
        let own = word.starts_with("LicenseRef-") && word.len() > 11;
        LICENSES.contains(word) || own || (numbered && plain && complete && word.contains('-'))
    };
    !words.is_empty() && words.iter().all(known)
}

/// A commit, whole or abbreviated to seven digits.
fn is_hash(value: &str) -> bool {
    matches!(value.len(), 7 | 40) && value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_version(value: &str) -> bool {
    semver::Version::parse(value).is_ok()
}

fn is_email(value: &str) -> bool {
    value.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !host.contains('@') && !value.contains([' ', '<', '>'])
    })
}

fn is_label_key(key: &str) -> bool {
    let reserved = ["com.docker.", "io.docker.", "org.dockerproject."];
    let middle = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_/".contains(c);
    key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && key.chars().all(middle)
        && !key.contains("..")
        && !key.contains("--")
        && !reserved.iter().any(|start| key.starts_with(start))
}

#[cfg(test)]
mod tests {
    use crate::docker::{Settings, Surroundings, parse, scan_file};

    fn found(label: &str) -> Vec<&'static str> {
        let settings = Settings::read(
            "label-schema:\n  u: url\n  t: rfc3339\n  l: spdx\n  h: hash\n  v: semver\n  e: email\nstrict-labels: true",
        );
        let file = parse(&format!("FROM a:1\nLABEL {label}\nUSER 1"));
        let findings = scan_file(&file, Surroundings::default(), &settings);
        findings.iter().map(|finding| finding.rule).filter(|rule| *rule != "label-missing").collect()
    }

    #[test]
    fn values_are_what_the_schema_says() {
        for good in [
            "u=https://a.b/c",
            "u=urn:x",
            "t=2020-02-29T23:59:60Z",
            "t=2020-01-01t00:00:00.5+01:00",
            "l=MIT",
            "l=\"(Apache-2.0 OR GPL-2.0-or-later) AND ISC\"",
            "l=BSD-3-Clause",
            "h=abcdef1",
            "h=0123456789012345678901234567890123456789",
            "v=1.2.3-a.1+b",
            "e=a@b.c",
            "v=$V",
        ] {
            assert_eq!(found(good), [""; 0], "{good}");
        }
        for (bad, rule) in [
            ("u=a.b/c", "label-url"),
            ("u=\"http://a b\"", "label-url"),
            ("t=2020-01-01", "label-time"),
            ("t=2021-02-29T00:00:00Z", "label-time"),
            ("t=2020-01-01T00:00:00", "label-time"),
            ("l=mit", "label-license"),
            ("l=GPL-3.0", "label-license"),
            ("l=Proprietary", "label-license"),
            ("h=abcdef12", "label-hash"),
            ("h=ABCDEF1", "label-hash"),
            ("v=1.2", "label-version"),
            ("v=v1.2.3", "label-version"),
            ("v=1.2.3+a_b", "label-version"),
            ("e=a", "label-email"),
            ("e=\"A <a@b.c>\"", "label-email"),
            ("e=", "label-empty"),
            ("x=1", "label-unknown"),
        ] {
            assert_eq!(found(bad), [rule], "{bad}");
        }
    }

    #[test]
    fn a_label_of_the_stage_below_counts() {
        let settings = Settings::read("label-schema:\n  a: text");
        let missing = |text: &str| {
            let findings = scan_file(&parse(text), Surroundings::default(), &settings);
            findings
                .iter()
                .filter(|finding| finding.rule == "label-missing")
                .map(|finding| finding.line)
                .collect::<Vec<_>>()
        };
        assert_eq!(missing("FROM a:1 AS b\nLABEL a=x\nFROM b\nRUN y"), [0; 0]);
        assert_eq!(missing("FROM a:1 AS b\nFROM b\nLABEL a=x"), [0; 0]);
        assert_eq!(missing("FROM a:1\nLABEL a=x\nFROM c:1"), [3]);
    }
}
