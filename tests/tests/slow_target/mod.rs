//! The slow target: its operations are pending for a while, and the way to it loses calls and answers.

use crate::machine_target::now_ms;
use machine::{
    clock::MachineClock,
    objects::Objects,
    store::{self, Store},
};
use model::port::{Broker, target::WindowPolicy};
use std::{sync::Arc, time::Duration};
use tests::{
    conformance::target::{App, Fixture, Heard, archived},
    fake::{Nature, Patient, SlowTarget, Temper},
};

/// More than half of the operations take a while; some are accepted and forgotten.
const TEMPER: Temper = Temper {
    slow: 60,
    longest_ms: 60,
    failing: 0,
    forgetful: 10,
    bad: 0,
    first_takes_all: false,
    windows: WindowPolicy::MACHINE,
};
/// Percent of calls that are lost, and of answers.
const LOST: u64 = 10;

async fn slow() -> Fixture {
    fixture(TEMPER).await
}

async fn closed() -> Fixture {
    fixture(Temper { first_takes_all: true, ..TEMPER }).await
}

async fn fixture(temper: Temper) -> Fixture {
    let data = tempfile::tempdir().unwrap();
    let clock = Arc::new(MachineClock::open(data.path()).unwrap());
    let service = Fixture::service();
    // Each test has dice of its own, and the same ones whenever it runs.
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let seed = test.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let target = Arc::new(SlowTarget::new(clock, temper, seed));
    target.state().natures.extend([Nature::Good; 8]);
    let heard = Arc::new(Heard::default());
    let (told, telling) = (heard.clone(), target.clone());
    let announcing = tokio::spawn(async move {
        loop {
            told.publish(telling.take_announcements()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    let objects = Arc::new(Objects::open(&data.path().join("objects")).unwrap());
    std::fs::create_dir_all(data.path().join("store")).unwrap();
    let store = Arc::new(Store::open(&data.path().join("store"), store::Options::default()).unwrap());
    std::fs::create_dir_all(data.path().join("app")).unwrap();
    let archive = archived(&*objects, &data.path().join("app")).await;
    let app = App { archive, start_command: "nothing runs here".to_owned() };
    let target = Arc::new(Patient::new(target, LOST, seed));
    let guard = Box::new((data, Announcing(announcing)));
    Fixture { target, objects, store, heard, app, now_ms, service, guard }
}

/// Ends with its test.
struct Announcing(tokio::task::JoinHandle<()>);

impl Drop for Announcing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

mod without_traffic {
    use super::slow;

    tests::target_suite!(slow();
        an_unknown_build_is_unknown,
        a_revision_is_created_once,
        a_first_revision_lets_nobody_in_before_it_is_opened,
        traffic_is_fenced_by_its_token,
        a_repeated_change_of_traffic_answers_as_the_first_did,
        shares_must_sum_to_a_hundred_and_name_revisions,
        a_remembered_revision_comes_back,
        a_forgotten_revision_is_gone,
        a_discarded_revision_is_gone_alone,
        paths_are_counted_by_form_or_not_known,
        what_was_built_is_released_again,
    );
}

mod with_all_traffic {
    use super::closed;

    tests::target_suite!(closed();
        a_revision_is_created_once,
        a_first_revision_lets_nobody_in_before_it_is_opened,
    );
}
