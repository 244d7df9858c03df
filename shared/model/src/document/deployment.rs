//! One deployment: everything that its pipeline needs to go on after any crash, in one document.

use super::{
    Again, Allowance, CanaryPolicy, Kept, Limits, RunOptions, Scan, ScanPolicy, Scanning, Sealed, Stage,
    Status, Step, Strategy, Usual, VariableVersions, Why,
};
use crate::{
    DecisionId, DeploymentId, ServiceName, TenantId, Timestamp,
    message::Message,
    port::{
        source::{Archived, SourceRef},
        target::{Plan, Released, ServiceKey, TrafficToken},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Who put the revision to work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CarriedOutBy {
    /// We did; there is a pipeline.
    #[default]
    Sextant,
    /// The customer did and registered it; there is no pipeline.
    Customer,
}

/// Requests and bad ones (5xx) on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Counts {
    /// Requests to the new revision.
    pub canary_requests: u64,
    /// Requests to the last good one.
    pub stable_requests: u64,
    /// Bad ones of the new revision.
    pub canary_bad: u64,
    /// Bad ones of the last good one.
    pub stable_bad: u64,
}

impl std::ops::AddAssign<&Self> for Counts {
    fn add_assign(&mut self, more: &Self) {
        self.canary_requests += more.canary_requests;
        self.stable_requests += more.stable_requests;
        self.canary_bad += more.canary_bad;
        self.stable_bad += more.stable_bad;
    }
}

/// What requests of our own came to, when nobody else asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Synthetic {
    /// Paths that were asked.
    pub paths: Vec<String>,
    /// What was asked of either side and what failed; none of it is in the counts of the shift.
    pub counts: Counts,
    /// The same in words.
    pub words: String,
}

/// A shift under way.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CanaryRun {
    /// Index into the policy's weights.
    pub index: usize,
    /// When this weight began to serve, in real time.
    pub since: Timestamp,
    /// First millisecond that no window has covered yet, in real time.
    pub seen_to: Timestamp,
    /// Windows looked at, at this weight.
    pub windows: u32,
    /// Requests to the canary at this weight.
    pub requests: u64,
    /// Windows in a row that could not be read.
    pub unreadable: u32,
    /// The whole shift's counts.
    pub counts: Counts,
    /// The sequential test's state, as `forecast` keeps it; opaque here.
    pub test: Value,
    /// Why nothing moves until a person or the next deployment says so.
    pub held: Option<String>,
    /// Whether a weight was passed without enough requests.
    pub thin: bool,
    /// Whether it takes all traffic without a look: nothing came that could be looked at.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub quiet: bool,
    /// How long the shift was expected to take, and what it would catch by then.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub outlook: String,
    /// What the last window said, for people.
    pub reason: String,
    /// What requests of our own came to, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<Synthetic>,
    /// What set it apart when it was judged; none before that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

/// Why a program ended or a build failed, as its own last lines tell it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Diagnosis {
    /// The line that says it, as it was written.
    pub line: String,
    /// What happened, in the program's own words: `DATABASE_URL is required`. At most 400 bytes.
    pub what: String,
    /// Where in the app: `server.js:12`, its path from the app's folder where that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// A variable that the app asks for and doesn't have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variable: Option<String>,
    /// What to do next, where the message has a usual cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Diagnosis {
    /// What to do next: what mends this, else what usually helps after such a failure.
    pub fn next_or<'a>(found: Option<&'a Self>, hint: &'a str) -> &'a str {
        found.and_then(|found| found.next.as_deref()).unwrap_or(hint)
    }

    /// What happened and where, in one line: `DATABASE_URL is required (server.js:12)`.
    #[must_use]
    pub fn sentence(&self) -> String {
        match &self.at {
            Some(at) => format!("{} ({at})", self.what),
            None => self.what.clone(),
        }
    }
}

/// Who is at work on a step, and until when. Real time. Leases don't fence the outside; keys and tokens do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The process that holds it.
    pub owner: String,
    /// Void after this.
    pub until: Timestamp,
    /// The step it was taken for. A command may move the deployment on meanwhile; what is under way ends first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Step>,
}

/// What the pipeline is on its way to when it isn't success.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the statuses of the same names say it")]
pub enum Ending {
    Failed,
    SecurityFailed,
    Cancelled,
    Superseded,
    RolledBack,
}

