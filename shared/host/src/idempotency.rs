//! `Idempotency-Key`: a repeated request that creates gets the first one's answer, for 24 hours.
//!
//! The answer is committed together with what the handler writes, so there is no moment at which one is there
//! without the other. It costs one read and one write. Since answers can hold secrets that are shown once, the
//! kept one is encrypted under a key derived from the installation's token key and the client's key, of which
//! only a hash is stored.

use crate::{Context, Error, Request, Response, Route, response::Body, seal, token};
use aws_lc_rs::hmac;
use base64::{Engine, prelude::BASE64_STANDARD};
use model::{
    TenantId, Timestamp,
    document::{AnswerHeader, IdempotencyRecord, SCHEMA, idempotency_path},
    port::store::{Path, Precondition, Store, StoreError, Write},
    time::DAY_MS,
};
use sha2::{Digest, Sha256};
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// How long an answer is kept.
const KEPT_MS: i64 = DAY_MS;
/// The header that bears the key.
const HEADER: &str = "idempotency-key";

/// Keys whose first request is still running in this process.
#[derive(Default)]
pub(crate) struct InFlight(Mutex<HashSet<Path>>);

/// A request's hold on its key.
pub(crate) struct Claim {
    path: Path,
    request: String,
    cipher: [u8; 32],
    precondition: Precondition,
    settled: AtomicBool,
    in_flight: Arc<InFlight>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
    }
}

/// What a key turned out to be.
pub(crate) enum Checked {
    /// The first of its kind: run it.
    First(Arc<Claim>),
    /// It was answered before, with this.
    Repeat(Response),
}

/// A key as a client may choose it: 1 to 255 visible ASCII characters.
pub(crate) struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The request's key, if it bears one; 422 if that can't be one.
    pub(crate) fn of(request: &Request) -> Result<Option<Self>, Error> {
        let Some(value) = request.headers.get(HEADER) else { return Ok(None) };
        let legal =
            |text: &&str| (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        match value.to_str().ok().filter(legal) {
            Some(text) => Ok(Some(Self(text.to_owned()))),
            None => Err(Error::unprocessable(
                "`Idempotency-Key` must have 1 to 255 visible ASCII characters; a UUID does. Nothing was done.",
            )
            .field(HEADER, "it must have 1 to 255 visible ASCII characters")),
        }
    }
}

/// Takes hold of the request's key: 409 while the first request runs, 422 if it was used for
/// another request.
pub(crate) async fn check(
    in_flight: &Arc<InFlight>,
    ctx: &Context,
    route: &Route,
    request: &Request,
    IdempotencyKey(key): &IdempotencyKey,
) -> Result<Checked, Error> {
    let mut claim = Claim::take(in_flight, ctx.tenant()?, route, request, key, &ctx.config.token_key)?;
    if let Some(document) = ctx.ports.store.get(&claim.path).await? {
        let record: IdempotencyRecord = document.body.parse()?;
        if record.expires_at > ctx.real() {
            return claim.answer(&record).map(Checked::Repeat);
        }
        claim.precondition = Precondition::At(document.version);
    }
    Ok(Checked::First(Arc::new(claim)))
}

