//! Sextant dies, and what it started lives on: adopted, announced, never doubled.

use super::{TEST_APP, now_ms, open, store_of};
use machine::objects::Objects;
use model::port::{
    Target,
    target::{BuildState, Gone, TargetError, Window},
};
use std::{
    io::BufRead as _,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};
use tempfile::TempDir;
use tests::conformance::target::{App, Fixture, Heard, PATIENCE, archived, http::get};

/// A target that is opened again and again on one data folder.
struct World {
    data: TempDir,
    source: TempDir,
}

impl World {
    fn new() -> Self {
        let (data, source) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(source.path().join("README"), "an app\n").unwrap();
        Self { data, source }
    }

    async fn open(
        &self,
        service: &model::port::target::ServiceKey,
        port: u16,
    ) -> (Fixture, Arc<machine::target::MachineTarget>) {
        let heard = Arc::new(Heard::default());
        let target = Arc::new(open(self.data.path(), port, &heard).await);
        let objects = Arc::new(Objects::open(&self.data.path().join("objects")).unwrap());
        let archive = archived(&*objects, self.source.path()).await;
        let fixture = Fixture {
            target: target.clone(),
            objects,
            store: store_of(self.data.path()),
            heard,
            app: App { archive, start_command: format!("{TEST_APP} serve") },
            now_ms,
            service: service.clone(),
            guard: Box::new(()),
        };
        (fixture, target)
    }

