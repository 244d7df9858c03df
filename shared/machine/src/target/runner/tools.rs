//! Programs that an app asks for and this machine lacks: from a registry into the cache, from there into its `PATH`.
//!
//! What is installed and of a version that was asked for is used as it is. A tool is fetched once for every app:
//! whoever needs it holds its lock, and it counts only with its mark, so that a death in between costs a repeat.

use super::{
    command::{self, Limits},
    output::Output,
    registry::{Install, help, plain, quoted},
    version::{Version, is_exact, meets, printed},
};
use crate::target::{environment::TOOLS, files};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

/// How long a program may take to say its version.
const SAY: Duration = Duration::from_secs(10);
/// In a tool's folder once it is whole.
const WHOLE: &str = "whole";

/// Programs by the names that they are called by.
type Programs = Vec<(String, PathBuf)>;

/// What the tools are provided with.
pub(super) struct Bench<'a> {
    /// The work folder of the build.
    pub root: &'a Path,
    /// Where fetched tools are kept.
    pub cache: &'a Path,
    pub environment: &'a BTreeMap<String, String>,
    /// The whole build's, from `began` on.
    pub limit: Duration,
    pub began: Instant,
}

/// Provides each tool, by name and asked version; answers why the build can't go on, if it can't.
pub(super) async fn provide(
    tools: &BTreeMap<String, String>,
    bench: &Bench<'_>,
    output: &mut Output,
) -> Option<String> {
    let mut links = Vec::new();
    for (name, asked) in tools {
        let asked = asked.split('+').next().unwrap_or_default().trim();
        let installed = bench.installed(name);
        let version = match &installed {
            Some(_) if asked.is_empty() => continue,
            Some(program) => bench.version_of(program).await,
            None => None,
        };
        if version.is_some_and(|version| meets(version, &at_least(name, asked))) {
            continue;
        }
        match bench.bring(name, asked, output).await {
            Ok(programs) => links.extend(programs),
            Err(why) if installed.is_some() => {
                output.system(&format!("tools: going on with the installed {name}, not {asked}: {why}"));
            }
            Err(why) => {
                let wanted = format!("{name} {asked}");
                return Some(format!("{} is not installed on this machine: {why}", wanted.trim()));
            }
        }
    }
    let folder = bench.root.join(TOOLS);
    links.iter().find_map(|(name, program)| link(&folder, name, program).err())
}

/// A version without an operator: a newer one of the same kind does what it does, but for package managers, which
/// refuse to run as another version than the tree's.
fn at_least(name: &str, asked: &str) -> String {
    match name {
        "node" if is_exact(asked) => format!("^{}", asked.trim_start_matches('v')),
        "python" if is_exact(asked) => format!("~{asked}"),
        _ => asked.to_owned(),
    }
}

