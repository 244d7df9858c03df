//! Against the embedded store: who is asked, when, and how often, whatever crashes or comes twice.

use super::*;
use crate::ask::hash;
use host::testing::{START, World, sample};
use machine::store::{Options, Store};
use model::{
    Timestamp,
    document::{
        Deployment, Feedback, FeedbackKind, FollowUp, Link, Member, SCHEMA, deployment_path, feedback_path,
        link_path, member_path,
    },
    message::Message,
    time::{DAY_MS, MINUTE_MS},
};
use std::sync::Arc;

async fn world(folder: &tempfile::TempDir) -> World {
    let world = World::new(Arc::new(Store::open(folder.path(), Options::default()).unwrap()));
    world.with_service().await;
    for minute in 0..10 {
        world.observed(&sample::observation(1, minute, 600, 10)).await;
    }
    world
}

/// The schedule's minute, twice, as a hostile broker would have it.
async fn minute(world: &World) {
    for _ in 0..2 {
        let body = serde_json::json!({"name": "send-feedback"});
        let (_, delivery) = world.delivery(Message::new("schedule", kind::SCHEDULE, &sample::acme(), &body));
        assert_eq!(on_schedule(world.context(), delivery).await.unwrap(), Outcome::Done);
    }
}

async fn service(world: &World) -> Service {
    world.read(&service_path(&sample::acme(), &sample::shop())).await.unwrap()
}

fn tokens(world: &World) -> Vec<String> {
    let mails = world.state().mails.clone();
    let token = |text: &str| {
        let (_, rest) = text.split_once("http://localhost:8080/feedback/").unwrap();
        rest.split_whitespace().next().unwrap().to_owned()
    };
    mails.iter().map(|mail| token(&mail.text)).collect()
}

async fn answered(world: &World) {
    let feedback = Feedback {
        schema: SCHEMA,
        tenant: sample::acme(),
        decision: sample::decision_id(1),
        deployment: Some(sample::deployment_id(1)),
        received_at: START,
        key: "k".into(),
        channel: "api".into(),
        kind: FeedbackKind::PerfectFit,
        satisfaction: 9,
        comments: String::new(),
        metrics: serde_json::Value::Null,
        actual_monthly_cost: None,
        currency: None,
    };
    world.put(feedback_path(&sample::acme(), &sample::decision_id(1)), &feedback).await;
}

#[tokio::test]
async fn asked_on_day_seven_reminded_on_day_thirty_then_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let mut sent = vec![];
    for day in 0..=200 {
        minute(&world).await;
        let mails = world.state().mails.len();
        if mails > sent.len() {
            sent.push(day);
        }
        assert_eq!(mails, sent.len(), "one mail a day at most");
        world.pass(DAY_MS);
    }
    assert_eq!(sent, [7, 30]);
    assert_eq!(service(&world).await.asking.ask_due, None);
    assert_eq!(world.published(kind::FEEDBACK_ASKED).len(), 2);
    assert!(service(&world).await.outbox.is_empty());
    let mails = world.state().mails.clone();
    assert_eq!(mails[0].key, "feedback/acme/shop/dec_1/1");
    assert_eq!(mails[1].key, "feedback/acme/shop/dec_1/2");
    assert!(mails[1].subject.starts_with("Once more") && mails[1].text.contains("last time we ask"));
}

#[tokio::test]
async fn the_mail_says_what_was_predicted_and_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    world.tick(7 * DAY_MS);
    minute(&world).await;
    let mail = world.state().mails[0].clone();
    assert_eq!((mail.to.as_str(), mail.subject.as_str()), ("ann@example.com", "How does shop fit?"));
    let text = &mail.text;
    for part in [
        "shop has run for 7 days with 1 vCPU and 128 MiB",
        "0.43 USD",
        "25.0 %",
        "+28 %",
        "25920000 requests a month",
        "assumed 100000, for which 0.28 USD were predicted",
        "10 windows, 10 minutes in all",
        "list price",
    ] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    let token = &tokens(&world)[0];
    assert!(mail.html.unwrap().contains(token) && token.len() == 32);
    let link: Link = world.read(&link_path(&hash(token))).await.unwrap();
    assert_eq!((link.decision, link.used_at), (sample::decision_id(1), None));
    let service = service(&world).await;
    let question = service.asking.question.as_ref().unwrap();
    assert_eq!((question.token_hash.clone(), question.owed), (hash(token), false));
    assert!(!format!("{service:?}").contains(token.as_str()), "the token itself is nowhere stored");
    let deployment: Deployment =
        world.read(&deployment_path(&sample::acme(), &sample::deployment_id(1))).await.unwrap();
    assert_eq!(deployment.follow_up, FollowUp::PendingFeedback);
}

