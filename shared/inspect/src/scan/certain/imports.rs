//! What a file imports of the app's own files.

use crate::{plan::App, text};

/// Bytes of a line that imports.
const LONGEST: usize = 1_000;

/// The app's own files that a file imports at its top.
pub(super) fn imports<'a>(
    app: &'a App,
    file: &'a str,
    content: &'a str,
) -> impl Iterator<Item = String> + 'a {
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
