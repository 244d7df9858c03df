//! One deployment: what existing clients read, and around it all that people want to know.

use super::{
    CanaryView, ConfigurationView, FeedbackView, KeptView, MetricsView, PredictionView, ReportView,
    measured::serving_since, time,
};
use model::{
    Timestamp,
    document::{
        Allowance, CarriedOutBy, Decision, Deployment, Diagnosis, Entry, Failure, Feedback, FollowUp,
        Observation, Scan, Service, Stage, Status, Strategy, VariableVersions,
    },
    port::{
        source::{Manifest, SourceRef},
        target::Plan,
    },
};
use serde::Serialize;
use utoipa::ToSchema;

/// When a stage ran.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct StageView {
    /// The stage whose times these are.
    pub stage: Stage,
    /// When it began.
    pub started_at: String,
    /// When it ended; `null` while it runs.
    pub ended_at: Option<String>,
    /// How long it took, or has taken until now.
    pub duration_ms: i64,
}

/// One line of a deployment's story.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct EntryView {
    /// Counts up by one.
    pub seq: u64,
    /// When it was written: RFC 3339, UTC.
    pub at: String,
    /// The status it led to.
    pub status: Status,
    /// 0–100.
    pub progress: u8,
    /// What happened, one sentence.
    pub text: String,
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        Self {
            seq: entry.seq,
            at: time(entry.at),
            status: entry.status,
            progress: entry.progress,
            text: entry.text.clone(),
        }
    }
}

/// One deployment with all that is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DeploymentView {
    /// What the question to its owner has come to; `failed` if it came to rest without serving.
    pub status: FollowUp,
    /// Where the pipeline is; `null` where the customer carries it out.
    pub pipeline_status: Option<Status>,
    /// 0–100.
    pub progress: u8,
    /// What was measured last; `null` until something was.
    pub metrics: Option<MetricsView>,
    /// What somebody said of it.
    pub feedback: Option<FeedbackView>,
    /// The deployment's id, `dep_…`.
    pub deployment_id: String,
    /// The decision it carries out.
    pub decision_id: Option<String>,
    /// Of which service.
    pub service: String,
    /// `production`, `staging`, …
    pub environment: String,
    /// Whether Sextant or the customer deploys it.
    pub carried_out_by: CarriedOutBy,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was accepted.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
    /// When it came to rest.
    pub ended_at: Option<String>,
    /// From the first stage to the end, or until now.
    pub duration_ms: Option<i64>,
    /// The newest line's number; commands name it.
    pub seq: u64,
    /// What is deployed.
    pub source: Option<SourceRef>,
    /// The commit that was fetched; for a tree that is none, digits of what it holds.
    pub commit: Option<String>,
    /// What the source's archive holds, and what Git says of it; `null` before it is fetched.
    pub archive: Option<Manifest>,
    /// What it waits for, when it waits for its turn.
    pub waits: Option<String>,
    /// How traffic gets there.
    pub strategy: Strategy,
    /// The address people use.
    pub url: Option<String>,
    /// The new revision.
    pub revision: Option<String>,
    /// The address of exactly this revision.
    pub revision_url: Option<String>,
    /// Where it runs: `machine` or `cloud-run`.
    pub target: String,
    /// When each stage ran.
    pub stages: Vec<StageView>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// The last lines of what failed: of the revision that was taken back, or of the build.
    pub last_words: Vec<String>,
    /// What those lines say of why it failed; `null` where they don't say.
    pub diagnosis: Option<Diagnosis>,
    /// What the scan of its source found; `null` before it.
    pub scan: Option<Scan>,
    /// The earlier deployment that this one puts to work again.
    pub redeploys: Option<String>,
    /// Which versions of its service's variables it runs with.
    pub variables: VariableVersions,
    /// Findings that whoever asked lets through, and why.
    pub allow: Vec<Allowance>,
    /// What was checked.
    pub checks: Vec<String>,
    /// The shift of traffic; `null` before it.
    pub canary: Option<CanaryView>,
    /// The newest lines of its story.
    pub timeline: Vec<EntryView>,
    /// How it is built and run.
    pub plan: Option<Plan>,
    /// What is expected.
    pub prediction: Option<PredictionView>,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
    /// How it runs.
    pub configuration: Option<ConfigurationView>,
    /// Revisions of the service that can take traffic again, newest first.
    pub kept: Vec<KeptView>,
    /// What is said at the end; `null` before.
    pub report: Option<ReportView>,
}

/// The documents that a deployment's view is made of.
pub struct Parts<'a> {
    /// The deployment's document.
    pub deployment: &'a Deployment,
    /// The decision it carries out.
    pub decision: Option<&'a Decision>,
    /// What somebody said of that.
    pub feedback: Option<&'a Feedback>,
    /// The newest window measured.
    pub observation: Option<&'a Observation>,
    /// The service's document; none where it is gone.
    pub service: Option<&'a Service>,
    /// The target's name.
    pub target: &'a str,
    /// The time of schedules.
    pub now: Timestamp,
    /// The time as it really passes, which stages are measured by.
    pub real: Timestamp,
}

