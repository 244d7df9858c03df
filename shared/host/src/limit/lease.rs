//! Limits that all instances keep together: tokens come in blocks from a document of the tenant, one for a class.
//!
//! Invariant: in a minute no more blocks are given out than the limit has tokens, since each is taken by a guarded
//! write. An instance that ends takes the rest of its block with it, which errs on the safe side.

use super::Class;
use crate::Error;
use model::{
    TenantId, Timestamp,
    document::{Quota, SCHEMA, quota_path},
    port::{
        Store,
        store::{Precondition, StoreError, Write},
    },
    time::MINUTE_MS,
};
use std::collections::HashMap;
use tokio::sync::Mutex;

/// A limit is given out in so many blocks, if they have two tokens each at least.
const BLOCKS: u32 = 4;
/// Tries to get a block when others are faster.
const TRIES: u32 = 5;
/// Leases that are kept; beyond that those of past minutes go.
const MOST: usize = 10_000;

/// What is left of blocks that this instance has taken, by class and tenant.
#[derive(Default)]
pub(super) struct Leases(Mutex<HashMap<(Class, TenantId), Lease>>);

#[derive(Clone, Copy, Default)]
struct Lease {
    minute: i64,
    left: u32,
    /// The document has no more in this minute.
    over: bool,
}

impl Leases {
    /// Takes a token; the milliseconds until there may be one if there is none.
    pub(super) async fn take(
        &self,
        class: Class,
        tenant: &TenantId,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<Option<i64>, Error> {
        let minute = now.0.div_euclid(MINUTE_MS);
        let wait_ms = MINUTE_MS - now.0.rem_euclid(MINUTE_MS);
        // Held while a block is fetched, so that a crowd fetches one and not each its own.
        let mut all = self.0.lock().await;
        if all.len() >= MOST {
            all.retain(|_, lease| lease.minute == minute);
        }
        let lease = all.entry((class, tenant.clone())).or_default();
        if lease.minute != minute {
            *lease = Lease { minute, ..Lease::default() };
        }
        if lease.left == 0 && !lease.over {
            lease.left = block(class, tenant, store, minute).await?;
            lease.over = lease.left == 0;
        }
        match lease.left.checked_sub(1) {
            Some(left) => lease.left = left,
            None => return Ok(Some(wait_ms)),
        }
        Ok(None)
    }
}

/// Takes a block out of the document; 0 if there is none left in this minute.
async fn block(class: Class, tenant: &TenantId, store: &dyn Store, minute: i64) -> Result<u32, Error> {
    let path = quota_path(tenant, class.name());
    let size = (class.a_minute() / BLOCKS).max(2);
    let mut tried = 0;
    loop {
        let found = store.get(&path).await?;
        let (known, precondition) = match found {
            Some(found) => (found.body.parse::<Quota>()?, Precondition::At(found.version)),
            None => (Quota { schema: SCHEMA, minute, taken: 0 }, Precondition::Absent),
        };
        let taken = if known.minute == minute { known.taken } else { 0 };
        let got = size.min(class.a_minute().saturating_sub(taken));
        if got == 0 {
            return Ok(0);
        }
        let next = Quota { schema: SCHEMA, minute, taken: taken + got };
        match store.commit(vec![Write::put(path.clone(), precondition, &next)?]).await {
            Ok(_) => return Ok(got),
            Err(StoreError::Conflict { .. }) if tried < TRIES => tried += 1,
            Err(error) => return Err(error.into()),
        }
    }
}
