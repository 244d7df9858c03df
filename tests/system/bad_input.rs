//! Bad input of every kind gets a clear answer that names what is wrong, and changes nothing.

use crate::system;
use reqwest::Method;
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};
use tests::system::{Killed, System, app::App};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

/// Everything that a bad request could have changed.
async fn state(system: &System) -> Result<Value, Killed> {
    let mut all = Vec::new();
    for path in ["/api/v1/deployments", "/api/v1/services", "/api/v1/learnings"] {
        all.push(system.get(path).await?.expect(200));
    }
    Ok(all.into())
}

#[tokio::test]
async fn requests_that_make_no_sense() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let id = system.deploy(&app.order("v1")).await?;
    let deployed = system.rest(&id).await?;
    assert_eq!(deployed["pipeline_status"], "DEPLOYED", "{deployed:#}");
    let decision = deployed["decision_id"].as_str().unwrap().to_owned();
    let answer = format!("/api/v1/feedback/{decision}");
    let before = state(&system).await?;
    let token = system.address().token.clone();
    let stranger = system.token("strangers", "owner").await;
    let viewer = system.token("local", "viewer").await;
    let (deploy, register) = ("/api/v1/deployments", "/api/v1/deployments/register");
    let (rollback, cancel) = (format!("{deploy}/{id}/rollback"), format!("{deploy}/{id}/cancel"));
    let unknown = format!("{deploy}/dep_00000000000000000000/cancel");
    let large = "x".repeat((1 << 20) + 1);
    let order = |change: &dyn Fn(&mut Value)| {
        let mut order = app.order("v2");
        change(&mut order);
        order.to_string()
    };
    let bodies = [
        (&token, deploy, "not JSON".to_owned(), 400, "JSON"),
        (&token, deploy, json!({ "service": "shop", "path": large }).to_string(), 413, "bytes"),
        (&token, deploy, order(&|o| o["env"] = json!({ "A": 1 })), 422, "env.A"),
        (&token, deploy, order(&|o| o["strategy"] = "sudden".into()), 422, "sudden"),
        (&token, deploy, order(&|o| o["canary"]["weights"] = json!([50, 10])), 422, "canary.weights"),
        (&token, deploy, order(&|o| o["limits"]["build_ms"] = 1.into()), 422, "limits.build_ms"),
        (&token, deploy, order(&|o| o["sevrice"] = "shop".into()), 422, "sevrice"),
        (&token, deploy, order(&|o| o["service"] = "No Such!".into()), 422, "service"),
        (&token, deploy, order(&|o| o["path"] = "relative".into()), 422, "absolute"),
        (&token, deploy, json!({ "url": "ext::sh -c id" }).to_string(), 422, "url"),
        (&token, deploy, "[]".to_owned(), 422, "object"),
        (&token, deploy, order(&|o| o["env"] = json!({ "__X__": "1" })), 422, "env.__X__"),
        (&token, deploy, order(&|o| o["canary"] = json!([[50, 100]])), 422, "canary"),
        (&token, register, registration(&|r| r["decision_id"] = "__x__".into()), 422, "decision_id"),
        (&token, register, registration(&|r| r["user_id"] = "".into()), 422, "user_id"),
        (&token, register, registration(&|r| r["expected_launch_date"] = "2026-02-31".into()), 422, "launch"),
        (&token, "/api/v1/decisions", json!({ "class": "__x__" }).to_string(), 422, "class"),
        (&token, "/api/v1/feedback/__x__", feedback(5), 422, "__x__"),
        (&token, "/api/v1/metrics/webhook/__x__", "{}".to_owned(), 422, "__x__"),
        (&token, &cancel, "[]".to_owned(), 422, "object"),
        (&token, &answer, said(&|f| f["comments"] = 5.into()), 422, "comments"),
        (&token, &answer, said(&|f| f["cost_data"] = "junk".into()), 422, "cost_data"),
        (
            &token,
            &answer,
            said(&|f| f["deployment_metrics"] = json!({ "__x__": 1 })),
            422,
            "deployment_metrics.__x__",
        ),
        (&token, &answer, "[1]".to_owned(), 422, "object"),
        (&token, &unknown, "{}".to_owned(), 404, "dep_00000000000000000000"),
        (&token, "/api/v1/deployments/what/cancel", "{}".to_owned(), 422, "what"),
        (&token, &rollback, json!({ "to": "nobody" }).to_string(), 422, "nobody"),
        (&token, &cancel, "{}".to_owned(), 409, "DEPLOYED"),
        (&token, "/api/v1/feedback/dec_00000000000000000000", feedback(5), 404, "dec_00000000000000000000"),
        (&token, &answer, feedback(11), 422, "satisfaction"),
        (&stranger, &answer, feedback(5), 404, &decision),
        (&stranger, &rollback, "{}".to_owned(), 404, &id),
        (&stranger, &cancel, "{}".to_owned(), 404, &id),
        (&viewer, deploy, order(&|_| {}), 403, "viewer"),
        (&"nonsense".to_owned(), deploy, order(&|_| {}), 401, "token"),
    ];
    for (token, path, body, status, names) in bodies {
        let request = system.request(Method::POST, path, token).header("content-type", "application/json");
        let shown: String = body.chars().take(200).collect();
        let reply = system.send(request.body(body)).await?;
        assert_eq!(reply.status, status, "{path} {shown}: {}", reply.text);
        let (slug, detail) = reply.problem(status);
        assert!(!slug.is_empty() && detail.contains(names), "{path} {shown}: {}", reply.text);
    }
    for path in [format!("{deploy}/{id}"), format!("{deploy}/{id}/logs"), format!("{deploy}/{id}/events")] {
        let reply = system.send(system.request(Method::GET, &path, &stranger)).await?;
        let (_, detail) = reply.problem(404);
        assert!(detail.contains(&id), "{detail}");
    }
    let theirs = system.send(system.request(Method::GET, deploy, &stranger)).await?.expect(200);
    assert_eq!(theirs["deployments"], json!([]));
    assert_eq!(state(&system).await?, before);
    Ok(())
}

