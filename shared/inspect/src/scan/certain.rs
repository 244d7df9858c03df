//! Variables without which the app certainly ends: what is read, or refused, on the way that every start goes.
//!
//! Invariant: a deployment is refused by this, so in doubt it says nothing. It follows what is imported from the file
//! that is started, and there looks at statements outside of every function and condition: what is only read, with
//! nothing set, may be of no consequence.

use super::listen;
use crate::{names, plan::App, text};
use std::{collections::BTreeSet, rc::Rc};

/// Files that are followed.
const FILES: usize = 60;
/// Lines behind a read in which its test is looked for.
const TEST: usize = 8;
/// Lines of a block that may give up.
const BLOCK: usize = 5;
/// Names that are looked for.
const NAMES: usize = 50;
/// Bytes of a line that imports.
const LONGEST: usize = 1_000;

/// A variable, and where its absence ends the app.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Certain {
    pub(super) name: String,
    pub(super) file: String,
    /// From 1.
    pub(super) line: usize,
}

/// All of them, for an app whose start command is `started`; none that a file of the tree sets, and none at all where
/// something else fills the environment.
pub(super) fn find(app: &App, sources: &[&str], started: &str) -> Vec<Certain> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    let reached = reached(app, sources, started);
    let contents: Vec<(&String, Rc<str>)> =
        reached.iter().filter_map(|file| Some((file, app.text(file)?))).collect();
    if started.contains("env-file") || contents.iter().any(|(_, content)| is_filled(content)) {
        return found;
    }
    let settings = settings(app);
    for (file, content) in contents {
        for (name, line) in in_file(file, &content) {
            let new = names::is_variable_name(&name) && known.len() < NAMES && known.insert(name.clone());
            if new && !assigns(started, &name) && !settings.iter().any(|text| assigns(text, &name)) {
                found.push(Certain { name, file: file.clone(), line });
            }
        }
    }
    found
}

/// Whether a file sets variables whose names it doesn't say.
fn is_filled(content: &str) -> bool {
    const FILLS: [&str; 9] = [
        "environ.update",
        "environ |=",
        "environ.setdefault(k",
        "Object.assign(process.env",
        "process.env[",
        "process.env =",
        "read_env(",
        "load_dotenv(",
        "dotenv",
    ];
    // `import "dotenv/config"` reads `.env`, which is looked at; a path of its own may be anywhere.
    let plain = [
        "dotenv/config\"",
        "dotenv/config'",
        "load_dotenv()",
        "import load_dotenv",
        "\"dotenv\"",
        "'dotenv'",
        "from dotenv",
    ];
    let bare = plain.iter().fold(content.to_owned(), |text, known| text.replace(known, ""));
    FILLS.iter().any(|fills| bare.contains(fills)) || bare.contains(".config({")
}

/// Texts that may set variables: a `.env` that travels, start scripts, a container's settings.
fn settings(app: &App) -> Vec<Rc<str>> {
    const FILES: [&str; 10] = [
        ".env",
        ".env.production",
        ".env.defaults",
        ".flaskenv",
        "Procfile",
        "Dockerfile",
        "start.sh",
        "entrypoint.sh",
        "ecosystem.config.js",
        "package.json",
    ];
    let named = app.files().filter(|file| text::has_end(file, "env") || file.contains(".env."));
    FILES.into_iter().chain(named.take(20)).filter_map(|file| app.text(file)).collect()
}

/// Whether a text gives a value to the name: `NAME=`, `NAME = `, `NAME: `.
fn assigns(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        let whole = !text[..at].ends_with(part);
        whole && text[at + name.len()..].trim_start_matches([' ', '"', '\'']).starts_with(['=', ':'])
    })
}

/// The files that a start reads: those that the command names, and what they import.
fn reached(app: &App, sources: &[&str], started: &str) -> BTreeSet<String> {
    let named =
        |file: &&&str| listen::runs(file, started) || loads(file, started) || is_program(app, file, started);
    let mut open: Vec<String> = sources.iter().filter(named).map(|file| (**file).to_owned()).collect();
    let mut reached = BTreeSet::new();
    while let Some(file) = open.pop() {
        if reached.len() >= FILES || !reached.insert(file.clone()) {
            continue;
        }
        let content = app.text(&file).unwrap_or_default();
        open.extend(imports(app, &file, &content).filter(|next| !reached.contains(next)));
    }
    reached
}

