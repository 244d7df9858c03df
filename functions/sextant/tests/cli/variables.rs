//! The variables of a service and what is done to it as a whole, by the command line.

use crate::program::{Server, app, get};
use std::fs;
use tempfile::tempdir;

const DOTENV: &str = "# ours\nexport GREETING='hello there'\nDATABASE_URL=postgres://shop:hunter2@db/shop\n\
    STRIPE_KEY=\"sk_x\"\nNEXT_PUBLIC_KEY=seen\nPORT=3000\nCERT=\"-----BEGIN\nabc\n-----END\"\n";

#[test]
fn variables_are_imported_listed_changed_and_exported() {
    let server = Server::start();
    let folder = tempdir().unwrap();
    let app = app(folder.path());
    fs::write(app.join(".env"), DOTENV).unwrap();
    let shop = ["--service", "shop"];
    let with = |arguments: &[&str]| server.run(&[arguments, &shop].concat());

    let deployed = with(&["deploy", app.to_str().unwrap(), "--strategy", "instant"]);
    assert_eq!(deployed.code, 0, "{}{}", deployed.out, deployed.err);
    let file = app.join(".env").display().to_string();
    let found = format!(
        "Found .env with 6 names, which is not sent: import with `sextant env import {file} --service shop`."
    );
    assert!(deployed.err.contains(&found), "{}", deployed.err);
    assert!(with(&["env", "list"]).out.contains("no variables"));

    let imported = with(&["env", "import", &file]);
    assert_eq!(imported.code, 0, "{}{}", imported.out, imported.err);
    for said in [
        "GREETING: plain",
        "DATABASE_URL: sealed (a password stands in it)",
        "STRIPE_KEY: sealed (by its name)",
        "NEXT_PUBLIC_KEY: plain",
        "PORT: left out",
        "CERT: plain",
        "3 plain, 2 sealed",
        "makes a revision with them",
    ] {
        assert!(imported.err.contains(said), "{said}: {}", imported.err);
    }
    assert!(imported.out.contains("`shop` is deployed"), "{}", imported.out);
    let said = [imported.out, imported.err].concat();
    assert!(!said.contains("hunter2") && !said.contains("sk_x"), "{said}");
    let again = with(&["--json", "env", "import", &file]);
    assert_eq!((again.code, &again.json()["changed"]), (0, &false.into()), "{}", again.err);

    let listed = with(&["--json", "env", "list"]).json();
    assert_eq!((&listed["version"], &listed["serving_version"]), (&1.into(), &1.into()), "{listed:#}");
    let secret =
        &listed["variables"].as_array().unwrap().iter().find(|one| one["name"] == "STRIPE_KEY").unwrap();
    assert_eq!((&secret["secret"], &secret["value"]), (&true.into(), &serde_json::Value::Null));
    assert!(with(&["env", "list"]).out.contains("hello there"));
    let names = with(&["env", "export", "--names"]).out;
    assert_eq!(names, "CERT\nDATABASE_URL\nGREETING\nNEXT_PUBLIC_KEY\nSTRIPE_KEY\n");
    let exported = with(&["env", "export"]).out;
    assert!(
        exported.contains("GREETING=\"hello there\"\n") && exported.contains("# STRIPE_KEY is a secret"),
        "{exported}"
    );

    let set = with(&["env", "set", "GREETING=hi", "--no-deploy"]);
    assert_eq!((set.code, set.out.trim()), (0, "Kept; the next deployment has them."), "{}", set.err);
    let asks = with(&["env", "unset", "CERT"]);
    assert_eq!(asks.code, 4, "{}", asks.err);
    assert!(asks.err.contains("would run without CERT") && asks.err.contains("--yes"), "{}", asks.err);
    let unset = with(&["env", "unset", "CERT", "--yes"]);
    assert_eq!(unset.code, 0, "{}{}", unset.out, unset.err);
    assert!(unset.err.contains("this one hasn't: CERT"), "{}", unset.err);
}

#[test]
fn a_file_that_cannot_be_read_is_refused_by_its_line_and_nothing_is_sent() {
    let server = Server::start();
    let folder = tempdir().unwrap();
    let file = folder.path().join(".env");
    let file = file.to_str().unwrap();
    for (text, says) in
        [("A=1\nhunter2\n", "line 2"), ("A=1\ndb-url=x\n", "use `DB_URL`"), ("PORT=1\n", "sets nothing")]
    {
        fs::write(file, text).unwrap();
        let refused = server.run(&["env", "import", file, "--service", "shop"]);
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(refused.err.contains(says) && !refused.err.contains("hunter2"), "{}", refused.err);
    }
    assert_eq!(server.run(&["env", "list", "--service", "shop"]).code, 4, "there is no such service");
    let mistyped = server.run(&["env", "set", "A=1", "--service", "shop"]);
    assert!(mistyped.code == 4 && mistyped.err.contains("--new"), "{}", mistyped.err);
    let first = server.run(&["env", "set", "A=1", "--service", "shop", "--new"]);
    assert!(
        first.code == 0 && first.out.contains("its first deployment has them"),
        "{}{}",
        first.out,
        first.err
    );
}

#[test]
fn a_service_is_stopped_started_redeployed_and_deleted() {
    let server = Server::start();
    let folder = tempdir().unwrap();
    let app = app(folder.path());
    let deployed = server.run(&[
        "--json",
        "deploy",
        app.to_str().unwrap(),
        "--service",
        "shop",
        "--strategy",
        "instant",
    ]);
    let id = deployed.json()["deployment_id"].as_str().unwrap().to_owned();
    let visit = || get(server.ingress(), "shop.localhost", "/").unwrap().0;
    for (command, says, status) in [
        ("stop", "is stopped", 503),
        ("stop", "stopped already", 503),
        ("start", "runs again", 200),
        ("restart", "was restarted", 200),
    ] {
        let done = server.run(&[command, "shop"]);
        assert_eq!(done.code, 0, "{command}: {}", done.err);
        assert!(done.out.contains(says), "{command}: {}", done.out);
        assert_eq!(visit(), status, "{command}");
    }
    let again = server.run(&["redeploy", &id, "--strategy", "instant"]);
    assert_eq!(again.code, 0, "{}{}", again.out, again.err);
    assert!(again.err.contains("Expected: Without a build"), "{}", again.err);

    let asks = server.run(&["delete", "shop"]);
    assert_eq!((asks.code, visit()), (2, 200), "{}", asks.err);
    for said in ["Goes: `shop`", "Stays:", "--yes"] {
        assert!(asks.err.contains(said), "{said}: {}", asks.err);
    }
    let deleted = server.run(&["delete", "shop", "--yes"]);
    assert_eq!((deleted.code, visit()), (0, 404), "{}", deleted.err);
    assert!(deleted.out.contains("`shop` is deleted"), "{}", deleted.out);
    assert_eq!(server.run(&["stop", "shop"]).code, 4);
    let held = server.run(&["resume", &id]);
    assert_eq!(held.code, 4, "{}{}", held.out, held.err);
}