fn feedback(satisfaction: u8) -> String {
    json!({ "feedback_type": "perfect_fit", "satisfaction_score": satisfaction, "comments": "" }).to_string()
}

/// An answer that is good but for one change.
fn said(change: &dyn Fn(&mut Value)) -> String {
    let mut said = json!({ "feedback_type": "perfect_fit", "satisfaction": 5, "comments": "" });
    change(&mut said);
    said.to_string()
}

/// A registration that is good but for one change.
fn registration(change: &dyn Fn(&mut Value)) -> String {
    let mut registration = json!({
        "decision_id": "dec_theirs", "user_id": "ann", "session_id": "s", "gcp_project_id": "shop-12345",
        "gcp_credentials": "key",
    });
    change(&mut registration);
    registration.to_string()
}

/// A deployment that must fail: how, and what its failure must say.
async fn fails(system: &System, order: &Value, code: &str, says: &[&str]) -> Result<Value, Killed> {
    let id = system.deploy(order).await?;
    let ended = system.rest(&id).await?;
    assert_eq!(
        (&ended["pipeline_status"], &ended["status"]),
        (&json!("FAILED"), &json!("failed")),
        "{ended:#}"
    );
    let told = system.run(&["status", &id]).await;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains(&id) && !told.contains("unning"), "{told}");
    let failure = &ended["failure"];
    assert_eq!(failure["code"], code, "{failure:#}");
    for words in says {
        assert!(failure["message"].as_str().unwrap().contains(words), "{words}: {failure:#}");
    }
    assert!(failure["hint"].as_str().is_some_and(|hint| hint.len() > 10), "it says what to do: {failure:#}");
    Ok(ended)
}

