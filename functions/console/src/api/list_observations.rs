//! `GET /api/v1/observations?service=`: what was measured, newest first, a page at a time.

use crate::{paging, read, view::ObservationView};
use host::{Context, Error, Request, Response};
use model::{ServiceName, document::Observation, port::store::Comparison};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ObservationsQuery {
    /// Of which service.
    #[schema(pattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length = 34)]
    pub service: String,
    /// At most this many, 1 to 100; 25 if absent.
    #[schema(minimum = 1, maximum = 100)]
    #[serde(default)]
    pub limit: Option<usize>,
    /// `next` of the page before.
    #[schema(pattern = "^[A-Za-z0-9_-]*$")]
    #[serde(default)]
    pub cursor: Option<String>,
}

/// One page of observations.
#[derive(Debug, Serialize, ToSchema)]
pub struct ObservationList {
    /// Newest first.
    pub observations: Vec<ObservationView>,
    /// The next page's `cursor`; `null` on the last page.
    pub next: Option<String>,
}

/// `GET /api/v1/observations`: one page of what was measured of a service.
pub async fn list(ctx: Context, request: Request) -> Result<Response, Error> {
    let wanted: ObservationsQuery = request.query()?;
    let service = ServiceName::new(&wanted.service)
        .map_err(|error| Error::unprocessable(error.to_string()).field("service", error.why))?;
    read::service(&ctx, &service).await?;
    let (observations, next) = page(&ctx, &service, wanted.limit, wanted.cursor.as_deref()).await?;
    let observations = observations.iter().map(ObservationView::from).collect();
    Ok(Response::json(200, &ObservationList { observations, next }))
}

/// One page of documents, and the next page's cursor.
pub async fn page(
    ctx: &Context,
    service: &ServiceName,
    limit: Option<usize>,
    cursor: Option<&str>,
) -> Result<(Vec<Observation>, Option<String>), Error> {
    let limit = paging::limit(limit, paging::USUAL, paging::MOST)?;
    let query = read::newest(ctx.tenant()?, "observations", "to", limit).filter(
        "service",
        Comparison::Equal,
        service.as_str(),
    );
    let page = ctx.ports.store.query(&paging::resume(query, cursor)?).await?;
    Ok((read::all(&page.documents)?, paging::encode(page.next.as_ref())))
}
