//! Variables that the app cannot do without: read in the code without another answer for their absence, or listed in
//! an example of an `.env` file.

use std::collections::BTreeMap;

use crate::names;
use crate::plan::{App, Draft, Origin};
use crate::text;

/// Every variable, with the place that needs it; none where the code has an answer for its absence.
pub(super) type Variables = BTreeMap<String, Option<Origin>>;

/// How sure it is that the app ends without a variable.
pub(crate) const SURE: f64 = 0.95;

/// What stands in front of a variable's name where code reads it.
const READS: [&str; 16] = [
    "process.env",
    "Bun.env",
    "Deno.env.get(",
    "environ[",
    "environ.get(",
    "etenv(",
    "env::var(",
    "ENV.fetch(",
    "ENV[",
    "fetch_env!(",
    "get_env(",
    "GetEnvironmentVariable(",
    "$_ENV[",
    ".environment[",
    "Environment.get(",
    "Environment.require(",
];

/// What code says when it gives up.
const GIVES_UP: [&str; 9] = ["throw", "raise", "panic", "atal", "exit(", "abort", "die(", "error(", "Err("];

/// What gives a variable a value where it has none.
const SETS: [&str; 2] = ["environ.setdefault(", "ENV.store("];

/// Adds what a source file reads.
pub(super) fn collect(app: &App, file: &str, content: &str, out: &mut Variables) {
    for read in READS {
        let (mut line, mut counted) = (1, 0);
        for at in text::hits(content, read).take(500) {
            line += content[counted..at].matches('\n').count();
            counted = at;
            let rest = text::clipped(&content[at + read.len()..], 600);
            let Some((name, rest)) = name_after(read, rest) else { continue };
            if !in_comment(content, at) {
                let needed = is_needed(read, content, at, rest);
                add(out, name, needed.then(|| app.origin(file, Some(line), 0.6)));
            }
        }
    }
    for set in SETS {
        for at in text::hits(content, set).take(500) {
            if let Some((name, _)) = name_after(set, text::clipped(&content[at + set.len()..], 200)) {
                add(out, name, None);
            }
        }
    }
    of_schema(app, file, content, out);
    if text::has_end(file, "py") {
        of_pydantic(app, file, content, out);
    }
}

/// A default anywhere means that the app has an answer for the variable's absence.
fn add(out: &mut Variables, name: &str, origin: Option<Origin>) {
    let known = out.entry(name.to_owned()).or_insert_with(|| origin.clone());
    if origin.is_none() {
        *known = None;
    }
}

/// Raises what is needed to what is certainly needed; where the code has an answer, that stays.
pub(super) fn surely(app: &App, name: &str, file: &str, line: usize, out: &mut Variables) {
    if let Some(Some(origin)) = out.get_mut(name)
        && origin.confidence < SURE
    {
        *origin = app.origin(file, Some(line), SURE);
    }
}

fn in_comment(content: &str, at: usize) -> bool {
    let line = text::line_before(content, at).trim_start();
    ["//", "#", "*", "/*", "--", ";;"].iter().any(|mark| line.starts_with(mark))
}

/// The name, and what follows it and its closing quote.
fn name_after<'c>(read: &str, rest: &'c str) -> Option<(&'c str, &'c str)> {
    let bare = !read.ends_with(['(', '[']);
    let start = if bare {
        rest.strip_prefix('.').or_else(|| rest.strip_prefix('[')?.strip_prefix(['"', '\'', '`']))?
    } else {
        rest.trim_start().strip_prefix(['"', '\''])?
    };
    let end = start.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(start.len());
    let (name, after) = start.split_at(end);
    names::is_variable_name(name).then(|| (name, after.trim_start_matches(['"', '\'', '`'])))
}

fn is_needed(read: &str, content: &str, at: usize, rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or_default();
    let after = line.trim_start();
    if let Some(second) = after.strip_prefix(',') {
        // A second argument is the default.
        return ["None", "nil", "null", "undefined"]
            .iter()
            .any(|nothing| second.trim_start().starts_with(nothing));
    }
    let after = after.trim_start_matches([')', ']', '!', ' ']);
    if read == "env::var(" {
        return [".expect(", ".unwrap()", "?", ".context(", ".with_context("]
            .iter()
            .any(|must| after.starts_with(must));
    }
    let head = text::line_before(content, at);
    let following: String = rest.lines().take(3).collect::<Vec<_>>().join("\n");
    let gives_up = GIVES_UP.iter().any(|word| following.contains(word));
    if has_other_answer(after) || is_tested(head) {
        return gives_up;
    }
    let tested_below = rest.lines().skip(1).take(2).any(is_test_of_absence);
    !tested_below || gives_up
}

