//! Copies a source tree: bounded, hashed on the way, and without leaving it.
//!
//! Invariant: no link is followed while copying. A link that stays inside of the tree is copied as a link; one
//! that leaves it is left out, like pipes, sockets and devices.

use model::port::PortError;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Component, Path, PathBuf},
};

/// How large a tree may be.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of all files.
    pub bytes: u64,
    /// Files, links and folders.
    pub entries: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { bytes: 1 << 30, entries: 200_000 }
    }
}

/// What was copied.
#[derive(Clone, Debug, Default)]
pub(crate) struct Copied {
    /// Bytes of all files.
    pub bytes: u64,
    /// Files, links and folders.
    pub entries: u64,
    /// SHA-256 over names, modes and contents in order of their names, as 40 hexadecimal digits.
    pub hash: String,
}

/// Copies `from` to `to`, which must not exist, without `.git` and without `except`.
pub(crate) fn copy(
    from: &Path,
    to: &Path,
    bounds: Bounds,
    except: Option<&Path>,
) -> Result<Copied, PortError> {
    let root = from.canonicalize().map_err(|e| unreadable(from, &e))?;
    let mut work = Work {
        from: &root,
        to,
        except: except.and_then(|path| path.canonicalize().ok()),
        bounds,
        copied: Copied::default(),
        hash: aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256),
        buffer: vec![0; 128 * 1024],
    };
    work.folder(Path::new(""))?;
    let digest = work.hash.finish();
    let hash = hex::encode(&digest.as_ref()[..20]);
    Ok(Copied { hash, ..work.copied })
}

struct Work<'a> {
    from: &'a Path,
    to: &'a Path,
    except: Option<PathBuf>,
    bounds: Bounds,
    copied: Copied,
    hash: aws_lc_rs::digest::Context,
    buffer: Vec<u8>,
}

impl Work<'_> {
    fn folder(&mut self, relative: &Path) -> Result<(), PortError> {
        let source = self.from.join(relative);
        fs::create_dir_all(self.to.join(relative)).map_err(|e| unwritable(self.to, &e))?;
        let entries: io::Result<Vec<_>> = fs::read_dir(&source).and_then(Iterator::collect);
        let mut entries = entries.map_err(|e| unreadable(&source, &e))?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if entry.file_name() == ".git" || self.except.as_deref() == Some(&entry.path()) {
                continue;
            }
            let kind = entry.file_type().map_err(|e| unreadable(&entry.path(), &e))?;
            let relative = relative.join(entry.file_name());
            self.count_entry()?;
            if kind.is_dir() {
                self.note(b'd', &relative, &[]);
                self.folder(&relative)?;
            } else if kind.is_file() {
                self.file(&relative)?;
            } else if kind.is_symlink() {
                self.link(&relative)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, relative: &Path) -> Result<(), PortError> {
        let (source, target) = (self.from.join(relative), self.to.join(relative));
        let flags = rustix::fs::OFlags::NOFOLLOW.bits() as i32;
        let mut reader = OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(&source)
            .map_err(|e| unreadable(&source, &e))?;
        let mode = reader.metadata().map_err(|e| unreadable(&source, &e))?.permissions().mode();
        // Only whether it can be run is kept; set-uid bits never are.
        let mode = if mode & 0o111 == 0 { 0o644 } else { 0o755 };
        self.note(b'f', relative, &[u8::from(mode == 0o755)]);
        let mut writer = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&target)
            .map_err(|e| unwritable(&target, &e))?;
        loop {
            let read = reader.read(&mut self.buffer).map_err(|e| unreadable(&source, &e))?;
            if read == 0 {
                self.hash.update(&[0xff]);
                return Ok(());
            }
            self.count_bytes(read as u64)?;
            self.hash.update(&self.buffer[..read]);
            write(&mut writer, &self.buffer[..read]).map_err(|e| unwritable(&target, &e))?;
        }
    }

    fn link(&mut self, relative: &Path) -> Result<(), PortError> {
        let source = self.from.join(relative);
        let to = fs::read_link(&source).map_err(|e| unreadable(&source, &e))?;
        if !stays_inside(relative, &to) {
            return Ok(());
        }
        self.note(b'l', relative, to.as_os_str().as_encoded_bytes());
        let target = self.to.join(relative);
        std::os::unix::fs::symlink(&to, &target).map_err(|e| unwritable(&target, &e))
    }

    /// Lengths come first, so that no two different trees give the same bytes.
    fn note(&mut self, kind: u8, relative: &Path, rest: &[u8]) {
        let name = relative.as_os_str().as_encoded_bytes();
        self.hash.update(&[kind]);
        for part in [name, rest] {
            self.hash.update(&(part.len() as u64).to_le_bytes());
            self.hash.update(part);
        }
    }

    fn count_entry(&mut self) -> Result<(), PortError> {
        self.copied.entries += 1;
        if self.copied.entries <= self.bounds.entries {
            return Ok(());
        }
        Err(PortError::Permanent(format!(
            "{} holds more than {} files; deploy the app's own folder, without installed dependencies and build output",
            self.from.display(),
            self.bounds.entries
        )))
    }

    fn count_bytes(&mut self, more: u64) -> Result<(), PortError> {
        self.copied.bytes += more;
        if self.copied.bytes <= self.bounds.bytes {
            return Ok(());
        }
        Err(PortError::Permanent(format!(
            "{} holds more than {} MiB; deploy the app's own folder, without installed dependencies and build output",
            self.from.display(),
            self.bounds.bytes >> 20
        )))
    }
}

fn write(file: &mut File, data: &[u8]) -> io::Result<()> {
    file.write_all(data)
}

/// Whether a relative link at `at` leads to a place in the tree, by its text alone.
fn stays_inside(at: &Path, link: &Path) -> bool {
    let mut depth = at.components().count() as i64 - 1;
    link.components().all(|component| {
        match component {
            Component::ParentDir => depth -= 1,
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => depth = i64::MIN / 2,
        }
        depth >= 0
    })
}

fn unreadable(path: &Path, error: &io::Error) -> PortError {
    PortError::Permanent(format!(
        "could not read {}: {error}; check that it exists and that you may read it",
        path.display()
    ))
}

fn unwritable(path: &Path, error: &io::Error) -> PortError {
    PortError::Transient(format!(
        "could not write {}: {error}; check the disk of the data folder",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_inside_by_their_text() {
        for (at, link, inside) in [
            ("a/b", "../c", true),
            ("a/b", "../../c", false),
            ("a", "/etc/passwd", false),
            ("a", "b/../../c", false),
            ("a/b/c", "../../d/../e", true),
        ] {
            assert_eq!(stays_inside(Path::new(at), Path::new(link)), inside, "{at} -> {link}");
        }
    }
}
