//! `sextant serve FUNCTION,FUNCTION`.

use crate::program::{get, until};
use std::{
    fs,
    net::TcpListener,
    process::{Child, Command, Stdio},
};

/// `serve` with this environment and no other, to its end; its exit code and what it said.
fn refused(functions: &str, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sextant"));
    command.env_clear().env("HOME", folder.path()).env("PORT", "0").envs(variables.iter().copied());
    let ran = command.args(["serve", functions]).stdin(Stdio::null()).output().unwrap();
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "it began before it refused: {left:?}");
    (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
}

#[test]
fn settings_that_make_no_sense_are_refused_at_the_start() {
    for (name, value, says) in [
        ("SEXTANT_KEEP_DAYS", "7", "from 31"),
        ("SEXTANT_PUSH_AUDIENCE", "https://x.run.app", "SEXTANT_PUSH_ACCOUNT"),
        ("SEXTANT_PUSH_ACCOUNT", "pusher@x", "SEXTANT_PUSH_AUDIENCE"),
        ("SEXTANT_KEEPDAYS", "90", "did you mean `SEXTANT_KEEP_DAYS`"),
        ("SEXTANT_DATABASE", "(default)", "place `gcp`"),
        ("SEXTANT_PLACE", "aws", "`machine` or `gcp`"),
        ("SEXTANT_TOKEN_KEY", "hunter2", "at least 32"),
        ("PORT", "http", "0 to 65535"),
    ] {
        let key = ("SEXTANT_TOKEN_KEY", "0123456789abcdef0123456789abcdef");
        let variables: Vec<_> = [key].into_iter().chain([(name, value)]).collect();
        let (code, said) = refused("sweep", &variables);
        assert!(code == Some(2) && said.contains(name) && said.contains(says), "{name}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn on_cloud_run_it_does_not_start_without_a_place() {
    for variable in ["K_SERVICE", "CLOUD_RUN_JOB"] {
        let (code, said) = refused("register", &[(variable, "sextant-door")]);
        assert!(code == Some(2) && said.contains(variable) && said.contains("SEXTANT_PLACE=gcp"), "{said}");
    }
}

#[cfg(not(feature = "gcp"))]
#[test]
fn a_build_for_one_machine_says_which_build_the_cloud_needs() {
    let (code, said) = refused("advise", &[("SEXTANT_PLACE", "gcp")]);
    assert!(code == Some(2) && said.contains("--features gcp"), "{said}");
}

#[test]
fn an_emulator_alone_switches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(env!("CARGO_BIN_EXE_sextant"));
    command.env_clear().env("SEXTANT_DATA", folder.path()).env("PORT", port.to_string());
    command.env("FIRESTORE_EMULATOR_HOST", format!("127.0.0.1:{closed}"));
    let mut child =
        command.args(["serve", "sweep"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let host = format!("127.0.0.1:{port}");
    // The machine's own store answers; an emulator behind a closed port would not.
    assert_eq!(until("the store", || get(port, &host, "/readyz")).0, 200);
    stop(&mut child);
}

#[test]
fn several_functions_share_one_port() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let host = format!("127.0.0.1:{port}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sextant"));
    command.env_clear().env("SEXTANT_DATA", folder.path()).env("PORT", port.to_string());
    command.args(["serve", "console,receive-feedback,register"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert_eq!(until("the health route", || get(port, &host, "/healthz")).0, 200);
    // One route of each: the page's style, a link that nobody sent, a token that nobody has.
    assert_eq!(get(port, &host, "/assets/console.css").unwrap().0, 200);
    assert_eq!(get(port, &host, "/feedback/unknown").unwrap().0, 404);
    assert_eq!(get(port, &host, "/api/v1/deployments").unwrap().0, 401);
    assert_eq!(get(port, &host, "/api/v1/decisions").unwrap().0, 405);
    stop(&mut child);
}

/// Stops it as a service manager would.
fn stop(child: &mut Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn pushes_that_google_did_not_sign_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let host = format!("127.0.0.1:{port}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sextant"));
    command.env_clear().env("SEXTANT_DATA", folder.path()).env("PORT", port.to_string());
    command.env("SEXTANT_PUSH_AUDIENCE", "https://x.run.app").env("SEXTANT_PUSH_ACCOUNT", "pusher@x");
    let mut child =
        command.args(["serve", "sweep"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    assert_eq!(until("the health route", || get(port, &host, "/healthz")).0, 200);
    let refused = get(port, &host, "/push/sweep.deployments?token=x").unwrap();
    assert!(refused.0 == 401 && refused.1.contains("bears no token"), "{refused:?}");
    stop(&mut child);
}

#[test]
fn a_function_answers_before_anything_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let host = format!("127.0.0.1:{port}");
    // As a platform starts it: told by its environment, the function's name right after `serve`.
    let mut command = Command::new(env!("CARGO_BIN_EXE_sextant"));
    command.env_clear().env("SEXTANT_DATA", &data).env("PORT", port.to_string());
    command.args(["serve", "register", "--push-token", "only-for-this-test"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let health = until("the health route", || get(port, &host, "/healthz"));
    assert_eq!(health.0, 200);
    let opened: Vec<_> = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(opened, ["token.key"], "only the key is read before the first request");
    assert_eq!(get(port, &host, "/api/v1/deployments").unwrap().0, 405);
    assert_eq!(get(port, "evil.example", "/openapi.json").unwrap().0, 421);
    assert_eq!(get(port, &host, "/push/register.x?token=wrong").unwrap().0, 401);
    assert_eq!(get(port, &host, "/readyz").unwrap().0, 200);
    assert!(data.join("store").exists());
    stop(&mut child);
}
