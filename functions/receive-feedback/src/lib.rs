//! Takes answers from the form and the API, and measurements that customers send.
//!
//! Invariant: one feedback document per decision, and the last writer wins by (time, key): an older arrival changes
//! nothing. Opening a link changes nothing; submitting its form consumes it. A request that is refused has changed
//! nothing.

mod answer;
mod api;
mod arrival;
mod fields;
mod form;
mod keep;
mod link;
mod measurement;
mod page;
mod secret;
mod share;
mod webhook;

#[cfg(test)]
mod tests;

use host::{Door, Function, Port, Role, Route, limit::Class};
use model::DecisionId;

/// The function's declaration.
pub fn function() -> Function {
    Function::new("receive-feedback", "Takes answers from the form and the API, and measurements from customers")
        .permissions(&["datastore.user", "pubsub.publisher"]).uses(&[Port::Store, Port::Broker]).door(Door::Public)
        .route(
            Route::post(
                "/api/v1/feedback/{decision_id}",
                Role::Deployer,
                "Says how a decision's configuration fits; the newest answer counts",
                api::receive,
            )
            .creates()
            .param::<DecisionId>("decision_id")
            .body_limit(64 << 10)
            .body::<answer::FeedbackBody>()
            .answers::<api::FeedbackReceived>(200),
        )
        .route(
            Route::get(
                "/feedback/{token}",
                Role::Public,
                "The form that a mail leads to; opening it changes nothing",
                form::show,
            )
            .limit(Class::FeedbackLink)
            .answers_with(200, "text/html")
            .answers_with(404, "text/html")
            .answers_with(410, "text/html"),
        )
        .route(
            Route::post("/feedback/{token}", Role::Public, "Takes the form, once", form::submit)
                .limit(Class::FeedbackLink)
                .body_limit(64 << 10)
                .answers_with(200, "text/html")
                .answers_with(404, "text/html")
                .answers_with(410, "text/html")
                .answers_with(422, "text/html"),
        )
        .route(
            Route::post(
                "/api/v1/metrics/webhook/{decision_id}",
                Role::Public,
                "Takes measurements of a service that the customer runs; signed with the secret that register issued, or with it as bearer token",
                webhook::receive,
            )
            .limit(Class::Webhook)
            .refuses(401)
            .param::<DecisionId>("decision_id")
            .body_limit(64 << 10)
            .body::<measurement::MetricsBody>()
            .answers::<webhook::MeasurementTaken>(202)
            .answers::<webhook::MeasurementTaken>(200),
        )
        .problem(
            "not-carried-out",
            "Measurements were sent for a decision that no deployment carries out. Register its deployment first.",
        )
}
