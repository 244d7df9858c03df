//! Records decisions and deployments, and takes commands.
//!
//! Invariant: what is accepted is one commit, guarded by the versions it was decided on; secrets are sealed before
//! they are part of it. Nothing is carried out here: what is owed goes to the topics after the commit, and the
//! sweep finds it if that fails.

mod command;
mod customer;
mod deploy;
mod operate;
mod recommend;
mod secret;
mod transition;
pub mod upload;
mod variables;

use command::{
    CommandBody, Commanded, cancel::cancel, let_go::let_go, pause::pause, promote::PromoteBody,
    promote::promote, resume::resume, rollback::RollbackBody, rollback::rollback,
};
use customer::{
    body::{RegisterBody, Registered},
    webhook::{SecretBody, SecretShown},
};
use deploy::{
    again::{RedeployBody, redeploy},
    body::{StartBody, Started},
};
use host::{Door, Function, Port, Role, Route, limit::Class};
use model::{DecisionId, DeploymentId, ServiceName};
use operate::{
    ActionBody, Requested,
    look::{ActionShown, Wait},
};
use recommend::{RecommendBody, view::DecisionView};
use upload::Uploaded;
use variables::body::{VariablesBody, VariablesChanged, VariablesShown};

/// The function's declaration.
pub fn function() -> Function {
    let function = Function::new("register", "Records decisions and deployments; takes commands")
        .timeout_s(60)
        .concurrency(256)
        .permissions(&["datastore.user", "pubsub.publisher", "cloudkms.cryptoKeyEncrypterDecrypter"])
        .uses(&[Port::Store, Port::Broker, Port::Target, Port::Keys, Port::Source])
        .door(Door::Public);
    problems(commands(services(sources(records(function)))))
}

fn records(function: Function) -> Function {
    function
        .route(
            Route::post(
                "/api/v1/deployments",
                Role::Deployer,
                "Deploys a folder or a Git repository",
                deploy::start,
            )
            .creates()
            .body::<StartBody>()
            .answers::<Started>(201),
        )
        .route(
            Route::post(
                "/api/v1/deployments/register",
                Role::Deployer,
                "Registers a deployment that you carry out yourself",
                customer::register,
            )
            .creates()
            .body::<RegisterBody>()
            .answers::<Registered>(200),
        )
        .route(
            Route::post(
                "/api/v1/decisions",
                Role::Deployer,
                "Recommends how to run a repository, or a class of apps",
                recommend::decide,
            )
            .creates()
            .body::<RecommendBody>()
            .answers::<DecisionView>(201),
        )
        .route(
            Route::post(
                "/api/v1/decisions/{id}/webhook-secret",
                Role::Deployer,
                "Shows the secret of a registered decision's webhook again, or makes another",
                customer::webhook::secret,
            )
            .creates()
            .param::<DecisionId>("id")
            .optional_body::<SecretBody>()
            .answers::<SecretShown>(200),
        )
        .route(
            Route::post(
                "/api/v1/deployments/{id}/redeploy",
                Role::Deployer,
                "Puts an earlier deployment to work again, without a build",
                redeploy,
            )
            .creates()
            .param::<DeploymentId>("id")
            .optional_body::<RedeployBody>()
            .answers::<Started>(201)
            .answers::<Started>(200),
        )
}

fn services(function: Function) -> Function {
    function
        .route(
            Route::post(
                "/api/v1/services/{name}/actions",
                Role::Deployer,
                "Stops, starts, restarts, scales, rolls back or deletes a service",
                operate::operate,
            )
            .creates()
            .param::<ServiceName>("name")
            .body::<ActionBody>()
            .answers::<Requested>(202),
        )
        .route(
            Route::get(
                "/api/v1/services/{name}/actions/{id}",
                Role::Viewer,
                "Says what became of an action",
                operate::look::look,
            )
            .param::<ServiceName>("name")
            .param::<operate::look::ActionId>("id")
            .query::<Wait>()
            .answers::<ActionShown>(200),
        )
        .route(
            Route::get(
                "/api/v1/services/{name}/variables",
                Role::Deployer,
                "Shows the variables of a service; values of secrets are never shown",
                variables::show,
            )
            .param::<ServiceName>("name")
            .answers::<VariablesShown>(200),
        )
        .route(
            Route::patch(
                "/api/v1/services/{name}/variables",
                Role::Deployer,
                "Sets and removes variables of a service, and makes a new revision with them",
                variables::change,
            )
            .param::<ServiceName>("name")
            .body::<VariablesBody>()
            .answers::<VariablesChanged>(202)
            .answers::<VariablesChanged>(200),
        )
}

