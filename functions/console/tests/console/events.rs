//! Live streams over the host's own HTTP.

use crate::{
    documents::{accepted, deployed, evidence, kept, say, stages},
    world::{TENANT, World},
};
use axum::body::{Body, BodyDataStream};
use futures::StreamExt;
use model::{
    document::{Deployment, Stage, Status, Step},
    time::MINUTE_MS,
};
use serde_json::Value;
use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};

/// One event as a client sees it.
#[derive(Clone, Debug, PartialEq)]
struct Event {
    id: Option<String>,
    kind: String,
    data: Value,
}

/// A client of one stream.
struct Client {
    body: BodyDataStream,
    text: String,
    events: VecDeque<Event>,
    /// Whether it was told when to come back.
    retry: bool,
}

impl Client {
    fn new(body: Body) -> Self {
        Self { body: body.into_data_stream(), text: String::new(), events: VecDeque::new(), retry: false }
    }

    /// The next event; `None` at the end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let chunk = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            while let Some(at) = self.text.find("\n\n") {
                let block: String = self.text.drain(..at + 2).collect();
                self.read(&block);
            }
        }
    }

    fn read(&mut self, block: &str) {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        self.retry |= field("retry: ").is_some();
        let (Some(kind), Some(data)) = (field("event: "), field("data: ")) else { return };
        let data = serde_json::from_str(&data).unwrap();
        self.events.push_back(Event { id: field("id: "), kind, data });
    }

    /// Events up to and with the first that fits.
    async fn until(&mut self, fits: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut seen = vec![];
        loop {
            let event = self.next().await.expect("the stream goes on");
            seen.push(event);
            if seen.last().is_some_and(&fits) {
                return seen;
            }
        }
    }

    async fn rest(mut self) -> Vec<Event> {
        let mut seen = vec![];
        while let Some(event) = self.next().await {
            seen.push(event);
        }
        assert!(self.retry, "a stream that ends says when to come back");
        seen
    }
}

async fn open(world: &World, deployment: &Deployment, after: Option<&str>, query: &str) -> Client {
    let headers: Vec<(&str, &str)> = after.iter().map(|id| ("last-event-id", *id)).collect();
    let path = format!("/api/v1/deployments/{}/events{query}", deployment.id);
    let response = world.send(TENANT, &path, &headers).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    Client::new(response.into_body())
}

async fn building(world: &World) -> Deployment {
    let began = world.now().plus(-MINUTE_MS);
    let mut deployment = accepted(1, "shop", began);
    stages(&mut deployment, began, Stage::Build, true);
    world.save(&deployment).await;
    deployment
}

async fn tell(world: &World, deployment: &mut Deployment, text: &str) {
    say(deployment, Status::Building, 20, world.now(), text);
    world.save(deployment).await;
}

async fn end(world: &World, deployment: &mut Deployment) {
    let now = world.now();
    (deployment.ended_at, deployment.step) = (Some(now), Step::Rest);
    say(deployment, Status::Cancelled, 100, now, "Cancelled");
    world.save(deployment).await;
}

fn texts(events: &[Event]) -> Vec<String> {
    let told = events.iter().filter(|event| matches!(event.kind.as_str(), "status" | "log"));
    told.map(|event| event.data["text"].as_str().unwrap().to_owned()).collect()
}

/// The texts of one kind, in order.
fn of(events: &[Event], kind: &str) -> Vec<String> {
    let told = events.iter().filter(|event| event.kind == kind);
    told.map(|event| event.data["text"].as_str().unwrap().to_owned()).collect()
}

/// Once so many lines of story and log have come.
fn heard(count: usize) -> impl Fn(&Event) -> bool {
    let seen = std::cell::Cell::new(0);
    move |event| {
        seen.set(seen.get() + usize::from(matches!(event.kind.as_str(), "status" | "log")));
        seen.get() >= count
    }
}

fn is(text: &'static str) -> impl Fn(&Event) -> bool {
    move |event| event.data["text"] == text
}

