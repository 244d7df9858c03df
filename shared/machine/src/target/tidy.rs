//! Removes what nobody will ask for any more: builds that were never released, artifacts of none.

use super::{
    files,
    runner::{ORDER, OUTCOME, Order},
    spec::Places,
};
use std::{collections::BTreeSet, path::Path};

/// A build that no revision was made from within a week won't be released.
const KEPT_MS: i64 = 7 * model::time::DAY_MS;

/// Best effort, at the start.
pub(crate) fn tidy(places: &Places, builds: &Path, now_ms: i64) {
    let Ok(services) = places.services() else { return };
    let mut used = BTreeSet::new();
    for service in services {
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
