//! Webhooks that customers send us, signed as Standard Webhooks has it (specification of 2023,
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>, read 2026-11):
//! `webhook-id`, `webhook-timestamp` (seconds), and `webhook-signature: v1,BASE64` over `id.timestamp.body`.
//!
//! A secret is derived from the installation's token key, the tenant and the decision, so that it can be checked
//! against without being kept. Invariant: signatures are compared in constant time, and what is more than five
//! minutes old or ahead is refused whatever its signature. Under another token key nothing signed before holds.

use crate::{Error, Request, token};
use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};
use model::{DecisionId, TenantId, Timestamp, time::SECOND_MS};

/// How far a sender's clock may be from ours.
pub const TOLERANCE_MS: i64 = 300 * SECOND_MS;
/// What secrets begin with.
const PREFIX: &str = "whsec_";
/// Longest id of a message.
const LONGEST_ID: usize = 256;
/// Signatures of one message that are looked at: a sender that changes its secret sends two.
const MOST_SIGNATURES: usize = 8;

/// The secret of a decision's webhook: 256 bits that only this installation can derive. Each change of it is a
/// generation.
pub fn secret(key: &token::Key, tenant: &TenantId, decision: &DecisionId, generation: u32) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.bytes());
    let mut name = format!("webhook secret\n{tenant}\n{decision}");
    // The first ones were issued before there were generations.
    if generation > 0 {
        name.extend(["\n", &generation.to_string()]);
    }
    let derived = hmac::sign(&key, name.as_bytes());
    format!("{PREFIX}{}", BASE64_STANDARD.encode(derived.as_ref()))
}

/// A message that claims to be signed, in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<'a> {
    /// The message's own id; a repeat has the same.
    pub id: &'a str,
    timestamp: &'a str,
    signatures: &'a str,
    body: &'a [u8],
}

impl<'a> Signed<'a> {
    /// What a request claims; `None` if it bears no signature.
    pub fn read(request: &'a Request, now: Timestamp) -> Result<Option<Self>, Error> {
        let Some(signatures) = request.header("webhook-signature") else { return Ok(None) };
        let header = |name| request.header(name).filter(|value| !value.is_empty());
        let (Some(id), Some(timestamp)) = (header("webhook-id"), header("webhook-timestamp")) else {
            return Err(refused(
                "it has a `webhook-signature` and lacks `webhook-id` or `webhook-timestamp`",
            ));
        };
        if id.len() > LONGEST_ID {
            return Err(refused("its `webhook-id` has more than 256 characters"));
        }
        let sent = timestamp.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(SECOND_MS));
        let off = sent.map(|sent| Timestamp(sent).since(now).saturating_abs());
        if off.is_none_or(|off| off > TOLERANCE_MS) {
            return Err(refused(
                "its `webhook-timestamp` is not within five minutes of now; check the sender's clock, and sign each try anew",
            ));
        }
        Ok(Some(Self { id, timestamp, signatures, body: &request.body }))
    }

    /// Whether one of its signatures was made with this secret.
    pub fn is_by(&self, secret: &str) -> bool {
        let Some(key) = signing(secret) else { return false };
        let content = content(self.id, self.timestamp, self.body);
        let versions = self.signatures.split(' ').filter_map(|one| one.strip_prefix("v1,"));
        versions
            .take(MOST_SIGNATURES)
            .filter_map(|text| BASE64_STANDARD.decode(text).ok())
            .any(|signature| hmac::verify(&key, &content, &signature).is_ok())
    }
}

/// What `webhook-signature` says of a message; `None` if that is no secret.
pub fn signature(secret: &str, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
    let made = hmac::sign(&signing(secret)?, &content(id, timestamp, body));
    Some(format!("v1,{}", BASE64_STANDARD.encode(made.as_ref())))
}

fn signing(secret: &str) -> Option<hmac::Key> {
    let bytes = BASE64_STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

fn content(id: &str, timestamp: &str, body: &[u8]) -> Vec<u8> {
    [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat()
}

fn refused(why: &str) -> Error {
    Error::unauthenticated(format!("The webhook's signature can't be checked: {why}. Nothing was stored."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Method;

    /// The specification's own example.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const SENT: i64 = 1_614_265_330;

    fn request(timestamp: &str, signature: &str, body: &str) -> Request {
        Request::new(Method::Post, "/x", body.to_owned())
            .with_header("webhook-id", ID)
            .with_header("webhook-timestamp", timestamp)
            .with_header("webhook-signature", signature)
    }

    fn holds(timestamp: &str, signature: &str, body: &str) -> bool {
        let now = Timestamp(SENT * SECOND_MS);
        let request = request(timestamp, signature, body);
        Signed::read(&request, now).is_ok_and(|signed| signed.is_some_and(|signed| signed.is_by(SECRET)))
    }

    #[test]
    fn the_specifications_example_holds_and_whatever_differs_does_not() {
        let sent = SENT.to_string();
        assert!(holds(&sent, SIGNATURE, BODY));
        assert_eq!(signature(SECRET, ID, &sent, BODY.as_bytes()).as_deref(), Some(SIGNATURE));
        assert!(holds(&sent, &format!("v1,AAAA v2,x {SIGNATURE}"), BODY), "one of several");
        for (timestamp, signature, body) in [
            ((SENT + 1).to_string(), SIGNATURE, BODY),
            (sent.clone(), SIGNATURE, r#"{"test": 2432232315}"#),
            (sent.clone(), "v1,", BODY),
            (sent.clone(), &SIGNATURE.replace("v1", "v2"), BODY),
            (sent.clone(), &SIGNATURE.replace("v1,", ""), BODY),
            (sent.clone(), "v1,!!!", BODY),
            ("soon".to_owned(), SIGNATURE, BODY),
            (i64::MAX.to_string(), SIGNATURE, BODY),
            (String::new(), SIGNATURE, BODY),
        ] {
            assert!(!holds(&timestamp, signature, body), "{timestamp} {signature} {body}");
        }
    }

    #[test]
    fn five_minutes_either_way_and_no_more() {
        let request = request(&SENT.to_string(), SIGNATURE, BODY);
        for (off, legal) in [(-300_000, true), (300_000, true), (300_001, false), (-300_001, false)] {
            let now = Timestamp(SENT * SECOND_MS + off);
            assert_eq!(Signed::read(&request, now).is_ok(), legal, "{off}");
        }
        let plain = Request::new(Method::Post, "/x", BODY);
        assert_eq!(Signed::read(&plain, Timestamp(0)).unwrap(), None);
    }

    #[test]
    fn each_decision_of_each_tenant_has_a_secret_of_its_own() {
        let key = |byte| token::Key::new(vec![byte; 32]).unwrap();
        let (acme, other) = (TenantId::new("acme").unwrap(), TenantId::new("other").unwrap());
        let (one, two) = (DecisionId::new("dec_1").unwrap(), DecisionId::new("dec_2").unwrap());
        let made = secret(&key(1), &acme, &one, 0);
        assert_eq!(made, secret(&key(1), &acme, &one, 0));
        assert_ne!(made, secret(&key(1), &acme, &one, 1));
        let rest = [(key(2), &acme, &one), (key(1), &other, &one), (key(1), &acme, &two)];
        assert!(rest.iter().all(|(key, tenant, decision)| secret(key, tenant, decision, 0) != made));
        assert_eq!(BASE64_STANDARD.decode(made.trim_start_matches(PREFIX)).unwrap().len(), 32);
    }
}
