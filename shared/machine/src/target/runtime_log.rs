//! What an app wrote, as its log keeper ([`super::logger`]) left it: two files, redacted, the owner's alone (0600).
//!
//! Invariant: whoever reads a log gets each line through the redactor once more, with the service's own secrets as
//! literals, whatever is in the files.

use super::files;
use model::port::{PortError, Redact};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Either of the two files.
pub(crate) const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Read at most this much of the end.
const READ_BYTES: u64 = 1024 * 1024;

/// The log of one revision.
#[derive(Clone, Debug)]
pub(crate) struct RuntimeLog {
    path: PathBuf,
}

impl RuntimeLog {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { path: folder.join("log") }
    }

    /// The newer file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The older file, if there is one.
    pub(crate) fn older(&self) -> PathBuf {
        self.path.with_extension("1")
    }

    /// The newer file, to be written to at its end.
    pub(crate) fn open(&self) -> Result<File, PortError> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(|e| files::failed("open", &self.path, &e))
    }

    /// The newest lines, redacted, oldest first.
    pub(crate) fn read(&self, limit: usize, redact: &dyn Redact, secrets: &[String]) -> Vec<String> {
        let mut data = end_of(&self.older(), READ_BYTES);
        data.extend(end_of(&self.path, READ_BYTES));
        let text = String::from_utf8_lossy(&data);
        let mut redactor = redact.stream(secrets);
        let lines: Vec<String> = text.lines().map(|line| redactor.line(line)).collect();
        lines[lines.len().saturating_sub(limit)..].to_vec()
    }
}

/// The last bytes of a file, from the start of a line; nothing if there is no file.
fn end_of(path: &Path, most: u64) -> Vec<u8> {
    let read = || {
        let mut file = File::open(path)?;
        let start = file.metadata()?.len().saturating_sub(most);
        file.seek(SeekFrom::Start(start))?;
        let mut data = Vec::new();
        file.take(most).read_to_end(&mut data)?;
        if start > 0
            && let Some(newline) = data.iter().position(|byte| *byte == b'\n')
        {
            data.drain(..=newline);
        }
        Ok::<_, io::Error>(data)
    };
    read().unwrap_or_default()
}
