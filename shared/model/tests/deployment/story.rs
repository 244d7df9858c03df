//! What once went wrong, one story each; and sequences that random worlds reach only rarely.

use crate::sample::{self, START};
use model::{
    deployment::{
        Answer, Asked, At, Before, Effect, Input, Outcome, Slot, Transition, Verdict, accept, decide,
    },
    document::{
        CanaryPolicy, Counts, Deployment, Ending, Kept, Status, Step, Strategy, Synthetic, SyntheticPolicy,
        ThinEvidence, WithoutTraffic,
    },
    message::kind,
    port::target::{BuildState, Gone, WindowPolicy},
};

/// One deployment as it is told what happens.
struct Story {
    document: Deployment,
    ms: i64,
    last: Option<Transition>,
}

impl Story {
    fn new(strategy: Strategy, last_good: Option<Kept>) -> Self {
        let document = accept(sample::request(7, strategy), true, last_good, &sample::at(0, "a"));
        Self { document, ms: 0, last: None }
    }

    /// The second release of a service, taken to this step.
    fn at_step(strategy: Strategy, step: Step) -> Self {
        let mut story = Self::new(strategy, Some(sample::kept(1)));
        story.tell(Input::Wake);
        while story.document.step != step {
            story.well();
        }
        story
    }

    fn tell_as(&mut self, input: Input, at: &At<'_>) -> &Transition {
        let transition = decide(&self.document, input, at);
        if let Some(next) = &transition.next {
            self.document = (**next).clone();
            self.document.outbox.clear();
        }
        self.last.insert(transition)
    }

    fn tell(&mut self, input: Input) -> &Transition {
        let at = sample::at(self.ms, "a");
        self.tell_as(input, &at)
    }

    fn came_to(&mut self, outcome: Outcome) -> &Transition {
        let (step, attempt) = (self.document.step, self.document.attempt);
        self.tell(Input::Result { step, attempt, outcome })
    }

    /// The present step comes to what is hoped for.
    fn well(&mut self) {
        let outcome = hoped(&self.document);
        self.ms += 1000;
        self.came_to(outcome);
    }
}

fn weights(document: &Deployment) -> Vec<(String, u32)> {
    let whole = document.strategy != Strategy::Canary || document.last_good.is_none();
    let share = if whole { 100 } else { document.policy.weights[document.canary.index] };
    let rest = document.last_good.iter().map(|good| (good.revision.clone(), 100 - share));
    rest.chain([(document.revision_name(), share)]).filter(|(_, share)| *share > 0).collect()
}

fn hoped(document: &Deployment) -> Outcome {
    match document.step {
        Step::Scan => sample::scanned(),
        Step::Analyze => sample::analyzed(),
        Step::StartBuild => Outcome::BuildStarted,
        Step::AwaitBuild => {
            Outcome::BuildRead(BuildState::Succeeded { artifact: "a".to_owned(), duration_ms: 1 })
        }
        Step::Release | Step::AwaitRelease => sample::released(&document.revision_name(), "t0"),
        Step::Verify => sample::probed(true, false),
        Step::Open => Outcome::Opened(sample::traffic("t1", &[(&document.revision_name(), 100)])),
        Step::SetTraffic | Step::AwaitTraffic => {
            let weights = weights(document);
            let weights: Vec<_> = weights.iter().map(|(name, share)| (name.as_str(), *share)).collect();
            Outcome::TrafficSet(sample::traffic("t1", &weights))
        }
        Step::Watch => Outcome::WindowSeen(sample::window(document, Verdict::Pass, None)),
        Step::Retire => Outcome::Retired,
        Step::Restore | Step::AwaitRestore => {
            let good: Vec<_> = document.last_good.iter().map(|good| (good.revision.as_str(), 100)).collect();
            Outcome::Restored(sample::traffic("t2", &good))
        }
        Step::Queue | Step::Rest => panic!("nothing is hoped for at {:?}", document.step),
    }
}

#[test]
fn a_canary_goes_well() {
    let mut story = Story::at_step(Strategy::Canary, Step::Rest);
    assert_eq!(story.document.status, Status::Deployed);
    assert_eq!(story.document.progress, 100);
    assert!(matches!(&story.last.as_ref().unwrap().slot, Slot::Serve(kept) if kept.revision == "shop-r7"));
    let again = story.tell(Input::Wake);
    assert_eq!((again.effect.clone(), again.next.as_ref().unwrap().next_due), (None, None));
    assert_eq!(story.tell(Input::Wake).answer, Answer::Unchanged);
}