/// The service as it was: the same process, the same traffic.
async fn undisturbed(system: &System, app: &App) -> Result<(), Killed> {
    assert_eq!(system.visit("shop").await?, (200, "hello from version v1\n".to_owned()));
    assert_eq!((app.starts("v1"), app.running("v1").len()), (1, 1), "{}", app.journal());
    assert_eq!(system.traffic("shop").weights.values().collect::<Vec<_>>(), [&100]);
    Ok(())
}

#[tokio::test]
async fn sources_and_builds_that_fail() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let id = system.deploy(&app.order("v1")).await?;
    assert_eq!(system.rest(&id).await?["pipeline_status"], "DEPLOYED");

    let nowhere = system.work().join("nowhere.git").display().to_string();
    let mut missing = app.order("missing");
    missing["path"] = nowhere.clone().into();
    let mut repository = app.order("repository");
    repository.as_object_mut().unwrap().remove("path");
    repository["url"] = nowhere.clone().into();
    for order in [&missing, &repository] {
        let (_, detail) = system.post("/api/v1/deployments", order).await?.problem(422);
        assert!(detail.contains(&nowhere), "{detail}");
    }
    let empty = system.work().join("empty");
    fs::create_dir(&empty).unwrap();
    repository["url"] = empty.display().to_string().into();
    fails(&system, &repository, "source_unavailable", &["no repository"]).await?;
    undisturbed(&system, &app).await?;

    let broken =
        fails(&system, &app.order_with("v2", "BUILD_EXIT", "3"), "build_failed", &["code 3"]).await?;
    assert_eq!(broken["failure"]["stage"], "build");
    let hold = system.hold("for-ever");
    let mut hangs = app.order_with("v3", "HOLD", &hold.path.display().to_string());
    hangs["limits"]["build_ms"] = 1_200.into();
    fails(&system, &hangs, "build_failed", &["longer than its 1.2 s"]).await?;
    assert_eq!([app.builds("v2"), app.builds("v3")], [1, 1], "what fails for good is not tried again");
    undisturbed(&system, &app).await
}

#[tokio::test]
async fn a_build_that_floods_its_log() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let script = fs::read_to_string(app.folder.join("build.sh")).unwrap();
    let flood = "yes 'a line that is written over and over again, until there are a hundred megabytes' | head -c 100000000\n";
    fs::write(app.folder.join("build.sh"), format!("{flood}{script}")).unwrap();
    let id = system.deploy(&app.order("v1")).await?;
    let (mut lines, mut end) = (0_u32, None);
    let done = system.wait_for(&id, |event| {
        lines += u32::from(event.name == "log");
        if event.name == "log" && event.data["stream"] == "end" {
            end = Some(event.data.clone());
        }
        event.name == "done"
    });
    let ended = done.await?.data;
    assert_eq!(ended["pipeline_status"], "DEPLOYED", "{ended:#}");
    assert!(end.is_some(), "the log's end comes through, whatever is left out");
    let stored = size(&system.data().join("objects"));
    assert!(lines > 0 && stored < 32_000_000, "{lines} lines, {stored} bytes stored");
    Ok(())
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries
        .map(
            |entry| if entry.path().is_dir() { size(&entry.path()) } else { entry.metadata().unwrap().len() },
        )
        .sum()
}

#[tokio::test]
async fn apps_that_do_not_start() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let id = system.deploy(&app.order("v1")).await?;
    assert_eq!(system.rest(&id).await?["pipeline_status"], "DEPLOYED");
    let script = fs::read_to_string(app.folder.join("start.sh")).unwrap();

    fs::write(app.folder.join("start.sh"), "echo no configuration >&2\nexit 7\n").unwrap();
    let exits = fails(&system, &app.order("v2"), "probe_failed", &["7"]).await?;
    assert_eq!(exits["failure"]["stage"], "verify");
    undisturbed(&system, &app).await?;

    fs::write(app.folder.join("start.sh"), script.replace("exec", "exec sleep 1000 #")).unwrap();
    let mut silent = app.order("v3");
    silent["limits"]["verify_ms"] = 1_500.into();
    fails(&system, &silent, "probe_failed", &["$PORT"]).await?;
    assert_eq!(app.running("v3"), [] as [i32; 0], "what never listened is ended");
    undisturbed(&system, &app).await
}

