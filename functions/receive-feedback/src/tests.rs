//! Against the embedded store: both bodies, each bad field, and links that work once.

mod measurements;

use super::*;
use host::{
    Context, Error, Kind, Method, Request, Response,
    testing::{START, World, sample},
};
use machine::store::{Options, Store};
use model::{
    Micros, TenantId,
    document::{
        Deployment, Feedback, FeedbackKind, FollowUp, Link, Observation, Question, Registration, SCHEMA,
        Service, collection, decision_path, deployment_path, feedback_path, link_path, service_path,
    },
    message::{AboutFeedback, AboutObservation, kind},
    port::store::{Query, Scope},
    time::{DAY_MS, HOUR_MS},
};
use serde_json::{Value, json};
use std::sync::Arc;

const TOKEN: &str = "00112233445566778899aabbccddeeff";

async fn world(folder: &tempfile::TempDir) -> World {
    let world = World::new(Arc::new(Store::open(folder.path(), Options::default()).unwrap()));
    world.with_service().await;
    let mut service = sample::service();
    service.asking.ask_due = Some(START.plus(23 * DAY_MS));
    service.asking.question = Some(Question {
        decision: sample::decision_id(1),
        deployment: sample::deployment_id(1),
        token_hash: link::hash(TOKEN),
        asked_at: START,
        reminded: false,
        owed: false,
    });
    world.put(service_path(&sample::acme(), &sample::shop()), &service).await;
    issue(&world, TOKEN).await;
    world
}

async fn issue(world: &World, token: &str) {
    let link = Link {
        schema: SCHEMA,
        tenant: sample::acme(),
        service: sample::shop(),
        decision: sample::decision_id(1),
        issued_at: START,
        expires_at: START.plus(90 * DAY_MS),
        used_at: None,
    };
    world.put(link_path(&link::hash(token)), &link).await;
}

fn request(path: &str, param: (&str, &str), body: impl Into<String>) -> Request {
    Request::new(Method::Post, path.to_owned(), body.into()).with_param(param.0, param.1)
}

async fn post(world: &World, tenant: &str, decision: &str, body: &Value) -> Result<Response, Error> {
    let ctx = world.signed_in(&TenantId::new(tenant).unwrap(), Role::Deployer);
    let path = format!("/api/v1/feedback/{decision}");
    api::receive(ctx, request(&path, ("decision_id", decision), body.to_string())).await
}

async fn kept(world: &World) -> Option<Feedback> {
    world.read(&feedback_path(&sample::acme(), &sample::decision_id(1))).await
}

async fn service(world: &World) -> Service {
    world.read(&service_path(&sample::acme(), &sample::shop())).await.unwrap()
}

fn text(response: &Response) -> String {
    String::from_utf8(response.whole().unwrap().to_vec()).unwrap()
}

fn public(world: &World) -> Context {
    world.context()
}

async fn show(world: &World, token: &str) -> Response {
    let page = Request::new(Method::Get, "/feedback/x", "").with_param("token", token);
    form::show(public(world), page).await.unwrap()
}

async fn submit(world: &World, token: &str, body: &str) -> Response {
    form::submit(public(world), request("/feedback/x", ("token", token), body)).await.unwrap()
}

const GOOD: &str =
    "feedback_type=under_provisioned&satisfaction=4&comments=slow%20%3Cb%3E&cost=12%2C40&currency=";