#[test]
fn what_is_under_way_ends_before_the_way_back_begins() {
    let mut story = Story::at_step(Strategy::Canary, Step::Release);
    let at = At { can_act: false, ..sample::at(story.ms + 1, "console") };
    let cancelled = story.tell_as(Input::Cancel, &at);
    assert_eq!(cancelled.effect, None);
    assert_eq!(cancelled.next.as_ref().unwrap().outbox[0].kind, kind::DEPLOYMENT_DUE);
    assert!(matches!(story.tell(Input::Wake).answer, Answer::Wait(_)), "somebody is at it");
    let outcome = sample::released("shop-r7", "t0");
    let result = story.tell(Input::Result { step: Step::Release, attempt: 1, outcome });
    assert_eq!(result.effect, Some(Effect::Restore));
    assert_eq!(story.document.released.as_ref().unwrap().revision, "shop-r7");
    story.well();
    assert_eq!(story.document.status, Status::Cancelled);
}

#[test]
fn a_revision_that_comes_up_after_the_end_is_discarded() {
    let mut story = Story::at_step(Strategy::Canary, Step::Release);
    story.tell(Input::Cancel);
    story.ms += 60_000;
    assert_eq!(story.tell(Input::Wake).effect, Some(Effect::Restore));
    for _ in 0..2 {
        let outcome = sample::released("shop-r7", "t0");
        let late = story.tell(Input::Result { step: Step::Release, attempt: 1, outcome });
        assert_eq!(late.effect, Some(Effect::Discard { revision: "shop-r7".to_owned() }));
        assert!(late.next.is_none());
        if story.document.step == Step::Restore {
            story.well();
        }
    }
}

#[test]
fn a_late_result_of_one_weight_is_not_taken_for_the_next() {
    let mut story = Story::at_step(Strategy::Canary, Step::SetTraffic);
    let (first, attempt) = (hoped(&story.document), story.document.attempt);
    story.well();
    story.tell(Input::Promote { index: 0 });
    assert_eq!((story.document.step, story.document.canary.index), (Step::SetTraffic, 1));
    let late = story.tell(Input::Result { step: Step::SetTraffic, attempt, outcome: first });
    assert!(late.next.is_none() && late.effect.is_none());
    assert_eq!(story.tell(Input::Promote { index: 0 }).answer, Answer::Unchanged);
}

#[test]
fn what_serves_is_what_the_target_says_not_what_was_asked_for() {
    let mut story = Story::at_step(Strategy::Canary, Step::SetTraffic);
    story.came_to(Outcome::TrafficSet(sample::traffic("t9", &[("shop-r1", 100)])));
    assert_eq!(story.document.status, Status::Failed);
    assert_eq!(story.document.failure.as_ref().unwrap().code, "traffic_changed");
    assert_eq!(story.last.unwrap().effect, Some(Effect::Discard { revision: "shop-r7".to_owned() }));
}

#[test]
fn nothing_is_back_before_the_target_says_so() {
    let mut story = Story::at_step(Strategy::Canary, Step::Watch);
    story.tell(Input::Cancel);
    story.came_to(Outcome::Restored(sample::traffic("t9", &[("shop-r7", 10), ("shop-r1", 90)])));
    assert_eq!((story.document.status, story.document.attempt), (Status::RollingBack, 2));
    story.well();
    assert_eq!(story.document.status, Status::Cancelled);
    assert_eq!(story.last.unwrap().slot, Slot::Back);
}

#[test]
fn a_way_back_is_tried_for_ever_and_its_story_stays_short() {
    let mut story = Story::at_step(Strategy::Canary, Step::Watch);
    story.tell(Input::Cancel);
    let lines = story.document.timeline.len();
    for _ in 0..500 {
        story.came_to(sample::fault(true));
        assert_eq!(story.document.status, Status::RollingBack);
        let pause = story.document.next_due.unwrap().since(START.plus(story.ms));
        assert!((2_000..=60_000).contains(&pause), "{pause}");
        story.ms += pause;
        assert_eq!(story.tell(Input::Wake).effect, Some(Effect::Restore));
    }
    assert!(story.document.timeline.len() < lines + 16, "the way back tells too much");
}

#[test]
fn a_way_back_that_is_blocked_leaves_a_deployment_that_had_served_deployed() {
    let mut story = Story::at_step(Strategy::Instant, Step::Rest);
    let took = story.tell(Input::Rollback { to: Some(sample::kept(1)) });
    assert_eq!((took.slot.clone(), took.effect.clone()), (Slot::Take, Some(Effect::Restore)));
    let blocked = story.came_to(sample::fault(false));
    assert_eq!(blocked.slot, Slot::Free);
    assert_eq!(story.document.status, Status::Deployed);
    assert_eq!(story.document.failure.as_ref().unwrap().code, "restore_failed");
    assert_eq!(story.tell(Input::Rollback { to: Some(sample::kept(1)) }).slot, Slot::Take);
}

#[test]
fn a_way_back_that_is_blocked_says_that_traffic_is_not_back_and_why_it_was_to_go() {
    let mut story = Story::at_step(Strategy::Canary, Step::Watch);
    let seen = sample::window(&story.document, Verdict::Fail, None);
    story.came_to(Outcome::WindowSeen(seen));
    assert_eq!(story.came_to(sample::fault(false)).slot, Slot::Free);
    let failure = story.document.failure.unwrap();
    assert_eq!((story.document.status, failure.code.as_str()), (Status::Failed, "restore_failed"));
    assert!(
        failure.message.contains("did not answer. It was to go back because: 0 of 10 bad"),
        "{failure:?}"
    );
}

