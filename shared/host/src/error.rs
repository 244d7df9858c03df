//! What goes wrong in a handler: by kind, with words for whoever called and, apart from them, what is for the log.
//!
//! Invariant: `detail` and `fields` may leave the process; `inside` never does.

use model::{
    id::Malformed,
    port::{PortError, store::StoreError, target::TargetError},
};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{borrow::Cow, fmt};

/// What sort of failure it is. Each has an HTTP status and a verdict for deliveries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The request can't be read: no JSON, no length, half of it.
    BadRequest,
    /// Nobody is signed in, or the token is not valid.
    Unauthenticated,
    /// Signed in, but not allowed.
    Forbidden,
    /// There is no such thing, or not for this tenant.
    NotFound,
    /// There is, but not by this method.
    MethodNotAllowed,
    /// The request was not read in time.
    RequestTimeout,
    /// What it is about is not in the state that this needs.
    Conflict,
    /// It was there, and is over.
    Gone,
    /// More bytes than allowed.
    TooLarge,
    /// The request came to a host name that this server doesn't answer for.
    Misdirected,
    /// It can be read, but makes no sense; `fields` names what is wrong.
    Unprocessable,
    /// More often than allowed.
    TooMany,
    /// Ours: a defect, or broken data.
    Internal,
    /// Something outside refused, and will refuse again.
    Dependency,
    /// It may work later.
    Unavailable,
    /// The handler didn't finish in time.
    Timeout,
}

impl Kind {
    /// All of them, as the documentation page lists them.
    pub const ALL: [Self; 16] = [
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::Conflict,
        Self::Gone,
        Self::TooLarge,
        Self::Misdirected,
        Self::Unprocessable,
        Self::TooMany,
        Self::Internal,
        Self::Dependency,
        Self::Unavailable,
        Self::Timeout,
    ];

    /// Status, slug and title.
    const fn parts(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::BadRequest => (400, "bad-request", "The request can't be read"),
            Self::Unauthenticated => (401, "unauthenticated", "Nobody is signed in"),
            Self::Forbidden => (403, "forbidden", "Not allowed"),
            Self::NotFound => (404, "not-found", "Not found"),
            Self::MethodNotAllowed => (405, "method-not-allowed", "Not by this method"),
            Self::RequestTimeout => (408, "request-timeout", "The request took too long to arrive"),
            Self::Conflict => (409, "conflict", "Not in this state"),
            Self::Gone => (410, "gone", "No longer there"),
            Self::TooLarge => (413, "too-large", "Too large"),
            Self::Misdirected => (421, "misdirected", "Not a name of this server"),
            Self::Unprocessable => (422, "unprocessable", "Understood, but wrong or not possible"),
            Self::TooMany => (429, "too-many", "Too many requests"),
            Self::Internal => (500, "internal", "Something is broken on our side"),
            Self::Dependency => (502, "dependency", "An outside service refused"),
            Self::Unavailable => (503, "unavailable", "Not possible right now"),
            Self::Timeout => (504, "timeout", "It took too long"),
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.parts().0
    }

    /// The name in `type`, unless the error has one of its own.
    pub const fn slug(self) -> &'static str {
        self.parts().1
    }

    /// The short sentence for people.
    pub const fn title(self) -> &'static str {
        self.parts().2
    }
}

/// One field of the request that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its path, such as `recommended_specs.memory`.
    pub field: String,
    /// Line in the body, from 1, where one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// What is wrong with it and what would be right.
    pub problem: String,
}

