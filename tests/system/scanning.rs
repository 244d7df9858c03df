//! A key in a folder: it is not deployed, and says where the key is and what to do; with a reason it is deployed, and
//! the reason is kept.

use crate::system;
use serde_json::Value;
use std::fs;
use tests::system::{Killed, System};

/// Put together here, so that no other scanner takes this file for one that holds a key.
const KEY: [&str; 2] = ["sk_live_", "a8Kq3ZxP0mW7vT2rYc5LbN9dJ6hG"];

async fn deploy(system: &System, folder: &str, more: &[&str]) -> (bool, Value, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sextant"));
    let (url, token) = (&system.address().url, &system.address().token);
    command
        .arg("--data")
        .arg(system.work().join("client"))
        .args(["--json", "--server", url, "--token", token]);
    command.args(["deploy", folder, "--service", "shop", "--strategy", "instant", "--env", "RELEASE=v1"]);
    let output = command.args(more).kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    (output.status.success(), value, said)
}

#[tokio::test]
async fn a_live_key_stops_a_deployment_until_somebody_answers_for_it() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    fs::create_dir(app.folder.join("test")).unwrap();
    fs::write(app.folder.join("test/pay.js"), format!("\nconst key = '{}';\n", KEY.concat())).unwrap();
    let folder = app.folder.display().to_string();
    let (went, stopped, said) = deploy(&system, &folder, &[]).await;
    assert!(!went, "{said}");
    assert_eq!(stopped["pipeline_status"], "SECURITY_FAILED", "{stopped:#}");
    assert_eq!(stopped["failure"]["code"], "live_secret");
    let finding = &stopped["scan"]["findings"][0];
    assert_eq!(
        (finding["file"].as_str(), finding["line"].as_u64(), finding["what"].as_str()),
        (Some("test/pay.js"), Some(2), Some("a Stripe key"))
    );
    let id = finding["id"].as_str().unwrap();
    assert!(stopped["failure"]["hint"].as_str().unwrap().contains(&format!("--allow {id} --why")));
    assert!(!stopped.to_string().contains(KEY[1]) && !said.contains(KEY[1]));
    assert_eq!(app.builds("v1"), 0);

    let (went, deployed, said) = deploy(&system, &folder, &["--allow", id, "--why", "revoked in May"]).await;
    assert!(went, "{said}");
    assert_eq!(deployed["pipeline_status"], "DEPLOYED", "{deployed:#}");
    assert_eq!(deployed["allow"][0]["why"], "revoked in May");
    assert_eq!(deployed["report"]["scan"]["findings"][0]["allowed"], "revoked in May");
    let story = deployed["timeline"].to_string();
    assert!(story.contains(&format!("allows {id} (a Stripe key): revoked in May")), "{story}");
    let id = deployed["deployment_id"].as_str().unwrap();
    let page = system.get(&format!("/deployments/{id}")).await?.text;
    assert!(page.contains("test/pay.js:2") && page.contains("allowed: revoked in May"), "{page}");
    Ok(())
}
