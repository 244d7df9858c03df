//! Hints that objects may have come: from this process directly, from others through inotify.
//!
//! Invariant: an object that came after a watch began is followed by a hint. Folders are watched before they are
//! looked into, so that nothing falls between. One inotify handle serves all watches, since the system allows few.
//! Where there is no inotify, or it has no room left, a watch hints by a clock instead.

use futures::stream::{self, BoxStream, StreamExt};
use parking_lot::Mutex;
use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};
use tokio::sync::watch;

/// How often a watch hints that can't be told.
const TICK: Duration = Duration::from_millis(250);

/// All watches on one folder of objects.
pub(super) struct Watches {
    folder: Arc<PathBuf>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    count: u64,
    watchers: HashMap<u64, Watcher>,
    system: system::System,
}

struct Watcher {
    /// Keys that start with this are watched.
    prefix: String,
    /// The folder that all of them are below, with a `/` at its end; empty for all.
    base: String,
    hint: watch::Sender<()>,
}

impl State {
    fn hint(&self, key: &str) {
        self.watchers.values().filter(|one| key.starts_with(&one.prefix)).for_each(Watcher::wake);
    }

    /// Whether what happens right inside a folder matters to anybody.
    fn matters(&self, base: &str) -> bool {
        self.watchers.values().any(|one| one.base.starts_with(base) || base.starts_with(&one.base))
    }
}

impl Watcher {
    fn wake(&self) {
        self.hint.send_replace(());
    }
}

/// Takes its watch back when its stream is dropped.
struct Registration {
    watches: Arc<Watches>,
    number: u64,
    hints: watch::Receiver<()>,
    told: bool,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.watches.leave(self.number);
    }
}

impl Watches {
    pub fn new(folder: Arc<PathBuf>) -> Self {
        Self { folder, state: Mutex::default() }
    }

    /// This process changed an object.
    pub fn hint(&self, key: &str) {
        self.state.lock().hint(key);
    }

    /// Hints for keys below `prefix`, which are all in `folder` (a key of its own, or empty).
    pub fn watch(this: &Arc<Self>, prefix: &str, folder: &str) -> BoxStream<'static, ()> {
        let (hint, mut hints) = watch::channel(());
        hints.mark_changed();
        let base = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let number = {
            let mut state = this.state.lock();
            state.count += 1;
            let number = state.count;
            state.watchers.insert(number, Watcher { prefix: prefix.to_owned(), base, hint });
            number
        };
        let told = system::cover(this);
        let registration = Registration { watches: this.clone(), number, hints, told };
        stream::unfold(registration, |mut registration| async {
            let tick = async {
                if registration.told { std::future::pending().await } else { tokio::time::sleep(TICK).await }
            };
            tokio::select! {
                changed = registration.hints.changed() => changed.ok()?,
                () = tick => {}
            }
            Some(((), registration))
        })
        .boxed()
    }

    fn leave(&self, number: u64) {
        let mut state = self.state.lock();
        state.watchers.remove(&number);
        system::uncover(&mut state);
    }

    /// Watches and watched folders.
    #[cfg(test)]
    pub fn watched(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.watchers.len(), state.system.folders())
    }
}

