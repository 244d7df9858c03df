//! How a browser signs in on one machine: a link that works once, within five minutes, and becomes a cookie.
//!
//! Codes live in this process's memory, by hash only.

use crate::{Caller, Error, Response, token};
use model::{
    Timestamp,
    port::{Clock, Random},
    time::{HOUR_MS, MINUTE_MS, SECOND_MS},
};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// The cookie's name.
pub const COOKIE: &str = "sextant_session";
/// How long a code works.
const CODE_MS: i64 = 5 * MINUTE_MS;
/// How long a session lasts.
const SESSION_S: i64 = 12 * HOUR_MS / SECOND_MS;
/// Codes kept at once; the oldest goes first.
const MOST_CODES: usize = 64;

type Hash = [u8; 32];

/// One-time codes that were given out and not used yet.
#[derive(Default)]
pub struct Sessions {
    codes: Mutex<HashMap<Hash, (Caller, Timestamp)>>,
}

impl Sessions {
    /// The path and query of a link that signs `caller` in, once, within five minutes.
    pub fn new_link(&self, caller: &Caller, clock: &dyn Clock, random: &dyn Random) -> String {
        let code = format!("{:032x}{:032x}", random.bits(), random.bits());
        let now = clock.real();
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, (_, made)| now.since(*made) < CODE_MS);
        if codes.len() >= MOST_CODES
            && let Some(oldest) = codes.iter().min_by_key(|(_, (_, made))| *made).map(|(hash, _)| *hash)
        {
            codes.remove(&oldest);
        }
        codes.insert(hash(&code), (caller.clone(), now));
        format!("/session?code={code}")
    }

    /// Trades a code for a cookie and leads to `/`.
    pub(crate) fn redeem(
        &self,
        code: &str,
        now: Timestamp,
        key: &token::Key,
        random: u128,
        secure: bool,
    ) -> Result<Response, Error> {
        let found = self.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(&hash(code));
        let caller = match found {
            Some((caller, made)) if (0..CODE_MS).contains(&now.since(made)) => caller,
            _ => {
                return Err(Error::gone(
                    "This sign-in link was used already or is older than five minutes. Ask for a new one with `sextant up --open`, or from the terminal that runs `sextant up`.",
                ));
            }
        };
        let claims = token::Claims::new(&caller, now, SESSION_S, random);
        let jwt = token::mint(key, &claims).map_err(Error::internal)?;
        Ok(Response::redirect("/")
            .cookie(COOKIE, &jwt, SESSION_S, secure)
            .header("cache-control", "no-store")
            .header("referrer-policy", "no-referrer"))
    }
}

fn hash(code: &str) -> Hash {
    Sha256::digest(code.as_bytes()).into()
}
