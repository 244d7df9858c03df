//! What BuildKit refuses about a single instruction, in words.

use super::syntax::Instruction;
use super::word;
use serde_json::Value;

/// Every instruction there is, with the flags it takes.
const KEYWORDS: [(&str, &[&str]); 18] = [
    ("ADD", &["chown", "chmod", "link", "keep-git-dir", "checksum", "unpack", "exclude"]),
    ("ARG", &[]),
    ("CMD", &[]),
    ("COPY", &["from", "chown", "chmod", "link", "parents", "exclude"]),
    ("ENTRYPOINT", &[]),
    ("ENV", &[]),
    ("EXPOSE", &[]),
    ("FROM", &["platform"]),
    ("HEALTHCHECK", &["interval", "timeout", "start-period", "start-interval", "retries"]),
    ("LABEL", &[]),
    ("MAINTAINER", &[]),
    ("ONBUILD", &[]),
    ("RUN", &["mount", "network", "security", "device"]),
    ("SHELL", &[]),
    ("STOPSIGNAL", &[]),
    ("USER", &[]),
    ("VOLUME", &[]),
    ("WORKDIR", &[]),
];

/// Why BuildKit refuses the instruction, if it does.
pub(crate) fn refused(instruction: &Instruction, escape: char) -> Option<String> {
    let keyword = instruction.keyword.as_str();
    let Some((_, flags)) = KEYWORDS.iter().find(|(known, _)| *known == keyword) else {
        return Some(format!("`{}` is no instruction", instruction.written));
    };
    if let Some((flag, _)) = instruction.flags.iter().find(|(flag, _)| !flags.contains(&flag.as_str())) {
        return Some(format!("{keyword} has no flag --{flag}"));
    }
    let text = instruction.text.trim();
    // What an empty command starts is the shell, or nothing: both are allowed.
    if text.is_empty() && !matches!(keyword, "RUN" | "CMD" | "ENTRYPOINT" | "ONBUILD") {
        return Some(format!("{keyword} has nothing behind it"));
    }
    match keyword {
        "FROM" => {
            let words: Vec<&str> = text.split_whitespace().collect();
            let named = matches!(words[..], [_, between, _] if between.eq_ignore_ascii_case("as"));
            (words.len() != 1 && !named).then(|| "FROM takes an image, or an image AS a name".to_owned())
        }
        "ENV" | "LABEL" => pairs(keyword, text, escape),
        "SHELL" if instruction.json().is_none() => Some("SHELL takes a JSON list".to_owned()),
        "COPY" | "ADD" if !has_mixed_list(text) && instruction.words(escape).len() < 2 => {
            Some(format!("{keyword} takes a source and a destination"))
        }
        "ADD" | "COPY" | "CMD" | "ENTRYPOINT" | "RUN" | "VOLUME" => mixed(keyword, text),
        "HEALTHCHECK" => health(text),
        _ => None,
    }
}

fn pairs(keyword: &str, text: &str, escape: char) -> Option<String> {
    let words = word::split(text, escape);
    match &words[..] {
        [one] if !one.contains('=') => Some(format!("{keyword} {one} has no value")),
        [first, ..] if !first.contains('=') => None,
        _ => words
            .iter()
            .find(|word| !word.contains('='))
            .map(|word| format!("{word} is no KEY=value, as those before it are")),
    }
}

fn has_mixed_list(text: &str) -> bool {
    text.starts_with('[')
        && serde_json::from_str::<Vec<Value>>(text).is_ok_and(|list| !list.iter().all(Value::is_string))
}

fn mixed(keyword: &str, text: &str) -> Option<String> {
    has_mixed_list(text).then(|| format!("the JSON list of {keyword} holds what is no string"))
}

fn health(text: &str) -> Option<String> {
    let (kind, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    match kind.to_ascii_uppercase().as_str() {
        "NONE" if rest.is_empty() => None,
        "NONE" => Some("HEALTHCHECK NONE takes nothing behind it".to_owned()),
        "CMD" if rest.is_empty() => Some("HEALTHCHECK CMD has no command behind it".to_owned()),
        "CMD" => mixed("HEALTHCHECK", rest),
        _ => Some(format!("HEALTHCHECK takes CMD or NONE, not {kind}")),
    }
}
