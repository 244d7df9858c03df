//! Rules about every instruction but `RUN`.

use super::lint::{Lint, Stage, expanded, lines};
use super::parse::Instruction;
use super::rule::{self, Severity};
use super::word;
use std::collections::BTreeSet;

/// Looks at one instruction.
pub(crate) fn instruction(lint: &mut Lint, instruction: &Instruction) {
    match instruction.keyword.as_str() {
        "FROM" => from(lint, instruction),
        "ARG" => arg(lint, instruction),
        "ENV" => env(lint, instruction),
        "COPY" => copy(lint, instruction),
        "ADD" => add(lint, instruction),
        "USER" => user(lint, instruction),
        "WORKDIR" => workdir(lint, instruction),
        "EXPOSE" => expose(lint, instruction),
        "LABEL" => label(lint, instruction),
        "SHELL" => shell(lint, instruction),
        "MAINTAINER" => lint.report(&rule::MAINTAINER, lines(instruction), "MAINTAINER"),
        "CMD" | "ENTRYPOINT" | "HEALTHCHECK" => start(lint, instruction),
        _ => {}
    }
}

fn from(lint: &mut Lint, instruction: &Instruction) {
    let at = lines(instruction);
    let words = word::split(&instruction.text, lint.file.escape);
    let raw = words.first().map(|raw| word::unquote(raw, '\\')).unwrap_or_default();
    let name = words.get(1).zip(words.get(2)).filter(|(word, _)| word.eq_ignore_ascii_case("as"));
    let name = name.map(|(_, name)| name.to_ascii_lowercase());
    let parent = lint.names.get(&raw.to_ascii_lowercase()).copied();
    if let Some(platform) = instruction.flag("platform") {
        if platform == "$TARGETPLATFORM" || platform == "${TARGETPLATFORM}" {
            lint.report(&rule::TARGET_PLATFORM, at, "--platform=$TARGETPLATFORM");
        } else if !platform.contains('$') {
            lint.report(&rule::PLATFORM, at, format!("--platform={platform}"));
        }
    }
    if parent.is_none() {
        tag(lint, at, &raw);
    }
    let base = lint.inherited(parent);
    let stage = Stage {
        image: if parent.is_some() { base.image } else { expanded(lint, &raw) },
        parent,
        line: instruction.line,
        workdir: base.workdir,
        pipefail: base.pipefail,
        pip_cache_off: base.pip_cache_off,
        env: base.env,
        start: base.start,
        ..Stage::default()
    };
    // A stage's number counts FROMs; what stands before the first one has none.
    if lint.stages.first().is_some_and(|first| first.line == 0) {
        lint.stages.clear();
    }
    lint.stages.push(stage);
    if let Some(name) = name
        && lint.names.insert(name.clone(), lint.stages.len() - 1).is_some()
    {
        lint.report(&rule::SAME_ALIAS, at, format!("a second stage named {name}"));
    }
}

fn tag(lint: &mut Lint, at: (usize, usize), image: &str) {
    let last = image.rsplit('/').next().unwrap_or_default();
    let (name, tag) = last.split_once(':').unwrap_or((last, ""));
    // What a variable will be is not known; neither is whether it brings a tag.
    if image == "scratch" || image.contains('@') || (tag.is_empty() && image.contains('$')) {
        return;
    }
    if tag.is_empty() {
        lint.report(&rule::UNTAGGED, at, format!("{name} has no tag"));
    } else if tag == "latest" {
        lint.report(&rule::LATEST, at, image.to_owned());
    }
}

fn arg(lint: &mut Lint, instruction: &Instruction) {
    for raw in word::split(&instruction.text, lint.file.escape) {
        let raw = word::unquote(raw, lint.file.escape);
        let (name, value) = raw.split_once('=').unwrap_or((&raw, ""));
        secret(lint, instruction, name, value, value.is_empty());
        if !value.is_empty() {
            let value = expanded(lint, value);
            lint.args.insert(name.to_owned(), value);
        }
    }
}

