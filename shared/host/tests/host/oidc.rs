//! Pushes with Google's tokens, against an issuer of our own.

use crate::{deliveries, server::Server};
use async_trait::async_trait;
use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as URL};
use host::{
    PushAuth,
    oidc::{Certificates, Fetched, Verifier},
    testing::START,
};
use model::time::{HOUR_MS, MINUTE_MS, SECOND_MS};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const AUDIENCE: &str = "https://deploy-step-1.run.app";
const ACCOUNT: &str = "pusher@acme.iam.gserviceaccount.com";

/// Signs tokens and publishes its keys.
struct Issuer {
    keys: Vec<RsaKeyPair>,
    /// How many of the keys are published, and how often somebody looked.
    published: Mutex<(usize, u32)>,
    down: Mutex<bool>,
}

impl Issuer {
    fn new() -> Arc<Self> {
        let keys = (0..2).map(|_| RsaKeyPair::generate(KeySize::Rsa2048).unwrap()).collect();
        Arc::new(Self { keys, published: Mutex::new((1, 0)), down: Mutex::new(false) })
    }

    fn asked(&self) -> u32 {
        self.published.lock().unwrap().1
    }

    /// A token of key `number` that says this.
    fn token(&self, number: usize, header: &Value, claims: &Value) -> String {
        let key = &self.keys[number];
        let text = format!("{}.{}", URL.encode(header.to_string()), URL.encode(claims.to_string()));
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
        format!("Bearer {text}.{}", URL.encode(signature))
    }

    fn good(&self, number: usize) -> String {
        self.token(number, &header(number), &claims())
    }
}

struct Publishes(Arc<Issuer>);

#[async_trait]
impl Certificates for Publishes {
    async fn fetch(&self) -> Result<Fetched, String> {
        if *self.0.down.lock().unwrap() {
            return Err("no route to 10.1.2.3".to_owned());
        }
        let mut published = self.0.published.lock().unwrap();
        published.1 += 1;
        let keys: Vec<Value> = self.0.keys[..published.0]
            .iter()
            .enumerate()
            .map(|(number, key)| {
                let public = key.public_key();
                json!({ "kid": format!("k{number}"), "kty": "RSA", "alg": "RS256", "use": "sig",
                    "n": URL.encode(public.modulus().big_endian_without_leading_zero()),
                    "e": URL.encode(public.exponent().big_endian_without_leading_zero()) })
            })
            .collect();
        let body = json!({ "keys": keys }).to_string().into();
        Ok(Fetched { body, max_age: Duration::from_hours(1) })
    }
}

fn header(number: usize) -> Value {
    json!({ "alg": "RS256", "typ": "JWT", "kid": format!("k{number}") })
}

fn claims() -> Value {
    let seconds = START.0 / SECOND_MS;
    json!({ "iss": "https://accounts.google.com", "aud": AUDIENCE, "email": ACCOUNT, "email_verified": true,
        "sub": "1135", "azp": "1135", "iat": seconds - 5, "exp": seconds + 3_600 })
}

async fn server(issuer: &Arc<Issuer>) -> (Server, deliveries::Seen) {
    let verifier = Verifier::new(AUDIENCE, ACCOUNT, Box::new(Publishes(issuer.clone())));
    deliveries::pushed(PushAuth::Google(Arc::new(verifier))).await
}

async fn push(server: &Server, token: &str) -> u16 {
    let headers: &[(&str, &str)] = if token.is_empty() { &[] } else { &[("authorization", token)] };
    server.send("POST /push/step.deployments", headers, deliveries::WRAPPED).await.status
}

#[tokio::test]
async fn only_googles_token_for_this_audience_and_account_comes_in() {
    let issuer = Issuer::new();
    let (server, seen) = server(&issuer).await;
    assert_eq!(issuer.asked(), 0, "nothing is fetched before it is needed");
    assert_eq!(push(&server, &issuer.good(0)).await, 204);
    let said = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        issuer.token(0, &header(0), &claims)
    };
    let seconds = START.0 / SECOND_MS;
    let mut nobodys = header(0);
    nobodys["kid"] = Value::Null;
    let (good, other) = (issuer.good(0), issuer.good(1));
    let forged = format!("{}.{}", good.rsplit_once('.').unwrap().0, other.rsplit_once('.').unwrap().1);
    // Signed with the public key as if it were a shared secret, or not at all.
    let public = issuer.keys[0].public_key().as_der().unwrap();
    let shared = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, public.as_ref());
    let confused = json!({ "alg": "HS256", "kid": "k0" });
    let text = format!("{}.{}", URL.encode(confused.to_string()), URL.encode(claims().to_string()));
    let tag = aws_lc_rs::hmac::sign(&shared, text.as_bytes());
    let none = URL.encode(json!({ "alg": "none", "kid": "k0" }).to_string());
    let bad = [
        String::new(),
        "Bearer x".to_owned(),
        good.replace("Bearer", "Basic"),
        forged,
        format!("Bearer {text}.{}", URL.encode(tag.as_ref())),
        format!("Bearer {none}.{}.", URL.encode(claims().to_string())),
        issuer.token(0, &nobodys, &claims()),
        issuer.token(1, &header(0), &claims()),
        said("iss", json!("https://evil.example")),
        said("aud", json!("https://other.run.app")),
        said("aud", Value::Null),
        said("email", json!("pusher@other.iam.gserviceaccount.com")),
        said("email_verified", json!(false)),
        said("exp", json!(seconds - 61)),
        said("exp", Value::Null),
        said("iat", json!(seconds + 61)),
    ];
    for token in &bad {
        assert_eq!(push(&server, token).await, 401, "{token}");
    }
    assert_eq!(seen.lock().unwrap().len(), 1);
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn keys_are_kept_for_their_age_and_fetched_again_for_a_new_one() {
    let issuer = Issuer::new();
    let (server, _) = server(&issuer).await;
    let late = |number| {
        let mut claims = claims();
        claims["exp"] = json!(START.0 / SECOND_MS + 100_000);
        issuer.token(number, &header(number), &claims)
    };
    assert_eq!(push(&server, &late(0)).await, 204);
    // A new key is published: unknown at first, and strangers' ids don't make us ask again and again.
    issuer.published.lock().unwrap().0 = 2;
    for _ in 0..3 {
        assert_eq!(push(&server, &late(1)).await, 401);
    }
    assert_eq!(issuer.asked(), 1);
    server.world.pass(MINUTE_MS);
    assert_eq!((push(&server, &late(1)).await, issuer.asked()), (204, 2));
    server.world.pass(HOUR_MS - 1);
    assert_eq!((push(&server, &late(0)).await, issuer.asked()), (204, 2));
    server.world.pass(1);
    // While they can't be had, a push is neither taken nor given up.
    *issuer.down.lock().unwrap() = true;
    let refused = server.send("POST /push/step.deployments", &[("authorization", &late(0))], "").await;
    assert_eq!(refused.problem(503), "unavailable");
    assert!(!refused.body.contains("10.1.2.3"), "{}", refused.body);
    *issuer.down.lock().unwrap() = false;
    assert_eq!((push(&server, &late(0)).await, issuer.asked()), (204, 3));
}
