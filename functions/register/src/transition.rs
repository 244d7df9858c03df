//! What every decision of the state machine here has around it: its moment, what it newly owes, why it can't be written.

use host::{Context, Error, Stored, outbox};
use model::{
    deployment::{At, BatchError},
    document::Deployment,
    message::Message,
};

/// The moment of a decision here: whoever takes a command can't act on it; the next step is left to a message.
pub fn moment(ctx: &Context) -> At<'_> {
    At {
        now: ctx.now(),
        real: ctx.real(),
        owner: &ctx.config.settings.instance,
        alone: ctx.config.settings.alone,
        can_act: false,
        window: ctx.ports.target.window_policy(),
    }
}

/// What the new document owes that the old one didn't. A transition only adds; what it adds may be the same as what
/// was there before and has long been handled.
pub fn new_messages(before: &Deployment, next: &Deployment) -> Vec<Message> {
    next.outbox.iter().skip(before.outbox.len()).cloned().collect()
}

/// Publishes what a commit owes, and clears it from a deployment that came to rest by it. What else that owed woke
/// nobody but itself, and there is nothing left to wake it for.
pub async fn hand_on(ctx: &Context, messages: &[Message], ended: Option<Stored<Deployment>>) {
    if !outbox::publish(ctx, messages).await {
        return;
    }
    if let Some(mut ended) = ended {
        let owed = ended.document.outbox.clone();
        ended.clear(ctx, &owed).await;
    }
}

/// Why a transition can't be written.
pub fn refused(error: BatchError) -> Error {
    match error {
        BatchError::Taken(other) => Error::conflict(format!(
            "Deployment `{other}` is running on this service. Nothing was done; wait for it, or cancel it, then repeat this."
        ))
        .slug("service-busy")
        .with("running", other.to_string()),
        BatchError::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::testing::sample;
    use model::message::kind;

    #[test]
    fn a_second_wake_up_is_news_beside_the_one_that_was_not_cleared_yet() {
        let wake = || Message::about(kind::DEPLOYMENT_DUE, &sample::acme(), &sample::deployment_id(1));
        let before = Deployment { outbox: vec![wake()], ..sample::deployment(1) };
        let next = Deployment { outbox: vec![wake(), wake()], ..before.clone() };
        assert_eq!(new_messages(&before, &next), [wake()]);
        assert_eq!(new_messages(&before, &before), []);
    }
}
