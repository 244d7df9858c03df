//! What a comparison changes, as one commit: its events, the sums they are in, the learning, and the run that
//! guards them all.
//!
//! Invariant: what an event adds to the sums is taken back exactly when it is corrected or withdrawn, so the sums
//! are those of the events that stand.

use crate::{
    compare::{Compared, closed, paid},
    known::Known,
    run::{Run, run_path},
    words,
};
use forecast::{
    calibrate::{Cell, Metric, Month, Recorded, delta},
    recommend::{ClassDocument, OwnDocument, own_path, pool_cells_path, pool_path},
};
use host::{Context, Error, Outcome};
use model::{
    DecisionId, DeploymentId, LearningId, ServiceName,
    document::{Feedback, FeedbackKind, Learning, SCHEMA, learning_path},
    message::{AboutLearning, Message, kind, topic},
    port::store::{Change as StoreChange, Field, Path, Precondition, Version, Write},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// One comparison, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Version of this form.
    pub schema: u32,
    /// How often it was corrected.
    pub revision: i64,
    /// ln(actual / base) in micro-nats.
    pub y: i64,
    /// What it is summed under.
    pub class: String,
    /// What was compared.
    pub metric: Metric,
    /// Of which month.
    pub month: Month,
    /// Of which decision.
    pub decision: DecisionId,
    /// And deployment.
    pub deployment: DeploymentId,
    /// The unlearned value at the observed demand.
    pub base: i64,
    /// What happened.
    pub actual: i64,
    /// Deployment-months that the prediction rested on.
    pub n: i64,
    /// Bucket of |y − μ| / √V.
    pub score: u16,
}

/// An event as it was read.
pub struct Stored {
    /// It.
    pub event: Event,
    /// Its state.
    pub version: Version,
}

/// One event that comes, changes or goes.
pub struct Change {
    path: Path,
    before: Option<Stored>,
    after: Option<Event>,
}

impl Change {
    /// What leads from one to the other; `None` if nothing does.
    pub fn between(path: Path, before: Option<Stored>, after: Option<Event>) -> Option<Self> {
        let same = match (&before, &after) {
            (None, None) => true,
            (Some(before), Some(after)) => {
                before.event == Event { revision: before.event.revision, ..after.clone() }
            }
            (None, Some(_)) | (Some(_), None) => false,
        };
        (!same).then_some(Self { path, before, after })
    }

    fn metric(&self) -> Option<Metric> {
        self.after.as_ref().or(self.before.as_ref().map(|before| &before.event)).map(|event| event.metric)
    }

    fn write(&self) -> Result<Write, Error> {
        let precondition =
            self.before.as_ref().map_or(Precondition::Absent, |before| Precondition::At(before.version));
        Ok(match &self.after {
            Some(event) => Write::put(self.path.clone(), precondition, event)?,
            None => Write::delete(self.path.clone(), precondition),
        })
    }

    /// What the cell of its metric and month gains.
    fn cell(&self) -> Cell {
        let recorded = |event: &Event| Recorded { revision: event.revision, y: event.y };
        match (&self.before, &self.after) {
            (before, Some(after)) => {
                delta(before.as_ref().map(|before| recorded(&before.event)), recorded(after))
                    .unwrap_or_default()
            }
            (Some(before), None) => {
                let gone = Cell::of(before.event.y);
                Cell { n: -gone.n, sum_y: -gone.sum_y, sum_yy: -gone.sum_yy }
            }
            (None, None) => Cell::default(),
        }
    }

    fn increments(&self, sums: &mut BTreeMap<String, i64>) {
        let Some(event) = self.after.as_ref().or(self.before.as_ref().map(|before| &before.event)) else {
            return;
        };
        let (cell, at) = (self.cell(), format!("cells.{}.{}", event.metric.name(), event.month));
        let mut add = |field: String, by: i64| *sums.entry(field).or_default() += by;
        add(format!("{at}.n"), cell.n);
        add(format!("{at}.sum_y"), cell.sum_y);
        add(format!("{at}.sum_yy"), cell.sum_yy);
        let score = |event: &Event| {
            let side = if event.n > 0 { "seen" } else { "unseen" };
            format!("scores.{}.{side}.{}", event.metric.name(), event.score)
        };
        if let Some(before) = &self.before {
            add(score(&before.event), -1);
        }
        if let Some(after) = &self.after {
            add(score(after), 1);
        }
    }
}

/// Publishes what an earlier commit owes and a crash kept back. The message that brought us here came again for it.
pub async fn owed(ctx: &Context, known: &Known) -> Result<(), Error> {
    if known.run.outbox.is_empty() { Ok(()) } else { ctx.publish(known.run.outbox.clone()).await }
}

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
    let mut run = Run {
        schema: SCHEMA,
        compared_at: ctx.now(),
        closed: closed(ctx, &known, compared),
        paid_in: known.feedback.as_ref().and_then(paid).map(|(month, _)| month),
        answer,
        class: known.decision.class.clone(),
        outbox: vec![],
    };
    let mut writes = vec![];
    if !sums.is_empty() {
        let learning = learning(ctx, &known, compared, &changes, &sums).await?;
        run.outbox.push(recorded(&known, &learning));
        writes.push(Write::put(learning_path(&tenant, &learning.id), Precondition::None, &learning)?);
        writes.push(patch(own_path(&tenant, &run.class), &run.class, None, &sums));
        if ctx.config.settings.pool {
            let pseudonym = forecast::recommend::pseudonym(&tenant);
            writes.push(patch(pool_cells_path(&tenant, &run.class), &run.class, Some(&pseudonym), &sums));
        }
    }
    for change in &changes {
        writes.push(change.write()?);
    }
    let path = run_path(&tenant, &known.decision.id);
    writes.insert(0, Write::put(path.clone(), known.run_at, &run)?);
    let versions = ctx.ports.store.commit(writes).await?;
    if run.outbox.is_empty() {
        return Ok(Outcome::Duplicate);
    }
    ctx.publish(std::mem::take(&mut run.outbox)).await?;
    if let Some(version) = versions.first() {
        forget(ctx, path, *version, &run).await?;
    }
    Ok(Outcome::Done)
}

/// What was published leaves the outbox; a conflict means that somebody went on from here and saw it published.
async fn forget(ctx: &Context, path: Path, version: Version, run: &Run) -> Result<(), Error> {
    match ctx.ports.store.commit(vec![Write::put(path, Precondition::At(version), run)?]).await {
        Ok(_) | Err(model::port::store::StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
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
    let mut set: Vec<(Field, Option<Value>)> = vec![(vec!["class".to_owned()], Some(class.into()))];
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
