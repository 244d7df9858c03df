//! One service whose owner is due to be asked: intent, mail, done.

use crate::{
    choose::{Choice, REMIND_MS, choose},
    mail,
};
use host::{Context, Error, Stored};
use model::{
    DecisionId, DeploymentId, Timestamp,
    document::{
        Decision, FollowUp, Link, Member, Owes, Question, SCHEMA, Service, decision_path, deployment_path,
        feedback_path, link_path, member_path,
    },
    message::{AboutFeedback, Message, kind, topic},
    port::{
        Mail,
        store::{Change, Path, Precondition, Write},
    },
    time::{DAY_MS, MINUTE_MS},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// A link works this long.
const LINK_MS: i64 = 90 * DAY_MS;
/// A mail that is not known to have gone out is sent again after this.
const AGAIN_MS: i64 = 2 * MINUTE_MS;
/// Nobody to ask: looked at again after this.
const NOBODY_MS: i64 = 7 * DAY_MS;

/// What is asked.
struct Asking {
    decision: DecisionId,
    deployment: DeploymentId,
    asked_at: Timestamp,
    /// 1: the question; 2: the reminder.
    number: u32,
}

/// A mail whose intent is stored.
struct Intended {
    mail: Mail,
    token_hash: String,
    asking: Asking,
}

/// Does what is due for a service, if anything is.
pub async fn ask(ctx: &Context, path: &Path) -> Result<(), Error> {
    let Some(intended) = ctx.retrying(|| intend(ctx, path)).await? else { return Ok(()) };
    match ctx.ports.mailer.send(intended.mail.clone()).await {
        Err(error) if error.is_transient() => return Err(error.into()),
        // It would be refused again, however often: as good as sent, and the link stays good.
        Err(error) => tracing::warn!(%error, "the question could not be mailed, and never will be"),
        Ok(()) => {}
    }
    ctx.crash_point("send-feedback.after-mail");
    let asked = ctx.retrying(|| sent(ctx, path, &intended)).await?;
    if let Some((mut service, message)) = asked {
        service.hand_on(ctx, &[message]).await;
    }
    Ok(())
}

/// Decides, and stores what will go out. Nobody else decides the same: the service is written at the version read.
async fn intend(ctx: &Context, path: &Path) -> Result<Option<Intended>, Error> {
    let Some(found) = ctx.read::<Service>(path).await? else { return Ok(None) };
    let service = &found.document;
    if service.asking.ask_due.is_none_or(|due| due > ctx.now()) {
        return Ok(None);
    }
    let open = service.asking.question.clone();
    let asking = match choose(service, &answered(ctx, service).await?, ctx.now()) {
        Choice::LetGo => return rest(ctx, found, None, None).await,
        Choice::Wait(until) => return rest(ctx, found, open, Some(until)).await,
        Choice::Ask(kept) => match kept.decision {
            Some(decision) => {
                Asking { decision, deployment: kept.deployment, asked_at: ctx.now(), number: 1 }
            }
            None => return rest(ctx, found, None, None).await,
        },
        Choice::Again(question) => again(question),
        Choice::Remind(question) => Asking { number: 2, ..again(question) },
    };
    ctx.about(&asking.deployment);
    let Some(owner) = owner(ctx, service).await? else {
        tracing::info!(service = %service.name, owner = service.owner, "nobody was asked: the owner has no verified address");
        return rest(ctx, found, open, Some(ctx.now().plus(NOBODY_MS))).await;
    };
    let path = decision_path(ctx.tenant()?, &asking.decision);
    let Some(decision) = ctx.read::<Decision>(&path).await? else {
        return rest(ctx, found, None, None).await;
    };
    write(ctx, found, asking, &owner, &decision.document).await.map(Some)
}

fn again(question: Question) -> Asking {
    Asking {
        number: if question.reminded { 2 } else { 1 },
        decision: question.decision,
        deployment: question.deployment,
        asked_at: question.asked_at,
    }
}

/// Decisions of the service that somebody has answered.
async fn answered(ctx: &Context, service: &Service) -> Result<BTreeSet<DecisionId>, Error> {
    let kept = service.slot.kept.iter().filter_map(|kept| kept.decision.clone());
    let asked = service.asking.question.iter().map(|question| question.decision.clone());
    let decisions: Vec<DecisionId> = kept.chain(asked).collect::<BTreeSet<_>>().into_iter().collect();
    let paths: Vec<Path> =
        decisions.iter().map(|decision| feedback_path(&service.tenant, decision)).collect();
    let found = ctx.ports.store.get_many(&paths).await?;
    Ok(decisions.into_iter().zip(found).filter(|(_, found)| found.is_some()).map(|(id, _)| id).collect())
}

/// Who is asked, if they have a verified address.
async fn owner(ctx: &Context, service: &Service) -> Result<Option<Member>, Error> {
    if service.owner.is_empty() {
        return Ok(None);
    }
    let found = ctx.ports.store.get(&member_path(&service.tenant, &service.owner)).await?;
    let member: Option<Member> = found.map(|found| found.body.parse()).transpose()?;
    Ok(member.filter(|member| member.verified))
}

/// Nothing goes out now.
async fn rest(
    ctx: &Context,
    mut found: Stored<Service>,
    question: Option<Question>,
    due: Option<Timestamp>,
) -> Result<Option<Intended>, Error> {
    (found.document.asking.question, found.document.asking.ask_due) = (question, due);
    save(ctx, &mut found, vec![]).await?;
    Ok(None)
}

/// Commits the service with what belongs to it.
async fn save(ctx: &Context, found: &mut Stored<Service>, mut more: Vec<Write>) -> Result<(), Error> {
    found.document.updated_at = ctx.now();
    more.insert(0, found.write()?);
    let versions = ctx.ports.store.commit(more).await?;
    found.version = versions.first().copied().unwrap_or(found.version);
    Ok(())
}

/// Stores the intent: the question with its link's hash, owed until the mail is known to be out.
async fn write(
    ctx: &Context,
    mut found: Stored<Service>,
    asking: Asking,
    owner: &Member,
    decision: &Decision,
) -> Result<Intended, Error> {
    let actual = mail::measured(ctx, &found.document, decision).await?;
    let token = format!("{:032x}", ctx.random());
    let question = Question {
        decision: asking.decision.clone(),
        deployment: asking.deployment.clone(),
        token_hash: hash(&token),
        asked_at: asking.asked_at,
        reminded: asking.number == 2,
        owed: true,
    };
    let token_hash = question.token_hash.clone();
    let writes = vec![link(ctx, &found.document, &question)?, pending(&found.document, &asking)];
    found.document.asking.question = Some(question);
    found.document.asking.ask_due = Some(ctx.now().plus(AGAIN_MS));
    save(ctx, &mut found, writes).await?;
    let service = &found.document;
    let url = ctx.config.url(&format!("/feedback/{token}"));
    let mail = mail::compose(service, decision, actual.as_ref(), owner, &url, asking.number, ctx.now());
    Ok(Intended { mail, token_hash, asking })
}

/// It went out: the reminder is next, or nothing. `None` if the question is no longer the one that was mailed.
async fn sent(
    ctx: &Context,
    path: &Path,
    intended: &Intended,
) -> Result<Option<(Stored<Service>, Message)>, Error> {
    let Some(mut found) = ctx.read::<Service>(path).await? else { return Ok(None) };
    let service = &mut found.document;
    let Some(question) =
        service.asking.question.as_mut().filter(|open| open.token_hash == intended.token_hash)
    else {
        return Ok(None);
    };
    question.owed = false;
    let asking = &intended.asking;
    service.asking.ask_due = (asking.number == 1).then(|| asking.asked_at.plus(REMIND_MS));
    let body = AboutFeedback { service: service.name.clone(), decision: Some(asking.decision.clone()) };
    let asked = ctx.traced(Message::new(topic::FEEDBACK, kind::FEEDBACK_ASKED, &service.tenant, &body));
    service.owe(asked.clone(), ctx.now());
    save(ctx, &mut found, vec![]).await?;
    Ok(Some((found, asked)))
}

fn link(ctx: &Context, service: &Service, question: &Question) -> Result<Write, Error> {
    let link = Link {
        schema: SCHEMA,
        tenant: service.tenant.clone(),
        service: service.name.clone(),
        decision: question.decision.clone(),
        issued_at: ctx.now(),
        expires_at: ctx.now().plus(LINK_MS),
        used_at: None,
    };
    Ok(Write::put(link_path(&question.token_hash), Precondition::Absent, &link)?)
}

/// The deployment's public status.
fn pending(service: &Service, asking: &Asking) -> Write {
    Write {
        path: deployment_path(&service.tenant, &asking.deployment),
        precondition: Precondition::Present,
        change: Change::Patch {
            set: vec![(vec!["follow_up".to_owned()], Some(json!(FollowUp::PendingFeedback)))],
            increment: vec![],
        },
    }
}

/// SHA-256 in hex.
pub fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}
