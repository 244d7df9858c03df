//! Killed behind the second, third, … commit of a pipeline, not only behind the first: what each commit owes to the
//! topics is still in the document, and the pipeline goes on from there.

use crate::system;
use tokio::task::{JoinSet, LocalSet};

/// Passes through the point behind a commit; the last ones end the pipeline.
const PASSES: [&str; 9] = [
    "deploy-step.after-commit#2",
    "deploy-step.after-commit#3",
    "deploy-step.after-commit#4",
    "deploy-step.after-commit#5",
    "deploy-step.after-commit#6",
    "deploy-step.after-commit#7",
    "deploy-step.after-commit#8",
    "deploy-step.after-commit#9",
    "deploy-step.after-commit#10",
];

#[tokio::test]
async fn killed_behind_every_commit_of_a_pipeline() {
    let here = LocalSet::new();
    let deaths = here.run_until(async {
        let mut walks = JoinSet::new();
        for point in PASSES {
            walks.spawn_local(walk(point));
        }
        walks.join_all().await
    });
    let killed = deaths.await.into_iter().filter(|deaths| *deaths > 0).count();
    assert_eq!(killed, PASSES.len(), "a pass was never reached");
}

/// One deployment with one death; how often Sextant was killed at the point.
async fn walk(point: &'static str) -> u32 {
    let mut system = system().start().await;
    let app = system.app("shop");
    system.kill().await;
    system.restart(Some(point)).await;
    let order = app.order("v1");
    let id = system.surviving(async |system| system.deploy(&order).await).await;
    let ended = system.surviving(async |system| system.rest(&id).await).await;
    assert_eq!(ended["pipeline_status"], "DEPLOYED", "{point}: {ended:#}");
    assert_eq!((app.builds("v1"), app.starts("v1")), (1, 1), "{point}: {}", app.journal());
    // What the last commit owed went out too: the analytics, the list and the service agree.
    // The last pass may come after the end was told, so this too may meet the death.
    let service =
        system.surviving(async |system| system.get("/api/v1/services/shop").await).await.expect(200);
    assert_eq!(service["running"], serde_json::Value::Null, "{point}: {service:#}");
    system.deaths - 1
}
