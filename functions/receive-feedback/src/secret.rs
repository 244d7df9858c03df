//! The secret that register issued, as a customer's webhook presents it.

use crate::link::hash;
use host::{Context, Error, Request};
use model::{
    DecisionId,
    document::Decision,
    port::store::{Comparison, Query, Scope},
};
use subtle::ConstantTimeEq;

/// The decision that the secret in the request was issued for, if it is the one that the path names. Who calls
/// without it is told the same whether or not there is such a decision.
pub async fn decision(ctx: &Context, request: &Request, id: &DecisionId) -> Result<Decision, Error> {
    let given = presented(request).ok_or_else(refused)?;
    let wanted = hash(given);
    let query = Query::all(Scope::Group("decisions".to_owned()), 2)
        .filter("id", Comparison::Equal, id.as_str())
        .filter("registration.webhook_secret_hash", Comparison::Equal, wanted.as_str());
    for document in ctx.ports.store.query(&query).await?.documents {
        let decision: Decision = document.body.parse()?;
        let known = decision.registration.as_ref().map_or("", |known| known.webhook_secret_hash.as_str());
        if bool::from(known.as_bytes().ct_eq(wanted.as_bytes())) {
            return Ok(decision);
        }
    }
    Err(refused())
}

/// `Authorization: Bearer SECRET` or `X-Sextant-Secret: SECRET`.
fn presented(request: &Request) -> Option<&str> {
    let bearer = request.header("authorization").and_then(|value| {
        let (scheme, secret) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| secret.trim())
    });
    bearer.or_else(|| request.header("x-sextant-secret").map(str::trim)).filter(|secret| !secret.is_empty())
}

fn refused() -> Error {
    Error::unauthenticated(
        "The secret is missing or is not this decision's. Nothing was stored; send what register answered as `webhook_secret`, as `Authorization: Bearer SECRET`.",
    )
    .header("www-authenticate", "Bearer")
}
