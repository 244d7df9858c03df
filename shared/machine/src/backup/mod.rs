//! A whole data folder in one sealed file, made while the server runs, and made a data folder again.
//!
//! Invariant: documents and queue are of one moment; what they refer to was written before that and is copied after it.
//! A backup counts only once it was read back. Restoring makes all of a folder or none of it, and never touches one that
//! holds anything.

mod entry;
mod seal;

use crate::engine::journal::State;
use crate::engine::{Core, Engine, Options, Totals};
use crate::store::{Batches, checked_document};
use entry::{Entry, Reader, Writer};
use model::port::store::StoreError;
use seal::{Opener, Sealer};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is in a data folder and in no backup: the engine's own files (their contents are), what can be fetched or built
/// again, and where a running server is.
const LEFT_OUT: [&str; 7] = ["store", "cache", "sources", "builds", "up.json", "broker", "older-format"];
/// A marker of the engine that belongs to its files.
const ENGINE_OWN: &[u8] = b"m\0mark";

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file isn't a whole backup, or the passphrase is another one.
    #[error(
        "`{file}` can't be restored: {why}. Nothing was changed. Take another backup, or the right passphrase"
    )]
    Unreadable {
        /// The file that was to be a backup.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is something in the folder.
    #[error(
        "`{folder}` holds a file or folder already, and nothing is restored over it: name an empty one with `--data`"
    )]
    NotEmpty {
        /// The data folder.
        folder: PathBuf,
    },
    /// The file system refused.
    #[error("`{place}` can't be read or written ({source}): check its owner and the free space on the disk")]
    Io {
        /// The file or folder that it happened at.
        place: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

fn io_at(place: &Path) -> impl FnOnce(io::Error) -> Error {
    let place = place.to_owned();
    move |source| Error::Io { place, source }
}

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Contents {
    /// Documents of all tenants.
    pub documents: u64,
    /// Messages that are waiting or were given up.
    pub messages: u64,
    /// Files beside them: keys, logs, artifacts.
    pub files: u64,
    /// Bytes before sealing.
    pub bytes: u64,
}

/// Whoever makes backups of a running installation.
#[derive(Clone)]
pub struct Source {
    data: PathBuf,
    core: Arc<Core>,
}

impl Source {
    /// Of a data folder whose engine is open in this process.
    pub fn new(data: &Path, engine: &Engine) -> Self {
        Self { data: data.to_owned(), core: Arc::clone(engine.core()) }
    }

    /// Writes everything, sealed. Blocks; commits go on meanwhile.
    pub fn write(&self, passphrase: &str, out: impl Write) -> Result<Contents, Error> {
        let stream = Path::new("the backup");
        let mut out = Writer::new(Sealer::new(out, passphrase).map_err(io_at(stream))?);
        let snapshot = self.core.snapshot();
        for pair in snapshot.range(&[], None) {
            let (key, value) = pair?;
            checked_document(&key, &value)?;
            if *key != *ENGINE_OWN {
                out.write(&Entry::Value { key: key.to_vec(), value: value.to_vec() })
                    .map_err(io_at(stream))?;
            }
        }
        drop(snapshot);
        self.files(&self.data, &mut out)?;
        // Behind everything: no message of it has a higher number.
        out.write(&Entry::State(self.core.state())).map_err(io_at(stream))?;
        let (sealer, contents) = out.finish().map_err(io_at(stream))?;
        sealer.finish().map_err(io_at(stream))?;
        Ok(contents)
    }

    fn files<W: Write>(&self, folder: &Path, out: &mut Writer<W>) -> Result<(), Error> {
        let mut names: Vec<PathBuf> = match fs::read_dir(folder) {
            Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
            // Tidied away meanwhile.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(io_at(folder)(e)),
        };
        names.sort();
        for place in names {
            let name = place.strip_prefix(&self.data).unwrap_or(&place).to_owned();
            if LEFT_OUT.iter().any(|left_out| name == Path::new(left_out)) {
                continue;
            }
            match self.file(&place, &name, out) {
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                done => done?,
            }
        }
        Ok(())
    }

    fn file<W: Write>(&self, place: &Path, name: &Path, out: &mut Writer<W>) -> Result<(), Error> {
        let metadata = fs::symlink_metadata(place).map_err(io_at(place))?;
        let name = name.to_string_lossy().into_owned();
        let mode = metadata.permissions().mode() & 0o777;
        if metadata.is_dir() {
            out.write(&Entry::Folder { name, mode }).map_err(io_at(place))?;
            return self.files(place, out);
        }
        if metadata.is_symlink() {
            let target = fs::read_link(place).map_err(io_at(place))?.to_string_lossy().into_owned();
            return out.write(&Entry::Link { name, target }).map_err(io_at(place));
        }
        if !metadata.is_file() {
            return Ok(()); // sockets and pipes are a process's own
        }
        let mut file = File::open(place).map_err(io_at(place))?;
        out.file(&name, mode, &mut file).map_err(io_at(place))
    }
}

/// Reads a backup to its end, and says what it holds.
pub fn check(file: &Path, passphrase: &str) -> Result<Contents, Error> {
    let mut reader = open(file, passphrase)?;
    loop {
        match next(&mut reader, file)? {
            Some(Entry::Value { key, value }) => checked_document(&key, &value)?,
            Some(_) => {}
            None => return Ok(reader.contents()),
        }
    }
}

fn open(file: &Path, passphrase: &str) -> Result<Reader<Opener<io::BufReader<File>>>, Error> {
    let from = io::BufReader::new(File::open(file).map_err(io_at(file))?);
    let opener = Opener::new(from, passphrase);
    Ok(Reader::new(opener.map_err(|e| Error::Unreadable { file: file.to_owned(), why: e.to_string() })?))
}

fn next<R: Read>(reader: &mut Reader<R>, file: &Path) -> Result<Option<Entry>, Error> {
    reader.next().map_err(|e| Error::Unreadable { file: file.to_owned(), why: e.to_string() })
}

/// Makes an empty or missing folder the data folder that was backed up.
pub fn restore(file: &Path, passphrase: &str, data: &Path) -> Result<Contents, Error> {
    if fs::read_dir(data).is_ok_and(|mut entries| entries.next().is_some()) || data.is_file() {
        return Err(Error::NotEmpty { folder: data.to_owned() });
    }
    check(file, passphrase)?;
    let parent = data.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(io_at(parent))?;
    let name = data.file_name().unwrap_or_default().to_string_lossy().into_owned();
    // Beside it, so that the last step is one rename.
    let draft = parent.join(format!(".{name}.restoring"));
    if draft.exists() {
        fs::remove_dir_all(&draft).map_err(io_at(&draft))?;
    }
    fs::create_dir(&draft).map_err(io_at(&draft))?;
    fs::set_permissions(&draft, fs::Permissions::from_mode(0o700)).map_err(io_at(&draft))?;
    let contents = fill(file, passphrase, &draft)?;
    match fs::remove_dir(data) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(io_at(data)(e)),
        _ => {}
    }
    fs::rename(&draft, data).map_err(io_at(data))?;
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(io_at(parent))?;
    Ok(contents)
}

