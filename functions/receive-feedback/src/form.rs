//! `GET` and `POST /feedback/{token}`: the form that a mail leads to.

use crate::{
    fields::{self, Fields},
    keep::{self, Arrived, Kept},
    link::{self, Found, Open},
    page,
};
use host::{Context, Error, Request, Response};

/// Shows the form. Changes nothing: mail programs open links on their own.
pub async fn show(ctx: Context, request: Request) -> Result<Response, Error> {
    Ok(match link::find(&ctx, request.param("token")).await? {
        Found::Open(open) => page::form(200, &open, &Fields::default(), None),
        other => closed(&other),
    })
}

/// Takes the form; the link is consumed.
pub async fn submit(ctx: Context, request: Request) -> Result<Response, Error> {
    let token = request.param("token").to_owned();
    let open = match link::find(&ctx, &token).await? {
        Found::Open(open) => open,
        other => return Ok(closed(&other)),
    };
    let fields: Fields = request.form()?;
    let answer = match fields::read(&fields) {
        Ok(answer) => answer,
        Err(error) => return Ok(page::form(422, &open, &fields, Some(&error))),
    };
    let ctx = ctx.with_tenant(open.link.tenant.clone());
    let Open { path, version, link, decision } = *open;
    let key = link::hash(&token);
    let arrived = Arrived {
        tenant: link.tenant.clone(),
        decision: decision.id.clone(),
        // Real time, as what it is compared with was measured: both are of the same month.
        received_at: ctx.real(),
        key: key[..32].to_owned(),
        channel: "form",
        answer,
        link: Some((path, version, link)),
    };
    let thanks = |kept: Kept| page::thanks(kept, arrived.answer.currency.as_deref());
    match keep::keep(&ctx, &arrived, &thanks).await {
        // Somebody submitted the same link meanwhile.
        Err(error) if error.is_contended() => Ok(closed(&link::find(&ctx, &token).await?)),
        result => result,
    }
}

fn closed(found: &Found) -> Response {
    match found {
        Found::Answered => page::message(
            410,
            "This question is answered",
            "Thank you: an answer has come already, and a link works once. If you want to change it, send another answer through the API or with `sextant feedback`.",
        ),
        Found::Expired => page::message(
            410,
            "This link has expired",
            "A link works for 90 days. Nothing is lost: you can still answer through the API or with `sextant feedback`.",
        ),
        Found::Unknown | Found::Open(_) => page::message(
            404,
            "No such link",
            "This address leads to no question. Links are long: check that your mail program didn't cut it off.",
        ),
    }
}
