//! Whole pipelines with a target that answers at once: how many a second and core, and what one costs when few and
//! when many deployments are stored.

use crate::row;
use serde_json::json;
use std::{fs, time::Instant};
use tests::{fake::Traffic, world::World};

const AT_ONCE: usize = 64;

/// Measures and prints.
pub fn run() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let functions = vec![register::function(), deploy_step::function()];
        let world = World::open(folder.path(), functions, Traffic::default());
        batch(&world, 100).await;
        let (_, early) = batch(&world, 1_000).await;
        let (rate, _) = batch(&world, 4_000).await;
        batch(&world, 4_900).await;
        let (_, late) = batch(&world, 1_000).await;
        row("pipelines", rate, "1/s", "wall clock, 64 at once, two cores shared by everything");
        row(
            "pipelines per core",
            1000.0 / early,
            "1/s",
            "floor 200, aim 1000; by CPU time of the whole process",
        );
        row("cost at 100 stored", early, "ms CPU", "per deployment");
        row("cost at 10000 stored", late, "ms CPU", "per deployment");
        row("growth", (late / early - 1.0) * 100.0, "%", "floor 15, aim 5");
    });
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
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<f64> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|f| f.parse().unwrap())
        .collect();
    // Clock ticks are hundredths of a second on every Linux that this runs on.
    fields.iter().sum::<f64>() * 10.0
}
