//! `accept`, `claim` and `settle` alone: one runs, one waits, and nobody is left behind.

use crate::sample;
use model::{
    DeploymentId,
    deployment::{Claim, Slot, accept, claim, settle},
    document::{Deployment, Kept, Service, Status, Step, Strategy},
};
use proptest::prelude::*;

fn document(n: u32) -> Deployment {
    let mut document = accept(sample::request(n, Strategy::Canary), true, None, &sample::at(0, "a"));
    document.last_good = Some(sample::kept(n + 1000));
    document
}

fn kept_of(n: u32) -> Kept {
    Kept { revision: document(n).revision_name(), ..sample::kept(n) }
}

fn number(id: &DeploymentId) -> u32 {
    id.as_str().trim_start_matches("dep_").parse().unwrap()
}

/// Ends `n` in one of the ways there are; answers who was granted the service.
fn end(service: &mut Service, n: u32, way: u8) -> Option<DeploymentId> {
    let slot = match way % 3 {
        0 => Slot::Free,
        1 => Slot::Back,
        _ => Slot::Serve(kept_of(n)),
    };
    settle(service, &document(n), &slot, &sample::at(9, "a")).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_runs_one_waits_and_nobody_is_left_behind(events in prop::collection::vec(any::<(u8, u8)>(), 0..60)) {
        let mut service = sample::service();
        let (mut asked, mut open) = (0, std::collections::BTreeSet::new());
        for (what, way) in events {
            let running = service.slot.running.clone();
            match what % 4 {
                0 | 1 => {
                    asked += 1;
                    let claimed = claim(&mut service, &sample::id(asked), &sample::at(1, "a"));
                    open.insert(asked);
                    match claimed {
                        Claim::Runs => prop_assert_eq!(running, None),
                        Claim::Waits { supersedes, running: told } => {
                            prop_assert_eq!(Some(told), running);
                            if let Some(before) = supersedes {
                                prop_assert!(open.remove(&number(&before)));
                                prop_assert_eq!(end(&mut service, number(&before), 0), None);
                            }
                        }
                    }
                    let once = (service.slot.running.clone(), service.slot.queued.clone());
                    claim(&mut service, &sample::id(asked), &sample::at(1, "a"));
                    prop_assert_eq!(once, (service.slot.running.clone(), service.slot.queued.clone()), "asked twice");
                }
                2 => if let Some(running) = running {
                    let waiting = service.slot.queued.clone();
                    open.remove(&number(&running));
                    prop_assert_eq!(&end(&mut service, number(&running), way), &waiting);
                    prop_assert_eq!(&service.slot.running, &waiting, "whoever waited runs");
                    prop_assert_eq!(&service.slot.queued, &None);
                    let settled = service.clone();
                    prop_assert_eq!(end(&mut service, number(&running), 0), None);
                    prop_assert_eq!(&settled, &service, "ending twice is ending once");
                },
                _ => if let Some(waiting) = service.slot.queued.clone() {
                    open.remove(&number(&waiting));
                    prop_assert_eq!(end(&mut service, number(&waiting), 0), None);
                    prop_assert_eq!(service.slot.running.clone(), running);
                    prop_assert_eq!(&service.slot.queued, &None);
                },
            }
            let holds: std::collections::BTreeSet<u32> =
                service.slot.running.iter().chain(&service.slot.queued).map(number).collect();
            prop_assert_eq!(&holds, &open, "who is open holds the slot or waits for it");
            prop_assert!(service.slot.running.is_some() || service.slot.queued.is_none());
            prop_assert!(service.slot.kept.len() <= Service::KEPT);
        }
    }

    #[test]
    fn what_runs_is_at_its_first_step_and_what_waits_is_queued(n in 1_u32..999, runs in any::<bool>()) {
        let document = accept(sample::request(n, Strategy::Quick), runs, None, &sample::at(n.into(), "a"));
        prop_assert_eq!(document.status, Status::Pending);
        prop_assert_eq!(document.step, if runs { Step::Scan } else { Step::Queue });
        prop_assert_eq!(document.outbox.len(), 1);
        prop_assert!(document.next_due.unwrap() > document.created_at);
    }
}

#[test]
fn a_taken_slot_is_refused_and_nothing_changes() {
    let mut service = sample::service();
    claim(&mut service, &sample::id(1), &sample::at(0, "a"));
    claim(&mut service, &sample::id(2), &sample::at(0, "a"));
    let before = service.clone();
    let taken = settle(&mut service, &document(3), &Slot::Take, &sample::at(0, "a"));
    assert_eq!(taken, Err(sample::id(1)));
    assert_eq!(service, before);
}

#[test]
fn what_traffic_went_back_to_serves_whoever_served_before() {
    let mut service = sample::service();
    for n in 1..=3 {
        claim(&mut service, &sample::id(n), &sample::at(0, "a"));
        end(&mut service, n, 2);
    }
    // Taken back by hand from the second, while the third serves: all traffic is on the first.
    let mut back = document(2);
    (back.last_good, back.traffic) = (Some(kept_of(1)), Some(sample::traffic("t9", &[]).token));
    settle(&mut service, &back, &Slot::Take, &sample::at(5, "a")).unwrap();
    settle(&mut service, &back, &Slot::Back, &sample::at(6, "a")).unwrap();
    assert_eq!(service.slot.serving, Some(kept_of(1)));
    assert_eq!(service.slot.traffic, back.traffic);
    assert_eq!(service.slot.kept, [kept_of(3), kept_of(1)]);
    assert_eq!(service.slot.running, None);
}

#[test]
fn nothing_goes_back_to_a_revision_that_was_taken_back_meanwhile() {
    let mut service = sample::service();
    claim(&mut service, &sample::id(1), &sample::at(0, "a"));
    end(&mut service, 1, 2);
    let before = Service { updated_at: sample::at(1, "a").now, ..service.clone() };
    let gone = Deployment { last_good: Some(kept_of(5)), ..document(1) };
    assert_eq!(settle(&mut service, &gone, &Slot::Take, &sample::at(1, "a")), Err(sample::id(5)));
    assert_eq!(service, before);
}

#[test]
fn what_serves_is_kept_and_the_oldest_is_forgotten() {
    let mut service = sample::service();
    for n in 1..=7 {
        claim(&mut service, &sample::id(n), &sample::at(0, "a"));
        end(&mut service, n, 2);
    }
    assert_eq!(service.slot.serving, Some(kept_of(7)));
    assert_eq!(service.slot.kept, [7, 6, 5, 4, 3].map(kept_of));
    // A way back that was blocked, or an end before anything was released, leaves it as it is.
    settle(&mut service, &document(7), &Slot::Free, &sample::at(1, "a")).unwrap();
    assert_eq!(service.slot.serving, Some(kept_of(7)));
}
