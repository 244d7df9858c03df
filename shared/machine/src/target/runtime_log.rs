//! What an app wrote, as its log keeper ([`super::logger`]) left it: two files, redacted, the owner's alone (0600).
//!
//! The newer file is `log`, the older one `log.N`; files count up, and a position is `FILE:BYTE`, so that a reader goes
//! on over the turn from one file to the next and notices when it was too slow. Invariant: whoever reads a log gets each
//! line through the redactor once more, with the service's own secrets as literals while the revision is there.

use super::files;
use model::port::{
    PortError, Redact,
    target::{LogPosition, RuntimeLines},
};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Either of the two files.
pub(crate) const FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Read at most this much at once.
const READ_BYTES: u64 = 1024 * 1024;
/// How often a reader begins anew because a file was turned meanwhile.
const TRIES: u32 = 8;
/// The newer file's name.
const NAME: &str = "log";

/// The log of one revision.
#[derive(Clone, Debug)]
pub(crate) struct RuntimeLog {
    folder: PathBuf,
}

/// Whole lines of one file, as they are there, and the position behind them.
#[derive(Default)]
struct Part {
    data: Vec<u8>,
    file: u64,
    end: u64,
}

impl RuntimeLog {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// The newer file.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    fn older(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{NAME}.{number}"))
    }

    /// Numbers of older files, oldest first.
    fn turned(&self) -> Vec<u64> {
        let number = |entry: std::fs::DirEntry| {
            entry.file_name().to_str()?.strip_prefix(NAME)?.strip_prefix('.')?.parse().ok()
        };
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut numbers: Vec<u64> = entries.filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// The newer file, to be written to at its end.
    pub(crate) fn open(&self) -> Result<File, PortError> {
        let path = self.path();
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| files::failed("open", &path, &e))
    }

    /// Makes the newer file the older one, in place of the one before.
    pub(crate) fn turn(&self) {
        let turned = self.turned();
        let next = turned.last().map_or(1, |newest| newest + 1);
        if std::fs::rename(self.path(), self.older(next)).is_ok() {
            for number in turned {
                std::fs::remove_file(self.older(number)).ok();
            }
        }
    }

    /// Moves the files to another folder, if there are any; answers whether there were.
    pub(crate) fn move_to(&self, folder: &Path) -> Result<bool, PortError> {
        let mut names: Vec<PathBuf> = self.turned().into_iter().map(|number| self.older(number)).collect();
        names.push(self.path());
        names.retain(|path| std::fs::metadata(path).is_ok_and(|file| file.len() > 0));
        if names.is_empty() {
            return Ok(false);
        }
        files::remove_folder(folder)?;
        files::folder(folder)?;
        for from in names {
            let to = folder.join(from.file_name().unwrap_or_default());
            std::fs::rename(&from, &to).map_err(|error| files::failed("move", &from, &error))?;
        }
        Ok(true)
    }

    /// The newest lines, redacted, oldest first.
    pub(crate) fn newest(&self, limit: usize, redact: &dyn Redact, secrets: &[String]) -> RuntimeLines {
        let [older, newer] = self.steady(|turned, current| {
            let older = turned.map_or_else(Part::default, |number| end_of(&self.older(number), number));
            [older, end_of(&self.path(), current)]
        });
        let mut lines = redacted(&[older.data, newer.data].concat(), redact, secrets);
        lines.drain(..lines.len().saturating_sub(limit));
        RuntimeLines { lines, next: position(newer.file, newer.end), missed: false }
    }

    /// The next lines from a position on, redacted.
    pub(crate) fn from(
        &self,
        from: &LogPosition,
        limit: usize,
        redact: &dyn Redact,
        secrets: &[String],
    ) -> Result<RuntimeLines, PortError> {
        let (file, byte) = parsed(from)?;
        let (missed, part) = self.steady(|turned, current| self.part(turned, current, (file, byte)));
        let (used, taken) = first_lines(&part.data, limit);
        let next = position(part.file, part.end - part.data.len() as u64 + used as u64);
        Ok(RuntimeLines { lines: redacted(taken, redact, secrets), next, missed })
    }

    /// What of one file is behind a position, and whether something before it is gone.
    fn part(&self, turned: Option<u64>, current: u64, (file, byte): (u64, u64)) -> (bool, Part) {
        let read = |number: u64, from: u64| {
            let path = if number == current { self.path() } else { self.older(number) };
            (path.metadata().map_or(0, |file| file.len()) >= from).then(|| part_of(&path, number, from))
        };
        let there = file == current || Some(file) == turned;
        match read(file, byte).filter(|_| there) {
            // The rest of a file that nobody writes any more was read before: on to the next one.
            Some(part) if part.data.is_empty() && file != current => {
                (false, read(current, 0).unwrap_or_default())
            }
            Some(part) => (false, part),
            None => (true, read(turned.unwrap_or(current), 0).unwrap_or_default()),
        }
    }

    /// Reads with the numbers of the older and the newer file, again if they changed meanwhile.
    fn steady<T>(&self, mut read: impl FnMut(Option<u64>, u64) -> T) -> T {
        let mut turned = self.turned().pop();
        for _ in 1..TRIES {
            let found = read(turned, turned.unwrap_or(0) + 1);
            let now = self.turned().pop();
            if now == turned {
                return found;
            }
            turned = now;
        }
        read(turned, turned.unwrap_or(0) + 1)
    }
}

