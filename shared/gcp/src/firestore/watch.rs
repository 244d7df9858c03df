//! Watches: a listener says that something changed, a read says what.
//!
//! A listener alone isn't enough. The emulator sends the whole result again at each commit and shows a deletion
//! only as absence, a listener may break and be reopened, and what it says may be older than what a read already
//! answered. So its messages are hints: an unknown newer version of a document is passed on as it came, everything
//! else is a reason to look. A slow poll is the backstop.
//!
//! Invariants: each (document, version) is passed on once; versions of one document only go up; a document is
//! reported gone only after a read didn't find it.

use super::{Connection, FirestoreStore, pb, tonic};
use futures::stream::{self, BoxStream, StreamExt};
use model::port::store::{Changed, Document, Path, Store, StoreError, Version, Watch};
use pb::{
    listen_request::TargetChange as Request,
    listen_response::ResponseType,
    target::{DocumentsTarget, QueryTarget, TargetType, query_target::QueryType},
    target_change::TargetChangeType,
};
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tonic::Status;

/// The one target of each stream. Any positive number.
const TARGET: i32 = 1;

/// The longest wait before a broken listener is opened again; polls go on meanwhile.
const SLOWEST_REOPEN: Duration = Duration::from_secs(30);

/// Responses of an open listener. The request side ends when this is dropped.
type Listener = BoxStream<'static, Result<pb::ListenResponse, Status>>;

enum Hint {
    /// A document as it may be now.
    Document(Box<Document>),
    /// Something changed, or might have.
    Look,
    /// Nothing that matters.
    Nothing,
}

struct Watcher {
    store: FirestoreStore,
    connection: Arc<Connection>,
    watch: Watch,
    target: TargetType,
    listener: Option<Listener>,
    /// How long to wait before the listener is opened again.
    reopen: Duration,
    /// The newest version seen of each document, and whether it is still there.
    seen: HashMap<Path, (Version, bool)>,
    pending: VecDeque<Changed>,
    /// The listener has told of documents of a query since the last look.
    stale: bool,
    failed: bool,
}

/// Opens a watch. The listener is opened before the first look, so that nothing falls between the two.
pub(super) async fn start(
    store: FirestoreStore,
    watch: Watch,
) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError> {
    let connection = Arc::clone(store.connection().await?);
    let target = connection.target(&watch)?;
    let mut watcher = Watcher {
        store,
        connection,
        watch,
        target,
        listener: None,
        reopen: Duration::ZERO,
        seen: HashMap::new(),
        pending: VecDeque::new(),
        stale: false,
        failed: false,
    };
    watcher.open().await;
    watcher.look().await?;
    let changes = stream::unfold(watcher, |mut watcher| async move {
        if watcher.failed {
            return None;
        }
        let next = watcher.next().await;
        watcher.failed = next.is_err();
        Some((next, watcher))
    });
    Ok(changes.boxed())
}

impl Connection {
    fn target(&self, watch: &Watch) -> Result<TargetType, StoreError> {
        match watch {
            Watch::Document(path) => {
                Ok(TargetType::Documents(DocumentsTarget { documents: vec![self.name(path)] }))
            }
            Watch::Query(query) => {
                let (parent, query) = self.structured(query)?;
                Ok(TargetType::Query(QueryTarget {
                    parent,
                    query_type: Some(QueryType::StructuredQuery(query)),
                }))
            }
        }
    }

    async fn listen(&self, target: TargetType) -> Result<Listener, Status> {
        let add = pb::Target { target_id: TARGET, target_type: Some(target), ..Default::default() };
        let request = pb::ListenRequest {
            database: self.database(),
            target_change: Some(Request::AddTarget(add)),
            ..Default::default()
        };
        // The request side must stay open for as long as anybody listens, and end with the listener.
        let (guard, closed) = futures::channel::oneshot::channel::<()>();
        let requests = stream::once(async { request }).chain(stream::pending()).take_until(closed);
        let responses = self.client().listen(tonic::Request::new(requests)).await?.into_inner();
        let kept = stream::unfold((responses, guard), |(mut responses, guard)| async move {
            Some((responses.next().await?, (responses, guard)))
        });
        Ok(kept.boxed())
    }
}

