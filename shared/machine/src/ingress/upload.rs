//! A request's body on its way from a client to an app, watched: should the request fail, it is known whose fault
//! that was, and when the answer is over, nobody waits for the rest.
//!
//! Invariant: what a client breaks off, frames badly or sends too slowly is never taken for the app's failure.

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    task::{Context, Poll, ready},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

const FLOWS: u8 = 0;
const WAITS: u8 = 1;
const BROKEN: u8 = 2;
const OVER: u8 = 3;

/// How a client's body stands, for whoever waits for the answer.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    state: Arc<AtomicU8>,
    end: CancellationToken,
}

impl Sending {
    /// Of a request without a body.
    pub(crate) fn nothing() -> Self {
        Self { state: Arc::new(AtomicU8::new(OVER)), end: CancellationToken::new() }
    }

    /// Whether the client broke it off or framed it badly.
    pub(crate) fn broken(&self) -> bool {
        self.state.load(Ordering::Acquire) == BROKEN
    }

    /// Whether the app has taken all there is so far and the client owes more.
    pub(crate) fn waits_for_client(&self) -> bool {
        self.state.load(Ordering::Acquire) == WAITS
    }

    /// Whether all of it went to the app.
    pub(crate) fn over(&self) -> bool {
        self.state.load(Ordering::Acquire) == OVER
    }

    /// Nobody wants the rest: both connections end instead of waiting for it.
    pub(crate) fn abandon(&self) {
        self.end.cancel();
    }
}

/// The body itself.
pub(crate) struct Upload {
    inner: Incoming,
    sending: Sending,
    abandoned: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Upload {
    pub(crate) fn new(inner: Incoming) -> (Self, Sending) {
        let end = CancellationToken::new();
        let sending = Sending { state: Arc::new(AtomicU8::new(FLOWS)), end: end.clone() };
        (Self { inner, sending: sending.clone(), abandoned: Box::pin(end.cancelled_owned()) }, sending)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.abandoned.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        self.sending.state.store(WAITS, Ordering::Release);
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let state = match &frame {
            Some(Err(_)) => BROKEN,
            None => OVER,
            Some(Ok(_)) if self.inner.is_end_stream() => OVER,
            Some(Ok(_)) => FLOWS,
        };
        self.sending.state.store(state, Ordering::Release);
        Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
