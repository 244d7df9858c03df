//! Objects as files in a folder; the key is the path.
//!
//! Invariant: a key never leads out of the folder, a reader sees whole objects only, and what was answered `Ok` is on
//! disk. Several processes may use the folder at once: creation is by hard link, which one of them wins.
//!
//! A key can't be another key's folder: `a` and `a/b` exclude each other here, and the second is refused.

mod stream;

use crate::clock::OsRandom;
use async_trait::async_trait;
use bytes::Bytes;
use model::port::{self, PortError, Random, objects::Stream};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Where files are written before they get their name. No key can name it, for `~` is not allowed in one.
const WORKSHOP: &str = "~new";
/// An unfinished file this old was left by a crash.
const ABANDONED: Duration = Duration::from_hours(1);
/// The longest segment: a file's name has at most 255 bytes on the file systems we know.
const SEGMENT_BYTES: usize = 200;
/// The longest key, as in Cloud Storage.
const KEY_BYTES: usize = 1024;

/// The objects of one folder.
pub struct Objects {
    folder: Arc<PathBuf>,
}

impl Objects {
    /// Uses `folder`, makes it if it is missing, and removes what crashes left unfinished there.
    pub fn open(folder: &Path) -> Result<Self, PortError> {
        let workshop = folder.join(WORKSHOP);
        fs::create_dir_all(&workshop).map_err(|error| failed(&workshop, &error))?;
        tidy(&workshop).map_err(|error| failed(&workshop, &error))?;
        Ok(Self { folder: Arc::new(folder.to_owned()) })
    }

    /// Runs `work` where it may block.
    async fn blocking<T: Send + 'static>(
        &self,
        path: PathBuf,
        work: impl FnOnce(&Path, &Path) -> io::Result<T> + Send + 'static,
    ) -> Result<T, PortError> {
        let folder = self.folder.clone();
        let task =
            tokio::task::spawn_blocking(move || work(&folder, &path).map_err(|error| failed(&path, &error)));
        task.await.unwrap_or_else(|error| {
            Err(PortError::Transient(format!("work on an object was broken off ({error}): try it again")))
        })
    }

    fn path(&self, key: &str) -> Result<PathBuf, PortError> {
        check(key)?;
        Ok(self.folder.join(key))
    }
}

#[async_trait]
impl port::Objects for Objects {
    async fn create(&self, key: &str, data: Bytes) -> Result<bool, PortError> {
        self.blocking(self.path(key)?, move |folder, path| create(folder, path, &data)).await
    }

    async fn create_from(&self, key: &str, data: Stream) -> Result<bool, PortError> {
        let path = self.path(key)?;
        stream::create(&self.folder, path, data).await
    }

