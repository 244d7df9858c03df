//! Statements outside of every function and condition that end the app where a variable is absent.

use crate::{names, text};

/// Lines behind a read in which its test is looked for.
const TEST: usize = 8;
/// Lines of a block that may give up.
const BLOCK: usize = 5;

/// Those of one file, with their lines.
pub(super) fn in_file(file: &str, content: &str) -> Vec<(String, usize)> {
    match file.rsplit('.').next() {
        Some("py") => of_python(content),
        Some("js" | "mjs" | "cjs" | "ts" | "mts" | "cts") => of_script(&text::without_comments(content)),
        Some("go") => of_main(&text::without_comments(content), "func main() {", '\t', go),
        Some("rs") => of_main(&text::without_comments(content), "fn main(", ' ', rust),
        _ => vec![],
    }
}

fn is_top(line: &str) -> bool {
    !line.is_empty() && !line.starts_with([' ', '\t', '#', ')', ']', '}'])
}

/// The statements of the block that a line opens: those as far in as its first.
fn block<'l>(lines: &'l [&'l str], at: usize) -> impl Iterator<Item = &'l str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let depth = lines.get(at + 1).map_or(0, |line| indent(line));
    let inner = |line: &&&str| line.is_empty() || line.starts_with([' ', '\t']);
    let block = lines[at + 1..].iter().take_while(inner).take(BLOCK).copied();
    block.filter(move |line| depth > 0 && indent(line) == depth)
}

/// Whether a statement ends the process, and does nothing else.
fn gives_up(line: &str) -> bool {
    let ends = ["throw ", "raise ", "process.exit(", "sys.exit(", "exit(", "os.Exit(", "panic(", "log.Fatal"];
    let line = line.trim_start_matches([' ', '\t', ')', '{']);
    ends.iter().any(|end| line.starts_with(end)) && !line.contains("exit(0)") && !line.contains("exit()")
}

fn of_python(content: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = content.lines().collect();
    let mut found = Vec::new();
    let mut text = false;
    for (at, line) in lines.iter().enumerate() {
        let quoted = !(line.matches("\"\"\"").count() + line.matches("'''").count()).is_multiple_of(2);
        let inside = text;
        text ^= quoted;
        if inside || quoted || !is_top(line) {
            continue;
        }
        if let Some(tested) = line.strip_prefix("if ").and_then(|line| line.trim_end().strip_suffix(':')) {
            if let Some(name) = absent_python(tested, &lines[..at])
                && block(&lines, at).any(gives_up)
            {
                found.push((name, at + 1));
            }
        } else if let Some(name) = demanded(line) {
            found.push((name, at + 1));
        }
    }
    found
}

/// `X = os.environ["X"]`, with nothing about it that makes it conditional.
fn demanded(line: &str) -> Option<String> {
    const DOUBTS: [&str; 12] = [
        " if ", " else ", " and ", " or ", "lambda", " for ", "def ", "class ", "with ", "while ", "del ",
        "@",
    ];
    let (before, rest) = line.split_once("environ[")?;
    let name = rest.strip_prefix(['"', '\''])?.split(['"', '\'']).next()?;
    let after = rest.get(name.len() + 2..)?.strip_prefix(']')?.trim_start();
    let set = after.starts_with('=') && !after.starts_with("==");
    let plain = is_given(before);
    let doubtful = DOUBTS.iter().any(|doubt| line.contains(doubt)) || before.contains('#');
    (plain && !set && !doubtful).then(|| name.to_owned())
}

/// `NAME = os.` or `NAME: str = os.`, a plain statement.
fn is_given(before: &str) -> bool {
    let Some((left, right)) = before.split_once('=') else { return false };
    let name = left.split(':').next().unwrap_or_default().trim();
    let module = right.trim().trim_end_matches('.');
    let keyword = ["try", "else", "if", "elif", "return"].contains(&name);
    let word = |text: &str| text.chars().all(|c| c.is_alphanumeric() || c == '_');
    !name.is_empty() && !keyword && word(name) && word(module)
}

