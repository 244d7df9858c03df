//! One notice: intent, mail, done.

use crate::subject::Subject;
use host::{Context, Error, Outcome};
use model::{
    document::{Member, Notice, SCHEMA, Service, member_path, notice_path, service_path},
    port::{
        Mail,
        store::{Path, Precondition, StoreError, Version, Write},
    },
};
use sha2::{Digest, Sha256};

/// Tries before a notice is given up.
const TRIES: u32 = 5;

/// Tells the owner once, whatever arrives how often.
pub async fn send(ctx: &Context, subject: &Subject) -> Result<Outcome, Error> {
    let Some(owner) = owner(ctx, subject).await? else {
        tracing::info!(service = %subject.service, event = subject.event, "nobody was told: the owner has no verified address");
        return Ok(Outcome::Done);
    };
    let key = key(&subject.event);
    let path = notice_path(ctx.tenant()?, &key);
    let Some((mut notice, version)) = ctx.retrying(|| claim(ctx, &path, subject)).await? else {
        return Ok(Outcome::Duplicate);
    };
    let mail = Mail {
        key: format!("notice/{}/{key}", ctx.tenant()?),
        to: owner.email,
        subject: subject.title.clone(),
        text: subject.text.clone(),
        html: None,
    };
    match ctx.ports.mailer.send(mail).await {
        Ok(()) => notice.sent_at = Some(ctx.now()),
        Err(error) if error.is_transient() && notice.tries < TRIES => return Err(error.into()),
        Err(error) => {
            tracing::warn!(event = notice.event, tries = notice.tries, %error, "a notice could not be mailed and was given up");
            notice.given_up = Some(error.to_string());
        }
    }
    match ctx.ports.store.commit(vec![Write::put(path, Precondition::At(version), &notice)?]).await {
        Ok(_) | Err(StoreError::Conflict { .. }) => Ok(Outcome::Done),
        Err(error) => Err(error.into()),
    }
}

async fn owner(ctx: &Context, subject: &Subject) -> Result<Option<Member>, Error> {
    let tenant = ctx.tenant()?;
    let Some(found) = ctx.ports.store.get(&service_path(tenant, &subject.service)).await? else {
        return Ok(None);
    };
    let service: Service = found.body.parse()?;
    if service.owner.is_empty() {
        return Ok(None);
    }
    let found = ctx.ports.store.get(&member_path(tenant, &service.owner)).await?;
    let member: Option<Member> = found.map(|found| found.body.parse()).transpose()?;
    Ok(member.filter(|member| member.verified))
}

/// SHA-256 of what it is about, in hex.
pub fn key(event: &str) -> String {
    hex::encode(&Sha256::digest(event)[..16])
}

/// The stored intent of this try; `None` if it went out or was given up.
async fn claim(ctx: &Context, path: &Path, subject: &Subject) -> Result<Option<(Notice, Version)>, Error> {
    let found = ctx.ports.store.get(path).await?;
    let (before, read) = match found {
        Some(found) => (Some(found.body.parse::<Notice>()?), Precondition::At(found.version)),
        None => (None, Precondition::Absent),
    };
    if before.as_ref().is_some_and(|notice| notice.sent_at.is_some() || notice.given_up.is_some()) {
        return Ok(None);
    }
    let mut notice = before.unwrap_or_else(|| Notice {
        schema: SCHEMA,
        event: subject.event.clone(),
        created_at: ctx.now(),
        tries: 0,
        sent_at: None,
        given_up: None,
    });
    notice.tries += 1;
    let versions = ctx.ports.store.commit(vec![Write::put(path.clone(), read, &notice)?]).await?;
    Ok(versions.first().map(|version| (notice, *version)))
}