    async fn put(&self, key: &str, data: Bytes) -> Result<(), PortError> {
        self.blocking(self.path(key)?, move |folder, path| put(folder, path, &data)).await
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, PortError> {
        self.blocking(self.path(key)?, |_, path| match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes.into())),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn read(&self, key: &str) -> Result<Option<Stream>, PortError> {
        stream::read(self.path(key)?).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Vec<String>, PortError> {
        let mut listing = Listing {
            prefix: prefix.to_owned(),
            after: after.unwrap_or_default().to_owned(),
            limit,
            found: Vec::new(),
        };
        self.blocking(self.folder.join(""), move |folder, _| {
            listing.walk(folder, "")?;
            Ok(listing.found)
        })
        .await
    }

    async fn delete(&self, key: &str) -> Result<(), PortError> {
        self.blocking(self.path(key)?, |_, path| match fs::remove_file(path) {
            Ok(()) => sync_folder(path),
            Err(error) if is_absence(&error) => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }

    async fn tidy(&self) -> Result<u64, PortError> {
        self.blocking(self.folder.join(WORKSHOP), |_, workshop| tidy(workshop)).await
    }
}

/// Refuses what is not `/`-separated segments of letters, digits, `-`, `_` and `.`.
fn check(key: &str) -> Result<(), PortError> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let segment = |one: &str| {
        (1..=SEGMENT_BYTES).contains(&one.len()) && one != "." && one != ".." && one.bytes().all(legal)
    };
    if key.len() <= KEY_BYTES && key.split('/').all(segment) {
        return Ok(());
    }
    let shown: String = key.chars().take(80).collect();
    Err(PortError::Permanent(format!(
        "{shown:?} can't be an object's key: use segments of letters, digits, `-`, `_` and `.`, at most {SEGMENT_BYTES} bytes each, with `/` between them"
    )))
}

fn failed(path: &Path, error: &io::Error) -> PortError {
    match error.kind() {
        ErrorKind::NotADirectory | ErrorKind::IsADirectory => PortError::Permanent(format!(
            "`{}` can't be an object, because its key is the folder of another's or lies below it: choose another key",
            path.display()
        )),
        _ => PortError::Transient(format!(
            "`{}` can't be read or written ({error}): check its owner and the free space on the disk",
            path.display()
        )),
    }
}

/// Nothing of that name, or only a folder, or a file where a folder would be.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory)
        // What Linux answers to the removal of a folder as a file elsewhere, and macOS always.
        || error.kind() == ErrorKind::PermissionDenied && cfg!(target_os = "macos")
}

fn create(folder: &Path, path: &Path, data: &[u8]) -> io::Result<bool> {
    if path.is_file() {
        // Maybe another process is between naming it and syncing the name; true of us either way after this.
        sync_folder(path)?;
        return Ok(false);
    }
    let unfinished = write(folder, data)?;
    name(folder, path, &unfinished)
}

/// Gives a written file its name unless there is one of that name, and removes the unfinished name.
fn name(folder: &Path, path: &Path, unfinished: &Path) -> io::Result<bool> {
    let linked = make_parents(folder, path).and_then(|()| fs::hard_link(unfinished, path));
    fs::remove_file(unfinished)?;
    match linked {
        Ok(()) => sync_folder(path).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {
            Err(ErrorKind::IsADirectory.into())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => sync_folder(path).map(|()| false),
        Err(error) => Err(error),
    }
}

fn put(folder: &Path, path: &Path, data: &[u8]) -> io::Result<()> {
    let unfinished = write(folder, data)?;
    let renamed = make_parents(folder, path).and_then(|()| fs::rename(&unfinished, path));
    if renamed.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    renamed.and_then(|()| sync_folder(path))
}

/// A synced file without its name yet.
fn write(folder: &Path, data: &[u8]) -> io::Result<PathBuf> {
    let path = folder.join(WORKSHOP).join(format!("{:032x}", OsRandom.bits()));
    let mut file = File::create_new(&path)?;
    if let Err(error) = file.write_all(data).and_then(|()| file.sync_all()) {
        // A full disk is not filled further by halves.
        let _ = fs::remove_file(&path);
        return Err(error);
    }
    Ok(path)
}

/// Makes the folders above `path`, durably.
fn make_parents(folder: &Path, path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent().filter(|parent| !parent.is_dir()) else { return Ok(()) };
    if parent != folder {
        make_parents(folder, parent)?;
    }
    match fs::create_dir(parent) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && parent.is_dir() => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(ErrorKind::NotADirectory.into()),
        other => other?,
    }
    sync_folder(parent)
}

/// Makes the names in the folder around `path` durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

fn tidy(workshop: &Path) -> io::Result<u64> {
    let mut removed = 0;
    for entry in fs::read_dir(workshop)? {
        let entry = entry?;
        // Another process may be finishing its file just now, or have removed it.
        let Ok(modified) = entry.metadata().and_then(|metadata| metadata.modified()) else { continue };
        if SystemTime::now().duration_since(modified).is_ok_and(|age| age > ABANDONED) {
            removed += u64::from(fs::remove_file(entry.path()).is_ok());
        }
    }
    Ok(removed)
}

struct Listing {
    prefix: String,
    after: String,
    limit: usize,
    found: Vec<String>,
}

impl Listing {
    /// Collects the keys below the folder whose own key, with a `/` at its end, is `base`.
    fn walk(&mut self, folder: &Path, base: &str) -> io::Result<()> {
        let mut names = Vec::new();
        for entry in match fs::read_dir(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other?,
        } {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().filter(|name| check(name).is_ok()).map(str::to_owned)
            else {
                continue;
            };
            // The slash belongs to the order of keys: `a-b` comes before `a/b`, and `a0` after it.
            names.push(if entry.file_type()?.is_dir() {
                format!("{base}{name}/")
            } else {
                format!("{base}{name}")
            });
        }
        names.sort_unstable();
        for key in names {
            if self.found.len() >= self.limit {
                break;
            }
            if key.ends_with('/') {
                if self.may_hold(&key) {
                    self.walk(&folder.join(&key[base.len()..key.len() - 1]), &key)?;
                }
            } else if key.starts_with(&self.prefix) && key > self.after {
                self.found.push(key);
            }
        }
        Ok(())
    }

    /// Whether a folder can hold keys that are asked for.
    fn may_hold(&self, folder: &str) -> bool {
        let related = folder.starts_with(&self.prefix) || self.prefix.starts_with(folder);
        related && (folder > self.after.as_str() || self.after.starts_with(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use port::Objects as _;

    #[tokio::test]
    async fn no_key_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(&folder.path().join("objects")).unwrap();
        fs::write(folder.path().join("secret"), "x").unwrap();
        for key in [
            "",
            "/",
            "..",
            "../secret",
            "a/../../secret",
            "/etc/passwd",
            "a//b",
            "a/",
            "./a",
            "~new/a",
            "a\0b",
            "ä",
            "a b",
        ] {
            assert!(!objects.get(key).await.unwrap_err().is_transient(), "{key}");
            assert!(!objects.put(key, Bytes::new()).await.unwrap_err().is_transient(), "{key}");
        }
        assert!(objects.put(&"a".repeat(201), Bytes::new()).await.is_err());
    }

    #[tokio::test]
    async fn a_key_and_its_folder_exclude_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(folder.path()).unwrap();
        objects.put("a/b", Bytes::from("1")).await.unwrap();
        objects.put("c", Bytes::from("1")).await.unwrap();
        for key in ["a", "c/d", "c/d/e"] {
            assert!(!objects.put(key, Bytes::new()).await.unwrap_err().is_transient(), "{key}");
            assert!(!objects.create(key, Bytes::new()).await.unwrap_err().is_transient(), "{key}");
            assert_eq!(objects.get(key).await.unwrap(), None, "{key}");
            objects.delete(key).await.unwrap();
        }
        assert_eq!(objects.list("", None, 10).await.unwrap(), ["a/b", "c"]);
        assert_eq!(fs::read_dir(folder.path().join(WORKSHOP)).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn what_a_crash_left_is_removed_once_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        Objects::open(folder.path()).unwrap();
        let (old, new) = (folder.path().join(WORKSHOP).join("old"), folder.path().join(WORKSHOP).join("new"));
        fs::write(&new, "x").unwrap();
        File::create(&old).unwrap().set_modified(SystemTime::now() - 2 * ABANDONED).unwrap();
        Objects::open(folder.path()).unwrap();
        assert_eq!((old.exists(), new.exists()), (false, true));
    }

    #[tokio::test]
    async fn what_was_left_since_it_was_opened_is_tidied_while_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let objects = Objects::open(folder.path()).unwrap();
        let (old, new) = (folder.path().join(WORKSHOP).join("old"), folder.path().join(WORKSHOP).join("new"));
        fs::write(&new, "x").unwrap();
        File::create(&old).unwrap().set_modified(SystemTime::now() - 2 * ABANDONED).unwrap();
        assert_eq!(objects.tidy().await.unwrap(), 1);
        assert_eq!((old.exists(), new.exists()), (false, true));
        assert_eq!(objects.tidy().await.unwrap(), 0);
    }
}
