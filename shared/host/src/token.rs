//! Bearer tokens: JWT, HS256 and nothing else, signed with a key of this installation.
//!
//! A signature is checked once and its token's digest remembered: clients send the same token with every request.
//! Times are checked each time.

use crate::{Caller, Role};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use model::{TenantId, Timestamp, time::SECOND_MS};
use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Who issues our tokens.
pub const ISSUER: &str = "sextant";

/// Tokens whose signature is remembered; beyond that all are forgotten, which costs a check each.
const REMEMBERED: usize = 1_024;

/// The key that signs, and what it is known to have signed. Can't be printed.
#[derive(Clone)]
pub struct Key(Arc<Inner>);

struct Inner {
    bytes: SecretSlice<u8>,
    decoding: DecodingKey,
    validation: Validation,
    /// By SHA-256 of the token, so that none is kept in memory.
    signed: Mutex<HashMap<[u8; 32], Claims>>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(***)")
    }
}

/// The key is shorter than the 32 bytes that HS256 wants (RFC 7518, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token key has {0} bytes and needs at least 32; generate one with `openssl rand 32`")]
pub struct KeyTooShort(usize);

impl Key {
    /// At least 32 random bytes.
    pub fn new(bytes: Vec<u8>) -> Result<Self, KeyTooShort> {
        if bytes.len() < 32 {
            return Err(KeyTooShort(bytes.len()));
        }
        let decoding = DecodingKey::from_secret(&bytes);
        let inner =
            Inner { bytes: bytes.into(), decoding, validation: validation(), signed: Mutex::default() };
        Ok(Self(Arc::new(inner)))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.bytes.expose_secret()
    }

    /// What a token says, if this key signed it; whether its time has come is another question.
    fn signed(&self, token: &str) -> Option<Claims> {
        let digest = Sha256::digest(token).into();
        let known =
            |inner: &Inner| inner.signed.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
        if let Some(claims) = known(&self.0) {
            return Some(claims);
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.0.decoding, &self.0.validation).ok()?.claims;
        let mut signed = self.0.signed.lock().unwrap_or_else(PoisonError::into_inner);
        if signed.len() >= REMEMBERED {
            signed.clear();
        }
        signed.insert(digest, claims.clone());
        Some(claims)
    }
}

/// What a token says. Times in seconds since 1970, as JWT has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Always [`ISSUER`].
    pub iss: String,
    /// The user's id.
    pub sub: String,
    /// The tenant whose data it opens.
    pub tenant: TenantId,
    /// What they may do.
    pub role: Role,
    /// When it was made.
    pub iat: i64,
    /// When it ends.
    pub exp: i64,
    /// Its own id.
    pub jti: String,
}

impl Claims {
    /// A token's content for `caller` from `now` for `seconds`; `random` makes its id.
    pub fn new(caller: &Caller, now: Timestamp, seconds: i64, random: u128) -> Self {
        let iat = now.0.div_euclid(SECOND_MS);
        Self {
            iss: ISSUER.to_owned(),
            sub: caller.user.clone(),
            tenant: caller.tenant.clone(),
            role: caller.role,
            iat,
            exp: iat.saturating_add(seconds),
            jti: format!("{random:032x}"),
        }
    }

    /// Who it speaks for.
    pub fn caller(&self) -> Caller {
        Caller { tenant: self.tenant.clone(), user: self.sub.clone(), role: self.role }
    }
}

/// Why a token is not accepted, for whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not a token, not ours, changed, or of another algorithm.
    #[error("the token is not one of this installation, or was changed")]
    Invalid,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// From more than a minute ahead of our clock.
    #[error("the token is from the future; check the clocks")]
    NotYet,
}

/// Signs a token.
pub fn mint(key: &Key, claims: &Claims) -> Result<String, jsonwebtoken::errors::Error> {
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(key.bytes()))
}

/// Only HS256 is in the list: `none` and public-key algorithms are refused whatever the header says. Time is checked
/// in [`verify`], because the crate would read the clock of the system.
fn validation() -> Validation {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "sub"]);
    validation
}

