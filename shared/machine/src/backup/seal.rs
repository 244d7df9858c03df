//! Seals a stream of bytes under a passphrase, and opens it again.
//!
//! Invariant: whatever comes out of an opened stream is what went in, in order; a stream that was changed, cut or put
//! together from others is an error. Nothing is written in the clear.
//!
//! The key is PBKDF2-HMAC-SHA256 of the passphrase with a random salt (OWASP, 2023: 600,000 rounds). Each chunk is sealed
//! by AES-256-GCM under its number, the last one marked as such, with the header as additional data: the STREAM
//! construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015).
//!
//! ```text
//! header  magic 16 | schema u32 | rounds u32 | salt 16           (little endian)
//! chunk   sealed bytes u32 | bytes with their tag                (64 KiB of plain text each, the last one fewer)
//! ```

use crate::clock::OsRandom;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    pbkdf2,
};
use model::port::Random as _;
use std::{
    io::{self, Read, Write},
    num::NonZeroU32,
};

const MAGIC: &[u8; 16] = b"sextant-backup\n\0";
const SCHEMA: u32 = 1;
const HEADER: usize = 40;
const CHUNK: usize = 64 * 1024;
const ROUNDS: NonZeroU32 = NonZeroU32::new(600_000).unwrap();
/// More rounds than this nobody has chosen: a header that was changed doesn't keep a processor busy for hours.
const MOST_ROUNDS: u32 = 100_000_000;

type Header = [u8; HEADER];

fn key(passphrase: &str, header: &Header, rounds: NonZeroU32) -> io::Result<LessSafeKey> {
    let mut bytes = [0; 32];
    let salt = &header[24..];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, salt, passphrase.as_bytes(), &mut bytes);
    let key =
        UnboundKey::new(&AES_256_GCM, &bytes).map_err(|_| io::Error::other("the cipher refused its key"))?;
    Ok(LessSafeKey::new(key))
}

/// The number of a chunk, and whether it is the last one.
fn nonce(number: u64, last: bool) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes[8] = u8::from(last);
    Nonce::assume_unique_for_key(bytes)
}

/// Seals what is written to it. Without [`Sealer::finish`] the stream counts as cut.
pub(super) struct Sealer<W: Write> {
    out: W,
    key: LessSafeKey,
    header: Header,
    number: u64,
    chunk: Vec<u8>,
}

impl<W: Write> Sealer<W> {
    pub fn new(out: W, passphrase: &str) -> io::Result<Self> {
        Self::with(out, passphrase, ROUNDS)
    }

    fn with(mut out: W, passphrase: &str, rounds: NonZeroU32) -> io::Result<Self> {
        let mut header = [0; HEADER];
        header[..16].copy_from_slice(MAGIC);
        header[16..20].copy_from_slice(&SCHEMA.to_le_bytes());
        header[20..24].copy_from_slice(&rounds.get().to_le_bytes());
        header[24..].copy_from_slice(&OsRandom.bits().to_le_bytes());
        let key = key(passphrase, &header, rounds)?;
        out.write_all(&header)?;
        Ok(Self { out, key, header, number: 0, chunk: Vec::with_capacity(CHUNK + 16) })
    }

    fn seal(&mut self, last: bool) -> io::Result<()> {
        let nonce = nonce(self.number, last);
        let sealed = self.key.seal_in_place_append_tag(nonce, Aad::from(&self.header), &mut self.chunk);
        sealed.map_err(|_| io::Error::other("the cipher refused a chunk"))?;
        self.out.write_all(&(self.chunk.len() as u32).to_le_bytes())?;
        self.out.write_all(&self.chunk)?;
        self.number += 1;
        self.chunk.clear();
        Ok(())
    }

    /// Seals the last chunk.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.chunk.len() == CHUNK {
            self.seal(false)?;
        }
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Opens a sealed stream.
pub(super) struct Opener<R: Read> {
    from: R,
    key: LessSafeKey,
    header: Header,
    number: u64,
    chunk: Vec<u8>,
    at: usize,
    done: bool,
}

