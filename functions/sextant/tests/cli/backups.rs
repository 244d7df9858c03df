//! `sextant backup` while a server runs, `sextant restore` elsewhere, folders that lack a part, and disks that are full.

use crate::program::{Ran, Server, get, run, sextant, until};
use serde_json::{Value, json};
use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::Stdio,
};

const PASSPHRASE: &str = "correct horse battery staple";

fn sealed(data: &Path, arguments: &[&str]) -> Ran {
    let file = data.with_file_name("passphrase");
    fs::write(&file, PASSPHRASE).unwrap();
    run(data, &[arguments, &["--passphrase-file", file.to_str().unwrap(), "--json"]].concat())
}

#[test]
fn what_was_registered_is_backed_up_while_it_runs_and_restored_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let (data, other, file) =
        (folder.path().join("data"), folder.path().join("other"), folder.path().join("backup"));
    let mut server = Server::on(&data, &[]);
    let register = || {
        server.run(&["invoke", "register", "--example"]).json()["decision_id"].as_str().unwrap().to_owned()
    };
    let decisions: Vec<String> = (0..3).map(|_| register()).collect();
    let backed = sealed(&data, &["backup", file.to_str().unwrap()]);
    assert_eq!(backed.code, 0, "{}{}", backed.out, backed.err);
    assert!(backed.json()["contents"]["documents"].as_u64().unwrap() >= 3, "{}", backed.out);
    let again = sealed(&data, &["backup", file.to_str().unwrap()]);
    assert!(again.code == 1 && again.err.contains("there already"), "{}", again.err);
    let later = register();
    assert_eq!(server.stop(), 0);

    let restored = sealed(&other, &["restore", file.to_str().unwrap()]);
    assert_eq!(restored.code, 0, "{}{}", restored.out, restored.err);
    assert_eq!(restored.json()["contents"], backed.json()["contents"]);
    for key in ["token.key", "wrapping.key"] {
        assert_eq!(fs::read(data.join(key)).unwrap(), fs::read(other.join(key)).unwrap(), "{key}");
    }
    let mut server = Server::on(&other, &[]);
    let known = |id: &str| {
        let (route, id) = ("GET /api/v1/decisions/{id}", format!("id={id}"));
        server.run(&["invoke", "console", "--route", route, "--path", &id]).code
    };
    for decision in &decisions {
        assert_eq!(known(decision), 0, "{decision}");
    }
    assert_eq!(known(&later), 1, "registered after the backup");
    assert_eq!(server.stop(), 0);

    // Of a folder that nothing runs on.
    let cold = folder.path().join("cold");
    assert_eq!(sealed(&data, &["backup", cold.to_str().unwrap()]).code, 0);
    let refused = sealed(&other, &["restore", cold.to_str().unwrap()]);
    assert!(refused.code == 1 && refused.err.contains("nothing is restored over it"), "{}", refused.err);
    let short = sextant(&data)
        .args(["backup", folder.path().join("x").to_str().unwrap()])
        .env("SEXTANT_BACKUP_PASSPHRASE", "short")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(short.status.code(), Some(2), "{short:?}");
}

/// Each of these started in silence with less.
#[test]
fn a_folder_that_lacks_a_part_is_refused_with_the_way_to_restore_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut server = Server::on(&data, &[]);
    assert_eq!(server.run(&["invoke", "register", "--example"]).code, 0);
    assert_eq!(server.stop(), 0);
    let up = |data: &Path| run(data, &["up", "--port", "0", "--ingress-port", "0"]);
    for part in ["wrapping.key", "token.key", "store/journal-0000000001", "store/checkpoint"] {
        let aside = folder.path().join("aside");
        fs::rename(data.join(part), &aside).unwrap();
        let refused = up(&data);
        assert!(
            refused.code == 1 && refused.err.contains("restore"),
            "{part}: {} {}",
            refused.code,
            refused.err
        );
        assert!(!data.join(part).exists(), "{part} was made anew");
        fs::rename(&aside, data.join(part)).unwrap();
    }
    let token = run(&data, &["token"]);
    assert_eq!(token.code, 0, "{}", token.err);
    let mut server = Server::on(&data, &[]);
    let port = server.told["url"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    assert_eq!(until("readiness", || get(port, "localhost", "/readyz")).0, 200);
    assert_eq!(server.run(&["list"]).code, 0);
    assert_eq!(server.stop(), 0);
}

/// A full disk: requests are refused and readiness is red; once there is room all goes on by itself, with nothing lost.
#[test]
fn a_full_disk_is_said_and_gets_well_again() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut server) = Server::on_small_disk(&folder.path().canonicalize().unwrap().join("data"), 48)
    else {
        let demanded = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!demanded, "`unshare -rm` and a tmpfs are needed for this test");
        return;
    };
    let port = server.told["url"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    let ready = || get(port, "localhost", "/readyz").unwrap();
    let told: Value = serde_json::from_slice(&fs::read(server.data.join("up.json")).unwrap()).unwrap();
    let token = told["token"].as_str().unwrap().to_owned();
    let register = |decision: &str| post(port, &token, decision);
    assert_eq!((register("before"), ready().0), (200, 200));
    let filler = server.data.join("filler");
    let mut full = fs::File::create(&filler).unwrap();
    while full.write_all(&[0; 4096]).is_ok() {}
    // What was reserved for the journal is used up first.
    let mut n = 0;
    while register(&format!("d-{n}")) == 200 {
        n += 1;
        assert!(n < 5_000, "the disk isn't full");
    }
    let red = ready();
    assert!(red.0 == 503 && red.1.contains("detail"), "{red:?}");
    drop(full);
    fs::remove_file(&filler).unwrap();
    until("readiness", || (ready().0 == 200).then_some(()));
    assert_eq!(register("after"), 200);
    for id in ["before", "d-0", &format!("d-{}", n - 1), "after"] {
        let (route, id) = ("GET /api/v1/decisions/{id}", format!("id={id}"));
        let known = server.run(&["invoke", "console", "--route", route, "--path", &id]);
        assert_eq!(known.code, 0, "{id}: {}", known.err);
    }
    assert_eq!(server.stop(), 0);
}

/// Registers a decision; the status of the answer.
fn post(port: u16, token: &str, decision: &str) -> u16 {
    let body = json!({
        "decision_id": decision, "user_id": "ada", "session_id": "s-1", "gcp_project_id": "shop-prod",
        "gcp_credentials": "{\"type\":\"service_account\",\"private_key\":\"not a real one\"}",
        "deployment_region": "europe-west1", "recommended_architecture": "cloud-run", "recommended_cost": 12.5,
    })
    .to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let head = format!(
        "POST /api/v1/deployments/register HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nauthorization: Bearer {token}\r\ncontent-type: \
         application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}
