//! The Store port on Firestore.
//!
//! One raw `Commit` without a transaction id carries a batch with its preconditions. Interactive transactions are
//! never used: under contention they take ten times as long, and the port has no place for them.
//!
//! Invariants: a commit that failed with `Conflict` had no effect; each write changes something, so that a
//! version read once is never current again after a write; nothing is sent that Firestore would store differently
//! from how it was given. The raw client is outside the crate's semver, so the crate is pinned to one version.

mod error;
mod query;
mod value;
mod watch;
mod write;

use ::firestore::{
    FirestoreDb, FirestoreDbOptions,
    gcloud_sdk::{
        GoogleApi, GoogleAuthMiddleware, google::firestore::v1 as pb,
        google::firestore::v1::firestore_client::FirestoreClient, prost_types::Timestamp as Time, tonic,
    },
};
use async_trait::async_trait;
use futures::stream::BoxStream;
use google_cloud_auth::credentials::anonymous;
use model::port::store::{Changed, Document, Page, Path, Query, Store, StoreError, Version, Watch, Write};
use std::{collections::HashMap, future::Future, sync::Arc, time::Duration};
use tokio::sync::OnceCell;
use tonic::{Code, Status};

/// The longest one request may take, in the service's eyes and in ours.
const DEADLINE: Duration = Duration::from_secs(20);

/// Tries of a read, and of a commit that the service aborted: both without effect, so repeating them is safe.
const TRIES: u32 = 6;

/// Documents in one request for several.
const MANY: usize = 300;

/// Which database, and how to reach it.
#[derive(Clone, Debug)]
pub struct FirestoreOptions {
    /// The Google Cloud project.
    pub project: String,
    /// The database in it; `(default)` is the one that each project can have for free.
    pub database: String,
    /// `host:port` of the emulator, which takes no credentials; `None` is production, with the default credentials.
    pub emulator: Option<String>,
    /// How often a watch looks for itself, in case its listener missed something. Each look is a read.
    pub resync: Duration,
}

impl FirestoreOptions {
    /// Production, database `(default)`, watches that look again every 30 s.
    pub fn new(project: impl Into<String>) -> Self {
        let resync = Duration::from_secs(30);
        Self { project: project.into(), database: "(default)".into(), emulator: None, resync }
    }
}

/// Documents in Firestore. Cheap to clone; connects on first use.
#[derive(Clone)]
pub struct FirestoreStore {
    options: Arc<FirestoreOptions>,
    connection: Arc<OnceCell<Arc<Connection>>>,
}

/// A client, and what names are made of.
struct Connection {
    database: FirestoreDb,
    /// `projects/…/databases/…/documents`.
    root: String,
    nonces: write::Nonces,
}

impl FirestoreStore {
    /// A store that hasn't connected yet: no I/O happens here.
    pub fn new(options: FirestoreOptions) -> Self {
        Self { options: Arc::new(options), connection: Arc::default() }
    }

    async fn connection(&self) -> Result<&Arc<Connection>, StoreError> {
        self.connection.get_or_try_init(|| connect(&self.options)).await
    }
}

async fn connect(options: &FirestoreOptions) -> Result<Arc<Connection>, StoreError> {
    let settings =
        FirestoreDbOptions::new(options.project.clone()).with_database_id(options.database.clone());
    let database = match &options.emulator {
        Some(address) => {
            let settings = settings.with_firebase_api_url(format!("http://{address}"));
            FirestoreDb::with_options_auth(settings, anonymous::Builder::new().build()).await
        }
        None => FirestoreDb::with_options(settings).await,
    };
    let database =
        database.map_err(|e| StoreError::Unavailable(format!("no connection to Firestore: {e}")))?;
    let root = database.get_documents_path().clone();
    Ok(Arc::new(Connection { database, root, nonces: write::Nonces::default() }))
}

/// A request that the service gives up after [`DEADLINE`].
fn within<T>(message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(DEADLINE);
    request
}

impl Connection {
    fn client(&self) -> FirestoreClient<GoogleAuthMiddleware> {
        let api: &GoogleApi<_> = self.database.client();
        api.get()
    }

    fn database(&self) -> String {
        self.database.get_database_path().clone()
    }

    fn name(&self, path: &Path) -> String {
        format!("{}/{path}", self.root)
    }