/// Why a deployment failed, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Failure {
    /// The stage in which it failed.
    pub stage: Stage,
    /// Machine-readable: `repository_not_found`, `build_failed`, `probe_failed`, `canary_failed`, …
    pub code: String,
    /// What happened, to what.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

/// One line of a deployment's story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Entry {
    /// Counts up by one; the id that streams resume from.
    pub seq: u64,
    /// When, in real time.
    pub at: Timestamp,
    /// The status it led to.
    pub status: Status,
    /// 0–100.
    pub progress: u8,
    /// What happened, one sentence.
    pub text: String,
}

/// When a stage began and ended, in real time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StageTime {
    /// The stage that ran.
    pub stage: Stage,
    /// When it began.
    pub from: Timestamp,
    /// When it ended; `None` while it runs.
    pub to: Option<Timestamp>,
}

/// What the public status is after acceptance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FollowUp {
    /// Nobody was asked yet.
    #[default]
    Running,
    /// Asked, not answered.
    PendingFeedback,
    /// Somebody answered.
    FeedbackCollected,
    /// It came to rest without serving. Never stored: it follows from where the pipeline ended.
    Failed,
}

/// One source revision of one service put to work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// Version of this form.
    pub schema: u32,
    /// The one id.
    pub id: DeploymentId,
    /// The tenant that it belongs to; it is part of the path and never comes from a request's body.
    pub tenant: TenantId,
    /// Of which service (its environment is part of the name).
    pub service: ServiceName,
    /// `production`, `staging`, …
    pub environment: String,
    /// Whether Sextant or the customer deploys it; only the first has a pipeline.
    pub carried_out_by: CarriedOutBy,
    /// The user who asked.
    pub requested_by: String,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it came to rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What to deploy; none when the customer carries it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceRef>,
    /// Token for a private source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_token: Option<Sealed>,
    /// How traffic gets there.
    #[serde(default)]
    pub strategy: Strategy,
    /// On which evidence.
    #[serde(default)]
    pub policy: CanaryPolicy,
    /// How long things may take.
    #[serde(default)]
    pub limits: Limits,
    /// Findings of the scan that whoever asked lets through, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<Allowance>,
    /// What beside live keys stops it.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub scan_policy: ScanPolicy,
    /// How whoever asked wants it to run.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub run: RunOptions,
    /// Whether it may run without variables that its code certainly needs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_lack: bool,
    /// Plain variables of the service, as they were when this deployment was accepted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// Values that nobody may read back, each sealed under its own data key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Sealed>,
    /// Whether `secrets` are sealed for the service, so that its next deployment can take them over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub service_secrets: bool,
    /// Which versions of the service's variables these are; nothing in documents from before they were counted.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub variable_versions: VariableVersions,
    /// The earlier deployment that this one puts to work again, and what it takes over from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,

    /// Where the pipeline is.
    pub status: Status,
    /// What it does next.
    pub step: Step,
    /// Part of every effect's key; counts up when the last one is known to have failed for good, and with each
    /// weight of a shift, so that a late result of one weight is never taken for that of another.
    pub attempt: u32,
    /// Tries of this step that failed in passing; the same key, after a back-off.
    #[serde(default)]
    pub tries: u32,
    /// Since when, in real time, this step or the one that started what it waits for.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub step_since: Timestamp,
    /// Ways back that were begun, also under a command before: each has a key of its own, so that none is answered
    /// with what an earlier one came to.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub restores: u32,
    /// Who is at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// Where it is on its way to, when not to success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// Whether a newer deployment waits for it: then it is never held.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaited: bool,
    /// Spreads due documents.
    pub shard: u32,
    /// When `sweep` must look at it, by the clock of timers; none when nothing is owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_due: Option<Timestamp>,
    /// Messages that the last commit owes to the topics.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outbox: Vec<Message>,
    /// The newest lines of the story.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timeline: Vec<Entry>,
    /// The newest line's number.
    #[serde(default)]
    pub seq: u64,
    /// 0–100.
    #[serde(default)]
    pub progress: u8,
    /// When each stage ran.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageTime>,

    /// The commit that was fetched; for a tree that is none, digits of what it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The archive that the source was packed into: what is analyzed and built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Archived>,
    /// What the present step waits for, when it waits for its turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// How it is built and run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// The decision that it carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionId>,
    /// The attempt at the build that is the newest, where it isn't the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<u32>,
    /// Whether a late effect left a revision behind that could not be discarded yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_over: bool,
    /// Since when, in real time, its build log is only kept; none before its end, and once the log is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_since: Option<Timestamp>,
    /// What the build made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// What was released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Released>,
    /// What served before, and serves again if this is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<Kept>,
    /// The traffic that was last read or set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<TrafficToken>,
    /// The shift under way.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub canary: CanaryRun,
    /// How far the scan of its source has come; none before it, nor after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanning: Option<Box<Scanning>>,
    /// What the scan of its source found; none before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<Scan>,
    /// How long its parts usually take, as its service's history had it when it was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual: Option<Usual>,
    /// What was checked, for the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The last lines of what failed, redacted: of the revision that was taken back, or of the build.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_words: Vec<String>,
    /// What those lines say of why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Diagnosis>,
    /// What the question after 7 days has come to.
    #[serde(default)]
    pub follow_up: FollowUp,
}

