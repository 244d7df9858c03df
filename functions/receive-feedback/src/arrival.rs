//! How often a customer's webhook may come, and whether a message has come before.
//!
//! Both are told from the newest arrivals, which are kept in the service's document: that one is written with each
//! measurement anyway. Invariant: a message that was taken is never counted twice while its signature is still good,
//! nor among the newest [`KEPT`] if it comes signed anew; and however many come, they take 26 KB at most: those that are
//! only kept against replays are one arrival a minute, whose id is the ids of all, one behind the other.

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

/// Digits by which a message is known. That two of some thousand are alike by chance is out of the question, and whoever
/// may send them harms only themselves.
const DIGITS: usize = 16;

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
    let id = message.map(|message| hash(message)[..DIGITS].to_owned()).unwrap_or_default();
    if let Some(known) = arrivals.iter().find(|known| holds(known, &id)) {
        // Of several the first one's is kept; the same message is about the same window, so that it became the same.
        let first = known.id.starts_with(&id);
        return Ok(Taken::Before(if first { &known.observation } else { observation }.clone()));
    }
    let recent = arrivals.iter().filter(|known| now.since(known.at) < MINUTE_MS);
    if let Some(oldest) =
        recent.clone().map(|known| known.at).min().filter(|_| recent.count() >= MOST_A_MINUTE)
    {
        return Err(too_many(oldest.plus(MINUTE_MS).since(now)));
    }
    arrivals.push(Arrival { at: now, id, observation: observation.clone() });
    fold(arrivals, now);
    Ok(Taken::New)
}

/// Whether this message is among them. Documents of earlier versions have twice the digits, of which ours come first.
fn holds(known: &Arrival, id: &str) -> bool {
    !id.is_empty() && known.id.as_bytes().chunks(DIGITS).any(|one| one == id.as_bytes())
}

/// What is neither new nor among the newest is forgotten once it can't be replayed; until then only its id is kept.
fn fold(arrivals: &mut Vec<Arrival>, now: Timestamp) {
    let surplus = arrivals.len().saturating_sub(KEPT);
    let newest = arrivals.split_off(surplus);
    let mut kept: Vec<Arrival> = vec![];
    for known in arrivals.drain(..) {
        let age = now.since(known.at);
        let minute = |arrival: &Arrival| arrival.at.0.div_euclid(MINUTE_MS);
        if age < MINUTE_MS {
            kept.push(known);
        } else if age <= REPLAYED_MS && !known.id.is_empty() {
            match kept.last_mut().filter(|last| minute(last) == minute(&known)) {
                Some(last) => {
                    last.id += &known.id;
                    last.at = known.at;
                }
                None => kept.push(known),
            }
        }
    }
    kept.extend(newest);
    *arrivals = kept;
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
        assert!(arrivals.len() <= MOST_A_MINUTE + 12, "{}", arrivals.len());
        let bytes = serde_json::to_vec(&arrivals).unwrap().len();
        assert!(bytes <= 26 << 10, "{bytes} bytes in a document that is written often");
        let another =
            take(&mut arrivals, Some("another"), &seen(3), Timestamp(REPLAYED_MS + MINUTE_MS)).unwrap();
        assert_eq!(another, Taken::New);
    }

    /// As documents were written before: 32 digits each.
    #[test]
    fn what_was_taken_by_an_earlier_version_is_known() {
        let arrival = Arrival { at: Timestamp(0), id: hash("first")[..32].to_owned(), observation: seen(1) };
        let again = take(&mut vec![arrival], Some("first"), &seen(2), Timestamp(1)).unwrap();
        assert_eq!(again, Taken::Before(seen(1)));
    }
}