#[test]
fn a_hold_gives_way_to_whoever_waits() {
    let mut story = Story::at_step(Strategy::Canary, Step::Watch);
    story.document.policy.thin_evidence = ThinEvidence::Hold;
    story.tell(Input::Supersede);
    assert!(matches!(story.tell(Input::Pause).answer, Answer::Refused(_)));
    for _ in 0..2 {
        let seen = sample::window(&story.document, Verdict::Inconclusive, Some(true));
        story.came_to(Outcome::WindowSeen(seen));
    }
    assert_eq!(story.document.status, Status::RollingBack);
    story.well();
    assert_eq!(story.document.status, Status::Superseded);
}

#[test]
fn a_held_one_is_superseded_at_once_and_only_a_person_goes_on_with_it() {
    let mut story = Story::at_step(Strategy::Canary, Step::Watch);
    story.tell(Input::Pause);
    story.well();
    assert_eq!(
        (story.document.step, story.document.canary.index),
        (Step::Watch, 0),
        "held: a pass moves nothing"
    );
    story.tell(Input::Promote { index: 0 });
    assert_eq!((story.document.canary.index, story.document.canary.held.clone()), (1, None));
    story.well();
    story.tell(Input::Pause);
    assert_eq!(story.tell(Input::Supersede).effect, Some(Effect::Restore));
}

#[test]
fn no_data_is_never_success() {
    for verdict in [Verdict::Error, Verdict::Inconclusive] {
        let mut story = Story::at_step(Strategy::Canary, Step::Watch);
        for _ in 0..50 {
            let seen = sample::window(&story.document, verdict, None);
            story.came_to(Outcome::WindowSeen(seen));
        }
        assert_eq!((story.document.step, story.document.canary.index), (Step::Watch, 0));
        assert!(story.document.canary.held.is_some());
    }
}

#[test]
fn thin_evidence_never_outweighs_errors() {
    let thin = |bad: u64| {
        let mut story = Story::at_step(Strategy::Canary, Step::Watch);
        story.document.policy.thin_evidence = ThinEvidence::Promote;
        for _ in 0..2 {
            let mut seen = sample::window(&story.document, Verdict::Inconclusive, Some(true));
            seen.counts = Counts { canary_requests: 3, stable_requests: 27, canary_bad: bad, stable_bad: 0 };
            story.came_to(Outcome::WindowSeen(seen));
        }
        story.document
    };
    let (well, bad) = (thin(0), thin(1));
    assert_eq!((well.canary.index, well.canary.thin), (1, true), "quiet and well goes on");
    assert_eq!((bad.canary.index, bad.canary.thin, bad.step), (0, false, Step::Watch));
    let held = bad.canary.held.unwrap();
    assert!(held.contains("2 of 6 requests to it failed") && held.contains("none of 54"), "{held}");
}

/// What is slower, or died once, isn't promoted for lack of evidence either.
#[test]
fn thin_evidence_never_outweighs_anything_that_speaks_against_it() {
    for idle in [false, true] {
        let mut story = Story::at_step(Strategy::Canary, Step::Watch);
        story.document.policy.thin_evidence = ThinEvidence::Promote;
        for _ in 0..2 {
            let mut seen = sample::window(&story.document, Verdict::Inconclusive, Some(true));
            (seen.against, seen.idle) = (Some("its process died".to_owned()), idle);
            story.came_to(Outcome::WindowSeen(seen));
        }
        let run = &story.document.canary;
        assert_eq!((run.index, run.thin, story.document.step), (0, false, Step::Watch));
        assert!(run.held.as_ref().unwrap().starts_with("its process died, and the time"), "{:?}", run.held);
    }
}

/// Where it takes all traffic at once there is nothing to pause before: said, not accepted in silence.
#[test]
fn a_shift_that_nobody_looks_at_cannot_be_paused() {
    let mut quiet = Story::at_step(Strategy::Canary, Step::Watch);
    (quiet.document.step, quiet.document.canary.quiet) = (Step::SetTraffic, true);
    let instant = Story::at_step(Strategy::Instant, Step::SetTraffic);
    for mut story in [quiet, instant] {
        let answer = &story.tell(Input::Pause).answer;
        assert!(matches!(answer, Answer::Refused(why) if why.contains("all traffic at once")), "{answer:?}");
        assert_eq!(story.document.canary.held, None);
    }
    let mut canary = Story::at_step(Strategy::Canary, Step::SetTraffic);
    assert_eq!(canary.tell(Input::Pause).answer, Answer::Applied);
}

