//! `sextant serve FUNCTION`.

use crate::program::{get, until};
use std::{
    fs,
    net::TcpListener,
    process::{Command, Stdio},
};

#[test]
fn settings_that_make_no_sense_are_refused_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for (name, value, says) in [
        ("SEXTANT_KEEP_DAYS", "7", "from 31"),
        ("SEXTANT_PUSH_AUDIENCE", "https://x.run.app", "--push-account"),
        ("SEXTANT_PUSH_ACCOUNT", "pusher@x", "--push-audience"),
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sextant"));
        command.env_clear().env("SEXTANT_DATA", folder.path()).env("PORT", "0").env(name, value);
        let ran = command.args(["serve", "sweep"]).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert!(ran.status.code() == Some(2) && said.contains(says), "{name}: {said}");
    }
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
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
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
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
