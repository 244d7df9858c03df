//! Within a crate, data flows one way: no two modules import each other, directly or through others. A parent's
//! `mod.rs` and its children count as one side; tests may import what they like.

#![expect(clippy::unwrap_used, reason = "test code")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Crates whose modules are looked at.
const CRATES: [&str; 16] = [
    "functions/act",
    "functions/advise",
    "functions/collect-metrics",
    "functions/console",
    "functions/deploy-step",
    "functions/learn",
    "functions/notify",
    "functions/receive-feedback",
    "functions/register",
    "functions/send-feedback",
    "functions/sextant",
    "functions/sweep",
    "shared/forecast",
    "shared/host",
    "shared/inspect",
    "shared/machine",
];

/// Arrows of circles that are known: the engine asks whether a folder is of the format before it, which only the migration
/// knows, and the migration writes through the engine.
const KNOWN: [(&str, &str, &str); 1] = [("shared/machine", "engine", "migrate")];

/// A module's path within its crate, such as `["customer", "check"]`.
type Module = Vec<String>;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

fn module(src: &Path, file: &Path) -> Module {
    let inside = file.strip_prefix(src).unwrap().with_extension("");
    let mut module: Module = inside.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
        module.pop();
    }
    module
}

/// The text without comments and without what is only compiled for tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join(" ")
}

/// Every path that the text names from `crate` or `super` on, braces spread out.
fn named(text: &str) -> Vec<Module> {
    let mut named = vec![];
    for start in ["crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':' || c == '$') {
                continue;
            }
            spread(&text[at..], &mut vec![], &mut named);
        }
    }
    named
}

/// Follows one path, into its braces where it has some. Answers what comes after it.
fn spread<'a>(mut text: &'a str, path: &mut Module, named: &mut Vec<Module>) -> &'a str {
    let depth = path.len();
    loop {
        text = text.trim_start();
        if let Some(inner) = text.strip_prefix('{') {
            text = inner;
            while !text.trim_start().starts_with('}') && !text.trim_start().is_empty() {
                text = spread(text, path, named).trim_start();
                text = text.strip_prefix(',').unwrap_or(text);
            }
            text = text.trim_start().strip_prefix('}').unwrap_or("");
            break;
        }
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        path.push(text[..end].to_owned());
        text = &text[end..];
        match text.strip_prefix("::") {
            Some(more) => text = more,
            None => {
                named.push(path.clone());
                // `as NAME`, `*`, or nothing that belongs to it.
                let renamed = text.trim_start().strip_prefix("as ").map(str::trim_start);
                text = renamed
                    .map_or(text, |name| name.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'));
                text = text.strip_prefix('*').unwrap_or(text);
                break;
            }
        }
    }
    path.truncate(depth);
    text
}

/// The module of the crate that a path leads into.
fn target(from: &Module, path: &Module, all: &BTreeSet<Module>) -> Option<Module> {
    let mut at = if path[0] == "crate" { vec![] } else { from.clone() };
    for part in path.iter().skip(usize::from(path[0] == "crate")) {
        if part == "super" {
            at.pop();
            continue;
        }
        at.push(part.clone());
        if !all.contains(&at) {
            at.pop();
            break;
        }
    }
    let one_side = at.starts_with(from) || from.starts_with(&at);
    (!one_side).then_some(at)
}

fn imports(root: &Path) -> BTreeMap<Module, BTreeSet<Module>> {
    let src = root.join("src");
    let mut files = vec![];
    sources(&src, &mut files);
    files.retain(|file| {
        !file.strip_prefix(&src).unwrap().iter().any(|part| part.to_str().unwrap().contains("tests"))
    });
    let all: BTreeSet<Module> = files.iter().map(|file| module(&src, file)).collect();
    let of = |file: &PathBuf| {
        let from = module(&src, file);
        let to = named(&code(file)).iter().filter_map(|path| target(&from, path, &all)).collect();
        (from, to)
    };
    files.iter().map(of).collect()
}

/// A way from a module back to itself.
fn circle(from: &Module, imports: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<Module>> {
    let mut ways = vec![vec![from.clone()]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for next in imports.get(way.last().unwrap()).into_iter().flatten() {
            let further = [way.clone(), vec![next.clone()]].concat();
            if next == from {
                return Some(further);
            }
            if seen.insert(next.clone()) {
                ways.push(further);
            }
        }
    }
    None
}

#[test]
fn no_two_modules_import_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = vec![];
    for name in CRATES {
        let mut imports = imports(&root.join(name));
        for (_, from, to) in KNOWN.iter().filter(|(of, ..)| *of == name) {
            let known = imports.get_mut(&vec![(*from).to_owned()]).unwrap();
            assert!(known.remove(&vec![(*to).to_owned()]), "{name}: {from} doesn't import {to} any more");
        }
        let edges: usize = imports.values().map(BTreeSet::len).sum();
        assert!(imports.len() < 3 || edges > 0, "{name}: nothing was read of {} modules", imports.len());
        for module in imports.keys() {
            if let Some(way) = circle(module, &imports) {
                found.push(format!(
                    "{name}: {}",
                    way.iter().map(|one| one.join("::")).collect::<Vec<_>>().join(" -> ")
                ));
            }
        }
    }
    assert!(found.is_empty(), "circles of imports:\n{}", found.join("\n"));
}

#[test]
fn paths_are_read_as_the_compiler_does() {
    let text = "use crate::{ a::{self, B}, c, d::e::F as G, }; fn x() { super::h::i(); other::crate_::x(); }";
    let named: Vec<String> = named(text).iter().map(|path| path.join("::")).collect();
    assert_eq!(named, ["crate::a::self", "crate::a::B", "crate::c", "crate::d::e::F", "super::h::i"]);
}
