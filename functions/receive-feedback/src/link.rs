//! What the token of a link leads to.

use host::{Context, Error};
use model::{
    document::{Decision, Feedback, Link, decision_path, feedback_path, link_path},
    port::store::{Path, Version},
};
use sha2::{Digest, Sha256};

/// A link as it was found.
pub enum Found {
    /// It can be answered.
    Open(Box<Open>),
    /// It was answered, by itself or some other way.
    Answered,
    /// Its time is over.
    Expired,
    /// There is none.
    Unknown,
}

/// A link that can be answered.
pub struct Open {
    /// Where it is kept.
    pub path: Path,
    /// As it was read.
    pub version: Version,
    /// The link as it was stored: whom it was sent to, and for which decision.
    pub link: Link,
    /// What it asks about.
    pub decision: Decision,
}

/// SHA-256 in hex.
pub fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// Finds what a token leads to. Reads only.
pub async fn find(ctx: &Context, token: &str) -> Result<Found, Error> {
    // A token has 32 hexadecimal digits; anything else need not be looked up.
    if token.len() != 32 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Found::Unknown);
    }
    let path = link_path(&hash(token));
    let Some(found) = ctx.ports.store.get(&path).await? else { return Ok(Found::Unknown) };
    let link: Link = found.body.parse()?;
    if link.used_at.is_some() {
        return Ok(Found::Answered);
    }
    let paths = [decision_path(&link.tenant, &link.decision), feedback_path(&link.tenant, &link.decision)];
    let mut others = ctx.ports.store.get_many(&paths).await?.into_iter();
    let (decision, feedback) = (others.next().flatten(), others.next().flatten());
    let feedback: Option<Feedback> = feedback.map(|found| found.body.parse()).transpose()?;
    if feedback.is_some_and(|feedback| feedback.received_at >= link.issued_at) {
        return Ok(Found::Answered);
    }
    if ctx.now() >= link.expires_at {
        return Ok(Found::Expired);
    }
    let Some(decision) = decision else { return Ok(Found::Unknown) };
    Ok(Found::Open(Box::new(Open { path, version: found.version, decision: decision.body.parse()?, link })))
}