#[tokio::test]
async fn a_corrupt_store_is_refused_and_left_alone() -> Result<(), Killed> {
    let mut system = system().start().await;
    let app = system.app("shop");
    let id = system.deploy(&app.order("v1")).await?;
    system.rest(&id).await?;
    assert!(system.stop().await.success());
    let folder = system.data().join("store");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let log = files.max_by_key(|file| file.metadata().unwrap().len()).unwrap();
    let mut damaged = fs::read(&log).unwrap();
    // The file may be longer than what is written in it.
    let middle = damaged.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    damaged[middle..middle + 16].iter_mut().for_each(|byte| *byte ^= 0x5a);
    fs::write(&log, &damaged).unwrap();

    let refused = system.run(&["up", "--port", "0", "--ingress-port", "0"]).await;
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "it came up on a damaged store");
    assert!(words.contains(&log.display().to_string()) && words.contains("estore"), "{words}");
    assert!(fs::read(&log).unwrap() == damaged, "the damaged file was written to");
    Ok(())
}

#[tokio::test]
async fn a_second_one_on_the_same_data_folder() -> Result<(), Killed> {
    let system = system().start().await;
    let before = state(&system).await?;
    let pid = system.address().pid.to_string();
    let file = system.data().join("up.json");
    // Also where the file that says who it is got lost: the store's lock knows, too.
    for hidden in [false, true] {
        let aside = file.with_extension("aside");
        if hidden {
            fs::rename(&file, &aside).unwrap();
        }
        let second = system.run(&["up", "--port", "0", "--ingress-port", "0"]).await;
        let words = String::from_utf8_lossy(&second.stderr).into_owned();
        assert!(!second.status.success());
        assert!(words.contains(&pid) && words.contains("--data"), "{words}");
        // Nor does anybody clear away what is in use.
        let fresh = system.run(&["up", "--fresh", "--port", "0", "--ingress-port", "0"]).await;
        let words = String::from_utf8_lossy(&fresh.stderr).into_owned();
        assert!(!fresh.status.success() && words.contains(&pid), "{words}");
        if hidden {
            fs::rename(&aside, &file).unwrap();
        }
    }
    assert_eq!(state(&system).await?, before);
    Ok(())
}

#[tokio::test]
async fn a_file_that_names_somebody_elses_process_keeps_nobody_out() -> Result<(), Killed> {
    let mut system = system().start().await;
    let file = system.data().join("up.json");
    let mut left: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    system.kill().await;
    // The number went to another process, one that surely runs.
    left["pid"] = std::process::id().into();
    fs::write(&file, left.to_string()).unwrap();
    system.restart(None).await;
    assert_eq!(state(&system).await?.as_array().unwrap().len(), 3);
    Ok(())
}

/// A connection on which half a feedback was sent.
async fn half_sent(system: &System, path: &str) -> TcpStream {
    let address = system.address();
    let at = address.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(at).await.unwrap();
    let token = &address.token;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: {at}\r\nauthorization: Bearer {token}\r\ncontent-length: 200\r\n\r\n{{\"feed"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn half_sent_posts_keep_nobody_from_answering() -> Result<(), Killed> {
    let system = system().start().await;
    let path = "/api/v1/feedback/dec_00000000000000000000";
    let mut held = vec![];
    for _ in 0..100 {
        held.push(half_sent(&system, path).await);
    }
    let asking = async {
        for _ in 0..5 {
            let token = system.address().token.clone();
            let reply = system.send(system.request(Method::POST, path, &token).body(feedback(5))).await?;
            assert_eq!(reply.status, 404, "{}", reply.text);
        }
        Ok(())
    };
    let asked = tokio::time::timeout(Duration::from_secs(3), asking).await;
    asked.expect("slow senders keep others waiting")?;
    Ok(())
}
