//! What a comparison changes, as one commit: its events, the sums they are in, the learning, and the run that
//! guards them all.

use crate::{
    change::Change,
    compared::{Compared, paid},
    known::Known,
    run::is_settled,
    words,
};
use forecast::calibrate::{Month, REMEMBERED_MONTHS};
use host::{Context, Error, Outcome, Stored};
use model::{
    LearningId, ServiceName,
    document::{
        Feedback, FeedbackKind, Learning, LearningRun, Owes, SCHEMA,
        calibration::{ClassDocument, OwnDocument, own_path, pool_cells_path, pool_path, pseudonym},
        learning_path, learning_run_path,
    },
    message::{AboutLearning, Message, kind, topic},
    port::store::{Change as StoreChange, Field, Path, Precondition, Write},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// Commits what changed, then publishes it.
pub async fn commit(
    ctx: &Context,
    known: Known,
    compared: &[Compared],
    changes: Vec<Change>,
) -> Result<Outcome, Error> {
    let tenant = ctx.tenant()?.clone();
    let mut sums = BTreeMap::new();
    for change in &changes {
        change.increments(&mut sums);
    }
    let answer = known.feedback.as_ref().map(|feedback| feedback.kind);
    count_answers(&mut sums, known.run.answer, answer);
    sums.retain(|_, by| *by != 0);
    let mut run = LearningRun {
        schema: SCHEMA,
        compared_at: ctx.now(),
        closed: closed(ctx, &known, compared),
        paid_in: known.feedback.as_ref().and_then(paid).map(|(month, _)| month),
        answer,
        class: known.decision.class.clone(),
        ..known.run.clone()
    };
    let mut told = vec![];
    let mut writes = vec![];
    if !sums.is_empty() {
        let learning = learning(ctx, &known, compared, &changes, &sums).await?;
        told.push(recorded(&known, &learning));
        run.owe(recorded(&known, &learning), ctx.now());
        writes.push(Write::put(learning_path(&tenant, &learning.id), Precondition::None, &learning)?);
        writes.push(patch(own_path(&tenant, &run.class), &run.class, None, &sums));
        if ctx.config.settings.pool {
            let pseudonym = pseudonym(&tenant);
            writes.push(patch(pool_cells_path(&tenant, &run.class), &run.class, Some(&pseudonym), &sums));
        }
    }
    for change in &changes {
        writes.push(change.write()?);
    }
    let path = learning_run_path(&tenant, &known.decision.id);
    writes.insert(0, Write::put(path.clone(), known.run_at, &run)?);
    let versions = ctx.ports.store.commit(writes).await?;
    if told.is_empty() {
        return Ok(Outcome::Duplicate);
    }
    if let Some(version) = versions.first().copied() {
        Stored { path, version, document: run }.hand_on(ctx, &told).await;
    }
    Ok(Outcome::Done)
}

/// Months that were compared for good, this time included.
fn closed(ctx: &Context, known: &Known, compared: &[Compared]) -> BTreeSet<Month> {
    let settled = compared.iter().map(|made| made.month).filter(|month| is_settled(*month, ctx.real()));
    let mut closed: BTreeSet<Month> = known.run.closed.iter().copied().chain(settled).collect();
    // Whatever is no longer remembered is never asked for again.
    while closed.len() > 2 * REMEMBERED_MONTHS as usize {
        closed.pop_first();
    }
    closed
}

fn count_answers(
    sums: &mut BTreeMap<String, i64>,
    before: Option<FeedbackKind>,
    after: Option<FeedbackKind>,
) {
    let field = |kind: FeedbackKind| {
        let name = match kind {
            FeedbackKind::PerfectFit => "fit",
            FeedbackKind::OverProvisioned => "over",
            FeedbackKind::UnderProvisioned => "under",
        };
        format!("answers.{name}")
    };
    if let Some(before) = before {
        *sums.entry(field(before)).or_default() -= 1;
    }
    if let Some(after) = after {
        *sums.entry(field(after)).or_default() += 1;
    }
}

fn patch(path: Path, class: &str, tenant: Option<&str>, sums: &BTreeMap<String, i64>) -> Write {
    let mut set: Vec<(Field, Option<Value>)> = vec![
        (vec!["class".to_owned()], Some(class.into())),
        (vec!["schema".to_owned()], Some(SCHEMA.into())),
    ];
    set.extend(tenant.map(|tenant| (vec!["tenant".to_owned()], Some(Value::from(tenant)))));
    let increment =
        sums.iter().map(|(field, by)| (field.split('.').map(str::to_owned).collect(), *by)).collect();
    Write { path, precondition: Precondition::None, change: StoreChange::Patch { set, increment } }
}

/// The learning's document. Its words are about the sums as they were read: others may add to them meanwhile.
async fn learning(
    ctx: &Context,
    known: &Known,
    compared: &[Compared],
    changes: &[Change],
    sums: &BTreeMap<String, i64>,
) -> Result<Learning, Error> {
    let class = &known.decision.class;
    let paths = [own_path(ctx.tenant()?, class), pool_path(class)];
    let mut found = ctx.ports.store.get_many(&paths).await?.into_iter();
    let own: Option<OwnDocument> = found.next().flatten().map(|found| found.body.parse()).transpose()?;
    let pool: Option<ClassDocument> = found.next().flatten().map(|found| found.body.parse()).transpose()?;
    let told = words::tell(&words::Told {
        known,
        compared,
        own: own.unwrap_or_default(),
        pool: pool.unwrap_or_default(),
        changed: changes.iter().filter_map(Change::metric).collect(),
        sums,
        now: ctx.now(),
    });
    Ok(Learning {
        schema: SCHEMA,
        id: learning_id(known, compared),
        tenant: ctx.tenant()?.clone(),
        created_at: ctx.now(),
        decision: known.decision.id.clone(),
        deployment: known.deployment.clone(),
        class: class.clone(),
        updates_generated: told.updates,
        impact: told.impact.to_owned(),
        explanation: told.sentences,
    })
}

/// Derived from the decision and the answer, or else the month: a repeat is the same document.
fn learning_id(known: &Known, compared: &[Compared]) -> LearningId {
    let said = known.feedback.as_ref().map(|feedback: &Feedback| format!("answer {}", feedback.key));
    let month = || compared.last().map_or_else(String::new, |made| made.month.to_string());
    let digest = Sha256::digest(format!("{}\n{}", known.decision.id, said.unwrap_or_else(month)));
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest[..16]);
    LearningId::from_random(u128::from_be_bytes(bits))
}

fn recorded(known: &Known, learning: &Learning) -> Message {
    let body = AboutLearning {
        learning: learning.id.clone(),
        decision: learning.decision.clone(),
        deployment: learning.deployment.clone(),
        service: known.decision.service.as_ref().and_then(|name| ServiceName::new(name).ok()),
    };
    Message::new(topic::LEARNING, kind::LEARNING_RECORDED, &learning.tenant, &body)
}
