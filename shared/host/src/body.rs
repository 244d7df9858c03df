//! Bodies on their way in. A request has a place among those that a function answers only once its body is whole, so
//! that slow senders hold none; what is under way meanwhile is bounded here, in number and bytes, of all and of one
//! address.

use crate::{Error, Kind};
use axum::{body::Body as HttpBody, http::HeaderMap};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Bodies under way at once.
const MOST: usize = 1_024;
/// The same from one address.
const MOST_OF_ADDRESS: usize = 256;
/// Bytes of them in memory.
const MOST_BYTES: usize = 64 << 20;
/// The same from one address.
const MOST_BYTES_OF_ADDRESS: usize = 16 << 20;
/// What is read and thrown away beyond a route's limit, so that the client gets to read the answer.
const DRAIN: usize = 8 << 20;

/// Bodies under way.
#[derive(Default)]
pub(crate) struct Intake(Mutex<Under>);

#[derive(Default)]
struct Under {
    all: Load,
    by_address: HashMap<String, Load>,
}

#[derive(Clone, Copy, Default)]
struct Load {
    bodies: usize,
    bytes: usize,
}

impl Intake {
    /// Reads a body whole: 413 beyond `limit`, 408 after `patience`, 503 if too many are under way.
    pub(crate) async fn read(
        &self,
        address: &str,
        headers: &HeaderMap,
        mut body: HttpBody,
        limit: usize,
        patience: Duration,
    ) -> Result<Bytes, Error> {
        let announced =
            headers.get("content-length").and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > limit) {
            drain(body, patience).await;
            return Err(too_large(limit));
        }
        if body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let mut place = self.enter(address)?;
        match tokio::time::timeout(patience, collect(&mut place, &mut body, limit)).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => {
                drop(place);
                if error.kind() == Kind::TooLarge {
                    drain(body, patience).await;
                }
                Err(error)
            }
            Err(_) => Err(too_slow(patience)),
        }
    }

    fn enter(&self, address: &str) -> Result<Place<'_>, Error> {
        let mut under = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = under.by_address.get(address).map_or(0, |load| load.bodies);
        if under.all.bodies >= MOST || own >= MOST_OF_ADDRESS {
            return Err(full());
        }
        under.all.bodies += 1;
        under.by_address.entry(address.to_owned()).or_default().bodies += 1;
        Ok(Place { intake: self, address: address.to_owned(), bytes: 0 })
    }
}

/// One body's place among those under way.
struct Place<'a> {
    intake: &'a Intake,
    address: String,
    bytes: usize,
}

impl Place<'_> {
    /// So many more bytes are in memory.
    fn grow(&mut self, bytes: usize) -> Result<(), Error> {
        let mut under = self.intake.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = under.by_address.get(&self.address).map_or(0, |load| load.bytes);
        if under.all.bytes + bytes > MOST_BYTES || own + bytes > MOST_BYTES_OF_ADDRESS {
            return Err(full());
        }
        under.all.bytes += bytes;
        if let Some(load) = under.by_address.get_mut(&self.address) {
            load.bytes += bytes;
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut under = self.intake.0.lock().unwrap_or_else(PoisonError::into_inner);
        under.all.bodies -= 1;
        under.all.bytes -= self.bytes;
        let Some(load) = under.by_address.get_mut(&self.address) else { return };
        load.bodies -= 1;
        load.bytes -= self.bytes;
        if load.bodies == 0 {
            under.by_address.remove(&self.address);
        }
    }
}

async fn collect(place: &mut Place<'_>, body: &mut HttpBody, limit: usize) -> Result<Bytes, Error> {
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Error::bad_request("The body ended before its announced length. Nothing was done; send it again.")
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + all.len() + data.len() > limit {
            return Err(too_large(limit));
        }
        place.grow(data.len())?;
        // Most bodies come in one piece, which needs no copy.
        if first.is_empty() && all.is_empty() {
            first = data;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&data);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// Reads on for a while and throws it away, so that the client gets to read the answer.
pub(crate) async fn drain(mut body: HttpBody, patience: Duration) {
    let rest = async {
        let mut read = 0;
        while let Some(Ok(frame)) = body.frame().await {
            read += frame.data_ref().map_or(0, Bytes::len);
            if read > DRAIN {
                break;
            }
        }
    };
    // Whether it ends or not, the answer is the same.
    let _ = tokio::time::timeout(patience, rest).await;
}

fn too_large(limit: usize) -> Error {
    Error::too_large(format!(
        "The body has more than the {limit} bytes that this address takes. Nothing was done; send less."
    ))
    .with("limit_bytes", limit)
}

fn too_slow(patience: Duration) -> Error {
    let seconds = patience.as_secs_f32();
    Error::new(
        Kind::RequestTimeout,
        format!("The body didn't arrive within {seconds} s. Nothing was done; send it again."),
    )
    .header("connection", "close")
}

fn full() -> Error {
    Error::unavailable(
        "Too many requests are being sent here at once. Nothing was done; send this again in a second.",
    )
    .slug("busy")
    .header("retry-after", "1")
    .header("connection", "close")
}
