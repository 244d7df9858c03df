//! A tree with something beside it, and everything that can be asked about a tree.

use std::fs;
use std::path::{Path, PathBuf};

use inspect::secret::{self, ScanOptions};
use inspect::{Limits, Options, Report};

/// The text of the files outside.
pub const CANARY: &str = "token = \"CANARY0a8Kq3ZxP0mW7vT2rYc5L\"\nCANARY-OUTSIDE==1.0.0\n";

/// A folder with `tree` in it, and beside that files and a pipe.
pub struct Place {
    folder: tempfile::TempDir,
}

/// What was said about a tree.
pub struct Answers {
    pub report: Report,
    pub secrets: Vec<secret::Finding>,
    /// All of it as text.
    pub text: String,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tree")).unwrap();
        fs::create_dir(folder.path().join("outside")).unwrap();
        for name in
            ["package.json", "Dockerfile", "requirements.txt", "Procfile", "a.txt", "main.py", ".env.example"]
        {
            fs::write(folder.path().join("outside").join(name), CANARY).unwrap();
        }
        pipe(&folder.path().join("outside/pipe"));
        Self { folder }
    }

    /// With these files.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let place = Self::new();
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }

    pub fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    pub fn outside(&self, name: &str) -> PathBuf {
        self.folder.path().join("outside").join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.tree().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn link(&self, name: &str, target: impl AsRef<Path>) {
        std::os::unix::fs::symlink(target, self.tree().join(name)).unwrap();
    }

    /// Everything that a tree is asked, twice alike and never with a word from outside.
    pub fn ask(&self) -> Answers {
        self.ask_within(Limits::default())
    }

    pub fn ask_within(&self, limits: Limits) -> Answers {
        let options = Options { limits, ..Options::default() };
        let report = inspect::read(&self.tree(), &options).unwrap();
        let again = inspect::read(&self.tree(), &options).unwrap();
        let json = serde_json::to_string(&report).unwrap();
        assert_eq!(json, serde_json::to_string(&again).unwrap(), "two readings differ");
        let generated = inspect::docker::generate(&report);
        if !generated.dockerfile.is_empty() {
            assert_eq!(inspect::docker::parse(&generated.dockerfile).problems, []);
        }
        let secrets = secret::scan_tree(&self.tree(), &ScanOptions::default());
        let ignore = inspect::docker::dockerignore(&report);
        let text = format!("{json}\n{}\n{ignore}\n{secrets:?}", generated.dockerfile);
        assert!(!text.contains("CANARY"), "a file outside of the tree was read: {text}");
        Answers { report, secrets, text }
    }
}

/// A pipe that nobody writes to.
pub fn pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}
