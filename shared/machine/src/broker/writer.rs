//! The one thread that writes the log: it takes whatever waits, writes it as one batch, syncs once, and only then
//! lets the publishers go on.
//!
//! Invariant: a publish is answered `Ok`, and its message delivered, only after `fdatasync` of the bytes it is in
//! has come back. Notes about deliveries ride along unsynced: losing one means a redelivery, which is legal.
//! After a failed sync nothing more is accepted, because nobody knows then what the disk holds.

use super::{
    dead::DeadLetter,
    dispatch::Core,
    log::{self, Owed, Record},
    queue::{Entry, Ticket},
    recent::Progress,
};
use model::port::PortError;
use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::PathBuf,
    sync::{Arc, mpsc},
};
use tokio::sync::oneshot;

/// Space is added in blocks of zeros of this size, so that a sync seldom has to write the file's length too.
const BLOCK: u64 = 256 * 1024;
/// A batch takes no more commands once it is this large.
const BATCH_BYTES: usize = 1024 * 1024;
/// With more segments than this, the oldest is emptied by copying what little of it is still owed.
const SEGMENTS: usize = 4;

type Reply = oneshot::Sender<Result<(), PortError>>;

/// What the thread can be asked to do.
pub(super) enum Command {
    /// Make the messages durable and queue them; `records` are their encoded publish records.
    Publish { entries: Vec<Entry>, records: Vec<u8>, reply: Reply },
    /// Remember how a delivery went, sometime.
    Note(Record),
    /// Give the message up: among the dead letters it goes.
    Bury { ticket: Ticket, reason: String },
    /// Queue a dead letter again for the subscription that did not take it.
    Replay { letter: Box<DeadLetter>, entry: Entry, reply: Reply },
    /// Write what waits, then end.
    Stop,
}

/// Where the log goes on.
pub(super) struct Position {
    pub folder: PathBuf,
    pub segment: u64,
    pub file: File,
    pub at: u64,
    /// Length of the file, zeros after `at` included.
    pub allocated: u64,
    /// Held for as long as the thread lives: one process owns the folder.
    pub lock: File,
}

/// The thread's state.
pub(super) struct Writer {
    position: Position,
    core: Arc<Core>,
    segment_bytes: u64,
    synced: u64,
    /// The next batch must say what the indexes of subscriptions mean.
    header_due: bool,
    broken: Option<String>,
}

#[derive(Default)]
struct Batch {
    records: Vec<u8>,
    durable: bool,
    published: Vec<(Vec<Entry>, Reply)>,
    replayed: Vec<(Box<DeadLetter>, Entry, Reply)>,
    buried: Vec<Ticket>,
}

impl Writer {
    pub fn new(position: Position, core: Arc<Core>, segment_bytes: u64) -> Self {
        let synced = position.at;
        Self { position, core, segment_bytes, synced, header_due: true, broken: None }
    }

    /// Runs until told to stop.
    pub fn run(mut self, commands: &mpsc::Receiver<Command>) {
        let mut open = true;
        while open {
            let Ok(first) = commands.recv() else { break };
            let mut batch = Batch::default();
            open = self.take(&mut batch, first);
            while open && batch.records.len() < BATCH_BYTES {
                let Ok(command) = commands.try_recv() else { break };
                open = self.take(&mut batch, command);
            }
            let written = self.write(&batch);
            self.answer(batch, written);
            self.clean();
        }
        let _ = self.position.file.sync_data();
        let _ = self.position.lock.unlock();
    }

    /// False if it was the last one.
    fn take(&mut self, batch: &mut Batch, command: Command) -> bool {
        match command {
            Command::Publish { entries, records, reply } => {
                batch.records.extend(records);
                batch.durable = true;
                batch.published.push((entries, reply));
            }
            Command::Note(record) => record.encode(&mut batch.records),
            Command::Bury { ticket, reason } => self.bury(batch, ticket, reason),
            Command::Replay { letter, entry, reply } => {
                publish_record(&entry).encode(&mut batch.records);
                batch.durable = true;
                batch.replayed.push((letter, entry, reply));
            }
            Command::Stop => return false,
        }
        true
    }

    fn bury(&self, batch: &mut Batch, ticket: Ticket, reason: String) {
        let letter = self.core.letter(&ticket, reason);
        if let Err(error) = self.core.dead.lock().add(letter) {
            tracing::error!(message.number = ticket.number, %error, "a dead letter can't be stored; it is delivered again");
            return self.core.try_again(ticket);
        }
        Record::Settled { number: ticket.number, lane: ticket.lane }.encode(&mut batch.records);
        batch.buried.push(ticket);
    }

    fn write(&mut self, batch: &Batch) -> Result<(), PortError> {
        if let Some(reason) = &self.broken {
            return Err(PortError::Transient(reason.clone()));
        }
        if batch.records.is_empty() {
            return Ok(());
        }
        if self.position.at > 0 && self.position.at + batch.records.len() as u64 > self.segment_bytes {
            self.rotate().map_err(|error| self.failed(&error, true))?;
        }
        let mut records = if self.header_due { self.header() } else { Vec::new() };
        records.extend(&batch.records);
        self.append(&records).map_err(|error| self.failed(&error, false))?;
        self.header_due = false;
        if batch.durable { self.sync().map_err(|error| self.failed(&error, true)) } else { Ok(()) }
    }

