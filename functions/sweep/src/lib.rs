//! The backstop, each minute: whatever is due and was not woken by a message or a timer is woken now.
//!
//! Invariant: it decides nothing. It publishes wake-ups that are harmless when they come twice, and outboxes that
//! a crash left behind.

mod deployments;
mod services;

use host::{Context, Error, Function, Outcome};
use model::{
    document::SHARDS,
    port::{
        Delivery,
        store::{Comparison, Query, Scope},
    },
};

/// The function's declaration.
pub fn function() -> Function {
    Function::new("sweep", "Wakes what is due: deployments whose timer was lost, outboxes that a crash left behind")
        .timeout_s(50)
        .concurrency(1)
        .permissions(&["datastore.user", "pubsub.publisher"])
        .schedule("sweep", "* * * * *", handle)
}

async fn handle(ctx: Context, _: Delivery) -> Result<Outcome, Error> {
    for shard in 0..SHARDS {
        deployments::wake(&ctx, shard).await?;
        services::publish(&ctx, shard).await?;
    }
    Ok(Outcome::Done)
}

/// Documents of a group in one shard that are due by now, most overdue first. One page: the next minute takes the
/// rest, and what was woken moves its due time.
fn due(group: &str, shard: u32, ctx: &Context) -> Query {
    Query::all(Scope::Group(group.to_owned()), 200)
        .filter("shard", Comparison::Equal, shard)
        .filter("next_due", Comparison::LessOrEqual, ctx.now().0)
        .order("next_due", false)
}
