//! A folder that is sent from another place: by the command line, by hand, by half, by somebody else, and by somebody
//! who means harm.

use crate::system;
use futures::{StreamExt as _, stream};
use model::port::source::Digest;
use reqwest::{Body, Method};
use serde_json::{Value, json};
use std::{fs, io::Read as _, path::Path, time::Duration};
use tests::system::{Killed, PATIENCE, System, client::Reply};

/// A folder, packed as a client packs it.
fn packed(folder: &Path) -> (Digest, Vec<u8>) {
    let tree = archive::walk(folder, &archive::Rules::default()).unwrap();
    let mut bytes = Vec::new();
    let contents = archive::pack(&tree, &mut bytes, archive::Limits::default(), &mut |_| {}).unwrap();
    (contents.digest, bytes)
}

async fn send(system: &System, digest: &str, bytes: impl Into<Body>, token: &str) -> Result<Reply, Killed> {
    let request = system.request(Method::POST, "/api/v1/sources", token).body(bytes);
    system.send(request.header("x-sextant-digest", format!("sha256={digest}"))).await
}

/// Where sources leave anything.
fn left(system: &System) -> Vec<String> {
    let folders = ["sources/work", "sources/trees", "objects/sources", "objects/~new"];
    let mut open: Vec<_> = folders.iter().map(|name| system.data().join(name)).collect();
    let mut files = vec![];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else {
                files.push(entry.path().display().to_string());
            }
        }
    }
    files
}

#[tokio::test]
async fn the_command_line_sends_a_folder_to_a_server_elsewhere() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    fs::write(app.folder.join(".env"), "A=1\nB=2\n").unwrap();
    fs::create_dir(app.folder.join("node_modules")).unwrap();
    fs::write(app.folder.join("node_modules/x.js"), "x").unwrap();
    // All that the client knows of the server is its address and a token; its data folder is another one.
    let elsewhere = system.work().join("client");
    let (folder, url) = (app.folder.display().to_string(), system.address().url.clone());
    let token = system.token("local", "deployer").await;
    let deploy = |release: &'static str| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sextant"));
        command.arg("--data").arg(&elsewhere).args(["--json", "--server", &url, "--token", &token]);
        command.args(["deploy", &folder, "--service", "shop", "--strategy", "instant", "--env", release]);
        async move { command.kill_on_drop(true).output().await.unwrap() }
    };
    let first = deploy("RELEASE=v1").await;
    let (out, err) = (String::from_utf8_lossy(&first.stdout), String::from_utf8_lossy(&first.stderr));
    assert!(first.status.success(), "{out}{err}");
    assert!(err.contains("Packed and sent 5 files"), "{err}");
    assert!(
        err.contains("Left out: node_modules.") && err.contains("Found .env with 2 names, which is not sent"),
        "{err}"
    );
    let deployed: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (deployed["pipeline_status"].as_str(), deployed["source"]["kind"].as_str()),
        (Some("DEPLOYED"), Some("archive"))
    );
    assert_eq!(deployed["archive"]["files"], 5);
    assert_eq!(app.builds("v1"), 1);
    let second = deploy("RELEASE=v2").await;
    let err = String::from_utf8_lossy(&second.stderr);
    assert!(second.status.success() && err.contains("the server has it already"), "{err}");
    Ok(())
}

