//! One process owns a data folder.
//!
//! Invariant: the lock is the kernel's, so it ends with the process however that ends; the number in the file
//! only tells people who has it.

use model::port::store::StoreError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

/// The folder, owned until dropped: for whoever clears it away, or wants to know that nobody has it.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held open; closing it releases the lock")] File);

impl Lock {
    /// Creates the folder if need be and takes it.
    pub fn take(folder: &Path) -> Result<Self, StoreError> {
        let place = folder.join("lock");
        let failed = |e: std::io::Error| {
            StoreError::Unavailable(format!(
                "the data folder `{}` can't be used: {e}. See that it is a writable folder, or name another one",
                folder.display()
            ))
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let mut options = OpenOptions::new();
        let mut file =
            options.read(true).write(true).create(true).truncate(false).open(&place).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(e)) => return Err(failed(e)),
            Err(TryLockError::WouldBlock) => return Err(taken(folder, &mut file)),
        }
        file.set_len(0).map_err(failed)?;
        write!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self(file))
    }
}

fn taken(folder: &Path, file: &mut File) -> StoreError {
    let mut pid = String::new();
    drop(file.read_to_string(&mut pid)); // only to be helpful
    let who =
        if pid.trim().is_empty() { "Another process".into() } else { format!("Process {}", pid.trim()) };
    StoreError::Unavailable(format!(
        "{who} already uses the data folder `{}`. Talk to that one, stop it, or name another folder with `--data`",
        folder.display()
    ))
}