impl<R: Read> Opener<R> {
    pub fn new(mut from: R, passphrase: &str) -> io::Result<Self> {
        let mut header = [0; HEADER];
        let bad = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        from.read_exact(&mut header).map_err(|_| bad("it is too short to be a backup"))?;
        let number = |at: usize| header[at..at + 4].try_into().map_or(0, u32::from_le_bytes);
        if header[..16] != *MAGIC {
            return Err(bad("it isn't a backup that `sextant backup` made"));
        }
        if number(16) != SCHEMA {
            return Err(bad("it was made by a version that this one doesn't know"));
        }
        let rounds = NonZeroU32::new(number(20)).filter(|rounds| rounds.get() <= MOST_ROUNDS);
        let key = key(passphrase, &header, rounds.ok_or_else(|| bad("its header was changed"))?)?;
        Ok(Self { from, key, header, number: 0, chunk: vec![], at: 0, done: false })
    }

    fn open(&mut self) -> io::Result<()> {
        let bad = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
        let mut length = [0; 4];
        let cut = |_| bad("it is cut: the end is missing".to_owned());
        self.from.read_exact(&mut length).map_err(cut)?;
        let length = u32::from_le_bytes(length) as usize;
        if !(16..=CHUNK + 16).contains(&length) {
            return Err(bad(format!("chunk {} has an impossible length", self.number)));
        }
        let mut sealed = vec![0; length];
        self.from.read_exact(&mut sealed).map_err(cut)?;
        for last in [false, true] {
            let mut chunk = sealed.clone();
            let nonce = nonce(self.number, last);
            if let Ok(plain) = self.key.open_in_place(nonce, Aad::from(&self.header), &mut chunk) {
                let length = plain.len();
                chunk.truncate(length);
                (self.chunk, self.at, self.done) = (chunk, 0, last);
                self.number += 1;
                return Ok(());
            }
        }
        Err(bad(match self.number {
            0 => "the passphrase is another one, or its beginning was changed".to_owned(),
            number => format!("chunk {number} isn't what was written"),
        }))
    }
}

impl<R: Read> Read for Opener<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.chunk.len() && !self.done {
            self.open()?;
        }
        let taken = buffer.len().min(self.chunk.len() - self.at);
        buffer[..taken].copy_from_slice(&self.chunk[self.at..self.at + taken]);
        self.at += taken;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(text: &[u8]) -> Vec<u8> {
        // Few rounds: the test is about chunks.
        let mut sealer = Sealer::with(vec![], "correct horse", NonZeroU32::MIN).unwrap();
        sealer.write_all(text).unwrap();
        sealer.finish().unwrap()
    }

    fn opened(bytes: &[u8], passphrase: &str) -> io::Result<Vec<u8>> {
        let mut text = vec![];
        Opener::new(bytes, passphrase)?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn what_was_sealed_is_opened_by_its_passphrase_only() {
        for length in [0, 1, CHUNK, CHUNK + 1, 3 * CHUNK] {
            let text: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let bytes = sealed(&text);
            assert_eq!(opened(&bytes, "correct horse").unwrap(), text, "{length}");
            assert!(length < 16 || !bytes.windows(16).any(|part| part == &text[..16]), "in the clear");
        }
        let refused = opened(&sealed(b"x"), "wrong").unwrap_err();
        assert!(refused.to_string().contains("passphrase"), "{refused}");
    }

    #[test]
    fn what_was_changed_or_cut_is_an_error() {
        let text: Vec<u8> = vec![b'x'; 2 * CHUNK + 100];
        let good = sealed(&text);
        for at in [0, 17, 25, 41, 60, CHUNK, CHUNK + 70, 2 * CHUNK + 80, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert!(opened(&bad, "correct horse").is_err(), "changed at {at}");
            assert!(opened(&good[..at], "correct horse").is_err(), "cut at {at}");
        }
        // Whole chunks missing at the end, or swapped.
        let chunk = 4 + CHUNK + 16;
        assert!(opened(&good[..HEADER + 2 * chunk], "correct horse").is_err());
        let (one, two) = (&good[HEADER..HEADER + chunk], &good[HEADER + chunk..HEADER + 2 * chunk]);
        let swapped = [&good[..HEADER], two, one, &good[HEADER + 2 * chunk..]].concat();
        assert!(opened(&swapped, "correct horse").is_err());
    }
}