/// What follows when the code has another value for absence, tests for it, or sets the variable.
fn has_other_answer(after: &str) -> bool {
    let optional = after.starts_with('?') && !after.starts_with("?.");
    let set = after.starts_with('=') && !after.starts_with("==");
    optional
        || set
        || after.starts_with("?.") && after.contains("?:")
        || ["||", "??", "==", "!=", "&&", "or ", "{", "do ", "do\n", "if ", "in "]
            .iter()
            .any(|mark| after.starts_with(mark))
}

fn is_tested(head: &str) -> bool {
    let head = head.trim_start().trim_start_matches("} ");
    ["if ", "if(", "elif ", "else if", "unless ", "while ", "when "].iter().any(|word| head.starts_with(word))
        || head.trim_end().ends_with(['!', '='])
            && (head.contains("!!") || head.contains("==") || head.contains("!="))
        || ["&& ", "? "].iter().any(|mark| head.ends_with(mark))
}

fn is_test_of_absence(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("if")
        && ["== \"\"", "== ''", "is None", "if not ", "(!", "== nil", "== null", "=== undefined", ".empty"]
            .iter()
            .any(|mark| line.contains(mark))
}

/// Schemas of zod and envalid: `DATABASE_URL: z.string().url(),`.
fn of_schema(app: &App, file: &str, content: &str, out: &mut Variables) {
    if !content.contains("process.env") && !content.contains("createEnv(") {
        return;
    }
    const KINDS: [&str; 9] = ["z.", "str(", "url(", "num(", "port(", "bool(", "email(", "host(", "json("];
    for (index, line) in content.lines().enumerate().take(2_000) {
        let Some((name, kind)) = line.trim().split_once(':') else { continue };
        let kind = kind.trim_start();
        if !names::is_variable_name(name) || !KINDS.iter().any(|known| kind.starts_with(known)) {
            continue;
        }
        let optional = [".optional()", ".default(", "default:", ".nullish()", ".catch("]
            .iter()
            .any(|mark| kind.contains(mark));
        let origin = app.origin(file, Some(index + 1), 0.75);
        // What the schema demands is needed, whoever else reads it.
        out.insert(name.to_owned(), (!optional).then_some(origin));
    }
}

/// Fields of `class Settings(BaseSettings)` that have a type and no value.
fn of_pydantic(app: &App, file: &str, content: &str, out: &mut Variables) {
    if !content.contains("BaseSettings") {
        return;
    }
    let prefix = content
        .split_once("env_prefix")
        .and_then(|(_, rest)| rest.split(['"', '\'']).nth(1))
        .unwrap_or_default();
    let mut inside = false;
    for (index, line) in content.lines().enumerate().take(5_000) {
        let indented = line.starts_with([' ', '\t']);
        if !indented && !line.trim().is_empty() {
            inside = line.starts_with("class ") && line.contains("BaseSettings");
            continue;
        }
        let deeper = line.len() - line.trim_start().len() > 4;
        let Some((name, kind)) = line.trim().split_once(':').filter(|_| inside && !deeper) else { continue };
        let plain = !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with('_');
        if !plain
            || kind.contains('=')
            || kind.contains("None")
            || kind.contains("ClassVar")
            || kind.trim().is_empty()
        {
            continue;
        }
        let name = format!("{prefix}{name}").to_ascii_uppercase();
        if name != "MODEL_CONFIG" && names::is_variable_name(&name) {
            add(out, &name, Some(app.origin(file, Some(index + 1), 0.75)));
        }
    }
}

/// `${NAME}` in the settings of Spring, Quarkus and their like; `${NAME:value}` has an answer.
pub(super) fn of_settings(app: &App, out: &mut Variables) {
    let files = ["application.properties", "application.yml", "application.yaml", "application.conf"];
    for file in files.map(|name| format!("src/main/resources/{name}")) {
        let content = app.text(&file).unwrap_or_default();
        for (at, _) in content.match_indices("${").take(500) {
            let rest = &content[at + 2..];
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let name = &rest[..end];
            if names::is_variable_name(name) && !in_comment(&content, at) {
                let origin = app.origin(&file, Some(text::line_at(&content, at)), 0.75);
                add(out, name, rest[end..].starts_with('}').then_some(origin));
            }
        }
    }
}

const EXAMPLES: [&str; 7] = [
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    "env.example",
    "example.env",
    ".env.local.example",
];

