//! Compares what was predicted with what happened, and corrects the next prediction.
//!
//! Invariant: what is stored is a function of what is known (the decision, the observations, the newest feedback),
//! never of the order or number of messages; every sum is an integer and every change of it is the difference to
//! what the same comparison added before, in the same commit.
//!
//! **When.** A comparison needs whole, settled windows. It is made when somebody answered, and otherwise from the
//! seventh day on which the decision serves, by the clock of timers, at most once in seven days; a month that is
//! over is compared once more, for good, when its bill has settled (five days after its end, in real time).
//! **Of what.** One comparison is a (deployment, metric, month); its month is that of the windows. What somebody says
//! they pay counts for the month in which they say it, in place of the measured cost.

mod change;
mod commit;
mod compare;
mod compared;
mod fold;
mod known;
mod run;
mod words;

#[cfg(test)]
mod tests;

use compare::Reason;
use host::{Context, Error, Function, Outcome, Port};
use model::{
    document::{Observation, observation_path},
    message::{AboutFeedback, AboutObservation, kind, topic},
    port::Delivery,
};

/// The function's declaration.
pub fn function() -> Function {
    Function::new("learn", "Compares what was predicted with what happened, and corrects the next prediction")
        .timeout_s(60)
        .permissions(&["datastore.user", "pubsub.publisher"])
        .uses(&[Port::Store, Port::Broker])
        .topic(topic::FEEDBACK, &[kind::FEEDBACK_RECEIVED], on_feedback)
        .topic(topic::OBSERVATIONS, &[kind::OBSERVATION_RECORDED], on_observation)
        .schedule("fold", "17 * * * *", fold::fold)
}

async fn on_feedback(ctx: Context, delivery: Delivery) -> Result<Outcome, Error> {
    let Ok(AboutFeedback { decision: Some(decision), .. }) = delivery.message.body() else {
        return Ok(Outcome::Reject("a `feedback.received` message that names no decision".to_owned()));
    };
    if is_off(&ctx) {
        return Ok(Outcome::Done);
    }
    ctx.retrying(|| compare::compare(&ctx, &decision, Reason::Answered)).await
}

async fn on_observation(ctx: Context, delivery: Delivery) -> Result<Outcome, Error> {
    let Ok(AboutObservation { observation, .. }) = delivery.message.body() else {
        return Ok(Outcome::Reject("an `observation.recorded` message that names no observation".to_owned()));
    };
    if is_off(&ctx) {
        return Ok(Outcome::Done);
    }
    let Some(found) = ctx.ports.store.get(&observation_path(ctx.tenant()?, &observation)).await? else {
        return Ok(Outcome::Reject(format!("there is no observation `{observation}`")));
    };
    let seen: Observation = found.body.parse()?;
    let Some(decision) = &seen.decision else { return Ok(Outcome::Done) };
    ctx.retrying(|| compare::compare(&ctx, decision, Reason::Measured)).await
}

/// The setting `no_learning` shows what the loop is worth: with it, predictions stay as they are.
fn is_off(ctx: &Context) -> bool {
    let off = ctx.config.settings.no_learning;
    if off {
        tracing::info!(
            "learning is switched off by the setting `no_learning`: nothing was compared or stored"
        );
    }
    off
}
