//! The folder under the store, as a seam: the real one, and in tests one that loses what wasn't synced.
//!
//! Invariant: nothing above this calls the file system.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder of files.
pub trait Disk: Send + Sync {
    /// The names of the files in it.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Opens a file to read and write; `create` makes it, empty, in the place of whatever had the name.
    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn DiskFile>>;
    /// Gives a file another name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync(&self) -> io::Result<()>;
    /// The file's whole path, for messages.
    fn place(&self, name: &str) -> String;
}

/// A file.
pub trait DiskFile: Send + Sync {
    /// Its length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Reads what is there at an offset; fewer bytes than asked for, only at the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes all of it at an offset.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything written durable.
    fn sync(&self) -> io::Result<()>;
    /// Reserves zeroed room up to a length, so that a later sync has no metadata to write.
    fn allocate(&self, length: u64) -> io::Result<()>;
    /// Cuts it off.
    fn truncate(&self, length: u64) -> io::Result<()>;
}

/// A real folder.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A folder that exists.
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }
}

impl Disk for Folder {
    fn names(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.0)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(create)
            .truncate(create)
            .open(self.0.join(name))?;
        Ok(Arc::new(RealFile(file)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    /// The folder and the one it is in, since it may be new itself.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.0)?.sync_all()?;
        File::open(self.0.join(".."))?.sync_all()
    }

    fn place(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while done < buffer.len() {
            match self.0.read_at(&mut buffer[done..], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(done)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        let now = self.0.metadata()?.len();
        if length <= now { Ok(()) } else { reserve(&self.0, now, length) }
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }
}

#[cfg(target_os = "linux")]
fn reserve(file: &File, from: u64, to: u64) -> io::Result<()> {
    use nix::errno::Errno;
    use nix::fcntl::{FallocateFlags, fallocate};
    match fallocate(file, FallocateFlags::empty(), from as i64, (to - from) as i64) {
        Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => file.set_len(to), // slower syncs, the same guarantees
        done => Ok(done?),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(file: &File, _from: u64, to: u64) -> io::Result<()> {
    file.set_len(to)
}