/// Checks signature, algorithm, issuer and time, and reads the token.
pub fn verify(key: &Key, token: &str, now: Timestamp) -> Result<Claims, Refused> {
    let claims = key.signed(token).ok_or(Refused::Invalid)?;
    let seconds = now.0.div_euclid(SECOND_MS);
    if claims.role == Role::Public {
        return Err(Refused::Invalid);
    }
    if claims.exp <= seconds {
        return Err(Refused::Expired);
    }
    if claims.iat > seconds + 60 {
        return Err(Refused::NotYet);
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

    const NOW: Timestamp = Timestamp(1_763_617_260_000);

    fn caller() -> Caller {
        Caller { tenant: TenantId::new("acme").unwrap(), user: "ann".into(), role: Role::Deployer }
    }

    fn key(byte: u8) -> Key {
        Key::new(vec![byte; 32]).unwrap()
    }

    #[test]
    fn a_token_says_what_it_was_given_until_it_ends() {
        let claims = Claims::new(&caller(), NOW, 60, 5);
        let token = mint(&key(1), &claims).unwrap();
        assert_eq!(verify(&key(1), &token, NOW).unwrap(), claims);
        assert_eq!(verify(&key(1), &token, NOW.plus(59_000)).unwrap().caller(), caller());
        assert_eq!(verify(&key(1), &token, NOW.plus(60_000)), Err(Refused::Expired));
        assert_eq!(verify(&key(1), &token, NOW.plus(-61_000)), Err(Refused::NotYet));
        assert_eq!(verify(&key(2), &token, NOW), Err(Refused::Invalid));
    }

    #[test]
    fn a_changed_or_forged_token_is_refused() {
        let claims = Claims::new(&caller(), NOW, 60, 5);
        let token = mint(&key(1), &claims).unwrap();
        let (head, tail) = token.split_once('.').unwrap();
        let (_, signature) = tail.split_once('.').unwrap();
        let owner = Claims { role: Role::Owner, ..claims.clone() };
        let payload = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&owner).unwrap());
        assert_eq!(verify(&key(1), &format!("{head}.{payload}.{signature}"), NOW), Err(Refused::Invalid));
        for algorithm in ["none", "RS256", "HS384"] {
            let header = BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#));
            assert_eq!(verify(&key(1), &format!("{header}.{payload}."), NOW), Err(Refused::Invalid));
            assert_eq!(
                verify(&key(1), &format!("{header}.{payload}.{signature}"), NOW),
                Err(Refused::Invalid)
            );
        }
        let other = Claims { iss: "else".into(), ..claims.clone() };
        assert_eq!(verify(&key(1), &mint(&key(1), &other).unwrap(), NOW), Err(Refused::Invalid));
        let nobody = Claims { role: Role::Public, ..claims };
        assert_eq!(verify(&key(1), &mint(&key(1), &nobody).unwrap(), NOW), Err(Refused::Invalid));
    }

    #[test]
    fn a_remembered_token_still_ends_and_the_memory_is_bounded() {
        let key = key(1);
        let token = mint(&key, &Claims::new(&caller(), NOW, 60, 5)).unwrap();
        for _ in 0..2 {
            assert!(verify(&key, &token, NOW).is_ok());
            assert_eq!(verify(&key, &token, NOW.plus(60_000)), Err(Refused::Expired));
            assert_eq!(verify(&key, &format!("{token}A"), NOW), Err(Refused::Invalid));
        }
        for n in 0..2 * REMEMBERED as u128 {
            let token = mint(&key, &Claims::new(&caller(), NOW, 60, n)).unwrap();
            assert!(verify(&key, &token, NOW).is_ok());
        }
        assert!((1..=REMEMBERED).contains(&key.0.signed.lock().unwrap().len()));
    }

    #[test]
    fn short_keys_are_refused_and_keys_cannot_be_printed() {
        assert!(Key::new(vec![1; 31]).is_err());
        assert_eq!(format!("{:?}", key(42)), "Key(***)");
    }
}
