//! Notices when files come into a folder, by inotify.

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use std::{os::fd::OwnedFd, path::Path, time::Duration};
use tokio::io::unix::AsyncFd;

/// Where the kernel gives us no watch (its limit per user is small on some systems).
const FALLBACK: Duration = Duration::from_millis(200);

/// A folder being watched for files renamed into it.
pub(crate) struct FolderWatch {
    events: Option<AsyncFd<OwnedFd>>,
}

impl FolderWatch {
    /// Watches from now on; look at the folder after this, not before.
    pub(crate) fn new(folder: &Path) -> Self {
        #[expect(
            deprecated,
            reason = "an OwnedFd can't be closed while it is registered; the successor is unsafe to call"
        )]
        let open = || {
            let events = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            inotify::add_watch(&events, folder, WatchFlags::MOVED_TO | WatchFlags::ONLYDIR)?;
            AsyncFd::new(events)
        };
        Self { events: open().ok() }
    }

    /// Waits until something came since the last call.
    pub(crate) async fn changed(&mut self) {
        let Some(events) = &self.events else { return tokio::time::sleep(FALLBACK).await };
        let Ok(mut ready) = events.readable().await else { return tokio::time::sleep(FALLBACK).await };
        let mut buffer = [0_u8; 4096];
        // What came doesn't matter, only that something did.
        while rustix::io::read(events.get_ref(), &mut buffer[..]).is_ok_and(|read| read > 0) {}
        ready.clear_ready();
    }
}
