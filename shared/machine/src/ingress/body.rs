//! Bodies of answers: streamed as they come, and counted exactly once however they end.

use super::{
    backend::{InFlight, Sender},
    stats::Ended,
    upload::Sending,
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use model::{port::Clock, template};
use std::{
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

/// Counts one request when it ends; dropped before an answer, its client left, and it counts for nothing.
pub(crate) struct Tally {
    in_flight: InFlight,
    clock: Arc<dyn Clock>,
    began: Instant,
    /// The form of the path that was asked for.
    path: String,
    ended: Ended,
    bytes: u64,
}

impl Tally {
    pub(crate) fn new(in_flight: InFlight, clock: Arc<dyn Clock>, began: Instant, path: &str) -> Self {
        let path = template::path(path).into_owned();
        Self { in_flight, clock, began, path, ended: Ended::Left, bytes: 0 }
    }

    /// The app answered with this status; what follows is its body.
    pub(crate) fn answered(&mut self, status: u16) {
        self.ended = Ended::Status(status);
    }

    /// More of the body went out.
    pub(crate) fn sent(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// The answer broke off: because of the app, unless the client broke its request off before.
    fn cut(&mut self, sending: &Sending) {
        self.ended = if sending.broken() { Ended::Left } else { Ended::Cut };
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        let latency_us = self.began.elapsed().as_micros() as u64;
        let (backend, now_ms) = (self.in_flight.backend(), self.clock.real().0);
        backend.stats.request(now_ms, self.ended, self.bytes, latency_us);
        backend.paths.count(now_ms, &self.path, self.ended);
    }
}

/// An answer's body.
pub(crate) enum Body {
    /// From an app.
    Proxied(Proxied),
    /// From the ingress itself, counted if it stands for a revision.
    Own(UnsyncBoxBody<Bytes, std::io::Error>, Option<Tally>),
}

/// A body that comes from an app, its connection, and the request's tally.
pub(crate) struct Proxied {
    inner: Incoming,
    connection: Option<(Sender, SocketAddr)>,
    tally: Option<Tally>,
    sending: Sending,
}

impl Body {
    pub(crate) fn proxied(
        inner: Incoming,
        connection: (Sender, SocketAddr),
        tally: Tally,
        sending: Sending,
    ) -> Self {
        Self::Proxied(Proxied { inner, connection: Some(connection), tally: Some(tally), sending })
    }

    pub(crate) fn full(data: Bytes) -> Self {
        Self::Own(Full::new(data).map_err(|never| match never {}).boxed_unsync(), None)
    }

    pub(crate) fn empty() -> Self {
        Self::full(Bytes::new())
    }

    /// Counts this body with `tally`.
    pub(crate) fn counted(self, tally: Tally) -> Self {
        match self {
            Self::Own(body, _) => Self::Own(body, Some(tally)),
            proxied @ Self::Proxied(_) => proxied,
        }
    }
}

impl Proxied {
    /// The app said all it had to say: its connection can take the next request, if this one went out whole.
    fn finish(&mut self) {
        let (tally, connection) = (self.tally.take(), self.connection.take());
        if !self.sending.over() {
            return self.sending.abandon();
        }
        if let (Some(tally), Some((sender, address))) = (tally, connection) {
            tally.in_flight.backend().give_back(sender, address);
        }
    }
}

impl Drop for Proxied {
    fn drop(&mut self) {
        // Receivers need not poll beyond the last byte. If it was not the last, the client left: closing the
        // connection tells the app.
        if self.inner.is_end_stream() {
            self.finish();
        } else {
            self.sending.abandon();
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Proxied(proxied) => {
                let frame = ready!(Pin::new(&mut proxied.inner).poll_frame(cx));
                match (&frame, &mut proxied.tally) {
                    (Some(Ok(frame)), Some(tally)) => {
                        tally.sent(frame.data_ref().map_or(0, |data| data.len() as u64));
                    }
                    (Some(Err(_)), Some(tally)) => tally.cut(&proxied.sending),
                    (None, _) => proxied.finish(),
                    (Some(_), None) => {}
                }
                Poll::Ready(frame.map(|frame| frame.map_err(std::io::Error::other)))
            }
            Self::Own(body, tally) => {
                let frame = ready!(Pin::new(body).poll_frame(cx));
                if let (Some(Ok(frame)), Some(tally)) = (&frame, tally) {
                    tally.sent(frame.data_ref().map_or(0, |data| data.len() as u64));
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Proxied(proxied) => proxied.inner.is_end_stream(),
            Self::Own(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Proxied(proxied) => proxied.inner.size_hint(),
            Self::Own(body, _) => body.size_hint(),
        }
    }
}