#[tokio::test]
async fn what_is_sent_by_hand_is_checked_kept_and_deployed() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let (digest, bytes) = packed(&app.folder);
    let owner = system.address().token.clone();
    let look = format!("/api/v1/sources/{digest}");
    system.get(&look).await?.expect(404);
    // Half of it, then all of it: the first left nothing in the way of the second.
    let (slug, detail) =
        send(&system, digest.as_str(), bytes[..bytes.len() / 2].to_vec(), &owner).await?.problem(422);
    assert!(slug == "archive-refused" && detail.contains("too early"), "{detail}");
    assert_eq!(left(&system), Vec::<String>::new());
    let sent = send(&system, digest.as_str(), bytes.clone(), &owner).await?.expect(201);
    assert_eq!((sent["digest"].as_str(), sent["files"].as_u64()), (Some(digest.as_str()), Some(5)));
    assert_eq!(send(&system, digest.as_str(), bytes.clone(), &owner).await?.expect(200), sent);
    assert_eq!(system.get(&look).await?.expect(200), sent);

    let mut order = app.order("v1");
    order.as_object_mut().unwrap().remove("path");
    order["source"] = json!({"kind": "archive", "digest": digest, "origin": {"commit": "c".repeat(40), "message": "A change", "author": "Ann"}});
    let deployed = system.rest(&system.deploy(&order).await?).await?;
    assert_eq!(deployed["pipeline_status"], "DEPLOYED", "{deployed:#}");
    assert_eq!(deployed["commit"], "c".repeat(40));
    assert_eq!(deployed["archive"]["origin"]["message"], "A change");

    // Another tenant knows the digest and has nothing of it.
    let stranger = system.token("stranger", "owner").await;
    let seen = system.send(system.request(Method::GET, &look, &stranger)).await?;
    assert_eq!(seen.problem(404).0, "not-found");
    let refused =
        system.send(system.request(Method::POST, "/api/v1/deployments", &stranger).json(&order)).await?;
    let (_, detail) = refused.problem(422);
    assert!(detail.contains("source.digest") && detail.contains("no archive"), "{detail}");
    let viewer = system.token("local", "viewer").await;
    send(&system, digest.as_str(), bytes, &viewer).await?.problem(403);
    Ok(())
}

#[tokio::test]
async fn what_is_no_honest_archive_is_refused_and_leaves_nothing() -> Result<(), Killed> {
    let system = system().start().await;
    let owner = system.address().token.clone();
    let app = system.app("shop");
    let (digest, bytes) = packed(&app.folder);
    let other = "0".repeat(64);
    for header in ["", "sha256=", "sha256=xyz", "md5=00", &other] {
        let request = system.request(Method::POST, "/api/v1/sources", &owner).body(bytes.clone());
        let (_, detail) = system.send(request.header("x-sextant-digest", header)).await?.problem(422);
        assert!(detail.contains("x-sextant-digest"), "{detail}");
    }
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "up", "../../../../etc").unwrap();
    let link = zstd::encode_all(tar.into_inner().unwrap().as_slice(), 3).unwrap();
    let bomb = zstd::encode_all(std::io::repeat(0).take(200 << 20), 3).unwrap();
    for (data, said) in
        [(bytes, digest.as_str()), (b"no archive".to_vec(), "can't be read"), (link, "`up`"), (bomb, "")]
    {
        let (slug, detail) = send(&system, &other, data, &owner).await?.problem(422);
        assert!(slug == "archive-refused" && detail.contains(said), "{detail}");
    }
    assert_eq!(left(&system), Vec::<String>::new());
    Ok(())
}

/// Neither Sextant's own folder nor what holds it or lies in it, and it is said at once.
#[tokio::test]
async fn the_data_folder_is_refused_before_anything_begins() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    for path in [system.data(), system.data().join("objects"), system.work().to_owned()] {
        let mut order = app.order("v1");
        order["path"] = json!(path);
        let (_, detail) = system.post("/api/v1/deployments", &order).await?.problem(422);
        assert!(detail.contains("data folder") && detail.contains("\"path\""), "{detail}");
    }
    assert_eq!(system.get("/api/v1/deployments").await?.expect(200)["deployments"], json!([]));
    Ok(())
}

/// Killed in the middle of an upload, and while a deployment of another one is built: the half leaves nothing, the whole
/// one is deployed.
#[tokio::test]
async fn killed_while_it_takes_an_archive() -> Result<(), Killed> {
    let mut system = system().start().await;
    let owner = system.address().token.clone();
    let app = system.app("shop");
    let (digest, bytes) = packed(&app.folder);
    let half: Result<_, std::io::Error> = Ok(bytes[..bytes.len() / 2].to_vec());
    let stalled = Body::wrap_stream(stream::iter([half]).chain(stream::pending()));
    let request = system.request(Method::POST, "/api/v1/sources", &owner).body(stalled);
    let request = request.header("x-sextant-digest", format!("sha256={digest}"));
    let sending = tokio::spawn(request.send());
    let under_way = async {
        while left(&system).is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, under_way).await.expect("the upload never began");
    system.kill().await;
    assert!(sending.await.unwrap().is_err());
    assert!(!left(&system).is_empty(), "it died in the middle");
    system.restart(None).await;
    assert_eq!(left(&system), Vec::<String>::new());

    let owner = system.address().token.clone();
    send(&system, digest.as_str(), bytes, &owner).await?.expect(201);
    let hold = system.hold("v1");
    let mut order = app.order_with("v1", "HOLD", &hold.path.display().to_string());
    order.as_object_mut().unwrap().remove("path");
    order["source"] = json!({"kind": "archive", "digest": digest});
    let id = system.deploy(&order).await?;
    system.wait_for(&id, |event| event.is_log("building v1")).await?;
    system.kill().await;
    hold.release().await;
    system.restart(None).await;
    let deployed = system.rest(&id).await?;
    assert_eq!(deployed["pipeline_status"], "DEPLOYED", "{deployed:#}");
    assert_eq!(app.builds("v1"), 1);
    Ok(())
}