/// Why a handler didn't do it.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    slug: Cow<'static, str>,
    title: Cow<'static, str>,
    detail: String,
    fields: Vec<Field>,
    extra: Map<String, Value>,
    headers: Vec<(&'static str, String)>,
    inside: Option<String>,
    contended: bool,
    replay: Option<model::document::IdempotencyRecord>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident),* $(,)?) => {
        $($(#[$doc])* pub fn $name(detail: impl Into<String>) -> Self { Self::new(Kind::$kind, detail) })*
    };
}

impl Error {
    /// An error of this kind. `detail` says what happened, to what, and what to do next.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            slug: kind.slug().into(),
            title: kind.title().into(),
            detail: detail.into(),
            fields: vec![],
            extra: Map::new(),
            headers: vec![],
            inside: None,
            contended: false,
            replay: None,
        }))
    }

    constructors! {
        /// 400.
        bad_request => BadRequest,
        /// 401.
        unauthenticated => Unauthenticated,
        /// 403.
        forbidden => Forbidden,
        /// 404.
        not_found => NotFound,
        /// 409: what it is about is not in the state that this needs.
        conflict => Conflict,
        /// 410.
        gone => Gone,
        /// 413.
        too_large => TooLarge,
        /// 422.
        unprocessable => Unprocessable,
        /// 429.
        too_many => TooMany,
        /// 503, and redelivery: it may work later.
        unavailable => Unavailable,
    }

    /// 500, and redelivery. `inside` goes to the log; the caller only sees an error id.
    pub fn internal(inside: impl fmt::Display) -> Self {
        Self::new(
            Kind::Internal,
            "This is a defect or broken data on our side; the log has more under this error's id.",
        )
        .because(inside)
    }

    /// A slug of its own for `type` (`/errors#SLUG`); declare it with [`crate::Function::problem`].
    #[must_use]
    pub fn slug(mut self, slug: &'static str) -> Self {
        self.0.slug = slug.into();
        self
    }

    /// Another title than the kind's.
    #[must_use]
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.title = title.into();
        self
    }

    /// Names a field of the request that is wrong.
    #[must_use]
    pub fn field(mut self, field: impl Into<String>, problem: impl Into<String>) -> Self {
        self.0.fields.push(Field { field: field.into(), line: None, problem: problem.into() });
        self
    }

    /// Like [`Error::field`], with the line of the body.
    #[must_use]
    pub fn field_at(mut self, field: impl Into<String>, line: usize, problem: impl Into<String>) -> Self {
        self.0.fields.push(Field { field: field.into(), line: Some(line), problem: problem.into() });
        self
    }

    /// One more member of the problem document, such as the state that was found.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.extra.insert(name.to_owned(), value.into());
        self
    }

    /// One more response header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.headers.push((name, value.into()));
        self
    }

    /// What only the log may see.
    #[must_use]
    pub fn because(mut self, inside: impl fmt::Display) -> Self {
        self.0.inside = Some(inside.to_string());
        self
    }

    /// What sort it is.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The sentence for whoever called.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The last part of `type`.
    pub fn slug_text(&self) -> &str {
        &self.0.slug
    }

    /// The fields that are wrong.
    pub fn fields(&self) -> &[Field] {
        &self.0.fields
    }

    /// What only the log may see.
    pub fn inside(&self) -> Option<&str> {
        self.0.inside.as_deref()
    }

    /// Whether somebody else changed what was read: read again, decide again.
    pub fn is_contended(&self) -> bool {
        self.0.contended
    }

    /// Whether a delivery that ended so is to be delivered again.
    pub fn is_transient(&self) -> bool {
        self.0.contended
            || matches!(self.0.kind, Kind::Unavailable | Kind::Internal | Kind::Timeout | Kind::TooMany)
    }

    /// Whether it is ours to look at, so that it is logged with an id.
    pub fn is_ours(&self) -> bool {
        self.0.kind.status() >= 500
    }

    pub(crate) fn headers(&self) -> &[(&'static str, String)] {
        &self.0.headers
    }

    pub(crate) fn contended(mut self) -> Self {
        self.0.contended = true;
        self
    }

    /// Not a failure: another request with the same key got there first, and this is what it was answered.
    pub(crate) fn replay(record: model::document::IdempotencyRecord) -> Self {
        let mut error =
            Self::new(Kind::Conflict, "another request with the same Idempotency-Key was answered first");
        error.0.replay = Some(record);
        error
    }

    pub(crate) fn take_replay(&mut self) -> Option<model::document::IdempotencyRecord> {
        self.0.replay.take()
    }

    /// The RFC 9457 document.
    pub fn problem(&self, error_id: Option<&str>) -> Value {
        let mut document = self.0.extra.clone();
        document.insert("type".into(), format!("/errors#{}", self.0.slug).into());
        document.insert("title".into(), self.0.title.clone().into());
        document.insert("status".into(), self.0.kind.status().into());
        document.insert("detail".into(), self.0.detail.clone().into());
        if !self.0.fields.is_empty() {
            document.insert("errors".into(), serde_json::json!(self.0.fields));
        }
        if let Some(id) = error_id {
            document.insert("error_id".into(), id.into());
        }
        Value::Object(document)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("detail", &self.0.detail)
            .field("fields", &self.0.fields)
            .field("inside", &self.0.inside)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.title, self.0.detail)?;
        self.0.inside.as_ref().map_or(Ok(()), |inside| write!(f, " ({inside})"))
    }
}

impl std::error::Error for Error {}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Conflict { path } => Self::conflict(format!(
                "`{}` was changed by somebody else meanwhile; nothing was done. Read it again, then repeat the request.",
                path.id()
            ))
            .because(&error)
            .contended(),
            StoreError::Unavailable(_) => unavailable("The store").because(&error),
            StoreError::Invalid(_) | StoreError::Corrupt(_) => Self::internal(&error),
        }
    }
}

impl From<PortError> for Error {
    fn from(error: PortError) -> Self {
        match &error {
            PortError::Transient(_) => unavailable("A service that this needs").because(&error),
            PortError::Permanent(_) => Self::new(
                Kind::Dependency,
                "A service that this needs refused, and would refuse again; the log has more under this error's id.",
            )
            .because(&error),
        }
    }
}

impl From<TargetError> for Error {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Stale { .. } => {
                Self::conflict(format!("{error}; nothing was done. Read it again, then repeat the request."))
                    .contended()
            }
            TargetError::Gone { text, .. } => Self::not_found(text),
            TargetError::Port(error) => error.into(),
        }
    }
}

impl From<Malformed> for Error {
    fn from(error: Malformed) -> Self {
        Self::unprocessable(error.to_string())
    }
}

fn unavailable(what: &str) -> Error {
    Error::unavailable(format!("{what} can't be reached now. The same request may work in a few seconds."))
        .header("retry-after", "2")
}
