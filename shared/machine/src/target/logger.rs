//! The log keeper: a process of its own, one for each instance of an app, that outlives Sextant with the app.
//!
//! The app's standard output and error are one pipe into it. The first line of that pipe is Sextant's: the secrets
//! to hide, as a JSON array; they are nowhere else. What follows is the app's, and goes into `log` in the
//! revision's folder, line by line, redacted. Invariant: no line reaches the disk before it is complete and
//! redacted; the app never waits for the disk to have room; the keeper ends when nobody can write any more.

use super::{
    capture::Lines,
    log::cut,
    runtime_log::{FILE_BYTES, RuntimeLog},
};
use model::port::{PortError, Redact, redact::LineRedactor};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write as _},
    os::{fd::AsFd as _, unix::fs::MetadataExt as _},
    path::Path,
    process::ExitCode,
};
use tokio::signal::unix::{SignalKind, signal};

/// Read at once, so that a flood costs few writes.
const CHUNK_BYTES: usize = 64 * 1024;

/// Keeps the log of the revision in `folder` until the app is gone: `sextant run-log FOLDER` is this and nothing
/// else.
pub fn main(folder: &Path, redact: &dyn Redact) -> ExitCode {
    // A session of its own: neither Ctrl-C nor the end of the terminal reaches it.
    rustix::process::setsid().ok();
    match keep(folder, redact) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, folder = %folder.display(), "an app's log is no longer kept");
            ExitCode::FAILURE
        }
    }
}

fn keep(folder: &Path, redact: &dyn Redact) -> io::Result<()> {
    let _unhurried = ignore_termination();
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut input = BufReader::with_capacity(CHUNK_BYTES, stdin);
    let mut first = Vec::new();
    input.read_until(b'\n', &mut first)?;
    let secrets: Vec<String> = serde_json::from_slice(&first)?;
    drop(first);
    let mut writer =
        Writer::open(&RuntimeLog::new(folder), redact.stream(&secrets)).map_err(io::Error::other)?;
    let mut lines = Lines::default();
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if chunk.is_empty() {
            break;
        }
        let length = chunk.len();
        lines.feed(chunk, |line, missing| writer.line(line, missing));
        input.consume(length);
        writer.flush();
    }
    lines.finish(|line, missing| writer.line(line, missing));
    writer.flush();
    Ok(())
}

/// Whoever asks every process to end (systemd does) must not cut off an app's last words: the end of the pipe
/// ends this process.
fn ignore_termination() -> Option<tokio::runtime::Runtime> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    {
        let _context = runtime.enter();
        signal(SignalKind::terminate()).ok();
    }
    Some(runtime)
}

/// The file, and lines on their way to it.
struct Writer {
    log: RuntimeLog,
    file: File,
    size: u64,
    lines: Box<dyn LineRedactor>,
    waiting: Vec<u8>,
}

impl Writer {
    fn open(log: &RuntimeLog, lines: Box<dyn LineRedactor>) -> Result<Self, PortError> {
        let file = log.open()?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        Ok(Self { log: log.clone(), file, size, lines, waiting: Vec::new() })
    }

    fn line(&mut self, raw: &[u8], missing: usize) {
        let text = cut(self.lines.line(&String::from_utf8_lossy(raw)));
        self.waiting.extend_from_slice(text.as_bytes());
        if missing > 0 {
            self.waiting.extend_from_slice(format!(" (and {missing} bytes after that)").as_bytes());
        }
        self.waiting.push(b'\n');
        if self.waiting.len() >= CHUNK_BYTES {
            self.flush();
        }
    }

    /// Writes what waits. On a full disk it is dropped: the app goes on.
    fn flush(&mut self) {
        if self.size + self.waiting.len() as u64 > FILE_BYTES {
            self.turn();
        }
        if self.file.write_all(&self.waiting).is_ok() {
            self.size += self.waiting.len() as u64;
        }
        self.waiting.clear();
    }

    /// Begins a new file. The keeper of a process that lingers may have done so already.
    fn turn(&mut self) {
        let same = |file: &File| {
            let (ours, there) = (file.metadata().ok()?, std::fs::metadata(self.log.path()).ok()?);
            Some(ours.ino() == there.ino())
        };
        if same(&self.file) == Some(true) {
            self.log.turn();
        }
        if let Ok(file) = self.log.open() {
            self.size = file.metadata().map_or(0, |metadata| metadata.len());
            self.file = file;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stars;
    impl LineRedactor for Stars {
        fn line(&mut self, line: &str) -> String {
            line.replace("secret", "***")
        }
    }

    #[test]
    fn files_are_bounded_and_hold_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let log = RuntimeLog::new(folder.path());
        let mut writer = Writer::open(&log, Box::new(Stars)).unwrap();
        let mut lines = Lines::default();
        for number in 0..100_000 {
            // The secret comes in two pieces, as pipes have it.
            let text = format!("line {number} {} sec", "x".repeat(100));
            lines.feed(text.as_bytes(), |line, missing| writer.line(line, missing));
            lines.feed(b"ret\n", |line, missing| writer.line(line, missing));
            writer.flush();
        }
        let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
        assert_eq!(files.len(), 2);
        for file in files {
            let text = std::fs::read_to_string(file.path()).unwrap();
            assert!(text.len() as u64 <= FILE_BYTES && !text.contains("sec") && text.contains("***"));
        }
        let newest = std::fs::read_to_string(log.path()).unwrap();
        assert!(newest.lines().last().unwrap().starts_with("line 99999 "));
    }
}
