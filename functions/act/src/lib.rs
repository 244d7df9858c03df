//! Stops, starts, restarts, scales, rolls back and deletes services that run.
//!
//! Invariant: a request is carried out once, by its id; what became of it is kept and told as `action.done`, also
//! when it was refused. What acts on the target is recorded as begun first, with the traffic it was decided on, and
//! then done under the request's id as key: a repeat carries on from there, and never undoes what came later.

mod carry_out;
mod decide;
mod delete;
mod performed;
mod record;
mod roll_back;
mod service;

#[cfg(test)]
mod tests;

use host::{Context, Error, Function, Outcome, Port};
use model::{
    message::{ActionRequest, kind, topic},
    port::Delivery,
};

/// The function's declaration.
pub fn function() -> Function {
    Function::new("act", "Stops, starts, restarts, scales, rolls back and deletes services")
        .timeout_s(60)
        .permissions(&["datastore.user", "pubsub.publisher", "run.developer"])
        .uses(&[Port::Store, Port::Broker, Port::Target])
        .topic(topic::ACTIONS, &[kind::ACTION_REQUESTED], handle)
}

async fn handle(ctx: Context, delivery: Delivery) -> Result<Outcome, Error> {
    let request: ActionRequest = match delivery.message.body() {
        Ok(request) => request,
        Err(error) => {
            return Ok(Outcome::Reject(format!("an `action.requested` message that can't be read: {error}")));
        }
    };
    if !is_legal(&request.id) {
        return Ok(Outcome::Reject(
            "an action whose id is not 1 to 64 letters, digits, `-` and `_`".to_owned(),
        ));
    }
    ctx.retrying(|| record::once(&ctx, &request)).await
}

/// The id becomes part of a path.
fn is_legal(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
