//! A disk in memory that keeps only what it promised: what was synced. Whatever else was written survives a crash
//! whole, in part, or not at all.

use machine::engine::disk::{Disk, DiskFile};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// What hits the disk may be lost in pieces of this many bytes.
const SECTOR: usize = 64;

#[derive(Clone)]
enum Pending {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Clone, Default)]
struct Content {
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

impl Content {
    fn current(&self) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        self.pending.iter().for_each(|pending| apply(&mut bytes, pending));
        bytes
    }
}

fn apply(bytes: &mut Vec<u8>, pending: &Pending) {
    match pending {
        Pending::Write(offset, data) => {
            bytes.resize(bytes.len().max(offset + data.len()), 0);
            bytes[*offset..offset + data.len()].copy_from_slice(data);
        }
        Pending::Length(length) => bytes.resize(*length, 0),
    }
}

#[derive(Clone)]
enum Naming {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

#[derive(Clone, Default)]
struct Inner {
    files: Vec<Content>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<Naming>,
    /// Bytes and calls until the power fails.
    left: Option<usize>,
    spent: usize,
    /// Syncs do nothing and say they did.
    lies: bool,
    fail_writes: usize,
    fail_syncs: usize,
    /// The sync of a file that isn't complete returns late, so that commits come in between.
    lingers: bool,
    /// Syncs wait while this is set.
    held: bool,
    syncing: usize,
}

fn name(names: &mut BTreeMap<String, usize>, naming: &Naming) {
    match naming {
        Naming::Create(name, file) => drop(names.insert(name.clone(), *file)),
        Naming::Rename(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
        Naming::Remove(name) => drop(names.remove(name)),
    }
}

impl Inner {
    /// How much of a call of this cost still happens; an error once the power is gone.
    fn spend(&mut self, cost: usize) -> io::Result<usize> {
        self.spent += cost;
        match &mut self.left {
            None => Ok(cost),
            Some(0) => Err(io::Error::other("the power is gone")),
            Some(left) => {
                let done = cost.min(*left);
                *left -= done;
                Ok(done)
            }
        }
    }

    fn in_journal(&self, file: usize) -> bool {
        self.names.iter().any(|(name, known)| *known == file && name.starts_with("journal-"))
    }

    fn rename(&mut self, naming: Naming) {
        name(&mut self.names, &naming);
        self.pending_names.push(naming);
    }
}

/// A small generator of numbers, the same for the same seed.
pub struct Chance(pub u64);

impl Chance {
    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

/// With it goes a real folder for the tables, which are whole or not there: the engine's library makes them durable
/// before it names them.
#[derive(Clone)]
pub struct SimulatedDisk(Arc<(Mutex<Inner>, Condvar)>, Arc<TempDir>);

impl Default for SimulatedDisk {
    fn default() -> Self {
        Self(Arc::default(), Arc::new(tempfile::tempdir().unwrap()))
    }
}

impl SimulatedDisk {
    fn with<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let done = change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
        done
    }

    /// Where the tables are.
    pub fn tables(&self) -> std::path::PathBuf {
        self.1.path().join("tables")
    }

    /// The power fails after this many more bytes and calls.
    pub fn fail_after(&self, left: usize) {
        self.with(|inner| inner.left = Some(left));
    }

    /// Bytes and calls so far.
    pub fn spent(&self) -> usize {
        self.with(|inner| inner.spent)
    }

    pub fn lie(&self) {
        self.with(|inner| inner.lies = true);
    }

    pub fn linger(&self) {
        self.with(|inner| inner.lingers = true);
    }

    pub fn fail_writes(&self, count: usize) {
        self.with(|inner| inner.fail_writes = count);
    }

    pub fn fail_syncs(&self, count: usize) {
        self.with(|inner| inner.fail_syncs = count);
    }

    pub fn hold_syncs(&self, held: bool) {
        self.with(|inner| inner.held = held);
    }

    /// Waits until a sync is being held. The time limit only turns a hang into a failure.
    pub fn wait_for_sync(&self) {
        let (inner, changed) = &*self.0;
        let limit = Duration::from_secs(30);
        let waited =
            changed.wait_timeout_while(inner.lock().unwrap(), limit, |inner| inner.syncing == 0).unwrap();
        assert!(!waited.1.timed_out(), "nothing is being synced");
    }

    /// The disk after the crash: what was synced, and any part of the rest.
    pub fn crash(&self, chance: &mut Chance) -> Self {
        let before = self.with(|inner| inner.clone());
        let mut names = before.durable_names;
        let kept = chance.below(before.pending_names.len() + 1);
        before.pending_names[..kept].iter().for_each(|naming| name(&mut names, naming));
        let files = before.files.into_iter().map(|content| survive(content, chance)).collect();
        let after = Inner { files, durable_names: names.clone(), names, ..Inner::default() };
        Self(Arc::new((Mutex::new(after), Condvar::new())), Arc::clone(&self.1))
    }
}

fn survive(content: Content, chance: &mut Chance) -> Content {
    let mut bytes = content.durable;
    for pending in &content.pending {
        match (chance.below(4), pending) {
            (0, _) => {}
            (1, Pending::Write(offset, data)) => {
                let length = chance.below(data.len() + 1);
                apply(&mut bytes, &Pending::Write(*offset, data[..length].to_vec()));
            }
            (2, Pending::Write(offset, data)) => {
                for (number, sector) in data.chunks(SECTOR).enumerate() {
                    if chance.below(2) == 0 {
                        apply(&mut bytes, &Pending::Write(offset + number * SECTOR, sector.to_vec()));
                    }
                }
            }
            _ => apply(&mut bytes, pending),
        }
    }
    Content { durable: bytes, pending: vec![] }
}

impl Disk for SimulatedDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.with(|inner| inner.names.keys().cloned().collect()))
    }

    fn open(&self, name: &str, create: bool) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.with(|inner| {
            inner.spend(1)?;
            if create {
                inner.files.push(Content::default());
                inner.rename(Naming::Create(name.to_owned(), inner.files.len() - 1));
            }
            inner.names.get(name).copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        })?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.with(|inner| {
            inner.spend(1)?;
            inner.rename(Naming::Rename(from.to_owned(), to.to_owned()));
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.with(|inner| {
            inner.spend(1)?;
            inner.rename(Naming::Remove(name.to_owned()));
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|inner| {
            inner.spend(1)?;
            if !inner.lies {
                inner.durable_names = inner.names.clone();
                inner.pending_names.clear();
            }
            Ok(())
        })
    }

    fn place(&self, name: &str) -> String {
        format!("disk/{name}")
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    file: usize,
}

impl SimulatedFile {
    fn resize(&self, length: usize) -> io::Result<()> {
        self.disk.with(|inner| {
            inner.spend(1)?;
            inner.files[self.file].pending.push(Pending::Length(length));
            Ok(())
        })
    }
}

impl DiskFile for SimulatedFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.with(|inner| inner.files[self.file].current().len()) as u64)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.disk.with(|inner| inner.files[self.file].current());
        let rest = &bytes[(offset as usize).min(bytes.len())..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.disk.with(|inner| {
            // The checkpoint is written now and then, which a test can't foresee.
            if inner.fail_writes > 0 && inner.in_journal(self.file) {
                inner.fail_writes -= 1;
                let half = bytes[..bytes.len() / 2].to_vec();
                inner.files[self.file].pending.push(Pending::Write(offset as usize, half));
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            let done = inner.spend(bytes.len())?;
            inner.files[self.file].pending.push(Pending::Write(offset as usize, bytes[..done].to_vec()));
            if done < bytes.len() { Err(io::Error::other("the power is gone")) } else { Ok(()) }
        })
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.disk.0.0.lock().unwrap();
        inner.syncing += 1;
        self.disk.0.1.notify_all();
        let mut inner = self.disk.0.1.wait_while(inner, |inner| inner.held).unwrap();
        inner.syncing -= 1;
        inner.spend(1)?;
        if inner.fail_syncs > 0 && inner.in_journal(self.file) {
            inner.fail_syncs -= 1;
            return Err(io::Error::other("the disk is broken"));
        }
        if !inner.lies {
            let content = &mut inner.files[self.file];
            content.durable = content.current();
            content.pending.clear();
        }
        let draft = inner.names.iter().any(|(name, file)| *file == self.file && name.contains(".new"));
        if inner.lingers && draft {
            drop(inner);
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        // A few bytes are enough to be met by a crash, and keep the test fast.
        let length = (length as usize).min(self.length()? as usize + 4096);
        self.resize(length.max(self.length()? as usize))
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.resize(length as usize)
    }
}