/// `uvicorn main:app`, `gunicorn shop.wsgi`, `python -m shop.main`: a module by its dotted name.
fn loads(file: &str, started: &str) -> bool {
    let Some(module) = file.strip_suffix(".py") else { return false };
    let module =
        module.strip_suffix("/__init__").or_else(|| module.strip_suffix("/__main__")).unwrap_or(module);
    started.split_whitespace().any(|word| {
        let word = word.split(':').next().unwrap_or_default().replace('.', "/");
        !word.is_empty() && module == word
    })
}

/// The program of a language that is compiled, where the command starts one: others of the tree are other programs.
fn is_program(app: &App, file: &str, started: &str) -> bool {
    let starts = started.starts_with("./") || started.starts_with("target/") || started.starts_with("/app/");
    let main = |mark: &str| app.text(file).is_some_and(|content| content.contains(mark));
    starts && (file == "main.go" && main("\nfunc main()") || file == "src/main.rs")
}

/// The app's own files that a file imports at its top.
fn imports<'a>(app: &'a App, file: &'a str, content: &'a str) -> impl Iterator<Item = String> + 'a {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let plain = |line: &&str| {
        line.len() <= LONGEST
            && !line.starts_with([' ', '\t'])
            && !line.starts_with("import type")
            && !line.starts_with("export type")
    };
    content.lines().filter(plain).flat_map(move |line| {
        let candidates = if text::has_end(file, "py") { python(folder, line) } else { script(folder, line) };
        candidates.into_iter().filter(|candidate| app.has(candidate))
    })
}

/// `const x = require("./x")`, `import "./x.js"`, `export * from "./x"`.
fn script(folder: &str, line: &str) -> Vec<String> {
    let marks = ["require(", "from ", "import "];
    let Some(at) = marks.iter().find_map(|mark| line.rfind(mark).map(|at| at + mark.len())) else {
        return vec![];
    };
    let Some(path) = line[at..].trim_start().strip_prefix(['"', '\'', '`']) else { return vec![] };
    let path = path.split(['"', '\'', '`']).next().unwrap_or_default();
    let Some(path) = path.starts_with('.').then(|| join(folder, path)).flatten() else { return vec![] };
    let bare = [".js", ".mjs", ".cjs"].iter().find_map(|end| path.strip_suffix(end)).unwrap_or(&path);
    let ends = ["", ".js", ".ts", ".mjs", ".cjs", "/index.js", "/index.ts"];
    std::iter::once(path.clone()).chain(ends.iter().map(|end| format!("{bare}{end}"))).collect()
}

/// `import a.b`, `from a import b`, `from . import b`, and the settings of Django.
fn python(folder: &str, line: &str) -> Vec<String> {
    let words: Vec<&str> =
        line.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()).collect();
    let dotted = |module: &str| {
        let dots = module.bytes().take_while(|b| *b == b'.').count();
        let inner = module[dots..].replace('.', "/");
        let base = if dots > 1 { "../".repeat(dots - 1) } else { String::new() };
        if dots > 0 { join(folder, &format!("{base}{inner}")) } else { Some(inner) }
    };
    let mut modules = Vec::new();
    match words.as_slice() {
        ["import", names @ ..] => modules.extend(names.iter().filter_map(|name| dotted(name))),
        ["from", module, "import", names @ ..] => {
            let module = dotted(module).unwrap_or_default();
            let inner = names.iter().map(|name| format!("{module}/{}", name.trim_matches(['(', ')'])));
            modules.extend(inner.map(|path| path.trim_start_matches('/').to_owned()));
            modules.push(module);
        }
        _ if line.contains("DJANGO_SETTINGS_MODULE") => {
            modules.extend(line.split(['"', '\'']).nth(3).and_then(dotted));
        }
        _ => {}
    }
    let beside = |module: &String| if folder.is_empty() { None } else { Some(format!("{folder}/{module}")) };
    let all: Vec<String> = modules.iter().cloned().chain(modules.iter().filter_map(beside)).collect();
    all.iter().flat_map(|module| [format!("{module}.py"), format!("{module}/__init__.py")]).collect()
}

