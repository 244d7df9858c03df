//! A client of the app: 200 requests a second through the ingress, and what became of each.
//!
//! Invariant: every request that was sent is counted once: by the version that answered it, or as lost.

use anyhow::{Context as _, Result};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{Mutex, watch},
    task::{JoinHandle, JoinSet},
    time::MissedTickBehavior,
};

/// Time between two requests.
const PACE: Duration = Duration::from_millis(5);
/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// By the version that answered: well, and failed.
    pub by_version: BTreeMap<String, (u64, u64)>,
    /// Requests that no version is known to have answered.
    pub lost: u64,
    /// The first of them, in words.
    pub first_lost: Option<String>,
}

impl Seen {
    /// Requests that were made: answered well, answered badly, or lost.
    pub fn total(&self) -> u64 {
        self.by_version.values().map(|(well, failed)| well + failed).sum::<u64>() + self.lost
    }

    /// Answers of one version: well, and failed.
    pub fn of(&self, version: &str) -> (u64, u64) {
        self.by_version.get(version).copied().unwrap_or_default()
    }

    /// Requests that failed, other than by this version's own answer.
    pub fn failed_beside(&self, version: &str) -> u64 {
        let others = self.by_version.iter().filter(|(other, _)| *other != version);
        others.map(|(_, (_, failed))| failed).sum::<u64>() + self.lost
    }

    /// What was seen since an earlier look.
    pub fn since(&self, earlier: &Self) -> Self {
        let part = |(version, (well, failed)): (&String, &(u64, u64))| {
            let (before_well, before_failed) = earlier.of(version);
            (version.clone(), (well - before_well, failed - before_failed))
        };
        Self {
            by_version: self.by_version.iter().map(part).collect(),
            lost: self.lost - earlier.lost,
            first_lost: self.first_lost.clone(),
        }
    }

    fn note(&mut self, answer: Result<(bool, String)>) {
        match answer {
            Ok((well, version)) => {
                let counts = self.by_version.entry(version).or_default();
                if well { counts.0 += 1 } else { counts.1 += 1 }
            }
            Err(error) => {
                self.lost += 1;
                self.first_lost.get_or_insert_with(|| crate::failure::text(&error));
            }
        }
    }
}

/// A client at work.
pub struct Client {
    stop: Arc<AtomicBool>,
    seen: watch::Receiver<Seen>,
    work: JoinHandle<()>,
}

impl Client {
    /// Begins to ask `host` at the ingress.
    pub fn start(ingress_port: u16, host: &str) -> Result<Self> {
        let http =
            reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().context("no HTTP client")?;
        let request = http
            .get(format!("http://127.0.0.1:{ingress_port}/"))
            .header("host", format!("{host}:{ingress_port}"));
        let request = request.build()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, seen) = watch::channel(Seen::default());
        let work = tokio::spawn(work(http, request, stop.clone(), sender));
        Ok(Self { stop, seen, work })
    }

    /// What became of the requests so far.
    pub fn seen(&self) -> Seen {
        self.seen.borrow().clone()
    }

    /// Waits until what was seen is as wanted.
    pub async fn until(&mut self, wanted: impl FnMut(&Seen) -> bool) -> Result<Seen> {
        Ok(self.seen.wait_for(wanted).await.context("the client has stopped")?.clone())
    }

    /// Stops, and waits for the answers that are under way.
    pub async fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        // A panic in there would show as counts that stand still.
        let _ = self.work.await;
        self.seen.borrow().clone()
    }
}

async fn work(
    http: reqwest::Client,
    request: reqwest::Request,
    stop: Arc<AtomicBool>,
    seen: watch::Sender<Seen>,
) {
    let seen = Arc::new(Mutex::new(seen));
    let mut ticks = tokio::time::interval(PACE);
    // After a pause of the machine it makes up for what it didn't send.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut under_way = JoinSet::new();
    while !stop.load(Ordering::Relaxed) {
        ticks.tick().await;
        while under_way.try_join_next().is_some() {}
        let Some(request) = request.try_clone() else { return };
        let (http, seen) = (http.clone(), seen.clone());
        under_way.spawn(async move {
            let answer = ask(&http, request).await;
            seen.lock().await.send_modify(|seen| seen.note(answer));
        });
    }
    while under_way.join_next().await.is_some() {}
}

/// Whether it was answered well, and by which version.
async fn ask(http: &reqwest::Client, request: reqwest::Request) -> Result<(bool, String)> {
    let response = http.execute(request).await?;
    let status = response.status();
    let body = response.text().await?;
    let version =
        version(&body).with_context(|| format!("answered {status} by no version: {}", body.trim()))?;
    Ok((status.is_success(), version))
}

/// `hello from version 2` and `version 2 failed` are what the app says.
fn version(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("version ")?;
    rest.split_whitespace().next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_counted_once_and_by_version() {
        assert_eq!(version("hello from version 2\n").as_deref(), Some("2"));
        assert_eq!(version("version 3 failed\n").as_deref(), Some("3"));
        assert_eq!(version("no revision answers"), None);
        let mut seen = Seen::default();
        seen.note(Ok((true, "2".into())));
        let before = seen.clone();
        seen.note(Ok((false, "3".into())));
        seen.note(Err(anyhow::anyhow!("reset")));
        assert_eq!((seen.total(), seen.of("3"), seen.failed_beside("3")), (3, (0, 1), 1));
        assert_eq!((seen.since(&before).total(), seen.since(&before).of("2")), (2, (0, 0)));
    }
}
