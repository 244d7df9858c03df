//! Dockerfiles: instructions with their lines, and what the final stage sets. Total: any text parses.
//!
//! Known: parser directives (`escape`), comments, continuations (also with comments and empty lines inside them),
//! heredocs, flags, JSON and shell form, `ENV` in both forms, `ARG` and `ENV` put in for variables.

use std::collections::BTreeMap;

/// How a command is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// `["node", "server.js"]`: no shell in between.
    Exec(Vec<String>),
    /// Text for `/bin/sh -c`.
    Shell(String),
}

/// One instruction: its keyword in upper case, its text with continuations joined, and its first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Instruction {
    pub(crate) keyword: String,
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// What a stage of the build sets for the container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) name: Option<String>,
    pub(crate) image: Option<(String, usize)>,
    pub(crate) entrypoint: Option<(Command, usize)>,
    pub(crate) cmd: Option<(Command, usize)>,
    pub(crate) expose: Vec<(u16, usize)>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) workdir: Option<String>,
    pub(crate) health_path: Option<(String, usize)>,
}

/// A parsed file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Dockerfile {
    pub(crate) stages: Vec<Stage>,
}

impl Dockerfile {
    /// What the image will have: the last stage, on top of the stages it is built from.
    pub(crate) fn into_final_stage(mut self) -> Stage {
        self.stages.pop().unwrap_or_default()
    }
}

/// Reads a Dockerfile.
pub(crate) fn parse(text: &str) -> Dockerfile {
    let mut file = Dockerfile::default();
    let mut args = BTreeMap::new();
    for instruction in instructions(text) {
        if instruction.keyword == "FROM" {
            let stage = from(&instruction, &args, &file.stages);
            file.stages.push(stage);
        } else if let Some(stage) = file.stages.last_mut() {
            apply(stage, &instruction, &mut args);
        } else if instruction.keyword == "ARG" {
            set_arg(&instruction.text, &mut args, &BTreeMap::new());
        }
    }
    file
}

/// Splits a Dockerfile into instructions.
pub(crate) fn instructions(text: &str) -> Vec<Instruction> {
    let escape = escape_character(text);
    let mut out: Vec<Instruction> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let mut whole = String::new();
        let mut current = line;
        while let Some(open) = current.trim_end().strip_suffix(escape) {
            join(&mut whole, open);
            let more = lines.by_ref().map(|(_, line)| line).find(|line| {
                let line = line.trim();
                !line.is_empty() && !line.starts_with('#')
            });
            current = more.unwrap_or_default();
        }
        join(&mut whole, current.trim_end());
        let (keyword, rest) = whole.split_once(char::is_whitespace).unwrap_or((&whole, ""));
        let keyword = keyword.to_ascii_uppercase();
        if matches!(keyword.as_str(), "RUN" | "COPY" | "ADD") {
            for marker in heredoc_markers(rest) {
                lines.by_ref().find(|(_, line)| line.trim_start_matches('\t').trim_end() == marker);
            }
        }
        out.push(Instruction { text: rest.trim().to_owned(), keyword, line: index + 1 });
    }
    out
}

/// Adds a line to an instruction. A break inside a word joins it; indentation after a space adds nothing.
fn join(whole: &mut String, line: &str) {
    let open = whole.is_empty() || whole.ends_with(char::is_whitespace);
    whole.push_str(if open { line.trim_start() } else { line });
}

/// The escape character: a backslash, or the one a directive on the first lines names.
fn escape_character(text: &str) -> char {
    for line in text.lines() {
        let Some(comment) = line.trim().strip_prefix('#') else { break };
        let Some((key, value)) = comment.split_once('=') else { break };
        if key.trim().eq_ignore_ascii_case("escape") && value.trim() == "`" {
            return '`';
        }
    }
    '\\'
}

