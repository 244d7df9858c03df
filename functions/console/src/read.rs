//! Reads documents of one tenant.
//!
//! Invariant: a path begins with the caller's tenant, so another tenant's id is simply not there.

use crate::view::{DeploymentView, Parts};
use host::{Context, Error, Request};
use model::{
    DecisionId, DeploymentId, ServiceName, TenantId,
    document::{
        Decision, Deployment, Feedback, Observation, Service, collection, decision_path, deployment_path,
        feedback_path, service_path,
    },
    port::{
        Ports, Store,
        store::{Comparison, Document, Path, Query, Scope, StoreError},
    },
};
use serde::de::DeserializeOwned;

/// One document, if there is one.
pub async fn document<T: DeserializeOwned>(store: &dyn Store, path: &Path) -> Result<Option<T>, StoreError> {
    store.get(path).await?.map(|found| found.body.parse()).transpose()
}

/// The documents of a page.
pub fn all<T: DeserializeOwned>(documents: &[Document]) -> Result<Vec<T>, StoreError> {
    documents.iter().map(|document| document.body.parse()).collect()
}

/// A deployment's id or a decision's, for the API's document.
pub struct AnyId;

impl utoipa::PartialSchema for AnyId {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::schema::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[A-Za-z0-9_-]+$"))
            .max_length(Some(64))
            .into()
    }
}

impl utoipa::ToSchema for AnyId {}

/// The deployment that `{id}` names: by its own id, or by that of the decision it carries out.
pub async fn deployment(ctx: &Context, request: &Request) -> Result<Deployment, Error> {
    let id = deployment_id(ctx, request).await?;
    ctx.about(&id);
    let found = document(&*ctx.ports.store, &deployment_path(ctx.tenant()?, &id)).await?;
    found.ok_or_else(|| unknown("deployment", id.as_str()))
}

async fn deployment_id(ctx: &Context, request: &Request) -> Result<DeploymentId, Error> {
    if request.param("id").starts_with("dep_") {
        return request.id("id");
    }
    let id: DecisionId = request.id("id")?;
    let decision = decision(ctx, &id).await?;
    decision.deployment.ok_or_else(|| {
        Error::not_found(format!(
            "Decision `{id}` was recorded, but no deployment carries it out yet. `GET /api/v1/decisions/{id}` shows it."
        ))
        .slug("not-carried-out")
    })
}

/// A decision, or 404.
pub async fn decision(ctx: &Context, id: &DecisionId) -> Result<Decision, Error> {
    let found = document(&*ctx.ports.store, &decision_path(ctx.tenant()?, id)).await?;
    found.ok_or_else(|| unknown("decision", id.as_str()))
}

/// A service, or 404.
pub async fn service(ctx: &Context, name: &ServiceName) -> Result<Service, Error> {
    let found = document(&*ctx.ports.store, &service_path(ctx.tenant()?, name)).await?;
    found.ok_or_else(|| unknown("service", name.as_str()))
}

fn unknown(what: &str, id: &str) -> Error {
    Error::not_found(format!("There is no {what} `{id}`. Check it; `sextant list` shows what there is."))
}

/// A query of one of the tenant's collections, newest first by `field`.
pub fn newest(tenant: &TenantId, name: &str, field: &str, limit: usize) -> Query {
    Query::all(Scope::Collection(collection(tenant, name)), limit).order(field, true)
}

/// A deployment and all that its view is made of.
pub struct Whole {
    /// The deployment's document.
    pub deployment: Deployment,
    /// The decision it carries out.
    pub decision: Option<Decision>,
    /// What somebody said of that.
    pub feedback: Option<Feedback>,
    /// The newest window measured of it.
    pub observation: Option<Observation>,
    /// The service's document; none where it is gone.
    pub service: Option<Service>,
}

impl Whole {
    /// Reads what belongs to a deployment: one read of several documents, one query of one.
    pub async fn read(store: &dyn Store, deployment: Deployment) -> Result<Self, StoreError> {
        let tenant = &deployment.tenant;
        let mut paths = vec![service_path(tenant, &deployment.service)];
        if let Some(id) = &deployment.decision {
            paths.extend([decision_path(tenant, id), feedback_path(tenant, id)]);
        }
        let query = newest(tenant, "observations", "to", 1).filter(
            "deployment",
            Comparison::Equal,
            deployment.id.as_str(),
        );
        let (documents, seen) = futures::try_join!(store.get_many(&paths), store.query(&query))?;
        let mut documents = documents.into_iter();
        Ok(Self {
            service: parse(documents.next().flatten())?,
            decision: parse(documents.next().flatten())?,
            feedback: parse(documents.next().flatten())?,
            observation: parse(seen.documents.into_iter().next())?,
            deployment,
        })
    }

    /// As it leaves through the API.
    pub fn view(&self, ports: &Ports) -> DeploymentView {
        DeploymentView::of(&Parts {
            deployment: &self.deployment,
            decision: self.decision.as_ref(),
            feedback: self.feedback.as_ref(),
            observation: self.observation.as_ref(),
            service: self.service.as_ref(),
            target: ports.target.name(),
            now: ports.clock.now(),
            real: ports.clock.real(),
        })
    }
}

fn parse<T: DeserializeOwned>(found: Option<Document>) -> Result<Option<T>, StoreError> {
    found.map(|document| document.body.parse()).transpose()
}
