//! The read API: one file an operation.

pub mod list_deployments;
pub mod list_learnings;
pub mod list_observations;
pub mod list_services;
mod show;
pub mod summarize;

use host::{Function, Role, Route};
use model::{DecisionId, ServiceName};

/// The routes of the read API.
pub fn routes(function: Function) -> Function {
    let function = function
        .route(
            Route::get(
                "/api/v1/deployments",
                Role::Viewer,
                "Lists deployments, newest first",
                list_deployments::list,
            )
            .query::<list_deployments::ListQuery>()
            .answers::<list_deployments::DeploymentList>(200),
        )
        .route(
            Route::get(
                "/api/v1/deployments/{id}",
                Role::Viewer,
                "Shows a deployment, by its own id or that of the decision it carries out",
                show::deployment,
            )
            .param::<crate::read::AnyId>("id")
            .answers::<crate::view::DeploymentView>(200),
        )
        .route(
            Route::get("/api/v1/services", Role::Viewer, "Lists services by name", list_services::list)
                .query::<list_services::ServicesQuery>()
                .answers::<list_services::ServiceList>(200),
        )
        .route(
            Route::get("/api/v1/services/{name}", Role::Viewer, "Shows a service", show::service)
                .param::<ServiceName>("name")
                .answers::<crate::view::ServiceView>(200),
        );
    more(function)
}

fn more(function: Function) -> Function {
    function
        .route(
            Route::get(
                "/api/v1/decisions/{id}",
                Role::Viewer,
                "Shows a decision as it was made",
                show::decision,
            )
            .param::<DecisionId>("id")
            .answers::<crate::view::DecisionView>(200),
        )
        .route(
            Route::get(
                "/api/v1/learnings",
                Role::Viewer,
                "Lists what was learned, newest first",
                list_learnings::list,
            )
            .query::<list_learnings::LearningsQuery>()
            .answers::<list_learnings::LearningList>(200),
        )
        .route(
            Route::get(
                "/api/v1/observations",
                Role::Viewer,
                "Lists what was measured of a service, newest first",
                list_observations::list,
            )
            .refuses(404)
            .query::<list_observations::ObservationsQuery>()
            .answers::<list_observations::ObservationList>(200),
        )
        .route(
            Route::get(
                "/api/v1/analytics",
                Role::Viewer,
                "Counts deployments of the last days, by outcome, stage and service",
                summarize::summarize,
            )
            .query::<summarize::AnalyticsQuery>()
            .answers::<summarize::Analytics>(200),
        )
}