impl Bench<'_> {
    /// How long the next command may take.
    pub(super) fn limits(&self) -> Limits {
        Limits { left: self.limit.saturating_sub(self.began.elapsed()), whole: self.limit }
    }

    /// Its programs, by name: what else the machine has, or what a registry has.
    async fn bring(&self, name: &str, asked: &str, output: &mut Output) -> Result<Programs, String> {
        if name == "python"
            && let Some(program) = self.other_python(asked).await
        {
            return Ok(["python3", "python"].map(|name| (name.to_owned(), program.clone())).into());
        }
        let mut programs = self.fetch(name, asked, output).await?;
        // npm 10 and 11 refuse to run on a Node.js this old; npm 9 runs on all of them since 14.
        if name == "node" && self.version_of(&programs[0].1).await.is_some_and(|version| version[0] < 20) {
            programs.extend(self.fetch("npm", "9", output).await?);
        }
        Ok(programs)
    }

    /// The program of that name in the machine's own `PATH`.
    fn installed(&self, name: &str) -> Option<PathBuf> {
        let name = if name == "python" { "python3" } else { name };
        self.path().into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
    }

    /// The folders of `PATH` that are not the app's own.
    fn path(&self) -> Vec<PathBuf> {
        let path = self.environment.get("PATH").map_or("", String::as_str);
        std::env::split_paths(path).filter(|folder| !folder.starts_with(self.root)).collect()
    }

    async fn version_of(&self, program: &Path) -> Option<Version> {
        let said = tokio::process::Command::new(program)
            .arg("--version")
            // Beside a manifest pnpm would say which version that asks for.
            .current_dir(self.root)
            .env_clear()
            .envs(self.environment)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let said = tokio::time::timeout(SAY, said).await.ok()?.ok()?;
        said.status.success().then(|| printed(&String::from_utf8_lossy(&said.stdout))).flatten()
    }

    /// Another Python of this machine: `python3.12` in `PATH`, or one of pyenv's.
    async fn other_python(&self, asked: &str) -> Option<PathBuf> {
        let path = self.path();
        let name = |minor| format!("python3.{minor}");
        let named = (7..30).rev().flat_map(|minor| path.iter().map(move |folder| folder.join(name(minor))));
        let mut kept: Vec<PathBuf> = path
            .iter()
            .filter(|folder| folder.ends_with("shims"))
            .filter_map(|shims| fs::read_dir(shims.parent()?.join("versions")).ok())
            .flat_map(|versions| versions.flatten().map(|version| version.path().join("bin/python3")))
            .collect();
        kept.sort_unstable();
        for program in named.chain(kept.into_iter().rev()).filter(|path| path.is_file()) {
            let version = self.version_of(&program).await;
            if version.is_some_and(|version| meets(version, &at_least("python", asked))) {
                return Some(program);
            }
        }
        None
    }

    /// Fetches it unless the cache has it; answers its programs, by name.
    async fn fetch(&self, name: &str, asked: &str, output: &mut Output) -> Result<Programs, String> {
        let install = Install::of(name, asked).ok_or_else(|| help(name))?;
        let folder = self.cache.join("tools").join(format!("{name}@{}", plain(asked)));
        let lock = self.lock(&folder).await?;
        if !folder.join(WHOLE).exists() {
            files::remove_folder(&folder).map_err(|error| error.to_string())?;
            files::folder(&folder).map_err(|error| error.to_string())?;
            let begun = Instant::now();
            output.system(&format!("tools: fetching {name} {asked} from {}", install.registry));
            let command = install.command(&folder);
            let ended = command::run(&command, self.root, self.environment, self.limits(), output).await;
            install.explain(name, &ended)?;
            fs::write(folder.join(WHOLE), b"").map_err(|error| error.to_string())?;
            output.system(&format!("tools: {name} is there after {:.1} s", begun.elapsed().as_secs_f64()));
        }
        drop(lock);
        Ok(install.programs.iter().map(|(name, path)| ((*name).to_owned(), folder.join(path))).collect())
    }

    /// One build at a time fetches a tool. The lock ends with the file.
    async fn lock(&self, folder: &Path) -> Result<File, String> {
        let path = folder.with_added_extension("lock");
        files::folder(folder.parent().unwrap_or(folder)).map_err(|error| error.to_string())?;
        let file = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let locked = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
        match tokio::time::timeout(self.limits().left, locked).await {
            Ok(Ok(Ok(file))) => Ok(file),
            _ => Err("another build still fetches it".to_owned()),
        }
    }
}

/// A program among the app's tools. A Python is started where it lies: what it is made of is beside it.
fn link(folder: &Path, name: &str, program: &Path) -> Result<(), String> {
    let path = folder.join(name);
    files::folder(folder).map_err(|error| error.to_string())?;
    let made = if name.starts_with("python") {
        let text = format!("#!/bin/sh\nexec {} \"$@\"\n", quoted(&program.display().to_string()));
        fs::write(&path, text).and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)))
    } else {
        std::os::unix::fs::symlink(program, &path)
    };
    made.map_err(|error| format!("{} could not be written: {error}", path.display()))
}