#[tokio::test]
async fn a_stream_tells_what_was_what_comes_and_the_end() {
    let world = World::new();
    let mut deployment = building(&world).await;
    world.log(&deployment, 0, &[("sys", "$ npm ci"), ("out", "one")]).await;
    let mut client = open(&world, &deployment, None, "").await;
    let before = client.until(is("one")).await;
    assert_eq!(before.iter().filter(|event| event.kind == "status").count(), 4);
    assert_eq!(before[0].data["status"], "PENDING");
    assert_eq!(before[0].id.as_deref(), Some("1.0:0"));
    assert_eq!(before.last().unwrap().id.as_deref(), Some("4.0:2"));
    world.log(&deployment, 1, &[("out", "two")]).await;
    client.until(is("two")).await;
    tell(&world, &mut deployment, "Half of it is built").await;
    let told = client.until(is("Half of it is built")).await;
    assert_eq!((told.len(), told[0].data["progress"].as_u64()), (1, Some(20)));
    end(&world, &mut deployment).await;
    let rest = client.rest().await;
    let kinds: Vec<&str> = rest.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["status", "done"]);
    assert_eq!(rest[1].data["pipeline_status"], "CANCELLED");
    assert_eq!(rest[1].data["report"]["outcome"], "CANCELLED");
}

#[tokio::test]
async fn resuming_after_any_event_loses_and_repeats_nothing() {
    let world = World::new();
    let mut deployment = building(&world).await;
    for n in 0..6 {
        let lines = [format!("{n} a"), format!("{n} b"), format!("{n} c")];
        let lines: Vec<(&str, &str)> = lines.iter().map(|text| ("out", text.as_str())).collect();
        world.log(&deployment, n, &lines).await;
        tell(&world, &mut deployment, &format!("told {n}")).await;
    }
    // Log and story are read side by side: each keeps its order, and which comes first is nobody's promise.
    let whole = open(&world, &deployment, None, "").await.until(heard(4 + 6 + 18)).await;
    assert_eq!((of(&whole, "status").len(), of(&whole, "log").len()), (4 + 6, 18));
    let mut at_rest = deployment.clone();
    // Each place while it runs, and again once it is at rest, where no feed is shared.
    for (place, event) in whole.iter().enumerate().take(whole.len() - 1) {
        let mut client = open(&world, &deployment, event.id.as_deref(), "").await;
        let missing = &whole[place + 1..];
        let rest = client.until(heard(missing.len())).await;
        for kind in ["status", "log"] {
            assert_eq!(of(&rest, kind), of(missing, kind), "after {event:?}");
        }
    }
    end(&world, &mut at_rest).await;
    for (place, event) in whole.iter().enumerate() {
        let rest = open(&world, &at_rest, event.id.as_deref(), "").await.rest().await;
        let mut story = of(&whole[place + 1..], "status");
        story.push("Cancelled".into());
        assert_eq!(of(&rest, "status"), story, "after {event:?}");
        assert_eq!(of(&rest, "log"), of(&whole[place + 1..], "log"), "after {event:?}");
        assert_eq!(rest.last().unwrap().kind, "done");
    }
}

#[tokio::test]
async fn ids_only_go_forward_and_the_query_names_a_place_too() {
    let world = World::new();
    let mut deployment = building(&world).await;
    world.log(&deployment, 0, &[("out", "one"), ("out", "two"), ("out", "three")]).await;
    end(&world, &mut deployment).await;
    let whole = open(&world, &deployment, None, "").await.rest().await;
    let ids: Vec<&str> = whole.iter().filter_map(|event| event.id.as_deref()).collect();
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len(), "{ids:?}");
    let rest = open(&world, &deployment, None, "?after=4.0:1").await.rest().await;
    assert_eq!(texts(&rest), ["two", "three", "Cancelled"]);
    let quiet = open(&world, &deployment, None, "?logs=false").await.rest().await;
    assert!(quiet.iter().all(|event| event.kind != "log"));
    assert_eq!(quiet.last().unwrap().kind, "done");
}

