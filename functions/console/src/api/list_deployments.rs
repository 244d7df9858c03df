//! `GET /api/v1/deployments`: newest first, a page at a time, by service and status.

use crate::{paging, read, view::DeploymentSummary};
use host::{Context, Error, Request, Response};
use model::{
    ServiceName,
    document::{Deployment, Status},
    port::store::{Comparison, Query},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to list.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ListQuery {
    /// At most this many, 1 to 100; 25 if absent.
    #[schema(minimum = 1, maximum = 100)]
    pub limit: Option<usize>,
    /// `next` of the page before.
    #[schema(pattern = "^[A-Za-z0-9_-]*$")]
    pub cursor: Option<String>,
    /// Only of this service; environments other than production are part of its name.
    #[schema(pattern = "^([a-z][a-z0-9]*(-[a-z0-9]+)*)?$", max_length = 34)]
    pub service: Option<String>,
    /// Only in this pipeline status, in any case.
    pub status: Option<String>,
}

/// One page of deployments.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeploymentList {
    /// Newest first.
    pub deployments: Vec<DeploymentSummary>,
    /// The next page's `cursor`; `null` on the last page.
    pub next: Option<String>,
}

/// `GET /api/v1/deployments`: one page of the tenant's deployments.
pub async fn list(ctx: Context, request: Request) -> Result<Response, Error> {
    let (deployments, next) = page(&ctx, request.query()?).await?;
    let real = ctx.real();
    let deployments = deployments.iter().map(|deployment| DeploymentSummary::of(deployment, real)).collect();
    Ok(Response::json(200, &DeploymentList { deployments, next }))
}

/// One page of documents, and the next page's cursor.
pub async fn page(ctx: &Context, wanted: ListQuery) -> Result<(Vec<Deployment>, Option<String>), Error> {
    let limit = paging::limit(wanted.limit, paging::USUAL, paging::MOST)?;
    let query = read::newest(ctx.tenant()?, "deployments", "created_at", limit);
    let query = paging::resume(filtered(query, &wanted)?, wanted.cursor.as_deref())?;
    let page = ctx.ports.store.query(&query).await?;
    Ok((read::all(&page.documents)?, paging::encode(page.next.as_ref())))
}

fn filtered(mut query: Query, wanted: &ListQuery) -> Result<Query, Error> {
    if let Some(name) = wanted.service.as_deref().filter(|name| !name.is_empty()) {
        let name = ServiceName::new(name)
            .map_err(|error| Error::unprocessable(error.to_string()).field("service", error.why))?;
        query = query.filter("service", Comparison::Equal, name.as_str());
    }
    if let Some(text) = wanted.status.as_deref().filter(|text| !text.is_empty()) {
        let status = Status::parse(text).ok_or_else(|| unknown_status(text))?;
        query = query.filter("status", Comparison::Equal, status.as_str());
    }
    Ok(query)
}

fn unknown_status(text: &str) -> Error {
    let known = Status::ALL.map(Status::as_str).join(", ");
    let text: String = text.chars().take(40).collect();
    let problem = format!("`{text}` is not one of {known}");
    Error::unprocessable(format!("The query's `status` is wrong: {problem}.")).field("status", problem)
}
