//! Reads what each due service really did and cost in the window since it was last measured.
//!
//! Invariant: windows of one revision follow each other without gap or overlap, in real time; an observation's id is
//! derived from (service, window), so measuring twice is one document. A service that must not be measured has no
//! due time and is never found.

mod measure;
mod utilize;

#[cfg(test)]
mod tests;

use host::{Context, Error, Function, Outcome, Port, Stored};
use model::{
    document::{SHARDS, Service},
    port::{
        Delivery,
        store::{Comparison, Document, Query, Scope},
    },
};

/// The function's declaration.
pub fn function() -> Function {
    Function::new("collect-metrics", "Reads metrics and cost of every service that is due")
        .timeout_s(300)
        .concurrency(1)
        .permissions(&[
            "datastore.user",
            "pubsub.publisher",
            "monitoring.viewer",
            "run.viewer",
            "bigquery.jobUser",
        ])
        .uses(&[Port::Store, Port::Broker, Port::Target])
        .schedule("collect-metrics", "* * * * *", handle)
}

async fn handle(ctx: Context, _: Delivery) -> Result<Outcome, Error> {
    for shard in 0..SHARDS {
        for document in due(&ctx, shard).await? {
            let name = document.path.id().to_owned();
            if let Err(error) = measure_one(&ctx, document).await {
                // One service that can't be read must not keep the others from being read.
                tracing::warn!(service = name, %error, "this service could not be measured; the next minute tries again");
            }
        }
    }
    Ok(Outcome::Done)
}

/// Services of one shard that are due, most overdue first.
async fn due(ctx: &Context, shard: u32) -> Result<Vec<Document>, Error> {
    let query = Query::all(Scope::Group("services".to_owned()), 500)
        .filter("shard", Comparison::Equal, shard)
        .filter("metrics_due", Comparison::LessOrEqual, ctx.now().0)
        .order("metrics_due", false);
    Ok(ctx.ports.store.query(&query).await?.documents)
}

async fn measure_one(ctx: &Context, document: Document) -> Result<(), Error> {
    let found = Stored::<Service>::parse(document)?;
    let ctx = ctx.clone().with_tenant(found.document.tenant.clone());
    measure::measure(&ctx, found).await
}
