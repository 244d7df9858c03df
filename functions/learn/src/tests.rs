//! Against the embedded store, with hostile delivery.

use super::*;
use forecast::{
    calibrate::{Cell, Metric},
    recommend::{learning, recommend},
};
use host::testing::{START, World, sample};
use machine::store::{Options, Store};
use model::{
    Micros, Timestamp,
    document::{
        Feedback, FeedbackKind, Learning, SCHEMA, Service,
        calibration::{ClassDocument, OwnDocument, own_path, pool_path},
        collection, feedback_path, service_path,
    },
    message::Message,
    port::store::{Query, Scope},
    time::DAY_MS,
};
use std::sync::Arc;

const CLASS: &str = "rust/axum";

async fn world(folder: &tempfile::TempDir) -> World {
    let world = World::new(Arc::new(Store::open(folder.path(), Options::default()).unwrap()));
    world.with_service().await;
    world.with_deployment(2).await;
    let mut service = sample::service();
    service.serve(sample::kept(2, START.plus(DAY_MS)));
    world.put(service_path(&sample::acme(), &sample::shop()), &service).await;
    world
}

fn feedback(decision: u32, key: &str, at: Timestamp, paid: Option<f64>, kind: FeedbackKind) -> Feedback {
    Feedback {
        schema: SCHEMA,
        tenant: sample::acme(),
        decision: sample::decision_id(decision),
        deployment: Some(sample::deployment_id(decision)),
        received_at: at,
        key: key.into(),
        channel: "api".into(),
        kind,
        satisfaction: 5,
        comments: String::new(),
        metrics: serde_json::Value::Null,
        actual_monthly_cost: paid.and_then(Micros::from_usd),
        currency: paid.map(|_| "USD".into()),
    }
}

async fn said(world: &World, feedback: &Feedback) -> Message {
    world.put(feedback_path(&sample::acme(), &feedback.decision), feedback).await;
    let body = AboutFeedback { service: sample::shop(), decision: Some(feedback.decision.clone()) };
    Message::new(topic::FEEDBACK, kind::FEEDBACK_RECEIVED, &sample::acme(), &body)
}

async fn seen(world: &World, observation: &Observation) -> Message {
    world.observed(observation).await;
    let body = AboutObservation { observation: observation.id.clone(), service: sample::shop() };
    Message::new(topic::OBSERVATIONS, kind::OBSERVATION_RECORDED, &sample::acme(), &body)
}

async fn deliver(world: &World, message: &Message) -> Result<Outcome, Error> {
    let (ctx, delivery) = world.delivery(message.clone());
    match message.kind.as_str() {
        kind::FEEDBACK_RECEIVED => on_feedback(ctx, delivery).await,
        _ => on_observation(ctx, delivery).await,
    }
}

async fn own(world: &World) -> OwnDocument {
    world.read(&own_path(&sample::acme(), CLASS)).await.unwrap_or_default()
}

async fn cost_cell(world: &World, month: &str) -> Cell {
    let own = own(world).await;
    let cost = own.cells.get(&Metric::CostMonth);
    cost.and_then(|months| months.get(&month.parse().unwrap()).copied()).unwrap_or_default()
}

async fn learnings(world: &World) -> Vec<Learning> {
    let query = Query::all(Scope::Collection(collection(&sample::acme(), "learnings")), 100);
    let page = world.store().query(&query).await.unwrap();
    page.documents.iter().map(|found| found.body.parse().unwrap()).collect()
}

#[tokio::test]
async fn an_answer_moves_the_next_decision_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let before = recommend(CLASS, None, None, "us-central1", &learning(None, None, START)).unwrap();
    let promised = before.prediction.cost_month.value;
    let paid = 3.0 * promised as f64 / 1e6;
    let answer = feedback(1, "a", START.plus(7 * DAY_MS), Some(paid), FeedbackKind::UnderProvisioned);
    let message = said(&world, &answer).await;
    assert_eq!(deliver(&world, &message).await.unwrap(), Outcome::Done);
    let own = own(&world).await;
    let next = recommend(CLASS, None, None, "us-central1", &learning(None, Some(&own), START)).unwrap();
    let after = next.prediction.cost_month.value;
    assert!(after > promised * 2 && after < promised * 3, "{promised} -> {after}, paid {paid}");
    assert!(next.reasons.iter().any(|reason| reason.contains("1 deployment-month")), "{:?}", next.reasons);
    assert!(next.configuration.memory_mib >= before.configuration.memory_mib);
    let learned = learnings(&world).await;
    assert_eq!((learned.len(), learned[0].impact.as_str()), (1, "high"));
    let told = learned[0].explanation.join(" ");
    assert!(told.contains("We predicted 0.28, you paid 0.85 (+200 %)"), "{told}");
    assert!(told.contains("too little of it"), "{told}");
    assert!(learned[0].updates_generated[0].starts_with("cost_month: × 1.00 before, × 2.5"), "{learned:?}");
    assert_eq!(world.published(kind::LEARNING_RECORDED).len(), 1);
}

