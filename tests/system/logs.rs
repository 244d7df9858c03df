//! What builds and apps write: whole and in order though Sextant dies meanwhile, and there to be read when what wrote it
//! was taken back.

use crate::system;
use serde_json::{Value, json};
use std::{fs, time::Duration};
use tests::{
    smtp::Received,
    system::{Killed, PATIENCE, System, app::App, events::Event},
};

/// Lines that the long build writes: some, then it waits for the pipe, then the rest.
const BEFORE: usize = 60;
const ALL: usize = 90;

/// An app whose build writes numbered lines for some seconds.
fn talkative(system: &System) -> App {
    let app = system.app("shop");
    let script = format!(
        "n=0\nwhile [ $n -lt {ALL} ]; do\n  echo \"line $n.\"\n  n=$((n + 1))\n  sleep 0.04\n  \
         if [ $n = {BEFORE} ]; then read -r _ < \"$HOLD\"; fi\ndone\n"
    );
    fs::write(app.folder.join("build.sh"), script).unwrap();
    app
}

/// The numbers of the lines among these texts.
fn numbers<'a>(texts: impl IntoIterator<Item = &'a str>) -> Vec<usize> {
    let number = |text: &str| text.trim().strip_prefix("line ")?.strip_suffix('.')?.parse().ok();
    texts.into_iter().filter_map(number).collect()
}