fn env(lint: &mut Lint, instruction: &Instruction) {
    let (pairs, _) = word::pairs(&instruction.text, lint.file.escape);
    let beside: BTreeSet<&str> = pairs.iter().map(|(name, _)| name.as_str()).collect();
    for (name, value) in &pairs {
        secret(lint, instruction, name, value, value.contains('$'));
        let known = |other: &str| lint.stages.last().is_some_and(|stage| stage.env.contains(other));
        let mut others =
            referred(value).filter(|other| other != name && beside.contains(other) && !known(other));
        if let Some(other) = others.next() {
            let message = format!("{name} uses {other}, set beside it");
            lint.report(&rule::ENV_SELF, lines(instruction), message);
        }
    }
    for (name, value) in pairs {
        let value = expanded(lint, &value);
        let stage = lint.stage();
        if name == "PIP_NO_CACHE_DIR" {
            let off = matches!(value.to_ascii_lowercase().as_str(), "0" | "no" | "off" | "false" | "n" | "f");
            stage.pip_cache_off = !off;
        }
        stage.env.insert(name.clone());
        lint.args.insert(name, value);
    }
}

/// The names behind each `$` and `${`.
fn referred(value: &str) -> impl Iterator<Item = &str> {
    value.split('$').skip(1).map(|rest| {
        let rest = rest.strip_prefix('{').unwrap_or(rest);
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        &rest[..end]
    })
}

/// What hadolint looks for in a name.
const SECRET: [&str; 6] = ["password", "token", "secret", "api_key", "private_key", "privatekey"];
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
const HARMLESS: [&str; 9] =
    ["public", "_file", "_path", "_url", "_name", "_version", "tokenizer", "_length", "_ttl"];

