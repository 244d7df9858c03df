//! Unpacked archives, for reading: each digest once, as long as somebody reads it and there is room after that.
//!
//! Invariant: a tree that is held is never removed; what is unpacked is complete, for it gets its name last.

use crate::target::files;
use archive::{Contents, Limits};
use futures::StreamExt as _;
use model::port::{
    PortError,
    objects::Stream,
    source::{Checkout, Digest},
};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::{Arc, Weak},
};
use tokio::io::AsyncWriteExt as _;

/// Trees that are being removed are named with this before their digest.
const GONE: &str = ".gone-";

/// What keeps a tree where it is.
struct Hold;

#[derive(Default)]
struct Entry {
    /// One unpacks, the others wait.
    turn: Arc<tokio::sync::Mutex<()>>,
    held: Weak<Hold>,
    /// Of its files; 0 until it is unpacked.
    bytes: u64,
    /// Counts up with each opening.
    used: u64,
    unpacked: bool,
}

/// The unpacked trees, by the digest of their archive.
pub(super) struct Cache {
    folder: PathBuf,
    limits: Limits,
    room: u64,
    entries: Mutex<BTreeMap<Digest, Entry>>,
}

impl Cache {
    /// Empty: nobody reads what a predecessor unpacked.
    pub(super) fn open(folder: PathBuf, limits: Limits, room: u64) -> Result<Self, PortError> {
        files::remove_folder(&folder)?;
        files::folder(&folder)?;
        Ok(Self { folder, limits, room, entries: Mutex::default() })
    }

    /// The tree of this digest, unpacked from `data` unless it is there.
    pub(super) async fn tree(
        &self,
        digest: &Digest,
        data: impl Future<Output = Result<Option<Stream>, PortError>>,
    ) -> Result<Option<Checkout>, PortError> {
        let turn = Arc::clone(&self.entries.lock().entry(digest.clone()).or_default().turn);
        let _one = turn.lock().await;
        if let Some(found) = self.hold(digest) {
            return Ok(Some(found));
        }
        let Some(data) = data.await? else { return Ok(None) };
        let contents = self.unpack(digest, data).await?;
        {
            let mut entries = self.entries.lock();
            let entry = entries.entry(digest.clone()).or_default();
            (entry.bytes, entry.unpacked) = (contents.bytes, true);
        }
        let held = self.hold(digest);
        self.make_room().await?;
        Ok(held)
    }

    fn place(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.as_str())
    }

    /// The tree of this digest, if it is unpacked already.
    pub(super) fn hold(&self, digest: &Digest) -> Option<Checkout> {
        let mut entries = self.entries.lock();
        let newest = entries.values().map(|entry| entry.used).max().unwrap_or(0);
        let entry = entries.get_mut(digest).filter(|entry| entry.unpacked)?;
        entry.used = newest + 1;
        let held = entry.held.upgrade().unwrap_or_else(|| Arc::new(Hold));
        entry.held = Arc::downgrade(&held);
        Some(Checkout { folder: self.place(digest), held })
    }

    async fn unpack(&self, digest: &Digest, data: Stream) -> Result<Contents, PortError> {
        let packed = Staged(self.folder.join(format!(".{digest}.archive")));
        write(&packed.0, data, self.limits.packed_bytes).await?;
        let (to, partial) = (self.place(digest), self.folder.join(format!(".{digest}.partial")));
        let (digest, limits) = (digest.clone(), self.limits);
        files::blocking(move || {
            files::remove_folder(&partial)?;
            let contents = unpack(&packed.0, &partial, limits, &digest)?;
            fs::rename(&partial, &to).map_err(|e| files::failed("move", &partial, &e))?;
            Ok(contents)
        })
        .await
    }

    /// Nobody wants it any more: it goes, unless somebody reads it just now; then it goes when room is made.
    pub(super) async fn remove(&self, digest: &Digest) -> Result<(), PortError> {
        let place = self.place(digest);
        {
            let mut entries = self.entries.lock();
            let Some(entry) = entries.get_mut(digest).filter(|entry| entry.unpacked) else { return Ok(()) };
            if entry.held.strong_count() > 0 {
                entry.used = 0;
                return Ok(());
            }
            self.set_aside(&place)?;
            forget(&mut entries, digest);
        }
        self.clear().await
    }

    /// Removes the trees that were used longest ago until the rest has room.
    async fn make_room(&self) -> Result<(), PortError> {
        {
            let mut entries = self.entries.lock();
            let mut total: u64 = entries.values().map(|entry| entry.bytes).sum();
            while total > self.room {
                let free =
                    entries.iter().filter(|(_, entry)| entry.unpacked && entry.held.strong_count() == 0);
                let oldest = free
                    .min_by_key(|(_, entry)| entry.used)
                    .map(|(digest, entry)| (digest.clone(), entry.bytes));
                let Some((digest, bytes)) = oldest else { break };
                self.set_aside(&self.place(&digest))?;
                forget(&mut entries, &digest);
                total -= bytes;
            }
        }
        self.clear().await
    }

    /// Under its name it is gone at once; the rest takes time.
    fn set_aside(&self, place: &Path) -> Result<(), PortError> {
        let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let aside = self.folder.join(format!("{GONE}{name}"));
        files::remove_folder(&aside)?;
        fs::rename(place, &aside).map_err(|e| files::failed("move", place, &e))
    }

    async fn clear(&self) -> Result<(), PortError> {
        let folder = self.folder.clone();
        files::blocking(move || {
            let all = files::subfolders(&folder).into_iter();
            all.filter(|(name, _)| name.starts_with(GONE))
                .try_for_each(|(_, path)| files::remove_folder(&path))
        })
        .await
    }
}

/// It is not there any more. Whoever waits for its turn keeps the place, so that never two unpack the same.
fn forget(entries: &mut BTreeMap<Digest, Entry>, digest: &Digest) {
    if let Some(entry) = entries.get_mut(digest) {
        (entry.unpacked, entry.bytes) = (false, 0);
        if Arc::strong_count(&entry.turn) == 1 {
            entries.remove(digest);
        }
    }
}

/// A file that goes with whoever gives up.
pub(super) struct Staged(pub PathBuf);

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Writes a stream into a file of its own.
pub(crate) async fn write(path: &Path, mut data: Stream, most: u64) -> Result<(), PortError> {
    let broken = |error: std::io::Error| files::failed("write", path, &error);
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let (mut file, mut bytes) = (options.open(path).await.map_err(broken)?, 0_u64);
    while let Some(piece) = data.next().await {
        let piece = piece?;
        bytes += piece.len() as u64;
        if bytes > most {
            return Err(archive::Error::PackedTooLarge(most).into());
        }
        file.write_all(&piece).await.map_err(broken)?;
    }
    file.flush().await.map_err(broken)
}

/// Unpacks an archive's file.
pub(crate) fn unpack(
    packed: &Path,
    to: &Path,
    limits: Limits,
    digest: &Digest,
) -> Result<Contents, PortError> {
    let file = File::open(packed).map_err(|e| files::failed("read", packed, &e))?;
    Ok(archive::unpack(file, to, limits, digest)?)
}
