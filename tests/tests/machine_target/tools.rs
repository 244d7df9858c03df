//! Programs that an app asks for and the machine lacks. The registry is a program called `npm` that writes down how
//! it was called; nothing of the network is needed.

use super::world_in;
use machine::target::{Inherited, MachineTarget};
use model::port::target::{BuildState, Plan};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    sync::Arc,
};
use tempfile::TempDir;
use tests::conformance::target::Fixture;

/// Makes `NAME/node_modules/.bin/pnpm` in its `--prefix`, which says the version that was asked for.
const NPM: &str = r#"#!/bin/sh
echo "$*" >> "$CALLS/calls"
[ -e "$CALLS/broken" ] && { echo 'npm error code ENOTFOUND' >&2; exit 1; }
for word; do last=$word; done
mkdir -p "$3/node_modules/.bin"
printf '#!/bin/sh\necho %s\n' "'${last#*@}.0'" > "$3/node_modules/.bin/pnpm"
chmod 755 "$3/node_modules/.bin/pnpm"
"#;

/// A machine whose `PATH` has a shell's tools, `npm`, and what is added.
struct Bench {
    at: Fixture,
    target: Arc<MachineTarget>,
    programs: TempDir,
}

async fn bench() -> Bench {
    let programs = tempfile::tempdir().unwrap();
    for name in ["mkdir", "chmod", "cat", "rm"] {
        let place = ["/bin", "/usr/bin"].map(|folder| Path::new(folder).join(name));
        symlink(place.iter().find(|path| path.exists()).unwrap(), programs.path().join(name)).unwrap();
    }
    let path = programs.path().display().to_string();
    let toolchain = BTreeMap::from([("CALLS".to_owned(), path.clone())]);
    let (at, target) = world_in(Inherited { path, toolchain }).await;
    let bench = Bench { at, target, programs };
    bench.install("npm", NPM);
    bench
}

impl Bench {
    fn install(&self, name: &str, text: &str) {
        let path = self.programs.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.programs.path().join("calls")).unwrap_or_default();
        calls.lines().map(str::to_owned).collect()
    }

    /// Builds with a version of pnpm; answers how it ended and which one it was.
    async fn pnpm(&self, key: &str, asked: &str) -> (BuildState, String) {
        let tools = BTreeMap::from([("pnpm".to_owned(), asked.to_owned())]);
        self.build(key, Plan { tools, ..saying("pnpm") }).await
    }

    /// Builds; answers how it ended and what was written into `said`.
    async fn build(&self, key: &str, plan: Plan) -> (BuildState, String) {
        let order = self.at.build_order(key, plan);
        self.at.target.start_build(order.clone()).await.unwrap();
        let state = self.at.built(&order).await;
        let said = self.target.data().join("artifacts").join(&order.key).join("app/said");
        (state, fs::read_to_string(said).unwrap_or_default().trim().to_owned())
    }
}

fn saying(program: &str) -> Plan {
    let install = format!("{program} --version > said");
    Plan { install_command: Some(install), start_command: Some("true".into()), ..Plan::default() }
}

fn succeeded(state: &BuildState) -> bool {
    matches!(state, BuildState::Succeeded { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_is_fetched_once_for_every_build() {
    let bench = bench().await;
    let ((one, first), (two, second)) = tokio::join!(bench.pnpm("one", "9.1"), bench.pnpm("two", "9.1"));
    assert!(succeeded(&one) && succeeded(&two), "{one:?} {two:?}");
    assert_eq!((first.as_str(), second.as_str()), ("9.1.0", "9.1.0"));
    let calls = bench.calls();
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(calls[0].contains("--ignore-scripts") && calls[0].ends_with("pnpm@9.1"), "{calls:?}");
    assert_eq!(bench.pnpm("other", "8").await.1, "8.0", "another version has a folder of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_fetched_tool_is_fetched_again() {
    let bench = bench().await;
    bench.pnpm("one", "9.1").await;
    let tool = bench.target.data().join("cache/tools/pnpm@9.1");
    fs::remove_file(tool.join("whole")).unwrap();
    fs::write(tool.join("node_modules/.bin/pnpm"), "half").unwrap();
    assert_eq!(bench.pnpm("two", "9.1").await.1, "9.1.0");
    assert_eq!(bench.calls().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_installed_and_good_enough_is_used() {
    let bench = bench().await;
    bench.install("pnpm", "#!/bin/sh\necho 9.4.2\n");
    for (key, asked, said) in
        [("any", "", "9.4.2"), ("range", ">=9 <10", "9.4.2"), ("exact", "9.1.0", "9.1.0.0")]
    {
        assert_eq!(bench.pnpm(key, asked).await.1, said, "{asked}");
    }
    assert_eq!(bench.calls().len(), 1);
    // Where the registry can't be reached the installed one is tried.
    fs::write(bench.programs.path().join("broken"), "").unwrap();
    assert_eq!(bench.pnpm("offline", "7").await.1, "9.4.2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_cannot_be_had_says_what_to_do() {
    let bench = bench().await;
    fs::write(bench.programs.path().join("broken"), "").unwrap();
    let (BuildState::Failed { reason, .. }, _) = bench.pnpm("one", "9").await else { panic!("it must fail") };
    assert!(reason.contains("pnpm 9 is not installed on this machine"), "{reason}");
    assert!(reason.contains("npm install --global pnpm"), "{reason}");
    fs::remove_file(bench.programs.path().join("npm")).unwrap();
    let (BuildState::Failed { reason, .. }, _) = bench.pnpm("two", "9").await else { panic!("it must fail") };
    assert!(reason.contains("npm, which would fetch it, is not installed either"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_python_of_the_machine_is_found() {
    let bench = bench().await;
    bench.install("python3", "#!/bin/sh\necho Python 3.11.7\n");
    bench.install("python3.12", "#!/bin/sh\necho Python 3.12.1\n");
    for (key, asked, said) in [
        ("own", ">=3.9", "Python 3.11.7"),
        ("minor", "3.12", "Python 3.12.1"),
        ("range", ">=3.12", "Python 3.12.1"),
        ("none", "3.9", "Python 3.11.7"),
    ] {
        let plan = Plan { tools: BTreeMap::from([("python".into(), asked.into())]), ..saying("python3") };
        assert_eq!(bench.build(key, plan).await.1, said, "{asked}");
    }
    assert!(bench.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_no_command() {
    let bench = bench().await;
    let evil = "9'; echo evil > evil; '";
    bench.pnpm("one", evil).await;
    bench.pnpm("two", "npm:evil@9").await;
    bench.pnpm("three", "https://example.org/evil-9.tgz").await;
    let calls = bench.calls();
    assert!(calls.len() == 1 && calls[0].ends_with(&format!("pnpm@{evil}")), "{calls:?}");
    let artifacts = bench.target.data().join("artifacts");
    for build in fs::read_dir(artifacts).unwrap().flatten() {
        assert!(!build.path().join("evil").exists() && !build.path().join("app/evil").exists());
    }
}
