//! Unpacks an archive into a new folder.

use crate::{
    Contents, Error, Limits,
    read::{Sink, read},
};
use model::port::source::Digest;
use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{Read, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Unpacks into `to`, which must not exist; refused unless the content has this digest. After a failure there is
/// nothing at `to`.
pub fn unpack(from: impl Read, to: &Path, limits: Limits, wanted: &Digest) -> Result<Contents, Error> {
    let mut builder = DirBuilder::new();
    builder.mode(0o700).create(to).map_err(Error::file("written", to))?;
    let unpacked = read(from, limits, &mut Folder { root: to, last: PathBuf::new() }).and_then(|contents| {
        if contents.digest == *wanted {
            return Ok(contents);
        }
        Err(Error::OtherDigest { wanted: wanted.to_string(), found: contents.digest.to_string() })
    });
    if unpacked.is_err() {
        fs::remove_dir_all(to).map_err(Error::file("removed", to))?;
    }
    unpacked
}

struct Folder<'a> {
    root: &'a Path,
    /// The folder that was made last: the next file is mostly in it too.
    last: PathBuf,
}

impl Folder<'_> {
    fn parent(&mut self, path: &Path) -> Result<(), Error> {
        let parent = path.parent().unwrap_or(self.root);
        if parent != self.last {
            let mut builder = DirBuilder::new();
            builder.mode(0o755).recursive(true).create(parent).map_err(Error::file("written", parent))?;
            parent.clone_into(&mut self.last);
        }
        Ok(())
    }
}

impl Sink for Folder<'_> {
    fn file(&mut self, path: &Path, runs: bool, content: &mut dyn Read) -> Result<(), Error> {
        let path = self.root.join(path);
        self.parent(&path)?;
        let mode = if runs { 0o755 } else { 0o644 };
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .map_err(Error::file("written", &path))?;
        let mut buffer = [0; 16 * 1024];
        loop {
            let read = content.read(&mut buffer).map_err(Error::of_stream)?;
            if read == 0 {
                return Ok(());
            }
            file.write_all(&buffer[..read]).map_err(Error::file("written", &path))?;
        }
    }

    fn link(&mut self, at: &Path, to: &Path) -> Result<(), Error> {
        let path = self.root.join(at);
        self.parent(&path)?;
        std::os::unix::fs::symlink(to, &path).map_err(Error::file("written", &path))
    }
}
