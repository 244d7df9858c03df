//! Fetches source trees onto this machine: from a folder, or from Git by its own command.
//!
//! A tree is fetched once per key, into a place of its own that nobody else writes to. Invariant: nothing of a
//! repository is run, no link leads out of a fetched tree, and a token is in no argument, file or message.

mod explain;
mod git;
pub mod tree;
mod wanted;

use crate::target::files;
use async_trait::async_trait;
use model::port::{
    PortError, Source,
    source::{Checkout, SourceRef},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Weak},
    time::Duration,
};
use tree::Bounds;

/// How long fetching may take.
const PATIENCE: Duration = Duration::from_mins(5);

/// Sources on one machine, fetched into `sources` of the data folder.
#[derive(Clone)]
pub struct MachineSource {
    data: PathBuf,
    folder: PathBuf,
    path: String,
    bounds: Bounds,
    patience: Duration,
    /// One fetch per key at a time.
    busy: Arc<Mutex<BTreeMap<String, Weak<tokio::sync::Mutex<()>>>>>,
}

/// What is known about a fetched tree; written when it is complete.
#[derive(Serialize, Deserialize)]
struct Fetched {
    commit: String,
    bytes: u64,
}

impl MachineSource {
    /// Opens the folder for fetched trees. `path` is where programs are: `git` among them.
    pub fn open(data: &Path, path: &str) -> Result<Self, PortError> {
        files::folder(&data.join("sources"))?;
        let data = data.canonicalize().map_err(|e| files::failed("look at", data, &e))?;
        let folder = data.join("sources");
        let busy = Arc::default();
        Ok(Self { data, folder, path: path.to_owned(), bounds: Bounds::default(), patience: PATIENCE, busy })
    }

    /// The same with other bounds.
    #[must_use]
    pub fn bounded(self, bounds: Bounds, patience: Duration) -> Self {
        Self { bounds, patience, ..self }
    }

    fn turn(&self, key: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut busy = self.busy.lock();
        busy.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = busy.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::default();
        busy.insert(key.to_owned(), Arc::downgrade(&turn));
        turn
    }

    async fn fetch(
        &self,
        source: &SourceRef,
        place: &Path,
        token: Option<&str>,
    ) -> Result<Fetched, PortError> {
        let tree = place.join("tree");
        match source {
            SourceRef::Folder { path } => {
                let from = folder(path)?;
                let copied = self.copy(from, tree).await?;
                Ok(Fetched { commit: copied.hash, bytes: copied.bytes })
            }
            SourceRef::Git { url, branch, commit } => {
                let wanted = wanted::Wanted::parse(url, branch.as_deref(), commit.as_deref(), token)?;
                let repository = place.join("repository");
                let git = git::Git { path: &self.path, patience: self.patience, bounds: self.bounds };
                let commit = git.fetch(&wanted, &repository).await?;
                let copied = self.copy(repository.clone(), tree).await?;
                files::blocking(move || files::remove_folder(&repository)).await?;
                Ok(Fetched { commit, bytes: copied.bytes })
            }
        }
    }

    /// Fetches a tree, or finds it.
    async fn find_or_fetch(
        &self,
        source: &SourceRef,
        key: &str,
        token: Option<&str>,
    ) -> Result<Checkout, PortError> {
        let turn = self.turn(key);
        let _one = turn.lock().await;
        let (place, partial) = (self.folder.join(key), self.partial(key));
        if let Some(fetched) = files::read_json::<Fetched>(&place.join("fetched.json"))? {
            return Ok(Checkout { folder: place.join("tree"), commit: fetched.commit, bytes: fetched.bytes });
        }
        let clean = partial.clone();
        files::blocking(move || files::remove_folder(&clean)).await?;
        files::folder(&partial)?;
        let fetched = match self.fetch(source, &partial, token).await {
            Ok(fetched) => fetched,
            Err(error) => {
                files::blocking(move || files::remove_folder(&partial)).await?;
                return Err(error);
            }
        };
        files::replace_json(&partial.join("fetched.json"), &fetched)?;
        // Complete or not there at all.
        std::fs::rename(&partial, &place).map_err(|e| files::failed("move", &partial, &e))?;
        Ok(Checkout { folder: place.join("tree"), commit: fetched.commit, bytes: fetched.bytes })
    }

    fn partial(&self, key: &str) -> PathBuf {
        self.folder.join(format!(".{key}.partial"))
    }