/// The ends of the heredocs that an instruction opens: `<<EOF`, `<<-"EOF"`, several on one line.
fn heredoc_markers(text: &str) -> Vec<String> {
    let mut markers = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("<<") {
        let after = &rest[at + 2..];
        // `<<<` is bash's here-string, which has no lines of its own.
        if after.starts_with('<') {
            rest = after.trim_start_matches('<');
            continue;
        }
        let word = after.trim_start_matches('-').trim_start_matches(['"', '\'']);
        let end = word.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(word.len());
        if word[..end].starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            markers.push(word[..end].to_owned());
        }
        rest = after;
    }
    markers
}

fn from(instruction: &Instruction, args: &BTreeMap<String, String>, known: &[Stage]) -> Stage {
    let text = without_flags(&instruction.text);
    let mut words = text.split_whitespace();
    let image = words.next().map(|image| expand(image, args, &BTreeMap::new())).unwrap_or_default();
    let name = match (words.next(), words.next()) {
        (Some(word), Some(name)) if word.eq_ignore_ascii_case("as") => Some(name.to_ascii_lowercase()),
        _ => None,
    };
    let base = known.iter().find(|stage| stage.name.as_deref() == Some(&image.to_ascii_lowercase()));
    let mut stage = base.cloned().unwrap_or_default();
    stage.name = name;
    if base.is_none() {
        stage.image = Some((image, instruction.line));
    }
    stage
}

fn apply(stage: &mut Stage, instruction: &Instruction, args: &mut BTreeMap<String, String>) {
    let Instruction { keyword, text, line } = instruction;
    match keyword.as_str() {
        "CMD" => stage.cmd = Some((command(text), *line)),
        // A new entry point makes the command of the stage below meaningless.
        "ENTRYPOINT" => stage.entrypoint = Some((command(text), *line)),
        "ARG" => set_arg(text, args, &stage.env),
        "ENV" => {
            for (key, value) in pairs(text) {
                let value = expand(&value, &stage.env, args);
                stage.env.insert(key, value);
            }
        }
        "WORKDIR" => {
            let folder = expand(unquoted(text), &stage.env, args);
            stage.workdir = Some(match &stage.workdir {
                Some(above) if !folder.starts_with('/') => {
                    format!("{}/{folder}", above.trim_end_matches('/'))
                }
                _ => folder,
            });
        }
        "EXPOSE" => {
            let ports = text.split_whitespace().filter_map(|port| {
                let port = expand(port, &stage.env, args);
                port.split(['/', '-']).next()?.parse().ok()
            });
            stage.expose.extend(ports.map(|port| (port, *line)).collect::<Vec<_>>());
        }
        "HEALTHCHECK" => stage.health_path = health_path(text).map(|path| (path, *line)),
        _ => {}
    }
}

fn set_arg(text: &str, args: &mut BTreeMap<String, String>, env: &BTreeMap<String, String>) {
    for (key, value) in pairs(text) {
        let value = expand(&value, args, env);
        args.insert(key, value);
    }
}

/// `CMD` and `ENTRYPOINT`: JSON where it is JSON, else shell text. BuildKit takes a broken list as shell text too.
fn command(text: &str) -> Command {
    match serde_json::from_str::<Vec<String>>(text) {
        Ok(words) => Command::Exec(words),
        Err(_) => Command::Shell(text.to_owned()),
    }
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = |quote| text.strip_prefix(quote).and_then(|rest: &str| rest.strip_suffix(quote));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

fn without_flags(text: &str) -> &str {
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        rest = rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
    }
    rest
}

/// `KEY=value KEY2="a value"`, and the old `KEY a value`.
fn pairs(text: &str) -> Vec<(String, String)> {
    let first = text.split_whitespace().next().unwrap_or_default();
    if !first.contains('=') {
        return match text.trim().split_once(char::is_whitespace) {
            Some((key, value)) => vec![(key.to_owned(), value.trim().to_owned())],
            None => Vec::new(),
        };
    }
    words(text)
        .into_iter()
        .filter_map(|word| word.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())))
        .collect()
}

