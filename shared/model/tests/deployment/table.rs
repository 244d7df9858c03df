//! Every answer of `decide`, as one checked-in text: status and step, input, and what becomes of it.

use crate::sample::{self, START};
use model::{
    Timestamp,
    deployment::{Answer, At, Input, Outcome, Transition, Verdict, accept, decide},
    document::{Deployment, Ending, Lease, Status, Step, Strategy},
    port::target::{BuildState, Gone},
};
use std::fmt::Write as _;

const NOW: i64 = 100_000;

/// A deployment as it stands in a status and step.
fn standing(status: Status, step: Step, traits: &[&str]) -> Deployment {
    let mut document =
        accept(sample::request(7, Strategy::Canary), true, Some(sample::kept(1)), &sample::at(0, "a"));
    (document.status, document.step) = (status, step);
    document.outbox.clear();
    document.next_due = (!status.at_rest()).then(|| START.plus(NOW));
    document.stages.clear();
    document.canary.seen_to = START.plus(NOW - 1500);
    document.step_since = START.plus(NOW - 10_000);
    if matches!(status, Status::RollingBack) {
        document.ending = Some(Ending::Cancelled);
    }
    for name in traits {
        match *name {
            "held" => document.canary.held = Some("paused by hand".to_owned()),
            "awaited" => document.awaited = true,
            "first" => document.last_good = None,
            "served" => document.ended_at = Some(START),
            "tried" => document.tries = 2,
            "under way" => document.lease = Some(lease("a", 5_000, Step::Release)),
            other => panic!("no trait {other}"),
        }
    }
    if status.at_rest() {
        document.ended_at = Some(START);
    }
    document
}

fn lease(owner: &str, left: i64, step: Step) -> Lease {
    Lease { owner: owner.to_owned(), until: START.plus(NOW + left), step: Some(step) }
}

fn standings() -> Vec<(String, Deployment)> {
    let plain = [
        (Status::Pending, Step::Queue, &[][..]),
        (Status::Pending, Step::Scan, &[]),
        (Status::SecurityScanning, Step::Scan, &[]),
        (Status::Analyzing, Step::Analyze, &[]),
        (Status::Building, Step::StartBuild, &[]),
        (Status::Building, Step::AwaitBuild, &[]),
        (Status::Deploying, Step::Release, &[]),
        (Status::Deploying, Step::AwaitRelease, &[]),
        (Status::Verifying, Step::Verify, &[]),
        (Status::Shifting, Step::Open, &["first"]),
        (Status::Shifting, Step::SetTraffic, &[]),
        (Status::Shifting, Step::AwaitTraffic, &[]),
        (Status::Shifting, Step::Watch, &[]),
        (Status::Shifting, Step::Watch, &["first"]),
        (Status::Shifting, Step::Watch, &["held"]),
        (Status::Shifting, Step::Watch, &["awaited"]),
        (Status::Shifting, Step::Retire, &[]),
        (Status::RollingBack, Step::Restore, &[]),
        (Status::RollingBack, Step::Restore, &["under way"]),
        (Status::RollingBack, Step::Restore, &["served"]),
        (Status::RollingBack, Step::Restore, &["first"]),
        (Status::RollingBack, Step::Restore, &["tried"]),
        (Status::RollingBack, Step::AwaitRestore, &[]),
        (Status::Deployed, Step::Rest, &[]),
        (Status::SecurityFailed, Step::Rest, &[]),
        (Status::Failed, Step::Rest, &[]),
        (Status::Cancelled, Step::Rest, &[]),
        (Status::Superseded, Step::Rest, &[]),
        (Status::RolledBack, Step::Rest, &[]),
    ];
    let name = |status: Status, step: Step, traits: &[&str]| {
        let place = format!("{}/{}", status.as_str(), slug(step));
        traits.iter().fold(place, |place, name| place + " " + name)
    };
    plain
        .into_iter()
        .map(|(status, step, traits)| (name(status, step, traits), standing(status, step, traits)))
        .collect()
}

fn slug(step: Step) -> String {
    serde_json::to_value(step).unwrap().as_str().unwrap().to_owned()
}