#[tokio::test]
async fn a_repeat_changes_nothing_and_publishes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let observation = seen(&world, &sample::observation(1, 0, 600, 10)).await;
    let answer =
        said(&world, &feedback(1, "a", START.plus(DAY_MS), Some(1.0), FeedbackKind::PerfectFit)).await;
    deliver(&world, &answer).await.unwrap();
    let (first, documents) = (own(&world).await, learnings(&world).await);
    for message in [&answer, &observation, &answer] {
        assert_eq!(deliver(&world, message).await.unwrap(), Outcome::Duplicate);
    }
    assert_eq!((own(&world).await, learnings(&world).await), (first, documents));
    assert_eq!(world.published(kind::LEARNING_RECORDED).len(), 1);
}

#[tokio::test]
async fn a_correction_adds_the_difference() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let at = START.plus(DAY_MS);
    for (key, paid, at) in [("a", 0.9, at), ("b", 0.6, at.plus(1)), ("c", 0.283_125, at.plus(2))] {
        let message = said(&world, &feedback(1, key, at, Some(paid), FeedbackKind::PerfectFit)).await;
        assert_eq!(deliver(&world, &message).await.unwrap(), Outcome::Done);
    }
    assert_eq!(cost_cell(&world, "2026-11").await, Cell { n: 1, sum_y: 0, sum_yy: 0 });
    assert_eq!(own(&world).await.answers.fit, 1, "one voice, however often it speaks");
}

#[tokio::test]
async fn what_is_paid_in_another_month_is_withdrawn_from_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let first = said(&world, &feedback(1, "a", START, Some(1.0), FeedbackKind::PerfectFit)).await;
    deliver(&world, &first).await.unwrap();
    assert_eq!(cost_cell(&world, "2026-11").await.n, 1);
    let second =
        said(&world, &feedback(1, "b", START.plus(20 * DAY_MS), Some(1.0), FeedbackKind::PerfectFit)).await;
    deliver(&world, &second).await.unwrap();
    assert!(cost_cell(&world, "2026-11").await.is_zero());
    assert_eq!(cost_cell(&world, "2026-12").await.n, 1);
}

#[tokio::test]
async fn other_currencies_are_kept_and_not_learned_from() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let euros = Feedback {
        currency: Some("EUR".into()),
        ..feedback(1, "a", START, Some(99.0), FeedbackKind::PerfectFit)
    };
    let message = said(&world, &euros).await;
    deliver(&world, &message).await.unwrap();
    assert!(own(&world).await.cells.is_empty());
    let told = learnings(&world).await[0].explanation.join(" ");
    assert!(told.contains("You pay 99.00 EUR") && told.contains("not compared"), "{told}");
}

#[tokio::test]
async fn measurements_alone_count_from_the_seventh_day_on() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let first = seen(&world, &sample::observation(1, 0, 600, 10)).await;
    assert_eq!(deliver(&world, &first).await.unwrap(), Outcome::Duplicate);
    world.tick(6 * DAY_MS);
    deliver(&world, &first).await.unwrap();
    assert!(own(&world).await.cells.is_empty(), "six days are not seven");
    world.tick(DAY_MS);
    assert_eq!(deliver(&world, &first).await.unwrap(), Outcome::Done);
    let own_now = own(&world).await;
    assert_eq!(own_now.cells.len(), 4, "{own_now:?}");
    let second = seen(&world, &sample::observation(1, 1, 60_000, 9_000)).await;
    assert_eq!(deliver(&world, &second).await.unwrap(), Outcome::Duplicate, "not again within seven days");
    world.tick(7 * DAY_MS);
    assert_eq!(deliver(&world, &second).await.unwrap(), Outcome::Done);
    let month = own(&world).await.cells[&Metric::CostMonth].clone();
    assert_eq!(month.values().map(|cell| cell.n).collect::<Vec<_>>(), [1], "a month is one, corrected");
}