#[tokio::test]
async fn nobody_is_asked_about_what_they_answered() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    answered(&world).await;
    world.tick(7 * DAY_MS);
    minute(&world).await;
    assert!(world.state().mails.is_empty());
    assert_eq!(service(&world).await.asking.ask_due, None);
}

#[tokio::test]
async fn nobody_is_reminded_of_what_they_answered() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    world.tick(7 * DAY_MS);
    minute(&world).await;
    answered(&world).await;
    world.tick(23 * DAY_MS);
    minute(&world).await;
    assert_eq!(world.state().mails.len(), 1);
    assert_eq!(service(&world).await.asking.question, None);
}

#[tokio::test]
async fn a_mail_that_may_not_have_gone_out_goes_out_again_with_a_link_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    world.tick(7 * DAY_MS);
    world.state().mail_fails = vec![true, true];
    minute(&world).await;
    assert!(world.state().mails.is_empty() && service(&world).await.asking.question.unwrap().owed);
    assert_eq!(world.state().mail_fails.len(), 1, "not again within the same minute");
    world.pass(2 * MINUTE_MS);
    minute(&world).await;
    world.pass(2 * MINUTE_MS);
    minute(&world).await;
    let tokens = tokens(&world);
    assert_eq!(tokens.len(), 1);
    let question = service(&world).await.asking.question.unwrap();
    assert_eq!((question.token_hash, question.owed, question.reminded), (hash(&tokens[0]), false, false));
    world.pass(2 * MINUTE_MS);
    minute(&world).await;
    assert_eq!(world.state().mails.len(), 1);
}

#[tokio::test]
async fn after_a_crash_between_mail_and_mark_both_links_work() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    world.tick(7 * DAY_MS);
    minute(&world).await;
    // The crash: the mail is out, the mark is not.
    let mut crashed = service(&world).await;
    crashed.asking.question.as_mut().unwrap().owed = true;
    crashed.asking.ask_due = Some(Timestamp(world.state().now));
    world.put(service_path(&sample::acme(), &sample::shop()), &crashed).await;
    minute(&world).await;
    let mails = world.state().mails.clone();
    let tokens = tokens(&world);
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].key, mails[1].key, "the mailer can tell that it is the same mail");
    assert_ne!(tokens[0], tokens[1]);
    for token in &tokens {
        let link: Link = world.read(&link_path(&hash(token))).await.unwrap();
        assert_eq!(link.used_at, None);
    }
}

#[tokio::test]
async fn twenty_pushes_a_day_dont_make_twenty_mails() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    for day in 0..30 {
        for push in 0..20 {
            let number = 2 + day * 20 + push;
            world.with_deployment(number).await;
            let mut service = service(&world).await;
            service.serve(sample::kept(number, Timestamp(world.state().now)));
            service.asking.ask_due.get_or_insert(Timestamp(world.state().now).plus(7 * DAY_MS));
            world.put(service_path(&sample::acme(), &sample::shop()), &service).await;
            minute(&world).await;
            world.pass(DAY_MS / 20);
        }
    }
    assert_eq!(world.state().mails.len(), 1, "one open question, not yet due for its reminder");
}

#[tokio::test]
async fn unverified_addresses_get_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let member = |verified| Member { schema: SCHEMA, user: "ann".into(), email: "a@b.c".into(), verified };
    world.put(member_path(&sample::acme(), "ann"), &member(false)).await;
    world.tick(7 * DAY_MS);
    minute(&world).await;
    assert!(world.state().mails.is_empty() && service(&world).await.asking.question.is_none());
    world.put(member_path(&sample::acme(), "ann"), &member(true)).await;
    world.tick(7 * DAY_MS);
    minute(&world).await;
    assert_eq!(world.state().mails.len(), 1);
}

#[tokio::test]
async fn a_timer_asks_only_what_is_due() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let body = AboutFeedback { service: sample::shop(), decision: None };
    let message = Message::new(topic::FEEDBACK, kind::FEEDBACK_DUE, &sample::acme(), &body);
    for (tick, mails) in [(6 * DAY_MS, 0), (DAY_MS, 1), (DAY_MS, 1)] {
        world.tick(tick);
        let (ctx, delivery) = world.delivery(message.clone());
        on_due(ctx, delivery).await.unwrap();
        assert_eq!(world.state().mails.len(), mails);
    }
}
