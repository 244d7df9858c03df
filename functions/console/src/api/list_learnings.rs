//! `GET /api/v1/learnings`: newest first, a page at a time.

use crate::{paging, read, view::LearningView};
use host::{Context, Error, Request, Response};
use model::document::Learning;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What to list.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LearningsQuery {
    /// At most this many, 1 to 100; 25 if absent.
    #[schema(minimum = 1, maximum = 100)]
    pub limit: Option<usize>,
    /// `next` of the page before.
    #[schema(pattern = "^[A-Za-z0-9_-]*$")]
    pub cursor: Option<String>,
}

/// One page of learnings.
#[derive(Debug, Serialize, ToSchema)]
pub struct LearningList {
    /// Newest first.
    pub learnings: Vec<LearningView>,
    /// The next page's `cursor`; `null` on the last page.
    pub next: Option<String>,
}

/// `GET /api/v1/learnings`: one page of the tenant's learnings.
pub async fn list(ctx: Context, request: Request) -> Result<Response, Error> {
    let (learnings, next) = page(&ctx, request.query()?).await?;
    let learnings = learnings.iter().map(LearningView::from).collect();
    Ok(Response::json(200, &LearningList { learnings, next }))
}

/// One page of documents, and the next page's cursor.
pub async fn page(ctx: &Context, wanted: LearningsQuery) -> Result<(Vec<Learning>, Option<String>), Error> {
    let limit = paging::limit(wanted.limit, paging::USUAL, paging::MOST)?;
    let query = read::newest(ctx.tenant()?, "learnings", "created_at", limit);
    let page = ctx.ports.store.query(&paging::resume(query, wanted.cursor.as_deref())?).await?;
    Ok((read::all(&page.documents)?, paging::encode(page.next.as_ref())))
}