/// A quiet service waits for nothing: what came before tells that nothing will come.
#[test]
fn without_traffic_the_probe_decides_at_once() {
    let verified = |requests: u64, counted: bool, without: WithoutTraffic| {
        let mut story = Story::at_step(Strategy::Canary, Step::Verify);
        story.document.policy.without_traffic = without;
        let before = Before {
            requests,
            span_ms: 3_600_000,
            counted,
            outlook: "At 60 requests a minute it takes 43 min".to_owned(),
            asked: None,
        };
        let Outcome::Probed { probe, .. } = sample::probed(true, false) else { unreachable!("a probe") };
        story.came_to(Outcome::Probed { probe, before: Some(before) });
        story
    };
    let mut quiet = verified(0, true, WithoutTraffic::Probe);
    assert_eq!(weights(&quiet.document), [("shop-r7".to_owned(), 100)]);
    let told = quiet.document.timeline.last().unwrap().text.clone();
    assert!(
        told.contains("No request has come in the last 60 min, so its health check decides at once"),
        "{told}"
    );
    quiet.well();
    assert_eq!(quiet.document.step, Step::Retire, "nothing is waited for");
    assert!(
        quiet.document.canary.thin
            && quiet.document.checks.iter().any(|check| check.contains("health check alone"))
    );
    let forgotten = verified(0, false, WithoutTraffic::Probe);
    for begun in
        [verified(1, true, WithoutTraffic::Probe), verified(0, true, WithoutTraffic::Wait), forgotten]
    {
        assert_eq!((begun.document.canary.index, begun.document.canary.quiet), (0, false));
        let told = &begun.document.timeline.last().unwrap().text;
        assert!(told.contains("it takes 43 min. Shifting 10 %"), "{told}");
    }
}

/// Synthetic requests say so, whatever they come to, and only what is clear decides at once.
#[test]
fn without_traffic_requests_of_our_own_decide_where_they_are_asked_for() {
    let verified = |verdict: Verdict| {
        let mut story = Story::at_step(Strategy::Canary, Step::Verify);
        let asked = Some(asked(verdict));
        let before = Before { requests: 0, span_ms: 60_000, counted: false, outlook: String::new(), asked };
        let Outcome::Probed { probe, .. } = sample::probed(true, false) else { unreachable!("a probe") };
        story.came_to(Outcome::Probed { probe, before: Some(before) });
        story.document
    };
    let passed = verified(Verdict::Pass);
    assert_eq!((passed.step, passed.canary.index, passed.canary.quiet), (Step::SetTraffic, 2, true));
    let told = &passed.timeline.last().unwrap().text;
    assert!(told.contains("so synthetic requests decide at once: 60 synthetic requests"), "{told}");
    assert!(passed.checks.iter().any(|check| check.starts_with("by synthetic requests alone")));
    let failed = verified(Verdict::Fail);
    assert_eq!((failed.status, failed.ending), (Status::RollingBack, Some(Ending::RolledBack)));
    assert_eq!(failed.failure.map(|failure| failure.code).as_deref(), Some("canary_failed"));
    let unclear = verified(Verdict::Inconclusive);
    assert_eq!((unclear.step, unclear.canary.index, unclear.canary.quiet), (Step::SetTraffic, 0, false));
    for document in [passed.canary, failed.canary, unclear.canary] {
        assert_eq!(document.synthetic.unwrap().words, "60 synthetic requests");
    }
}

/// Where traffic has stopped and they are asked for, the probe alone lets nothing through.
#[test]
fn where_traffic_stops_requests_of_our_own_are_asked_for_instead() {
    let idle = |asked: Option<Asked>| {
        let mut story = Story::at_step(Strategy::Canary, Step::Watch);
        story.document.policy.synthetic = Some(SyntheticPolicy::default());
        let mut seen = sample::window(&story.document, Verdict::Inconclusive, Some(true));
        (seen.idle, seen.asked) = (true, asked);
        story.came_to(Outcome::WindowSeen(seen));
        story.document
    };
    assert_eq!(idle(None).step, Step::Watch);
    assert_eq!(idle(Some(asked(Verdict::Inconclusive))).step, Step::Watch);
    assert_eq!(idle(Some(asked(Verdict::Fail))).status, Status::RollingBack);
    let passed = idle(Some(asked(Verdict::Pass)));
    assert_eq!((passed.step, passed.canary.index, passed.canary.thin), (Step::SetTraffic, 2, true));
}

fn asked(verdict: Verdict) -> Asked {
    let counts = Counts { canary_requests: 60, stable_requests: 60, canary_bad: 0, stable_bad: 0 };
    let words = "60 synthetic requests".to_owned();
    Asked { verdict, evidence: Synthetic { paths: vec!["/".to_owned()], counts, words } }
}

