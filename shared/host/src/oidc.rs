//! Pushes signed by Google: a bearer token (JWT, RS256) that names the subscription's service account and audience, as
//! <https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions> describes it (read 2026-11).
//!
//! Invariant: issuer, audience, e-mail and time are checked besides the signature, and only RS256 is taken, whatever
//! the token says. Keys are kept for as long as their issuer allows; a token whose key is unknown has them fetched
//! again, but not more often than once a minute: strangers can't make us ask.

use crate::Error;
use async_trait::async_trait;
use axum::http::HeaderMap;
use bytes::Bytes;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use model::{
    Timestamp,
    time::{DAY_MS, MINUTE_MS, SECOND_MS},
};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// Where Google publishes its keys.
pub const GOOGLE: &str = "https://www.googleapis.com/oauth2/v3/certs";
/// Who Google says it is.
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];
/// How far clocks may be apart.
const LEEWAY_S: i64 = 60;
/// Longest token that is looked at.
const LONGEST: usize = 8 << 10;

/// Where keys come from.
#[async_trait]
pub trait Certificates: Send + Sync {
    /// Fetches the key set; the error says why not.
    async fn fetch(&self) -> Result<Fetched, String>;
}

/// A key set as it was fetched.
pub struct Fetched {
    /// A JSON web key set.
    pub body: Bytes,
    /// How long it may be kept: `max-age` of `Cache-Control`.
    pub max_age: Duration,
}

/// Checks pushes. Fetches nothing before the first one.
pub struct Verifier {
    audience: String,
    email: String,
    certificates: Box<dyn Certificates>,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    keys: BTreeMap<String, Arc<DecodingKey>>,
    fetched_at: Timestamp,
    until: Timestamp,
}

#[derive(Deserialize)]
struct Claims {
    exp: i64,
    iat: i64,
    email: String,
    #[serde(default)]
    email_verified: bool,
}

impl Verifier {
    /// Takes tokens for `audience` of the service account with this e-mail.
    pub fn new(
        audience: impl Into<String>,
        email: impl Into<String>,
        certificates: Box<dyn Certificates>,
    ) -> Self {
        Self { audience: audience.into(), email: email.into(), certificates, kept: Mutex::default() }
    }

    /// Whether a push comes from that account. 401 if not; 503 if the keys can't be had, so that it comes again.
    pub async fn check(&self, headers: &HeaderMap, now: Timestamp) -> Result<(), Error> {
        let header = headers.get("authorization").and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.split_once(' '));
        let token =
            token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let token =
            token.filter(|token| token.len() <= LONGEST).ok_or_else(|| refused("it bears no token"))?;
        let head = jsonwebtoken::decode_header(token).map_err(|_| refused("its token can't be read"))?;
        let id = head.kid.ok_or_else(|| refused("its token names no key"))?;
        let key =
            self.key(&id, now).await?.ok_or_else(|| refused("its token's key is not one of Google's"))?;
        let claims = self
            .claims(token, &key)
            .ok_or_else(|| refused("its token's signature, issuer or audience is wrong"))?;
        let seconds = now.0.div_euclid(SECOND_MS);
        if claims.exp <= seconds - LEEWAY_S || claims.iat > seconds + LEEWAY_S {
            return Err(refused("its token has expired or is not valid yet"));
        }
        if claims.email != self.email || !claims.email_verified {
            return Err(refused("its token is another account's"));
        }
        Ok(())
    }

    fn claims(&self, token: &str, key: &DecodingKey) -> Option<Claims> {
        // Time is checked by the caller: the crate would read the clock of the system.
        let mut validation = Validation::new(Algorithm::RS256);
        (validation.validate_exp, validation.validate_nbf) = (false, false);
        validation.set_issuer(&ISSUERS);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        jsonwebtoken::decode::<Claims>(token, key, &validation).ok().map(|data| data.claims)
    }

    /// A key by its id; one fetch at a time, for whoever waits.
    async fn key(&self, id: &str, now: Timestamp) -> Result<Option<Arc<DecodingKey>>, Error> {
        let mut kept = self.kept.lock().await;
        if let Some(known) = kept.as_ref() {
            let found = known.keys.get(id).cloned();
            let asked_lately = now.since(known.fetched_at) < MINUTE_MS;
            if (found.is_some() && now < known.until) || asked_lately {
                return Ok(found);
            }
        }
        match self.fetch(now).await {
            Ok(fresh) => *kept = Some(fresh),
            Err(why) => {
                return Err(Error::unavailable(
                    "Google's keys can't be fetched now, so this push can't be checked; it is delivered again.",
                )
                .because(why));
            }
        }
        Ok(kept.as_ref().and_then(|known| known.keys.get(id).cloned()))
    }

    async fn fetch(&self, now: Timestamp) -> Result<Kept, String> {
        let Fetched { body, max_age } = self.certificates.fetch().await?;
        let set: JwkSet = serde_json::from_slice(&body).map_err(|error| format!("not a key set: {error}"))?;
        let key = |jwk: &jsonwebtoken::jwk::Jwk| {
            Some((jwk.common.key_id.clone()?, Arc::new(DecodingKey::from_jwk(jwk).ok()?)))
        };
        let keys: BTreeMap<_, _> = set.keys.iter().filter_map(key).collect();
        if keys.is_empty() {
            return Err("the key set holds no key that can be used".to_owned());
        }
        let ms = i64::try_from(max_age.as_millis()).unwrap_or(DAY_MS).clamp(MINUTE_MS, DAY_MS);
        Ok(Kept { keys, fetched_at: now, until: now.plus(ms) })
    }
}

fn refused(why: &str) -> Error {
    Error::unauthenticated(format!("This push was refused: {why}. Nothing was done."))
        .header("www-authenticate", "Bearer")
}
