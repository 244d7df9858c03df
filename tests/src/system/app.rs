//! Apps that keep a journal: each build and each start writes a line, so that the receiver counts what happened.

use super::{System, process::alive};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Stands before the real npm: all that these apps want of it is to run their build script.
const NPM: &str = "#!/bin/sh\nexec sh ./build.sh\n";

/// An app whose builds and starts are counted.
#[derive(Clone, Debug)]
pub struct App {
    /// Its source.
    pub folder: PathBuf,
    /// The service it is deployed as.
    pub service: String,
    journal: PathBuf,
}

impl System {
    /// A new app. It is the server that the binary carries, behind a build script and a start script that write
    /// into the journal; a build with the variable `HOLD` waits until somebody writes to the pipe of that name.
    pub fn app(&self, service: &str) -> App {
        let folder = self.work().join("apps").join(service);
        let journal = self.work().join(format!("{service}.journal"));
        let line = format!(">> '{}'", journal.display());
        let build = format!(
            "echo \"build $RELEASE $$\" {line}\necho \"building $RELEASE\"\n\
             if [ -n \"$HOLD\" ]; then read -r _ < \"$HOLD\"; fi\nexit ${{BUILD_EXIT:-0}}\n"
        );
        let start = format!(
            "echo \"start $RELEASE $$\" {line}\n[ -z \"$SAY\" ] || echo \"$SAY\"\nexec '{}' demo-app\n",
            self.setup.exe.display()
        );
        fs::create_dir(&folder).unwrap();
        let package = r#"{"name": "app", "scripts": {"build": "sh build.sh"}}"#;
        for (name, text) in [
            ("package.json", package),
            ("routes.js", "exports.health = \"/healthz\";\n"),
            ("Procfile", "web: sh start.sh\n"),
            ("build.sh", &build),
            ("start.sh", &start),
        ] {
            fs::write(folder.join(name), text).unwrap();
        }
        self.tool("npm", NPM);
        fs::write(&journal, "").unwrap();
        App { folder, service: service.to_owned(), journal }
    }

    /// A program that builds find before others of its name.
    fn tool(&self, name: &str, text: &str) {
        let file = self.work().join("bin").join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A copy of one of the example apps.
    pub fn example(&self, name: &str) -> PathBuf {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps").join(name);
        let to = self.work().join("apps").join(name);
        copy(&from, &to);
        to
    }

    /// A file of an example that was copied.
    pub fn example_file(&self, path: &str) -> PathBuf {
        self.work().join("apps").join(path)
    }

    /// A pipe that a build waits for.
    pub fn hold(&self, name: &str) -> Hold {
        let path = self.work().join(format!("{name}.hold"));
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success(), "mkfifo failed");
        Hold { path }
    }
}

/// A pipe that a build waits for.
pub struct Hold {
    /// Where it is.
    pub path: PathBuf,
}

impl Hold {
    /// Lets the build go on.
    pub async fn release(&self) {
        tokio::fs::write(&self.path, "go\n").await.unwrap();
    }
}

impl App {
    /// What deploys a release of it, on a policy that a few seconds of many requests are enough for.
    pub fn order(&self, release: &str) -> Value {
        json!({
            "service": self.service,
            "path": self.folder,
            "env": { "RELEASE": release, "APP_VERSION": release },
            "canary": { "bake_windows": 2, "min_requests": 30, "weights": [50, 100], "deadline_windows": 20 },
            "limits": { "verify_ms": 20_000, "build_ms": 120_000 },
        })
    }

    /// The same with one more variable.
    pub fn order_with(&self, release: &str, name: &str, value: &str) -> Value {
        let mut order = self.order(release);
        order["env"][name] = value.into();
        order
    }

    /// Lines of the journal that begin so.
    fn lines(&self, kind: &str, release: &str) -> Vec<i32> {
        let prefix = format!("{kind} {release} ");
        let text = self.journal();
        text.lines().filter_map(|line| line.strip_prefix(&prefix)?.trim().parse().ok()).collect()
    }

    /// How often the build script of a release ran.
    pub fn builds(&self, release: &str) -> usize {
        self.lines("build", release).len()
    }

    /// How often a release was started.
    pub fn starts(&self, release: &str) -> usize {
        self.lines("start", release).len()
    }

    /// The processes of a release that run.
    pub fn running(&self, release: &str) -> Vec<i32> {
        self.lines("start", release).into_iter().filter(|pid| alive(*pid)).collect()
    }

    /// The whole journal.
    pub fn journal(&self) -> String {
        fs::read_to_string(&self.journal).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}