/// The variable whose absence alone is tested for.
fn absent_python(tested: &str, above: &[&str]) -> Option<String> {
    let tested = tested.trim().trim_start_matches('(').trim_end_matches(')').trim();
    if let Some(rest) = tested.strip_suffix(" not in os.environ") {
        return Some(rest.trim_matches(['"', '\'']).to_owned());
    }
    let read = tested.strip_prefix("not ").or_else(|| tested.strip_suffix(" is None"))?.trim();
    let quoted = |call: &str| {
        let name = read.strip_prefix(call)?.strip_prefix(['"', '\''])?;
        let name = name.trim_end_matches(')').strip_suffix(['"', '\''])?;
        Some(name.to_owned())
    };
    quoted("os.environ.get(").or_else(|| quoted("os.getenv(")).or_else(|| {
        let from = above.len().saturating_sub(TEST);
        above[from..].iter().rev().find_map(|line| {
            let (left, right) = line.split_once('=')?;
            let right = right.trim();
            let call = ["os.environ.get(", "os.getenv("].iter().find_map(|call| right.strip_prefix(call))?;
            let name = call.strip_suffix(')')?.trim_matches(['"', '\'']);
            (left.trim() == read && names::is_variable_name(name)).then(|| name.to_owned())
        })
    })
}

fn of_script(content: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = content.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| is_top(line)) {
        let Some(rest) = line.strip_prefix("if (").or_else(|| line.strip_prefix("if(")) else { continue };
        let Some(end) =
            rest.find(") ").or_else(|| rest.find("){")).or_else(|| rest.strip_suffix(')').map(str::len))
        else {
            continue;
        };
        let tested = &rest[..end];
        if tested.contains("&&") || tested.contains('(') {
            continue;
        }
        if gives_up(&rest[end..]) || block(&lines, at).any(gives_up) {
            let names = rest[..end].split("||").map(|part| absent_script(part.trim(), &lines[..at]));
            // One part that isn't understood may be what it depends on; each of the others still ends it.
            found.extend(names.flatten().map(|name| (name, at + 1)));
        }
    }
    found
}

/// `!process.env.X`, or `!x` where `x` was read from it just above.
fn absent_script(part: &str, above: &[&str]) -> Option<String> {
    let read = part
        .strip_prefix('!')
        .or_else(|| ["=== undefined", "== null"].iter().find_map(|test| part.strip_suffix(test)))?
        .trim();
    let direct = |text: &str| {
        let name = text.trim_end_matches(';').trim().strip_prefix("process.env.")?;
        names::is_variable_name(name).then(|| name.to_owned())
    };
    direct(read).or_else(|| {
        let from = above.len().saturating_sub(TEST);
        above[from..].iter().rev().find_map(|line| {
            let (left, right) = line.strip_prefix("const ")?.split_once('=')?;
            (left.split(':').next()?.trim() == read).then(|| direct(right.trim()))?
        })
    })
}

type Reads = fn(&[&str], usize) -> Option<String>;

/// What the statements of `main` itself demand: those one step in.
fn of_main(content: &str, main: &str, indent: char, read: Reads) -> Vec<(String, usize)> {
    let lines: Vec<&str> = content.lines().collect();
    let Some(from) = lines.iter().position(|line| !line.starts_with(indent) && line.contains(main)) else {
        return vec![];
    };
    let width = if indent == '\t' { 1 } else { 4 };
    let inside = lines[from + 1..].iter().take_while(|line| !line.starts_with('}')).count();
    let own = |at: &usize| lines[*at].len() - lines[*at].trim_start_matches(indent).len() == width;
    (from + 1..from + 1 + inside).filter(own).filter_map(|at| Some((read(&lines, at)?, at + 1))).collect()
}

/// `x := os.Getenv("X")`, then `if x == "" {` that gives up.
fn go(lines: &[&str], at: usize) -> Option<String> {
    let (variable, rest) = lines[at].trim().split_once(" := os.Getenv(\"")?;
    let name = rest.strip_suffix("\")")?;
    let test = format!("if {variable} == \"\" {{");
    let tested = lines.get(at + 1).is_some_and(|line| line.trim() == test);
    (tested && lines.get(at + 2).is_some_and(|line| gives_up(line))).then(|| name.to_owned())
}

/// `let x = env::var("X").expect("…");`
fn rust(lines: &[&str], at: usize) -> Option<String> {
    let (before, rest) = lines[at].split_once("env::var(\"")?;
    let (name, after) = rest.split_once("\")")?;
    let must = [".expect(", ".unwrap()"].iter().any(|must| after.starts_with(must));
    (must && before.trim_start().starts_with("let ") && !before.contains("if ") && !before.contains('|'))
        .then(|| name.to_owned())
}
