//! The backstop, each minute: whatever is due and was not woken by a message or a timer is woken now.
//!
//! Invariant: it decides nothing. It publishes wake-ups that are harmless when they come twice, and outboxes that
//! a crash left behind.

mod deployments;
mod services;

#[cfg(test)]
mod tests;

use host::{Context, Error, Function, Outcome};
use model::{
    Timestamp,
    document::SHARDS,
    port::{
        Delivery,
        store::{Comparison, Query, Scope},
    },
};
use serde::Deserialize;

/// The function's declaration.
pub fn function() -> Function {
    Function::new(
        "sweep",
        "Wakes what is due: deployments whose timer was lost, outboxes that a crash left behind",
    )
    .timeout_s(50)
    .concurrency(1)
    .permissions(&["datastore.user", "pubsub.publisher"])
    .schedule("sweep", "* * * * *", handle)
}

/// How far to look. A process that starts alone looks ahead: the timers of its predecessor died with it.
#[derive(Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    time: Option<Timestamp>,
}

async fn handle(ctx: Context, delivery: Delivery) -> Result<Outcome, Error> {
    let wanted: Wanted = delivery.message.body().unwrap_or_default();
    let by = wanted.time.unwrap_or_default().max(ctx.now());
    for shard in 0..SHARDS {
        deployments::wake(&ctx, shard, by).await?;
        services::publish(&ctx, shard, by).await?;
    }
    Ok(Outcome::Done)
}

/// Documents of a group in one shard that are due by then, most overdue first. One page: the next minute takes the
/// rest, and what was woken moves its due time.
fn due(group: &str, shard: u32, by: Timestamp) -> Query {
    Query::all(Scope::Group(group.to_owned()), 200)
        .filter("shard", Comparison::Equal, shard)
        .filter("next_due", Comparison::LessOrEqual, by.0)
        .order("next_due", false)
}