#[tokio::test]
async fn learning_can_be_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await.with_value("no_learning", "true");
    let message = said(&world, &feedback(1, "a", START, Some(1.0), FeedbackKind::PerfectFit)).await;
    assert_eq!(deliver(&world, &message).await.unwrap(), Outcome::Done);
    assert_eq!(own(&world).await, OwnDocument::default());
    assert!(learnings(&world).await.is_empty() && world.state().messages.is_empty());
}

#[tokio::test]
async fn what_could_not_be_published_is_published_when_it_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let message = said(&world, &feedback(1, "a", START, Some(1.0), FeedbackKind::PerfectFit)).await;
    world.state().broker_down = true;
    assert_eq!(deliver(&world, &message).await.unwrap(), Outcome::Done, "the commit stands");
    assert!(world.published(kind::LEARNING_RECORDED).is_empty());
    world.state().broker_down = false;
    deliver(&world, &message).await.unwrap();
    deliver(&world, &message).await.unwrap();
    assert_eq!(world.published(kind::LEARNING_RECORDED).len(), 1);
    assert_eq!(cost_cell(&world, "2026-11").await.n, 1);
}

#[tokio::test]
async fn nothing_is_learned_from_what_nobody_knows() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let body = AboutFeedback { service: sample::shop(), decision: Some(sample::decision_id(99)) };
    let unknown = Message::new(topic::FEEDBACK, kind::FEEDBACK_RECEIVED, &sample::acme(), &body);
    let other = Message {
        tenant: model::TenantId::new("other").unwrap(),
        ..said(&world, &feedback(1, "a", START, Some(1.0), FeedbackKind::PerfectFit)).await
    };
    for message in [unknown, other] {
        assert!(matches!(deliver(&world, &message).await.unwrap(), Outcome::Reject(_)));
    }
    assert_eq!(own(&world).await, OwnDocument::default());
}

/// A reproducible shuffle.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.roll(index + 1));
        }
    }
}

/// Everything that calibration keeps, as bytes.
async fn bits(world: &World) -> String {
    let mut all = vec![format!("{:?}", own(world).await)];
    for folder in ["calibration_events", "calibration"] {
        let query = Query::all(Scope::Collection(collection(&sample::acme(), folder)), 500);
        for found in world.store().query(&query).await.unwrap().documents {
            let mut body: serde_json::Value = found.body.parse().unwrap();
            // How often it was corrected on the way is history, not state.
            body.as_object_mut().unwrap().remove("revision");
            // A count that went back to 0 is as good as one that never was.
            drop_zeros(&mut body);
            all.push(format!("{} {body}", found.path));
        }
    }
    all.join("\n")
}

fn drop_zeros(value: &mut serde_json::Value) {
    if let Some(map) = value.as_object_mut() {
        map.values_mut().for_each(drop_zeros);
        map.retain(|_, value| *value != 0 && value.as_object().is_none_or(|map| !map.is_empty()));
    }
}

/// Two deployments, two months, answers that replace each other; each message up to three times, in any order, mixed
/// with the answers' own arrival.
async fn one_order(seed: u64) -> String {
    // In memory where there is such a folder: two hundred stores sync a lot, and durability is not the point here.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let world = world(&folder).await.with_value("pool", "on");
    world.pass(16 * DAY_MS);
    let (mut dice, mut messages) = (Dice(seed), vec![]);
    for deployment in [1, 2] {
        for minute in [0, 1, 2, 20_000, 20_001] {
            let window =
                sample::observation(deployment, minute + 5 * i64::from(deployment), 600, 3_000 + minute % 7);
            messages.push(seen(&world, &window).await);
        }
    }
    let now = START.plus(16 * DAY_MS);
    let mut answers = [
        feedback(1, "a", now, Some(50.0), FeedbackKind::PerfectFit),
        feedback(1, "b", now.plus(5), Some(90.0), FeedbackKind::OverProvisioned),
        feedback(1, "c", now.plus(-15 * DAY_MS), Some(30.0), FeedbackKind::UnderProvisioned),
        feedback(2, "d", now.plus(-15 * DAY_MS), None, FeedbackKind::UnderProvisioned),
    ];
    dice.shuffle(&mut answers);
    let copies: Vec<Message> = messages.iter().flat_map(|one| [one.clone(), one.clone()]).collect();
    messages.extend(copies);
    dice.shuffle(&mut messages);
    let mut told: Vec<Message> = vec![];
    for (index, message) in messages.iter().enumerate() {
        deliver(&world, message).await.unwrap();
        if let Some(answer) = answers.get(index / 3).filter(|_| index % 3 == 1) {
            // As receive-feedback does: an older arrival changes nothing.
            let before: Option<Feedback> =
                world.read(&feedback_path(&sample::acme(), &answer.decision)).await;
            if before.is_none_or(|old| (old.received_at, &old.key) < (answer.received_at, &answer.key)) {
                told.push(said(&world, answer).await);
            }
            if dice.roll(2) == 0 {
                let late = told[dice.roll(told.len())].clone();
                deliver(&world, &late).await.unwrap();
            }
        }
    }
    told.extend(told.clone());
    dice.shuffle(&mut told);
    for message in &told {
        deliver(&world, message).await.unwrap();
    }
    bits(&world).await
}