fn outcomes(document: &Deployment) -> Vec<(&'static str, Outcome)> {
    let ours = document.revision_name();
    let good = sample::kept(1).revision;
    let seen = |verdict, probe| Outcome::WindowSeen(sample::window(document, verdict, probe));
    let mut guarded = sample::window(document, Verdict::Inconclusive, None);
    guarded.guard = Some("It crashes".to_owned());
    let mut late = sample::window(document, Verdict::Pass, None);
    late.window.from = Timestamp(0);
    let built = BuildState::Succeeded { artifact: "sha256:1".to_owned(), duration_ms: 1500 };
    let broken = BuildState::Failed { reason: "exit 1".to_owned(), tail: vec![], duration_ms: 1500 };
    vec![
        ("Scanned", sample::scanned()),
        ("Scanning", sample::scanning()),
        ("Rejected", sample::rejected()),
        ("Analyzed", sample::analyzed()),
        ("BuildStarted", Outcome::BuildStarted),
        ("BuildRead(queued)", Outcome::BuildRead(BuildState::Queued { ahead: 1, slots: 2 })),
        ("BuildRead(running)", Outcome::BuildRead(BuildState::Running)),
        ("BuildRead(succeeded)", Outcome::BuildRead(built)),
        ("BuildRead(failed)", Outcome::BuildRead(broken)),
        ("BuildRead(unknown)", Outcome::BuildRead(BuildState::Unknown)),
        ("ReleasePending", Outcome::ReleasePending { why: sample::why() }),
        ("ReleaseUnknown", Outcome::ReleaseUnknown),
        ("Opened", Outcome::Opened(sample::traffic("t2", &[(&ours, 100)]))),
        ("TrafficPending", Outcome::TrafficPending { why: sample::why() }),
        ("TrafficUnknown", Outcome::TrafficUnknown),
        ("Released", sample::released(&ours, "t1")),
        ("Probed(healthy)", sample::probed(true, false)),
        ("Probed(unhealthy)", sample::probed(false, false)),
        ("Probed(dead)", sample::probed(false, true)),
        ("TrafficSet(as asked)", Outcome::TrafficSet(sample::traffic("t2", &[(&ours, 10), (&good, 90)]))),
        ("TrafficSet(otherwise)", Outcome::TrafficSet(sample::traffic("t2", &[(&good, 100)]))),
        ("TrafficMoved", Outcome::TrafficMoved(sample::traffic("t3", &[("x", 100)]))),
        ("WindowSeen(pass)", seen(Verdict::Pass, None)),
        ("WindowSeen(fail)", seen(Verdict::Fail, None)),
        ("WindowSeen(inconclusive)", seen(Verdict::Inconclusive, Some(true))),
        ("WindowSeen(error)", seen(Verdict::Error, None)),
        ("WindowSeen(guard)", Outcome::WindowSeen(guarded)),
        ("WindowSeen(repeat)", Outcome::WindowSeen(late)),
        ("Retired", Outcome::Retired),
        ("Restored", Outcome::Restored(sample::traffic("t4", &[(&good, 100)]))),
        ("Restored(otherwise)", Outcome::Restored(sample::traffic("t4", &[("x", 100)]))),
        ("Waits", Outcome::Waits { reason: "Waits for one of 4 fetches".to_owned() }),
        ("Fault(transient)", sample::fault(true)),
        ("Fault(lasting)", sample::fault(false)),
        ("Fault(service gone)", sample::gone(Gone::Service)),
        ("Fault(revision gone)", sample::gone(Gone::Revision(good.clone()))),
        ("Fault(key gone)", sample::gone(Gone::Key(good.clone()))),
    ]
}

fn inputs(document: &Deployment) -> Vec<(String, Input)> {
    let mut inputs: Vec<(String, Input)> = [
        ("Wake", Input::Wake),
        ("Granted", Input::Granted { last_good: Some(sample::kept(2)) }),
        ("Cancel", Input::Cancel),
        ("Supersede", Input::Supersede),
        ("Rollback", Input::Rollback { to: None }),
        ("Rollback(to)", Input::Rollback { to: Some(sample::kept(2)) }),
        ("Rollback(to itself)", Input::Rollback { to: Some(itself(document)) }),
        ("Promote(0)", Input::Promote { index: 0 }),
        ("Promote(1)", Input::Promote { index: 1 }),
        ("Pause", Input::Pause),
        ("Resume", Input::Resume),
        ("LetGo", Input::LetGo),
    ]
    .map(|(name, input)| (name.to_owned(), input))
    .into();
    let (step, attempt) = (document.step, document.attempt);
    for (name, outcome) in outcomes(document) {
        inputs.push((name.to_owned(), Input::Result { step, attempt, outcome }));
    }
    for (name, step, outcome) in [
        ("late Released", Step::Release, sample::released(&document.revision_name(), "t1")),
        ("late TrafficSet", Step::SetTraffic, Outcome::TrafficSet(sample::traffic("t1", &[]))),
        ("late Restored", Step::Restore, Outcome::Restored(sample::traffic("t1", &[("shop-r1", 100)]))),
        ("late Fault", Step::Scan, sample::fault(false)),
    ] {
        inputs.push((name.to_owned(), Input::Result { step, attempt: attempt + 9, outcome }));
    }
    inputs
}

fn itself(document: &Deployment) -> model::document::Kept {
    model::document::Kept { revision: document.revision_name(), ..sample::kept(7) }
}