impl Claim {
    fn take(
        in_flight: &Arc<InFlight>,
        tenant: &TenantId,
        route: &Route,
        request: &Request,
        key: &str,
        token_key: &token::Key,
    ) -> Result<Self, Error> {
        let method = request.method.as_str();
        let id = hash(&[method.as_bytes(), route.path.as_bytes(), key.as_bytes()]);
        let path = idempotency_path(tenant, &id);
        if !in_flight.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone()) {
            return Err(Error::conflict(
                "The first request with this Idempotency-Key is still running. Repeat this one in a second to get its answer.",
            )
            .slug("idempotency-running")
            .header("retry-after", "1"));
        }
        let mut cipher = [0; 32];
        let derived = format!("sextant/idempotency/1\n{path}\n{key}");
        cipher.copy_from_slice(
            hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, token_key.bytes()), derived.as_bytes()).as_ref(),
        );
        let fingerprint = hash(&[
            method.as_bytes(),
            request.path.as_bytes(),
            request.query_string.as_bytes(),
            &request.body,
        ]);
        Ok(Self {
            path,
            request: fingerprint,
            cipher,
            precondition: Precondition::Absent,
            settled: AtomicBool::new(false),
            in_flight: Arc::clone(in_flight),
        })
    }

    /// The write that keeps the answer, for the handler's own commit.
    pub(crate) fn write(&self, ctx: &Context, response: &Response) -> Result<Write, Error> {
        let Body::Whole(body) = &response.body else {
            return Err(Error::internal(
                "a route that creates must not answer with a stream: it can't be kept",
            ));
        };
        let (nonce, ciphertext) =
            seal::encrypt(&self.cipher, self.path.as_str().as_bytes(), body, &*ctx.ports.random)?;
        let record = IdempotencyRecord {
            schema: SCHEMA,
            request: self.request.clone(),
            status: response.status,
            headers: response
                .headers
                .iter()
                .map(|(name, value)| AnswerHeader { name: name.clone(), value: value.clone() })
                .collect(),
            body: BASE64_STANDARD.encode([nonce, ciphertext].concat()),
            expires_at: ctx.real().plus(KEPT_MS),
        };
        Ok(Write::put(self.path.clone(), self.precondition, &record)?)
    }

    /// The answer is committed.
    pub(crate) fn settle(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }

    /// Keeps the answer of a handler that committed without it.
    pub(crate) async fn settle_with(&self, ctx: &Context, response: Response) -> Result<Response, Error> {
        if self.settled.load(Ordering::Relaxed) || !(200..300).contains(&response.status) {
            return Ok(response);
        }
        match ctx.ports.store.commit(vec![self.write(ctx, &response)?]).await {
            Ok(_) => Ok(response),
            Err(error) => Err(self.explain(ctx, error).await),
        }
    }

    /// A failed commit: if another request with this key was first, its answer; otherwise the failure itself.
    pub(crate) async fn explain(&self, ctx: &Context, error: StoreError) -> Error {
        if !matches!(error, StoreError::Conflict { .. }) {
            return error.into();
        }
        match recorded(&*ctx.ports.store, &self.path, ctx.real()).await {
            Ok(Some(record)) => Error::replay(record),
            Ok(None) => error.into(),
            Err(unreadable) => unreadable.into(),
        }
    }

    /// The kept answer again, if this is the same request.
    pub(crate) fn answer(&self, record: &IdempotencyRecord) -> Result<Response, Error> {
        if record.request != self.request {
            return Err(Error::unprocessable(
                "This Idempotency-Key was used for another request to this address within 24 hours. Nothing was done; send this one with a new key.",
            )
            .slug("idempotency-reused"));
        }
        let body = self.open(&record.body).ok_or_else(|| {
            Error::conflict(
                "This request was done before, but its answer can't be read any more, since the installation's key has changed. Look up what it created instead of repeating it.",
            )
        })?;
        let mut response = Response::empty(record.status);
        response.headers =
            record.headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect();
        response.body = Body::Whole(body.into());
        Ok(response.header("idempotent-replay", "true"))
    }

    fn open(&self, text: &str) -> Option<Vec<u8>> {
        let bytes = BASE64_STANDARD.decode(text).ok()?;
        let (nonce, ciphertext) = bytes.split_at_checked(12)?;
        seal::decrypt(&self.cipher, self.path.as_str().as_bytes(), nonce, ciphertext)
    }
}

async fn recorded(
    store: &dyn Store,
    path: &Path,
    now: Timestamp,
) -> Result<Option<IdempotencyRecord>, StoreError> {
    let Some(document) = store.get(path).await? else { return Ok(None) };
    let record: IdempotencyRecord = document.body.parse()?;
    Ok((record.expires_at > now).then_some(record))
}

/// SHA-256 of parts that can't run into each other, as hexadecimal.
fn hash(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hex::encode(hasher.finalize())
}
