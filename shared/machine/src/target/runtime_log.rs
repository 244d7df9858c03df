//! What an app writes: straight into a file, so that neither it nor its output depends on Sextant being alive.
//!
//! The file holds what the app wrote, secrets and all; it is the owner's alone (0600), and every reader gets it
//! through the redactor, with the service's own secrets as literals. Invariant: no raw line leaves this module.
//! Bounded: the file is copied to `log.1` and cut when it has grown past its size. The app appends, so it goes on
//! at the new end; what it writes between copying and cutting is lost.

use super::files;
use model::port::{PortError, Redact};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Either of the two files.
const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Read at most this much of the end.
const READ_BYTES: u64 = 1024 * 1024;
/// One line, after redaction.
const LINE_BYTES: usize = 8 * 1024;

/// The log of one revision.
#[derive(Clone, Debug)]
pub(crate) struct RuntimeLog {
    path: PathBuf,
}

impl RuntimeLog {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { path: folder.join("log") }
    }

    /// The file, to be an app's standard output and error.
    pub(crate) fn open(&self) -> Result<File, PortError> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.path)
            .map_err(|e| files::failed("open", &self.path, &e))
    }

    /// Moves what was written aside if it is much; answers how much there was.
    pub(crate) fn rotate(&self) -> u64 {
        let size = fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        if size > FILE_BYTES
            && let Err(error) = self.move_aside()
        {
            tracing::warn!(file = %self.path.display(), %error, "an app's log could not be cut");
        }
        size
    }

    fn move_aside(&self) -> io::Result<()> {
        let mut file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(end.saturating_sub(FILE_BYTES)))?;
        let mut older =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(self.older())?;
        io::copy(&mut file.by_ref().take(FILE_BYTES), &mut older)?;
        file.set_len(0)
    }

    /// The newest lines, redacted, oldest first.
    pub(crate) fn read(&self, limit: usize, redact: &dyn Redact, secrets: &[String]) -> Vec<String> {
        let mut data = end_of(&self.older(), READ_BYTES);
        data.extend(end_of(&self.path, READ_BYTES));
        let mut lines = redact.stream(secrets);
        let redacted: Vec<String> = data
            .split(|byte| *byte == b'\n')
            .map(|line| {
                lines.line(String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).as_ref())
            })
            .collect();
        // What follows the last newline is an empty line, or one that isn't complete yet.
        let redacted = redacted.strip_suffix(&[String::new()]).unwrap_or(&redacted);
        redacted[redacted.len().saturating_sub(limit)..].iter().map(|line| short(line)).collect()
    }

    fn older(&self) -> PathBuf {
        self.path.with_extension("1")
    }
}

fn short(line: &str) -> String {
    if line.len() <= LINE_BYTES {
        line.to_owned()
    } else {
        format!("{} …", &line[..line.floor_char_boundary(LINE_BYTES)])
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
