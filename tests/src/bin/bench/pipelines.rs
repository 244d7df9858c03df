//! Whole pipelines with a target that answers at once: how many a second and core, and what one costs when few and
//! when many deployments are stored.

use crate::row;
use serde_json::json;
use std::time::Instant;
use tests::{fake::Traffic, world::World};

const AT_ONCE: usize = 64;
/// Few and many deployments stored.
const FEW: usize = 100;
const MANY: usize = 100_000;
/// Rounds in which the two take turns, and pipelines of each in a round.
const ROUNDS: usize = 8;
const ROUND: usize = 500;

/// Measures and prints.
pub fn run() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (many, _folder) = world();
        batch(&many, FEW).await;
        let (rate, cost) = batch(&many, 4_000).await;
        row("pipelines", rate, "1/s", "wall clock, 64 at once, two cores shared by everything");
        row(
            "pipelines per core",
            1000.0 / cost,
            "1/s",
            "floor 200, aim 1000; by CPU time of the whole process",
        );
        batch(&many, MANY - FEW - 4_000).await;
        growth(&many).await;
    });
}

/// What a pipeline costs beside few and beside many: in turns, since a machine's speed drifts by more than they
/// differ. The sums count, so that each has its share of compactions.
async fn growth(many: &World) {
    let (mut early, mut late) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        let (few, _folder) = world();
        batch(&few, FEW).await;
        early += batch(&few, ROUND).await.1;
        late += batch(many, ROUND).await.1;
    }
    row("cost at 100 stored", early / ROUNDS as f64, "ms CPU", "per deployment");
    row(
        "cost at 100000 stored",
        late / ROUNDS as f64,
        "ms CPU",
        "per deployment, in turns with the line above",
    );
    row("growth", (late / early - 1.0) * 100.0, "%", "floor 15, aim 5");
}

fn world() -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let functions = vec![register::function(), deploy_step::function()];
    (World::open(folder.path(), functions, Traffic::default()), folder)
}

/// Runs `count` pipelines; (pipelines a second, milliseconds of CPU for each).
async fn batch(world: &World, count: usize) -> (f64, f64) {
    let (began, cpu) = (Instant::now(), cpu_ms());
    let mut done = 0;
    while done < count {
        let now = AT_ONCE.min(count - done);
        let one = |n: usize| async move {
            let id = world.deploy(&format!("app-{n}"), json!({"strategy": "instant"})).await;
            let deployment = world.rest(&id).await;
            assert_eq!(deployment.status, model::document::Status::Deployed, "{:?}", deployment.timeline);
        };
        futures::future::join_all((0..now).map(one)).await;
        done += now;
    }
    (count as f64 / began.elapsed().as_secs_f64(), (cpu_ms() - cpu) / count as f64)
}

/// CPU time of this process so far, user and system.
fn cpu_ms() -> f64 {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    spent.tv_sec as f64 * 1e3 + spent.tv_nsec as f64 / 1e6
}