#[test]
fn where_traffic_stops_the_probe_decides_unless_something_failed() {
    let idle = |bad: u64, probe: bool| {
        let mut story = Story::at_step(Strategy::Canary, Step::Watch);
        let mut seen = sample::window(&story.document, Verdict::Inconclusive, Some(probe));
        seen.counts = Counts { canary_requests: 3, stable_requests: 20, canary_bad: bad, stable_bad: 0 };
        seen.idle = true;
        story.came_to(Outcome::WindowSeen(seen));
        story.document
    };
    let well = idle(0, true);
    assert_eq!((well.step, well.canary.index, well.canary.thin), (Step::SetTraffic, 2, true));
    for waits in [idle(1, true), idle(0, false)] {
        assert_eq!((waits.step, waits.canary.index), (Step::Watch, 0));
    }
}

/// The target's own deadline is 2 and 45 minutes, however long the windows are.
#[test]
fn the_targets_own_deadline_is_a_span_of_time() {
    let accepted = |window_ms: i64, bake_windows: u32, window: WindowPolicy| {
        let mut request = sample::request(7, Strategy::Canary);
        request.policy = CanaryPolicy { window_ms, bake_windows, ..CanaryPolicy::default() };
        let policy = accept(request, true, None, &At { window, ..sample::at(0, "a") }).policy;
        (policy.window_ms, policy.bake_windows, policy.deadline_windows)
    };
    assert_eq!(accepted(0, 0, WindowPolicy::MACHINE), (1_000, 5, 120));
    assert_eq!(accepted(5_000, 0, WindowPolicy::MACHINE), (5_000, 5, 24));
    assert_eq!(accepted(0, 0, WindowPolicy::CLOUD_RUN), (60_000, 15, 45));
    assert_eq!(accepted(180_000, 0, WindowPolicy::CLOUD_RUN), (180_000, 15, 15));
    assert_eq!(accepted(600_000, 0, WindowPolicy::CLOUD_RUN), (600_000, 5, 5));
    assert_eq!(accepted(600_000, 15, WindowPolicy::CLOUD_RUN).2, 15, "never before it has baked");
}

/// Several windows may be read as one: what counts is the time.
#[test]
fn a_deadline_is_a_span_of_time() {
    let after = |windows: i64| {
        let mut story = Story::at_step(Strategy::Canary, Step::Watch);
        story.document.policy.deadline_windows = 10;
        let mut seen = sample::window(&story.document, Verdict::Inconclusive, Some(true));
        seen.window.to = seen.window.from.plus(windows * 1_000);
        story.came_to(Outcome::WindowSeen(seen));
        story.document.canary
    };
    assert_eq!((after(9).held, after(9).windows), (None, 9));
    assert!(after(10).held.is_some());
}

/// Where all that is missing is more requests, there is twice the time for them, and no more.
#[test]
fn a_quiet_service_has_twice_the_time_while_nothing_fails() {
    let after = |windows: i64, requests: u64, bad: u64| {
        let mut story = Story::at_step(Strategy::Canary, Step::Watch);
        story.document.policy.deadline_windows = 10;
        let mut seen = sample::window(&story.document, Verdict::Inconclusive, Some(true));
        seen.window.to = seen.window.from.plus(windows * 1_000);
        (seen.counts.canary_requests, seen.counts.canary_bad) = (requests, bad);
        story.came_to(Outcome::WindowSeen(seen));
        story.document.canary.held.is_some()
    };
    assert!(after(10, 29, 0), "not half of 59");
    assert!(!after(10, 30, 0) && !after(19, 30, 0) && after(20, 30, 0));
    assert!(after(10, 30, 1), "one failed");
}

#[test]
fn a_first_revision_that_fails_at_a_later_window_leaves_nothing_serving() {
    let mut story = Story::new(Strategy::Canary, None);
    story.tell(Input::Wake);
    while story.document.step != Step::Watch {
        story.well();
    }
    let seen = sample::window(&story.document, Verdict::Inconclusive, Some(true));
    story.came_to(Outcome::WindowSeen(seen));
    let mut seen = sample::window(&story.document, Verdict::Inconclusive, None);
    seen.guard = Some("It crashed 5 times".to_owned());
    assert_eq!(story.came_to(Outcome::WindowSeen(seen)).effect, Some(Effect::Restore));
    story.came_to(Outcome::Restored(sample::traffic("t2", &[("shop-r7", 100)])));
    assert_eq!(story.document.status, Status::RollingBack, "it still serves");
    story.well();
    assert_eq!(story.document.status, Status::Failed);
    assert_eq!(story.document.failure.as_ref().unwrap().code, "canary_failed");
}

#[test]
fn faults_far_apart_do_not_add_up() {
    let mut story = Story::at_step(Strategy::Canary, Step::Watch);
    story.document.policy.deadline_windows = 1000;
    for _ in 0..20 {
        story.came_to(sample::fault(true));
        let seen = sample::window(&story.document, Verdict::Inconclusive, Some(true));
        story.came_to(Outcome::WindowSeen(seen));
    }
    assert_eq!(story.document.step, Step::Watch);
}

