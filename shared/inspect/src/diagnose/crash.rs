//! Errors that nobody caught: each language's own way of writing one down.

use super::{Found, pattern, place};
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// Lines behind an error that may still belong to it.
const TRACE: usize = 60;

macro_rules! patterns {
    ($($name:ident = $text:literal;)*) => {
        $(static $name: LazyLock<Regex> = LazyLock::new(|| pattern($text));)*
    };
}

patterns! {
    PYTHON_FRAME = r#"^\s*File "([^"]+)", line (\d+)"#;
    PYTHON_SYNTAX = r"^(?:SyntaxError|IndentationError|TabError): .+";
    THROWN = r"^(?:Uncaught |\[?uncaughtException\]?:? |error: Uncaught (?:\(in promise\) )?)?((?:[A-Z]\w*)?(?:Error|Exception|Rejection)(?: \[[A-Z_0-9]+\])?: .+)$";
    NODE_FRAME = r"^\s+at .*?\(?((?:file://|node:|/)[^\s():]*(?:\([^)]*\)[^\s():]*)*):(\d+):\d+\)?";
    NODE_HEAD = r"^((?:file://)?/.+\.[cm]?[jt]sx?):(\d+)$";
    JAVA = r#"^(?:Exception in thread "[^"]*" |Caused by: )?((?:[a-z_]\w*\.)+[A-Z]\w*)(?:: (.*))?$"#;
    JAVA_FRAME = r"^\s+at ([\w.$]+)\.[\w$<>]+\(([\w$]+\.(?:java|kt|scala|groovy|clj)):(\d+)\)";
    GO = r"^(?:panic|fatal error): (.+)$";
    GO_FRAME = r"^\s+(\S+\.go):(\d+)";
    RUST = r"^thread '.*' (?:\(\d+\) )?panicked at (\S+?):(\d+):\d+:$";
    RUST_OLD = r"^thread '.*' panicked at '(.*)', (\S+?):(\d+):\d+$";
    RUBY = r"^(\S+?):(\d+):in [`'].*': (.+) \(([A-Z]\w*(?:::\w+)*)\)$";
    RUBY_FRAME = r"^\s+(?:\d+: )?from (\S+?):(\d+):in ";
    PHP = r"(?:PHP )?(?:Fatal|Parse) error:\s+(?:Uncaught )?(.+?)(?: in (/\S+?)(?::| on line )(\d+))?$";
    DOTNET = r"^Unhandled exception\. ([\w.]+(?:: .*)?)$";
    DOTNET_FRAME = r"^\s+at .* in (\S+):line (\d+)$";
    ELIXIR = r"^\*\* \((?:EXIT|[A-Z][\w.]*)\) .+";
    ELIXIR_FRAME = r"^\s+(?:\([^)]*\) )?(\S+\.exs?):(\d+)";
    SHELL = r"^(?:/\S*/)?(?:ba|da|a|k|z)?sh: (?:line )?\d+: (?:exec: )?(.+?): ((?:command )?not found|Permission denied|No such file or directory|cannot execute.*)$";
    SPRING = r"^APPLICATION FAILED TO START$";
    MEMORY = r"JavaScript heap out of memory|^java\.lang\.OutOfMemoryError|memory allocation of \d+ bytes failed";
}

type Read = fn(&[&str], usize) -> Option<Found>;

/// Each reads the error that begins at a line; the first that knows it has it.
const READERS: [Read; 14] =
    [spring, memory, python, syntax, rust, rust_old, go, ruby, php, dotnet, elixir, java, thrown, shell];

/// The last error that nobody caught.
pub fn last(lines: &[&str]) -> Option<Found> {
    let at = |line| READERS.iter().find_map(|read| read(lines, line));
    (0..lines.len()).rev().find_map(at)
}