fn fill(file: &Path, passphrase: &str, draft: &Path) -> Result<Contents, Error> {
    let store = draft.join("store");
    fs::create_dir(&store).map_err(io_at(&store))?;
    fs::set_permissions(&store, fs::Permissions::from_mode(0o700)).map_err(io_at(&store))?;
    let engine = Engine::open(&store, Options::default())?;
    let mut batches = Batches::new(engine.core());
    let mut reader = open(file, passphrase)?;
    let (mut state, mut documents, mut bytes) = (State::default(), 0, 0);
    while let Some(entry) = next(&mut reader, file)? {
        match entry {
            Entry::Value { key, value } => {
                if let Some(size) = crate::store::document_size(&key, &value) {
                    documents += 1;
                    bytes += size;
                }
                batches.add(key.into(), Some(value.into()))?;
            }
            Entry::State(known) => state = known,
            Entry::Folder { .. } | Entry::Link { .. } | Entry::File { .. } => {
                place(&entry, draft).map_err(io_at(draft))?;
            }
        }
    }
    batches.commit()?;
    // Counted anew: those of the running store may have been a moment ahead.
    Totals::set(engine.core(), State { documents, bytes, ..state })?;
    Ok(reader.contents())
}

/// Makes a file, folder or link below the folder, durably.
fn place(entry: &Entry, draft: &Path) -> io::Result<()> {
    let inside = |name: &str| {
        let plain = |part: std::path::Component<'_>| matches!(part, std::path::Component::Normal(_));
        let outside = || io::Error::new(io::ErrorKind::InvalidData, format!("`{name}` would lie outside"));
        if Path::new(name).components().all(plain) { Ok(draft.join(name)) } else { Err(outside()) }
    };
    match entry {
        Entry::Folder { name, mode } => {
            let place = inside(name)?;
            fs::create_dir_all(&place)?;
            fs::set_permissions(&place, fs::Permissions::from_mode(mode | 0o700))
        }
        Entry::Link { name, target } => symlink(target, inside(name)?),
        Entry::File { name, mode, bytes, first } => {
            let mut options = OpenOptions::new();
            options.write(true).mode(*mode);
            if *first {
                options.create_new(true)
            } else {
                options.append(true)
            };
            let mut file = options.open(inside(name)?)?;
            file.write_all(bytes)?;
            file.sync_all()
        }
        Entry::Value { .. } | Entry::State(_) => Ok(()),
    }
}
