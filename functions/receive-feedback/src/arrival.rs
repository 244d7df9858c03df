//! How often a customer's webhook may come, and whether a message has come before.
//!
//! Both are told from the newest arrivals, which are kept in the service's document: that one is written with each
//! measurement anyway. Invariant: a message that was taken is never counted twice among the newest [`KEPT`].

use crate::link::hash;
use host::Error;
use model::{
    ObservationId, Timestamp,
    document::Arrival,
    time::{MINUTE_MS, SECOND_MS},
};

/// Measurements of a service that are taken in a minute.
pub const MOST_A_MINUTE: usize = 30;
/// Arrivals that are remembered.
pub const KEPT: usize = 64;

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
    arrivals.drain(..surplus);
    Ok(Taken::New)
}

fn too_many(wait_ms: i64) -> Error {
    let seconds = (wait_ms.max(1) + SECOND_MS - 1) / SECOND_MS;
    Error::too_many(format!(
        "More than {MOST_A_MINUTE} measurements of this service came within a minute. Nothing was stored; send this one again in {seconds} s, and fewer, each of a longer window."
    ))
    .header("retry-after", seconds.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_taken_once_and_few_are_taken_a_minute() {
        let seen = |number: u128| ObservationId::from_random(number);
        let mut arrivals = vec![];
        for number in 0..MOST_A_MINUTE as i64 {
            let message = format!("m{number}");
            let at = Timestamp(number * SECOND_MS);
            assert_eq!(take(&mut arrivals, Some(&message), &seen(number as u128), at).unwrap(), Taken::New);
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
        assert_eq!(arrivals.len(), KEPT);
    }
}