#[test]
fn a_step_that_kills_whoever_does_it_is_given_up() {
    let mut story = Story::at_step(Strategy::Canary, Step::Analyze);
    for _ in 0..6 {
        assert!(matches!(story.tell(Input::Wake).answer, Answer::Wait(_)), "somebody is at it");
        story.ms += 41_000;
        story.tell(Input::Wake);
    }
    assert_eq!(story.document.status, Status::Failed);
    assert_eq!(story.document.failure.as_ref().unwrap().code, "worker_lost");
}

#[test]
fn a_build_is_started_again_twice_under_keys_of_its_own() {
    let mut story = Story::at_step(Strategy::Canary, Step::AwaitBuild);
    let mut keys = vec![];
    for _ in 0..3 {
        keys.push(story.document.build_key());
        story.came_to(Outcome::BuildRead(BuildState::Unknown));
        if story.document.step == Step::StartBuild {
            story.well();
        }
    }
    assert_eq!(keys, story.document.build_keys());
    assert_eq!((story.document.status, story.document.ending), (Status::Failed, None));
}

#[test]
fn a_build_that_does_not_end_is_ended() {
    let mut story = Story::at_step(Strategy::Canary, Step::AwaitBuild);
    let running = || Outcome::BuildRead(BuildState::Running);
    assert!(matches!(story.came_to(running()).answer, Answer::Wait(_)));
    story.came_to(sample::fault(true));
    story.ms += 3_000;
    story.tell(Input::Wake);
    story.came_to(running());
    assert!(story.document.next_due.unwrap().since(START.plus(story.ms)) > 60_000, "it is read each minute");
    story.ms += 21 * 60_000;
    assert_eq!(story.came_to(running()).effect, Some(Effect::Restore));
    assert_eq!(story.document.failure.as_ref().unwrap().code, "build_failed");
}

/// However long it waits for its turn, its own time begins after that.
#[test]
fn a_build_that_waits_for_its_turn_says_so_and_loses_no_time() {
    let mut story = Story::at_step(Strategy::Canary, Step::AwaitBuild);
    let queued = |ahead| Outcome::BuildRead(BuildState::Queued { ahead, slots: 2 });
    story.came_to(queued(1));
    assert_eq!(story.document.waits.as_deref(), Some("Waits for one of 2 builds; 1 is ahead"));
    let lines = story.document.seq;
    for _ in 0..10 {
        story.ms += 10 * 60_000;
        assert!(matches!(story.came_to(queued(1)).answer, Answer::Wait(_)), "nothing is written");
    }
    assert_eq!(story.document.seq, lines, "it is said once");
    story.came_to(queued(0));
    assert!(story.document.timeline.last().unwrap().text.ends_with("it is the next"));
    story.came_to(Outcome::BuildRead(BuildState::Running));
    assert_eq!((story.document.waits.clone(), story.document.step), (None, Step::AwaitBuild));
    story.ms += 60_000;
    assert!(matches!(story.came_to(Outcome::BuildRead(BuildState::Running)).answer, Answer::Wait(_)));
    story.ms += 61 * 60_000;
    assert_eq!(story.came_to(Outcome::BuildRead(BuildState::Running)).effect, Some(Effect::Restore));
}

/// It is asked for again, without end, and never counts as a failure.
#[test]
fn a_fetch_that_waits_for_its_turn_is_no_failure() {
    let mut story = Story::at_step(Strategy::Canary, Step::Scan);
    for _ in 0..50 {
        story.came_to(Outcome::Waits { reason: "Waits for one of 4 fetches; it is the next".to_owned() });
        assert_eq!((story.document.step, story.document.tries), (Step::Scan, 0));
        story.ms += 2_000;
        assert_eq!(story.tell(Input::Wake).effect, Some(Effect::Scan));
    }
    story.came_to(sample::scanned());
    assert_eq!((story.document.step, story.document.waits.clone()), (Step::Analyze, None));
}

#[test]
fn tidying_up_never_fails_a_shift() {
    let mut story = Story::at_step(Strategy::Instant, Step::Retire);
    assert!(matches!(story.tell(Input::Pause).answer, Answer::Refused(_)));
    story.came_to(sample::fault(false));
    assert_eq!(story.document.status, Status::Deployed);
    assert!(story.document.checks.iter().any(|check| check.contains("could not be stopped")));
}

#[test]
fn a_result_that_its_step_cannot_have_changes_nothing() {
    let mut story = Story::at_step(Strategy::Canary, Step::Watch);
    story.tell(Input::Cancel);
    assert_eq!(story.came_to(Outcome::Retired).answer, Answer::Unchanged);
    assert_eq!(story.document.status, Status::RollingBack);
}

#[test]
fn one_that_waits_is_looked_at_but_rarely() {
    let mut document = accept(sample::request(7, Strategy::Canary), false, None, &sample::at(0, "a"));
    document.outbox.clear();
    assert_eq!(decide(&document, Input::Wake, &sample::at(1, "a")).answer, Answer::Unchanged);
    let later = decide(&document, Input::Wake, &sample::at(60_000, "a")).next.unwrap();
    assert!(later.next_due.unwrap().since(START) > 300_000);
}

