//! Trees written as text, each with what its report must say: `trees/*.txt`.
//!
//! `=== name` begins a tree, lines `field: value` say what is expected, `--- path` begins a file. A field is one of
//! the report's own (`start_command`, `port`, …) with its value as text; a list is its parts joined with `, `; parts
//! that are tables are shown by their path, kind, id or value. `app_option` picks an app. All differences of all
//! trees are shown at once.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::tree;
use crate::{Options, read};

struct Case {
    name: String,
    expected: Vec<(String, String)>,
    files: Vec<(String, String)>,
}

fn cases(file: &Path) -> Vec<Case> {
    let text = fs::read_to_string(file).expect("a file of trees");
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("=== ") {
            cases.push(Case { name: name.to_owned(), expected: Vec::new(), files: Vec::new() });
            continue;
        }
        let case = cases.last_mut().expect("a name before anything else");
        if let Some(path) = line.strip_prefix("--- ") {
            case.files.push((path.to_owned(), String::new()));
        } else if let Some((_, content)) = case.files.last_mut() {
            content.push_str(line);
            content.push('\n');
        } else if let Some((field, value)) = line.split_once(':') {
            case.expected.push((field.to_owned(), value.trim().to_owned()));
        }
    }
    cases
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(table) => {
            let key = ["path", "kind", "id", "value"].into_iter().find(|key| table.contains_key(*key));
            if let Some(key) = key {
                return shown(&table[key]);
            }
            let pairs: Vec<_> = table.iter().map(|(key, value)| format!("{key}={}", shown(value))).collect();
            pairs.join(", ")
        }
        other => other.to_string(),
    }
}

fn differences(case: &Case) -> Vec<String> {
    let files: Vec<(&str, &str)> =
        case.files.iter().map(|(path, content)| (path.as_str(), content.as_str())).collect();
    let folder = tree(&files);
    let option =
        case.expected.iter().find(|(field, _)| field == "app_option").map(|(_, value)| value.clone());
    let report =
        read(folder.path(), &Options { app: option, ..Options::default() }).expect("a readable tree");
    let json = serde_json::to_value(&report).expect("serializes");
    let mut wrong = Vec::new();
    for (field, expected) in case.expected.iter().filter(|(field, _)| field != "app_option") {
        let found = json.get(field).map_or_else(|| format!("no field `{field}`"), shown);
        if found != *expected {
            wrong.push(format!("{}: {field}: {found:?}, expected {expected:?}", case.name));
        }
    }
    wrong
}

#[test]
fn every_tree_is_read_as_expected() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/tests/trees");
    let mut files: Vec<_> =
        fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    let cases: Vec<Case> = files.iter().flat_map(|file| cases(file)).collect();
    assert!(cases.len() > 150, "{} trees were found", cases.len());
    let wrong: Vec<String> = cases.iter().flat_map(differences).collect();
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
