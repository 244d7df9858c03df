//! How often something may be asked for: classes of routes, and who is counted.
//!
//! An instance counts in memory, by token buckets, and answers 429 with `Retry-After` when one is empty. A class that
//! must hold across instances takes its tokens in blocks from a document of the tenant. Invariant: a request never
//! costs a write of its own, and what is remembered is bounded whoever asks.

mod bucket;
mod lease;

use crate::Error;
use bucket::Buckets;
use lease::Leases;
use model::{
    TenantId, Timestamp,
    port::Store,
    time::{MINUTE_MS, SECOND_MS},
};
use serde::{Deserialize, Serialize};

/// What a request counts as. A route has one; failed sign-ins are counted beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Looks at something.
    Read,
    /// Changes something, or has something done.
    Write,
    /// Takes traffic back: each one restarts what serves.
    Rollback,
    /// Measurements that a customer sends. Counted by the handler, when it knows whose they are.
    Webhook,
    /// Follows the link of a mail.
    FeedbackLink,
    /// Was refused for its token, secret or signature.
    FailedSignIn,
}

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// All of a tenant's.
    Tenant,
    /// All from one address; of IPv6, from one network of 64 bits.
    Address,
    /// All about one decision.
    Decision,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Read, Self::Write, Self::Rollback, Self::Webhook, Self::FeedbackLink, Self::FailedSignIn];

    /// As the catalog and the API's document call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Rollback => "rollback",
            Self::Webhook => "webhook",
            Self::FeedbackLink => "feedback-link",
            Self::FailedSignIn => "failed-sign-in",
        }
    }

    /// How many a minute. As many may come at once.
    pub const fn a_minute(self) -> u32 {
        match self {
            Self::Read => 6_000,
            Self::Write => 1_200,
            Self::Rollback => 5,
            Self::Webhook => 100,
            Self::FeedbackLink | Self::FailedSignIn => 60,
        }
    }

    /// Whose requests are counted together.
    pub const fn by(self) -> By {
        match self {
            Self::Read | Self::Write | Self::Rollback => By::Tenant,
            Self::Webhook => By::Decision,
            Self::FeedbackLink | Self::FailedSignIn => By::Address,
        }
    }

    /// For the API's document.
    pub fn sentence(self) -> String {
        let whose = match self.by() {
            By::Tenant => "each tenant",
            By::Address => "each address",
            By::Decision => "each decision",
        };
        format!("At most {} a minute for {whose}; 429 with `Retry-After` beyond that.", self.a_minute())
    }

    /// Whether all instances together must keep to it.
    const fn everywhere(self) -> bool {
        matches!(self, Self::Rollback)
    }
}

/// How limits are kept here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Limits {
    /// Not at all: for tests that ask for more than anybody would.
    Off,
    /// One process on one machine, whose tenant owns it: reads and writes are only bounded by the machine.
    #[default]
    Alone,
    /// One of many instances for many tenants.
    Shared,
}

/// What has been asked for here lately.
pub(crate) struct Limiter {
    limits: Limits,
    buckets: Buckets,
    leases: Leases,
}

impl Limiter {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, buckets: Buckets::default(), leases: Leases::default() }
    }

    /// Counts a request of somebody, or refuses it with 429. `tenant` is absent where nobody is signed in.
    pub(crate) async fn check(
        &self,
        class: Class,
        tenant: Option<&TenantId>,
        address: &str,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<(), Error> {
        let alone = self.limits == Limits::Alone;
        let counted = match class {
            Class::Webhook => false,
            Class::Read | Class::Write => !alone,
            Class::Rollback | Class::FeedbackLink | Class::FailedSignIn => true,
        };
        if self.limits == Limits::Off || !counted {
            return Ok(());
        }
        let waiting = match tenant.filter(|_| class.by() == By::Tenant) {
            Some(tenant) if class.everywhere() && !alone => {
                self.leases.take(class, tenant, store, now).await?
            }
            Some(tenant) => self.buckets.take(class, tenant.as_str(), now),
            None => self.buckets.take(class, address, now),
        };
        waiting.map_or(Ok(()), |wait_ms| Err(too_many(class, wait_ms)))
    }

    /// Counts a refused sign-in; the refusal, or 429 if there were too many from there.
    pub(crate) fn refused(&self, error: Error, address: &str, now: Timestamp) -> Error {
        if self.limits == Limits::Off || error.kind() != crate::Kind::Unauthenticated {
            return error;
        }
        match self.buckets.take(Class::FailedSignIn, address, now) {
            Some(wait_ms) => too_many(Class::FailedSignIn, wait_ms),
            None => error,
        }
    }
}

/// 429: this many milliseconds until there is room again.
pub fn too_many(class: Class, wait_ms: i64) -> Error {
    let seconds = (wait_ms.clamp(1, MINUTE_MS) + SECOND_MS - 1) / SECOND_MS;
    let what = match class {
        Class::Read => "requests of this tenant",
        Class::Write => "changes of this tenant",
        Class::Rollback => "rollbacks of this tenant",
        Class::Webhook => "measurements of this decision",
        Class::FeedbackLink => "openings of feedback links from your address",
        Class::FailedSignIn => "refused sign-ins from your address",
    };
    Error::too_many(format!(
        "There were more than {} {what} within a minute. Nothing was done; send this again in {seconds} s.",
        class.a_minute()
    ))
    .header("retry-after", seconds.to_string())
    .with("limit", class.name())
}
