//! What a handler answers: a status, headers, and bytes or a stream of them.

use crate::Error;
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use serde::Serialize;
use std::{fmt, sync::Mutex};

/// An answer to one request: status, headers, and a body that may be a stream.
pub struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
}

/// What an answer consists of.
pub(crate) enum Body {
    /// All of it.
    Whole(Bytes),
    /// As it comes. Behind a lock only so that a `&Response` may be held across an await.
    Stream(Mutex<BoxStream<'static, Result<Bytes, Error>>>),
    /// It couldn't be made.
    Failed(Error),
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

impl Response {
    /// A status without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: vec![], body: Body::Whole(Bytes::new()) }
    }

    /// Bytes of some type.
    pub fn bytes(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self::empty(status).header("content-type", content_type).body(Body::Whole(body.into()))
    }

    /// A value as JSON.
    pub fn json<T: Serialize + ?Sized>(status: u16, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => Self::bytes(status, "application/json", bytes),
            Err(error) => Self::empty(500)
                .body(Body::Failed(Error::internal(format!("the answer is not JSON: {error}")))),
        }
    }

    /// A page in HTML, as UTF-8.
    pub fn html(status: u16, page: impl Into<String>) -> Self {
        Self::bytes(status, "text/html; charset=utf-8", page.into())
    }

    /// Text without markup, as UTF-8.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::bytes(status, "text/plain; charset=utf-8", text.into())
    }

    /// 303: go there with GET.
    pub fn redirect(location: &str) -> Self {
        Self::empty(303).header("location", location)
    }

    /// Bytes as they come. An error ends the answer where it is: the client sees it cut off.
    pub fn stream(content_type: &str, stream: BoxStream<'static, Result<Bytes, Error>>) -> Self {
        Self::empty(200)
            .header("content-type", content_type)
            .header("cache-control", "no-store")
            .header("x-accel-buffering", "no")
            .body(Body::Stream(Mutex::new(stream)))
    }

    /// Server-sent events, with a comment every 15 s so that both ends notice when the other is gone.
    pub fn events(events: BoxStream<'static, Result<SseEvent, Error>>) -> Self {
        let beats = futures::stream::unfold((), |()| async {
            tokio::time::sleep(std::time::Duration::from_secs(15)).await;
            Some((None, ()))
        });
        let bytes = events.map(Some).chain(futures::stream::once(async { Some(Err(Error::gone("end"))) }));
        // The stream ends with the events, not with the beats: `Gone` above marks their end.
        let merged = futures::stream::select(bytes, beats.boxed())
            .take_while(|item| {
                let over = matches!(item, Some(Err(error)) if error.kind() == crate::Kind::Gone);
                async move { !over }
            })
            .map(|item| {
                item.map_or(Ok(Bytes::from_static(b":\n\n")), |event| event.map(|event| event.encode()))
            });
        Self::stream("text/event-stream", merged.boxed())
    }

    /// With one more header. Illegal names or values are left out.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// With a cookie that scripts can't read and other sites can't send.
    #[must_use]
    pub fn cookie(self, name: &str, value: &str, max_age_s: i64, secure: bool) -> Self {
        let secure = if secure { "; Secure" } else { "" };
        self.header(
            "set-cookie",
            format!("{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}"),
        )
    }

    /// The HTTP status, such as 201.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first header of that name.
    pub fn get_header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body, unless it is a stream.
    pub fn whole(&self) -> Option<&Bytes> {
        match &self.body {
            Body::Whole(bytes) => Some(bytes),
            Body::Stream(_) | Body::Failed(_) => None,
        }
    }

    fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }
}

/// One server-sent event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// What the client sends back as `Last-Event-ID`.
    pub id: Option<String>,
    /// Its type; `message` if absent.
    pub event: Option<String>,
    /// The data; may have several lines.
    pub data: String,
}

impl SseEvent {
    /// As it goes over the wire.
    pub fn encode(&self) -> Bytes {
        let mut text = String::with_capacity(self.data.len() + 32);
        for (name, value) in [("id", &self.id), ("event", &self.event)] {
            if let Some(value) = value {
                text.extend([name, ": ", &value.replace(['\n', '\r', '\0'], " "), "\n"]);
            }
        }
        for line in self.data.split('\n') {
            text.extend(["data: ", line.trim_end_matches('\r'), "\n"]);
        }
        text.push('\n');
        text.into()
    }
}
