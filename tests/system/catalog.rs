//! What is derived from the functions' declarations is what is checked in: the catalog that Terraform reads, the API's
//! document, the README's table.

use serde_json::Value;
use std::{fs, path::PathBuf, process::Command};

/// The binary's own list.
#[path = "../../functions/sextant/src/functions.rs"]
#[expect(dead_code, reason = "a part is enough here")]
mod functions;

fn printed(arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_sextant")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn root(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(file)
}

#[test]
fn nothing_is_declared_twice() {
    let all = functions::all();
    assert_eq!(host::catalog::defects(&all), Vec::<String>::new());
    assert_eq!(host::openapi::collisions(&all), Vec::<String>::new());
    let names: Vec<&str> = all.iter().map(|function| function.name).collect();
    let expected = "register deploy-step collect-metrics advise send-feedback receive-feedback learn notify act sweep console";
    for name in expected.split(' ') {
        assert!(names.contains(&name), "`{name}` is not among the functions: {names:?}");
    }
}

#[test]
fn terraform_reads_what_is_declared() {
    let declared = printed(&["catalog", "--json"]);
    let file = root("infra/catalog.json");
    let written = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        serde_json::from_str::<Value>(&written).ok().as_ref() == Some(&declared),
        "infra/catalog.json is not what the functions declare; refresh it with \
         `cargo run -- catalog --json > infra/catalog.json`"
    );
}

/// A change of the API shows in review; take it over with `cargo insta accept`, or `INSTA_UPDATE=always`.
#[test]
fn the_api_is_the_one_that_was_reviewed() {
    insta::assert_json_snapshot!("openapi", printed(&["openapi"]));
}

#[test]
fn the_readme_lists_the_functions() {
    let Ok(readme) = fs::read_to_string(root("README.md")) else {
        // There is none yet; from its first day on its table must hold.
        return;
    };
    let (_, after) =
        readme.split_once("<!-- functions -->").expect("README.md has a marker for the functions");
    let (table, _) = after.split_once("<!-- /functions -->").expect("README.md ends its table of functions");
    let printed = host::catalog::markdown_table(&functions::all());
    assert!(
        table.trim() == printed.trim(),
        "the README's table of functions is stale; put this between its markers:\n{printed}"
    );
}
