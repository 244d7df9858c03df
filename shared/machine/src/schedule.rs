//! Schedules: a message at each minute that a cron line names, in UTC.
//!
//! Invariant: a due minute fires once. When several were missed, because the clock was moved or the machine was
//! off, the schedule fires once for the newest of them and not in a burst: whoever it wakes looks at all that is
//! due anyway. What fired last is kept in a file, so that a machine which is off at night still does its daily work.

use crate::clock::MachineClock;
use croner::Cron;
use jiff::{Timestamp as Instant, civil::DateTime, tz::TimeZone};
use model::{
    TenantId, Timestamp,
    message::{Message, kind},
    port::{Broker, Clock},
    time::MINUTE_MS,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};
use tokio_util::task::AbortOnDropHandle;

/// The topic that schedules publish to.
pub const TOPIC: &str = "schedule";
/// The tenant they publish for.
pub const TENANT: &str = "system";
/// How long to wait after the broker refused, in real time.
const RETRY: Duration = Duration::from_secs(1);

/// Why a schedule can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The line makes no sense, or never comes.
    #[error(
        "`{cron}` of schedule `{name}` is no cron line that ever comes ({reason}): give five fields, such as `*/5 * * * *`"
    )]
    Cron {
        /// The name of the schedule that can't be set up.
        name: String,
        /// Its cron line, as it was declared.
        cron: String,
        /// What is wrong.
        reason: String,
    },
    /// The file with what fired last is not ours or was torn.
    #[error(
        "`{path}` can't be read or written ({source}): check its owner and the disk, or delete it, and missed schedules will not be made up for"
    )]
    State {
        /// The file that says what fired last.
        path: PathBuf,
        /// What the system says, or what is wrong with its content.
        source: io::Error,
    },
}

/// What a schedule's message says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// The name of the schedule that is due.
    #[serde(rename = "name")]
    pub schedule: String,
    /// The minute that was due, in milliseconds.
    pub time: Timestamp,
}

/// One schedule, as it comes from the catalog.
struct Entry {
    name: String,
    cron: Cron,
    /// Nothing up to here is due any more.
    done: Timestamp,
}

impl Entry {
    /// The newest due minute, if one came since the last.
    fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let newest = from_civil(self.cron.find_previous_occurrence(&to_civil(now)?, true).ok()?)?;
        (newest > self.done).then_some(newest)
    }

    fn next(&self) -> Option<Timestamp> {
        from_civil(self.cron.find_next_occurrence(&to_civil(self.done)?, false).ok()?)
    }
}

/// The running schedules. They stop when this is dropped.
pub struct Schedules {
    _task: AbortOnDropHandle<()>,
}

impl Schedules {
    /// Starts `(name, cron line)` schedules; a missed minute of one that ran here before fires at once. Call it
    /// inside a tokio runtime.
    pub fn start(
        folder: &Path,
        schedules: &[(String, String)],
        clock: Arc<MachineClock>,
        broker: Arc<dyn Broker>,
    ) -> Result<Self, Error> {
        let path = folder.join("schedules.json");
        let known = read(&path).map_err(|source| Error::State { path: path.clone(), source })?;
        let now = clock.now();
        let entry = |(name, line): &(String, String)| {
            let wrong = |reason: String| Error::Cron { name: name.clone(), cron: line.clone(), reason };
            let cron = Cron::from_str(line).map_err(|error| wrong(error.to_string()))?;
            // A clock that was set back must not silence a schedule until it catches up.
            let done = known.get(name).copied().filter(|done| *done <= now).unwrap_or(now);
            let entry = Entry { name: name.clone(), cron, done };
            entry.next().ok_or_else(|| wrong("no such day within reach".to_owned()))?;
            Ok(entry)
        };
        let entries = schedules.iter().map(entry).collect::<Result<Vec<_>, Error>>()?;
        Ok(Self { _task: AbortOnDropHandle::new(tokio::spawn(run(path, entries, clock, broker))) })
    }
}

async fn run(path: PathBuf, mut entries: Vec<Entry>, clock: Arc<MachineClock>, broker: Arc<dyn Broker>) {
    let Ok(tenant) = TenantId::new(TENANT) else { return };
    loop {
        let now = clock.now();
        let due: Vec<(usize, Timestamp)> =
            entries.iter().enumerate().filter_map(|(index, entry)| Some((index, entry.due(now)?))).collect();
        if due.is_empty() {
            match entries.iter().filter_map(Entry::next).min() {
                Some(next) => clock.until(next).await,
                None => return,
            }
            continue;
        }
        let message = |(index, time): &(usize, Timestamp)| {
            Message::new(
                TOPIC,
                kind::SCHEDULE,
                &tenant,
                &Due { schedule: entries[*index].name.clone(), time: *time },
            )
        };
        if let Err(error) = broker.publish(due.iter().map(message).collect()).await {
            tracing::warn!(%error, schedules = due.len(), "due schedules can't be published now; trying again in a second");
            tokio::time::sleep(RETRY).await;
            continue;
        }
        for (index, time) in due {
            entries[index].done = time;
        }
        if let Err(error) = write(&path, &entries) {
            tracing::warn!(%error, path = %path.display(), "what fired last can't be stored; after a restart it may fire again");
        }
    }
}

