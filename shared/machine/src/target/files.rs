//! Small state files: written whole or not at all, durable when the call returns, readable by their owner only.
//!
//! Invariant: a reader sees the old content or the new one, never half of either, whatever dies in between.

use model::port::PortError;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// Distinguishes temporary files of one process; the process id distinguishes processes.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Creates a folder and those above it, closed to other users.
pub(crate) fn folder(path: &Path) -> Result<(), PortError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| failed("create", path, &e))
}

/// Writes `data` under a temporary name, syncs it, renames it to `path` and syncs the folder.
pub(crate) fn replace(path: &Path, data: &[u8]) -> Result<(), PortError> {
    let temporary = temporary(path);
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(data)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    };
    write().map_err(|e| {
        fs::remove_file(&temporary).ok();
        failed("write", path, &e)
    })
}

/// [`replace`] with the value as JSON.
pub(crate) fn replace_json<T: Serialize>(path: &Path, value: &T) -> Result<(), PortError> {
    let data = serde_json::to_vec_pretty(value).map_err(|e| PortError::Permanent(e.to_string()))?;
    replace(path, &data)
}

/// Reads a JSON file; `None` if there is none. Half a file can't be there, so anything unreadable is an error.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, PortError> {
    match fs::read(path) {
        Ok(data) => serde_json::from_slice(&data).map(Some).map_err(|e| {
            PortError::Permanent(format!(
                "{} is not what Sextant wrote there ({e}); restore it from a backup or remove it",
                path.display()
            ))
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path, &error)),
    }
}

/// Removes a folder with all that is in it; removing what isn't there is fine.
pub(crate) fn remove_folder(path: &Path) -> Result<(), PortError> {
    let gone = |error: &std::io::Error| error.kind() == ErrorKind::NotFound;
    match fs::remove_dir_all(path) {
        Err(error) if !gone(&error) => {
            // Build tools (Go's module cache, for one) leave folders that even their owner may not write to.
            unlock(path);
            fs::remove_dir_all(path)
                .or_else(|e| if gone(&e) { Ok(()) } else { Err(failed("remove", path, &e)) })
        }
        _ => Ok(()),
    }
}

fn unlock(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).ok();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            unlock(&entry.path());
        }
    }
}

/// The folders in a folder, sorted by name; none if it isn't there.
pub(crate) fn subfolders(path: &Path) -> Vec<(String, PathBuf)> {
    let mut found: Vec<_> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .collect();
    found.sort();
    found
}

/// Whether `name` can be one segment of a path: keys and revision names come from outside of this crate.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), PortError> {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if (1..=128).contains(&name.len()) && !name.starts_with(['.', '-']) && name.bytes().all(legal) {
        return Ok(());
    }
    Err(PortError::Permanent(format!(
        "`{name}` can't be the name of a {what}: use 1 to 128 letters, digits, `-`, `_` and `.`, starting with a letter or digit"
    )))
}

/// Runs blocking file work off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PortError> + Send + 'static,
) -> Result<T, PortError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(PortError::Transient("file work was interrupted by the end of the process".into()))
    })
}

/// What a failed file operation means to a caller: what, where, and what to do.
pub(crate) fn failed(verb: &str, path: &Path, error: &std::io::Error) -> PortError {
    let advice = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space on that disk",
        ErrorKind::PermissionDenied => "check who owns it",
        _ => "check that path",
    };
    PortError::Transient(format!("could not {verb} {}: {error}; {advice}", path.display()))
}

fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!(".{name}.{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)))
}
