//! A secret of an app is nowhere in clear: not in the data folder, not in logs, answers or events. What the target
//! needs to start the app again is kept under the machine's key; what the app writes is redacted before it is kept.

use crate::system;
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};
use tests::system::{Killed, events::Event};

const SECRET: &str = "sk-live-7Qm2Vx9RtZ4bNc8K";

/// Files in which the text is, with their modes.
fn holding(folder: &Path, text: &[u8], found: &mut Vec<(String, u32)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            holding(&path, text, found);
        } else if kind.is_file() {
            let data = fs::read(&path).unwrap_or_default();
            if data.windows(text.len()).any(|part| part == text) {
                let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
                found.push((path.display().to_string(), mode));
            }
        }
    }
}

#[tokio::test]
async fn a_secret_that_the_app_prints_is_seen_by_nobody() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let mut order = app.order("v1");
    // The app prints this variable when it starts; its build says what it is given, too.
    order["secrets"]["SAY"] = SECRET.into();
    let build = fs::read_to_string(app.folder.join("build.sh")).unwrap();
    fs::write(app.folder.join("build.sh"), format!("echo \"token {SECRET}\"\n{build}")).unwrap();
    let id = system.deploy(&order).await?;
    let mut events = Vec::<Event>::new();
    system
        .wait_for(&id, |event| {
            events.push(event.clone());
            event.name == "done"
        })
        .await?;
    assert_eq!(events.last().unwrap().data["pipeline_status"], "DEPLOYED");
    assert!(events.iter().any(|event| event.is_log("token ")), "the build's line is there, redacted");
    assert!(!format!("{events:?}").contains(SECRET), "live events");

    let runtime = system.get(&format!("/api/v1/deployments/{id}/runtime-logs")).await?.expect(200);
    let lines = runtime["lines"].to_string();
    assert!(
        lines.contains("***") && lines.contains("listens"),
        "what the app printed is there, redacted: {lines}"
    );
    let mut answers = String::new();
    for path in ["", "/logs", "/logs?format=text", "/runtime-logs"] {
        answers += &system.get(&format!("/api/v1/deployments/{id}{path}")).await?.text;
    }
    for path in ["/api/v1/deployments", "/api/v1/services/shop", "/local/v1/messages?limit=1000"] {
        answers += &system.get(path).await?.text;
    }
    assert!(answers.contains("token "), "{answers}");
    assert!(!answers.contains(SECRET), "{answers}");
    assert!(!system.log().contains(SECRET));

    // The source is a copy of what the user gave us, and has it because the user wrote it there.
    fs::write(app.folder.join("build.sh"), build).unwrap();
    let mut found = Vec::new();
    holding(&system.data(), SECRET.as_bytes(), &mut found);
    found.retain(|(path, _)| !path.ends_with("/build.sh") && !path.contains("/.git/"));
    assert_eq!(found, [], "files with the secret in clear, and their modes");
    Ok(())
}

#[tokio::test]
async fn a_secret_given_on_the_command_line() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let (folder, secret) = (app.folder.display().to_string(), format!("SAY={SECRET}"));
    let deployed = system
        .run(&["--json", "deploy", &folder, "--service", "shop", "--env", "RELEASE=v1", "--secret", &secret])
        .await;
    let (out, err) = (String::from_utf8_lossy(&deployed.stdout), String::from_utf8_lossy(&deployed.stderr));
    assert!(deployed.status.success(), "{out}{err}");
    assert!(out.contains("DEPLOYED") && !out.contains(SECRET) && !err.contains(SECRET), "{out}{err}");
    assert_eq!((app.builds("v1"), app.starts("v1")), (1, 1));
    let mut found = Vec::new();
    holding(&system.data(), SECRET.as_bytes(), &mut found);
    assert_eq!(found, [], "files with the secret in clear, and their modes");
    Ok(())
}

#[tokio::test]
async fn the_next_deployment_has_the_variables_of_the_one_before() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let folder = app.folder.display().to_string();
    let deploy = async |more: &[&str]| {
        let arguments =
            [&["--json", "deploy", &folder, "--service", "shop", "--strategy", "instant"], more].concat();
        let ended = system.run(&arguments).await;
        let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(ended.status.success(), "{out}{err}");
        out.into_owned()
    };
    let secret = format!("SAY={SECRET}");
    deploy(&["--env", "RELEASE=v1", "--env", "APP_VERSION=v1", "--secret", &secret]).await;
    let second = deploy(&[]).await;
    assert_eq!(app.starts("v1"), 2, "it was started with the same variables: {}", app.journal());
    assert!(second.contains("variables kept from before: APP_VERSION, RELEASE, SAY"), "{second}");
    assert_eq!(system.visit("shop").await?.1, "hello from version v1\n");
    deploy(&["--unset", "APP_VERSION", "--unset", "SAY", "--env", "RELEASE=v3", "--yes"]).await;
    assert_eq!((app.starts("v3"), system.visit("shop").await?.0), (1, 200));
    assert_ne!(system.visit("shop").await?.1, "hello from version v1\n", "removed by name");
    Ok(())
}
