//! Time on a developer's machine: the real one, and one that can be moved forward to see what timers will do.
//!
//! Invariant: [`Clock::real`] never moves by our hand, and [`Clock::now`] never goes back by our hand: the offset
//! only grows, and a restart keeps it.

pub use common::clock::OsRandom;

use async_trait::async_trait;
use common::clock::SystemClock;
use model::{Timestamp, port::Clock};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// Why the clock could not be opened or moved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file with the offset holds something else.
    #[error(
        "`{path}` should hold one number of milliseconds, but holds `{found}`: write 0 into it, or delete it"
    )]
    Garbled {
        /// The file that the clock's offset is kept in.
        path: PathBuf,
        /// What it holds, cut at 40 characters.
        found: String,
    },
    /// A clock that went back would fire timers twice.
    #[error("the clock can't be moved by {ms} ms: it only moves forward; give a positive duration")]
    Backward {
        /// What was asked for.
        ms: i64,
    },
    /// The file can't be read or written.
    #[error("`{path}` can't be read or written ({source}): check its owner and the free space on the disk")]
    Io {
        /// The file that the clock's offset is kept in.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Real time plus an offset that [`MachineClock::advance`] moves.
pub struct MachineClock {
    file: PathBuf,
    offset_ms: AtomicI64,
    moved: watch::Sender<i64>,
}

impl MachineClock {
    /// The clock of a data folder, with the offset it had when it was last used.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let file = folder.join("clock-offset");
        let offset = match fs::read_to_string(&file) {
            Ok(text) => parse(&file, &text)?,
            Err(source) if source.kind() == io::ErrorKind::NotFound => 0,
            Err(source) => return Err(Error::Io { path: file, source }),
        };
        Ok(Self { file, offset_ms: AtomicI64::new(offset), moved: watch::Sender::new(offset) })
    }

    /// Moves `now` forward by `ms` milliseconds, durably, and wakes everybody who waits by it. Answers the new now.
    pub fn advance(&self, ms: i64) -> Result<Timestamp, Error> {
        if ms < 0 {
            return Err(Error::Backward { ms });
        }
        let mut outcome = Ok(());
        // Inside the channel's lock, so that two callers at once add up instead of one overwriting the other's file.
        self.moved.send_modify(|offset| {
            let next = offset.saturating_add(ms);
            outcome = write(&self.file, next);
            if outcome.is_ok() {
                *offset = next;
                self.offset_ms.store(next, Ordering::SeqCst);
            }
        });
        outcome.map_err(|source| Error::Io { path: self.file.clone(), source })?;
        Ok(self.now())
    }

    /// Milliseconds that `now` is ahead of real time.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::SeqCst)
    }

    /// Changes whenever the clock was moved; holds the offset.
    pub fn moved(&self) -> watch::Receiver<i64> {
        self.moved.subscribe()
    }

    /// Waits until `now` reaches `when`, also by being moved.
    pub async fn until(&self, when: Timestamp) {
        let mut moved = self.moved();
        loop {
            let left = when.since(self.now());
            if left <= 0 {
                return;
            }
            // The monotonic clock stands still while a laptop sleeps: look again at least each minute.
            let nap = Duration::from_millis(left.min(model::time::MINUTE_MS) as u64);
            tokio::select! {
                () = tokio::time::sleep(nap) => {}
                _ = moved.changed() => {}
            }
        }
    }
}

#[async_trait]
impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        self.real().plus(self.offset_ms())
    }

    fn real(&self) -> Timestamp {
        SystemClock.real()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// So that whoever needs the port can be handed a clone of the machine's clock.
pub type SharedClock = Arc<MachineClock>;

fn parse(path: &Path, text: &str) -> Result<i64, Error> {
    let garbled = || Error::Garbled { path: path.to_owned(), found: text.trim().chars().take(40).collect() };
    text.trim().parse().ok().filter(|ms| *ms >= 0).ok_or_else(garbled)
}

fn write(path: &Path, offset: i64) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut file = fs::File::create(&temporary)?;
    writeln!(file, "{offset}")?;
    file.sync_all()?;
    fs::rename(temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moved_time_survives_a_restart_and_real_time_stays() {
        let folder = tempfile::tempdir().unwrap();
        let clock = MachineClock::open(folder.path()).unwrap();
        let before = clock.real();
        let now = clock.advance(7 * model::time::DAY_MS).unwrap();
        assert!(now >= before.plus(7 * model::time::DAY_MS));
        assert!(clock.real() < before.plus(model::time::HOUR_MS));
        assert!(matches!(clock.advance(-1), Err(Error::Backward { ms: -1 })));
        drop(clock);
        assert_eq!(MachineClock::open(folder.path()).unwrap().offset_ms(), 7 * model::time::DAY_MS);
    }

    #[test]
    fn a_garbled_offset_is_refused_with_the_fix() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("clock-offset"), "soon").unwrap();
        let text = MachineClock::open(folder.path()).err().unwrap().to_string();
        assert!(text.contains("`soon`") && text.contains("delete it"), "{text}");
    }

    #[tokio::test]
    async fn moving_the_clock_ends_a_wait() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(MachineClock::open(folder.path()).unwrap());
        let due = clock.now().plus(model::time::DAY_MS);
        let waits = tokio::spawn({
            let clock = clock.clone();
            async move { clock.until(due).await }
        });
        clock.advance(2 * model::time::DAY_MS).unwrap();
        waits.await.unwrap();
        assert!(clock.now() >= due);
    }
}
