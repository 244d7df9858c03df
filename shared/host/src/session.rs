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
    /// The path and query of a link that signs `caller` in, once, within five minutes, and leads to `to`, a path here.
    pub fn new_link(&self, caller: &Caller, to: &str, clock: &dyn Clock, random: &dyn Random) -> String {
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
        let to = if to == "/" { String::new() } else { format!("&to={}", url_encoded(to)) };
        format!("/session?code={code}{to}")
    }

    /// Trades a code for a cookie and leads to a page of ours.
    pub(crate) fn redeem(
        &self,
        code: &str,
        to: &str,
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
                    "This sign-in link was used already or is older than five minutes. `sextant open` makes a new one, any time.",
                )
                .title("This link is used up"));
            }
        };
        let claims = token::Claims::new(&caller, now, SESSION_S, random);
        let jwt = token::mint(key, &claims).map_err(Error::internal)?;
        Ok(Response::redirect(here(to))
            .cookie(COOKIE, &jwt, SESSION_S, secure)
            .header("cache-control", "no-store")
            .header("referrer-policy", "no-referrer"))
    }
}

/// A path of this server; whatever else stands in a link leads to the overview.
fn here(to: &str) -> &str {
    let path = to.starts_with('/') && !to.starts_with("//");
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    if path && to.chars().all(plain) { to } else { "/" }
}

fn url_encoded(to: &str) -> String {
    form_urlencoded::byte_serialize(to.as_bytes()).collect()
}

fn hash(code: &str) -> Hash {
    Sha256::digest(code.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_pages_of_ours_only() {
        assert_eq!(here("/deployments/dep_1"), "/deployments/dep_1");
        for away in ["//evil.example", "https://evil.example", "/\\evil.example", "/a?b=//c", "", "/\r\nx"] {
            assert_eq!(here(away), "/", "{away}");
        }
    }
}
