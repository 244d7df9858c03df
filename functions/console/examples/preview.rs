//! Serves the console over a temporary folder with a few documents in it, to look at the pages while working on
//! them: `cargo run -p console --example preview -- PORT [PULSE_MS]`. One deployment goes on shifting, a window a
//! pulse, as long as it runs.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a tool for developing")]

#[path = "../tests/console/documents.rs"]
mod documents;
#[path = "../tests/console/world.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod world;

use documents::{
    accepted, decision, decision_id, deployed, evidence, failed, feedback, kept, learning, observation,
    released, say, service, stages,
};
use host::{Caller, Role};
use model::{
    document::{
        Failure, Stage, Status, Step, counters_path, decision_path, feedback_path, learning_path,
        observation_path, service_path,
    },
    port::store::Write,
    time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS},
};
use std::time::Duration;
use world::{TENANT, World, tenant};

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let port = arguments.next().unwrap_or(8090) as u16;
    let pulse = Duration::from_millis(arguments.next().unwrap_or(1000));
    let world = World::at(port);
    shop(&world).await;
    api(&world).await;
    search(&world).await;
    let caller = Caller { tenant: tenant(), user: "ann".into(), role: Role::Owner };
    println!("{}", world.token(TENANT, "ann", Role::Owner));
    println!("{}", world.runner.sign_in_link(&caller));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let serving = host::serve(listener, world.runner.router(), host::serve::signal());
    tokio::select! {
        result = serving => result.unwrap(),
        () = web(&world, pulse) => {}
    }
}

/// A service that serves, was measured, and taught something.
async fn shop(world: &World) {
    let now = world.now();
    for n in 0..30 {
        let at = now.plus(-(i64::from(n) + 2) * 7 * HOUR_MS);
        let old = if n % 7 == 3 { failed(100 + n, "shop", at) } else { deployed(100 + n, "shop", at) };
        world.save(&old).await;
    }
    let (long_ago, lately) = (now.plus(-9 * DAY_MS), now.plus(-3 * HOUR_MS));
    let (before, good) = (deployed(1, "shop", long_ago), deployed(2, "shop", lately));
    for (n, one) in [(1, &before), (2, &good)] {
        world.save(one).await;
        world.put(decision_path(&tenant(), &decision_id(n)), &decision(n, one)).await;
    }
    let all = vec![kept(2, "shop", lately), kept(1, "shop", long_ago)];
    world.put(service_path(&tenant(), &good.service), &service(&good, all)).await;
    for n in 0..100 {
        let seen = observation(n, &good, now.plus(-100 * 5 * MINUTE_MS));
        world.put(observation_path(&tenant(), &seen.id), &seen).await;
    }
    let said = feedback(1, &before, "Works well & cheap <script>alert(1)</script>");
    world.put(feedback_path(&tenant(), &decision_id(1)), &said).await;
    let learned = learning(1, &before, now.plus(-DAY_MS));
    world.put(learning_path(&tenant(), &learned.id), &learned).await;
    let counts =
        [("total", 12), ("successful", 9), ("failed", 2), ("rolled_back", 1), ("duration_ms", 310_000)];
    let counts = counts.map(|(name, n)| (name.to_owned(), n));
    world.add(Write::add(counters_path(&tenant(), now), counts)).await;
}

/// A build that failed.
async fn api(world: &World) {
    let broken = failed(3, "api-staging", world.now().plus(-20 * MINUTE_MS));
    world.save(&broken).await;
    let lines = [
        ("sys", "$ npm ci"),
        ("out", "resolving 312 packages"),
        ("err", "npm error code ERESOLVE"),
        ("err", "npm error ERESOLVE could not resolve"),
        ("end", "`npm ci` ended with exit code 1"),
    ];
    world.log(&broken, 0, &lines).await;
    let mut staging = service(&broken, vec![]);
    staging.environment = "staging".into();
    world.put(service_path(&tenant(), &broken.service), &staging).await;
}

/// A release that was taken back.
async fn search(world: &World) {
    let (began, good) = (world.now().plus(-HOUR_MS), world.now().plus(-4 * DAY_MS));
    let mut back = accepted(5, "search", began);
    stages(&mut back, began, Stage::Shift, false);
    released(&mut back);
    back.last_good = Some(kept(6, "search", good));
    evidence(&mut back, 4, 4);
    back.failure = Some(Failure {
        stage: Stage::Shift,
        code: "canary_failed".into(),
        message: format!("Worse than the last good revision: {}. Taking it back", back.canary.reason),
        hint: "Look at the revision's log for the requests that failed; deploy again with the fix.".into(),
    });
    back.step = Step::Rest;
    let ended = back.ended_at.unwrap();
    say(&mut back, Status::RolledBack, 100, ended, "Taken back: search-r0000000006 serves all traffic again");
    world.save(&back).await;
    let service = service(&back, vec![kept(6, "search", good)]);
    world.put(service_path(&tenant(), &back.service), &service).await;
}

/// A deployment that goes on shifting; its log grows.
async fn web(world: &World, pulse: Duration) {
    let began = world.now().plus(-25 * SECOND_MS);
    let good = kept(8, "web", world.now().plus(-2 * DAY_MS));
    let mut moving = accepted(9, "web", began);
    stages(&mut moving, began, Stage::Shift, true);
    released(&mut moving);
    moving.last_good = Some(good.clone());
    (moving.decision, moving.step) = (Some(decision_id(9)), Step::Watch);
    world.put(decision_path(&tenant(), &decision_id(9)), &decision(9, &moving)).await;
    world.put(service_path(&tenant(), &moving.service), &service(&moving, vec![good])).await;
    for n in 0.. {
        evidence(&mut moving, 1 + n % 12, 0);
        let real = world.ports.clock.real();
        say(&mut moving, Status::Shifting, 89, real, &format!("Window {n} at {}", real.0));
        world.save(&moving).await;
        if pulse.as_millis() >= 500 {
            let text = format!("line {n} of a build: compiling something or other");
            world.log(&moving, n, &[("sys", "$ npm run build"), ("out", &text)]).await;
        }
        tokio::time::sleep(pulse).await;
    }
}
