//! What revisions did, kept over restarts of Sextant.
//!
//! `counts.json` in a revision's folder holds the last hour, minute by minute; it is written each minute and when
//! Sextant ends. Invariant: nothing is counted twice, and nothing depends on this file: after `kill -9` the counts
//! of up to a minute are missing, and so is whatever nobody was there to count (an app's CPU, or its death, while
//! Sextant was down). What was counted before a restart is known to the minute, not to the second.

use super::{Inner, files};
use crate::ingress::stats::Minutes;
use std::path::{Path, PathBuf};

const COUNTS: &str = "counts.json";
/// Stands beside the services while nothing of what was counted is missing.
const COMPLETE: &str = ".counted";

/// Whether whoever ran before wrote down all that it counted, or nobody ran; asked once, when we begin to count.
pub(super) fn complete(services: &Path) -> bool {
    let kept = std::fs::remove_file(services.join(COMPLETE)).is_ok();
    kept || files::subfolders(services).is_empty()
}

/// What the revision in `folder` did before; nothing if that can't be read.
pub(crate) fn load(folder: &Path) -> Minutes {
    let read = files::read_json(&folder.join(COUNTS)).unwrap_or_else(|error| {
        tracing::warn!(%error, "what a revision did before could not be read; it is counted anew");
        None
    });
    read.unwrap_or_default()
}

impl Inner {
    /// Writes the counts of every revision that did something since they were last written.
    /// Answers whether all of it was written.
    pub(super) async fn keep_counts(&self) -> bool {
        let services: Vec<_> = self.services.lock().values().cloned().collect();
        let changed: Vec<(PathBuf, Minutes)> = services
            .iter()
            .flat_map(|service| service.all())
            .filter_map(|revision| {
                let minutes = revision.backend.stats.changed_minutes()?;
                Some((self.shared.folder(&revision.spec).join(COUNTS), minutes))
            })
            .collect();
        let write = move || {
            let mut all = true;
            for (path, minutes) in changed {
                // A revision may be forgotten meanwhile, and its folder with it.
                if let Err(error) = files::replace_json(&path, &minutes)
                    && path.parent().is_some_and(Path::exists)
                {
                    all = false;
                    tracing::warn!(%error, "what a revision did could not be kept");
                }
            }
            Ok(all)
        };
        files::blocking(write).await.unwrap_or(false)
    }

    /// The same at the end: whoever counts next knows that nothing is missing.
    pub(super) async fn keep_last_counts(&self) {
        if !self.keep_counts().await {
            return;
        }
        let mark = self.shared.places.services.join(COMPLETE);
        if let Err(error) = std::fs::write(&mark, "") {
            tracing::warn!(%error, "that nothing is missing from what was counted could not be kept");
        }
    }
}
