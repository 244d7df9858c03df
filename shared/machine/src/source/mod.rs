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
pub struct MachineSource {
    data: PathBuf,
    folder: PathBuf,
    path: String,
    bounds: Bounds,
    patience: Duration,
    /// One fetch per key at a time.
    busy: Mutex<BTreeMap<String, Weak<tokio::sync::Mutex<()>>>>,
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
        let busy = Mutex::default();
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
        let turn = self.turn(key);
        let _one = turn.lock().await;
        let (place, partial) = (self.folder.join(key), self.folder.join(format!(".{key}.partial")));
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

    async fn remove(&self, key: &str) -> Result<(), PortError> {
        files::check_name("checkout", key)?;
        let turn = self.turn(key);
        let _one = turn.lock().await;
        let place = self.folder.join(key);
        files::blocking(move || files::remove_folder(&place)).await
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