#[tokio::test]
async fn one_attempt_at_a_build_follows_the_other() {
    let world = World::new();
    let mut deployment = building(&world).await;
    world.log(&deployment, 0, &[("out", "one"), ("end", "lost")]).await;
    let mut client = open(&world, &deployment, None, "").await;
    client.until(is("lost")).await;
    deployment.build = Some(3);
    world.save(&deployment).await;
    world.log(&deployment, 200_000, &[("out", "three")]).await;
    world.log(&deployment, 200_001, &[("out", "four")]).await;
    assert_eq!(texts(&client.until(is("four")).await), ["three", "four"]);
    let mut late = open(&world, &deployment, Some("4.0:1"), "").await;
    assert_eq!(texts(&late.until(is("four")).await), ["lost", "three", "four"]);
    let path = format!("/api/v1/deployments/{}/logs", deployment.id);
    let page = world.json(&path).await;
    assert_eq!((page["lines"].as_array().unwrap().len(), &page["next"]), (4, &Value::from("200002:0")));
    assert_eq!(page["end"], false, "the end of an attempt is not that of the log");
    let some = world.json(&format!("{path}?limit=3")).await;
    assert_eq!((&some["lines"][2]["text"], &some["next"]), (&Value::from("three"), &Value::from("200001:0")));
    let (_, text) = world.text(&format!("{path}?format=text")).await;
    assert_eq!(text, "one\nlost\nthree\nfour\n");
}

#[tokio::test]
async fn streams_are_bounded_and_make_room_when_they_end() {
    let world = World::configured(|config| assert!(config.settings.set("streams", "2")));
    let deployment = building(&world).await;
    let mut theirs = accepted(2, "shop", world.now());
    theirs.tenant = model::TenantId::new("beta").unwrap();
    world.save(&theirs).await;
    let first = open(&world, &deployment, None, "").await;
    let path = format!("/api/v1/deployments/{}/events", theirs.id);
    let _second = world.send("beta", &path, &[]).await;
    let path = format!("/api/v1/deployments/{}/events", deployment.id);
    let refused = world.send(TENANT, &path, &[]).await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["retry-after"], "10");
    assert_eq!(world.json(&format!("/api/v1/deployments/{}", deployment.id)).await["progress"], 15);
    drop(first);
    assert_eq!(world.send(TENANT, &path, &[]).await.status(), 200);
}

#[tokio::test]
async fn no_tenant_and_no_user_takes_all_streams() {
    let world = World::new();
    let deployment = building(&world).await;
    let path = format!("/api/v1/deployments/{}/events", deployment.id);
    let mut held = vec![];
    for _ in 0..10 {
        held.push(open(&world, &deployment, None, "").await);
    }
    let refused = world.send(TENANT, &path, &[]).await;
    assert_eq!(refused.status(), 429, "one viewer has ten");
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert_eq!(refused.headers()["retry-after"], "10");
    for user in ["ben", "cat", "dan"] {
        for _ in 0..10 {
            let response = world.send_as(TENANT, user, &path, &[]).await;
            assert_eq!(response.status(), 200, "{user}");
            held.push(Client::new(response.into_body()));
        }
    }
    assert_eq!(world.send_as(TENANT, "eve", &path, &[]).await.status(), 429, "the tenant has forty");
    // Another tenant's document isn't there, but its own may be followed.
    let mut theirs = accepted(2, "shop", world.now());
    theirs.tenant = model::TenantId::new("beta").unwrap();
    world.save(&theirs).await;
    let path = format!("/api/v1/deployments/{}/events", theirs.id);
    assert_eq!(world.send("beta", &path, &[]).await.status(), 200);
    drop(held.pop());
    let path = format!("/api/v1/deployments/{}/events", deployment.id);
    assert_eq!(world.send_as(TENANT, "eve", &path, &[]).await.status(), 200, "there is room again");
}

