//! `GET /api/v1/services`: by name, a page at a time.

use crate::{paging, read, view::ServiceView};
use host::{Context, Error, Request, Response};
use model::{
    document::{Service, collection},
    port::store::{Query, Scope},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to list.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServicesQuery {
    /// At most this many, 1 to 100; 100 if absent.
    #[schema(minimum = 1, maximum = 100)]
    pub limit: Option<usize>,
    /// `next` of the page before.
    #[schema(pattern = "^[A-Za-z0-9_-]*$")]
    pub cursor: Option<String>,
}

/// One page of services.
#[derive(Debug, Serialize, ToSchema)]
pub struct ServiceList {
    /// By name.
    pub services: Vec<ServiceView>,
    /// The next page's `cursor`; `null` on the last page.
    pub next: Option<String>,
}

/// `GET /api/v1/services`: one page of the tenant's services.
pub async fn list(ctx: Context, request: Request) -> Result<Response, Error> {
    let (services, next) = page(&ctx, request.query()?).await?;
    Ok(Response::json(200, &ServiceList { services: services.iter().map(ServiceView::from).collect(), next }))
}

/// One page of documents, and the next page's cursor.
pub async fn page(ctx: &Context, wanted: ServicesQuery) -> Result<(Vec<Service>, Option<String>), Error> {
    let limit = paging::limit(wanted.limit, paging::MOST, paging::MOST)?;
    let query = Query::all(Scope::Collection(collection(ctx.tenant()?, "services")), limit);
    let page = ctx.ports.store.query(&paging::resume(query, wanted.cursor.as_deref())?).await?;
    Ok((read::all(&page.documents)?, paging::encode(page.next.as_ref())))
}