/// What every app of Laravel has an answer for in its own configuration.
const LARAVEL: [&str; 17] = [
    "APP_",
    "LOG_",
    "DB_",
    "CACHE_",
    "SESSION_",
    "QUEUE_",
    "BROADCAST_",
    "FILESYSTEM_",
    "REDIS_",
    "MAIL_",
    "AWS_",
    "VITE_",
    "BCRYPT_",
    "PHP_CLI_",
    "MEMCACHED_",
    "PUSHER_",
    "SANCTUM_",
];

/// Variables that an example of an `.env` file lists, unless the code has a default for them.
pub(super) fn of_example(app: &App, draft: &Draft, out: &mut Variables) {
    let laravel = draft.report.framework.as_deref() == Some("laravel");
    for (name, _, origin) in example(app) {
        let answered = laravel && name != "APP_KEY" && LARAVEL.iter().any(|prefix| name.starts_with(prefix));
        if !answered {
            out.entry(name).or_insert(Some(origin));
        }
    }
}

/// `PORT=3000` in the example.
pub(super) fn port_of_example(app: &App) -> Option<(u16, Origin)> {
    let (_, value, origin) = example(app).into_iter().find(|(name, ..)| name == "PORT")?;
    let port = value.trim_matches(['"', '\'']).parse().ok().filter(|port| *port > 0)?;
    Some((port, origin))
}

fn example(app: &App) -> Vec<(String, String, Origin)> {
    let Some(file) = app.first(&EXAMPLES) else { return Vec::new() };
    let content = app.text(file).unwrap_or_default();
    let lines = content.lines().enumerate().take(2_000).filter_map(|(index, line)| {
        let line = line.trim();
        let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
        let (name, value) = (name.trim(), value.split(" #").next().unwrap_or_default().trim());
        names::is_variable_name(name)
            .then(|| (name.to_owned(), value.to_owned(), app.origin(file, Some(index + 1), 0.7)))
    });
    lines.collect()
}

/// Claims what is needed, and marks what looks like a secret.
pub(super) fn claim(draft: &mut Draft, variables: Variables) {
    for (name, origin) in variables {
        if let Some(origin) = origin {
            draft.need(&name, origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    fn needed(content: &str) -> Vec<String> {
        let folder = tempfile::TempDir::new().expect("a folder");
        let tree = Tree::open(folder.path(), crate::Limits::default()).expect("a tree");
        let mut out = Variables::new();
        collect(&App::new(&tree, ""), "a.py", content, &mut out);
        out.into_iter().filter_map(|(name, origin)| origin.map(|_| name)).collect()
    }

    #[test]
    fn what_has_no_other_answer_is_needed() {
        for text in [
            "const a = process.env.AA;",
            "const a = process.env['AA']",
            "const a = process.env.AA!;",
            "if (!process.env.AA) throw new Error('AA')",
            "const a = process.env.AA ?? raise('AA')",
            "a = os.environ['AA']",
            "a = os.getenv(\"AA\")",
            "a = os.environ.get('AA', None)",
            "a := os.Getenv(\"AA\")\nif a == \"\" {\n\tlog.Fatal(\"AA\")\n}",
            "env::var(\"AA\").expect(\"AA\")",
            "ENV.fetch(\"AA\")",
            "System.fetch_env!(\"AA\")",
            "System.getenv(\"AA\")",
            "AA: z.string().url(), // process.env",
            "class S(BaseSettings):\n    aa: str\n    bb: int = 1\n",
        ] {
            assert_eq!(needed(text), ["AA"], "{text}");
        }
    }

    #[test]
    fn what_has_another_answer_is_not() {
        for text in [
            "process.env.AA || 'x'",
            "process.env.AA ?? 1",
            "process.env.AA ? 1 : 2",
            "if (process.env.AA) {}",
            "process.env.AA = 1",
            "// process.env.AA",
            "os.environ.get('AA', 'x')",
            "os.getenv('AA') or 'x'",
            "a := os.Getenv(\"AA\")\nif a == \"\" {\n\ta = \"x\"\n}",
            "env::var(\"AA\").unwrap_or_default()",
            "ENV.fetch(\"AA\", 1)",
            "ENV.fetch(\"AA\") { 1 }",
            "ENV[\"AA\"] || 1",
            "process.env.aa",
            "process.env[key]",
            "AA: z.string().optional(), // process.env",
        ] {
            assert!(needed(text).is_empty(), "{text}");
        }
    }
}
