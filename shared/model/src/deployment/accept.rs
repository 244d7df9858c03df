//! A deployment's first document.

use crate::{
    DeploymentId, ServiceName, TenantId,
    document::{
        Again, Allowance, CanaryPolicy, CanaryRun, CarriedOutBy, Deployment, Entry, FollowUp, Kept, Limits,
        RunOptions, SCHEMA, ScanPolicy, Sealed, Status, Step, Strategy, VariableVersions, shard,
    },
    message::{Message, kind},
    port::source::SourceRef,
    time::MINUTE_MS,
};
use std::collections::BTreeMap;

use super::At;

/// What somebody asked to be deployed; every part of it is checked already.
#[derive(Clone, Debug)]
pub struct Request {
    /// The one id.
    pub id: DeploymentId,
    /// The tenant that it belongs to, from the caller's token.
    pub tenant: TenantId,
    /// Of which service; its environment is part of the name.
    pub service: ServiceName,
    /// `production`, `staging`, …
    pub environment: String,
    /// Whether Sextant or the customer deploys it.
    pub carried_out_by: CarriedOutBy,
    /// The user who asked.
    pub requested_by: String,
    /// What; none when the customer carries it out.
    pub source: Option<SourceRef>,
    /// Token for a private source.
    pub source_token: Option<Sealed>,
    /// How traffic gets there.
    pub strategy: Strategy,
    /// On which evidence.
    pub policy: CanaryPolicy,
    /// Within which time.
    pub limits: Limits,
    /// Findings of the scan that are let through, and why.
    pub allow: Vec<Allowance>,
    /// What beside live keys stops it.
    pub scan: ScanPolicy,
    /// How it is to run.
    pub run: RunOptions,
    /// Whether it may run without variables that its code certainly needs.
    pub may_lack: bool,
    /// Plain variables that it runs with: those of its service.
    pub variables: BTreeMap<String, String>,
    /// Secret ones, sealed for the service.
    pub secrets: BTreeMap<String, Sealed>,
    /// Which versions of the service's variables these are.
    pub versions: VariableVersions,
    /// What it takes over from an earlier deployment, if it puts one to work again.
    pub again: Option<Again>,
}

/// The document of an accepted request: first in line if `runs`, else waiting for the service to be free.
/// A deployment that the customer carries out is at rest from the start.
pub fn accept(request: Request, runs: bool, last_good: Option<Kept>, at: &At<'_>) -> Deployment {
    let ours = request.carried_out_by == CarriedOutBy::Sextant;
    let (status, step, text) = match (ours, runs) {
        (false, _) => (Status::Deployed, Step::Rest, "Registered; the customer carries it out"),
        (true, true) => (Status::Pending, Step::Scan, "Accepted"),
        (true, false) => (Status::Pending, Step::Queue, "Accepted; waits for the deployment that is running"),
    };
    let text = match &request.again {
        Some(again) => format!("{text}: {} again", again.of),
        None => text.to_owned(),
    };
    let requested = Message::about(kind::DEPLOYMENT_REQUESTED, &request.tenant, &request.id);
    Deployment {
        schema: SCHEMA,
        shard: shard(request.id.as_str()),
        id: request.id,
        tenant: request.tenant,
        service: request.service,
        environment: request.environment,
        carried_out_by: request.carried_out_by,
        requested_by: request.requested_by,
        created_at: at.now,
        updated_at: at.now,
        ended_at: None,
        source: request.source,
        source_token: request.source_token,
        strategy: request.strategy,
        policy: resolved(request.policy, at),
        limits: request.limits,
        allow: request.allow,
        scan_policy: request.scan,
        run: request.run,
        may_lack: request.may_lack,
        variables: request.variables,
        service_secrets: !request.secrets.is_empty(),
        secrets: request.secrets,
        variable_versions: request.versions,
        status,
        step,
        attempt: 1,
        tries: 0,
        step_since: at.real,
        restores: 0,
        lease: None,
        ending: None,
        awaited: false,
        next_due: ours.then(|| at.now.plus(MINUTE_MS)),
        outbox: if ours { vec![requested] } else { vec![] },
        timeline: vec![Entry { seq: 1, at: at.real, status, progress: 0, text }],
        seq: 1,
        progress: if ours { 0 } else { 100 },
        stages: vec![],
        commit: request.again.as_ref().map(|again| again.archive.manifest.revision().to_owned()),
        archive: request.again.as_ref().map(|again| again.archive.clone()),
        again: request.again,
        waits: None,
        plan: None,
        decision: None,
        artifact: None,
        released: None,
        last_good,
        traffic: None,
        canary: CanaryRun::default(),
        scanning: None,
        scan: None,
        usual: None,
        checks: vec![],
        failure: None,
        last_words: vec![],
        diagnosis: None,
        build: None,
        left_over: false,
        log_since: None,
        follow_up: FollowUp::Running,
    }
}

/// The policy with the target's own figures where it leaves them open: what a deployment goes by stands in its document.
fn resolved(mut policy: CanaryPolicy, at: &At<'_>) -> CanaryPolicy {
    policy.window_ms = policy.window_ms.max(at.window.shortest_ms).max(1);
    if policy.deadline_windows == 0 {
        // A span of time, however long the windows are.
        let span_ms = i64::from(at.window.deadline_windows).saturating_mul(at.window.shortest_ms);
        let windows = span_ms.saturating_add(policy.window_ms - 1) / policy.window_ms;
        policy.deadline_windows = u32::try_from(windows).unwrap_or(u32::MAX).max(policy.bake_windows).max(1);
    }
    if policy.bake_windows == 0 {
        policy.bake_windows = at.window.bake_windows.min(policy.deadline_windows);
    }
    policy
}
