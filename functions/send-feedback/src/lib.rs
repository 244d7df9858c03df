//! Asks the owner of a service how the decision that served longest fits: once after a week, once more at day 30, then
//! no more.
//!
//! Invariant: a service has at most one open question, and nobody is asked about what they answered. The intent is
//! stored before the mail goes out: a mail may come twice (with a link that works each time), it can't be lost.

mod ask;
mod choose;
mod mail;

#[cfg(test)]
mod tests;

use host::{Context, Error, Function, Outcome, Port};
use model::{
    document::{SHARDS, Service, service_path},
    message::{AboutFeedback, kind, topic},
    port::{
        Delivery,
        store::{Comparison, Document, Query, Scope},
    },
};

/// The function's declaration.
pub fn function() -> Function {
    Function::new(
        "send-feedback",
        "Asks a service's owner after a week: measured, predicted against actual, link to the form",
    )
    .timeout_s(300)
    .concurrency(1)
    .permissions(&["datastore.user", "pubsub.publisher"])
    .uses(&[Port::Store, Port::Broker, Port::Mailer])
    .schedule("send-feedback", "* * * * *", on_schedule)
    .topic(topic::FEEDBACK, &[kind::FEEDBACK_DUE], on_due)
}

async fn on_schedule(ctx: Context, _: Delivery) -> Result<Outcome, Error> {
    for shard in 0..SHARDS {
        for document in due(&ctx, shard).await? {
            let service: Service = match document.body.parse() {
                Ok(service) => service,
                Err(error) => {
                    tracing::error!(document = document.path.as_str(), %error, "a service can't be read; its owner is not asked");
                    continue;
                }
            };
            let ctx = ctx.clone().with_tenant(service.tenant.clone());
            if let Err(error) = ask::ask(&ctx, &document.path).await {
                // One owner who can't be asked must not keep the others from being asked.
                tracing::warn!(service = %service.name, %error, "the owner of this service could not be asked; it is tried again in a minute or two");
            }
        }
    }
    Ok(Outcome::Done)
}

/// A timer says so: the same, for one service, if it is due.
async fn on_due(ctx: Context, delivery: Delivery) -> Result<Outcome, Error> {
    let Ok(AboutFeedback { service, .. }) = delivery.message.body() else {
        return Ok(Outcome::Reject("a `feedback.due` message that names no service".to_owned()));
    };
    ask::ask(&ctx, &service_path(ctx.tenant()?, &service)).await?;
    Ok(Outcome::Done)
}

/// Services of one shard whose owners are due to be asked or reminded, most overdue first.
async fn due(ctx: &Context, shard: u32) -> Result<Vec<Document>, Error> {
    let query = Query::all(Scope::Group("services".to_owned()), 500)
        .filter("shard", Comparison::Equal, shard)
        .filter("ask_due", Comparison::LessOrEqual, ctx.now().0)
        .order("ask_due", false);
    Ok(ctx.ports.store.query(&query).await?.documents)
}
