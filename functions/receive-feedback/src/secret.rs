//! The secret that register issued, as a customer's webhook shows that it has it: a signature made with it, or itself.

use crate::link::hash;
use host::{
    Context, Error, Request,
    webhook::{self, Signed},
};
use model::{
    DecisionId, Timestamp,
    document::Decision,
    port::store::{Comparison, Query, Scope},
};
use subtle::ConstantTimeEq;

/// Decisions of one id that are looked at: tenants may choose the same.
const MOST_ALIKE: usize = 1_000;
const PAGE: usize = 100;

/// Whose measurement it is.
pub struct Shown {
    /// The decision that the secret was issued for.
    pub decision: Decision,
    /// The message's own id, where it is signed.
    pub message: Option<String>,
}

/// The decision that the secret in the request was issued for, if it is the one that the path names. Who calls
/// without it is told the same whether or not there is such a decision.
pub async fn decision(ctx: &Context, request: &Request, id: &DecisionId) -> Result<Shown, Error> {
    let Some(signed) = Signed::read(request, ctx.real())? else {
        return Ok(Shown { decision: by_itself(ctx, request, id).await?, message: None });
    };
    let decision = by_signature(ctx, &signed, id).await?;
    Ok(Shown { decision, message: Some(signed.id.to_owned()) })
}

async fn by_itself(ctx: &Context, request: &Request, id: &DecisionId) -> Result<Decision, Error> {
    let wanted = hash(presented(request).ok_or_else(refused)?);
    let now = ctx.real();
    let query = alike(id, 2).filter("registration.webhook_secret_hash", Comparison::Equal, wanted.as_str());
    for document in ctx.ports.store.query(&query).await?.documents {
        let decision: Decision = document.body.parse()?;
        if holds(&decision, &wanted, now) {
            return Ok(decision);
        }
    }
    // The secret before a change is in no index.
    find(ctx, id, |decision| holds(decision, &wanted, now)).await
}

/// A signature names no tenant: it is checked against the secrets of each decision of that id.
async fn by_signature(ctx: &Context, signed: &Signed<'_>, id: &DecisionId) -> Result<Decision, Error> {
    let (key, now) = (&ctx.config.token_key, ctx.real());
    let is_by = |decision: &Decision, generation: u32| {
        let secret = webhook::secret(key, &decision.tenant, &decision.id, generation);
        // One that was issued in another way, or under another key, can be shown but not signed with.
        holds(decision, &hash(&secret), now) && signed.is_by(&secret)
    };
    find(ctx, id, |decision| {
        let newest = decision.registration.as_ref().map_or(0, |known| known.webhook_generation);
        is_by(decision, newest) || newest.checked_sub(1).is_some_and(|before| is_by(decision, before))
    })
    .await
}

/// The first registered decision of that id, of whichever tenant, that is the one.
async fn find(ctx: &Context, id: &DecisionId, is_it: impl Fn(&Decision) -> bool) -> Result<Decision, Error> {
    let mut query = alike(id, PAGE).order("registration.webhook_secret_hash", false);
    for _ in 0..MOST_ALIKE / PAGE {
        let page = ctx.ports.store.query(&query).await?;
        for document in page.documents {
            let decision: Decision = document.body.parse()?;
            if is_it(&decision) {
                return Ok(decision);
            }
        }
        if page.next.is_none() {
            break;
        }
        query = query.after(page.next);
    }
    Err(refused())
}

fn alike(id: &DecisionId, limit: usize) -> Query {
    let group = Scope::Group("decisions".to_owned());
    Query::all(group, limit).filter("id", Comparison::Equal, id.as_str())
}

/// Whether that is the hash of a secret that is good now, each compared in constant time.
fn holds(decision: &Decision, wanted: &str, now: Timestamp) -> bool {
    let known = decision.registration.iter().flat_map(|known| known.webhook_hashes(now));
    known.fold(false, |held, known| held | bool::from(known.as_bytes().ct_eq(wanted.as_bytes())))
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
        "The secret is missing or is not this decision's, or the signature was not made with it. Nothing was stored; sign as Standard Webhooks has it with what register answered as `webhook_secret`, or send that as `Authorization: Bearer SECRET`.",
    )
    .header("www-authenticate", "Bearer")
}