fn position(file: u64, byte: u64) -> LogPosition {
    LogPosition(format!("{file}:{byte}"))
}

fn parsed(position: &LogPosition) -> Result<(u64, u64), PortError> {
    let parse = |text: &str| {
        let (file, byte) = text.split_once(':')?;
        Some((file.parse().ok()?, byte.parse().ok()?))
    };
    parse(&position.0).ok_or_else(|| {
        let text: String = position.0.chars().take(40).collect();
        PortError::Permanent(format!(
            "`{text}` is not a place in a log; take `next` from the answer before, or none to begin with the newest lines"
        ))
    })
}

fn redacted(data: &[u8], redact: &dyn Redact, secrets: &[String]) -> Vec<String> {
    let mut redactor = redact.stream(secrets);
    String::from_utf8_lossy(data).lines().map(|line| redactor.line(line)).collect()
}

/// The bytes of the first lines, and those lines.
fn first_lines(data: &[u8], limit: usize) -> (usize, &[u8]) {
    let used: usize = data.split_inclusive(|byte| *byte == b'\n').take(limit).map(<[u8]>::len).sum();
    (used, &data[..used])
}

/// The last whole lines of a file; nothing if there is no file.
fn end_of(path: &Path, number: u64) -> Part {
    let start = path.metadata().map_or(0, |file| file.len()).saturating_sub(READ_BYTES);
    let mut part = part_of(path, number, start);
    if start > 0
        && let Some(newline) = part.data.iter().position(|byte| *byte == b'\n')
    {
        part.data.drain(..=newline);
    }
    part
}

/// Whole lines of a file from a byte on.
fn part_of(path: &Path, number: u64, from: u64) -> Part {
    let read = || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut data = Vec::new();
        file.take(READ_BYTES).read_to_end(&mut data)?;
        Ok::<_, io::Error>(data)
    };
    let mut data = read().unwrap_or_default();
    data.truncate(data.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1));
    Part { end: from + data.len() as u64, data, file: number }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::port::redact::LineRedactor;
    use std::io::Write as _;

    struct Plain;
    impl Redact for Plain {
        fn stream(&self, _: &[String]) -> Box<dyn LineRedactor> {
            Box::new(Plain)
        }
    }
    impl LineRedactor for Plain {
        fn line(&mut self, line: &str) -> String {
            line.to_owned()
        }
    }

    fn read(log: &RuntimeLog, from: &LogPosition, limit: usize) -> RuntimeLines {
        log.from(from, limit, &Plain, &[]).unwrap()
    }

    #[test]
    fn a_reader_goes_on_over_turns_and_notices_when_it_was_too_slow() {
        let folder = tempfile::tempdir().unwrap();
        let log = RuntimeLog::new(folder.path());
        let begin = log.newest(10, &Plain, &[]);
        assert_eq!((begin.lines.len(), begin.next.0.as_str()), (0, "1:0"));
        let write = |text: &str| log.open().unwrap().write_all(text.as_bytes()).unwrap();
        write("one\ntwo\nthr");
        let first = read(&log, &begin.next, 1);
        assert_eq!((first.lines, first.next.0.as_str()), (vec!["one".to_owned()], "1:4"));
        let second = read(&log, &first.next, 10);
        assert_eq!((&second.lines[..], second.next.0.as_str()), (&["two".to_owned()][..], "1:8"));
        assert_eq!(read(&log, &second.next, 10).lines.len(), 0, "half a line is not read");
        write("ee\n");
        log.turn();
        write("four\n");
        let third = read(&log, &second.next, 10);
        assert_eq!(third.lines, ["three"]);
        let fourth = read(&log, &third.next, 10);
        assert_eq!((&fourth.lines[..], fourth.missed), (&["four".to_owned()][..], false));
        assert_eq!(log.newest(10, &Plain, &[]).lines, ["one", "two", "three", "four"]);
        assert_eq!(log.newest(1, &Plain, &[]).next, fourth.next);
        log.turn();
        write("five\n");
        let slow = read(&log, &second.next, 10);
        assert_eq!((&slow.lines[..], slow.missed), (&["four".to_owned()][..], true));
        assert_eq!(read(&log, &slow.next, 10).lines, ["five"]);
        assert!(log.from(&LogPosition("x".into()), 1, &Plain, &[]).is_err());
        assert!(read(&log, &LogPosition("3:900".into()), 9).missed, "a place that never was");
    }

    #[test]
    fn every_line_is_read_once_while_files_are_turned() {
        let folder = tempfile::tempdir().unwrap();
        let log = RuntimeLog::new(folder.path());
        let writer = std::thread::spawn({
            let log = log.clone();
            move || {
                for number in 0..2_000 {
                    writeln!(log.open().unwrap(), "{number}").unwrap();
                    if number % 500 == 499 {
                        // Twice within one round of the reader would lose lines, as it should.
                        std::thread::sleep(std::time::Duration::from_millis(50));
                        log.turn();
                    }
                }
            }
        });
        let (mut at, mut seen) = (LogPosition("1:0".into()), vec![]);
        while seen.len() < 2_000 {
            let found = read(&log, &at, 7);
            assert!(!found.missed);
            seen.extend(found.lines.iter().map(|line| line.parse::<usize>().unwrap()));
            at = found.next;
        }
        writer.join().unwrap();
        assert_eq!(seen, (0..2_000).collect::<Vec<_>>());
    }
}