fn read(path: &Path) -> io::Result<BTreeMap<String, Timestamp>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

/// Whole or not at all, but not synced: after a power failure a schedule may fire once more.
fn write(path: &Path, entries: &[Entry]) -> io::Result<()> {
    let done: BTreeMap<&str, Timestamp> =
        entries.iter().map(|entry| (entry.name.as_str(), entry.done)).collect();
    let temporary = path.with_extension("new");
    fs::File::create(&temporary)?.write_all(&serde_json::to_vec(&done)?)?;
    fs::rename(temporary, path)
}

fn to_civil(time: Timestamp) -> Option<DateTime> {
    Some(Instant::from_millisecond(time.0).ok()?.to_zoned(TimeZone::UTC).datetime())
}

/// To the minute: cron knows nothing finer.
fn from_civil(time: DateTime) -> Option<Timestamp> {
    let ms = time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond();
    Some(Timestamp(ms - ms.rem_euclid(MINUTE_MS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_trait::async_trait;
    use model::{
        port::PortError,
        time::{DAY_MS, HOUR_MS},
    };
    use tokio::sync::mpsc;

    struct Recorder(mpsc::UnboundedSender<Due>);

    #[async_trait]
    impl Broker for Recorder {
        async fn publish(&self, messages: Vec<Message>) -> Result<(), PortError> {
            for message in messages {
                assert_eq!((message.topic.as_str(), message.kind.as_str()), (TOPIC, kind::SCHEDULE));
                self.0.send(message.body().unwrap()).unwrap();
            }
            Ok(())
        }
    }

    fn start(
        folder: &Path,
        lines: &[(&str, &str)],
    ) -> (Arc<MachineClock>, Schedules, mpsc::UnboundedReceiver<Due>) {
        let clock = Arc::new(MachineClock::open(folder).unwrap());
        let (sender, receiver) = mpsc::unbounded_channel();
        let lines: Vec<_> =
            lines.iter().map(|(name, line)| ((*name).to_owned(), (*line).to_owned())).collect();
        let schedules = Schedules::start(folder, &lines, clock.clone(), Arc::new(Recorder(sender))).unwrap();
        (clock, schedules, receiver)
    }

    #[tokio::test]
    async fn a_jump_of_days_fires_each_schedule_once_for_its_newest_minute() {
        let folder = tempfile::tempdir().unwrap();
        let (clock, _schedules, mut receiver) =
            start(folder.path(), &[("daily", "30 4 * * *"), ("hourly", "0 * * * *")]);
        clock.advance(7 * DAY_MS).unwrap();
        let now = clock.now();
        let first = receiver.recv().await.unwrap();
        let second = receiver.recv().await.unwrap();
        assert_eq!((first.schedule.as_str(), second.schedule.as_str()), ("daily", "hourly"));
        assert_eq!(first.time.0.rem_euclid(DAY_MS), 4 * HOUR_MS + 30 * MINUTE_MS);
        assert!((0..DAY_MS).contains(&now.since(first.time)), "{now} {}", first.time);
        assert!((0..HOUR_MS).contains(&now.since(second.time)), "{now} {}", second.time);
        clock.advance(DAY_MS).unwrap();
        let third = receiver.recv().await.unwrap();
        assert_eq!((third.schedule.as_str(), third.time), ("daily", first.time.plus(DAY_MS)));
    }

    #[tokio::test]
    async fn what_was_missed_while_off_is_made_up_for_once() {
        let folder = tempfile::tempdir().unwrap();
        let (clock, schedules, mut receiver) = start(folder.path(), &[("daily", "0 0 * * *")]);
        clock.advance(DAY_MS).unwrap();
        let before = receiver.recv().await.unwrap();
        while !folder.path().join("schedules.json").exists() {
            tokio::task::yield_now().await;
        }
        drop(schedules);
        clock.advance(3 * DAY_MS).unwrap();
        let (_clock, _schedules, mut receiver) = start(folder.path(), &[("daily", "0 0 * * *")]);
        assert_eq!(receiver.recv().await.unwrap().time, before.time.plus(3 * DAY_MS));
        assert!(receiver.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_line_that_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(MachineClock::open(folder.path()).unwrap());
        for line in ["every day", "0 0 31 2 *"] {
            let (sender, _receiver) = mpsc::unbounded_channel();
            let lines = [("daily".to_owned(), line.to_owned())];
            let error = Schedules::start(folder.path(), &lines, clock.clone(), Arc::new(Recorder(sender)))
                .err()
                .unwrap();
            assert!(error.to_string().contains("`daily`"), "{error}");
        }
    }
}