fn secret(lint: &mut Lint, instruction: &Instruction, name: &str, value: &str, empty: bool) {
    let lower = name.to_ascii_lowercase();
    let is = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let harmless = is(&HARMLESS);
    let at = lines(instruction);
    let message = format!("{} {name}", instruction.keyword);
    if is(&SECRET) {
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

fn copy(lint: &mut Lint, instruction: &Instruction) {
    let at = lines(instruction);
    let words = instruction.words(lint.file.escape);
    let from = instruction.flag("from");
    if let Some(from) = from {
        copy_from(lint, at, from, &words);
    }
    let Some((target, sources)) = words.split_last() else { return };
    if sources.len() > 1 && !target.ends_with('/') {
        // BuildKit takes the dot for the folder that it is.
        let severity = if target == "." { Severity::Info } else { Severity::Error };
        lint.report_as(&rule::COPY_FOLDER, severity, at, format!("several sources to {target}"));
    }
    relative(lint, instruction, at, target);
    if from.is_none() {
        for source in sources.iter().filter(|source| super::packages::is_archive(source)) {
            let file = source.rsplit('/').next().unwrap_or_default();
            let path = if target.ends_with('/') { format!("{target}{file}") } else { target.clone() };
            lint.stage().archives.push((path, at));
        }
    }
}

fn relative(lint: &mut Lint, instruction: &Instruction, at: (usize, usize), target: &str) {
    let windows = target.as_bytes().get(1) == Some(&b':') && target.as_bytes()[0].is_ascii_alphabetic();
    let absolute = target.starts_with(['/', '\\', '$']) || windows;
    if !absolute && !instruction.onbuild && !lint.stage().workdir {
        lint.report(&rule::COPY_NOWHERE, at, format!("COPY to {target}"));
    }
}

fn copy_from(lint: &mut Lint, at: (usize, usize), from: &str, words: &[String]) {
    let this = lint.stages.len().saturating_sub(1);
    match lint.names.get(&from.to_ascii_lowercase()).copied() {
        Some(stage) if stage == this => {
            lint.report(&rule::COPY_SELF, at, format!("COPY --from={from} in the stage {from}"));
        }
        Some(_) => {}
        None if from.parse::<usize>().is_ok_and(|number| number <= this) || from.contains([':', '@']) => {}
        None => lint.report(&rule::COPY_FROM, at, format!("COPY --from={from}")),
    }
    if words == ["/", "/"] {
        lint.report(&rule::COPY_ROOT, at, "COPY of / to /");
    }
}

fn add(lint: &mut Lint, instruction: &Instruction) {
    let words = instruction.words(lint.file.escape);
    let Some((_, sources)) = words.split_last() else { return };
    let fetched = |source: &str| {
        ["http://", "https://", "git@", "git://", "ssh://"].iter().any(|scheme| source.starts_with(scheme))
            || source.starts_with("<<")
    };
    if let Some(source) =
        sources.iter().find(|source| !fetched(source) && !super::packages::is_archive(source))
    {
        lint.report(&rule::ADD_FILE, lines(instruction), format!("ADD {source}"));
    }
}

fn user(lint: &mut Lint, instruction: &Instruction) {
    let at = lines(instruction);
    let text = word::unquote(instruction.text.trim(), '\\');
    let user = text.split(':').next().unwrap_or_default();
    if user.parse::<u64>().is_err() && !text.is_empty() {
        lint.report(&rule::NON_NUMERIC_USER, at, format!("USER {text}"));
    }
    let known = expanded(lint, &text);
    lint.stage().user = Some((known, at));
}

fn workdir(lint: &mut Lint, instruction: &Instruction) {
    let text = word::unquote(instruction.text.trim(), if lint.file.escape == '`' { '`' } else { '\0' });
    let bytes = text.as_bytes();
    let windows = bytes.get(1) == Some(&b':') && bytes[0].is_ascii_alphabetic();
    if !text.starts_with(['/', '$', '\\']) && !windows && !text.is_empty() {
        lint.report(&rule::WORKDIR_RELATIVE, lines(instruction), format!("WORKDIR {text}"));
    }
    lint.stage().workdir = true;
}

fn expose(lint: &mut Lint, instruction: &Instruction) {
    let at = lines(instruction);
    for word in instruction.text.split_whitespace() {
        let known = expanded(lint, word);
        for port in known.split('/').next().unwrap_or_default().split('-') {
            let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            match port.parse::<u16>() {
                Ok(port) => lint.stage().expose.push((port, at)),
                Err(_) if digits => lint.report(&rule::PORT_RANGE, at, format!("EXPOSE {word}")),
                Err(_) => {}
            }
        }
    }
}

fn label(lint: &mut Lint, instruction: &Instruction) {
    let (pairs, _) = word::pairs(&instruction.text, lint.file.escape);
    if let Some((key, _)) = pairs.iter().find(|(key, _)| !is_label_key(key)) {
        lint.report(&rule::LABEL_KEY, lines(instruction), format!("LABEL {key}"));
    }
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

fn shell(lint: &mut Lint, instruction: &Instruction) {
    let words = instruction.json().unwrap_or_default();
    let name = words.first().map(String::as_str).unwrap_or_default();
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    let name = name.strip_suffix(".exe").unwrap_or(&name);
    let windows = matches!(name, "powershell" | "pwsh" | "cmd");
    let able = matches!(name, "bash" | "zsh" | "ash");
    let set = words.iter().any(|word| word == "pipefail");
    lint.stage().pipefail = windows || (able && set);
}

fn start(lint: &mut Lint, instruction: &Instruction) {
    let at = lines(instruction);
    if instruction.onbuild {
        return;
    }
    let keyword = instruction.keyword.as_str();
    if keyword == "HEALTHCHECK" {
        let text = instruction.text.trim();
        let command = text.get(..3).filter(|cmd| cmd.eq_ignore_ascii_case("cmd")).map(|_| text[3..].trim());
        if command.is_some_and(|command| serde_json::from_str::<Vec<String>>(command).is_err()) {
            lint.report_as(&rule::SHELL_FORM, Severity::Info, at, "HEALTHCHECK in shell form");
        }
        lint.stage().healthchecks += 1;
        if lint.stage().healthchecks > 1 {
            lint.report(&rule::HEALTHCHECKS, at, "another HEALTHCHECK");
        }
        return;
    }
    if instruction.json().is_none() {
        lint.report(&rule::SHELL_FORM, at, format!("{keyword} in shell form"));
    }
    let stage = lint.stage();
    stage.start = Some((instruction.text.clone(), at));
    let (count, rule) = if keyword == "CMD" {
        (&mut stage.cmds, &rule::CMDS)
    } else {
        (&mut stage.entrypoints, &rule::ENTRYPOINTS)
    };
    *count += 1;
    if *count > 1 {
        lint.report(rule, at, format!("another {keyword}"));
    }
}

/// What is only known at the end.
pub(crate) fn end(lint: &mut Lint) {
    let last = lint.stages.len().saturating_sub(1);
    let used: BTreeSet<usize> = lint.stages.iter().filter_map(|stage| stage.parent).collect();
    for (index, stage) in std::mem::take(&mut lint.stages).into_iter().enumerate() {
        if let Some((user, at)) = &stage.user {
            let user = user.split(':').next().unwrap_or_default();
            if matches!(user, "root" | "0") {
                lint.report(&rule::ROOT_USER, *at, "the last user is root");
            }
        }
        if index == last || used.contains(&index) {
            for at in &stage.lists {
                lint.report(&rule::APT_LISTS, *at, "the package lists stay");
            }
            for at in &stage.yarn {
                lint.report(&rule::YARN_CACHE, *at, "yarn install without yarn cache clean");
            }
        }
        lint.stages.push(stage);
    }
}