impl DeploymentView {
    /// Of these documents.
    pub fn of(parts: &Parts<'_>) -> Self {
        let deployment = parts.deployment;
        let ours = deployment.carried_out_by == CarriedOutBy::Sextant;
        let released = deployment.released.as_ref();
        let mut view = Self {
            status: deployment.public_status(),
            pipeline_status: ours.then_some(deployment.status),
            progress: deployment.progress,
            metrics: parts
                .observation
                .map(|seen| MetricsView::of(seen, serving_since(parts.service, seen), parts.now)),
            feedback: parts.feedback.map(FeedbackView::from),
            deployment_id: deployment.id.to_string(),
            decision_id: deployment.decision.as_ref().map(ToString::to_string),
            service: deployment.service.to_string(),
            environment: deployment.environment.clone(),
            carried_out_by: deployment.carried_out_by,
            requested_by: deployment.requested_by.clone(),
            created_at: time(deployment.created_at),
            updated_at: time(deployment.updated_at),
            ended_at: deployment.ended_at.map(time),
            duration_ms: duration_ms(deployment, parts.real),
            seq: deployment.seq,
            source: deployment.source.clone(),
            commit: deployment.commit.clone(),
            archive: deployment.archive.as_ref().map(|archived| archived.manifest.clone()),
            waits: deployment.waits.clone(),
            strategy: deployment.strategy,
            url: url(deployment, parts.service),
            revision: released.map(|released| released.revision.clone()),
            revision_url: released.map(|released| released.revision_url.clone()),
            target: parts.target.to_owned(),
            stages: stages(deployment, parts.real),
            failure: deployment.failure.clone(),
            last_words: deployment.last_words.clone(),
            diagnosis: deployment.diagnosis.clone(),
            scan: deployment.scan.clone(),
            redeploys: deployment.again.as_ref().map(|again| again.of.to_string()),
            variables: deployment.variable_versions.clone(),
            allow: deployment.allow.clone(),
            checks: deployment.checks.clone(),
            canary: CanaryView::of(deployment),
            timeline: deployment.timeline.iter().map(EntryView::from).collect(),
            plan: deployment.plan.clone(),
            prediction: parts.decision.map(|decision| (&decision.prediction).into()),
            reasons: parts.decision.map(|decision| decision.reasons.clone()).unwrap_or_default(),
            configuration: parts.decision.map(|decision| (&decision.configuration).into()),
            kept: parts.service.map(KeptView::all).unwrap_or_default(),
            report: None,
        };
        view.report = ReportView::of(deployment, &view);
        view
    }
}

/// Where its service answers; none where nothing does.
fn url(deployment: &Deployment, service: Option<&Service>) -> Option<String> {
    let serves = service.is_some_and(|service| service.slot.serving.is_some());
    let ended = deployment.status.at_rest() && deployment.status != Status::Deployed;
    let own = deployment.released.as_ref().filter(|_| serves || !ended).map(|released| released.url.clone());
    own.or_else(|| service.filter(|_| serves).and_then(|service| service.slot.url.clone()))
}

/// From the first stage to the end, or until now; `None` before it began.
pub fn duration_ms(deployment: &Deployment, real: Timestamp) -> Option<i64> {
    let first = deployment.stages.first()?;
    Some(deployment.ended_at.unwrap_or(real).since(first.from).max(0))
}

fn stages(deployment: &Deployment, real: Timestamp) -> Vec<StageView> {
    let view = |time_of: &model::document::StageTime| StageView {
        stage: time_of.stage,
        started_at: time(time_of.from),
        ended_at: time_of.to.map(time),
        duration_ms: time_of.to.unwrap_or(real).since(time_of.from).max(0),
    };
    deployment.stages.iter().map(view).collect()
}

/// One deployment in a list.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DeploymentSummary {
    /// The deployment's id, `dep_…`.
    pub deployment_id: String,
    /// The decision it carries out.
    pub decision_id: Option<String>,
    /// Of which service.
    pub service: String,
    /// `production`, `staging`, …
    pub environment: String,
    /// Whether Sextant or the customer deploys it.
    pub carried_out_by: CarriedOutBy,
    /// What the question to its owner has come to; `failed` if it came to rest without serving.
    pub status: FollowUp,
    /// Where the pipeline is; `null` where the customer carries it out.
    pub pipeline_status: Option<Status>,
    /// 0–100.
    pub progress: u8,
    /// The address people use.
    pub url: Option<String>,
    /// The new revision.
    pub revision: Option<String>,
    /// The commit that was fetched.
    pub commit: Option<String>,
    /// Who asked for it.
    pub requested_by: String,
    /// When it was accepted.
    pub created_at: String,
    /// When it came to rest.
    pub ended_at: Option<String>,
    /// From the first stage to the end, or until now.
    pub duration_ms: Option<i64>,
    /// Why it failed.
    pub failure: Option<Failure>,
}

impl DeploymentSummary {
    /// Of a deployment, looked at now.
    pub fn of(deployment: &Deployment, real: Timestamp) -> Self {
        let released = deployment.released.as_ref();
        Self {
            deployment_id: deployment.id.to_string(),
            decision_id: deployment.decision.as_ref().map(ToString::to_string),
            service: deployment.service.to_string(),
            environment: deployment.environment.clone(),
            carried_out_by: deployment.carried_out_by,
            status: deployment.public_status(),
            pipeline_status: (deployment.carried_out_by == CarriedOutBy::Sextant)
                .then_some(deployment.status),
            progress: deployment.progress,
            url: released.map(|released| released.url.clone()),
            revision: released.map(|released| released.revision.clone()),
            commit: deployment.commit.clone(),
            requested_by: deployment.requested_by.clone(),
            created_at: time(deployment.created_at),
            ended_at: deployment.ended_at.map(time),
            duration_ms: duration_ms(deployment, real),
            failure: deployment.failure.clone(),
        }
    }
}