fn behind<'a>(lines: &'a [&'a str], line: usize) -> &'a [&'a str] {
    let behind = &lines[line + 1..];
    &behind[..behind.len().min(TRACE)]
}

/// The first frame of the app's own, else the first one of the language or a library.
fn frame<'a>(lines: impl Iterator<Item = &'a &'a str>, frame: &Regex) -> Option<String> {
    let mut foreign = None;
    for found in lines.filter_map(|line| frame.captures(line)) {
        let at = || place::at(&found[1], &found[2]);
        if place::own(&found[1]) {
            return Some(at());
        }
        foreign.get_or_insert_with(at);
    }
    foreign
}

fn text<'a>(found: &'a Captures<'a>, group: usize) -> Option<&'a str> {
    found.get(group).map(|part| part.as_str())
}

/// `Traceback (most recent call last):`, frames, then what was raised.
fn python(lines: &[&str], line: usize) -> Option<Found> {
    if !lines[line].ends_with("Traceback (most recent call last):") {
        return None;
    }
    let trace = behind(lines, line);
    let indented = |text: &&str| text.is_empty() || text.starts_with([' ', '\t']);
    let end = trace.iter().position(|text| !indented(text))?;
    let (frames, what) = (&trace[..end], trace[end]);
    let ours = |text: &str| PYTHON_FRAME.captures(text).is_some_and(|found| place::own(&found[1]));
    let any = |text: &str| PYTHON_FRAME.is_match(text);
    let newest =
        frames.iter().rposition(|text| ours(text)).or_else(|| frames.iter().rposition(|text| any(text)));
    let at = newest.and_then(|newest| frame(std::iter::once(&frames[newest]), &PYTHON_FRAME));
    let source = newest.and_then(|newest| frames.get(newest + 1)).map(|text| text.trim().to_owned());
    Some(Found { source, ..Found::new(line + 1 + end, what, at) })
}

/// A file that isn't even Python has no traceback where it is the first one.
fn syntax(lines: &[&str], line: usize) -> Option<Found> {
    let what = PYTHON_SYNTAX.find(lines[line])?;
    let above = &lines[line.saturating_sub(8)..line];
    let at = above.iter().rev().find_map(|text| PYTHON_FRAME.captures(text));
    Some(Found::new(line, what.as_str(), Some(at.map(|at| place::at(&at[1], &at[2]))?)))
}

/// JavaScript: the error, then its frames; the line that failed may stand above.
fn thrown(lines: &[&str], line: usize) -> Option<Found> {
    let found = THROWN.captures(lines[line])?;
    let trace = behind(lines, line);
    let traced = trace.iter().any(|text| text.trim_start().starts_with("at "));
    let stack =
        || trace.iter().find_map(|text| text.strip_prefix("- ")).map(|file| place::short(file).to_owned());
    let above = &lines[line.saturating_sub(6)..line];
    let head = || above.iter().rev().find_map(|text| NODE_HEAD.captures(text));
    let head = || head().filter(|head| place::own(&head[1])).map(|head| place::at(&head[1], &head[2]));
    if !traced && head().is_none() {
        return None;
    }
    let framed = frame(trace.iter(), &NODE_FRAME).filter(|at| !at.starts_with("node:"));
    let syntax = found[1].starts_with("SyntaxError");
    let at = if syntax { head().or(framed) } else { framed.or_else(stack).or_else(head) };
    Some(Found::new(line, said(&found[1]), at))
}

/// A plain error's class says nothing that its words don't.
fn said(what: &str) -> &str {
    ["Error: ", "Exception: "].iter().find_map(|class| what.strip_prefix(class)).unwrap_or(what)
}

