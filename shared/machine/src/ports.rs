//! Ports that are listened on for longer than a process lives.
//!
//! Invariant: they lie below those that the kernel gives to connections (its default is 32768 on). One of those could be
//! taken by a connection before it is listened on, or between two starts of Sextant, which then couldn't start.

use crate::clock::OsRandom;
use model::port::Random as _;

const PORTS: std::ops::Range<u16> = 10_240..32_768;
/// How many of them are tried.
const TRIES: u32 = 64;

/// Some to try, drawn by chance.
pub(crate) fn drawn() -> impl Iterator<Item = u16> {
    (0..TRIES).map(|_| PORTS.start + (OsRandom.bits() % PORTS.len() as u128) as u16)
}