#[tokio::test]
async fn who_has_read_the_end_is_told_not_to_come_back() {
    let world = World::new();
    let mut deployment = deployed(1, "shop", world.now().plus(-MINUTE_MS));
    world.save(&deployment).await;
    let done = open(&world, &deployment, None, "").await.rest().await.pop().unwrap();
    let id = done.id.unwrap();
    let path = format!("/api/v1/deployments/{}/events", deployment.id);
    let again = world.send(TENANT, &path, &[("last-event-id", &id)]).await;
    assert_eq!(again.status(), 204);
    // Rolled back later: there is something new after all.
    say(&mut deployment, Status::RollingBack, 100, world.now(), "Rolling back");
    world.save(&deployment).await;
    let mut client = open(&world, &deployment, Some(&id), "").await;
    assert_eq!(texts(&client.until(is("Rolling back")).await), ["Rolling back"]);
}

#[tokio::test]
async fn what_is_no_longer_kept_is_a_reset() {
    let world = World::new();
    let mut deployment = building(&world).await;
    world.log(&deployment, 0, &[("out", "one"), ("out", "two")]).await;
    for n in 0..70 {
        say(&mut deployment, Status::Building, 20, world.now(), &format!("told {n}"));
    }
    world.save(&deployment).await;
    let mut client = open(&world, &deployment, Some("3.0:1"), "").await;
    let seen = client.until(is("two")).await;
    assert_eq!(seen[0].kind, "reset");
    assert_eq!(seen[0].id.as_deref(), Some("74.0:1"));
    assert_eq!(seen[0].data["log_from"], "0:1");
    assert_eq!(seen[0].data["deployment"]["seq"], 74);
    assert_eq!(seen[0].data["deployment"]["timeline"].as_array().unwrap().len(), 60);
    assert_eq!(texts(&seen), ["two"], "the story is in the reset, the log goes on");
    // From another deployment, or made up.
    let mut client = open(&world, &deployment, Some("900.7:3"), "").await;
    let seen = client.until(is("two")).await;
    assert_eq!((seen[0].kind.as_str(), &seen[0].data["log_from"]), ("reset", &Value::from("0:0")));
    assert_eq!(texts(&seen), ["one", "two"]);
    // Who begins anew gets what is kept, and no reset.
    let mut client = open(&world, &deployment, None, "").await;
    assert_eq!(client.next().await.unwrap().kind, "log", "the log is older than what is kept of the story");
}

#[tokio::test]
async fn a_shift_is_followed_window_by_window() {
    let world = World::new();
    let mut deployment = accepted(1, "shop", world.now().plus(-MINUTE_MS));
    stages(&mut deployment, world.now().plus(-MINUTE_MS), Stage::Shift, true);
    deployment.last_good = Some(kept(2, "shop", world.now()));
    evidence(&mut deployment, 1, 0);
    world.save(&deployment).await;
    let mut client = open(&world, &deployment, None, "").await;
    let seen = client.until(|event| event.kind == "canary").await;
    assert_eq!(seen.last().unwrap().data["windows"], 1);
    assert_eq!(seen.last().unwrap().id, None, "it doesn't move the place");
    // No line of the story comes with a window.
    evidence(&mut deployment, 2, 3);
    world.save(&deployment).await;
    let next = client.next().await.unwrap();
    assert_eq!((next.kind.as_str(), next.data["counts"]["canary_bad"].as_u64()), ("canary", Some(6)));
}