#[tokio::test]
async fn both_bodies_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let flat = json!({"feedback_type": "over_provisioned", "satisfaction_score": 7, "comments": "big", "deployment_metrics": {"cpu": 0.1}});
    let response = post(&world, "acme", "dec_1", &flat).await.unwrap();
    let answer: Value = serde_json::from_str(&text(&response)).unwrap();
    assert_eq!((response.status(), answer["status"].as_str()), (200, Some("feedback_collected")));
    let first = kept(&world).await.unwrap();
    assert_eq!(
        (first.kind, first.satisfaction, first.comments.as_str()),
        (FeedbackKind::OverProvisioned, 7, "big")
    );
    assert_eq!((first.metrics, first.actual_monthly_cost), (json!({"cpu": 0.1}), None));
    world.pass(1);
    let nested = json!({
        "deployment_metrics": {"cpu": 0.1},
        "cost_data": {"actual_monthly_cost": 15.1, "currency": "usd"},
        "user_feedback": {"type": "over_provisioned", "satisfaction": 7, "comments": "big"}
    });
    post(&world, "acme", "dec_1", &nested).await.unwrap();
    let second = kept(&world).await.unwrap();
    assert_eq!(
        (second.kind, second.satisfaction, second.comments.as_str()),
        (FeedbackKind::OverProvisioned, 7, "big")
    );
    assert_eq!(
        (second.actual_monthly_cost, second.currency.as_deref()),
        (Some(Micros(15_100_000)), Some("USD"))
    );
    let told = world.published(kind::FEEDBACK_RECEIVED);
    let about: AboutFeedback = told[0].body().unwrap();
    assert_eq!((told.len(), about.decision), (2, Some(sample::decision_id(1))));
}

#[tokio::test]
async fn an_answer_closes_the_question_and_the_public_status() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let body = json!({"feedback_type": "perfect_fit", "satisfaction_score": 10});
    post(&world, "acme", "dec_1", &body).await.unwrap();
    let service = service(&world).await;
    assert_eq!((service.asking.question, service.asking.ask_due), (None, None));
    assert!(service.outbox.is_empty() && service.next_due.is_none(), "published, so nothing is owed");
    let deployment: Deployment =
        world.read(&deployment_path(&sample::acme(), &sample::deployment_id(1))).await.unwrap();
    assert_eq!(deployment.follow_up, FollowUp::FeedbackCollected);
    assert_eq!(show(&world, TOKEN).await.status(), 410);
}

#[tokio::test]
async fn each_bad_field_is_named_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let good = json!({"feedback_type": "perfect_fit", "satisfaction_score": 5});
    let with = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    let nested = |value: Value| json!({"user_feedback": value});
    let cases = [
        (with("feedback_type", json!("great")), "feedback_type"),
        (with("feedback_type", Value::Null), "feedback_type"),
        (with("satisfaction_score", json!(0)), "satisfaction_score"),
        (with("satisfaction_score", json!(11)), "satisfaction_score"),
        (with("satisfaction_score", json!(7.5)), "satisfaction_score"),
        (with("satisfaction_score", json!("7")), "satisfaction_score"),
        (with("comments", json!("x".repeat(4_001))), "comments"),
        (with("comments", json!(5)), "comments"),
        (with("deployment_metrics", json!([1])), "deployment_metrics"),
        (with("deployment_metrics", json!({"a": [[1]]})), "deployment_metrics.a"),
        (with("deployment_metrics", json!({"__x__": 1})), "deployment_metrics.__x__"),
        (with("deployment_metrics", json!({"a": {"b/c": 1}})), "deployment_metrics.a.b/c"),
        (with("deployment_metrics", json!({"": 1})), "deployment_metrics."),
        (with("deployment_metrics", json!({"n": u64::MAX})), "deployment_metrics.n"),
        (with("deployment_metrics", json!({"cpu_utilization": 101})), "deployment_metrics.cpu_utilization"),
        (
            with("deployment_metrics", json!({"cloud_run": {"error_rate": "0.1"}})),
            "deployment_metrics.cloud_run.error_rate",
        ),
        (with("satisfaction", json!(6)), "satisfaction"),
        (with("satisfaction", json!("7")), "satisfaction"),
        (with("cost_data", json!("junk")), "cost_data"),
        (with("cost_data", json!([1])), "cost_data"),
        (with("cost_data", json!({})), "cost_data.actual_monthly_cost"),
        (with("cost_data", json!({"cost": 12})), "cost_data.actual_monthly_cost"),
        (with("cost_data", json!({"actual_monthly_cost": null, "currency": 5})), "cost_data.currency"),
        (with("cost_data", json!(12)), "cost_data"),
        (with("cost_data", json!({"actual_monthly_cost": -1})), "cost_data.actual_monthly_cost"),
        (with("cost_data", json!({"actual_monthly_cost": "12"})), "cost_data.actual_monthly_cost"),
        (with("cost_data", json!({"actual_monthly_cost": 1, "currency": "dollars"})), "cost_data.currency"),
        (with("user_feedback", json!({"type": "perfect_fit", "satisfaction": 5})), "feedback_type"),
        (
            json!({"comments": "more", "user_feedback": {"type": "perfect_fit", "satisfaction": 5}}),
            "comments",
        ),
        (nested(json!("fine")), "user_feedback"),
        (nested(json!({"type": "perfect_fit"})), "user_feedback.satisfaction"),
        (nested(json!({"type": 1, "satisfaction": 5})), "user_feedback.type"),
    ];
    for (body, field) in cases {
        let error = post(&world, "acme", "dec_1", &body).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Unprocessable, "{body}");
        assert!(error.fields().iter().any(|wrong| wrong.field == field), "{body}: {:?}", error.fields());
    }
    let both = post(&world, "acme", "dec_1", &json!({})).await.unwrap_err();
    assert_eq!(both.fields().len(), 2, "all of it at once");
    assert!(kept(&world).await.is_none() && world.state().messages.is_empty());
    assert!(service(&world).await.asking.question.is_some());
    let longest = with("comments", json!("ü".repeat(4_000)));
    post(&world, "acme", "dec_1", &longest).await.unwrap();
}