/// The last `Caused by` is where it began.
fn java(lines: &[&str], line: usize) -> Option<Found> {
    let found = JAVA.captures(lines[line])?;
    let trace = behind(lines, line);
    if !trace.first().is_some_and(|text| text.starts_with("\tat ") || text.starts_with("    at ")) {
        return None;
    }
    let class = found[1].rsplit('.').next().unwrap_or_default();
    let what = match text(&found, 2) {
        Some(message) if !message.is_empty() => format!("{class}: {message}"),
        _ => class.to_owned(),
    };
    let library = |class: &str| {
        ["java.", "javax.", "jdk.", "sun.", "kotlin.", "scala.", "org.springframework.", "org.apache."]
            .iter()
            .any(|library| class.starts_with(library))
    };
    let trace = trace.iter().take_while(|text| !text.starts_with("Caused by"));
    let mut frames = trace.filter_map(|text| JAVA_FRAME.captures(text));
    let at = frames.find(|frame| !library(&frame[1])).map(|frame| format!("{}:{}", &frame[2], &frame[3]));
    Some(Found::new(line, what, at))
}

fn go(lines: &[&str], line: usize) -> Option<Found> {
    let found = GO.captures(lines[line])?;
    let at = frame(behind(lines, line).iter(), &GO_FRAME);
    Some(Found::new(line, &found[1], at))
}

fn rust(lines: &[&str], line: usize) -> Option<Found> {
    let found = RUST.captures(lines[line])?;
    let what = behind(lines, line).first()?;
    Some(Found::new(line + 1, *what, Some(place::at(&found[1], &found[2]))))
}

fn rust_old(lines: &[&str], line: usize) -> Option<Found> {
    let found = RUST_OLD.captures(lines[line])?;
    Some(Found::new(line, &found[1], Some(place::at(&found[2], &found[3]))))
}

fn ruby(lines: &[&str], line: usize) -> Option<Found> {
    let found = RUBY.captures(lines[line])?;
    let here = place::own(&found[1]).then(|| place::at(&found[1], &found[2]));
    let at = here.or_else(|| frame(behind(lines, line).iter(), &RUBY_FRAME));
    let plain = matches!(&found[4], "RuntimeError" | "StandardError");
    let what = if plain { found[3].to_owned() } else { format!("{} ({})", &found[3], &found[4]) };
    Some(Found::new(line, what, at))
}

fn php(lines: &[&str], line: usize) -> Option<Found> {
    let found = PHP.captures(lines[line])?;
    let at = text(&found, 2).zip(text(&found, 3)).map(|(file, number)| place::at(file, number));
    Some(Found::new(line, said(&found[1]), at))
}

fn dotnet(lines: &[&str], line: usize) -> Option<Found> {
    let found = DOTNET.captures(lines[line])?;
    let what = found[1].split_once(": ").map_or(&found[1], |(_, message)| message);
    Some(Found::new(line, what, frame(behind(lines, line).iter(), &DOTNET_FRAME)))
}

fn elixir(lines: &[&str], line: usize) -> Option<Found> {
    let what = ELIXIR.find(lines[line])?.as_str().trim_start_matches("** ");
    Some(Found::new(line, what, frame(behind(lines, line).iter(), &ELIXIR_FRAME)))
}

/// What the shell that starts the app can't start.
fn shell(lines: &[&str], line: usize) -> Option<Found> {
    let found = SHELL.captures(lines[line])?;
    Some(Found::new(line, format!("{}: {}", &found[1], &found[2]), None))
}

/// Spring says what to do itself.
fn spring(lines: &[&str], line: usize) -> Option<Found> {
    SPRING.find(lines[line])?;
    let trace = behind(lines, line);
    let after = |title: &str| {
        let from = trace.iter().position(|text| *text == title)? + 1;
        let found = trace[from..].iter().position(|text| !text.is_empty())? + from;
        Some((found, trace[found].to_owned()))
    };
    let (found, what) = after("Description:")?;
    let next = after("Action:").map(|(_, next)| next);
    Some(Found { next, ..Found::new(line + 1 + found, what, None) })
}

fn memory(lines: &[&str], line: usize) -> Option<Found> {
    MEMORY.find(lines[line])?;
    Some(Found::new(line, lines[line].trim(), None))
}
