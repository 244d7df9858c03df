//! What is to be asked of a service now, if anything. Pure.

use model::{
    DecisionId, Timestamp,
    document::{Kept, Question, Service},
    time::DAY_MS,
};
use std::collections::BTreeSet;

/// From the question (day 7) to the reminder (day 30).
pub const REMIND_MS: i64 = 23 * DAY_MS;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Ask about this one.
    Ask(Kept),
    /// Send the open question's last mail again: it is not known to have gone out.
    Again(Question),
    /// Remind of the open question.
    Remind(Question),
    /// Nothing before this.
    Wait(Timestamp),
    /// Nothing, until the next deployment; an open question is let go.
    LetGo,
}

/// Decides it. `answered`: decisions among those kept or asked about that have feedback.
pub fn choose(service: &Service, answered: &BTreeSet<DecisionId>, now: Timestamp) -> Choice {
    let next = || match longest(service, now).filter(|kept| is_new(service, kept, answered)) {
        Some(kept) => Choice::Ask(kept.clone()),
        None => Choice::LetGo,
    };
    match &service.asking.question {
        None => next(),
        Some(question) if answered.contains(&question.decision) => Choice::LetGo,
        Some(question) if question.owed => Choice::Again(question.clone()),
        Some(question) if question.reminded => next(),
        Some(question) if now < question.asked_at.plus(REMIND_MS) => {
            Choice::Wait(question.asked_at.plus(REMIND_MS))
        }
        Some(question) => Choice::Remind(question.clone()),
    }
}

/// Neither answered nor asked about twice.
fn is_new(service: &Service, kept: &Kept, answered: &BTreeSet<DecisionId>) -> bool {
    let asked = service.asking.question.as_ref().map(|question| &question.decision);
    kept.decision.as_ref().is_some_and(|decision| !answered.contains(decision) && asked != Some(decision))
}

/// The kept revision with a decision that served longest; of equals the newer.
fn longest(service: &Service, now: Timestamp) -> Option<&Kept> {
    // Newest first: each served until the one before it in the list began to.
    let until = |index: usize| index.checked_sub(1).map_or(now, |newer| service.slot.kept[newer].since);
    let served = |index: usize, kept: &Kept| until(index).since(kept.since);
    let with_decision = service.slot.kept.iter().enumerate().filter(|(_, kept)| kept.decision.is_some());
    with_decision.rev().max_by_key(|(index, kept)| served(*index, kept)).map(|(_, kept)| kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::testing::{START, sample};

    fn days(n: i64) -> Timestamp {
        START.plus(n * DAY_MS)
    }

    #[test]
    fn the_one_that_served_longest_is_asked_about() {
        let mut service = sample::service();
        service.serve(sample::kept(2, days(5)));
        service.serve(sample::kept(3, days(6)));
        let nobody = BTreeSet::new();
        assert_eq!(choose(&service, &nobody, days(7)), Choice::Ask(sample::kept(1, START)));
        assert_eq!(choose(&service, &nobody, days(12)), Choice::Ask(sample::kept(3, days(6))));
        let answered = BTreeSet::from([sample::decision_id(1)]);
        assert_eq!(choose(&service, &answered, days(7)), Choice::LetGo);
        service.slot.kept.clear();
        assert_eq!(choose(&service, &nobody, days(7)), Choice::LetGo);
    }

    #[test]
    fn an_open_question_is_repeated_once_and_let_go() {
        let mut service = sample::service();
        let question = Question {
            decision: sample::decision_id(1),
            deployment: sample::deployment_id(1),
            token_hash: String::new(),
            asked_at: days(7),
            reminded: false,
            owed: true,
        };
        let nobody = BTreeSet::new();
        service.asking.question = Some(question.clone());
        assert_eq!(choose(&service, &nobody, days(7)), Choice::Again(question.clone()));
        let sent = Question { owed: false, ..question };
        service.asking.question = Some(sent.clone());
        assert_eq!(choose(&service, &nobody, days(29)), Choice::Wait(days(30)));
        assert_eq!(choose(&service, &nobody, days(30)), Choice::Remind(sent.clone()));
        let reminded = Question { reminded: true, ..sent };
        service.asking.question = Some(reminded);
        assert_eq!(choose(&service, &nobody, days(31)), Choice::LetGo);
        service.serve(sample::kept(2, days(31)));
        assert_eq!(
            choose(&service, &nobody, days(60)),
            Choice::LetGo,
            "the first still served longest but one"
        );
        assert_eq!(choose(&service, &nobody, days(70)), Choice::Ask(sample::kept(2, days(31))));
        service.asking.question = service.asking.question.map(|question| Question { owed: true, ..question });
        let answered = BTreeSet::from([sample::decision_id(1)]);
        assert_eq!(choose(&service, &answered, days(31)), Choice::LetGo, "answered: not even again");
    }
}
