//! `GET /learnings`: what was learned, and why.

use super::{html, words::Moment};
use crate::api::list_learnings::{self, LearningsQuery};
use askama::Template;
use host::{Context, Error, Request, Response};
use model::{Timestamp, document::Learning};

#[derive(Template)]
#[template(path = "learnings.html")]
struct Page {
    learnings: Vec<Learned>,
    next: Option<String>,
}

/// One learning, for people.
pub struct Learned {
    /// The learning's id, `learn_…`.
    pub id: String,
    /// When it was recorded.
    pub at: Moment,
    /// For which class of apps.
    pub class: String,
    /// `low`, `medium` or `high`.
    pub impact: String,
    /// From which deployment.
    pub deployment: String,
    /// What was changed.
    pub updates: Vec<String>,
    /// Why it changed what it changed, one sentence each.
    pub explanation: Vec<String>,
}

impl Learned {
    /// As seen at `now`.
    pub fn of(learning: &Learning, now: Timestamp) -> Self {
        Self {
            id: learning.id.to_string(),
            at: Moment::of(learning.created_at, now),
            class: learning.class.clone(),
            impact: learning.impact.clone(),
            deployment: learning.deployment.to_string(),
            updates: learning.updates_generated.clone(),
            explanation: learning.explanation.clone(),
        }
    }
}

/// The page.
pub async fn page(ctx: Context, request: Request) -> Result<Response, Error> {
    let wanted: LearningsQuery = request.query()?;
    let (learnings, next) = list_learnings::page(&ctx, wanted).await?;
    let now = ctx.now();
    html(&Page { learnings: learnings.iter().map(|learning| Learned::of(learning, now)).collect(), next })
}
