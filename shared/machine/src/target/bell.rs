//! How a build's runner says that there is something new in its folder: a byte into a named pipe.
//!
//! A byte means no more than "look". Invariant: neither side waits for the other or fails without it: the runner goes
//! on when nobody listens, and whoever listens looks into the folder first, and at the runner's end once more.

use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    io::Errno,
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::net::unix::pipe;

/// The pipe's name in a build's folder.
const NAME: &str = "bell";

/// How often the folder is looked into where no pipe could be made: not every file system has them.
const FALLBACK: Duration = Duration::from_millis(200);

/// Sextant's end of the pipe that a build rings when its log has grown.
pub(crate) struct Bell {
    pipe: Option<pipe::Receiver>,
}

impl Bell {
    /// Listens from now on; look into the folder after this, not before.
    pub(crate) fn open(folder: &Path) -> Self {
        let pipe = open(&folder.join(NAME));
        if let Err(error) = &pipe {
            tracing::warn!(%error, folder = %folder.display(), "no pipe could be made; a build's log is looked for instead");
        }
        Self { pipe: pipe.ok() }
    }

    /// Waits until it was rung since the last call.
    pub(crate) async fn rung(&self) {
        let Some(pipe) = &self.pipe else { return tokio::time::sleep(FALLBACK).await };
        let mut buffer = [0_u8; 256];
        loop {
            match pipe.readable().await.and_then(|()| pipe.try_read(&mut buffer)) {
                Ok(_) => return,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return tokio::time::sleep(FALLBACK).await,
            }
        }
    }

    /// Takes the pipe away once the build is over: programs that copy folders wait at pipes.
    pub(crate) fn remove(folder: &Path) {
        fs::remove_file(folder.join(NAME)).ok();
    }
}

fn open(path: &Path) -> io::Result<pipe::Receiver> {
    match mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    // Open for writing as well, so that it has no end whenever a runner's end is closed.
    pipe::OpenOptions::new().read_write(true).open_receiver(path)
}

/// The runner's end.
pub(crate) struct Ringer {
    path: PathBuf,
    pipe: Option<File>,
}

impl Ringer {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { path: folder.join(NAME), pipe: None }
    }

    /// Says that there is something new, if anybody listens.
    pub(crate) fn ring(&mut self) {
        for _ in 0..2 {
            if self.pipe.is_none() {
                // Without a listener this fails at once instead of waiting for one.
                let nonblocking = rustix::fs::OFlags::NONBLOCK.bits() as i32;
                self.pipe = OpenOptions::new().write(true).custom_flags(nonblocking).open(&self.path).ok();
            }
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.write(&[1]) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => self.pipe = None,
                // A full pipe says all that one more byte would.
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_is_heard_by_whoever_listens_and_missed_by_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        let mut ringer = Ringer::new(folder.path());
        ringer.ring();
        let bell = Bell::open(folder.path());
        ringer.ring();
        bell.rung().await;
        assert!(futures::poll!(std::pin::pin!(bell.rung())).is_pending(), "once heard, it is over");
        // A listener dies, and another one comes; the runner neither waits nor fails.
        drop(bell);
        ringer.ring();
        let bell = Bell::open(folder.path());
        for _ in 0..100_000 {
            ringer.ring();
        }
        bell.rung().await;
        Bell::remove(folder.path());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