/// The bounds are settings: the server says them, holds to them, and the command line packs by them.
#[tokio::test]
async fn how_much_is_taken_is_set() -> Result<(), Killed> {
    let flags = ["--source-files", "4", "--source-mib", "2", "--upload-mib", "1"];
    let system = system().flags(&flags).start().await;
    let owner = system.address().token.clone();
    let most = system.get("/api/v1/sources").await?.expect(200);
    assert_eq!(most, json!({"files": 4, "bytes": 2 << 20, "packed_bytes": 1 << 20}));
    let app = system.app("shop");
    let (digest, bytes) = packed(&app.folder);
    let (slug, detail) = send(&system, digest.as_str(), bytes, &owner).await?.problem(422);
    assert!(slug == "archive-refused" && detail.contains("more than 4 files"), "{detail}");
    let (_, detail) = send(&system, digest.as_str(), vec![0; (1 << 20) + 1], &owner).await?.problem(413);
    assert!(detail.contains("SEXTANT_UPLOAD_MIB"), "{detail}");
    let said = system.run(&["deploy", &app.folder.display().to_string()]).await;
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("5 files, and 2 MiB in 4 files is the most"), "{said}");
    assert_eq!(left(&system), Vec::<String>::new());
    Ok(())
}

/// With one fetch and one build at once the second waits, and says for what.
#[tokio::test]
async fn how_many_are_built_at_once_is_set() -> Result<(), Killed> {
    let system = system().flags(&["--builds", "1", "--fetches", "1"]).start().await;
    let (one, two) = (system.app("one"), system.app("two"));
    let hold = system.hold("v1");
    let first = system.deploy(&one.order_with("v1", "HOLD", &hold.path.display().to_string())).await?;
    system.wait_for(&first, |event| event.is_log("building v1")).await?;
    let second = system.deploy(&two.order("v2")).await?;
    let waiting = async {
        while system.deployment(&second).await?["waits"] == Value::Null {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok::<_, Killed>(system.deployment(&second).await?["waits"].to_string())
    };
    let waits = tokio::time::timeout(PATIENCE, waiting).await.expect("it never waited")?;
    assert!(waits.contains("Waits for one of 1 builds"), "{waits}");
    hold.release().await;
    for id in [first, second] {
        assert_eq!(system.rest(&id).await?["pipeline_status"], "DEPLOYED");
    }
    Ok(())
}

/// What is here for a deployment is not sent again, and stays for whoever was told so when that deployment ends.
#[tokio::test]
async fn what_need_not_be_sent_is_kept_as_if_it_were() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let (digest, bytes) = packed(&app.folder);
    let owner = system.address().token.clone();
    let hold = system.hold("v1");
    let first = system.deploy(&app.order_with("v1", "HOLD", &hold.path.display().to_string())).await?;
    system.wait_for(&first, |event| event.is_log("building v1")).await?;
    send(&system, digest.as_str(), bytes, &owner).await?.expect(200);
    system.get(&format!("/api/v1/sources/{digest}")).await?.expect(200);
    system.cancel(&first).await?.expect(202);
    assert_eq!(system.rest(&first).await?["pipeline_status"], "CANCELLED");
    let mut order = app.order("v2");
    order.as_object_mut().unwrap().remove("path");
    order["unset"] = json!(["HOLD"]);
    order["source"] = json!({"kind": "archive", "digest": digest});
    let second = system.rest(&system.deploy(&order).await?).await?;
    assert_eq!(second["pipeline_status"], "DEPLOYED", "{second:#}");
    Ok(())
}
