//! `GET /api/v1/deployments/{id}/events`: opens a stream at the place that its reader names.

use super::{
    hub::Hub,
    id::EventId,
    state::State,
    stream::{Counted, Reader, Wish},
};
use crate::read;
use futures::{StreamExt, stream};
use host::{Context, Error, Request, Response};
use serde::Deserialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What to follow.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventsQuery {
    /// Whether log lines are among the events; `true` if absent.
    pub logs: Option<bool>,
    /// An event's id, `SEQ.SEGMENT:LINE`, to go on after; the header `Last-Event-ID` wins over it.
    pub after: Option<String>,
}

/// Opens a stream.
pub async fn open(hub: Arc<Hub>, ctx: Context, request: Request) -> Result<Response, Error> {
    let wanted: EventsQuery = request.query()?;
    let header = request.header("last-event-id").map(str::to_owned);
    let after = header.or(wanted.after).filter(|text| !text.is_empty());
    let place =
        after.as_deref().map(|text| EventId::parse(text).ok_or_else(|| unreadable(text))).transpose()?;
    let deployment = read::deployment(&ctx, &request).await?;
    let rests = deployment.status.at_rest();
    if rests && place.is_some_and(|place| place.done && place.seq == deployment.seq) {
        // It has read everything: this tells a browser not to come back.
        return Ok(Response::empty(204));
    }
    let wish = Wish { place, logs: wanted.logs.unwrap_or(true), until: ctx.real().plus(super::STREAM_MS) };
    let most = ctx.config.settings.streams.get().unsigned_abs();
    let (ports, permit) = (&ctx.ports, hub.admission().admit(ctx.caller()?, most)?);
    let counted = Counted { hub: Arc::clone(&hub), _permit: permit };
    let reader = if rests {
        Reader::resting(ports, State::at_rest(ports, deployment).await?, counted, wish)
    } else {
        Reader::following(ports, hub.join(ports, &deployment), counted, wish)
    };
    let bytes = stream::try_unfold(reader, Reader::next);
    Ok(Response::stream("text/event-stream", bytes.boxed()))
}

fn unreadable(text: &str) -> Error {
    let text: String = text.chars().take(40).collect();
    let problem = format!("`{text}` is not `SEQ.SEGMENT:LINE`, such as `12.0:34`");
    Error::unprocessable(format!(
        "The id to go on after is wrong: {problem}. Send an event's id, or none to begin anew."
    ))
    .field("last-event-id", problem)
}
