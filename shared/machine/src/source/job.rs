//! What takes longer than an answer may: one job for each key, a few at once, going on when whoever asked is gone.
//!
//! Invariant: a repeat joins the job of its key and never begins a second one beside it; what a job came to is told
//! once, and forgotten after a while if nobody asks again.

use crate::turns::Turns;
use futures::FutureExt as _;
use model::port::PortError;
use parking_lot::Mutex;
use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{sync::watch, task::AbortHandle};

/// How long what a job came to is kept for whoever asks again: far longer than a deployment waits between two tries.
const KEPT: Duration = Duration::from_mins(5);

/// What a job came to; errors can't be copied, so what matters of them is.
type Came<T> = Result<T, (bool, String)>;

struct Job<T> {
    came: watch::Receiver<Option<Came<T>>>,
    ticket: u64,
    task: AbortHandle,
}

/// What is said of jobs.
pub(super) struct Words {
    /// Several of them, as in `Waits for one of 4 fetches`.
    pub several: &'static str,
    /// What one of them does, as in `fetching was broken off`.
    pub doing: &'static str,
    /// That one of them goes on: a sentence without its full stop.
    pub goes_on: &'static str,
}

/// How a job stands.
pub(super) enum Stand<T> {
    /// It came to this.
    Ended(T),
    /// It goes on or waits for its turn; ask again with the same key.
    Waits {
        /// For what, one sentence without its full stop.
        reason: String,
    },
}

type UnderWay<K, T> = Arc<Mutex<BTreeMap<K, Job<T>>>>;

/// The jobs of one kind.
pub(super) struct Jobs<K, T> {
    turns: Arc<Turns>,
    under_way: UnderWay<K, T>,
    /// How long a caller waits before it is told to ask again.
    answer_within: Duration,
    words: Words,
}

impl<K, T> Jobs<K, T>
where
    K: Ord + Clone + Send + 'static,
    T: Clone + Send + Sync + 'static,
{
    pub(super) fn new(at_once: usize, answer_within: Duration, words: Words) -> Self {
        Self { turns: Arc::new(Turns::new(at_once)), under_way: Arc::default(), answer_within, words }
    }

    /// Whether a job of that key is under way, or came to something that nobody has heard.
    pub(super) fn knows(&self, key: &K) -> bool {
        self.under_way.lock().contains_key(key)
    }

    /// The job of that key, begun by `work` unless one is under way.
    pub(super) async fn run<W>(&self, key: K, work: W) -> Result<Stand<T>, PortError>
    where
        W: Future<Output = Result<T, PortError>> + Send + 'static,
    {
        let (mut came, ticket) = {
            let mut jobs = self.under_way.lock();
            let job = jobs.entry(key.clone()).or_insert_with(|| self.begin(key.clone(), work));
            (job.came.clone(), job.ticket)
        };
        let ended = tokio::time::timeout(self.answer_within, came.wait_for(Option::is_some)).await;
        let ended = match ended {
            Err(_) => return Ok(Stand::Waits { reason: self.reason(ticket) }),
            Ok(Ok(value)) => value.clone(),
            // It was aborted: nobody wanted it.
            Ok(Err(_)) => None,
        };
        forget(&self.under_way, &key, ticket);
        match ended {
            Some(Ok(came)) => Ok(Stand::Ended(came)),
            Some(Err((true, text))) => Err(PortError::Transient(text)),
            Some(Err((false, text))) => Err(PortError::Permanent(text)),
            None => Err(PortError::Transient(format!("{} was broken off; try it again", self.words.doing))),
        }
    }

    fn begin<W>(&self, key: K, work: W) -> Job<T>
    where
        W: Future<Output = Result<T, PortError>> + Send + 'static,
    {
        let (tell, came) = watch::channel(None);
        let (turns, place) = (Arc::clone(&self.turns), self.turns.ticket());
        let (ticket, doing, jobs) = (place.number(), self.words.doing, Arc::clone(&self.under_way));
        let task = tokio::spawn(async move {
            let slot = turns.turn(place).await;
            let result = AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
                Err(PortError::Transient(format!("{doing} broke off by a mistake of ours; try it again")))
            });
            drop(slot);
            tell.send(Some(result.map_err(|error| (error.is_transient(), error.to_string())))).ok();
            tokio::time::sleep(KEPT).await;
            forget(&jobs, &key, ticket);
        });
        Job { came, ticket, task: task.abort_handle() }
    }

    fn reason(&self, ticket: u64) -> String {
        match self.turns.ahead(ticket) {
            None => self.words.goes_on.to_owned(),
            Some(ahead) => model::queue::waits(self.turns.size(), self.words.several, ahead),
        }
    }

    /// Nobody wants it any more.
    pub(super) fn end(&self, key: &K) {
        if let Some(job) = self.under_way.lock().remove(key) {
            job.task.abort();
        }
    }
}

/// What it came to was told, or nobody has asked; a later job of the same key is another one.
fn forget<K: Ord, T>(jobs: &UnderWay<K, T>, key: &K, ticket: u64) {
    let mut jobs = jobs.lock();
    if jobs.get(key).is_some_and(|job| job.ticket == ticket)
        && let Some(job) = jobs.remove(key)
    {
        // It may only be counting down to this.
        job.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use tokio::sync::Notify;

    const WORDS: Words = Words { several: "jobs", doing: "working", goes_on: "It goes on" };

    #[tokio::test(start_paused = true)]
    async fn one_job_for_a_key_however_often_it_is_asked_for() {
        let jobs = Jobs::new(1, Duration::from_secs(15), WORDS);
        let (begun, may_end) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
        let work = || {
            let (begun, may_end) = (Arc::clone(&begun), Arc::clone(&may_end));
            async move {
                begun.fetch_add(1, Ordering::SeqCst);
                may_end.notified().await;
                Ok(7)
            }
        };
        for _ in 0..8 {
            let asked = jobs.run("a", work()).await.unwrap();
            assert!(matches!(asked, Stand::Waits { reason } if reason == "It goes on"));
        }
        let second = jobs.run("b", work()).await.unwrap();
        assert!(matches!(second, Stand::Waits { reason } if reason.contains("it is the next")));
        jobs.end(&"b");
        may_end.notify_one();
        assert!(matches!(jobs.run("a", work()).await.unwrap(), Stand::Ended(7)));
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        assert!(!jobs.knows(&"a"), "what was told is forgotten");
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_asks_for_again_is_forgotten() {
        let jobs = Jobs::new(1, Duration::from_secs(1), WORDS);
        let held = Arc::new(());
        let (kept, may_end) = (Arc::clone(&held), Arc::new(Notify::new()));
        let end = Arc::clone(&may_end);
        let work = async move {
            end.notified().await;
            Ok(kept)
        };
        assert!(matches!(jobs.run("a", work).await.unwrap(), Stand::Waits { .. }));
        may_end.notify_one();
        tokio::time::sleep(KEPT / 2).await;
        assert_eq!(Arc::strong_count(&held), 2, "it is kept for whoever asks");
        tokio::time::sleep(KEPT).await;
        assert_eq!((jobs.knows(&"a"), Arc::strong_count(&held)), (false, 1));
    }
}
