//! Apps of several kinds, from folders and from a Git repository, with the toolchains that this machine has.

use crate::system;
use serde_json::json;
use std::{path::Path, process::Command};
use tests::system::{Killed, System, tools};

/// Deploys an example, and answers what it says.
async fn deployed(system: &System, name: &str) -> Result<String, Killed> {
    let folder = system.example(name);
    let order = json!({ "service": name, "path": folder, "strategy": "instant", "env": { "RELEASE": "v1" } });
    let id = system.deploy(&order).await?;
    let ended = system.rest(&id).await?;
    assert_eq!(ended["pipeline_status"], "DEPLOYED", "{ended:#}");
    let (status, text) = system.visit(name).await?;
    assert_eq!(status, 200, "{text}");
    Ok(text)
}

#[tokio::test]
async fn pages_without_a_process() -> Result<(), Killed> {
    let system = system().start().await;
    let page = deployed(&system, "static-site").await?;
    assert_eq!(page, std::fs::read_to_string(system.example_file("static-site/index.html")).unwrap());
    Ok(())
}

#[tokio::test]
async fn node_from_a_package_and_from_a_dockerfile() -> Result<(), Killed> {
    if !(tools::has("node") && tools::has("npm")) {
        return Ok(());
    }
    let system = system().start().await;
    let (package, image) = tokio::join!(deployed(&system, "node-http"), deployed(&system, "dockerfile-node"));
    assert!(!package?.is_empty() && !image?.is_empty());
    Ok(())
}

#[tokio::test]
async fn python_and_a_procfile() -> Result<(), Killed> {
    if !tools::has("python3") {
        return Ok(());
    }
    let system = system().start().await;
    let page = deployed(&system, "procfile-shell").await?;
    assert_eq!(
        page,
        std::fs::read_to_string(system.example_file("procfile-shell/public/index.html")).unwrap()
    );
    Ok(())
}

fn git(folder: &Path, arguments: &[&str]) {
    let identity =
        ["-c", "user.name=Ann", "-c", "user.email=ann@example.com", "-c", "init.defaultBranch=main"];
    let mut command = Command::new("git");
    let command = command.args(identity).args(arguments).current_dir(folder);
    let output = command.env("GIT_CONFIG_NOSYSTEM", "1").output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn a_branch_of_a_git_repository() -> Result<(), Killed> {
    if !tools::has("git") {
        return Ok(());
    }
    let system = system().start().await;
    let app = system.app("shop");
    git(&app.folder, &["init", "-q"]);
    git(&app.folder, &["add", "."]);
    git(&app.folder, &["commit", "-q", "-m", "first"]);
    let mut order = app.order("v1");
    order.as_object_mut().unwrap().remove("path");
    order["url"] = app.folder.display().to_string().into();
    order["branch"] = "main".into();
    let id = system.deploy(&order).await?;
    let ended = system.rest(&id).await?;
    assert_eq!(ended["pipeline_status"], "DEPLOYED", "{ended:#}");
    assert_eq!(ended["commit"].as_str().map(str::len), Some(40), "{}", ended["commit"]);
    assert_eq!(system.visit("shop").await?, (200, "hello from version v1\n".to_owned()));

    order["branch"] = "nowhere".into();
    order["env"]["RELEASE"] = "v2".into();
    let id = system.deploy(&order).await?;
    let failed = system.rest(&id).await?;
    assert_eq!(failed["failure"]["code"], "source_unavailable", "{failed:#}");
    assert!(failed["failure"]["message"].as_str().unwrap().contains("nowhere"), "{:#}", failed["failure"]);
    assert_eq!(app.builds("v2"), 0);
    Ok(())
}
