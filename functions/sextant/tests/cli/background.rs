//! `up` in the background, for others than this machine, as a unit of systemd, and what serves once it has ended.

use crate::program::{Server, app, get, run, sextant, until};
use std::fs;
use tempfile::tempdir;

const FREE: [&str; 4] = ["--port", "0", "--ingress-port", "0"];

#[test]
fn up_goes_on_in_the_background_until_down() {
    let folder = tempdir().unwrap();
    let (data, app) = (folder.path().join("data"), app(folder.path()));
    let up = run(&data, &[&["--json", "up", "--detach"][..], &FREE].concat());
    assert_eq!(up.code, 0, "{}{}", up.out, up.err);
    let told = up.json();
    let (port, pid) = (told["ingress_port"].as_u64().unwrap() as u16, told["pid"].as_u64().unwrap());
    assert_eq!(run(&data, &["deploy", app.to_str().unwrap(), "--strategy", "instant"]).code, 0);
    assert_eq!(get(port, "app.localhost", "/").unwrap().0, 200);
    let session = |pid: u64| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit(") ").next().unwrap().split(' ').nth(3).unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(session(pid), pid, "it leads a session of its own, which no terminal ends");
    let again = run(&data, &[&["up", "--detach"][..], &FREE].concat());
    assert!(again.code == 1 && again.err.contains("already"), "{}{}", again.out, again.err);

    let down = run(&data, &["down"]);
    assert_eq!(down.code, 0, "{}{}", down.out, down.err);
    assert!(down.out.contains("These apps go on") && down.out.contains("down --apps"), "{}", down.out);
    let address = down.out.split("http://127.0.0.1:").nth(1).unwrap();
    let own: u16 = address.split_whitespace().next().unwrap().parse().unwrap();
    assert_eq!(get(own, "anything", "/").unwrap().0, 200, "where it says that the app serves, it does");
    assert!(get(port, "app.localhost", "/").is_none(), "the ingress is gone");

    let apps = run(&data, &["--json", "down", "--apps"]);
    assert_eq!((apps.code, &apps.json()["apps"][0]), (0, &"app".into()), "{}", apps.err);
    until("the app's end", || get(own, "anything", "/").is_none().then_some(()));
    let nothing = run(&data, &["down"]);
    assert!(nothing.code == 3 && nothing.err.contains("isn't running"), "{}", nothing.err);
}

/// What a file says of a server that was killed may be another's process by now.
#[test]
fn down_ends_nobody_elses_process() {
    let folder = tempdir().unwrap();
    let data = folder.path().join("data");
    assert_eq!(run(&data, &[&["up", "--fresh", "--detach"][..], &FREE].concat()).code, 0);
    let address = fs::read_to_string(data.join("up.json")).unwrap();
    let down = run(&data, &["down", "--apps"]);
    assert_eq!(down.code, 0, "at once, though it was running: {}", down.err);
    let mut other = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let mut address: serde_json::Value = serde_json::from_str(&address).unwrap();
    address["pid"] = other.id().into();
    fs::write(data.join("up.json"), address.to_string()).unwrap();
    let nobody = run(&data, &["down"]);
    assert_eq!(nobody.code, 3, "{}{}", nobody.out, nobody.err);
    assert!(other.try_wait().unwrap().is_none(), "it lives");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_start_in_the_background_that_fails_says_why() {
    let folder = tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let up = run(folder.path(), &["up", "--detach", "--port", &port, "--ingress-port", "0"]);
    assert!(up.code == 1 && up.err.contains(&format!("port {port}")), "{}{}", up.out, up.err);
}

#[test]
fn others_reach_it_by_its_name_and_nobody_by_another() {
    let folder = tempdir().unwrap();
    let app = app(folder.path());
    let server = Server::on(&folder.path().join("data"), &["--stop-apps", "--host", "box.test"]);
    let url = server.told["url"].as_str().unwrap();
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    assert!(server.told["sign_in"].as_str().unwrap().starts_with(&format!("http://box.test:{port}/")));
    let answers = |host: &str| get(port, &format!("{host}:{port}"), "/").unwrap().0;
    assert_eq!((answers("box.test"), answers("127.0.0.1"), answers("evil.test")), (401, 401, 421));
    let deployed = server.run(&["deploy", app.to_str().unwrap(), "--strategy", "instant", "--json"]);
    let ingress = server.ingress();
    assert_eq!(deployed.json()["url"], format!("http://app.box.test:{ingress}"), "{}", deployed.err);
    for host in [format!("app.box.test:{ingress}"), "app.localhost".to_owned()] {
        assert_eq!(get(ingress, &host, "/").unwrap().0, 200, "{host}");
    }
    assert_eq!(get(ingress, "app.evil.test", "/").unwrap().0, 404);
}

#[test]
fn a_unit_for_systemd_starts_the_same_command() {
    let folder = tempdir().unwrap();
    let home = folder.path().join("home");
    // Root's unit belongs to the system; here a user's is looked at.
    let mut command = std::process::Command::new("unshare");
    let program = sextant(&folder.path().join("data"));
    command.args(["--user", "--map-user=1000"]).arg(program.get_program()).args(program.get_args());
    let ran = command.args(["up", "--install", "--port", "8090"]).env("HOME", &home).output();
    let Some(ran) = ran.ok().filter(|ran| ran.status.success()) else {
        eprintln!("skipped: user namespaces aren't allowed here");
        return;
    };
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(said.contains("systemctl --user daemon-reload"), "{said}");
    let unit = fs::read_to_string(home.join(".config/systemd/user/sextant.service")).unwrap();
    assert!(
        unit.contains("up --port 8090\n") && unit.contains("--data") && !unit.contains("--install"),
        "{unit}"
    );
}