/// Who else may be at it, and whether we can act.
fn circumstances(document: &Deployment) -> Vec<(&'static str, Deployment, At<'static>)> {
    let held =
        |owner, left| Deployment { lease: Some(lease(owner, left, document.step)), ..document.clone() };
    let at = sample::at(NOW, "a");
    vec![
        (" | cannot act", document.clone(), At { can_act: false, ..at.clone() }),
        (" | our lease", held("a", 5_000), at.clone()),
        (" | another's lease", held("b", 5_000), at.clone()),
        (" | a dead one's lease", held("b", 5_000), At { alone: true, ..at.clone() }),
        (" | a lease that is over", held("b", -1), at),
    ]
}

fn line(name: &str, input: &str, before: &Deployment, transition: &Transition, at: &At<'_>) -> String {
    let mut text = format!("{name} × {input} -> ");
    match &transition.next {
        None => text.push_str("as it was"),
        Some(next) => {
            let _ = write!(text, "{}/{}#{}", next.status.as_str(), slug(next.step), next.attempt);
            if next.tries > 0 {
                let _ = write!(text, " try {}", next.tries);
            }
            if let Some(lease) = &next.lease {
                let _ = write!(text, " leased to {} for {} ms", lease.owner, lease.until.since(at.real));
            }
            let due = next.next_due.map(|due| due.since(at.now));
            let _ = due.map_or(Ok(()), |due| write!(text, " due in {due} ms"));
            let flags = [
                (next.ending.filter(|_| !next.status.at_rest()).map(|ending| format!("to {ending:?}")), true),
                (next.canary.held.clone().map(|_| "held".to_owned()), true),
                (Some("awaited".to_owned()), next.awaited),
                (next.failure.clone().map(|failure| failure.code), next.failure != before.failure),
            ];
            flags.into_iter().filter(|(_, shown)| *shown).filter_map(|(flag, _)| flag).for_each(|flag| {
                let _ = write!(text, ", {flag}");
            });
            let outbox: Vec<_> = next.outbox.iter().map(|message| message.kind.as_str()).collect();
            if !outbox.is_empty() {
                let _ = write!(text, ", outbox {outbox:?}");
            }
        }
    }
    if let Some(effect) = &transition.effect {
        let _ = write!(text, ", effect {effect:?}");
    }
    if transition.slot != model::deployment::Slot::Stays {
        let _ = write!(text, ", slot {:?}", transition.slot);
    }
    match &transition.answer {
        Answer::Wait(until) => write!(text, ", Wait {} ms", until.since(at.now)),
        other => write!(text, ", {other:?}"),
    }
    .unwrap();
    text.replace(&START.plus(NOW).0.to_string(), "NOW") + "\n"
}

#[test]
fn every_status_answers_every_input() {
    let mut text = String::new();
    for (name, document) in standings() {
        let at = sample::at(NOW, "a");
        for (input_name, input) in inputs(&document) {
            let transition = decide(&document, input, &at);
            text += &line(&name, &input_name, &document, &transition, &at);
        }
        for (circumstance, document, at) in circumstances(&document) {
            let telling = ["Wake", "Granted", "Cancel", "Fault(transient)", "late Released"];
            for (input_name, input) in
                inputs(&document).into_iter().filter(|(name, _)| telling.contains(&name.as_str()))
            {
                let transition = decide(&document, input, &at);
                text += &line(&name, &(input_name + circumstance), &document, &transition, &at);
            }
        }
        text.push('\n');
    }
    insta::assert_snapshot!("table", text);
}

#[test]
fn the_table_has_every_status_and_step() {
    let standings = standings();
    for status in Status::ALL {
        assert!(standings.iter().any(|(_, document)| document.status == status), "{status:?} is missing");
    }
    assert_eq!(
        standings
            .iter()
            .map(|(_, document)| slug(document.step))
            .collect::<std::collections::BTreeSet<_>>()
            .len(),
        16
    );
}

/// No wait is over when it is answered, and whatever isn't at rest is due at some time.
#[test]
fn nothing_spins_and_nothing_is_forgotten() {
    for (name, document) in standings() {
        let cases = circumstances(&document);
        for (circumstance, document, at) in cases {
            for (input_name, input) in inputs(&document) {
                let transition = decide(&document, input, &at);
                let what = format!("{name} × {input_name}{circumstance}");
                if let Answer::Wait(until) = transition.answer {
                    assert!(until > at.now && transition.next.is_none(), "{what}");
                }
                let Some(next) = transition.next else { continue };
                assert!(next.status.at_rest() || next.next_due.is_some(), "{what}");
                assert!(next.outbox.is_empty() || next.next_due.is_some(), "{what} owes for ever");
                assert!(at.can_act || transition.effect.is_none(), "{what} acts though it can't");
            }
        }
    }
}
