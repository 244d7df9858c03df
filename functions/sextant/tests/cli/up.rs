//! `sextant up`, and what commands make of it.

use crate::program::{Server, app, get, run, until};
use std::fs;

#[test]
fn a_deployment_from_the_first_word_to_the_way_back() {
    let folder = tempfile::tempdir().unwrap();
    let app = app(folder.path());
    let source = app.to_str().unwrap();
    let server = Server::start();
    assert_eq!(server.run(&["status", "app"]).code, 4);

    let first = server.run(&["deploy", source, "--env", "APP_VERSION=1", "--secret", "TOKEN=hunter2hunter2"]);
    assert_eq!(first.code, 0, "{}{}", first.out, first.err);
    assert!(first.err.contains("Expected: ") && first.err.contains("DEPLOYED"), "{}", first.err);
    for word in ["`app` is deployed", "URL", "Took", "Configuration", "USD a month", "Checked"] {
        assert!(first.out.contains(word), "{word}: {}", first.out);
    }
    assert!(!format!("{}{}", first.out, first.err).contains("hunter2hunter2"));
    let answer = get(server.ingress(), "app.localhost", "/").unwrap();
    assert_eq!(answer, (200, "hello from version 1\n".to_owned()));

    let second = server.run(&["deploy", source, "--env", "APP_VERSION=2", "--strategy", "instant", "--json"]);
    assert_eq!(
        (second.code, second.json()["pipeline_status"].as_str()),
        (0, Some("DEPLOYED")),
        "{}",
        second.err
    );
    let listed = server.run(&["list", "--json"]).json();
    assert_eq!(listed["deployments"].as_array().unwrap().len(), 2);
    let logs = server.run(&["logs", "app"]);
    assert!(logs.code == 0 && !logs.out.is_empty(), "{}", logs.err);
    let runtime = server.run(&["logs", "app", "--runtime"]);
    assert!(runtime.out.contains("version 2 listens"), "{}{}", runtime.out, runtime.err);

    let route = ["invoke", "console", "--route", "GET /api/v1/deployments/{id}", "--json"];
    let newest = server.run(&[&route[..], &["--example"]].concat());
    assert_eq!(newest.json()["deployment_id"], second.json()["deployment_id"], "{}", newest.err);

    let said =
        server.run(&["feedback", "app", "--type", "perfect-fit", "--satisfaction", "9", "--cost", "12.5"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert_eq!(server.run(&["status", "app", "--json"]).json()["status"], "feedback_collected");

    let back = server.run(&["rollback", "app"]);
    assert_eq!(back.code, 0, "{}{}", back.out, back.err);
    let answer = get(server.ingress(), "app.localhost", "/").unwrap();
    assert_eq!(answer.1, "hello from version 1\n");
    let again = server.run(&["rollback", second.json()["deployment_id"].as_str().unwrap()]);
    assert!(again.code == 0 && again.out.contains("Nothing changed"), "{}{}", again.out, again.err);
    let paused = server.run(&["pause", "app"]);
    assert!(paused.code == 4 && paused.err.contains("DEPLOYED"), "{}{}", paused.out, paused.err);
}

#[test]
fn what_fails_says_what_why_and_what_next() {
    let folder = tempfile::tempdir().unwrap();
    let app = folder.path().join("broken");
    fs::create_dir_all(&app).unwrap();
    fs::write(app.join("Procfile"), "web: false\n").unwrap();
    let server = Server::start();
    let failed = server.run(&["deploy", app.to_str().unwrap()]);
    assert_eq!(failed.code, 1, "{}{}", failed.out, failed.err);
    for word in ["was not deployed", "What:", "Where: stage", "Next:"] {
        assert!(failed.out.contains(word), "{word}: {}", failed.out);
    }
    let wrong = server.run(&["deploy", app.to_str().unwrap(), "--service", "No_Name"]);
    assert!(wrong.code == 2 && wrong.err.contains("No_Name"), "{}", wrong.err);
    let missing = server.run(&["deploy", "/no/such/folder"]);
    assert!(missing.code == 2 && missing.err.contains("/no/such/folder"), "{}", missing.err);
    assert_eq!(server.run(&["status", "dep_00000000000000000000"]).code, 4);
    assert_eq!(server.run(&["list", "--json"]).json()["deployments"].as_array().unwrap().len(), 1);
}

#[test]
fn one_server_a_folder_and_apps_outlive_it() {
    let folder = tempfile::tempdir().unwrap();
    let (data, app) = (folder.path().join("data"), app(folder.path()));
    let mut server = Server::on(&data, &[]);
    let other = run(&data, &["up", "--port", "0", "--ingress-port", "0"]);
    assert!(other.code == 1 && other.err.contains("already"), "{}", other.err);
    let fresh = run(&data, &["up", "--fresh", "--port", "0", "--ingress-port", "0"]);
    assert!(fresh.code == 1 && fresh.err.contains("stop it"), "{}", fresh.err);
    assert_eq!(server.run(&["deploy", app.to_str().unwrap()]).code, 0);
    assert_eq!(server.stop(), 0);
    assert_eq!(run(&data, &["list"]).code, 3);

    let mut server = Server::on(&data, &["--stop-apps"]);
    let answer = until("the adopted app", || get(server.ingress(), "app.localhost", "/"));
    assert_eq!(answer.0, 200);
    assert_eq!(server.stop(), 0);
    let stranger = folder.path().join("stranger");
    fs::create_dir_all(&stranger).unwrap();
    fs::write(stranger.join("thesis.txt"), "years of work").unwrap();
    let refused = run(&stranger, &["up", "--fresh", "--port", "0"]);
    assert!(refused.code == 1 && refused.err.contains("leaves it alone"), "{}", refused.err);
    assert!(stranger.join("thesis.txt").exists());
}

#[test]
fn a_developer_looks_behind_the_curtain() {
    let server = Server::start();
    let ticked = server.run(&["tick", "--by", "2h", "--json"]).json();
    assert_eq!(ticked["offset_ms"], 7_200_000);
    let decided = server.run(&["invoke", "register", "--example"]);
    assert!(decided.code == 0 && decided.json()["decision_id"].is_string(), "{}", decided.err);
    assert_eq!(server.run(&["invoke", "sweep", "--example"]).code, 0);
    let route = ["invoke", "console", "--route", "GET /api/v1/deployments/{id}"];
    for (more, code, says) in [
        (&[][..], 2, "--path id="),
        (&["--example"][..], 2, "deploy something first"),
        (&["--path", "name=x"][..], 2, "`{name}`"),
        (&["--path", "id=dep_1"][..], 1, "answered 404"),
        (&["--path", "id=../../healthz"][..], 1, "..%2F..%2Fhealthz"),
    ] {
        let invoked = server.run(&[&route[..], more].concat());
        assert!(
            invoked.code == code && invoked.err.contains(says),
            "{more:?} {} {}",
            invoked.code,
            invoked.err
        );
    }
    assert!(!server.run(&["messages", "--json"]).json()["messages"].as_array().unwrap().is_empty());
    assert_eq!(server.run(&["dead-letters", "--json"]).json()["dead_letters"].as_array().unwrap().len(), 0);
    assert_eq!(server.run(&["dead-letters", "replay", "7-nobody"]).code, 4);
}
