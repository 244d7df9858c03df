//! Bodies that are too large for memory: handed to the handler piece by piece, bounded in size and in patience.

use crate::{Error, body};
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
pub(crate) struct Upload {
    stream: Arc<Mutex<Option<Stream>>>,
    /// What nobody has read yet.
    rest: Rest,
}

/// A body until its end or its first problem.
type Rest = Arc<tokio::sync::Mutex<Option<HttpBody>>>;

impl Upload {
    /// Of a request: `limit` bytes at most, and `patience` between two pieces.
    pub(crate) fn of(body: HttpBody, limit: usize, patience: Duration) -> Self {
        let rest = Rest::new(Some(body).into());
        let stream = Arc::new(Mutex::new(Some(pieces(Arc::clone(&rest), limit, patience))));
        Self { stream, rest }
    }

    /// Of bytes, for tests of handlers.
    pub(crate) fn of_bytes(bytes: Bytes) -> Self {
        let stream = Arc::new(Mutex::new(Some(stream::iter([Ok(bytes)]).boxed())));
        Self { stream, rest: Rest::default() }
    }

    pub(crate) fn take(&self) -> Result<Stream, Error> {
        let taken = self.stream.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken.ok_or_else(|| Error::internal("the body was read already, or the route doesn't stream"))
    }

    /// Reads away what the handler has left: a connection that is closed on unread bytes is reset, and the answer
    /// that says why can be lost with it.
    pub(crate) async fn drain(&self, patience: Duration) {
        let rest = self.rest.lock().await.take();
        if let Some(body) = rest {
            body::drain(body, patience).await;
        }
    }
}

fn pieces(rest: Rest, limit: usize, patience: Duration) -> BoxStream<'static, Result<Bytes, PortError>> {
    let pieces = stream::unfold(Some((rest, 0_usize)), move |under_way| async move {
        let (rest, read) = under_way?;
        match next(&rest, limit, read, patience).await? {
            Ok(piece) => {
                let read = read + piece.len();
                Some((Ok(piece), Some((rest, read))))
            }
            Err(error) => Some((Err(error), None)),
        }
    });
    pieces.filter(|piece| std::future::ready(!piece.as_ref().is_ok_and(Bytes::is_empty))).boxed()
}

/// The next piece after so many bytes; what ended or has failed isn't read again.
async fn next(
    rest: &Rest,
    limit: usize,
    read: usize,
    patience: Duration,
) -> Option<Result<Bytes, PortError>> {
    let mut rest = rest.lock().await;
    let error = match tokio::time::timeout(patience, rest.as_mut()?.frame()).await {
        Ok(Some(Ok(frame))) => {
            let piece = frame.into_data().unwrap_or_default();
            return Some(if read + piece.len() > limit { Err(too_large(limit)) } else { Ok(piece) });
        }
        Ok(None) => None,
        Ok(Some(Err(_))) => Some(broken_off()),
        Err(_) => Some(too_slow(patience)),
    };
    *rest = None;
    error.map(Err)
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
