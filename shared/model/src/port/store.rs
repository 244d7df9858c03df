//! Documents: atomic commits guarded by preconditions, queries over declared indexes, and watches.
//!
//! There is no other kind of transaction. Whoever decides from what it read puts what it read into the commit's
//! preconditions, and on [`StoreError::Conflict`] reads and decides again.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::fmt;

/// Where a document is: `collection/id[/collection/id]…`, an even number of segments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(String);

impl Path {
    /// From segments that are legal by construction; panics in debug builds on an odd number of them.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        debug_assert!(text.split('/').count() % 2 == 0 && text.split('/').all(|s| !s.is_empty()), "{text}");
        Self(text)
    }

    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of the collection the document is in.
    pub fn collection(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(collection, _)| collection)
    }

    /// The name of that collection alone, such as `deployments`: what a group query goes by.
    pub fn group(&self) -> &str {
        self.collection().rsplit('/').next().unwrap_or_default()
    }

    /// The document's id: its last segment.
    pub fn id(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which state of a document was read. Opaque: equal or not is all there is to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub i64);

/// A JSON object as bytes: parsed by whoever needs it, and only then.
#[derive(Clone, PartialEq, Eq)]
pub struct Body(pub Bytes);

impl Body {
    /// Serializes a document. Integers must fit `i64`, arrays must not hold arrays: Firestore refuses both.
    pub fn of<T: Serialize>(document: &T) -> Result<Self, StoreError> {
        // Most documents fit, so that nothing is moved while it grows.
        let mut bytes = Vec::with_capacity(1024);
        serde_json::to_writer(&mut bytes, document).map_err(|e| StoreError::Invalid(e.to_string()))?;
        if bytes.first() != Some(&b'{') {
            return Err(StoreError::Invalid("a document must be a JSON object".into()));
        }
        Ok(Self(bytes.into()))
    }

    /// Parses the document.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, StoreError> {
        serde_json::from_slice(&self.0).map_err(|e| StoreError::Invalid(e.to_string()))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// A document as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Where it is.
    pub path: Path,
    /// The state that was read.
    pub version: Version,
    /// What it says.
    pub body: Body,
}

/// What must hold of a document for the whole commit to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing: last writer wins.
    None,
    /// There is no such document.
    Absent,
    /// There is one.
    Present,
    /// It is exactly the one that was read.
    At(Version),
}

/// A path into a document, one segment a level.
pub type Field = Vec<String>;

/// What becomes of a document.
#[derive(Clone, Debug)]
pub enum Change {
    /// Replaces or creates it.
    Put(Body),
    /// Sets fields (`None` removes one) and adds to integers (a missing one counts as 0); creates the document
    /// if there is none. The rest of it stays.
    Patch {
        /// Fields with their new values.
        set: Vec<(Field, Option<Value>)>,
        /// Integer fields with what is added to them.
        increment: Vec<(Field, i64)>,
    },
    /// Removes the document; one that is absent already is no error.
    Delete,
}

/// One write of a commit. A commit holds at most one write for a document.
#[derive(Clone, Debug)]
pub struct Write {
    /// The path of the document that it is about.
    pub path: Path,
    /// What must hold of it.
    pub precondition: Precondition,
    /// What becomes of it.
    pub change: Change,
}

impl Write {
    /// Replaces or creates a document.
    pub fn put<T: Serialize>(
        path: Path,
        precondition: Precondition,
        document: &T,
    ) -> Result<Self, StoreError> {
        Ok(Self { path, precondition, change: Change::Put(Body::of(document)?) })
    }

    /// Adds to integers of a document that need not exist; field names are dotted.
    pub fn add(path: Path, increments: impl IntoIterator<Item = (String, i64)>) -> Self {
        let split = |field: String| field.split('.').map(str::to_owned).collect();
        let increment = increments.into_iter().map(|(field, n)| (split(field), n)).collect();
        Self { path, precondition: Precondition::None, change: Change::Patch { set: vec![], increment } }
    }

    /// Removes a document.
    pub fn delete(path: Path, precondition: Precondition) -> Self {
        Self { path, precondition, change: Change::Delete }
    }
}

/// What a query looks through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One collection by its whole path, such as `tenants/acme/deployments`.
    Collection(String),
    /// Every collection of that name, whatever it is under, such as `deployments`.
    Group(String),
}