    /// A process of its own that holds the target, and its port.
    fn hold(&self) -> (Child, u16) {
        let mut child = Command::new(TEST_APP)
            .arg("hold")
            .arg(self.data.path())
            .arg("0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (child, line.trim().strip_prefix("ready ").unwrap().parse().unwrap())
    }
}

/// Whatever a failed test leaves running.
impl Drop for World {
    fn drop(&mut self) {
        let data = self.data.path().to_owned();
        let stop = std::thread::spawn(move || {
            tokio::runtime::Runtime::new().unwrap().block_on(machine::target::stop_leftovers(&data));
        });
        stop.join().unwrap();
    }
}

/// Processes that have this text in their environment: every copy of an app.
fn copies(text: &str) -> usize {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let holds = |path: &Path| {
        std::fs::read(path.join("environ")).is_ok_and(|env| String::from_utf8_lossy(&env).contains(text))
    };
    all.filter(|entry| holds(&entry.path())).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_was_cut_short_is_done_once() {
    let world = World::new();
    let service = Fixture::service();
    let (at, target) = world.open(&service, 0).await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k1").await;
    let process = get(&one.url, "/process").await.body;
    target.shutdown().await;
    drop((at, target));
    // As a kill between the mark and the end of the process leaves it.
    let revisions = world.data.path().join("services").join(service.tenant.as_str());
    let folder = revisions.join(service.service.as_str()).join("revisions").join(&one.revision);
    let file = folder.join("instance.json");
    let mut instance: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    instance["restarting"] = "k2".into();
    std::fs::write(&file, instance.to_string()).unwrap();

    let (at, target) = world.open(&service, 0).await;
    let url = target.addresses(&service).unwrap().url;
    let after = at.until(&url, "/process", |reply| reply.status == 200 && reply.body != process).await;
    assert_eq!(copies(&one.revision), 1);
    at.target.restart(&service, &one.revision, "k2").await.unwrap();
    assert_eq!(get(&url, "/process").await.body, after.body, "the repeat finds it done");
}

/// What nobody wrote down may have come: a service to which nobody is known to come isn't called quiet then.
#[tokio::test(flavor = "multi_thread")]
async fn after_an_abrupt_end_it_is_told_since_when_all_is_counted() {
    let world = World::new();
    let service = Fixture::service();
    let since = async |target: &dyn Target| target.counted_since().await.unwrap();
    let (at, target) = world.open(&service, 0).await;
    assert_eq!(since(&*target).await, None, "nothing came before the first start");
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k1").await;
    target.shutdown().await;
    drop((at, target));
    let (at, target) = world.open(&service, 0).await;
    assert_eq!(since(&*target).await, None, "its end was an orderly one");
    drop((at, target));
    let (at, target) = world.open(&service, 0).await;
    assert!(since(&*target).await.is_some(), "nothing was written down at the end");
    at.target.restart(&service, &one.revision, "k2").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_is_adopted_with_its_traffic_address_and_log() {
    let world = World::new();
    let service = Fixture::service();
    let (at, target) = world.open(&service, 0).await;
    let one = at.release("one").await;
    let before = at.shift(&[(&one, 100)], "k1").await;
    let process = get(&one.url, "/process").await.body;
    let own = target.addresses(&service).unwrap().own;
    target.shutdown().await;
    drop((at, target));
    // Nobody listens, yet the app runs on.
    assert_eq!(copies(&one.revision), 1);

    let (at, target) = world.open(&service, 0).await;
    let addresses = target.addresses(&service).unwrap();
    assert_eq!(addresses.own, own, "a service's own port is stable");
    let answer = at.until(&addresses.url, "/process", |reply| reply.status == 200).await;
    assert_eq!(answer.body, process, "it is the same process");
    assert_eq!(get(&own, "/").await.body, "version one\n");
    assert_eq!(at.target.traffic(&service).await.unwrap(), before);
    let weights = before.weights.clone();
    let repeat = at.target.set_traffic(&service, &before.token, &weights, "k1").await.unwrap();
    assert_eq!(repeat, before, "a repeat is known after a restart");
    let log = at.target.runtime_log(&service, &one.revision, None, 10).await.unwrap().lines;
    assert!(log.iter().any(|line| line.contains("listening")), "{log:?}");
    assert_eq!(copies(&one.revision), 1);
    // It is supervised as before.
    get(&addresses.url, "/exit/1").await;
    let again = at.until(&addresses.url, "/process", |reply| reply.status == 200).await;
    assert_ne!(again.body, process);
    assert_eq!(copies(&one.revision), 1);
    // What it wrote after its adoption was kept.
    let log = at.target.runtime_log(&service, &one.revision, None, 10).await.unwrap().lines;
    assert!(log.iter().any(|line| line == "leaving as asked"), "{log:?}");
    let instance = world.data.path().join(format!(
        "services/{}/{}/revisions/{}/instance.json",
        service.tenant, service.service, one.revision
    ));
    let instance: serde_json::Value = serde_json::from_slice(&std::fs::read(instance).unwrap()).unwrap();
    let keeper = &instance["logger"]["pid"];
    let stat = std::fs::read_to_string(format!("/proc/{keeper}/stat")).unwrap();
    let session = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(3).unwrap().to_owned();
    assert_eq!(session, keeper.to_string(), "no terminal reaches the keeper of its log: {stat}");
    target.stop_all().await;
    assert_eq!(copies(&one.revision), 0);
    assert!(!Path::new(&format!("/proc/{keeper}")).exists(), "the keeper ends with the app");
    target.shutdown().await;
    drop((at, target));

    // What was stopped with Sextant is started with it.
    let (at, target) = world.open(&service, 0).await;
    let url = target.addresses(&service).unwrap().url;
    at.until(&url, "/", |reply| reply.status == 200).await;
    assert_eq!(copies(&one.revision), 1);
    target.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_there_is_one_copy_of_everything() {
    let world = World::new();
    let service = Fixture::service();
    let (at, target) = world.open(&service, 0).await;
    let (one, two) = (at.release("one").await, at.release("two").await);
    at.shift(&[(&one, 50), (&two, 50)], "k1").await;
    let processes =
        [get(&one.revision_url, "/process").await.body, get(&two.revision_url, "/process").await.body];
    target.shutdown().await;
    drop((at, target));
    for _ in 0..3 {
        let (mut holder, port) = world.hold();
        let url = |tag: &str| format!("http://{tag}---{}.localhost:{port}", service.service);
        for (tag, process) in ["one", "two"].iter().zip(&processes) {
            assert_eq!(&get(&url(tag), "/process").await.body, process);
        }
        holder.kill().unwrap();
        holder.wait().unwrap();
        assert_eq!((copies(&one.revision), copies(&two.revision)), (1, 1));
    }
    // One dies while nobody looks.
    kill(processes[0].trim().parse().unwrap());
    let (at, target) = world.open(&service, 0).await;
    let url = target.addresses(&service).unwrap().url;
    at.until(&url, "/", |reply| reply.body.contains("one")).await;
    assert_eq!((copies(&one.revision), copies(&two.revision)), (1, 1));
    target.stop_all().await;
}

/// What was counted before a restart is still known, and what happened while nobody looked is not made up.
#[tokio::test(flavor = "multi_thread")]
async fn counts_survive_a_restart_and_nothing_is_made_up() {
    let world = World::new();
    let service = Fixture::service();
    let (at, target) = world.open(&service, 0).await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k1").await;
    for path in ["/", "/", "/", "/status/404", "/status/500"] {
        get(&one.url, path).await;
    }
    let process = get(&one.url, "/process").await.body;
    let began = now_ms() - 60_000;
    let window = || Window { from: model::Timestamp(began), to: model::Timestamp(now_ms() + 2000) };
    // It burns wall time, of which a busy machine gives it little CPU: until that was seen.
    let burning = async {
        loop {
            let seen = at.target.observe(&service, window()).await.unwrap().revisions[&one.revision].clone();
            if seen.cpu_ms >= 50 {
                return seen;
            }
            get(&one.url, "/burn/300").await;
        }
    };
    let before = tokio::time::timeout(PATIENCE, burning).await.expect("its CPU was never counted");
    target.shutdown().await;
    drop((at, target));
    // It dies while Sextant is down.
    kill(process.trim().parse().unwrap());
    while copies(&one.revision) > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let (at, target) = world.open(&service, 0).await;
    let url = target.addresses(&service).unwrap().url;
    at.until(&url, "/process", |reply| reply.status == 200 && reply.body != process).await;
    let after = at.target.observe(&service, window()).await.unwrap().revisions[&one.revision].clone();
    assert!(after.requests > before.requests && after.cpu_ms >= before.cpu_ms, "{before:?} {after:?}");
    assert_eq!((after.client_errors, after.crashes), (before.client_errors, 0), "{after:?}");
    assert_eq!(after.starts, 2);
    // A request may have met the process that was only starting; the 500 is still there.
    assert!(after.server_errors >= 1 && after.cpu_ms < before.cpu_ms + 5000, "{after:?}");
    target.stop_all().await;
}

/// Kills one process. Never a group: several versions of `kill` read `-1234` as `-1`, which is everybody.
fn kill(process: u32) {
    assert!(process > 1, "{process} is not a process of a test");
    Command::new("kill").args(["-9", &process.to_string()]).status().unwrap();
}

/// A process and all below it.
fn tree(process: u32) -> Vec<u32> {
    let children =
        std::fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    let below = children.split_whitespace().flat_map(|child| tree(child.parse().unwrap()));
    std::iter::once(process).chain(below).collect()
}

/// The state file as it is when Sextant dies between starting a process and writing down which it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_not_written_down_is_found_by_its_mark() {
    let world = World::new();
    let service = Fixture::service();
    let (at, target) = world.open(&service, 0).await;
    let one = at.release("one").await;
    at.shift(&[(&one, 100)], "k1").await;
    let process = get(&one.url, "/process").await.body;
    target.shutdown().await;
    drop((at, target));
    let path = world.data.path().join(format!(
        "services/{}/{}/revisions/{}/instance.json",
        service.tenant, service.service, one.revision
    ));
    let mut instance: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert!(instance["process"].is_object());
    instance["process"] = serde_json::Value::Null;
    std::fs::write(&path, instance.to_string()).unwrap();
    let (at, target) = world.open(&service, 0).await;
    let url = target.addresses(&service).unwrap().url;
    let answer = at.until(&url, "/process", |reply| reply.status == 200).await;
    assert_eq!(answer.body, process);
    assert_eq!(copies(&one.revision), 1);
    // What an adopted process used before is not counted again.
    let window = Window { from: model::Timestamp(now_ms() - 10_000), to: model::Timestamp(now_ms() + 2000) };
    let seen = at.target.observe(&service, window).await.unwrap();
    assert_eq!(seen.revisions[&one.revision].starts, 1, "{seen:?}");
    target.stop_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_outlives_sextant_and_is_announced_by_the_next() {
    let world = World::new();
    let service = Fixture::service();
    let gate = world.source.path().join("gate");
    let (at, target) = world.open(&service, 0).await;
    let build = format!("echo begun; while [ ! -e {} ]; do sleep 0.05; done; echo finished", gate.display());
    let order = at.build_order("long", at.plan(None, Some(&build)));
    at.target.start_build(order.clone()).await.unwrap();
    target.shutdown().await;
    drop((at, target));
    // The next one finds it running.
    let (at, target) = world.open(&service, 0).await;
    assert_eq!(at.target.read_build(&order.key).await.unwrap(), BuildState::Running);
    target.shutdown().await;
    assert!(at.heard.about(&order.deployment).is_empty());
    drop((at, target));
    // It ends while there is none.
    std::fs::write(&gate, "").unwrap();
    let outcome = world.data.path().join("builds").join(&order.key).join("outcome.json");
    while !outcome.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let (at, target) = world.open(&service, 0).await;
    let state = at.built(&order).await;
    assert!(matches!(state, BuildState::Succeeded { .. }), "{state:?}");
    let log = at.log(&order).await;
    let output = log.iter().filter(|(stream, _)| stream == "out").map(|(_, line)| line.as_str());
    assert_eq!(output.collect::<Vec<_>>(), ["begun", "finished"]);
    target.shutdown().await;
    drop((at, target));
    // Announced once is enough.
    let (at, _target) = world.open(&service, 0).await;
    assert_eq!(at.target.read_build(&order.key).await.unwrap(), state);
    assert!(at.heard.about(&order.deployment).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_whose_process_disappeared_has_failed() {
    let world = World::new();
    let (at, target) = world.open(&Fixture::service(), 0).await;
    let order = at.build_order("killed", at.plan(None, Some("echo begun; sleep 1000")));
    at.target.start_build(order.clone()).await.unwrap();
    let folder = world.data.path().join("builds").join(&order.key);
    let prefix = format!("{}/", order.log_prefix);
    while at.objects.list(&prefix, None, 1).await.unwrap().is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let runner: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("runner.json")).unwrap()).unwrap();
    let pid = runner["pid"].to_string();
    // The whole tree, as when the machine goes down.
    for process in tree(pid.parse().unwrap()) {
        kill(process);
    }
    let BuildState::Failed { reason, .. } = at.built(&order).await else { panic!("it must fail") };
    assert!(reason.contains("disappeared"), "{reason}");
    let log = at.log(&order).await;
    assert!(log.iter().any(|(_, line)| line == "begun"));
    target.shutdown().await;
}

/// It can't be started any more, and whoever wants to go back to it is told that this is why.
#[tokio::test(flavor = "multi_thread")]
async fn a_revision_whose_secrets_cannot_be_opened_says_that_its_key_is_gone() {
    let world = World::new();
    let service = Fixture::service();
    let (at, target) = world.open(&service, 0).await;
    let (one, two) = (at.release("one").await, at.release("two").await);
    at.shift(&[(&two, 100)], "k1").await;
    at.target
        .retire(&service, std::slice::from_ref(&two.revision), std::slice::from_ref(&one.revision))
        .await
        .unwrap();
    target.shutdown().await;
    drop((at, target));
    let services = world.data.path().join("services").join(service.tenant.as_str());
    let folder = services.join(service.service.as_str()).join("revisions");
    let spec = |name: &str| folder.join(name).join("spec.json");
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(spec(name)).unwrap()).unwrap()
    };
    // Sealed for the other one: as good as a key that is lost.
    let mut lost = read(&one.revision);
    lost["variables"]["SECRET"] = read(&two.revision)["variables"]["SECRET"].clone();
    std::fs::write(spec(&one.revision), lost.to_string()).unwrap();

    let (at, _target) = world.open(&service, 0).await;
    let now = at.target.traffic(&service).await.unwrap();
    let back = std::collections::BTreeMap::from([(one.revision.clone(), 100)]);
    let refused = at.target.start_traffic(&service, &now.token, &back, "k2").await;
    assert!(
        matches!(&refused, Err(TargetError::Gone { what: Gone::Key(name), .. }) if *name == one.revision),
        "{refused:?}"
    );
    assert_eq!(at.target.traffic(&service).await.unwrap(), now, "what serves goes on serving");
}