/// Through inotify.
#[cfg(target_os = "linux")]
mod system {
    use super::{State, Watcher, Watches};
    use nix::{
        errno::Errno,
        sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor},
    };
    use std::{
        collections::HashMap,
        fs, io,
        os::fd::{AsFd, AsRawFd, RawFd},
        sync::{Arc, Weak},
    };
    use tokio::io::unix::AsyncFd;
    use tokio_util::task::AbortOnDropHandle;

    struct Handle(Inotify);

    impl AsRawFd for Handle {
        fn as_raw_fd(&self) -> RawFd {
            self.0.as_fd().as_raw_fd()
        }
    }

    /// The handle, who reads it, and which folders it is on.
    #[derive(Default)]
    pub(super) struct System {
        handle: Option<Arc<AsyncFd<Handle>>>,
        task: Option<AbortOnDropHandle<()>>,
        by_descriptor: HashMap<WatchDescriptor, String>,
        by_base: HashMap<String, WatchDescriptor>,
    }

    impl System {
        #[cfg(test)]
        pub fn folders(&self) -> usize {
            self.by_base.len()
        }

        fn forget(&mut self, descriptor: WatchDescriptor) {
            if let Some(base) = self.by_descriptor.remove(&descriptor) {
                self.by_base.remove(&base);
            }
        }
    }

    /// Watches every folder that matters; false if the system won't, or no longer.
    pub(super) fn cover(watches: &Arc<Watches>) -> bool {
        let mut state = watches.state.lock();
        let covered = start(watches, &mut state).and_then(|()| descend(watches, &mut state, ""));
        if let Err(error) = &covered {
            tracing::warn!(%error, "new objects can't be watched for, they are looked for four times a second; raise fs.inotify.max_user_instances or max_user_watches");
        }
        covered.is_ok()
    }

    fn start(watches: &Arc<Watches>, state: &mut State) -> io::Result<()> {
        if state.system.handle.is_some() {
            return Ok(());
        }
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe; a `Handle` owns its descriptor and never changes it"
        )]
        let handle = Arc::new(AsyncFd::new(Handle(inotify))?);
        let task = tokio::spawn(read(handle.clone(), Arc::downgrade(watches)));
        state.system.handle = Some(handle);
        state.system.task = Some(AbortOnDropHandle::new(task));
        Ok(())
    }

    /// Watches one folder and those in it, as far as they matter.
    fn descend(watches: &Watches, state: &mut State, base: &str) -> io::Result<()> {
        if !state.matters(base) {
            return Ok(());
        }
        let path = watches.folder.join(base);
        if !state.system.by_base.contains_key(base) {
            let Some(handle) = state.system.handle.clone() else { return Ok(()) };
            let events = AddWatchFlags::IN_CREATE
                | AddWatchFlags::IN_MOVED_TO
                | AddWatchFlags::IN_CLOSE_WRITE
                | AddWatchFlags::IN_ONLYDIR;
            match handle.get_ref().0.add_watch(&path, events) {
                Ok(descriptor) => {
                    state.system.by_descriptor.insert(descriptor, base.to_owned());
                    state.system.by_base.insert(base.to_owned(), descriptor);
                }
                Err(Errno::ENOENT | Errno::ENOTDIR) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let name = entry.file_name();
            if let Some(name) = name.to_str().filter(|name| *name != super::super::WORKSHOP)
                && entry.file_type().is_ok_and(|kind| kind.is_dir())
            {
                descend(watches, state, &format!("{base}{name}/"))?;
            }
        }
        Ok(())
    }

    /// Stops watching what no longer matters.
    pub(super) fn uncover(state: &mut State) {
        let idle: Vec<(String, WatchDescriptor)> = state
            .system
            .by_base
            .iter()
            .filter(|(base, _)| !state.matters(base))
            .map(|(base, descriptor)| (base.clone(), *descriptor))
            .collect();
        for (_, descriptor) in idle {
            state.system.forget(descriptor);
            if let Some(handle) = &state.system.handle {
                // It may be gone together with its folder.
                let _ = handle.get_ref().0.rm_watch(descriptor);
            }
        }
    }

    async fn read(handle: Arc<AsyncFd<Handle>>, watches: Weak<Watches>) {
        while let Ok(mut ready) = handle.readable().await {
            match handle.get_ref().0.read_events() {
                Ok(events) => {
                    let Some(watches) = watches.upgrade() else { return };
                    for event in &events {
                        note(&watches, event);
                    }
                }
                Err(Errno::EAGAIN) => ready.clear_ready(),
                Err(Errno::EINTR) => {}
                Err(error) => {
                    return tracing::error!(%error, "new objects of other processes are no longer seen: restart Sextant");
                }
            }
        }
    }

    fn note(watches: &Watches, event: &InotifyEvent) {
        let mut state = watches.state.lock();
        if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
            // Folders may have come unseen, too.
            let _ = descend(watches, &mut state, "");
            return state.watchers.values().for_each(Watcher::wake);
        }
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            return state.system.forget(event.wd);
        }
        let base = state.system.by_descriptor.get(&event.wd);
        let (Some(base), Some(name)) = (base, event.name.as_ref().and_then(|name| name.to_str())) else {
            return;
        };
        let key = format!("{base}{name}");
        if !event.mask.contains(AddWatchFlags::IN_ISDIR) {
            return state.hint(&key);
        }
        let folder = format!("{key}/");
        if let Err(error) = descend(watches, &mut state, &folder) {
            tracing::warn!(%error, folder, "new objects in a folder can't be watched for");
        }
        let related = |one: &&Watcher| folder.starts_with(&one.prefix) || one.prefix.starts_with(&folder);
        state.watchers.values().filter(related).for_each(Watcher::wake);
    }
}

/// Without inotify.
#[cfg(not(target_os = "linux"))]
mod system {
    use super::{State, Watches};
    use std::sync::Arc;

    #[derive(Default)]
    pub(super) struct System;

    impl System {
        #[cfg(test)]
        pub fn folders(&self) -> usize {
            0
        }
    }

    pub(super) fn cover(_: &Arc<Watches>) -> bool {
        false
    }

    pub(super) fn uncover(_: &mut State) {}
}
