//! How far the store had come about a second ago, in a small file of its own.
//!
//! Invariant: names only what is durable. So whoever finds less than it names has lost something: a journal that was
//! cut or removed, a table that is gone, an older copy of a part of the folder.

use super::disk::{Disk, DiskFile};
use super::journal::u64_at;
use std::io;
use std::sync::Arc;

const NAME: &str = "checkpoint";
const MAGIC: &[u8; 8] = b"sx-mark\n";
/// The two slots are far enough apart that no interrupted write damages both.
const SLOT: u64 = 4096;
const BYTES: usize = 32;

/// The file. Its two slots are written in turn.
pub(super) struct Checkpoint {
    file: Arc<dyn DiskFile>,
    turn: u64,
    /// The change named by the newest slot.
    pub change: u64,
}

impl Checkpoint {
    /// The checkpoint of a folder: `None` where there never was one.
    pub fn open(disk: &dyn Disk, names: &[String]) -> io::Result<Result<Option<Self>, String>> {
        if !names.iter().any(|name| name == NAME) {
            return Ok(Ok(None));
        }
        let file = disk.open(NAME, false)?;
        let slots = [slot(&*file, 0)?, slot(&*file, 1)?];
        let Some((turn, change)) = slots.into_iter().flatten().max() else {
            return Ok(Err(format!("`{}` can't be read", disk.place(NAME))));
        };
        Ok(Ok(Some(Self { file, turn, change })))
    }

    /// The first one of a folder, durable on return.
    pub fn create(disk: &dyn Disk) -> io::Result<Self> {
        let draft = format!("{NAME}.new");
        let file = disk.open(&draft, true)?;
        let mut checkpoint = Self { file, turn: 0, change: 0 };
        checkpoint.write(0)?;
        disk.rename(&draft, NAME)?;
        disk.sync()?;
        Ok(checkpoint)
    }

    /// Names a change, which must be durable already.
    pub fn write(&mut self, change: u64) -> io::Result<()> {
        let turn = self.turn + 1;
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&turn.to_le_bytes());
        bytes[16..24].copy_from_slice(&change.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..24]);
        bytes[24..28].copy_from_slice(&crc.to_le_bytes());
        self.file.write_at(turn % 2 * SLOT, &bytes)?;
        self.file.sync()?;
        (self.turn, self.change) = (turn, change);
        Ok(())
    }
}

/// A slot's turn and change, if it is whole.
fn slot(file: &dyn DiskFile, number: u64) -> io::Result<Option<(u64, u64)>> {
    let mut bytes = [0; BYTES];
    let read = file.read_at(number * SLOT, &mut bytes)?;
    let whole = read == BYTES
        && bytes[..8] == *MAGIC
        && super::journal::u32_at(&bytes, 24) == crc32fast::hash(&bytes[..24]);
    Ok(whole.then(|| (u64_at(&bytes, 8), u64_at(&bytes, 16))))
}
