//! Against the embedded store.

use super::*;
use host::testing::{START, World, sample};
use machine::store::{Options, Store};
use model::{
    document::{
        Deployment, Failure, Judged, Member, NewLines, SCHEMA, Stage, Status, Why, deployment_path,
        member_path,
    },
    message::{AboutAnomaly, Message},
    port::store::Path,
};
use std::sync::Arc;

async fn world(folder: &tempfile::TempDir) -> World {
    let world = World::new(Arc::new(Store::open(folder.path(), Options::default()).unwrap()));
    world.with_service().await;
    world
}

async fn ended(world: &World, status: Status) -> Message {
    let failure = Failure {
        stage: Stage::Build,
        code: "build_failed".into(),
        message: "`npm ci` ended with code 1".into(),
        hint: "Look at the log.".into(),
    };
    let last_words = (0..40).map(|n| format!("wrote {n}.\u{1b}[2J")).collect();
    let mut deployment = Deployment { status, failure: Some(failure), last_words, ..sample::deployment(1) };
    let lines = vec![NewLines {
        template: "no pay #".into(),
        count: 9,
        error: true,
        example: "no pay 7\u{1b}[2J".into(),
    }];
    deployment.canary.why =
        Some(Why { read_at: Judged::TakenBack, lines: Some(lines), more_lines: 0, paths: None });
    world.put(deployment_path(&sample::acme(), &deployment.id), &deployment).await;
    Message::about(kind::DEPLOYMENT_ENDED, &sample::acme(), &deployment.id)
}

async fn deliver(world: &World, message: &Message) -> Result<Outcome, Error> {
    let (ctx, delivery) = world.delivery(message.clone());
    handle(ctx, delivery).await
}

#[tokio::test]
async fn a_failed_deployment_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let message = ended(&world, Status::Failed).await;
    for expected in [Outcome::Done, Outcome::Duplicate, Outcome::Duplicate] {
        assert_eq!(deliver(&world, &message).await.unwrap(), expected);
    }
    let mails = world.state().mails.clone();
    assert_eq!(mails.len(), 1);
    assert_eq!(
        (mails[0].to.as_str(), mails[0].subject.as_str()),
        ("ann@example.com", "shop: the deployment failed")
    );
    assert!(
        mails[0].text.contains("`npm ci` ended with code 1") && mails[0].text.contains("Look at the log.")
    );
    assert!(mails[0].text.contains("http://localhost:8080/deployments/dep_1"), "{}", mails[0].text);
    let words = "It wrote last:\n\n  wrote 10.\\x1b[2J\n  wrote 11.\\x1b[2J\n";
    assert!(mails[0].text.contains(words) && mails[0].text.contains("wrote 39."), "{}", mails[0].text);
    let new = "What only the new revision wrote:\n\n  9 × no pay 7\\x1b[2J\n";
    assert!(mails[0].text.contains(new), "{}", mails[0].text);
    assert!(!mails[0].text.contains(['\u{1b}', '\r']), "{:?}", mails[0].text);
}

#[tokio::test]
async fn only_bad_endings_and_high_anomalies_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    for (status, told) in [
        (Status::Deployed, 0),
        (Status::Cancelled, 0),
        (Status::Superseded, 0),
        (Status::SecurityFailed, 1),
        (Status::RolledBack, 2),
    ] {
        let message = ended(&world, status).await;
        deliver(&world, &message).await.unwrap();
        assert_eq!(world.state().mails.len(), told, "{status:?}");
    }
    for (severity, told) in [("medium", 2), ("high", 3), ("high", 3)] {
        let body = AboutAnomaly {
            observation: sample::observation(1, 0, 1, 1).id,
            service: sample::shop(),
            deployment: sample::deployment_id(1),
            metric: "error_rate".into(),
            severity: severity.into(),
            z: 5.0,
            since: START,
            sentence: "It is high.".into(),
        };
        let message = Message::new(topic::OBSERVATIONS, kind::ANOMALY_DETECTED, &sample::acme(), &body);
        deliver(&world, &message).await.unwrap();
        assert_eq!(world.state().mails.len(), told, "{severity}");
    }
}

#[tokio::test]
async fn a_notice_that_cannot_be_sent_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let message = ended(&world, Status::Failed).await;
    world.state().mail_fails = vec![true; 5];
    for _ in 0..4 {
        assert!(deliver(&world, &message).await.unwrap_err().is_transient());
    }
    assert_eq!(deliver(&world, &message).await.unwrap(), Outcome::Done);
    assert_eq!(deliver(&world, &message).await.unwrap(), Outcome::Duplicate);
    assert!(world.state().mails.is_empty());
    let key = notice::key("deployment dep_1 FAILED");
    let kept: model::document::Notice =
        world.read(&Path::new(format!("tenants/acme/notices/{key}"))).await.unwrap();
    assert_eq!((kept.tries, kept.given_up.as_deref()), (5, Some("the mail server is down")));
}

#[tokio::test]
async fn a_mail_server_that_comes_back_gets_it() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let message = ended(&world, Status::Failed).await;
    world.state().mail_fails = vec![true];
    assert!(deliver(&world, &message).await.is_err());
    assert_eq!(deliver(&world, &message).await.unwrap(), Outcome::Done);
    assert_eq!(world.state().mails.len(), 1);
}

#[tokio::test]
async fn unverified_addresses_get_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let owner =
        Member { schema: SCHEMA, user: "ann".into(), email: "ann@example.com".into(), verified: false };
    world.put(member_path(&sample::acme(), "ann"), &owner).await;
    let message = ended(&world, Status::Failed).await;
    assert_eq!(deliver(&world, &message).await.unwrap(), Outcome::Done);
    assert!(world.state().mails.is_empty());
}
