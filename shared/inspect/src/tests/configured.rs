//! Configuration files: which one wins, and what the report says was replaced.

use super::{report, tree};
use crate::{Options, Provider, Report, read};

const NODE: (&str, &str) = ("package.json", r#"{"scripts":{"start":"node a.js","build":"make"}}"#);

fn replaced(report: &Report, field: &str) -> Option<(String, Option<String>, String)> {
    let found = report.overrides.iter().find(|one| one.field == field)?;
    Some((found.value.clone(), found.instead_of.clone(), found.by.clone()))
}

#[test]
fn the_own_file_wins_over_everything_found_and_says_so() {
    let settings = "# ours\nport = 9000\nstart_command = \"node b.js\"\nhealth_path = \"/up\"\ncolour = \"red\"\n\
                    runtime_version = \"22\"\n[env]\nLEVEL = \"info\"\n";
    let files =
        [NODE, ("sextant.toml", settings), ("Procfile", "web: node c.js\n"), ("a.js", "server.listen(4000)")];
    let report = report(&files);
    assert_eq!(report.start_command.as_deref(), Some("node b.js"));
    assert_eq!((report.port, report.port_fixed), (Some(9000), false));
    assert_eq!(report.runtime_version.as_deref(), Some("22"));
    assert_eq!(report.run_env["LEVEL"], "info");
    let start = replaced(&report, "start_command").expect("an override");
    assert_eq!(start, ("node b.js".into(), Some("node c.js".into()), "sextant.toml".into()));
    assert_eq!(replaced(&report, "health_path").expect("an override").1, None);
    let line = report.overrides.iter().find(|one| one.field == "port").and_then(|one| one.line);
    assert_eq!(line, Some(2));
    assert!(
        report.evidence.iter().any(|one| one.claim.contains("`colour` is not a key")),
        "{:?}",
        report.evidence
    );
}

#[test]
fn a_flag_wins_over_the_own_file() {
    let folder = tree(&[NODE, ("sextant.toml", "start_command = \"node b.js\"\nprovider = \"shell\"\n")]);
    let options = Options { start_command: Some("node z.js".into()), ..Options::default() };
    let report = read(folder.path(), &options).expect("a readable tree");
    assert_eq!(report.start_command.as_deref(), Some("node z.js"));
    assert_eq!(replaced(&report, "start_command").expect("an override").2, "options");
    assert_eq!(report.provider, Some(Provider::Shell));
    assert_eq!(replaced(&report, "provider").expect("an override").1.as_deref(), Some("node"));
}

#[test]
fn files_of_other_tools_in_their_order() {
    let railpack =
        ("railpack.json", r#"{"deploy":{"startCommand":"one"},"packages":{"node":"20"},"provider":"node"}"#);
    let nixpacks = (
        "nixpacks.toml",
        "providers = [\"python\"]\n[start]\ncmd = \"two\"\n[phases.build]\ncmds = [\"a\", \"b\"]\n",
    );
    let project = ("project.toml", "[[build.env]]\nname = \"GOOGLE_ENTRYPOINT\"\nvalue = \"three\"\n");
    let engine = ("app.yaml", "runtime: nodejs18\nentrypoint: four\nenv_variables:\n  A: 'b'\n");
    let all = report(&[NODE, railpack, nixpacks, project, engine]);
    assert_eq!(all.start_command.as_deref(), Some("one"));
    assert_eq!(all.build_command.as_deref(), Some("a && b"));
    assert_eq!((all.provider, all.runtime_version.as_deref()), (Some(Provider::Node), Some("18")));
    // A version in another tool's spelling stands below the language's own files.
    assert_eq!(report(&[NODE, railpack]).runtime_version.as_deref(), Some("20"));
    assert_eq!(report(&[NODE, railpack, (".nvmrc", "22")]).runtime_version.as_deref(), Some("22"));
    assert_eq!(report(&[NODE, nixpacks, project, engine]).start_command.as_deref(), Some("two"));
    assert_eq!(report(&[NODE, project, engine]).start_command.as_deref(), Some("three"));
    let last = report(&[NODE, engine]);
    assert_eq!((last.start_command.as_deref(), last.runtime_version.as_deref()), (Some("four"), Some("18")));
    assert_eq!(last.run_env["A"], "b");
    assert!(last.overrides.is_empty(), "only flags and the own file override");
}

#[test]
fn a_broken_file_is_named_and_passed_over() {
    let report = report(&[NODE, ("sextant.toml", "port = "), ("railpack.json", "{ no")]);
    assert_eq!(report.start_command.as_deref(), Some("npm run start"));
    for name in ["sextant.toml", "railpack.json"] {
        let claim = format!("{name} is ignored");
        assert!(report.evidence.iter().any(|one| one.claim.starts_with(&claim)), "{name}");
    }
}

#[test]
fn the_own_file_picks_and_configures_an_app_of_a_monorepo() {
    let files = [
        ("package.json", r#"{"workspaces":["apps/*"],"scripts":{"start":"node root.js"}}"#),
        ("apps/one/package.json", r#"{"name":"one","scripts":{"start":"node one.js"}}"#),
        ("apps/two/package.json", r#"{"name":"two","scripts":{"start":"node two.js"}}"#),
        ("sextant.toml", "app = \"two\"\n[apps.\"apps/two\"]\nport = 3100\n"),
    ];
    let report = report(&files);
    assert_eq!(report.app.as_deref(), Some("apps/two"));
    assert_eq!(report.port, Some(3100));
}

#[test]
fn a_static_folder_stays_inside() {
    let inside = report(&[NODE, ("sextant.toml", "static_dir = \"./site/\"\nspa = true\n")]);
    assert_eq!((inside.static_site, inside.spa, inside.static_dir.as_deref()), (true, true, Some("site")));
    let outside = report(&[NODE, ("sextant.toml", "static_dir = \"../other\"\n")]);
    assert!(!outside.static_site);
}

#[test]
fn every_flag_wins_and_is_listed() {
    let folder = tree(&[
        (
            "package.json",
            r#"{"engines":{"node":"18"},"dependencies":{"express":"4"},"scripts":{"start":"node a.js"}}"#,
        ),
        ("a.js", "app.get('/health', f); app.listen(process.env.PORT || 3000)"),
    ]);
    let options = Options {
        framework: Some("koa".into()),
        package_manager: Some("pnpm".into()),
        runtime_version: Some("22".into()),
        install_command: Some("make deps".into()),
        build_command: Some("make".into()),
        start_command: Some("node z.js".into()),
        port: Some(9000),
        health_path: Some("/up".into()),
        ..Options::default()
    };
    let report = read(folder.path(), &options).expect("a readable tree");
    let overridden: Vec<_> = report
        .overrides
        .iter()
        .map(|one| (one.field.as_str(), one.value.as_str(), one.instead_of.as_deref().unwrap_or("-")))
        .collect();
    let expected = [
        ("framework", "koa", "express"),
        ("package_manager", "pnpm", "npm"),
        ("runtime_version", "22", "18"),
        ("start_command", "node z.js", "pnpm run start"),
        ("build_command", "make", "-"),
        ("install_command", "make deps", "pnpm install"),
        ("health_path", "/up", "/health"),
        ("port", "9000", "3000"),
    ];
    assert_eq!(overridden, expected);
    assert!(report.overrides.iter().all(|one| one.by == "options" && one.line.is_none()));
}

#[test]
fn a_folder_of_files_by_flag_stops_whatever_would_start() {
    let folder = tree(&[NODE, ("Procfile", "web: node b.js\n"), ("site/index.html", "x")]);
    let options = Options { static_dir: Some("./site/".into()), ..Options::default() };
    let report = read(folder.path(), &options).expect("a readable tree");
    assert_eq!(
        (report.static_site, report.static_dir.as_deref(), report.start_command),
        (true, Some("site"), None)
    );
    assert!(report.alternatives.iter().any(|other| other.value == "node b.js"));
    assert_eq!(report.overrides[0].field, "static_dir");
}

#[test]
fn an_app_by_flag_says_what_it_replaced() {
    let folder = tree(&[
        ("package.json", r#"{"workspaces":["apps/*"]}"#),
        ("apps/web/package.json", r#"{"name":"web","scripts":{"start":"node web.js"}}"#),
        ("apps/jobs/package.json", r#"{"name":"jobs","scripts":{"start":"node jobs.js"}}"#),
    ]);
    let options = Options { app: Some("jobs".into()), ..Options::default() };
    let report = read(folder.path(), &options).expect("a readable tree");
    let app = replaced(&report, "app").expect("an override");
    assert_eq!(app, ("apps/jobs".into(), Some("apps/web".into()), "options".into()));
}