/// Words as a shell splits them: quotes are taken away, a backslash keeps the next character.
fn words(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word = String::new();
    let mut begun = false;
    let mut quote = None;
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                begun = true;
            }
            (_, '\\') if quote != Some('\'') => word.extend(rest.next()),
            (None, _) if c.is_whitespace() => {
                if begun || !word.is_empty() {
                    out.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            _ => word.push(c),
        }
    }
    if begun || !word.is_empty() {
        out.push(word);
    }
    out
}

/// Puts values in for `$NAME`, `${NAME}` and `${NAME:-default}`; a name that neither knows stays as it stands.
fn expand(text: &str, first: &BTreeMap<String, String>, second: &BTreeMap<String, String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let braced = after.strip_prefix('{').and_then(|inner| inner.find('}'));
        let bare = || after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
        let (inner, end) =
            braced.map_or_else(|| (&after[..bare()], bare()), |close| (&after[1..=close], close + 2));
        let (name, default) =
            inner.split_once(":-").map_or((inner, None), |(name, value)| (name, Some(value)));
        match first.get(name).or_else(|| second.get(name)).map(String::as_str).or(default) {
            Some(value) => out.push_str(value),
            None => out.push_str(&rest[at..at + 1 + end]),
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

/// The path that a health check asks for: `curl -f http://localhost:8080/healthz`.
fn health_path(text: &str) -> Option<String> {
    let at = text.find("http://").or_else(|| text.find("https://"))?;
    let (_, rest) = text[at..].split_once("//")?;
    let url = rest.split(|c: char| c.is_whitespace() || "\"',;|)".contains(c)).next()?;
    let path = url.find('/').map_or("/", |slash| &url[slash..]);
    Some(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(text: &str) -> Stage {
        parse(text).into_final_stage()
    }

    fn exec(words: &[&str]) -> Command {
        Command::Exec(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn the_last_stage_on_top_of_the_one_it_names() {
        let stage = last(
            "ARG V=20\nFROM node:${V}-slim AS base\nWORKDIR /app\nENV A=1 B=\"two words\" PORT=3000\n\
             FROM golang AS other\nCMD x\nFROM base\nWORKDIR web\nEXPOSE $PORT/tcp 9000\nCMD [\"node\", \"a.js\"]\n",
        );
        assert_eq!(stage.image, Some(("node:20-slim".into(), 2)));
        assert_eq!(stage.workdir.as_deref(), Some("/app/web"));
        assert_eq!(stage.env["B"], "two words");
        assert_eq!(stage.expose, [(3000, 9), (9000, 9)]);
        assert_eq!(stage.cmd, Some((exec(&["node", "a.js"]), 10)));
    }

    #[test]
    fn continuations_comments_and_heredocs() {
        let stage = last(
            "FROM a\r\nRUN <<EOF cat <<-'B' > x\nCMD not this\nEOF\nCMD nor this\n\tB\nENV X a b\n\
             CMD [\"a\", \\\n# a comment\n\n  \"b\"]\nHEALTHCHECK CMD curl -f http://localhost:80/ok || exit 1\n",
        );
        assert_eq!(stage.cmd, Some((exec(&["a", "b"]), 8)));
        assert_eq!(stage.env["X"], "a b");
        assert_eq!(stage.health_path, Some(("/ok".into(), 12)));
    }

    #[test]
    fn windows_escapes_and_lists_that_are_not_json() {
        let stage = last("# escape=`\nFROM a\nCMD one `\n  two\n");
        assert_eq!(stage.cmd, Some((Command::Shell("one two".into()), 3)));
        let stage = last("FROM a\nCMD ['node', 'x']");
        assert_eq!(stage.cmd, Some((Command::Shell("['node', 'x']".into()), 2)));
    }

    #[test]
    fn text_that_is_no_dockerfile() {
        for text in
            ["", "\\", "FROM", "CMD", "RUN <<", "ENV =", "FROM a\nRUN <<EOF", "EXPOSE ${", "a\0\\\n\\"]
        {
            parse(text);
        }
        assert_eq!(last("FROM a\nEXPOSE ${P:-81} $Q").expose, [(81, 2)]);
    }
}
