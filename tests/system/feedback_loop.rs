//! The loop after a deployment: measured, asked about, answered, learned from; and the next prediction has moved.

use crate::system;
use serde_json::{Value, json};
use tests::{
    smtp::Received,
    system::{Killed, System},
};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn is_question(mail: &Received) -> bool {
    mail.data.contains("/feedback/")
}

fn questions(system: &System) -> usize {
    system.smtp.mails().iter().filter(|mail| is_question(mail)).count()
}

/// The path of the form that a mail leads to; quoted-printable lines are joined first.
fn form(mail: &Received) -> String {
    let text = mail.data.replace("=\n", "").replace("=3D", "=");
    let start = text.find("/feedback/").unwrap();
    let end = text[start + 10..].find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_').unwrap();
    text[start..start + 10 + end].to_owned()
}

/// What a decision for such an app says a month costs.
async fn predicted(system: &System, class: &str) -> Result<(f64, Value), Killed> {
    let decision = system.post("/api/v1/decisions", &json!({ "class": class })).await?.expect(201);
    let cost = decision["prediction"]["cost_month_usd"]["value"].as_f64().unwrap();
    Ok((cost, decision))
}

/// A service that has served and was measured.
async fn served(system: &System) -> Result<(String, String), Killed> {
    let app = system.app("shop");
    let id = system.deploy(&app.order("v1")).await?;
    let deployed = system.rest(&id).await?;
    assert_eq!(deployed["pipeline_status"], "DEPLOYED", "{deployed:#}");
    for _ in 0..50 {
        system.visit("shop").await?;
    }
    system.tick(HOUR_MS).await?;
    system.quiet().await?;
    Ok((id, deployed["decision_id"].as_str().unwrap().to_owned()))
}

#[tokio::test]
async fn asked_answered_learned() -> Result<(), Killed> {
    let system = system().start().await;
    let (id, decision) = served(&system).await?;
    let class = system.get(&format!("/api/v1/decisions/{decision}")).await?.expect(200)["class"].clone();
    let class = class.as_str().unwrap().to_owned();
    let (before, _) = predicted(&system, &class).await?;

    system.tick(7 * DAY_MS).await?;
    let mail = system.mail(is_question).await?;
    assert_eq!(mail.to, ["owner@example.com"]);
    system.quiet().await?;
    assert_eq!(system.deployment(&id).await?["status"], "pending_feedback");

    let url = format!("{}{}", system.address().url, form(&mail));
    for _ in 0..2 {
        let shown = system.send(system.http().get(&url)).await?;
        assert!(shown.status == 200 && shown.text.contains("<form"), "{}", shown.text);
    }
    assert_eq!(system.deployment(&id).await?["status"], "pending_feedback", "looking changes nothing");
    let fields = "feedback_type=over_provisioned&satisfaction=6&comments=too+dear&cost=5000&currency=USD";
    let submit = || {
        let request = system.http().post(&url).body(fields);
        system.send(request.header("content-type", "application/x-www-form-urlencoded"))
    };
    submit().await?.expect(200);
    assert_eq!(submit().await?.status, 410, "the link is consumed");
    system.quiet().await?;

    let now = system.deployment(&id).await?;
    assert_eq!(now["status"], "feedback_collected");
    assert_eq!(
        now["feedback"]["feedback_type"].as_str().or(now["feedback"]["type"].as_str()),
        Some("over_provisioned"),
        "{:#}",
        now["feedback"]
    );
    let learned = system.get("/api/v1/learnings").await?.expect(200);
    let learned = learned["learnings"].as_array().unwrap();
    // On a slow machine it was measured for long enough to be compared by that alone, before the answer came.
    assert!(matches!(learned.len(), 1 | 2), "{learned:#?}");
    let of_cost = |learning: &Value| learning["updates_generated"].to_string().contains("cost");
    assert!(learned.iter().any(of_cost), "{learned:#?}");

    let (after, next) = predicted(&system, &class).await?;
    assert!(after > before, "it cost more than was predicted: {before} before, {after} after: {next:#}");
    assert_eq!(next["prediction"]["cost_month_usd"]["n"], 1);

    let asked = questions(&system);
    system.tick(30 * DAY_MS).await?;
    system.quiet().await?;
    assert_eq!((asked, questions(&system)), (1, 1), "nobody is asked again after an answer");
    Ok(())
}

#[tokio::test]
async fn reminded_once_and_then_let_go() -> Result<(), Killed> {
    let system = system().start().await;
    served(&system).await?;
    system.tick(6 * DAY_MS).await?;
    system.quiet().await?;
    assert_eq!(questions(&system), 0, "too early");
    system.tick(DAY_MS).await?;
    system.mail(is_question).await?;
    system.tick(22 * DAY_MS).await?;
    system.quiet().await?;
    assert_eq!(questions(&system), 1, "day 29 is too early for a reminder");
    system.tick(2 * DAY_MS).await?;
    let first = system.smtp.mails().into_iter().find(is_question).unwrap();
    let id = first.header("Message-ID").map(str::to_owned);
    let reminder =
        system.mail(|mail| is_question(mail) && mail.header("Message-ID") != id.as_deref()).await?;
    assert_ne!(form(&reminder), form(&first));
    system.tick(60 * DAY_MS).await?;
    system.quiet().await?;
    assert_eq!(questions(&system), 2, "then it is let go");
    Ok(())
}
