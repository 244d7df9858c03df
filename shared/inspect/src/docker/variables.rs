//! Rules about `ARG` and `ENV`: secrets, and variables that refer to what is set beside them.

use super::lint::{Lint, expanded, lines};
use super::rule::{self, Severity};
use super::syntax::Instruction;
use super::word;
use std::collections::BTreeMap;

/// Looks at an `ARG`.
pub(crate) fn arg(lint: &mut Lint, instruction: &Instruction) {
    for raw in word::split(&instruction.text, lint.file.escape) {
        let raw = word::unquote(raw, lint.file.escape);
        let (name, value) = raw.split_once('=').unwrap_or((&raw, ""));
        secret(lint, instruction, name, value, value.is_empty());
        lint.stage().args.insert(name.to_owned());
        if !value.is_empty() && !instruction.onbuild {
            let value = expanded(lint, value);
            lint.args.insert(name.to_owned(), value);
        }
    }
}

/// Looks at an `ENV`.
pub(crate) fn env(lint: &mut Lint, instruction: &Instruction) {
    let (pairs, _) = word::pairs(&instruction.text, lint.file.escape);
    let mut beside: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in &pairs {
        *beside.entry(name).or_default() += 1;
    }
    for (name, value) in &pairs {
        secret(lint, instruction, name, value, value.contains('$'));
        let known = |other: &str| {
            lint.stages.last().is_some_and(|stage| stage.env.contains(other) || stage.args.contains(other))
        };
        let set = |other: &str| beside.get(other).is_some_and(|count| other != name || *count > 1);
        let mut others = referred(value).filter(|other| set(other) && !known(other));
        if let (Some(other), false) = (others.next(), instruction.onbuild) {
            let message = format!("{name} uses {other}, set beside it");
            lint.report(&rule::ENV_SELF, lines(instruction), message);
        }
    }
    for (name, value) in pairs.into_iter().filter(|_| !instruction.onbuild) {
        let value = expanded(lint, &value);
        let stage = lint.stage();
        if name == "PIP_NO_CACHE_DIR" {
            stage.pip_cache_off = super::packages_language::is_yes(&value);
        }
        stage.env.insert(name.clone());
        lint.args.insert(name, value);
    }
}

/// The names behind each `$` and `${`, but for those that bring what is taken instead.
fn referred(value: &str) -> impl Iterator<Item = &str> {
    value.split('$').skip(1).filter_map(|rest| {
        let bare = rest.strip_prefix('{').unwrap_or(rest);
        let end = bare.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(bare.len());
        let plain = bare.len() == rest.len() || bare[end..].starts_with('}');
        plain.then_some(&bare[..end])
    })
}

/// What hadolint looks for in a name.
const SECRET: [&str; 7] = ["password", "token", "secret", "api_key", "private", "client_key", "username"];
/// What it knows by its whole name.
const KNOWN_SECRET: [&str; 14] = [
    "aws_access_key_id",
    "application_key",
    "ci_deploy_user",
    "docker_email",
    "facebook_app_id",
    "heroku_api_user",
    "okta_authn_groupid",
    "okta_client_orgurl",
    "okta_oauth2_clientid",
    "stripe_device_name",
    "travis_os_name",
    "travis_secure_env_vars",
    "travis_sudo",
    "os_username",
];
/// What else a secret is called.
const LIKE_SECRET: [&str; 9] = [
    "passwd",
    "apikey",
    "credential",
    "access_key",
    "passphrase",
    "auth_key",
    "signing_key",
    "encryption_key",
    "_pass",
];
/// What names hold that only speak of a secret.
const HARMLESS: [&str; 16] = [
    "public",
    "_file",
    "_path",
    "_url",
    "_name",
    "_version",
    "tokenizer",
    "_length",
    "_ttl",
    "username",
    "email",
    "travis_",
    "user",
    "_id",
    "orgurl",
    "private_mode",
];

fn secret(lint: &mut Lint, instruction: &Instruction, name: &str, value: &str, empty: bool) {
    let lower = name.to_ascii_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let harmless = is(&HARMLESS);
    let at = lines(instruction);
    let message = format!("{} {name}", instruction.keyword);
    if is(&SECRET) || KNOWN_SECRET.contains(&lower.as_str()) {
        // The peer says so of each; that a name is all there is makes it worth less.
        let severity = if harmless { Severity::Info } else { Severity::Warning };
        lint.report_as(&rule::SECRET, severity, at, message);
    } else if is(&LIKE_SECRET) && !harmless && !(instruction.keyword == "ENV" && empty) {
        lint.report(&rule::SECRET_NAME, at, message);
    } else if looks_secret(value) {
        lint.report_as(&rule::SECRET, Severity::Error, at, message);
    }
}

/// Values whose form the issuer fixes.
fn looks_secret(value: &str) -> bool {
    const FORMS: [(&str, usize); 12] = [
        ("AKIA", 20),
        ("ASIA", 20),
        ("ghp_", 36),
        ("gho_", 36),
        ("github_pat_", 40),
        ("glpat-", 20),
        ("xoxb-", 30),
        ("xoxp-", 30),
        ("sk_live_", 24),
        ("AIza", 39),
        ("npm_", 36),
        ("sk-ant-", 40),
    ];
    FORMS.iter().any(|(start, length)| value.starts_with(start) && value.len() >= *length)
        || value.contains("-----BEGIN ") && value.contains("PRIVATE KEY")
}
