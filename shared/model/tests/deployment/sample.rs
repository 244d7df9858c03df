//! Documents, moments and outcomes for tests.

use model::{
    DecisionId, DeploymentId, ServiceName, TenantId, Timestamp,
    deployment::{At, Fault, Outcome, Request, Verdict, WindowSeen},
    document::{
        Asking, CanaryPolicy, CarriedOutBy, Counts, Deployment, Failure, Kept, Limits, Measuring, RunOptions,
        SCHEMA, ScanPolicy, Scanning, Service, Slot, Stage, Strategy, VariableVersions,
    },
    port::{
        source::{Archived, Manifest, Origin, SourceRef},
        target::{Gone, Probe, Released, Traffic, TrafficToken, Window, WindowPolicy},
    },
};
use serde_json::json;
use std::collections::BTreeMap;

/// When tests begin.
pub const START: Timestamp = Timestamp(1_800_000_000_000);

pub fn tenant() -> TenantId {
    TenantId::new("acme").unwrap()
}

pub fn name() -> ServiceName {
    ServiceName::new("shop").unwrap()
}

pub fn id(n: u32) -> DeploymentId {
    DeploymentId::new(format!("dep_{n}")).unwrap()
}

pub fn at(ms: i64, owner: &str) -> At<'_> {
    let now = START.plus(ms);
    At { now, real: now, owner, alone: false, can_act: true, window: WindowPolicy::MACHINE }
}

pub fn request(n: u32, strategy: Strategy) -> Request {
    Request {
        id: id(n),
        tenant: tenant(),
        service: name(),
        environment: "production".to_owned(),
        carried_out_by: CarriedOutBy::Sextant,
        requested_by: "ada".to_owned(),
        source: Some(SourceRef::Folder { path: "/app".to_owned() }),
        source_token: None,
        strategy,
        policy: CanaryPolicy { deadline_windows: 2, ..CanaryPolicy::default() },
        limits: Limits::default(),
        allow: vec![],
        scan: ScanPolicy::default(),
        run: RunOptions::default(),
        may_lack: false,
        variables: BTreeMap::new(),
        secrets: BTreeMap::new(),
        versions: VariableVersions::default(),
        again: None,
    }
}

pub fn service() -> Service {
    Service {
        schema: SCHEMA,
        tenant: tenant(),
        name: name(),
        environment: "production".to_owned(),
        carried_out_by: CarriedOutBy::Sextant,
        created_at: START,
        updated_at: START,
        owner: "ada".to_owned(),
        shard: 0,
        slot: Slot::default(),
        measuring: Measuring { measured_to: START, ..Measuring::default() },
        asking: Asking::default(),
        outbox: vec![],
        next_due: None,
    }
}

/// A revision of an earlier deployment.
pub fn kept(n: u32) -> Kept {
    Kept { revision: format!("shop-r{n}"), deployment: id(n), decision: None, commit: None, since: START }
}

pub fn fault(transient: bool) -> Outcome {
    Outcome::Fault(Fault {
        transient,
        code: "port_failed".to_owned(),
        message: "The target did not answer".to_owned(),
        hint: "Look at it.".to_owned(),
        gone: None,
    })
}

pub fn failure() -> Failure {
    Failure {
        stage: Stage::Validate,
        code: "secret_found".to_owned(),
        message: "There is a key in it".to_owned(),
        hint: "Remove it.".to_owned(),
    }
}

fn archive() -> Box<Archived> {
    let origin = Origin { commit: Some("abc".to_owned()), ..Origin::default() };
    let digest = "d".repeat(64).parse().unwrap();
    let manifest = Manifest { digest, packed_bytes: 1, bytes: 2, files: 1, origin };
    Box::new(Archived { key: "sources/acme/archive".to_owned(), manifest })
}

pub fn scanned() -> Outcome {
    Outcome::Scanned { archive: archive(), scan: Box::default(), checks: vec!["no secrets".to_owned()] }
}

/// Part of a source was looked at.
pub fn scanning() -> Outcome {
    let archive = archive();
    let mut scanning = Scanning::begin(archive.manifest.digest.clone());
    scanning.bytes = 1;
    Outcome::Scanning { archive, scanning: Box::new(scanning) }
}

pub fn rejected() -> Outcome {
    Outcome::Rejected { failure: failure(), archive: archive(), scan: Box::default() }
}

pub fn analyzed() -> Outcome {
    Outcome::Analyzed {
        plan: Box::default(),
        decision: DecisionId::from_random(1),
        summary: "Node".to_owned(),
        checks: vec!["from sextant.toml:1: port 80".to_owned()],
    }
}

pub fn released(revision: &str, token: &str) -> Outcome {
    let released = Released {
        revision: revision.to_owned(),
        url: "http://shop.localhost".to_owned(),
        revision_url: format!("http://{revision}.localhost"),
        closed: false,
    };
    Outcome::Released { released, traffic: TrafficToken(token.to_owned()) }
}

pub fn probed(healthy: bool, dead: bool) -> Outcome {
    let probe = Probe { healthy, dead, detail: "GET / answered".to_owned(), ..Probe::default() };
    Outcome::Probed { probe, before: None }
}

pub fn traffic(token: &str, weights: &[(&str, u32)]) -> Traffic {
    let weights = weights.iter().map(|(revision, percent)| ((*revision).to_owned(), *percent)).collect();
    Traffic { token: TrafficToken(token.to_owned()), weights, closed: false }
}

/// A window of the weight that is watched.
pub fn window(deployment: &Deployment, verdict: Verdict, probe: Option<bool>) -> WindowSeen {
    let from = deployment.canary.seen_to;
    WindowSeen {
        window: Window { from, to: from.plus(1000) },
        counts: Counts { canary_requests: 10, stable_requests: 90, canary_bad: 0, stable_bad: 0 },
        verdict,
        reason: "0 of 10 bad".to_owned(),
        test: json!({"e": 1}),
        guard: None,
        against: None,
        probe,
        asked: None,
        idle: false,
    }
}

/// The target has lost something.
pub fn gone(what: Gone) -> Outcome {
    Outcome::Fault(Fault {
        transient: false,
        code: "target_lost".to_owned(),
        message: "It is not there".to_owned(),
        hint: "Deploy again.".to_owned(),
        gone: Some(what),
    })
}

/// Something is under way at the target.
pub fn why() -> String {
    "Cloud Run is starting it".to_owned()
}