impl Watcher {
    async fn next(&mut self) -> Result<Changed, StoreError> {
        loop {
            if let Some(changed) = self.pending.pop_front() {
                return Ok(changed);
            }
            match self.hint().await {
                Hint::Document(document) => self.heard(*document),
                Hint::Look => self.look().await?,
                Hint::Nothing => {}
            }
        }
    }

    async fn hint(&mut self) -> Hint {
        let resync = self.store.options.resync;
        let Some(listener) = &mut self.listener else {
            tokio::time::sleep(self.reopen.min(resync)).await;
            self.open().await;
            return Hint::Look;
        };
        match tokio::time::timeout(resync, listener.next()).await {
            Err(_) => Hint::Look,
            Ok(Some(Ok(response))) => self.read(response),
            Ok(ended) => {
                tracing::debug!(error = ?ended.and_then(Result::err), "a listener ended and is opened again");
                self.lost();
                Hint::Look
            }
        }
    }

    fn read(&mut self, response: pb::ListenResponse) -> Hint {
        match response.response_type {
            Some(ResponseType::DocumentChange(change)) => self.document_changed(change.document),
            Some(ResponseType::TargetChange(change)) => self.target_changed(&change),
            Some(_) => Hint::Look,
            None => Hint::Nothing,
        }
    }

    /// A query's document may come in the middle of a set that is being sent again: its end says when to look.
    fn document_changed(&mut self, document: Option<pb::Document>) -> Hint {
        if let (Some(document), Watch::Document(_)) = (document, &self.watch) {
            return Hint::Document(Box::new(self.connection.document(document)));
        }
        self.stale = true;
        Hint::Nothing
    }

    fn target_changed(&mut self, change: &pb::TargetChange) -> Hint {
        self.reopen = Duration::ZERO;
        match change.target_change_type() {
            TargetChangeType::Remove => {
                self.lost();
                Hint::Look
            }
            // Also sent now and then when nothing happened. Only the emulator lets a deletion show as nothing but this.
            _ if self.stale || self.store.options.emulator.is_some() => Hint::Look,
            _ => Hint::Nothing,
        }
    }

    async fn open(&mut self) {
        match self.connection.listen(self.target.clone()).await {
            Ok(listener) => self.listener = Some(listener),
            Err(status) => {
                tracing::debug!(%status, "no listener could be opened; the watch polls until there is one");
                self.lost();
            }
        }
    }

    fn lost(&mut self) {
        self.listener = None;
        self.reopen = (self.reopen * 2).clamp(Duration::from_millis(100), SLOWEST_REOPEN);
    }

    /// Reads what is watched and notes what differs from what was passed on.
    async fn look(&mut self) -> Result<(), StoreError> {
        self.stale = false;
        let documents = match &self.watch {
            Watch::Document(path) => self.store.get(path).await?.into_iter().collect(),
            Watch::Query(query) => self.store.query(query).await?.documents,
        };
        let gone: Vec<_> = self.missing(&documents).collect();
        for path in gone {
            self.seen.entry(path.clone()).and_modify(|(_, there)| *there = false);
            self.pending.push_back(Changed { path, document: None });
        }
        for document in documents {
            self.read_now(document);
        }
        Ok(())
    }

    fn missing<'a>(&'a self, documents: &'a [Document]) -> impl Iterator<Item = Path> + 'a {
        let there = self.seen.iter().filter(|(_, (_, there))| *there).map(|(path, _)| path);
        there.filter(|path| !documents.iter().any(|document| document.path == **path)).cloned()
    }

    /// From a listener, so perhaps older than what a read showed: only a newer version is news.
    fn heard(&mut self, document: Document) {
        if self.seen.get(&document.path).is_none_or(|(newest, _)| document.version > *newest) {
            self.note(document);
        }
    }

    /// From a read, so it is there now. One that left a query's answer and came back unchanged is news again.
    fn read_now(&mut self, document: Document) {
        if self.seen.get(&document.path).is_none_or(|(newest, there)| document.version > *newest || !there) {
            self.note(document);
        }
    }

    fn note(&mut self, document: Document) {
        self.seen.insert(document.path.clone(), (document.version, true));
        self.pending.push_back(Changed { path: document.path.clone(), document: Some(document) });
    }
}
