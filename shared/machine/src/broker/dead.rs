//! Messages that were given up, one JSON file each, until somebody replays them.
//!
//! Invariant: a message leaves the queue for here only after its file is on disk, and leaves here only after it
//! is on disk in the queue again.

use super::Error;
use model::{Timestamp, message::Message};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// One message that one subscription did not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// `NUMBER-SUBSCRIPTION`: what to replay it by.
    pub id: String,
    /// The broker's number of the message.
    pub number: u64,
    /// Who did not take it.
    pub subscription: String,
    /// Deliveries that were tried.
    pub attempts: u32,
    /// How the last one ended, in words.
    pub reason: String,
    /// When the message was published.
    pub published_at: Timestamp,
    /// When it was given up.
    pub given_up_at: Timestamp,
    /// What was published.
    pub message: Message,
}

/// The folder of them, and a copy in memory.
pub(super) struct DeadLetters {
    folder: PathBuf,
    letters: BTreeMap<(u64, String), DeadLetter>,
}

impl DeadLetters {
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let folder = folder.join("dead");
        fs::create_dir_all(&folder).map_err(|source| Error::io(&folder, source))?;
        let mut letters = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(|source| Error::io(&folder, source))? {
            let path = entry.map_err(|source| Error::io(&folder, source))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let bytes = fs::read(&path).map_err(|source| Error::io(&path, source))?;
                let letter: DeadLetter = serde_json::from_slice(&bytes)
                    .map_err(|source| Error::Letter { path: path.clone(), source })?;
                letters.insert((letter.number, letter.subscription.clone()), letter);
            }
        }
        Ok(Self { folder, letters })
    }

    /// Durable on return.
    pub fn add(&mut self, letter: DeadLetter) -> io::Result<()> {
        let path = self.path(&letter);
        let temporary = path.with_extension("new");
        let mut file = fs::File::create(&temporary)?;
        file.write_all(&serde_json::to_vec_pretty(&letter)?)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        fs::File::open(&self.folder)?.sync_all()?;
        self.letters.insert((letter.number, letter.subscription.clone()), letter);
        Ok(())
    }

    /// If the file can't be removed the letter stays, and may be replayed again.
    pub fn remove(&mut self, letter: &DeadLetter) -> io::Result<()> {
        fs::remove_file(self.path(letter))?;
        fs::File::open(&self.folder)?.sync_all()?;
        self.letters.remove(&(letter.number, letter.subscription.clone()));
        Ok(())
    }

    pub fn contains(&self, number: u64, subscription: &str) -> bool {
        self.letters.contains_key(&(number, subscription.to_owned()))
    }

    /// Oldest first.
    pub fn list(&self, limit: usize) -> Vec<DeadLetter> {
        self.letters.values().take(limit).cloned().collect()
    }

    pub fn find(&self, id: &str) -> Option<DeadLetter> {
        self.letters.values().find(|letter| letter.id == id).cloned()
    }

    pub fn highest_number(&self) -> u64 {
        self.letters.keys().map(|(number, _)| *number).max().unwrap_or(0)
    }

    fn path(&self, letter: &DeadLetter) -> PathBuf {
        self.folder.join(format!("{}.json", letter.id))
    }
}
