//! How often a customer's webhook may come, and whether a message has come before.
//!
//! Both are told from the newest arrivals, which are kept in the service's document: that one is written with each
//! measurement anyway. Invariant: a message that was taken is never counted twice while its signature is still good,
//! nor among the newest [`KEPT`] if it comes signed anew.

use crate::link::hash;
use host::{
    Error,
    limit::{self, Class},
    webhook,
};
use model::{ObservationId, Timestamp, document::Arrival, time::MINUTE_MS};

/// Measurements of a service that are taken in a minute.
pub const MOST_A_MINUTE: usize = Class::Webhook.a_minute() as usize;
/// Arrivals that are remembered however old they are.
pub const KEPT: usize = 64;
/// A message may be signed for a moment that is ahead by the tolerance, and come again until as much after that.
pub const REPLAYED_MS: i64 = 2 * webhook::TOLERANCE_MS;

/// What a message turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was not there before.
    New,
    /// It was taken before, and became this.
    Before(ObservationId),
}

/// Notes a message, or says that it has come before; 429 if too many have come.
pub fn take(
    arrivals: &mut Vec<Arrival>,
    message: Option<&str>,
    observation: &ObservationId,
    now: Timestamp,
) -> Result<Taken, Error> {
    let id = message.map(|message| hash(message)[..32].to_owned()).unwrap_or_default();
    if let Some(known) = arrivals.iter().find(|known| !id.is_empty() && known.id == id) {
        return Ok(Taken::Before(known.observation.clone()));
    }
    let recent = arrivals.iter().filter(|known| now.since(known.at) < MINUTE_MS);
    if let Some(oldest) =
        recent.clone().map(|known| known.at).min().filter(|_| recent.count() >= MOST_A_MINUTE)
    {
        return Err(too_many(oldest.plus(MINUTE_MS).since(now)));
    }
    arrivals.push(Arrival { at: now, id, observation: observation.clone() });
    let surplus = arrivals.len().saturating_sub(KEPT);
    let mut place = 0;
    arrivals.retain(|known| {
        place += 1;
        let age = now.since(known.at);
        place > surplus || age < MINUTE_MS || (age <= REPLAYED_MS && !known.id.is_empty())
    });
    Ok(Taken::New)
}

fn too_many(wait_ms: i64) -> Error {
    limit::too_many(Class::Webhook, wait_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::time::SECOND_MS;

    fn seen(number: i64) -> ObservationId {
        ObservationId::from_random(number as u128)
    }

    #[test]
    fn a_message_is_taken_once_and_few_are_taken_a_minute() {
        let mut arrivals = vec![];
        for number in 0..MOST_A_MINUTE as i64 {
            let message = format!("m{number}");
            let at = Timestamp(number * SECOND_MS / 4);
            assert_eq!(take(&mut arrivals, Some(&message), &seen(number), at).unwrap(), Taken::New);
        }
        let now = Timestamp(45_500);
        let again = take(&mut arrivals, Some("m3"), &seen(99), now).unwrap();
        assert_eq!(again, Taken::Before(seen(3)), "a repeat is no load");
        let refused = take(&mut arrivals, Some("next"), &seen(99), now).unwrap_err();
        assert!(refused.detail().contains("in 15 s"), "{}", refused.detail());
        assert_eq!(arrivals.len(), MOST_A_MINUTE);
        for number in 0..2 * KEPT as i64 {
            let at = Timestamp(60_000 + number * 3 * SECOND_MS);
            assert_eq!(take(&mut arrivals, None, &seen(7), at).unwrap(), Taken::New);
        }
        assert!(arrivals.len() >= KEPT);
        take(&mut arrivals, None, &seen(8), Timestamp(60_000 + 20 * MINUTE_MS)).unwrap();
        assert_eq!(arrivals.len(), KEPT, "what is old and can't be replayed goes");
    }

    #[test]
    fn a_crowd_between_makes_no_message_count_twice() {
        let mut arrivals = vec![];
        assert_eq!(take(&mut arrivals, Some("first"), &seen(1), Timestamp(0)).unwrap(), Taken::New);
        // As many as are taken, all signed, until its signature is over.
        let each = MINUTE_MS / MOST_A_MINUTE as i64;
        let mut at = each;
        while at <= REPLAYED_MS {
            take(&mut arrivals, Some(&format!("m{at}")), &seen(at), Timestamp(at)).unwrap();
            at += each;
        }
        let again = take(&mut arrivals, Some("first"), &seen(2), Timestamp(REPLAYED_MS)).unwrap();
        assert_eq!(again, Taken::Before(seen(1)), "among {}", arrivals.len());
        assert!(arrivals.len() <= 1_001, "{}", arrivals.len());
    }
}