#[tokio::test]
async fn two_hundred_orders_with_duplicates_leave_the_same_bits() {
    let first = one_order(0).await;
    assert!(first.contains("2026-11") && first.contains("2026-12"), "{first}");
    assert!(first.matches("calibration_events").count() >= 10, "{first}");
    for seed in 1..200 {
        let other = one_order(seed).await;
        let apart = other.lines().zip(first.lines()).find(|(one, two)| one != two);
        assert!(other == first, "seed {seed}: {apart:?}");
    }
}

#[tokio::test]
async fn the_pool_is_folded_from_tenants_that_agree() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await.with_value("pool", "on");
    let message = said(&world, &feedback(1, "a", START, Some(1.0), FeedbackKind::PerfectFit)).await;
    deliver(&world, &message).await.unwrap();
    let tick =
        Message::new("schedule", kind::SCHEDULE, &sample::acme(), &serde_json::json!({"name": "fold"}));
    let mut folded = vec![];
    for _ in 0..2 {
        let (ctx, delivery) = world.delivery(tick.clone());
        fold::fold(ctx, delivery).await.unwrap();
        folded.push(world.read::<ClassDocument>(&pool_path(CLASS)).await.unwrap());
    }
    assert_eq!(folded[0], folded[1]);
    let cost = &folded[0].summaries[&Metric::CostMonth];
    assert_eq!((cost.n, cost.tenants, cost.scores.unseen.values().sum::<i64>()), (1, 1, 1));
    let stranger =
        recommend(CLASS, None, None, "us-central1", &learning(Some(folded[0].clone()), None, START));
    let alone = recommend(CLASS, None, None, "us-central1", &learning(None, None, START)).unwrap();
    let (stranger, alone) = (stranger.unwrap().prediction.cost_month, alone.prediction.cost_month);
    assert!(stranger.value > alone.value && stranger.n == 0, "{stranger:?}");
    let keys = world.store().query(&Query::all(Scope::Collection("pool_cells".into()), 9)).await.unwrap();
    assert!(!format!("{:?}", keys.documents).contains("acme"), "the tenant is not legible in the pool");
}

#[tokio::test]
async fn a_tenant_that_does_not_agree_stays_out_of_the_pool() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let message = said(&world, &feedback(1, "a", START, Some(1.0), FeedbackKind::PerfectFit)).await;
    deliver(&world, &message).await.unwrap();
    let keys = world.store().query(&Query::all(Scope::Collection("pool_cells".into()), 9)).await.unwrap();
    assert!(keys.documents.is_empty());
}

#[tokio::test]
async fn a_month_that_is_over_is_compared_once_more_when_its_bill_has_settled() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    world.pass(8 * DAY_MS);
    let first = seen(&world, &sample::observation(1, 0, 600, 10)).await;
    deliver(&world, &first).await.unwrap();
    let run = model::document::learning_run_path(&sample::acme(), &sample::decision_id(1));
    let open: model::document::LearningRun = world.read(&run).await.unwrap();
    assert!(!open.closed.contains(&"2026-11".parse().unwrap()));
    // 4 December: the bill of November may still change.
    world.pass(6 * DAY_MS);
    world.observed(&sample::observation(1, 1, 600, 5_000)).await;
    let later = seen(&world, &sample::observation(1, 2, 600, 10)).await;
    assert_eq!(deliver(&world, &later).await.unwrap(), Outcome::Duplicate);
    // 6 December: it won't.
    world.state().real += 2 * DAY_MS;
    assert_eq!(deliver(&world, &later).await.unwrap(), Outcome::Done);
    let closed: model::document::LearningRun = world.read(&run).await.unwrap();
    assert!(closed.closed.contains(&"2026-11".parse().unwrap()));
    let service: Option<Service> = world.read(&service_path(&sample::acme(), &sample::shop())).await;
    assert!(
        service.is_some_and(|service| service.asking.question.is_none()),
        "learning leaves the service alone"
    );
}
