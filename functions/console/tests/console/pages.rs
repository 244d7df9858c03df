//! Pages: whole without JavaScript, escaped, and with nothing from elsewhere.

use crate::{
    documents::{
        accepted, decision, decision_id, deployed, evidence, failed, feedback, kept, learning, observation,
        say, service, stages,
    },
    world::{TENANT, World, tenant},
};
use model::{
    document::{
        Counts, Stage, Status, Stopped, Synthetic, Variables, decision_path, feedback_path, learning_path,
        observation_path, service_path, variables_path,
    },
    time::{DAY_MS, MINUTE_MS},
};
use serde_json::json;

const EVIL: &str = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>";

/// Everything that came from outside says something evil.
async fn evil(world: &World) {
    let now = world.now();
    let mut one = deployed(1, "shop", now.plus(-MINUTE_MS));
    say(&mut one, Status::Deployed, 100, now, EVIL);
    one.checks.push(EVIL.into());
    one.requested_by = EVIL.into();
    one.commit = Some(EVIL.into());
    one.canary.reason = EVIL.into();
    one.canary.outlook = EVIL.into();
    one.canary.synthetic =
        Some(Synthetic { paths: vec![EVIL.into()], counts: Counts::default(), words: EVIL.into() });
    one.released.as_mut().unwrap().url = format!("javascript:alert(1)//{EVIL}");
    world.save(&one).await;
    let mut failing = failed(2, "shop", now.plus(-MINUTE_MS));
    failing.failure.as_mut().unwrap().message = EVIL.into();
    world.save(&failing).await;
    world.log(&one, 0, &[("out", EVIL), (EVIL, "stream")]).await;
    let mut made = decision(1, &one);
    made.reasons.push(EVIL.into());
    made.class = EVIL.into();
    world.put(decision_path(&tenant(), &made.id), &made).await;
    world.put(feedback_path(&tenant(), &made.id), &feedback(1, &one, EVIL)).await;
    let mut of_it = service(&one, vec![kept(1, "shop", now), kept(3, "shop", now.plus(-DAY_MS))]);
    of_it.slot.url = Some(format!("javascript:alert(1)//{EVIL}"));
    of_it.owner = EVIL.into();
    of_it.slot.kept[1].commit = Some(EVIL.into());
    of_it.slot.kept[1].revision = EVIL.into();
    world.put(service_path(&tenant(), &one.service), &of_it).await;
    let mut learned = learning(1, &one, now);
    learned.explanation.push(EVIL.into());
    learned.updates_generated.push(EVIL.into());
    learned.class = EVIL.into();
    world.put(learning_path(&tenant(), &learned.id), &learned).await;
    let seen = observation(0, &one, now.plus(-MINUTE_MS));
    world.put(observation_path(&tenant(), &seen.id), &seen).await;
}

