//! Removes what nobody will ask for any more: builds that were never released, artifacts of none, old logs.

use super::{
    Inner, files, kept_log,
    runner::{ORDER, OUTCOME, Order},
    spec::Places,
};
use std::{
    collections::BTreeSet,
    path::Path,
    time::{Duration, SystemTime},
};

/// A build that no revision was made from within a week won't be released.
const KEPT_MS: i64 = 7 * model::time::DAY_MS;

impl Inner {
    /// At the start, and each hour after it.
    pub(super) async fn tidy(&self) {
        let (places, builds) = (self.shared.places.clone(), self.builds.folder.clone());
        let now_ms = self.shared.clock.real().0;
        tokio::task::spawn_blocking(move || tidy(&places, &builds, now_ms)).await.ok();
    }
}

/// Best effort. What is being built or released meanwhile is safe: a build under way has an order and no outcome,
/// and one that is a week old and unreleased is not released any more.
fn tidy(places: &Places, builds: &Path, now_ms: i64) {
    let Ok(services) = places.services() else { return };
    let mut used = BTreeSet::new();
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now_ms.max(0).unsigned_abs());
    for service in services {
        kept_log::tidy(&places.kept_logs(&service.key), now);
        // A service that can't be read may use anything.
        let Ok(revisions) = places.revisions(&service.key) else { return };
        used.extend(revisions.into_iter().map(|spec| spec.artifact));
    }
    for (key, folder) in files::subfolders(builds) {
        let Ok(Some(order)) = files::read_json::<Order>(&folder.join(ORDER)) else { continue };
        let old = now_ms - order.ordered_ms > KEPT_MS && folder.join(OUTCOME).exists();
        if old && !used.contains(&key) {
            files::remove_folder(&places.artifacts.join(&key)).ok();
            files::remove_folder(&folder).ok();
        }
    }
    for (key, folder) in files::subfolders(&places.artifacts) {
        if !used.contains(&key) && !builds.join(&key).exists() {
            files::remove_folder(&folder).ok();
        }
    }
}
