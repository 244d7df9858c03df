//! What is derived from the functions' declarations is what is checked in: the catalog that Terraform reads, the API's
//! document, the documentation's pages; and the README is short and true.

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

/// A page of the documentation that is made from the declarations.
fn is_current(page: &str, printed: &str, command: &str) {
    let file = format!("functions/console/docs/{page}");
    assert!(
        fs::read_to_string(root(&file)).unwrap_or_default() == printed,
        "{file} is not what the functions declare; refresh it with `cargo run -- {command} > {file}`"
    );
}

#[test]
fn the_pages_about_routes_and_errors_are_what_is_declared() {
    is_current("routes.md", &host::derived::routes(&functions::all()), "catalog --markdown");
    is_current("errors.md", &host::derived::errors(&functions::all()), "catalog --errors");
}

/// The `type` of a problem leads to its page only if the slug is declared.
#[test]
fn every_problem_that_the_code_names_is_declared() {
    let page = host::derived::errors(&functions::all());
    let mut sources: Vec<PathBuf> = vec![root("functions"), root("shared/host/src")];
    let mut named = 0;
    while let Some(path) = sources.pop() {
        if path.is_dir() {
            let within = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
            sources.extend(within.filter(|path| !path.ends_with("tests")));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for rest in text.split(".slug(\"").skip(1) {
                let slug = rest.split('"').next().unwrap();
                named += 1;
                assert!(
                    page.contains(&format!("\n### {slug}\n")),
                    "`{slug}` in {} is not declared",
                    path.display()
                );
            }
        }
    }
    assert!(named > 20, "only {named} were found");
}

#[test]
fn the_readme_is_short_and_its_links_lead_somewhere() {
    let readme = fs::read_to_string(root("README.md")).unwrap();
    assert!(readme.lines().count() < 200, "the README has {} lines", readme.lines().count());
    let links: Vec<&str> =
        readme.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap()).collect();
    for link in links.iter().filter(|link| !link.starts_with("https://")) {
        assert!(root(link).exists(), "the README links to {link}, which isn't there");
    }
    for page in fs::read_dir(root("functions/console/docs")).unwrap() {
        let page = format!("functions/console/docs/{}", page.unwrap().file_name().to_str().unwrap());
        assert!(links.contains(&page.as_str()), "the README has no link to {page}");
    }
}

/// Commands that `--help` lists are those that the README's table explains.
#[test]
fn the_readme_names_every_command_and_no_other() {
    let readme = fs::read_to_string(root("README.md")).unwrap();
    let table: Vec<&str> = readme.lines().skip_while(|line| *line != "| command | does |").skip(2).collect();
    let rows = table.iter().take_while(|line| line.starts_with('|')).map(|line| line.replace("\\|", " "));
    // `sextant list`, `status ID` explains `list` and `status`.
    let explained_by = |row: String| -> Vec<String> {
        let cell = row.split('|').nth(1).unwrap();
        let code = cell.split('`').skip(1).step_by(2).map(|code| code.trim_start_matches("sextant "));
        code.map(|code| code.split(' ').next().unwrap().to_owned()).collect()
    };
    let mut explained: Vec<String> = rows.flat_map(explained_by).collect();
    explained.sort();
    let help = Command::new(env!("CARGO_BIN_EXE_sextant")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let commands =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A description that goes on in the next line is indented further.
    let commands = commands.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let mut commands: Vec<String> = commands
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .filter(|name| name != "help")
        .collect();
    commands.sort();
    assert_eq!(explained, commands, "what the README explains, and what there is");
}