#[tokio::test]
async fn the_short_name_of_satisfaction_and_shares_in_percent() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let metrics =
        json!({"cpu_utilization": 25, "cloud_run": {"error_rate": 2, "memory_utilization": 0.5}, "rps": 7});
    let short = json!({"feedback_type": "perfect_fit", "satisfaction": 4, "deployment_metrics": metrics});
    post(&world, "acme", "dec_1", &short).await.unwrap();
    let taken = kept(&world).await.unwrap();
    assert_eq!(taken.satisfaction, 4);
    let fractions = json!({"cpu_utilization": 0.25, "cloud_run": {"error_rate": 0.02, "memory_utilization": 0.5}, "rps": 7});
    assert_eq!(taken.metrics, fractions);
    world.pass(1);
    let both = json!({"feedback_type": "perfect_fit", "satisfaction": 5, "satisfaction_score": 5});
    post(&world, "acme", "dec_1", &both).await.unwrap();
    assert_eq!(kept(&world).await.unwrap().satisfaction, 5, "both, and they agree");
}

#[tokio::test]
async fn other_tenants_decisions_are_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let body = json!({"feedback_type": "perfect_fit", "satisfaction_score": 5});
    for (tenant, decision) in [("other", "dec_1"), ("acme", "dec_99")] {
        let error = post(&world, tenant, decision, &body).await.unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
    }
    assert!(kept(&world).await.is_none());
}

#[tokio::test]
async fn the_last_writer_wins_whatever_arrives_last() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let arrived = |key: &str, at: i64, satisfaction: u8| keep::Arrived {
        tenant: sample::acme(),
        decision: sample::decision_id(1),
        received_at: START.plus(at),
        key: key.into(),
        channel: "api",
        answer: answer::read(
            json!({"feedback_type": "perfect_fit", "satisfaction_score": satisfaction}).as_object().unwrap(),
        )
        .unwrap(),
        link: None,
    };
    let order = [("b", 5, 2), ("a", 5, 1), ("z", 1, 9), ("c", 5, 3), ("c", 5, 3), ("a", 6, 4), ("b", 5, 2)];
    for (key, at, satisfaction) in order {
        let ctx = world.context().with_tenant(sample::acme());
        keep::keep(&ctx, &arrived(key, at, satisfaction), &|_| Response::empty(200)).await.unwrap();
    }
    let last = kept(&world).await.unwrap();
    assert_eq!((last.key.as_str(), last.satisfaction), ("a", 4));
    assert_eq!(world.published(kind::FEEDBACK_RECEIVED).len(), 3, "b, c and a are news; the others are not");
}

