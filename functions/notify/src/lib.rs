//! Mails the owner of a service what they should know: a deployment that did not go through, an anomaly that is
//! high, a lesson that changes the next prediction much.
//!
//! Invariant: one notice per event. The intent is stored before the mail goes out, and a notice that can't be sent
//! never holds up or fails what it is about.

mod notice;
mod subject;

#[cfg(test)]
mod tests;

use host::{Context, Error, Function, Outcome, Port};
use model::{
    message::{kind, topic},
    port::Delivery,
};

/// The function's declaration.
pub fn function() -> Function {
    Function::new("notify", "Mails the owner of a service what they should know")
        .permissions(&["datastore.user"])
        .uses(&[Port::Store, Port::Mailer])
        .topic(topic::DEPLOYMENTS, &[kind::DEPLOYMENT_ENDED], handle)
        .topic(topic::OBSERVATIONS, &[kind::ANOMALY_DETECTED], handle)
        .topic(topic::LEARNING, &[kind::LEARNING_RECORDED], handle)
}

async fn handle(ctx: Context, delivery: Delivery) -> Result<Outcome, Error> {
    match subject::of(&ctx, &delivery.message).await? {
        Some(subject) => notice::send(&ctx, &subject).await,
        None => Ok(Outcome::Done),
    }
}
