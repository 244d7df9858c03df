//! The one task that samples what runs, each second, keeps what was counted, each minute, and tidies, each hour.

use super::{
    Inner,
    process::Identity,
    runtime_log::RuntimeLog,
    sample::{Usage, usage},
    service::Revision,
};
use model::time::HOUR_MS;
use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// What was sampled last.
#[derive(Default)]
pub(crate) struct Sampler {
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    at_ms: i64,
    /// By process: a restarted revision starts from nothing.
    seen: BTreeMap<(i32, u64), (Usage, Instant)>,
}

/// Samples until the target ends.
pub(super) fn spawn(inner: &Arc<Inner>) {
    let (samples, end) = (Arc::downgrade(inner), inner.end.clone());
    inner.tasks.spawn(async move { end.run_until_cancelled(each_second(samples)).await });
}

async fn each_second(inner: Weak<Inner>) {
    let (mut minute, mut hour) = (0, 0);
    while let Some(target) = inner.upgrade() {
        let now = target.shared.clock.real().0;
        target.sample(now).await;
        if minute != now.div_euclid(60_000) {
            minute = now.div_euclid(60_000);
            target.keep_counts().await;
        }
        if hour != now.div_euclid(HOUR_MS) {
            hour = now.div_euclid(HOUR_MS);
            target.tidy().await;
        }
        let left = 1000 - target.shared.clock.real().0.rem_euclid(1000);
        drop(target);
        // Just after the second, so that the sample is about all of it.
        tokio::time::sleep(Duration::from_millis(left as u64 + 2)).await;
    }
}

impl Inner {
    pub(super) fn log(&self, revision: &Revision) -> RuntimeLog {
        RuntimeLog::new(&self.shared.places.revision(&revision.spec.service, &revision.spec.revision))
    }

    /// Revisions with a process.
    fn running(&self) -> Vec<(Revision, super::supervise::Sampled)> {
        let services: Vec<_> = self.services.lock().values().cloned().collect();
        let all = services.iter().flat_map(|service| service.all());
        all.filter_map(|revision| {
            let sampled = *revision.running.lock();
            Some((revision, sampled?))
        })
        .collect()
    }

    /// Counts what has been used until now, unless that was done since `at_least_ms`.
    pub(super) async fn sample(&self, at_least_ms: i64) {
        let mut last = self.sampler.last.lock().await;
        let now_ms = self.shared.clock.real().0;
        if last.at_ms >= at_least_ms || now_ms < at_least_ms {
            return;
        }
        let running = self.running();
        let roots: Vec<Identity> = running.iter().map(|(_, sampled)| sampled.identity).collect();
        let used = tokio::task::spawn_blocking(move || usage(&roots)).await.unwrap_or_default();
        let now = Instant::now();
        let mut seen = BTreeMap::new();
        for ((revision, sampled), used) in running.iter().zip(used) {
            let key = (sampled.identity.pid, sampled.identity.start);
            let first = Usage { cpu_ms: if sampled.adopted { used.cpu_ms } else { 0 }, memory_kib: 0 };
            let (before, since) = last.seen.get(&key).copied().unwrap_or((first, now));
            let span_ms = now.duration_since(since).as_millis() as u64;
            let cpu_ms = used.cpu_ms.saturating_sub(before.cpu_ms);
            revision.backend.stats.used(now_ms, span_ms, cpu_ms, used.memory_kib);
            seen.insert(key, (Usage { cpu_ms: used.cpu_ms.max(before.cpu_ms), ..used }, now));
        }
        *last = Last { at_ms: now_ms, seen };
    }
}
