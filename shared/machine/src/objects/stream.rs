//! Objects that are too large for memory: written and read piece by piece.

use super::{WORKSHOP, failed, is_absence, name, sync_folder};
use crate::clock::OsRandom;
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use model::port::{PortError, Random as _, objects::Stream};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncWriteExt as _},
};

/// Bytes of a piece.
const PIECE: usize = 256 * 1024;

/// The unfinished file; it goes with whoever gives up.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Writes all of it, syncs it, and only then names it.
pub(super) async fn create(
    folder: &Arc<PathBuf>,
    path: PathBuf,
    mut data: Stream,
) -> Result<bool, PortError> {
    if path.is_file() {
        sync_folder(&path).map_err(|error| failed(&path, &error))?;
        return Ok(false);
    }
    let unfinished = Unfinished(folder.join(WORKSHOP).join(format!("{:032x}", OsRandom.bits())));
    let broken = |error: io::Error| failed(&path, &error);
    let mut file = File::create_new(&unfinished.0).await.map_err(broken)?;
    while let Some(piece) = data.next().await {
        file.write_all(&piece?).await.map_err(broken)?;
    }
    file.sync_all().await.map_err(broken)?;
    drop(file);
    let (folder, at) = (Arc::clone(folder), path.clone());
    let named = tokio::task::spawn_blocking(move || name(&folder, &at, &unfinished.0)).await;
    named.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|error| failed(&path, &error))
}

/// Opens it; what is removed meanwhile is read to its end.
pub(super) async fn read(path: PathBuf) -> Result<Option<Stream>, PortError> {
    let opened = async {
        let file = File::open(&path).await?;
        if file.metadata().await?.is_file() { Ok(Some(file)) } else { Ok(None) }
    };
    let file = match opened.await {
        Ok(Some(file)) => file,
        Ok(None) => return Ok(None),
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(failed(&path, &error)),
    };
    Ok(Some(stream::unfold(Some(file), move |file| piece(file, path.clone())).boxed()))
}

async fn piece(
    file: Option<File>,
    path: impl AsRef<Path>,
) -> Option<(Result<Bytes, PortError>, Option<File>)> {
    let mut file = file?;
    let mut buffer = Vec::with_capacity(PIECE);
    match file.read_buf(&mut buffer).await {
        Ok(0) => None,
        Ok(_) => Some((Ok(buffer.into()), Some(file))),
        Err(error) => Some((Err(failed(path.as_ref(), &error)), None)),
    }
}