/// Reads the stream from a place on, until an event; what the log said goes to `seen`.
async fn read_on(
    system: &System,
    id: &str,
    place: &mut Option<String>,
    seen: &mut Vec<String>,
    last: impl Fn(&Event) -> bool,
) -> Result<(), Killed> {
    let reading = async {
        let mut events = system.events(id, place.as_deref()).await?;
        while let Ok(Some(event)) = events.next().await {
            if event.name == "log" {
                seen.push(event.data["text"].as_str().unwrap().to_owned());
            }
            if let Some(id) = &event.id {
                *place = Some(id.clone());
            }
            if last(&event) {
                return Ok(());
            }
        }
        panic!("the stream ended before that\n{}", system.log())
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .unwrap_or_else(|_| panic!("that never came\n{}", system.log()))
}

#[tokio::test]
async fn a_build_is_followed_without_gap_or_repeat_though_sextant_is_killed() -> Result<(), Killed> {
    let mut system = system().start().await;
    let app = talkative(&system);
    let hold = system.hold("shop");
    let id = system.deploy(&app.order_with("v1", "HOLD", &hold.path.display().to_string())).await?;
    let (mut place, mut seen) = (None, vec![]);
    // Killed twice: while lines come, and once more right after it is back.
    for line in ["line 5.", "line 30."] {
        read_on(&system, &id, &mut place, &mut seen, |event| event.is_log(line)).await?;
        system.kill().await;
        // The build goes on, and writes more than one segment that nobody takes over.
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        system.restart(None).await;
    }
    read_on(&system, &id, &mut place, &mut seen, |event| event.is_log(&format!("line {}.", BEFORE - 1)))
        .await?;
    hold.release().await;
    read_on(&system, &id, &mut place, &mut seen, |event| event.name == "done").await?;
    let expected: Vec<usize> = (0..ALL).collect();
    assert_eq!(numbers(seen.iter().map(String::as_str)), expected, "the stream");
    let (mut paged, mut after) = (vec![], String::new());
    loop {
        let page =
            system.get(&format!("/api/v1/deployments/{id}/logs?limit=7&after={after}")).await?.expect(200);
        let lines =
            page["lines"].as_array().unwrap().iter().map(|line| line["text"].as_str().unwrap().to_owned());
        paged.extend(lines);
        if page["end"] == true {
            break;
        }
        page["next"].as_str().unwrap().clone_into(&mut after);
    }
    assert_eq!(paged, seen, "page by page it is the same");
    let shown = system.run(&["logs", &id]).await;
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert_eq!(shown.lines().collect::<Vec<_>>(), paged, "and on the command line");
    let newest = system.run(&["logs", "--lines", "3", &id]).await;
    assert_eq!(String::from_utf8(newest.stdout).unwrap().lines().count(), 3);
    Ok(())
}

/// An app that can't start, and tries something on whoever looks at why.
fn broken(system: &System) -> App {
    let app = system.app("shop");
    let start = "i=0\nwhile [ $i -lt 120 ]; do echo \"warming up $i.\"; i=$((i + 1)); done\n\
                 printf '\\033]0;owned\\007no database at db:5432, password is %s\\n' \"$DB_PASSWORD\" >&2\nexit 3\n";
    fs::write(app.folder.join("start.sh"), start).unwrap();
    app
}

fn lines(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_a_revision_wrote_before_it_failed_is_told_everywhere() -> Result<(), Killed> {
    let system = system().start().await;
    let app = broken(&system);
    let mut order = app.order("v1");
    order["secrets"] = json!({ "DB_PASSWORD": "correct-horse-battery" });
    let id = system.deploy(&order).await?;
    let ended = system.rest(&id).await?;
    assert_eq!(
        (&ended["pipeline_status"], &ended["failure"]["code"]),
        (&json!("FAILED"), &json!("probe_failed"))
    );
    let words = lines(&ended["last_words"]);
    assert_eq!(words.len(), 100, "{words:?}");
    assert!(words.last().unwrap().contains("no database at db:5432, password is ***"), "{words:?}");
    // The revision is gone, and all that it wrote is there.
    let log = system.get(&format!("/api/v1/deployments/{id}/runtime-logs?lines=2000")).await?.expect(200);
    assert!(lines(&log["lines"]).contains(&"warming up 0."), "{log}");
    let runtime = system.run(&["logs", "--runtime", "--lines", "1000", &id]).await;
    let status = system.run(&["status", &id]).await;
    let page = system.get(&format!("/deployments/{id}")).await?;
    let failed =
        |mail: &Received| mail.header("Subject").is_some_and(|title| title.contains("deployment failed"));
    let mail = system.mail(failed).await?;
    let texts = [
        String::from_utf8(runtime.stdout).unwrap(),
        String::from_utf8(status.stdout).unwrap(),
        page.text,
        mail.data.replace("=\n", "").replace("=3D", "="),
    ];
    for text in texts {
        assert!(text.contains("no database at db:5432"), "{text}");
        assert!(text.contains(r"\x1b]0;owned\x07"), "what acts on a terminal is seen: {text}");
        assert!(!text.contains(['\u{1b}', '\u{7}']), "and does nothing: {text:?}");
        assert!(!text.contains("correct-horse"), "{text}");
    }
    Ok(())
}

/// Its own traceback says why it ended: that comes first, with the file of the app, and what mends it.
#[tokio::test]
async fn why_it_ended_is_told_in_its_own_words() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    fs::write(app.folder.join("settings.py"), "import os\n\nURL = os.environ[\"DATABASE_URL\"]\n").unwrap();
    fs::write(app.folder.join("start.sh"), "exec python3 -c 'import settings'\n").unwrap();
    let id = system.deploy(&app.order("v1")).await?;
    let ended = system.rest(&id).await?;
    let why = &ended["diagnosis"];
    assert_eq!(
        (&why["at"], &why["variable"], &why["line"]),
        (&json!("settings.py:3"), &json!("DATABASE_URL"), &json!("KeyError: 'DATABASE_URL'")),
        "{ended:#}"
    );
    let status = String::from_utf8(system.run(&["status", &id]).await.stdout).unwrap();
    let page = system.get(&format!("/deployments/{id}")).await?.text.replace("&#39;", "'");
    let page = page.replace("<code>", "`").replace("</code>", "`");
    let mail = system.mail(|mail| mail.data.contains("settings.py:3")).await?;
    for text in [status, page, mail.data.replace("=\n", "")] {
        assert!(text.contains("KeyError: 'DATABASE_URL' (settings.py:3)"), "{text}");
        assert!(text.contains("Set `DATABASE_URL`") || text.contains("Set =60DATABASE_URL"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn what_a_canary_wrote_before_it_was_taken_back_is_kept() -> Result<(), Killed> {
    let system = system().start().await;
    let app = system.app("shop");
    let first = system.deploy(&app.order("v1")).await?;
    assert_eq!(system.rest(&first).await?["pipeline_status"], "DEPLOYED");
    let _load = system.load("shop", 150);
    let mut order = app.order_with("v2", "FAIL_PERCENT", "60");
    order["env"]["SAY"] = "the cache is gone".into();
    let second = system.deploy(&order).await?;
    let ended = system.rest(&second).await?;
    assert_eq!(ended["pipeline_status"], "ROLLED_BACK", "{ended:#}");
    assert!(lines(&ended["last_words"]).contains(&"the cache is gone"), "{ended:#}");
    let log = system.get(&format!("/api/v1/deployments/{second}/runtime-logs")).await?.expect(200);
    assert!(lines(&log["lines"]).contains(&"the cache is gone"), "{log}");
    Ok(())
}
