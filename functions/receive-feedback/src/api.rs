//! `POST /api/v1/feedback/{decision_id}`.

use crate::{
    answer,
    keep::{self, Arrived, Kept},
};
use host::{Context, Error, Request, Response};
use model::{DecisionId, document::FollowUp};
use serde::Serialize;
use serde_json::{Map, Value};

/// What became of an answer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct FeedbackReceived {
    /// Tells this answer apart from others about the same decision.
    pub feedback_id: String,
    /// What it is about.
    pub decision_id: String,
    /// The public status of its deployment now.
    pub status: FollowUp,
    /// When it was received.
    pub received_at: String,
    /// What happens now, one sentence.
    pub message: String,
}

/// Receives an answer.
pub async fn receive(ctx: Context, request: Request) -> Result<Response, Error> {
    let decision: DecisionId = request.id("decision_id")?;
    let answer = answer::read(&request.json::<Map<String, Value>>()?)?;
    let arrived = Arrived {
        tenant: ctx.tenant()?.clone(),
        decision,
        // Real time, as what it is compared with was measured: both are of the same month.
        received_at: ctx.real(),
        key: format!("{:032x}", ctx.random()),
        channel: "api",
        answer,
        link: None,
    };
    let taken = |kept: Kept| Response::json(200, &received(&arrived, kept));
    keep::keep(&ctx, &arrived, &taken).await
}

fn received(arrived: &Arrived, kept: Kept) -> FeedbackReceived {
    let message = match kept {
        Kept::Newest if arrived.answer.currency.as_deref().is_some_and(|currency| currency != "USD") => {
            "Thank you. Your cost is kept; it is not converted, so the cost is not learned from."
        }
        Kept::Newest => "Thank you. The next recommendation takes it into account.",
        Kept::Older => "A newer answer about this decision had come already, so this one changed nothing.",
    };
    FeedbackReceived {
        feedback_id: arrived.key.clone(),
        decision_id: arrived.decision.to_string(),
        status: FollowUp::FeedbackCollected,
        received_at: arrived.received_at.rfc3339(),
        message: message.to_owned(),
    }
}
