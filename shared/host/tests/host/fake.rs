//! The store in memory that these tests count on, in a world of fake ports.

use async_trait::async_trait;
use futures::stream::BoxStream;
use host::{Caller, testing::World};
use model::{
    TenantId,
    port::{
        Store,
        store::{
            Body, Change, Changed, Document, Page, Path, Precondition, Query, StoreError, Version, Watch,
            Write,
        },
    },
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Documents by path; counts what is asked of it, and can be out of reach.
#[derive(Default)]
pub struct Documents {
    pub all: Mutex<BTreeMap<String, (i64, Body)>>,
    pub reads: AtomicU64,
    pub writes: AtomicU64,
    pub unreachable: AtomicBool,
}

impl Documents {
    /// A world around an empty one.
    pub fn world() -> (Arc<Self>, World) {
        let documents = Arc::<Self>::default();
        (documents.clone(), World::new(documents))
    }

    pub fn under(&self, prefix: &str) -> Vec<String> {
        let documents = self.all.lock().unwrap();
        documents
            .iter()
            .filter(|(path, _)| path.starts_with(prefix))
            .map(|(_, (_, body))| format!("{body:?}"))
            .collect()
    }

    pub fn counted(&self) -> (u64, u64) {
        (self.reads.load(Ordering::SeqCst), self.writes.load(Ordering::SeqCst))
    }

    fn reachable(&self) -> Result<(), StoreError> {
        if self.unreachable.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("10.1.2.3:443 refused".into()));
        }
        Ok(())
    }
}

pub fn caller(tenant: &str, role: host::Role) -> Caller {
    Caller { tenant: TenantId::new(tenant).unwrap(), user: "ann".into(), role }
}

#[async_trait]
impl Store for Documents {
    async fn get(&self, path: &Path) -> Result<Option<Document>, StoreError> {
        self.reachable()?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        let documents = self.all.lock().unwrap();
        let found = documents.get(path.as_str());
        Ok(found.map(|(version, body)| Document {
            path: path.clone(),
            version: Version(*version),
            body: body.clone(),
        }))
    }

    async fn get_many(&self, paths: &[Path]) -> Result<Vec<Option<Document>>, StoreError> {
        let mut all = vec![];
        for path in paths {
            all.push(Store::get(self, path).await?);
        }
        Ok(all)
    }

    async fn query(&self, _: &Query) -> Result<Page, StoreError> {
        Err(StoreError::Invalid("not part of this test".into()))
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Version>, StoreError> {
        self.reachable()?;
        let mut documents = self.all.lock().unwrap();
        for write in &writes {
            let version = documents.get(write.path.as_str()).map(|(version, _)| Version(*version));
            let holds = match write.precondition {
                Precondition::None => true,
                Precondition::Absent => version.is_none(),
                Precondition::Present => version.is_some(),
                Precondition::At(at) => version == Some(at),
            };
            if !holds {
                return Err(StoreError::Conflict { path: write.path.clone() });
            }
        }
        let mut versions = vec![];
        for write in writes {
            let Change::Put(body) = write.change else {
                return Err(StoreError::Invalid("not part of this test".into()));
            };
            let version = self.writes.fetch_add(1, Ordering::SeqCst) as i64 + 1;
            documents.insert(write.path.to_string(), (version, body));
            versions.push(Version(version));
        }
        Ok(versions)
    }

    async fn watch(&self, _: Watch) -> Result<BoxStream<'static, Result<Changed, StoreError>>, StoreError> {
        Err(StoreError::Invalid("not part of this test".into()))
    }
}