#[tokio::test]
async fn fifty_streams_share_one_watch_that_ends_with_the_last() {
    let world = World::configured(|config| assert!(config.settings.set("streams", "1000")));
    let mut deployment = building(&world).await;
    let mut clients = vec![];
    for _ in 0..50 {
        clients.push(open(&world, &deployment, None, "").await);
    }
    tell(&world, &mut deployment, "heard by all").await;
    world.log(&deployment, 0, &[("out", "logged to all")]).await;
    for client in &mut clients {
        client.until(is("heard by all")).await;
        client.until(is("logged to all")).await;
    }
    assert_eq!(world.store.begun.load(Ordering::SeqCst), 2, "of the deployment, and of its log's head");
    let metrics = world.text("/metrics").await.1;
    assert!(
        metrics.contains("sextant_console_feeds 1\n") && metrics.contains("sextant_console_streams 50\n")
    );
    let open_watch = world.store.open.clone();
    assert_eq!(Arc::strong_count(&open_watch), 4, "ours, the store's, and the two watches'");
    drop(clients);
    while Arc::strong_count(&open_watch) > 2 {
        tokio::task::yield_now().await;
    }
    let metrics = world.text("/metrics").await.1;
    assert!(metrics.contains("sextant_console_feeds 0\n") && metrics.contains("sextant_console_streams 0\n"));
    // The next one begins a watch of its own.
    let mut client = open(&world, &deployment, None, "").await;
    client.until(is("logged to all")).await;
    assert_eq!(world.store.begun.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn what_no_head_tells_of_is_found_while_heads_are_rare() {
    let world = World::new();
    let deployment = building(&world).await;
    world.log(&deployment, 0, &[("out", "one")]).await;
    let mut client = open(&world, &deployment, None, "").await;
    client.until(is("one")).await;
    // The head of a log that is a minute old: the next one would come in a minute.
    let path = model::document::log::head_path(&deployment.tenant, &deployment.id);
    let head = world.ports.store.get(&path).await.unwrap().unwrap();
    let mut head: model::document::log::Head = head.body.parse().unwrap();
    head.since = head.at.plus(-MINUTE_MS);
    world.put(path, &head).await;
    world.segment(&deployment, 1, b"{\"t\":1,\"s\":\"out\",\"l\":\"two\"}\n").await;
    client.until(is("two")).await;
    // Whoever comes now gets it as well, though the head ends before it.
    let mut late = open(&world, &deployment, None, "").await;
    late.until(is("two")).await;
}

#[tokio::test]
async fn a_slow_reader_of_a_long_log_gets_all_of_it_in_order() {
    let world = World::new();
    let mut deployment = building(&world).await;
    let mut client = open(&world, &deployment, None, "").await;
    client.until(|event| event.kind == "status").await;
    for segment in 0..40 {
        let lines: Vec<String> = (0..50).map(|n| format!("{}", segment * 50 + n)).collect();
        let lines: Vec<(&str, &str)> = lines.iter().map(|text| ("out", text.as_str())).collect();
        world.log(&deployment, segment, &lines).await;
    }
    end(&world, &mut deployment).await;
    let rest = client.rest().await;
    let logged: Vec<usize> = rest
        .iter()
        .filter(|event| event.kind == "log")
        .map(|event| event.data["text"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(logged, (0..2000).collect::<Vec<_>>());
    assert_eq!(rest.last().unwrap().kind, "done");
}

/// A page that lists is told at once that it may look, and again whenever a service or a deployment of its tenant
/// changed; however many look on, each is watched once.
#[tokio::test]
async fn changes_of_a_tenant_are_told_to_whoever_lists() {
    let world = World::new();
    let open = async || {
        let response = world.send(TENANT, "/api/v1/events", &[]).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Client::new(response.into_body())
    };
    let (mut first, mut second) = (open().await, open().await);
    for client in [&mut first, &mut second] {
        assert_eq!(client.next().await.unwrap().kind, "changed");
    }
    world.save(&deployed(1, "shop", world.now())).await;
    for client in [&mut first, &mut second] {
        let event = client.next().await.unwrap();
        assert!(event.kind == "changed" && event.data["at"].is_string(), "{event:?}");
        assert!(!event.data.to_string().contains("shop"), "what changed isn't said: {event:?}");
    }
    assert_eq!(world.store.begun.load(Ordering::SeqCst), 2, "services and deployments, once each");
}