    /// A document as the port gives it. Only documents under our root are ever asked for.
    fn document(&self, document: pb::Document) -> Document {
        let path = document.name.strip_prefix(&self.root).unwrap_or(&document.name).trim_start_matches('/');
        let version = document.update_time.as_ref().map_or(Version(0), write::version);
        Document { path: Path::new(path), version, body: value::body(document.fields) }
    }

    /// All documents that there are among these, in any order.
    async fn found(&self, paths: &[Path]) -> Result<HashMap<Path, Document>, Status> {
        let documents = paths.iter().map(|path| self.name(path)).collect();
        let request =
            pb::BatchGetDocumentsRequest { database: self.database(), documents, ..Default::default() };
        let mut answers = self.client().batch_get_documents(within(request)).await?.into_inner();
        let mut found = HashMap::new();
        while let Some(answer) = answers.message().await? {
            if let Some(pb::batch_get_documents_response::Result::Found(document)) = answer.result {
                let document = self.document(document);
                found.insert(document.path.clone(), document);
            }
        }
        Ok(found)
    }

    async fn run(&self, parent: String, query: pb::StructuredQuery) -> Result<Vec<Document>, Status> {
        let query_type = Some(pb::run_query_request::QueryType::StructuredQuery(query));
        let request = pb::RunQueryRequest { parent, query_type, ..Default::default() };
        let mut answers = self.client().run_query(within(request)).await?.into_inner();
        let mut documents = Vec::new();
        while let Some(answer) = answers.message().await? {
            documents.extend(answer.document.map(|document| self.document(document)));
        }
        Ok(documents)
    }
}

/// Repeats what may pass by itself, with full jitter; gives up after [`TRIES`].
async fn retry<T, F>(again: fn(Code) -> bool, mut call: impl FnMut() -> F) -> Result<T, Status>
where
    F: Future<Output = Result<T, Status>>,
{
    let jitter = write::Nonces::default();
    for attempt in 0.. {
        let answer = tokio::time::timeout(DEADLINE, call()).await;
        match answer.unwrap_or_else(|_| Err(Status::deadline_exceeded("Firestore didn't answer within 20 s")))
        {
            Err(status) if again(status.code()) && attempt + 1 < TRIES => {
                tracing::debug!(code = ?status.code(), attempt, "Firestore call is tried again");
                tokio::time::sleep(jitter.below(Duration::from_millis(20 << attempt))).await;
            }
            answer => return answer,
        }
    }
    Err(Status::internal("no attempt was made"))
}

fn read_again(code: Code) -> bool {
    matches!(code, Code::Unavailable | Code::Aborted | Code::Internal | Code::Unknown)
}

/// After any other error, a repeated commit might meet its own first try and take it for somebody else's.
fn commit_again(code: Code) -> bool {
    code == Code::Aborted
}

#[async_trait]
impl Store for FirestoreStore {
    async fn get(&self, path: &Path) -> Result<Option<Document>, StoreError> {
        Ok(self.get_many(std::slice::from_ref(path)).await?.pop().flatten())
    }

    async fn get_many(&self, paths: &[Path]) -> Result<Vec<Option<Document>>, StoreError> {
        let connection = self.connection().await?;
        let mut found = HashMap::new();
        for some in paths.chunks(MANY) {
            let answer = retry(read_again, || connection.found(some)).await;
            found.extend(answer.map_err(|status| error::of_read(&status))?);
        }
        Ok(paths.iter().map(|path| found.get(path).cloned()).collect())
    }

    async fn query(&self, query: &Query) -> Result<Page, StoreError> {
        let connection = self.connection().await?;
        let (parent, structured) = connection.structured(query)?;
        let answer = retry(read_again, || connection.run(parent.clone(), structured.clone())).await;
        let documents = answer.map_err(|status| error::of_read(&status))?;
        let next = query::next(query, &documents)?;
        Ok(Page { documents, next })
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        write::check(&writes)?;
        if writes.is_empty() {
            return Ok(vec![]);
        }
        let connection = self.connection().await?;
        let raw = writes.iter().map(|write| connection.write(write)).collect::<Result<Vec<_>, _>>()?;
        retry(commit_again, || connection.send(raw.clone())).await.map_err(|status| {
            let paths: Vec<_> = writes.iter().map(|write| write.path.clone()).collect();
            error::of_commit(&status, &paths, &connection.root)
        })
    }

    async fn watch(
        &self,
        watch: Watch,
    ) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError> {
        watch::start(self.clone(), watch).await
    }
}
