//! The source behind the gate, and the ports of which a pipeline without secrets and questions needs little: objects,
//! keys and mail.

use crate::{
    gate::{Gate, Port},
    ports::fated,
};
use async_trait::async_trait;
use bytes::Bytes;
use model::{
    TenantId,
    port::{
        KeyContext, Keys, Mail, Mailer, Objects, PortError, Source,
        objects::Stream,
        source::{Archived, Claim, Digest, Fetched, Manifest, Opened, SourceRef, Upload},
    },
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};
use tests::fake::{ReadySource, splitmix};

/// A source behind the gate.
pub struct GatedSource {
    pub gate: Gate,
    pub inner: Arc<ReadySource>,
    /// Keys under which somebody wants an archive.
    pub wanted: Arc<Mutex<BTreeSet<String>>>,
    pub dice: AtomicU64,
    /// Percent of fetches and unpackings that wait for their turn.
    pub waits: u64,
    /// Percent of archives that are gone when they are opened.
    pub lost: u64,
}

impl GatedSource {
    fn chance(&self, percent: u64) -> bool {
        let mut state = self.dice.fetch_add(1, Ordering::SeqCst);
        splitmix(&mut state) % 100 < percent
    }
}

fn not_here<T>() -> Result<T, PortError> {
    Err(PortError::Permanent("this is not part of this world".to_owned()))
}

#[async_trait]
impl Source for GatedSource {
    async fn check(&self, source: &SourceRef) -> Result<(), PortError> {
        fated(self.gate.pass(Port::Source, "check").await, || ())?;
        self.inner.check(source).await
    }

    async fn fetch(
        &self,
        tenant: &TenantId,
        source: &SourceRef,
        key: &str,
        token: Option<&str>,
    ) -> Result<Fetched, PortError> {
        let fate = self.gate.pass(Port::Source, "fetch").await;
        fated(fate, || {
            self.wanted.lock().unwrap().insert(key.to_owned());
        })?;
        if self.chance(self.waits) {
            return Ok(Fetched::Waits { reason: "waits for one of 4 fetches; 2 are ahead".to_owned() });
        }
        self.inner.fetch(tenant, source, key, token).await
    }

    async fn open(&self, archived: &Archived) -> Result<Opened, PortError> {
        fated(self.gate.pass(Port::Source, "open").await, || ())?;
        if self.chance(self.waits) {
            return Ok(Opened::Waits { reason: "The source is still being unpacked".to_owned() });
        }
        if self.chance(self.lost) { Ok(Opened::Gone) } else { self.inner.open(archived).await }
    }

    async fn receive(&self, _: &TenantId, _: Upload) -> Result<Manifest, PortError> {
        not_here()
    }

    async fn keep(&self, _: &TenantId, _: &str, _: &Digest) -> Result<Option<Manifest>, PortError> {
        not_here()
    }

    async fn release(&self, _: &TenantId, key: &str) -> Result<(), PortError> {
        fated(self.gate.pass(Port::Source, "release").await, || {
            self.wanted.lock().unwrap().remove(key);
        })
    }

    async fn forget(&self, _: &Claim) -> Result<(), PortError> {
        not_here()
    }

    async fn claims(&self, _: Option<&Claim>, _: usize) -> Result<Vec<Claim>, PortError> {
        not_here()
    }
}

/// Objects, keys and mail.
pub struct Rest {
    pub gate: Gate,
}

#[async_trait]
impl Objects for Rest {
    async fn create(&self, _: &str, _: Bytes) -> Result<bool, PortError> {
        not_here()
    }

    async fn create_from(&self, _: &str, _: Stream) -> Result<bool, PortError> {
        not_here()
    }

    async fn put(&self, _: &str, _: Bytes) -> Result<(), PortError> {
        not_here()
    }

    async fn get(&self, _: &str) -> Result<Option<Bytes>, PortError> {
        not_here()
    }

    async fn read(&self, _: &str) -> Result<Option<Stream>, PortError> {
        not_here()
    }

    async fn list(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, PortError> {
        not_here()
    }

    async fn delete(&self, _: &str) -> Result<(), PortError> {
        not_here()
    }

    async fn tidy(&self) -> Result<u64, PortError> {
        not_here()
    }
}

#[async_trait]
impl Keys for Rest {
    async fn wrap(&self, context: &KeyContext, data_key: &[u8]) -> Result<Vec<u8>, PortError> {
        fated(self.gate.pass(Port::Other, "wrap").await, || ())?;
        Ok([&context.bytes(), data_key].concat())
    }

    async fn unwrap(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Vec<u8>, PortError> {
        fated(self.gate.pass(Port::Other, "unwrap").await, || ())?;
        let key = wrapped.strip_prefix(context.bytes().as_slice()).map(<[u8]>::to_vec);
        key.ok_or_else(|| PortError::Permanent("another context".to_owned()))
    }
}

#[async_trait]
impl Mailer for Rest {
    async fn send(&self, _: Mail) -> Result<(), PortError> {
        fated(self.gate.pass(Port::Other, "send").await, || ())
    }
}