    fn failed(&mut self, error: &io::Error, for_good: bool) -> PortError {
        let path = log::path(&self.position.folder, self.position.segment);
        let mut text = format!(
            "the broker's log `{}` can't be written ({error}): free some disk space, or check the disk",
            path.display()
        );
        if for_good {
            text.push_str("; then restart Sextant, which delivers what was not acknowledged again");
            tracing::error!(%error, path = %path.display(), "the broker accepts nothing more until it is restarted");
            self.broken = Some(text.clone());
        }
        PortError::Transient(text)
    }

    fn append(&mut self, records: &[u8]) -> io::Result<()> {
        let bytes = log::frame(records, self.synced);
        let position = &mut self.position;
        let end = position.at + bytes.len() as u64;
        if end > position.allocated {
            let more = (end - position.allocated).next_multiple_of(BLOCK);
            position.file.write_all_at(&vec![0; more as usize], position.allocated)?;
            position.allocated += more;
        }
        position.file.write_all_at(&bytes, position.at)?;
        position.at = end;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.position.file.sync_data()?;
        self.synced = self.position.at;
        Ok(())
    }

    fn header(&self) -> Vec<u8> {
        let mut records = Vec::new();
        Record::Names(self.core.names()).encode(&mut records);
        Record::Next(self.core.next_number()).encode(&mut records);
        records
    }

    /// Closes this segment, starts the next one, and empties the oldest if that is cheap.
    fn rotate(&mut self) -> io::Result<()> {
        let mut end = Vec::new();
        Record::End.encode(&mut end);
        self.append(&end)?;
        self.position.file.set_len(self.position.at)?;
        self.position.file.sync_all()?;
        self.position.segment += 1;
        self.position.file = create(&self.position.folder, self.position.segment)?;
        (self.position.at, self.position.allocated, self.synced) = (0, 0, 0);
        self.core.queue.lock().open_home(self.position.segment);
        self.append(&self.header())?;
        self.header_due = false;
        self.carry()
    }

    fn carry(&mut self) -> io::Result<()> {
        let Some((from, entries)) = self.core.queue.lock().worth_carrying(SEGMENTS) else { return Ok(()) };
        let mut records = Vec::new();
        for entry in &entries {
            publish_record(entry).encode(&mut records);
        }
        self.append(&records)?;
        self.sync()?;
        let numbers: Vec<u64> = entries.iter().map(|entry| entry.number).collect();
        self.core.queue.lock().carried(from, self.position.segment, &numbers);
        Ok(())
    }

    fn answer(&self, batch: Batch, written: Result<(), PortError>) {
        for ticket in &batch.buried {
            // Even if the note was not written: its file is, and a restart knows it by that.
            self.core.settled(ticket, Progress::Dead);
        }
        if let Err(error) = written {
            let published = batch.published.into_iter();
            let refused =
                published.map(|(entries, reply)| (entries.iter().map(|entry| entry.owed.len()).sum(), reply));
            for (owed, reply) in refused.chain(batch.replayed.into_iter().map(|(.., reply)| (1, reply))) {
                self.core.release(owed);
                let _ = reply.send(Err(PortError::Transient(error.to_string())));
            }
            return;
        }
        let segment = self.position.segment;
        for (entries, reply) in batch.published {
            self.core.admit(entries, segment);
            let _ = reply.send(Ok(()));
        }
        for (letter, entry, reply) in batch.replayed {
            let removed = self.core.dead.lock().remove(&letter);
            self.core.admit(vec![entry], segment);
            let text = |error| {
                format!("`{}` was queued again, but stays listed as a dead letter ({error})", letter.id)
            };
            let _ = reply.send(removed.map_err(|error| PortError::Transient(text(error))));
        }
    }

    /// Deletes the oldest segments while nobody is owed anything in them.
    fn clean(&self) {
        loop {
            let Some(segment) = self.core.queue.lock().finished_segment() else { return };
            let removed = std::fs::remove_file(log::path(&self.position.folder, segment))
                .and_then(|()| File::open(&self.position.folder)?.sync_all());
            if let Err(error) = removed {
                return tracing::warn!(%error, segment, "a finished segment of the broker's log can't be deleted");
            }
            self.core.queue.lock().forget_segment(segment);
        }
    }
}

/// A new, empty segment whose name is durable.
pub(super) fn create(folder: &std::path::Path, segment: u64) -> io::Result<File> {
    let path = log::path(folder, segment);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    File::open(folder)?.sync_all()?;
    Ok(file)
}

/// The record that makes an entry durable.
pub(super) fn publish_record(entry: &Entry) -> Record {
    Record::Publish {
        number: entry.number,
        published_at: entry.published_at.0,
        owed: entry.owed.iter().map(|owed| Owed { lane: owed.lane, attempts: owed.attempts }).collect(),
        message: serde_json::to_vec(&*entry.message).unwrap_or_default(),
    }
}
