//! `GET` and `POST /feedback/{token}`: the form that a mail leads to.

use crate::{
    answer::{self, Answer},
    keep::{self, Arrived, Kept},
    link::{self, Found, Open},
    page,
};
use host::{Context, Error, Findings, Request, Response};
use serde::Deserialize;
use serde_json::Value;

/// The form's fields, as a browser sends them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Fields {
    /// One of the three words.
    pub feedback_type: String,
    /// 1–10.
    pub satisfaction: String,
    /// In their words.
    pub comments: String,
    /// What they pay in a month; may be empty.
    pub cost: String,
    /// In which currency; may be empty.
    pub currency: String,
}

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
    let answer = match read(&fields) {
        Ok(answer) => answer,
        Err(error) => return Ok(page::form(400, &open, &fields, Some(&error))),
    };
    let ctx = ctx.with_tenant(open.link.tenant.clone());
    let Open { path, version, link, decision } = *open;
    let key = link::hash(&token);
    let arrived = Arrived {
        tenant: link.tenant.clone(),
        decision: decision.id.clone(),
        received_at: ctx.now(),
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

fn read(fields: &Fields) -> Result<Answer, Error> {
    let mut findings = Findings::default();
    let kind = findings.take("feedback_type", answer::kind(&Value::from(fields.feedback_type.as_str())));
    let satisfaction = fields.satisfaction.trim().parse::<u64>().map_or(Value::Null, Value::from);
    let satisfaction = findings.take("satisfaction", answer::satisfaction(&satisfaction));
    let comments = findings.take("comments", answer::comment(&fields.comments.replace("\r\n", "\n")));
    let paid = fields.cost.trim().replace(',', ".");
    let (mut cost, mut currency) = (None, None);
    if !paid.is_empty() {
        let number = paid.parse::<f64>().map_err(|_| "it must be a number, such as 12.40".to_owned());
        cost = findings.take("cost", number.and_then(answer::amount));
        let named = if fields.currency.trim().is_empty() { "USD" } else { &fields.currency };
        currency = findings.take("currency", answer::currency(named));
    }
    findings.finish()?;
    match (kind, satisfaction, comments) {
        (Some(kind), Some(satisfaction), Some(comments)) => {
            Ok(Answer { kind, satisfaction, comments, metrics: Value::Null, cost, currency })
        }
        _ => Err(Error::internal("a checked form lacks a part")),
    }
}