/// How a field is compared. A document without the field never matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`: the field is this value.
    Equal,
    /// `<`: the field is below the value.
    Less,
    /// `<=`: the field is the value or below it.
    LessOrEqual,
    /// `>`: the field is above the value.
    Greater,
    /// `>=`: the field is the value or above it.
    GreaterOrEqual,
}

/// Documents by fields. Order: the given fields, then the whole path, in the direction of the last field.
/// Every field compared other than by `Equal` must be the first of `order`. Values of unlike types order as
/// null < boolean < number < string, and a range matches only its own type.
#[derive(Clone, Debug)]
pub struct Query {
    /// Where to look.
    pub scope: Scope,
    /// All must hold.
    pub filters: Vec<(String, Comparison, Value)>,
    /// Field and whether it descends.
    pub order: Vec<(String, bool)>,
    /// Ids from (inclusive) and below (exclusive); only in a `Collection`, only without `order`.
    pub ids: (Option<String>, Option<String>),
    /// At most this many, at least 1.
    pub limit: usize,
    /// Where the page before ended.
    pub after: Option<Cursor>,
}

impl Query {
    /// Everything in a scope, by path, at most `limit` at a time.
    pub fn all(scope: Scope, limit: usize) -> Self {
        Self { scope, filters: vec![], order: vec![], ids: (None, None), limit, after: None }
    }

    /// With one more condition.
    #[must_use]
    pub fn filter(mut self, field: &str, comparison: Comparison, value: impl Into<Value>) -> Self {
        self.filters.push((field.to_owned(), comparison, value.into()));
        self
    }

    /// Ordered by one more field.
    #[must_use]
    pub fn order(mut self, field: &str, descending: bool) -> Self {
        self.order.push((field.to_owned(), descending));
        self
    }

    /// From where another page ended.
    #[must_use]
    pub fn after(mut self, cursor: Option<Cursor>) -> Self {
        self.after = cursor;
        self
    }
}

/// Where a page ended: the last document's values of the ordered fields, and its path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// Values of the fields in `order`.
    pub values: Vec<Value>,
    /// The last document's path.
    pub path: Path,
}

/// One page of a query's answer.
#[derive(Clone, Debug)]
pub struct Page {
    /// The documents, in order.
    pub documents: Vec<Document>,
    /// Where to go on; `None` when the page was not full.
    pub next: Option<Cursor>,
}

/// What a watch is on.
#[derive(Clone, Debug)]
pub enum Watch {
    /// Exactly one document, whether or not it is there.
    Document(Path),
    /// The documents that a query (without a cursor) answers.
    Query(Query),
}

/// A document as it now is; `None` once it is gone.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The path of the document that it is about.
    pub path: Path,
    /// Its newest state. States in between may be skipped.
    pub document: Option<Document>,
}

/// Why the store didn't do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A precondition didn't hold; nothing was written. Read again, decide again.
    #[error("`{path}` was changed by somebody else meanwhile")]
    Conflict {
        /// The document, where the engine says which; else the first of the commit.
        path: Path,
    },
    /// The request or the document makes no sense to the engine; nothing was written.
    #[error("the store refuses this: {0}")]
    Invalid(String),
    /// Out of reach or overloaded: the same call may succeed later. A commit may have happened.
    #[error("the store can't be reached now: {0}")]
    Unavailable(String),
    /// The stored bytes are not what was written. Nothing is overwritten; the text says how to restore.
    #[error("{0}")]
    Corrupt(String),
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_))
    }
}

/// The documents of all tenants.
#[async_trait]
pub trait Store: Send + Sync {
    /// One document, if there is one.
    async fn get(&self, path: &Path) -> Result<Option<Document>, StoreError>;

    /// Several documents, in the order asked for. Not a snapshot: what a decision rests on goes into the
    /// commit's preconditions.
    async fn get_many(&self, paths: &[Path]) -> Result<Vec<Option<Document>>, StoreError>;

    /// One page of documents.
    async fn query(&self, query: &Query) -> Result<Page, StoreError>;

    /// All writes or none; durable once it returns. Answers the new version of each document, in order (the
    /// version of a deleted one means nothing).
    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError>;

    /// Whether commits can be made now, as far as can be told cheaply; else why not.
    async fn ready(&self) -> Result<(), StoreError> {
        self.get(&Path::new("system/ready")).await.map(drop)
    }

    /// What is there now, then each change as it is committed. Ends only with an error.
    async fn watch(
        &self,
        watch: Watch,
    ) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError>;
}