/// A path from the tree's root, out of a folder and a path that begins with dots.
fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Those of one file, with their lines.
fn in_file(file: &str, content: &str) -> Vec<(String, usize)> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, tree::Tree};

    fn names_of(files: &[(&str, &str)], started: &str) -> Vec<String> {
        let folder = tempfile::TempDir::new().expect("a folder");
        for (name, content) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            std::fs::write(path, content).expect("a file");
        }
        let tree = Tree::open(folder.path(), Limits::default()).expect("a tree");
        let sources: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
        find(&App::new(&tree, ""), &sources, started)
            .into_iter()
            .map(|one| format!("{}:{}:{}", one.name, one.file, one.line))
            .collect()
    }

    #[test]
    fn what_ends_every_start_is_certain() {
        for (files, started, found) in [
            (
                vec![("main.py", "import os\nDB = os.environ[\"DB_URL\"]\n")],
                "python main.py",
                "DB_URL:main.py:2",
            ),
            (
                vec![
                    ("main.py", "from config import DB\n"),
                    ("config.py", "import os\nDB = os.environ['DB_URL']\n"),
                ],
                "uvicorn main:app --port $PORT",
                "DB_URL:config.py:2",
            ),
            (
                vec![
                    (
                        "shop/wsgi.py",
                        "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
                    ),
                    ("shop/settings.py", "SECRET_KEY = os.environ['SECRET_KEY']\n"),
                ],
                "gunicorn --bind 0.0.0.0:$PORT shop.wsgi",
                "SECRET_KEY:shop/settings.py:1",
            ),
            (
                vec![(
                    "main.py",
                    "key = os.getenv('API_KEY')\n\nif not key:\n    raise RuntimeError('no key')\n",
                )],
                "python main.py",
                "API_KEY:main.py:3",
            ),
            (
                vec![
                    ("server.js", "const c = require('./config');\n"),
                    (
                        "config.js",
                        "if (!process.env.DB_URL) {\n  console.error('no');\n  process.exit(1);\n}\n",
                    ),
                ],
                "node server.js",
                "DB_URL:config.js:1",
            ),
            (
                vec![(
                    "server.js",
                    "const url = process.env.DB_URL;\nif (!url) throw new Error('DB_URL is required');\n",
                )],
                "npm start node server.js",
                "DB_URL:server.js:2",
            ),
            (
                vec![(
                    "main.go",
                    "package main\n\nfunc main() {\n\turl := os.Getenv(\"DB_URL\")\n\tif url == \"\" {\n\t\tlog.Fatal(\"x\")\n\t}\n}\n",
                )],
                "./app",
                "DB_URL:main.go:4",
            ),
            (
                vec![(
                    "src/main.rs",
                    "fn main() {\n    let url = std::env::var(\"DB_URL\").expect(\"DB_URL\");\n}\n",
                )],
                "./target/release/app",
                "DB_URL:src/main.rs:2",
            ),
        ] {
            assert_eq!(names_of(&files, started), [found], "{files:?}");
        }
    }

    #[test]
    fn in_doubt_it_says_nothing() {
        let main = |content: &str| names_of(&[("main.py", content)], "python main.py");
        for content in [
            "def f():\n    return os.environ['A_B']\n",
            "if debug:\n    A = os.environ['A_B']\n",
            "try:\n    A = os.environ['A_B']\nexcept KeyError:\n    A = 1\n",
            "A = os.environ['A_B'] if prod else 1\n",
            "os.environ['A_B'] = '1'\n",
            "A = os.environ.get('A_B')\n",
            "if not os.environ.get('A_B'):\n    print('none')\n",
            "if prod and not os.environ.get('A_B'):\n    raise E\n",
            "\"\"\"\nA = os.environ['A_B']\n\"\"\"\n",
            "# A = os.environ['A_B']\n",
        ] {
            assert!(main(content).is_empty(), "{content}");
        }
        let node = |content: &str| names_of(&[("server.js", content)], "node server.js");
        for content in [
            "const a = process.env.A_B;\n",
            "if (!process.env.A_B) {\n  console.warn('a');\n}\n",
            "if (prod && !process.env.A_B) throw new Error('x');\n",
            "function f() {\n  if (!process.env.A_B) throw 1;\n}\n",
            "if (!process.env.A_B) process.exit(0);\n",
            "// if (!process.env.A_B) throw 1\n",
            "let a = process.env.A_B;\na = a || 1;\nif (!a) throw 1;\n",
        ] {
            assert!(node(content).is_empty(), "{content}");
        }
        let aside = [("main.py", "print(1)\n"), ("seed.py", "A = os.environ['A_B']\n")];
        assert!(names_of(&aside, "python main.py").is_empty(), "nothing imports it");
        let set = [("main.py", "A = os.environ['A_B']\n"), (".env", "A_B=1\n")];
        assert!(names_of(&set, "python main.py").is_empty(), "its .env travels");
        assert!(names_of(&set[..1], "A_B=1 python main.py").is_empty());
    }

    /// What was once refused, and would have run.
    #[test]
    fn nothing_is_certain_that_another_file_or_statement_may_change() {
        for (files, started) in [
            (vec![("index.js", ""), ("infra/index.js", "if (!process.env.A_B) throw 1;\n")], "node index.js"),
            (
                vec![("server/index.js", ""), ("infra/index.js", "if (!process.env.A_B) throw 1;\n")],
                "node server/index.js",
            ),
            (vec![("main.py", ""), ("worker/main.py", "A = os.environ['A_B']\n")], "uvicorn main:app"),
            (
                vec![
                    ("main.go", "package main\n\nfunc main() {\n}\n"),
                    (
                        "cmd/migrate/main.go",
                        "package main\n\nfunc main() {\n\turl := os.Getenv(\"A_B\")\n\tif url == \"\" {\n\t\tlog.Fatal(1)\n\t}\n}\n",
                    ),
                ],
                "./app",
            ),
            (
                vec![(
                    "a.js",
                    "if (!process.env.A_B) {\n  app.post('/', () => { throw new Error('off') })\n}\n",
                )],
                "node a.js",
            ),
            (vec![("a.js", "if (x === 'on' && (!process.env.A_B || !y)) throw 1;\n")], "node a.js"),
            (vec![("a.js", "if (process.env.A_B === '') throw 1;\n")], "node a.js"),
            (
                vec![("a.js", "require('dotenv').config({ path: 'x' });\nif (!process.env.A_B) throw 1;\n")],
                "node a.js",
            ),
            (vec![("a.js", "if (!process.env.A_B) throw 1;\n"), ("prod.env", "A_B = x\n")], "node a.js"),
            (vec![("a.js", "if (!process.env.A_B) throw 1;\n")], "node --env-file=x a.js"),
            (vec![("a.py", "try: A = os.environ['A_B']\nexcept KeyError: A = 1\n")], "python a.py"),
            (vec![("a.py", "os.environ.update(vault())\nA = os.environ['A_B']\n")], "python a.py"),
            (vec![("a.py", "print('set os.environ[\"A_B\"]')\n")], "python a.py"),
            (vec![("a.py", "if not os.getenv('A_B'):\n    def f():\n        raise E\n")], "python a.py"),
            (
                vec![(
                    "src/main.rs",
                    "fn main() {\n    let key = move || std::env::var(\"A_B\").expect(\"x\");\n}\n",
                )],
                "./target/release/app",
            ),
        ] {
            assert_eq!(names_of(&files, started), Vec::<String>::new(), "{files:?}");
        }
    }

    #[test]
    fn long_lines_and_many_names_are_bounded() {
        let long = format!("from {} import {}\n", "a".repeat(400_000), "b,".repeat(300_000));
        assert!(names_of(&[("main.py", &long)], "python main.py").is_empty());
        let many: Vec<String> = (0..500).map(|n| format!("V_{n} = os.environ['V_{n}']")).collect();
        let many = many.join("\n");
        assert_eq!(names_of(&[("main.py", &many)], "python main.py").len(), NAMES);
    }

    #[test]
    fn any_text_has_an_answer() {
        for text in [
            "environ[",
            "x = environ[\"é",
            "if (",
            "if (!",
            "import",
            "from . import",
            "from .. import é",
            "if not :",
        ] {
            let _ = names_of(&[("main.py", text), ("server.js", text)], "python main.py server.js");
        }
    }
}