#[tokio::test]
async fn nothing_from_outside_becomes_markup() {
    let world = World::new();
    evil(&world).await;
    let one = deployed(1, "shop", world.now()).id;
    let two = failed(2, "shop", world.now()).id;
    let pages = [
        ("/".to_owned(), true),
        (format!("/deployments/{one}"), true),
        (format!("/deployments/{one}/live"), true),
        (format!("/deployments/{two}"), true),
        ("/services/shop".to_owned(), true),
        ("/learnings".to_owned(), true),
    ];
    for (path, shows) in pages {
        let (status, page) = world.text(&path).await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(page.contains("alert("), shows, "{path} shows what it escapes");
        assert!(!page.contains("<script>") && !page.contains("<img src=x"), "{path}");
        assert!(!page.contains("href=\"javascript:"), "{path}");
        assert!(!page.contains("onerror=alert(1)>"), "{path}");
    }
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere_and_run_no_script_of_theirs() {
    let world = World::new();
    evil(&world).await;
    let response = world.send(TENANT, "/", &[("accept", "text/html")]).await;
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let (_, page) = world.text("/").await;
    for tag in ["<script", "<link", "<img"] {
        for part in page.split(tag).skip(1) {
            let attributes = part.split('>').next().unwrap();
            assert!(attributes.contains("\"/assets/"), "{tag}{attributes}");
        }
    }
    assert!(!page.contains(" style=") && !page.contains(" onclick="));
}

#[tokio::test]
async fn assets_are_known_by_their_hash() {
    let world = World::new();
    for path in ["/assets/console.css", "/assets/console.js", "/assets/icon.svg"] {
        let response = world.send(TENANT, path, &[]).await;
        assert_eq!(response.status(), 200, "{path}");
        let tag = response.headers()["etag"].to_str().unwrap().to_owned();
        let again = world.send(TENANT, path, &[("if-none-match", &tag)]).await;
        assert_eq!(again.status(), 304, "{path}");
        let other = world.send(TENANT, path, &[("if-none-match", "\"other\"")]).await;
        assert_eq!(other.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn a_running_deployment_says_where_its_stream_goes_on() {
    let world = World::new();
    let mut moving = accepted(1, "shop", world.now().plus(-MINUTE_MS));
    stages(&mut moving, world.now().plus(-MINUTE_MS), Stage::Shift, true);
    moving.last_good = Some(kept(2, "shop", world.now()));
    moving.decision = Some(decision_id(1));
    evidence(&mut moving, 2, 0);
    world.save(&moving).await;
    world.put(decision_path(&tenant(), &decision_id(1)), &decision(1, &moving)).await;
    world.log(&moving, 0, &[("out", "compiling")]).await;
    let (_, page) = world.text(&format!("/deployments/{}", moving.id)).await;
    let events = format!("data-events=\"/api/v1/deployments/{}/events?after=7.1:0\"", moving.id);
    for part in [
        events.as_str(),
        "compiling",
        "Go on to the next weight",
        "{&#34;index&#34;:0,&#34;seq&#34;:7}",
        "1.69 USD – 4.78 USD",
        "learned from 4 deployment-months",
        "E 1.00 · p 1.0000",
        "<noscript>",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    moving.canary.held = Some("paused by hand".into());
    world.save(&moving).await;
    let (_, part) = world.text(&format!("/deployments/{}/live", moving.id)).await;
    assert!(part.contains("paused by hand") && !part.contains(">Pause<"), "{part}");
}

/// Words first, then the effect with its bounds and what could have been seen; E and p are a fold below.
#[tokio::test]
async fn a_shift_is_told_in_words_before_numbers() {
    let world = World::new();
    let began = world.now().plus(-MINUTE_MS);
    let mut moving = accepted(1, "shop", began);
    stages(&mut moving, began, Stage::Shift, true);
    moving.last_good = Some(kept(2, "shop", began));
    evidence(&mut moving, 3, 6);
    moving.canary.outlook = "At the 200 requests a minute seen it takes about 43 min".into();
    world.save(&moving).await;
    let (_, page) = world.text(&format!("/deployments/{}", moving.id)).await;
    let places: Vec<usize> = [
        "18 of 60 requests to it failed, none of 540 to the last good revision.",
        "It fails at least 20 times as often as before, at most 52 % of requests.",
        "A release that fails 5 % would have been stopped by now with",
        "At the 200 requests a minute seen it takes about 43 min.",
        "<summary>The evidence: E",
    ]
    .into_iter()
    .map(|part| page.find(part).unwrap_or_else(|| panic!("{part} in {page}")))
    .collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test]
async fn a_deployment_at_rest_offers_only_what_can_be_done() {
    let world = World::new();
    let now = world.now();
    let (good, old) = (deployed(1, "shop", now.plus(-MINUTE_MS)), deployed(2, "shop", now.plus(-DAY_MS)));
    world.save(&good).await;
    world.save(&old).await;
    let all = vec![kept(1, "shop", now), kept(2, "shop", now.plus(-DAY_MS))];
    world.put(service_path(&tenant(), &good.service), &service(&good, all)).await;
    let page = async |id: &model::DeploymentId| world.text(&format!("/deployments/{id}")).await.1;
    assert!(page(&good.id).await.contains("Roll back"), "it serves, and there is one to go back to");
    assert!(!page(&old.id).await.contains("Roll back"), "it doesn't serve");
    let mut failing = failed(3, "shop", now.plus(-MINUTE_MS));
    world.save(&failing).await;
    assert!(!page(&failing.id).await.contains("Put to work again"), "its source was never fetched");
    let manifest = json!({ "digest": "a".repeat(64), "packed_bytes": 1, "bytes": 1, "files": 1 });
    failing.archive = Some(serde_json::from_value(json!({ "key": "k", "manifest": manifest })).unwrap());
    world.save(&failing).await;
    assert!(page(&failing.id).await.contains("Put to work again"));
    assert!(!page(&good.id).await.contains("data-events"), "nothing more comes");
    let (_, overview) = world.text("/").await;
    assert!(overview.contains("http://shop.localhost:8081") && overview.contains("Serving"));
    let (_, empty) = World::new().text("/").await;
    assert!(empty.contains("sextant deploy"), "an empty page says how to begin");
}

/// The colours that a build prints are classes of ours; whatever else stands in its log is text.
#[tokio::test]
async fn colours_of_a_log_are_shown_as_colours() {
    let world = World::new();
    let moving = failed(1, "shop", world.now().plus(-MINUTE_MS));
    world.save(&moving).await;
    world.log(&moving, 0, &[("out", "\u{1b}[1;32mok\u{1b}[0m <b>\u{1b}[41m!\u{1b}[2J")]).await;
    let (_, page) = world.text(&format!("/deployments/{}", moving.id)).await;
    let line = "<span class=\"out\"><span class=\"bold fg-2\">ok</span> &#60;b&#62;<span class=\"bg-1\">!\\x1b[2J</span>\n</span>";
    assert!(page.contains(line), "{page}");
}

/// The tab says how it stands, and a page of what serves nowhere links nothing.
#[tokio::test]
async fn titles_tell_the_status_and_only_what_serves_is_linked() {
    let world = World::new();
    let now = world.now();
    let good = deployed(1, "shop", now.plus(-MINUTE_MS));
    world.save(&good).await;
    let mut shop = service(&good, vec![kept(1, "shop", now)]);
    world.put(service_path(&tenant(), &good.service), &shop).await;
    let pages = [format!("/deployments/{}", good.id), "/services/shop".to_owned(), "/".to_owned()];
    let titles = ["Deployed · shop · Sextant", "Serving · shop · Sextant", "Overview · Sextant"];
    for (path, title) in pages.iter().zip(titles) {
        let (_, page) = world.text(path).await;
        assert!(page.contains(&format!("<title>{title}</title>")), "{title} in {page}");
        assert!(page.contains("href=\"http://shop.localhost:8081\""), "{page}");
        assert!(page.contains("data-changes=\"/api/v1/events\""), "{path} goes on by itself: {page}");
    }
    shop.slot.stopped = Some(Stopped { at: now, by: "you".into() });
    world.put(service_path(&tenant(), &good.service), &shop).await;
    for path in pages {
        let (_, page) = world.text(&path).await;
        assert!(!page.contains("href=\"http://shop.localhost:8081\""), "{path}: {page}");
    }
}

/// Who changed what stands with each revision, and a rollback is undone from the page of what was rolled back.
#[tokio::test]
async fn revisions_say_what_was_changed_and_by_whom() {
    let world = World::new();
    let now = world.now();
    let mut good = deployed(1, "shop", now.plus(-MINUTE_MS));
    let origin = json!({ "message": "Prices in euros", "author": "Ann", "dirty": true });
    let manifest =
        json!({ "digest": "a".repeat(64), "packed_bytes": 1, "bytes": 1, "files": 1, "origin": origin });
    good.archive = Some(serde_json::from_value(json!({ "key": "k", "manifest": manifest })).unwrap());
    world.save(&good).await;
    let of_it = service(&good, vec![kept(1, "shop", now)]);
    world.put(service_path(&tenant(), &good.service), &of_it).await;
    let (_, page) = world.text("/services/shop").await;
    assert!(page.contains("Prices in euros, by Ann, and changes that are not committed"), "{page}");
    good.status = Status::RolledBack;
    world.save(&good).await;
    let (_, page) = world.text(&format!("/deployments/{}", good.id)).await;
    assert!(page.contains(">Undo the rollback<"), "{page}");
}

/// A page that one can work from: what can be done to the service as it stands, and the variables it has.
#[tokio::test]
async fn a_service_is_worked_with_from_its_page() {
    let world = World::new();
    let now = world.now();
    let good = deployed(1, "shop", now.plus(-MINUTE_MS));
    world.save(&good).await;
    let mut shop = service(&good, vec![kept(1, "shop", now)]);
    world.put(service_path(&tenant(), &good.service), &shop).await;
    let mut variables = Variables::none(tenant(), good.service.clone());
    variables.plain.insert("MODE".into(), "quick & <b>".into());
    world.put(variables_path(&tenant(), &good.service), &variables).await;
    let (_, page) = world.text("/services/shop").await;
    for part in [">Restart<", ">Stop<", ">Deploy again<", ">Delete<", "MODE", "for those who deploy"] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("quick"), "whoever may only look sees no values: {page}");
    let seen = format!("&#34;serving&#34;:&#34;{}&#34;", good.id);
    assert!(page.contains(&seen) && !page.contains(">Start<"), "{page}");
    shop.slot.stopped = Some(Stopped { at: now, by: "you".into() });
    world.put(service_path(&tenant(), &good.service), &shop).await;
    let (_, page) = world.text("/services/shop").await;
    assert!(page.contains(">Start<") && page.contains("Stopped") && !page.contains(">Restart<"), "{page}");
}

#[tokio::test]
async fn the_page_begins_with_the_newest_lines_whatever_segments_they_are_in() {
    let world = World::new();
    let mut moving = accepted(1, "shop", world.now().plus(-MINUTE_MS));
    stages(&mut moving, world.now().plus(-MINUTE_MS), Stage::Build, true);
    moving.build = Some(2);
    world.save(&moving).await;
    // A slow build: one line a second, each in a segment of its own, and a second attempt after the first was lost.
    for number in 0..30 {
        world.log(&moving, number, &[("out", &format!("first-attempt-{number}."))]).await;
    }
    for number in 0..10 {
        world.log(&moving, 100_000 + number, &[("out", &format!("second-attempt-{number}."))]).await;
    }
    let (_, page) = world.text(&format!("/deployments/{}", moving.id)).await;
    for number in 0..30 {
        assert!(page.contains(&format!("first-attempt-{number}.")), "{number} in {page}");
    }
    for number in 0..10 {
        assert!(page.contains(&format!("second-attempt-{number}.")), "{number} in {page}");
    }
    assert!(page.contains("after=4.100010:0"), "{page}");
}

#[tokio::test]
async fn control_characters_of_a_log_are_shown_not_sent() {
    let world = World::new();
    let moving = failed(1, "shop", world.now().plus(-MINUTE_MS));
    world.save(&moving).await;
    world.log(&moving, 0, &[("out", "\u{1b}]0;owned\u{7}a\rb\u{202e}c\u{9b}2J"), ("end", "failed")]).await;
    let (_, page) = world.text(&format!("/deployments/{}", moving.id)).await;
    let (_, text) = world.text(&format!("/api/v1/deployments/{}/logs?format=text", moving.id)).await;
    for shown in [page, text] {
        assert!(!shown.contains(['\u{1b}', '\u{7}', '\r', '\u{202e}', '\u{9b}']), "{shown:?}");
        assert!(shown.contains(r"\x1b]0;owned\x07a\rb\u{202e}c\u{9b}2J"), "{shown:?}");
    }
}
