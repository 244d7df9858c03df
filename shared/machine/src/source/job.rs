//! Fetches under way: one for each key, a few at once, going on when whoever asked is gone.

use crate::turns::Turns;
use futures::FutureExt as _;
use model::{
    TenantId,
    port::{
        PortError,
        source::{Archived, Fetched},
    },
};
use parking_lot::Mutex;
use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{sync::watch, task::AbortHandle};

/// What a fetch came to; errors can't be copied, so what matters of them is.
type Came = Result<Archived, (bool, String)>;

struct Job {
    came: watch::Receiver<Option<Came>>,
    ticket: u64,
    task: AbortHandle,
}

/// The fetches.
pub(super) struct Jobs {
    turns: Arc<Turns>,
    under_way: Mutex<BTreeMap<(TenantId, String), Job>>,
    /// How long a caller waits before it is told to ask again.
    answer_within: Duration,
}

impl Jobs {
    pub(super) fn new(at_once: usize, answer_within: Duration) -> Self {
        Self { turns: Arc::new(Turns::new(at_once)), under_way: Mutex::default(), answer_within }
    }

    /// Whether a fetch of that key is under way, or came to something that nobody has heard.
    pub(super) fn knows(&self, tenant: &TenantId, key: &str) -> bool {
        self.under_way.lock().contains_key(&(tenant.clone(), key.to_owned()))
    }

    /// The fetch of that key, begun by `work` unless one is under way.
    pub(super) async fn fetch<W>(&self, tenant: &TenantId, key: &str, work: W) -> Result<Fetched, PortError>
    where
        W: Future<Output = Result<Archived, PortError>> + Send + 'static,
    {
        let name = (tenant.clone(), key.to_owned());
        let (mut came, ticket) = {
            let mut jobs = self.under_way.lock();
            let job = jobs.entry(name.clone()).or_insert_with(|| self.begin(work));
            (job.came.clone(), job.ticket)
        };
        let ended = tokio::time::timeout(self.answer_within, came.wait_for(Option::is_some)).await;
        let ended = match ended {
            Err(_) => return Ok(Fetched::Waits { reason: self.reason(ticket) }),
            Ok(Ok(value)) => value.clone(),
            // It was aborted: nobody wanted it.
            Ok(Err(_)) => None,
        };
        self.under_way.lock().remove(&name);
        match ended {
            Some(Ok(archived)) => Ok(Fetched::Archived(archived)),
            Some(Err((true, text))) => Err(PortError::Transient(text)),
            Some(Err((false, text))) => Err(PortError::Permanent(text)),
            None => Err(PortError::Transient("fetching was broken off; try it again".to_owned())),
        }
    }

    fn begin<W>(&self, work: W) -> Job
    where
        W: Future<Output = Result<Archived, PortError>> + Send + 'static,
    {
        let (tell, came) = watch::channel(None);
        let (turns, place) = (Arc::clone(&self.turns), self.turns.ticket());
        let ticket = place.number();
        let task = tokio::spawn(async move {
            let _slot = turns.turn(place).await;
            let result = AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
                Err(PortError::Transient("fetching broke off by a mistake of ours; try it again".to_owned()))
            });
            tell.send(Some(result.map_err(|error| (error.is_transient(), error.to_string())))).ok();
        });
        Job { came, ticket, task: task.abort_handle() }
    }

    fn reason(&self, ticket: u64) -> String {
        let size = self.turns.size();
        match self.turns.ahead(ticket) {
            None => "The source is still being fetched".to_owned(),
            Some(ahead) => model::queue::waits(size, "fetches", ahead),
        }
    }

    /// Nobody wants it any more.
    pub(super) fn end(&self, tenant: &TenantId, key: &str) {
        if let Some(job) = self.under_way.lock().remove(&(tenant.clone(), key.to_owned())) {
            job.task.abort();
        }
    }
}