    async fn copy(&self, from: PathBuf, to: PathBuf) -> Result<tree::Copied, PortError> {
        let (bounds, data) = (self.bounds, self.data.clone());
        // Deploying the folder that holds the data folder would copy the copy.
        let except = (!from.starts_with(&data)).then_some(data);
        files::blocking(move || tree::copy(&from, &to, bounds, except.as_deref())).await
    }
}

#[async_trait]
impl Source for MachineSource {
    async fn checkout(
        &self,
        source: &SourceRef,
        key: &str,
        token: Option<&str>,
    ) -> Result<Checkout, PortError> {
        files::check_name("checkout", key)?;
        let (this, source) = (self.clone(), source.clone());
        let (key, token) = (key.to_owned(), token.map(str::to_owned));
        // It goes on when its caller's time is up, for as long as its own bounds allow: the repeat finds the tree
        // instead of beginning anew, each time.
        let fetching = tokio::spawn(async move { this.find_or_fetch(&source, &key, token.as_deref()).await });
        fetching.await.unwrap_or_else(|error| {
            Err(PortError::Transient(format!("fetching was broken off ({error}): try it again")))
        })
    }

    async fn remove(&self, key: &str) -> Result<(), PortError> {
        files::check_name("checkout", key)?;
        let turn = self.turn(key);
        let _one = turn.lock().await;
        let (place, partial) = (self.folder.join(key), self.partial(key));
        files::blocking(move || {
            // What a crash left of an unfinished fetch.
            files::remove_folder(&partial)?;
            files::remove_folder(&place)
        })
        .await
    }
}

/// A folder that a user named.
fn folder(path: &str) -> Result<PathBuf, PortError> {
    let given = Path::new(path);
    if !given.is_absolute() {
        return Err(PortError::Permanent(format!(
            "`{path}` is not an absolute path; give the folder's whole path"
        )));
    }
    let found = given.canonicalize().map_err(|error| {
        PortError::Permanent(format!("the folder {path} can't be read: {error}; check its path"))
    })?;
    if !found.is_dir() {
        return Err(PortError::Permanent(format!(
            "{path} is a file, not a folder; give the folder that the app is in"
        )));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    /// A program called git that waits in `fetch` until somebody writes to a pipe, and can't fetch twice.
    fn slow_git(tools: &Path) -> String {
        let here = tools.display();
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in\n*\"fetch --quiet\"*) mkdir {here}/once || exit 1; read line < {here}/pipe;;\n\
             *rev-parse*) echo 0123456789012345678901234567890123456789;;\nesac\n"
        );
        fs::write(tools.join("git"), script).unwrap();
        fs::set_permissions(tools.join("git"), fs::Permissions::from_mode(0o700)).unwrap();
        let made = std::process::Command::new("mkfifo").arg(tools.join("pipe")).status().unwrap();
        assert!(made.success());
        format!("{here}:/usr/bin:/bin")
    }

    #[tokio::test]
    async fn a_fetch_goes_on_when_its_callers_time_is_up() {
        let (data, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let source = MachineSource::open(data.path(), &slow_git(tools.path())).unwrap();
        let wanted = SourceRef::Git { url: "https://git.example/a/b.git".into(), branch: None, commit: None };
        let (first, asked) = (source.clone(), wanted.clone());
        let caller = tokio::spawn(async move { first.checkout(&asked, "dep_1", None).await });
        let pipe = tools.path().join("pipe");
        // Opening it waits for git to be in the middle of its fetch.
        let pipe = tokio::task::spawn_blocking(move || fs::OpenOptions::new().write(true).open(pipe));
        let mut pipe = pipe.await.unwrap().unwrap();
        caller.abort();
        assert!(caller.await.unwrap_err().is_cancelled());
        std::io::Write::write_all(&mut pipe, b"go on\n").ok();
        drop(pipe);
        let found = source.checkout(&wanted, "dep_1", None).await.unwrap();
        assert_eq!(found.commit, "0123456789012345678901234567890123456789");
    }

    #[tokio::test]
    async fn what_a_crash_left_of_a_fetch_is_removed_too() {
        let data = tempfile::tempdir().unwrap();
        let source = MachineSource::open(data.path(), "/usr/bin:/bin").unwrap();
        let partial = source.partial("dep_1");
        files::folder(&partial.join("repository")).unwrap();
        source.remove("dep_1").await.unwrap();
        assert!(!partial.exists());
    }
}
