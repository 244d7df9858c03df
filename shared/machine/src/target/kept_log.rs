//! Logs of revisions that are gone, kept for some days: what failed or was taken back is read afterwards.
//!
//! Each is a folder of its revision's name beside those of the revisions that are there. Their secrets are gone with
//! them, so only the general redaction is applied to what the keeper had hidden already.

use super::{files, runtime_log::RuntimeLog};
use model::{port::PortError, time::DAY_MS};
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Logs that are kept of one service, the newest.
const KEPT: usize = 5;
/// And for so long.
const KEPT_FOR: Duration = Duration::from_millis(7 * DAY_MS as u64);

/// Takes over the log of a revision that is being forgotten, and drops those that are too many.
pub(super) fn keep(log: &RuntimeLog, folder: &Path, revision: &str) -> Result<(), PortError> {
    if log.move_to(&folder.join(revision))? {
        for (_, surplus) in newest_first(folder).into_iter().skip(KEPT) {
            files::remove_folder(&surplus)?;
        }
    }
    Ok(())
}

/// Removes what is old at that time.
pub(super) fn tidy(folder: &Path, now: SystemTime) {
    for (since, kept) in newest_first(folder) {
        if now.duration_since(since).is_ok_and(|age| age > KEPT_FOR) {
            files::remove_folder(&kept).ok();
        }
    }
}

/// By when they were taken over: files were moved into them then.
fn newest_first(folder: &Path) -> Vec<(SystemTime, PathBuf)> {
    let moved =
        |path: &Path| path.metadata().and_then(|folder| folder.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut all: Vec<_> =
        files::subfolders(folder).into_iter().map(|(_, path)| (moved(&path), path)).collect();
    all.sort_by(|one, other| other.cmp(one));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_only_for_some_days() {
        let data = tempfile::tempdir().unwrap();
        let kept = data.path().join("kept-logs");
        let revision = data.path().join("revision");
        for number in 0..9 {
            files::folder(&revision).unwrap();
            let log = RuntimeLog::new(&revision);
            if number != 8 {
                std::fs::write(log.path(), format!("{number}\n")).unwrap();
            }
            keep(&log, &kept, &format!("r{number}")).unwrap();
            let moved = SystemTime::UNIX_EPOCH + Duration::from_secs(number);
            std::fs::File::open(kept.join(format!("r{number}")))
                .and_then(|folder| folder.set_modified(moved))
                .ok();
        }
        let names = || files::subfolders(&kept).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(), ["r3", "r4", "r5", "r6", "r7"], "what wrote nothing leaves nothing");
        assert_eq!(std::fs::read_to_string(kept.join("r7/log")).unwrap(), "7\n");
        tidy(&kept, SystemTime::UNIX_EPOCH + KEPT_FOR + Duration::from_secs(6));
        assert_eq!(names(), ["r6", "r7"]);
    }
}
