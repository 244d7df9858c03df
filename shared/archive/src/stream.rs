//! Streams that count and hash what passes, and end where a bound is.

use crate::{Error, Limits};
use sha2::{Digest as _, Sha256};
use std::{
    cell::Cell,
    io::{self, Read, Write},
    rc::Rc,
};

/// This much may become of the smallest archive.
const FREE: u64 = 64 << 20;

/// Counts bytes that pass in either direction.
pub(crate) struct Counting<T> {
    inner: T,
    count: Rc<Cell<u64>>,
    most: u64,
}

impl<T> Counting<T> {
    /// Fails beyond `most`.
    pub(crate) fn new(inner: T, most: u64) -> (Self, Rc<Cell<u64>>) {
        let count = Rc::new(Cell::new(0));
        (Self { inner, count: Rc::clone(&count), most }, count)
    }

    fn add(&self, bytes: usize) -> io::Result<()> {
        self.count.set(self.count.get() + bytes as u64);
        if self.count.get() > self.most {
            return Err(io::Error::other(Error::PackedTooLarge(self.most)));
        }
        Ok(())
    }
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.add(read)?;
        Ok(read)
    }
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(data)?;
        self.add(written)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Hashes what passes.
pub(crate) struct Hashing<T> {
    pub(crate) inner: T,
    hash: Sha256,
}

impl<T> Hashing<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new() }
    }

    /// What passed, as hexadecimal digits, and what it passed through.
    pub(crate) fn finish(self) -> (String, T) {
        (hex::encode(self.hash.finalize()), self.inner)
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(data)?;
        self.hash.update(&data[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// What comes out of a decompressor, as long as that is in proportion to what went in.
pub(crate) struct Bounded<R> {
    inner: R,
    packed: Rc<Cell<u64>>,
    out: u64,
    limits: Limits,
}

impl<R> Bounded<R> {
    pub(crate) fn new(inner: R, packed: Rc<Cell<u64>>, limits: Limits) -> Self {
        Self { inner, packed, out: 0, limits }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.out += read as u64;
        // Headers, long names and padding come on top of what files hold.
        let most =
            self.limits.bytes.saturating_add(self.limits.files.saturating_mul(4096)).saturating_add(FREE);
        let in_proportion = self.packed.get().saturating_mul(self.limits.ratio).saturating_add(FREE);
        if self.out > most.min(in_proportion) {
            let text = format!(
                "{} KiB of it became {} MiB, and more were to come",
                self.packed.get() >> 10,
                self.out >> 20
            );
            return Err(io::Error::other(Error::Bomb(text)));
        }
        Ok(read)
    }
}