fn sources(function: Function) -> Function {
    function
        .route(
            Route::post(
                "/api/v1/sources",
                Role::Deployer,
                "Takes a source tree as an archive, named by X-Sextant-Digest, that can then be deployed",
                upload::upload,
            )
            .streams("application/zstd")
            .header::<upload::Named>("X-Sextant-Digest")
            .query::<upload::Asked>()
            .body_limit(upload::MOST_BYTES)
            .answers::<Uploaded>(201)
            .answers::<Uploaded>(200),
        )
        .route(
            Route::get("/api/v1/sources", Role::Deployer, "Says how large a source may be", upload::bounds)
                .answers::<upload::Bounds>(200),
        )
        .route(
            Route::get(
                "/api/v1/sources/{digest}",
                Role::Deployer,
                "Says whether an archive is there",
                upload::look,
            )
            .answers::<Uploaded>(200),
        )
}

fn commands(function: Function) -> Function {
    function
        .route(
            Route::post("/api/v1/deployments/{id}/cancel", Role::Deployer, "Ends a deployment", cancel)
                .param::<DeploymentId>("id")
                .optional_body::<CommandBody>()
                .answers::<Commanded>(202)
                .answers::<Commanded>(200),
        )
        .route(
            Route::post(
                "/api/v1/deployments/{id}/rollback",
                Role::Deployer,
                "Brings traffic back to an earlier revision",
                rollback,
            )
            .limit(Class::Rollback)
            .param::<DeploymentId>("id")
            .optional_body::<RollbackBody>()
            .answers::<Commanded>(202)
            .answers::<Commanded>(200),
        )
        .route(
            Route::post(
                "/api/v1/deployments/{id}/promote",
                Role::Deployer,
                "Goes on to the next weight of a canary",
                promote,
            )
            .param::<DeploymentId>("id")
            .body::<PromoteBody>()
            .answers::<Commanded>(202)
            .answers::<Commanded>(200),
        )
        .route(
            Route::post(
                "/api/v1/deployments/{id}/let-go",
                Role::Deployer,
                "Gives up a way back that keeps failing; whatever serves goes on serving",
                let_go,
            )
            .param::<DeploymentId>("id")
            .optional_body::<CommandBody>()
            .answers::<Commanded>(202)
            .answers::<Commanded>(200),
        )
        .route(
            Route::post(
                "/api/v1/deployments/{id}/resume",
                Role::Deployer,
                "Lets a canary that is held go on by the evidence",
                resume,
            )
            .param::<DeploymentId>("id")
            .optional_body::<CommandBody>()
            .answers::<Commanded>(202)
            .answers::<Commanded>(200),
        )
        .route(
            Route::post(
                "/api/v1/deployments/{id}/pause",
                Role::Deployer,
                "Holds a canary where it is",
                pause,
            )
            .param::<DeploymentId>("id")
            .optional_body::<CommandBody>()
            .answers::<Commanded>(202)
            .answers::<Commanded>(200),
        )
}

fn problems(function: Function) -> Function {
    function
        .problem("name-taken", "A service of this name exists in another environment. Choose another name.")
        .problem("archive-refused", "It is not an archive, not the one that was named, or holds what could lead out of it; the detail says which entry.")
        .problem("repository-not-found", "The repository can't be fetched. Check the address, the branch, and whether it needs `source_token`.")
        .problem("repository-unreadable", "The repository was fetched and can't be read; the detail says why.")
        .problem("already-carried-out", "Sextant carried this decision out itself, as `deployment_id`. Ask for a decision of its own.")
        .problem("already-registered", "The decision is registered for another project. Register another project under another decision.")
        .problem("not-ours", "You run this service yourself, so Sextant can't change it. Do it where it runs.")
        .problem("being-deleted", "The service is being deleted. Once it is gone, its name is free again.")
        .problem("drops-variables", "The deployment would run without variables that the one that serves has; `variables` names them. Set them, or send `may_drop`.")
        .problem("source-gone", "What the deployment was made from is kept no more. Deploy its source anew.")
        .problem("nothing-serves", "No revision of the service serves. Deploy it first.")
        .problem("refused", "The deployment's status doesn't allow this command; the detail says what would.")
        .problem("moved-on", "The deployment has moved on since you looked. Look at it again, then decide.")
        .problem("service-busy", "Another deployment of the service is running. Wait for it, or cancel it.")
        .problem(
            "not-registered",
            "Only a decision whose deployment was registered has a webhook. Register it first.",
        )
        .problem("not-scalable", "Where the service runs, the number of instances can't be set.")
        .problem("not-serving", "This deployment doesn't serve any more; `serving` names the one that does.")
        .problem(
            "revision-not-kept",
            "Only the newest revisions are kept for rollback; the detail names them.",
        )
}
