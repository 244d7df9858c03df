//! Settings as people meet them: the table, the help, `--set`.

use crate::program::{root, run, sources};
use std::fs;

#[test]
fn the_table_is_printed_whole_and_one_by_one() {
    let folder = tempfile::tempdir().unwrap();
    let all = run(folder.path(), &["settings", "--json"]).json();
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), host::setting::TABLE.len());
    let table = run(folder.path(), &["settings"]).out;
    assert!(all.iter().all(|setting| table.contains(setting["variable"].as_str().unwrap())), "{table}");
    for name in ["keep_days", "SEXTANT_KEEP_DAYS", "keep-days"] {
        let one = run(folder.path(), &["settings", name]);
        assert!(one.out.contains("from 31 to 36500") && one.out.contains("sweep"), "{}", one.out);
    }
    let none = run(folder.path(), &["settings", "keep_weeks"]);
    assert!(none.code == 2 && none.err.contains("`keep_weeks`"), "{}", none.err);
}

#[test]
fn the_help_says_what_the_table_says() {
    let folder = tempfile::tempdir().unwrap();
    for (command, flags) in [
        ("serve", ["--streams", "--push-audience", "SEXTANT_TOKEN_KEY", "FIRESTORE_EMULATOR_HOST"]),
        ("up", ["--mail-to", "--keep-days", "--collect-minutes", "[default: 90]"]),
    ] {
        let help = run(folder.path(), &[command, "--help"]).out;
        assert!(flags.iter().all(|flag| help.contains(flag)), "{help}");
    }
    // A service parses its arguments by a shorter way; it says the same.
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_sextant")).args(["serve", "--help"]).output();
    let help = String::from_utf8(help.unwrap().stdout).unwrap();
    assert!(help.contains("--streams") && help.contains("SEXTANT_TOKEN_KEY"), "{help}");
}

#[test]
fn what_tests_set_goes_through_the_same_parser() {
    let folder = tempfile::tempdir().unwrap();
    for (set, says) in [
        ("collect_minutes=0", "a whole number from 1 to 1440"),
        ("colect_minutes=1", "did you mean `collect_minutes`"),
        ("pool=yes", "`on` or `off`"),
        ("project=acme", "place `gcp`"),
    ] {
        let refused = run(folder.path(), &["up", "--port", "0", "--set", set]);
        let name = set.split('=').next().unwrap();
        assert!(
            refused.code == 2 && refused.err.contains(name) && refused.err.contains(says),
            "{}",
            refused.err
        );
    }
    let refused = run(folder.path(), &["up", "--keep-days", "7"]);
    assert!(refused.code == 2 && refused.err.contains("`--keep-days` is `7`"), "{}", refused.err);
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing was begun");
}

#[test]
fn up_stays_on_its_machine() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::program::sextant(folder.path());
    let variables = [("SEXTANT_PLACE", "gcp"), ("GOOGLE_CLOUD_PROJECT", "acme")];
    let refused = command.args(["up", "--port", "0"]).envs(variables).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        refused.status.code() == Some(2) && said.contains("`up` runs everything on this machine"),
        "{said}"
    );
}

#[test]
fn the_page_about_settings_is_the_table() {
    let file = root().join("functions/console/docs/settings.md");
    assert!(
        fs::read_to_string(&file).unwrap_or_default() == host::setting::show::markdown(),
        "functions/console/docs/settings.md is not the table of settings; refresh it with \
         `cargo run -- settings --markdown > functions/console/docs/settings.md`"
    );
}

/// A variable that the code names and the table doesn't would be refused by `serve`, and found by nobody.
#[test]
fn no_variable_is_read_past_the_table() {
    let mut found = 0;
    for folder in
        ["functions", "shared/host/src", "shared/machine/src", "shared/gcp/src", "shared/common/src"]
    {
        for (path, text) in sources(&root().join(folder)) {
            for name in variables(&text) {
                found += 1;
                let known = host::setting::TABLE.iter().any(|setting| setting.variable == name);
                // The mark of apps on a machine is none; nor is what a test mistypes.
                let other = name == "SEXTANT_INSTANCE" || path.ends_with("tests.rs");
                assert!(known || other, "{} reads `{name}`, which is no setting", path.display());
            }
        }
    }
    assert!(found > 50, "nothing was looked at");
}

fn variables(text: &str) -> Vec<&str> {
    let name = |rest: &str| {
        rest.find(|letter: char| !letter.is_ascii_uppercase() && letter != '_').unwrap_or(rest.len())
    };
    let starts = text.match_indices("SEXTANT_").map(|(at, _)| &text[at..]);
    starts.map(|rest| &rest[..name(rest)]).filter(|found| found.len() > "SEXTANT_".len()).collect()
}