#[tokio::test]
async fn a_link_shows_a_form_and_works_once() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let before = service(&world).await;
    for _ in 0..3 {
        let page = show(&world, TOKEN).await;
        assert_eq!(page.status(), 200);
        assert!(text(&page).contains("<form") && text(&page).contains("<b>shop</b>"));
        assert_eq!(page.get_header("referrer-policy"), Some("no-referrer"));
    }
    assert_eq!(service(&world).await, before, "opening changes nothing");
    let thanks = submit(&world, TOKEN, GOOD).await;
    assert_eq!(thanks.status(), 200, "{}", text(&thanks));
    let feedback = kept(&world).await.unwrap();
    assert_eq!((feedback.channel.as_str(), feedback.comments.as_str()), ("form", "slow <b>"));
    assert_eq!(
        (feedback.actual_monthly_cost, feedback.currency.as_deref()),
        (Some(Micros(12_400_000)), Some("USD"))
    );
    assert_eq!(submit(&world, TOKEN, GOOD).await.status(), 410);
    assert_eq!(show(&world, TOKEN).await.status(), 410);
    assert_eq!(world.published(kind::FEEDBACK_RECEIVED).len(), 1);
}

#[tokio::test]
async fn two_links_of_one_question_take_one_answer() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let other = "ffffffffffffffffffffffffffffffff";
    issue(&world, other).await;
    assert_eq!(show(&world, other).await.status(), 200, "a mail that went out keeps working");
    assert_eq!(submit(&world, TOKEN, GOOD).await.status(), 200);
    assert_eq!(submit(&world, other, GOOD).await.status(), 410);
}

#[tokio::test]
async fn a_form_submitted_at_once_from_two_tabs_is_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    let (one, two) = tokio::join!(submit(&world, TOKEN, GOOD), submit(&world, TOKEN, GOOD));
    let mut both = [one.status(), two.status()];
    both.sort_unstable();
    assert!(both == [200, 410] || both == [200, 200], "{both:?}");
    assert_eq!(world.published(kind::FEEDBACK_RECEIVED).len(), 1);
}

#[tokio::test]
async fn a_bad_form_is_shown_again_as_it_was_filled_in() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    for (body, says) in [
        ("", "feedback_type"),
        ("feedback_type=perfect_fit&satisfaction=11", "satisfaction"),
        ("feedback_type=perfect_fit&satisfaction=5&cost=a%20lot", "cost"),
        ("feedback_type=perfect_fit&satisfaction=5&cost=5&currency=bucks", "currency"),
        ("feedback_type=perfect_fit&satisfaction=x&comments=%22%3Cscript%3E", "&lt;script&gt;"),
    ] {
        let page = submit(&world, TOKEN, body).await;
        assert_eq!(page.status(), 422, "{body}");
        assert!(text(&page).contains(says) && !text(&page).contains("<script"), "{}", text(&page));
    }
    assert!(kept(&world).await.is_none());
    assert_eq!(submit(&world, TOKEN, GOOD).await.status(), 200, "the link was not used up");
}

#[tokio::test]
async fn links_expire_and_guesses_lead_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    for guess in ["", "x", "../../etc/passwd", "00112233445566778899aabbccddee00"] {
        assert_eq!(show(&world, guess).await.status(), 404, "{guess}");
        assert_eq!(submit(&world, guess, GOOD).await.status(), 404, "{guess}");
    }
    world.tick(90 * DAY_MS);
    assert_eq!(show(&world, TOKEN).await.status(), 410);
    assert_eq!(submit(&world, TOKEN, GOOD).await.status(), 410);
    assert!(kept(&world).await.is_none());
}

#[tokio::test]
async fn what_could_not_be_published_is_left_to_the_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let world = world(&folder).await;
    world.state().broker_down = true;
    assert_eq!(submit(&world, TOKEN, GOOD).await.status(), 200);
    let service = service(&world).await;
    assert_eq!((service.outbox.len(), service.outbox[0].kind.as_str()), (1, kind::FEEDBACK_RECEIVED));
    assert!(service.next_due.is_some());
}
