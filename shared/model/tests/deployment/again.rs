//! An earlier deployment is put to work again; and what is held goes on by the evidence.

use crate::sample;
use model::{
    deployment::{Answer, Effect, Input, Outcome, Request, Slot, Verdict, accept, decide, settle},
    document::{Again, Built, Deployment, Status, Step, Stopped, Strategy},
    message::kind,
    port::target::{Gone, Plan},
};

fn plan() -> Plan {
    Plan { provider: "node".to_owned(), ..Plan::default() }
}

/// Deployment 7 again, as deployment 8, on its way to the release.
fn again(built: bool) -> Deployment {
    let Outcome::Scanned { archive, .. } = sample::scanned() else { unreachable!("it is one") };
    let built = built.then(|| Built { artifact: "dep_7-b1".to_owned(), plan: plan() });
    let again = Some(Again { of: sample::id(7), archive: *archive, built });
    let request = Request { again, ..sample::request(8, Strategy::Canary) };
    let mut document = accept(request, true, Some(sample::kept(1)), &sample::at(0, "a"));
    for input in [None, Some(sample::scanned()), Some(sample::analyzed())] {
        let (step, attempt) = (document.step, document.attempt);
        let input = input.map_or(Input::Wake, |outcome| Input::Result { step, attempt, outcome });
        document = *decide(&document, input, &sample::at(0, "a")).next.unwrap();
    }
    document
}

#[test]
fn what_was_built_is_released_without_a_build() {
    let document = again(true);
    assert_eq!((document.status, document.step), (Status::Deploying, Step::Release));
    assert_eq!((document.artifact.as_deref(), document.plan.clone()), (Some("dep_7-b1"), Some(plan())));
    assert!(document.timeline.last().unwrap().text.contains("dep_7 built it already"));
    assert!(document.timeline[0].text.contains("dep_7 again"), "{:?}", document.timeline[0]);
}

#[test]
fn what_was_not_built_is_built_from_the_same_source() {
    let document = again(false);
    assert_eq!((document.status, document.step), (Status::Building, Step::StartBuild));
}

#[test]
fn what_is_kept_no_more_is_built_again() {
    let document = again(true);
    let result = |document: &Deployment, outcome| {
        decide(document, Input::Result { step: Step::Release, attempt: 1, outcome }, &sample::at(0, "a"))
    };
    let lost = || sample::gone(Gone::Artifact("dep_7-b1".to_owned()));
    let transition = result(&document, lost());
    assert_eq!(transition.effect, Some(Effect::StartBuild));
    let built_anew = *transition.next.unwrap();
    assert_eq!((built_anew.step, built_anew.attempt), (Step::StartBuild, 1));
    assert_eq!(built_anew.artifact, None);
    assert!(built_anew.checks.iter().all(|check| !check.contains("not built again")));
    // What it built itself is not looked for a second time.
    let releases = Deployment { step: Step::Release, ..built_anew };
    let ended = *result(&releases, lost()).next.unwrap();
    assert_eq!((ended.status, ended.step), (Status::RollingBack, Step::Restore));
}

fn watching() -> Deployment {
    let mut document =
        accept(sample::request(7, Strategy::Canary), true, Some(sample::kept(1)), &sample::at(0, "a"));
    (document.status, document.step) = (Status::Shifting, Step::Watch);
    document.outbox.clear();
    document
}

#[test]
fn what_is_held_goes_on_with_its_whole_time_and_a_second_word_changes_nothing() {
    let mut held = watching();
    (held.canary.held, held.canary.since) = (Some("the time is up".to_owned()), sample::START);
    let late = sample::at(3_600_000, "a");
    held.canary.seen_to = late.real;
    let resumed = *decide(&held, Input::Resume, &late).next.unwrap();
    assert_eq!((resumed.canary.held.as_ref(), resumed.canary.since), (None, late.real));
    assert_eq!(resumed.outbox.last().unwrap().kind, kind::DEPLOYMENT_DUE);
    let again = decide(&resumed, Input::Resume, &late);
    assert_eq!((again.answer, again.next), (Answer::Unchanged, None));
    // The next thin window doesn't hold it at once again.
    let seen = Outcome::WindowSeen(sample::window(&resumed, Verdict::Inconclusive, Some(true)));
    let (step, attempt) = (resumed.step, resumed.attempt);
    let next = decide(&resumed, Input::Result { step, attempt, outcome: seen }, &sample::at(3_601_000, "a"));
    assert_eq!(next.next.unwrap().canary.held, None);
}

#[test]
fn a_deployment_of_a_stopped_service_that_fails_leaves_it_stopped_and_one_that_serves_starts_it() {
    let mut service = sample::service();
    service.serve(sample::kept(1));
    service.slot.stopped = Some(Stopped { at: sample::START, by: "ann".to_owned() });
    assert_eq!(service.live(), None);
    let document = accept(sample::request(7, Strategy::Canary), true, None, &sample::at(0, "a"));
    let at = sample::at(9, "a");
    let mut failed = service.clone();
    settle(&mut failed, &document, &Slot::Back, &at).unwrap();
    assert_eq!(failed.slot.serving, Some(sample::kept(1)), "a start brings it back");
    assert!(failed.slot.stopped.is_some());
    settle(&mut service, &document, &Slot::Serve(sample::kept(7)), &at).unwrap();
    assert_eq!((service.slot.stopped.as_ref(), service.live()), (None, Some(&sample::kept(7))));
    assert_eq!(service.slot.took.len(), 1, "what it took is what the next one is expected to take");
}
