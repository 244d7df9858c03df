//! What a project says about the scan, in a `.hadolint.yaml`: rules to ignore, severities, registries, labels.
//!
//! Invariant: any text gives settings; what is not understood changes nothing.

use super::rule::{Rule, Severity};
use crate::provider::yaml;
use std::collections::BTreeMap;

/// What a label must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Url,
    Time,
    License,
    Hash,
    Version,
    Email,
}

/// Settings of a scan; the default ones change nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    ignored: Vec<String>,
    severities: Vec<(String, Severity)>,
    pub(crate) trusted_registries: Vec<String>,
    pub(crate) labels: BTreeMap<String, Kind>,
    pub(crate) strict_labels: bool,
    no_comments: bool,
}

impl Settings {
    /// Where hadolint looks for it, beside the Dockerfile or above it; the first one counts.
    pub const FILES: [&str; 2] = [".hadolint.yaml", ".hadolint.yml"];

    /// Reads `ignored`, `override`, `trustedRegistries`, `label-schema`, `strict-labels` and
    /// `disable-ignore-pragma`, as hadolint names them. Rules go by our id or by a peer's.
    pub fn read(text: &str) -> Self {
        let mut settings = Self::default();
        for entry in yaml::read(text) {
            let path: Vec<&str> = entry.path.iter().map(String::as_str).collect();
            let value = entry.value;
            match path[..] {
                ["ignored", _] => settings.ignored.push(value),
                ["trustedRegistries", _] => settings.trusted_registries.push(value),
                ["override", level, _] => {
                    let severity = match level {
                        "error" => Severity::Error,
                        "warning" => Severity::Warning,
                        "info" | "style" => Severity::Info,
                        _ => continue,
                    };
                    settings.severities.push((value, severity));
                }
                ["label-schema", ref key @ ..] if !key.is_empty() => {
                    if let Some(kind) = kind(&value) {
                        settings.labels.insert(key.join("."), kind);
                    }
                }
                ["strict-labels"] => settings.strict_labels = value == "true",
                ["disable-ignore-pragma"] => settings.no_comments = value == "true",
                _ => {}
            }
        }
        settings
    }

    pub(crate) fn ignores(&self, rule: &Rule) -> bool {
        self.ignored.iter().any(|id| rule.answers_to(id))
    }

    /// The severity that is set for a rule; the last one that names it counts.
    pub(crate) fn severity(&self, rule: &Rule) -> Option<Severity> {
        self.severities.iter().rev().find(|(id, _)| rule.answers_to(id)).map(|(_, severity)| *severity)
    }

    pub(crate) fn ignore_comments(&self) -> bool {
        !self.no_comments
    }
}

fn kind(name: &str) -> Option<Kind> {
    Some(match name.to_ascii_lowercase().as_str() {
        "text" | "rawtext" | "raw-text" => Kind::Text,
        "url" => Kind::Url,
        "rfc3339" => Kind::Time,
        "spdx" => Kind::License,
        "hash" | "git-hash" | "githash" => Kind::Hash,
        "semver" => Kind::Version,
        "email" => Kind::Email,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::rule::{LATEST, SUDO};

    #[test]
    fn what_hadolint_reads_is_read() {
        let settings = Settings::read(
            "# ours\nfailure-threshold: error\nignored:\n  - DL3004\n  - shell-form # why\noverride:\n  error: [DL3007]\n  style:\n    - \
             DL3002\ntrustedRegistries:\n- docker.io\n- \"*.gcr.io\"\nlabel-schema:\n  author: text\n  org.x.version: semver\n  x: nothing\nstrict-labels: true\n",
        );
        assert_eq!(settings.ignored, ["DL3004", "shell-form"]);
        assert_eq!(settings.trusted_registries, ["docker.io", "*.gcr.io"]);
        let labels: Vec<_> = settings.labels.iter().map(|(key, kind)| (key.as_str(), *kind)).collect();
        assert_eq!(labels, [("author", Kind::Text), ("org.x.version", Kind::Version)]);
        assert!(settings.strict_labels && settings.ignores(&SUDO) && settings.ignore_comments());
        assert_eq!(settings.severity(&LATEST), Some(Severity::Error));
        assert_eq!(Settings::read("{\n\t]:[ - - :\nignored"), Settings::default());
    }
}
