//! The backstop, each minute: whatever is due and was not woken by a message or a timer is woken now.
//!
//! Then it removes what is over. Invariant: it decides nothing. It publishes wake-ups that are harmless when they come
//! twice, and outboxes that a crash left behind; what is referred to stays.

mod deployments;
mod outboxes;
mod page;
mod retention;
mod sources;

#[cfg(test)]
mod tests;

use host::{Context, Error, Function, Outcome, Port};
use model::{
    Timestamp,
    document::SHARDS,
    port::{
        Delivery,
        store::{Comparison, Query, Scope},
    },
    time::SECOND_MS,
};
use serde::Deserialize;

/// The function's declaration.
pub fn function() -> Function {
    Function::new(
        "sweep",
        "Wakes what is due: deployments whose timer was lost, outboxes that a crash left behind; removes what is over",
    )
    .timeout_s(50)
    .concurrency(1)
    .permissions(&["datastore.user", "pubsub.publisher", "storage.objectAdmin"]).uses(&[Port::Store, Port::Broker, Port::Objects, Port::Source])
    .schedule("sweep", "* * * * *", handle)
    .schedule("sources", "41 * * * *", sources::tidy)
}

/// Waking may take this long, and all of it that: the function has 50 s, and a page under way ends first.
const WAKE_MS: i64 = 20 * SECOND_MS;
const WORK_MS: i64 = 35 * SECOND_MS;

/// How far to look. A process that starts alone looks ahead: the timers of its predecessor died with it.
#[derive(Default, Deserialize)]
struct Wanted {
    #[serde(default)]
    time: Option<Timestamp>,
}

async fn handle(ctx: Context, delivery: Delivery) -> Result<Outcome, Error> {
    let wanted: Wanted = delivery.message.body().unwrap_or_default();
    let by = wanted.time.unwrap_or_default().max(ctx.now());
    let began = ctx.real();
    for shard in 0..SHARDS {
        // Each shard has its share of the time, so that none starves the others.
        let until = began.plus(WAKE_MS * i64::from(shard + 1) / i64::from(SHARDS));
        deployments::wake(&ctx, shard, by, until).await?;
        outboxes::publish(&ctx, shard, by, until).await?;
    }
    retention::clear(&ctx, began.plus(WORK_MS)).await;
    Ok(Outcome::Done)
}

/// Documents of a group in one shard that are due by then, most overdue first.
fn due(group: &str, shard: u32, by: Timestamp) -> Query {
    Query::all(Scope::Group(group.to_owned()), 200)
        .filter("shard", Comparison::Equal, shard)
        .filter("next_due", Comparison::LessOrEqual, by.0)
        .order("next_due", false)
}
