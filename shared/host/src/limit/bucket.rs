//! Token buckets in memory, as the generic cell rate algorithm keeps them: one number for each, the moment at which
//! the bucket is full again (ITU-T I.371, "virtual scheduling").

use super::Class;
use model::{Timestamp, time::MINUTE_MS};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Buckets that are kept; whoever comes when so many are in use shares one with the others who do.
const MOST: usize = 10_000;
/// Microseconds in a minute.
const MINUTE_US: i64 = MINUTE_MS * 1_000;

/// All buckets of an instance. A bucket that is full again needs no place.
#[derive(Default)]
pub(super) struct Buckets(Mutex<HashMap<(Class, String), i64>>);

impl Buckets {
    /// Takes a token; the milliseconds until there is one if the bucket is empty.
    pub(super) fn take(&self, class: Class, whose: &str, now: Timestamp) -> Option<i64> {
        let now_us = now.0.saturating_mul(1_000);
        let each = MINUTE_US / i64::from(class.a_minute());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST {
            all.retain(|_, full_at| *full_at > now_us);
        }
        let mut key = (class, whose.to_owned());
        if all.len() >= MOST && !all.contains_key(&key) {
            key.1.clear();
        }
        let full_at = all.entry(key).or_insert(now_us);
        // A clock that was set back must not make anybody wait for longer than an empty bucket does.
        let base = (*full_at).clamp(now_us, now_us.saturating_add(MINUTE_US));
        let next = base.saturating_add(each);
        let over_us = next - now_us - MINUTE_US.max(each);
        if over_us > 0 {
            return Some((over_us + 999) / 1_000);
        }
        *full_at = next;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_one_each_interval() {
        let buckets = Buckets::default();
        let at = |ms| Timestamp(1_000_000 + ms);
        for _ in 0..5 {
            assert_eq!(buckets.take(Class::Rollback, "acme", at(0)), None);
        }
        let wait = buckets.take(Class::Rollback, "acme", at(0)).unwrap();
        assert!((11_900..=12_001).contains(&wait), "{wait}");
        assert_eq!(buckets.take(Class::Rollback, "other", at(0)), None, "others are not concerned");
        assert_eq!(buckets.take(Class::Webhook, "acme", at(0)), None, "nor is anything else");
        assert!(buckets.take(Class::Rollback, "acme", at(wait - 10)).is_some(), "asking costs nothing");
        assert_eq!(buckets.take(Class::Rollback, "acme", at(wait + 1)), None);
        assert!(buckets.take(Class::Rollback, "acme", at(wait + 1)).is_some());
        // A clock that was set back by a day.
        assert!(buckets.take(Class::Rollback, "acme", at(-86_400_000)).unwrap() <= 12_001);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let buckets = Buckets::default();
        let now = Timestamp(1_000_000);
        let refused = (0..2 * MOST)
            .filter(|number| buckets.take(Class::FailedSignIn, &number.to_string(), now).is_some());
        assert!(refused.count() > 9_000, "those for whom there is no room share one bucket");
        assert!(buckets.0.lock().unwrap().len() <= MOST + 1);
        assert_eq!(buckets.take(Class::FailedSignIn, "x", now.plus(2 * MINUTE_MS)), None);
        assert_eq!(buckets.0.lock().unwrap().len(), 1, "full buckets go");
    }
}
