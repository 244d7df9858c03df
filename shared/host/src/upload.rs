//! Bodies that are too large for memory: handed to the handler piece by piece, bounded in size and in patience.

use crate::Error;
use axum::body::Body as HttpBody;
use bytes::Bytes;
use futures::{StreamExt as _, stream, stream::BoxStream};
use http_body_util::BodyExt as _;
use model::port::{PortError, objects::Stream};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long a handler that streams may take in all: 512 MiB at 5 Mbit/s.
pub(crate) const LONGEST: Duration = Duration::from_mins(15);

/// A body that can be taken once.
#[derive(Clone, Default)]
pub(crate) struct Upload(Arc<Mutex<Option<Stream>>>);

impl Upload {
    /// Of a request: `limit` bytes at most, and `patience` between two pieces.
    pub(crate) fn of(body: HttpBody, limit: usize, patience: Duration) -> Self {
        Self(Arc::new(Mutex::new(Some(pieces(body, limit, patience)))))
    }

    /// Of bytes, for tests of handlers.
    pub(crate) fn of_bytes(bytes: Bytes) -> Self {
        Self(Arc::new(Mutex::new(Some(stream::iter([Ok(bytes)]).boxed()))))
    }

    pub(crate) fn take(&self) -> Result<Stream, Error> {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.ok_or_else(|| Error::internal("the body was read already, or the route doesn't stream"))
    }
}

fn pieces(body: HttpBody, limit: usize, patience: Duration) -> BoxStream<'static, Result<Bytes, PortError>> {
    let start = (Some(body), 0_usize);
    let pieces = stream::unfold(start, move |(body, read)| async move {
        let mut body = body?;
        let frame = match tokio::time::timeout(patience, body.frame()).await {
            Ok(None) => return None,
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Some((Err(broken_off()), (None, read))),
            Err(_) => return Some((Err(too_slow(patience)), (None, read))),
        };
        let piece = frame.into_data().unwrap_or_default();
        let read = read + piece.len();
        if read > limit {
            return Some((Err(too_large(limit)), (None, read)));
        }
        Some((Ok(piece), (Some(body), read)))
    });
    pieces.filter(|piece| std::future::ready(!piece.as_ref().is_ok_and(Bytes::is_empty))).boxed()
}

fn broken_off() -> PortError {
    PortError::Permanent("the body ended before its announced length; send it again".to_owned())
}

fn too_slow(patience: Duration) -> PortError {
    let seconds = patience.as_secs_f32();
    PortError::Permanent(format!("nothing of the body came for {seconds} s; send it again"))
}

fn too_large(limit: usize) -> PortError {
    PortError::Permanent(format!("the body has more than {} MiB; send less", limit >> 20))
}
