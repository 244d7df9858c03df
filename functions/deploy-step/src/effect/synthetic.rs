//! Requests of our own, for when nobody else asks: the same to the new revision and to the last good one, each at its own
//! address.
//!
//! Invariant: they are probes, so no target counts them as traffic; how many and how long is bounded, and what has come
//! by then is what is judged.

use super::Failed;
use forecast::canary::synthetic;
use futures::future::try_join_all;
use host::Context;
use model::{
    deployment::Asked,
    document::{Counts, Deployment},
    time::SECOND_MS,
};

/// How long one delivery goes on asking.
const ASK_FOR_MS: i64 = 8 * SECOND_MS;
/// Requests to each revision that are under way at once.
const AT_ONCE: usize = 4;

/// Asks both, and says what that means; none where the policy wants none, or there is nothing to compare with.
pub async fn ask(ctx: &Context, deployment: &Deployment) -> Result<Option<Asked>, Failed> {
    let (Some(policy), Some(good)) = (&deployment.policy.synthetic, &deployment.last_good) else {
        return Ok(None);
    };
    let (ours, until) = (deployment.revision_name(), ctx.real().plus(ASK_FOR_MS));
    let mut seen: Vec<(String, Counts)> =
        policy.paths.iter().map(|path| (path.clone(), Counts::default())).collect();
    let turns: Vec<usize> = (0..policy.paths.len()).cycle().take(policy.requests as usize).collect();
    for turns in turns.chunks(AT_ONCE) {
        let both =
            turns.iter().map(|turn| {
                let (ours, good, path) =
                    (ours.as_str(), good.revision.as_str(), policy.paths[*turn].as_str());
                async move {
                    tokio::try_join!(fails(ctx, deployment, ours, path), fails(ctx, deployment, good, path))
                }
            });
        for (turn, (canary, stable)) in turns.iter().zip(try_join_all(both).await?) {
            seen[*turn].1 += &Counts {
                canary_requests: 1,
                stable_requests: 1,
                canary_bad: u64::from(canary),
                stable_bad: u64::from(stable),
            };
        }
        if ctx.real() >= until {
            break;
        }
    }
    Ok(Some(synthetic(&seen, u64::from(policy.requests))))
}

async fn fails(ctx: &Context, deployment: &Deployment, revision: &str, path: &str) -> Result<bool, Failed> {
    let probe = ctx.ports.target.probe(&deployment.key(), revision, path).await?;
    Ok(probe.status.map_or(!probe.healthy, |status| status >= 500))
}