#[test]
fn what_a_customer_carries_out_takes_no_commands() {
    let mut request = sample::request(7, Strategy::Canary);
    request.carried_out_by = model::document::CarriedOutBy::Customer;
    let document = accept(request, true, None, &sample::at(0, "a"));
    for input in [Input::Cancel, Input::Rollback { to: Some(sample::kept(1)) }, Input::Pause] {
        let refused = decide(&document, input, &sample::at(1, "a"));
        assert!(matches!(&refused.answer, Answer::Refused(why) if why.contains("yourself")));
    }
}

#[test]
fn a_rollback_names_where_to_also_before_the_shift() {
    let mut story = Story::at_step(Strategy::Canary, Step::Verify);
    story.tell(Input::Rollback { to: Some(sample::kept(3)) });
    assert_eq!(story.document.last_good.as_ref().unwrap().revision, "shop-r3");
    let itself = Kept { revision: "shop-r7".to_owned(), ..sample::kept(7) };
    let mut story = Story::at_step(Strategy::Canary, Step::Verify);
    assert!(matches!(story.tell(Input::Rollback { to: Some(itself) }).answer, Answer::Refused(_)));
}

#[test]
fn what_is_owed_at_rest_stays_due() {
    let mut story = Story::at_step(Strategy::Instant, Step::Rest);
    story.document.outbox = story.last.as_ref().unwrap().next.as_ref().unwrap().outbox.clone();
    let owing = story.tell(Input::Wake).next.clone().unwrap();
    assert!(owing.next_due.is_some() && owing.outbox[0].kind == kind::DEPLOYMENT_ENDED);
}

/// A second way back of one deployment is another command: were its key the first one's, the target would answer it
/// with what the first came to, and set nothing.
#[test]
fn each_way_back_has_a_key_of_its_own() {
    let mut story = Story::at_step(Strategy::Instant, Step::Rest);
    let mut keys = vec![];
    for _ in 0..3 {
        story.tell(Input::Rollback { to: Some(sample::kept(1)) });
        keys.push((story.document.effect_key(), story.document.attempt));
        story.came_to(sample::fault(false));
        assert_eq!(story.document.status, Status::Deployed);
    }
    keys.dedup();
    assert_eq!(keys.len(), 3, "{keys:?}");
    // A late answer to the first command is none to the third.
    story.tell(Input::Rollback { to: Some(sample::kept(1)) });
    let outcome = Outcome::Restored(sample::traffic("t9", &[("shop-r1", 100)]));
    let late = story.tell(Input::Result { step: Step::Restore, attempt: 1, outcome });
    assert_eq!(late.answer, Answer::Unchanged);
    assert_eq!(story.document.status, Status::RollingBack);
}

fn on_its_way_back() -> Story {
    let mut story = Story::at_step(Strategy::Canary, Step::Watch);
    story.tell(Input::Cancel);
    assert_eq!((story.document.status, story.document.step), (Status::RollingBack, Step::Restore));
    story
}

#[test]
fn what_the_target_has_lost_ends_the_way_back_with_a_sentence_that_says_so() {
    for (gone, code, words) in [
        (Gone::Service, "service_gone", "the service is gone"),
        (Gone::Revision("shop-r1".to_owned()), "revision_gone", "shop-r1 is gone"),
        (Gone::Key("shop-r1".to_owned()), "key_gone", "the key to the secrets of shop-r1 is gone"),
    ] {
        let mut story = on_its_way_back();
        let ended = story.came_to(sample::gone(gone.clone()));
        assert_eq!(ended.slot, Slot::Lost(gone));
        let failure = story.document.failure.clone().unwrap();
        assert_eq!((story.document.status, failure.code.as_str()), (Status::Failed, code));
        assert!(failure.message.contains(words) && failure.hint.contains("deploy again"), "{failure:?}");
    }
    let mut first = Story::new(Strategy::Canary, None);
    first.tell(Input::Wake);
    while first.document.step != Step::Verify {
        first.well();
    }
    first.tell(Input::Cancel);
    first.came_to(sample::gone(Gone::Service));
    assert_eq!(
        (first.document.status, first.document.failure),
        (Status::Cancelled, None),
        "nothing was lost"
    );
}

