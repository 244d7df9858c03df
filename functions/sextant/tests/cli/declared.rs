//! What a function declares is what its code does: ports that it is handed, settings that it reads.

use crate::program::{root, run, sources};
use host::{Port, setting::TABLE};
use serde_json::Value;

/// The functions of the catalog, each with its code: tests and white space left out.
fn functions() -> Vec<(Value, String)> {
    let folder = tempfile::tempdir().unwrap();
    let catalog = run(folder.path(), &["catalog", "--json"]).json();
    let code = |function: &Value| {
        let folder = root().join("functions").join(function["name"].as_str().unwrap()).join("src");
        let files = sources(&folder).into_iter().filter(|(path, _)| !path.ends_with("tests.rs"));
        let text: String = files.map(|(_, text)| text).collect();
        text.split_whitespace().collect()
    };
    let all = catalog["functions"].as_array().unwrap();
    all.iter().map(|function| (function.clone(), code(function))).collect()
}

fn holds(list: &Value, word: &str) -> bool {
    list.as_array().unwrap().iter().any(|entry| entry == word)
}

#[test]
fn ports_that_code_calls_are_declared_and_no_others() {
    for (function, code) in functions() {
        for port in Port::ALL {
            let called = code.contains(&format!("ports.{port}."))
                || match port {
                    Port::Keys => code.contains("seal::seal(") || code.contains("seal::open("),
                    // Answers and messages go through the host as well.
                    Port::Store | Port::Broker if holds(&function["ports"], &port.to_string()) => continue,
                    _ => false,
                };
            assert_eq!(
                holds(&function["ports"], &port.to_string()),
                called,
                "`{}` and its port {port}: is it declared, is it called?",
                function["name"]
            );
        }
    }
}

#[test]
fn settings_that_code_reads_name_it_as_their_reader() {
    let mut read = 0;
    for (function, code) in functions() {
        let name = function["name"].as_str().unwrap();
        for setting in TABLE {
            let reads = code.contains(&format!("settings.{}", setting.name))
                || match setting.name {
                    "crash_at" => code.contains(".crash_point("),
                    "token_key" => function["door"] == "public",
                    "smtp" | "mail_from" => holds(&function["ports"], "mailer"),
                    _ => false,
                };
            let reader = setting.readers.contains(&name);
            assert_eq!(
                reader, reads,
                "`{name}` and the setting `{}`: is it a reader, does it read?",
                setting.name
            );
            read += u32::from(reads);
        }
    }
    assert!(read > 10, "nothing was looked at");
}