impl Deployment {
    /// The service as the target knows it.
    pub fn key(&self) -> ServiceKey {
        ServiceKey { tenant: self.tenant.clone(), service: self.service.clone() }
    }

    /// The status that everybody sees: what came to rest without serving and was not asked about has failed.
    pub fn public_status(&self) -> FollowUp {
        let ours = self.carried_out_by == CarriedOutBy::Sextant;
        let serves = !self.status.at_rest() || self.status == Status::Deployed;
        if ours && !serves && self.follow_up == FollowUp::Running { FollowUp::Failed } else { self.follow_up }
    }

    /// The name of this deployment's build: derived, so that a repeat finds it.
    pub fn build_key(&self) -> String {
        format!("{}-b{}", self.id, self.attempt)
    }

    /// How often a lost build is started again, the first time included.
    pub const BUILDS: u32 = 3;

    /// The names of all builds there may be, whatever the present attempt counts: what is ended on the way back.
    pub fn build_keys(&self) -> Vec<String> {
        (1..=Self::BUILDS).map(|attempt| format!("{}-b{attempt}", self.id)).collect()
    }

    /// The name of this deployment's revision: derived, so that a repeat finds it.
    pub fn revision_name(&self) -> String {
        format!("{}-{}", self.service, self.tag())
    }

    /// At most 12 characters, so that tag and service fit in one label.
    pub fn tag(&self) -> String {
        let tail = self.id.as_str().trim_start_matches("dep_");
        let tail: String = tail
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .take(10)
            .collect();
        format!("r{tail}")
    }

    /// Key of what this step and attempt changes outside. A step that waits for it has the same one.
    pub fn effect_key(&self) -> String {
        let step = match self.step {
            Step::AwaitRelease => Step::Release,
            Step::AwaitTraffic => Step::SetTraffic,
            Step::AwaitRestore => Step::Restore,
            step => step,
        };
        format!("{}-{step:?}-{}-{}", self.id, self.canary.index, self.attempt)
    }

    /// Whether its shift is looked at while it goes on, so that it can be held: not where it takes all traffic at once.
    pub fn is_watched(&self) -> bool {
        self.strategy != Strategy::Instant && !self.canary.quiet
    }

    /// Whether the time at this weight is up at this moment, with windows of this length. It is twice as long where
    /// nothing failed and requests come, so that all that is missing is more of them.
    pub fn is_late(&self, to: Timestamp, length_ms: i64) -> bool {
        let (run, policy) = (&self.canary, &self.policy);
        let more = run.counts.canary_bad == 0 && policy.has_more_time(run.requests);
        let windows = i64::from(policy.deadline_windows).saturating_mul(if more { 2 } else { 1 });
        to.since(run.since) >= windows.saturating_mul(length_ms)
    }

    /// How long this step, or what it waits for, has taken, in milliseconds; documents from before it was noted have
    /// only begun.
    pub fn step_age_ms(&self, real: Timestamp) -> i64 {
        if self.step_since == Timestamp::default() { 0 } else { real.since(self.step_since).max(0) }
    }

    /// The newest attempt at the build, from 1 on.
    pub fn build_attempt(&self) -> u32 {
        self.build.unwrap_or(1)
    }

    /// Whether its archive is kept once it is at rest: what was refused for what is in it is mended, not tried again.
    pub fn keeps_source(&self) -> bool {
        self.archive.is_some() && self.status != Status::SecurityFailed
    }

    /// Where this deployment's build log is, all attempts together.
    pub fn log_prefix(&self) -> String {
        format!("logs/{}/{}", self.tenant, self.id)
    }
}