#[test]
fn a_person_can_have_a_way_back_given_up_once_it_has_failed() {
    let mut story = on_its_way_back();
    assert!(matches!(story.tell(Input::LetGo).answer, Answer::Refused(_)), "nothing has failed yet");
    story.came_to(sample::fault(true));
    let left = story.tell(Input::LetGo);
    assert_eq!(left.slot, Slot::Free);
    let failure = story.document.failure.clone().unwrap();
    assert_eq!((story.document.status, failure.code.as_str()), (Status::Failed, "restore_abandoned"));
    assert!(failure.message.contains("did not answer"), "the last try is told: {failure:?}");
    // Whoever was at it comes back late: it changes nothing any more.
    let outcome = Outcome::Restored(sample::traffic("t9", &[("shop-r1", 100)]));
    let (step, attempt) = (Step::Restore, story.document.attempt);
    assert_eq!(story.tell(Input::Result { step, attempt, outcome }).answer, Answer::Unchanged);
}

#[test]
fn a_person_can_name_another_revision_on_the_way_back() {
    let mut story = on_its_way_back();
    let before = story.document.effect_key();
    story.came_to(sample::fault(true));
    assert_eq!(story.tell(Input::Rollback { to: Some(sample::kept(1)) }).answer, Answer::Unchanged);
    let elsewhere = story.tell(Input::Rollback { to: Some(sample::kept(3)) });
    assert_eq!(
        (elsewhere.answer.clone(), elsewhere.effect.clone()),
        (Answer::Applied, Some(Effect::Restore))
    );
    assert_ne!(story.document.effect_key(), before);
    story.came_to(Outcome::Restored(sample::traffic("t9", &[("shop-r3", 100)])));
    assert_eq!(story.document.status, Status::RolledBack);
}

#[test]
fn a_way_back_is_not_tried_longer_than_a_day() {
    let mut story = on_its_way_back();
    for _ in 0..30 {
        story.came_to(sample::fault(true));
        story.ms += 3_600_000;
    }
    assert_eq!(story.document.status, Status::Failed);
    assert_eq!(story.document.failure.as_ref().unwrap().code, "restore_failed");
}

#[test]
fn what_the_target_takes_its_time_for_is_awaited_with_its_reason_and_read_at_a_slowing_pace() {
    let mut story = Story::at_step(Strategy::Canary, Step::Release);
    story.came_to(Outcome::ReleasePending { why: sample::why() });
    assert_eq!(story.document.step, Step::AwaitRelease);
    assert!(story.document.timeline.last().unwrap().text.contains("Cloud Run is starting it"));
    let (lines, mut looks) = (story.document.timeline.len(), 0);
    while story.ms < 240_000 {
        story.ms = story.document.next_due.unwrap().since(START);
        assert_eq!(story.tell(Input::Wake).effect, Some(Effect::ReadRelease));
        story.came_to(Outcome::ReleasePending { why: sample::why() });
        let early = story.came_to(Outcome::ReleasePending { why: sample::why() });
        assert!(matches!(early.answer, Answer::Wait(_)) && early.next.is_none(), "looks don't multiply");
        looks += 1;
    }
    assert!(looks < 16, "{looks} looks in four minutes");
    assert_eq!(story.document.timeline.len(), lines, "the reason is told once");
    story.well();
    assert_eq!(story.document.step, Step::Verify);
    // One that never ends is ended.
    let mut story = Story::at_step(Strategy::Canary, Step::SetTraffic);
    story.came_to(Outcome::TrafficPending { why: sample::why() });
    assert_eq!(
        story.document.effect_key(),
        story.document.effect_key().replace("AwaitTraffic", "SetTraffic")
    );
    story.ms += 16 * 60_000;
    let ended = story.came_to(Outcome::TrafficPending { why: sample::why() });
    assert_eq!(ended.effect, Some(Effect::Restore));
    assert_eq!(story.document.failure.as_ref().unwrap().code, "operation_timed_out");
}

#[test]
fn an_operation_that_the_target_has_lost_is_started_again_under_its_key() {
    let mut story = Story::at_step(Strategy::Canary, Step::SetTraffic);
    let key = story.document.effect_key();
    story.came_to(Outcome::TrafficPending { why: sample::why() });
    story.came_to(Outcome::TrafficUnknown);
    assert_eq!((story.document.step, story.document.effect_key()), (Step::SetTraffic, key));
    story.ms += 60_000;
    assert!(matches!(story.tell(Input::Wake).effect, Some(Effect::SetTraffic(_))));
}

#[test]
fn a_first_revision_that_takes_traffic_stays_closed_until_it_is_verified() {
    let mut story = Story::new(Strategy::Canary, None);
    story.tell(Input::Wake);
    while story.document.step != Step::Release {
        story.well();
    }
    let revision = story.document.revision_name();
    let mut released = sample::released(&revision, "t1");
    if let Outcome::Released { released, .. } = &mut released {
        released.closed = true;
    }
    story.came_to(released);
    story.came_to(sample::probed(false, false));
    assert_eq!(story.document.step, Step::Verify, "it is not opened before it is well");
    assert_eq!(story.came_to(sample::probed(true, false)).effect, Some(Effect::Open));
    story.came_to(Outcome::Opened(sample::traffic("t2", &[(&revision, 100)])));
    assert_eq!((story.document.step, story.document.status), (Step::Watch, Status::Shifting));
}
