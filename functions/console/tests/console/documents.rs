//! Documents as the pipeline and the loop leave them.

use crate::world::tenant;
use forecast::canary::{Options, State, Window as Evidence};
use model::{
    DecisionId, DeploymentId, LearningId, Micros, ObservationId, ServiceName, Timestamp,
    deployment::{At, Request, accept},
    document::{
        Asking, CanaryPolicy, CarriedOutBy, Configuration, Counts, Decision, Demand, Deployment, Entry,
        Estimate, Failure, Feedback, FeedbackKind, Kept, Learning, Limits, Measuring, Observation,
        Prediction, RunOptions, SCHEMA, ScanPolicy, Service, Slot, Spent, Stage, StageTime, Status, Step,
        Strategy, Utilization, VariableVersions, shard,
    },
    port::{
        source::SourceRef,
        target::{Plan, Released, RevisionWindow, Window},
    },
    time::{DAY_MS, MINUTE_MS},
};
use std::collections::BTreeMap;

pub fn deployment_id(n: u32) -> DeploymentId {
    DeploymentId::new(format!("dep_{n:010}{n:010}")).unwrap()
}

pub fn decision_id(n: u32) -> DecisionId {
    DecisionId::new(format!("dec_{n:020}")).unwrap()
}

/// Just accepted.
pub fn accepted(n: u32, service: &str, at: Timestamp) -> Deployment {
    let request = Request {
        id: deployment_id(n),
        tenant: tenant(),
        service: ServiceName::new(service).unwrap(),
        environment: "production".into(),
        carried_out_by: CarriedOutBy::Sextant,
        requested_by: "ann".into(),
        source: Some(SourceRef::Git {
            url: "https://example.com/ann/shop.git".into(),
            branch: Some("main".into()),
            commit: None,
        }),
        source_token: None,
        strategy: Strategy::Canary,
        policy: CanaryPolicy::default(),
        limits: Limits::default(),
        allow: vec![],
        scan: ScanPolicy::default(),
        run: RunOptions::default(),
        may_lack: false,
        variables: BTreeMap::from([("TOKEN_OF_OURS".into(), "hush-hush".into())]),
        secrets: BTreeMap::new(),
        versions: VariableVersions::default(),
        again: None,
    };
    let moment = At {
        now: at,
        real: at,
        owner: "test",
        alone: true,
        can_act: false,
        window: model::port::target::WindowPolicy::MACHINE,
    };
    accept(request, true, None, &moment)
}

/// One more line of its story; 60 are kept.
pub fn say(deployment: &mut Deployment, status: Status, progress: u8, at: Timestamp, text: &str) {
    deployment.seq += 1;
    (deployment.status, deployment.progress, deployment.updated_at) = (status, progress, at);
    let seq = deployment.seq;
    deployment.timeline.push(Entry { seq, at, status, progress, text: text.into() });
    if deployment.timeline.len() > 60 {
        deployment.timeline.remove(0);
    }
}

/// Every stage up to `last`, which may still run.
pub fn stages(deployment: &mut Deployment, began: Timestamp, last: Stage, open: bool) {
    let all = [
        (Stage::Validate, 420, Status::SecurityScanning, 2, "Fetching the source and checking it"),
        (Stage::Analyze, 180, Status::Analyzing, 10, "Finding out what the app is"),
        (
            Stage::Build,
            14_300,
            Status::Building,
            15,
            "It is node with express, started by `node server.js`. Building it",
        ),
        (Stage::Release, 900, Status::Deploying, 60, "Built in 14.3 s. Releasing it without traffic"),
        (Stage::Verify, 240, Status::Verifying, 85, "Released. Asking it for `/healthz`"),
        (
            Stage::Shift,
            9_000,
            Status::Shifting,
            88,
            "Healthy: GET /healthz answered 200 in 3 ms. Shifting 10 % of traffic to it",
        ),
    ];
    let mut from = began;
    deployment.commit = Some("9fceb02d0ae598e95dc970b74767f19372d61af8".into());
    for (stage, ms, status, progress, text) in all {
        let here = stage == last;
        say(deployment, status, progress, from, text);
        let to = from.plus(ms);
        deployment.stages.push(StageTime { stage, from, to: (!(here && open)).then_some(to) });
        from = to;
        if here {
            break;
        }
    }
    if !open {
        deployment.ended_at = Some(from);
    }
}

pub fn released(deployment: &mut Deployment) {
    let (service, tag) = (deployment.service.clone(), deployment.tag());
    deployment.released = Some(Released {
        revision: deployment.revision_name(),
        url: format!("http://{service}.localhost:8081"),
        revision_url: format!("http://{tag}---{service}.localhost:8081"),
        closed: false,
    });
}

/// The evidence after some windows at 10 %: so many bad ones in 20 requests to the canary, each.
pub fn evidence(deployment: &mut Deployment, windows: u32, bad: u64) {
    let mut state = State::default();
    for _ in 0..windows {
        state.add(Evidence::new(20, 180, bad, 0), &Options::default());
    }
    let n = u64::from(windows);
    let run = &mut deployment.canary;
    (run.windows, run.requests) = (windows, 20 * n);
    run.counts =
        Counts { canary_requests: 20 * n, stable_requests: 180 * n, canary_bad: bad * n, stable_bad: 0 };
    run.test = serde_json::json!({ "state": state });
    run.reason = format!("{windows} windows compared (E {:.3})", state.errors.e_value());
}

/// A revision that served before.
pub fn kept(n: u32, service: &str, since: Timestamp) -> Kept {
    let deployment = accepted(n, service, since);
    Kept {
        revision: deployment.revision_name(),
        deployment: deployment.id.clone(),
        decision: Some(decision_id(n)),
        commit: Some("0b1c2d3e4f5061728394a5b6c7d8e9f001122334".into()),
        since,
    }
}

/// Came through.
pub fn deployed(n: u32, service: &str, at: Timestamp) -> Deployment {
    let mut deployment = accepted(n, service, at);
    stages(&mut deployment, at, Stage::Shift, false);
    released(&mut deployment);
    deployment.decision = Some(decision_id(n));
    deployment.checks = vec![
        "no secrets in 34 files".into(),
        "health: GET /healthz answered 200 in 3 ms".into(),
        "at 10 %: Passed: 100 requests, none failed (E 0.103, p 1.000)".into(),
    ];
    let ended = deployment.ended_at.unwrap();
    let text = format!("Deployed: {} serves all traffic", deployment.revision_name());
    deployment.step = Step::Rest;
    deployment.canary.index = 2;
    say(&mut deployment, Status::Deployed, 100, ended, &text);
    deployment
}

/// Failed in its build.
pub fn failed(n: u32, service: &str, at: Timestamp) -> Deployment {
    let mut deployment = accepted(n, service, at);
    stages(&mut deployment, at, Stage::Build, false);
    deployment.step = Step::Rest;
    deployment.failure = Some(Failure {
        stage: Stage::Build,
        code: "build_failed".into(),
        message: "`npm ci` ended with exit code 1".into(),
        hint: "Look at the last lines of the build's log, mend that, then deploy again.".into(),
    });
    let ended = deployment.ended_at.unwrap();
    say(&mut deployment, Status::Failed, 100, ended, "`npm ci` ended with exit code 1");
    deployment
}

pub fn service(deployment: &Deployment, kept: Vec<Kept>) -> Service {
    Service {
        schema: SCHEMA,
        tenant: tenant(),
        name: deployment.service.clone(),
        environment: deployment.environment.clone(),
        carried_out_by: CarriedOutBy::Sextant,
        created_at: deployment.created_at,
        updated_at: deployment.updated_at,
        owner: "ann".into(),
        shard: shard(deployment.service.as_str()),
        slot: Slot {
            running: (!deployment.status.at_rest()).then(|| deployment.id.clone()),
            serving: kept.first().cloned(),
            kept,
            url: Some(format!("http://{}.localhost:8081", deployment.service)),
            ..Slot::default()
        },
        measuring: Measuring::default(),
        asking: Asking::default(),
        outbox: vec![],
        next_due: None,
    }
}

fn estimate(base: i64, value: i64, n: u32) -> Estimate {
    Estimate { base, value, low: value * 6 / 10, high: value * 17 / 10, mu: 0, variance: 100_000, n }
}

pub fn decision(n: u32, deployment: &Deployment) -> Decision {
    Decision {
        schema: SCHEMA,
        id: decision_id(n),
        tenant: tenant(),
        created_at: deployment.created_at,
        model_version: "2026-11".into(),
        deployment: Some(deployment.id.clone()),
        service: Some(deployment.service.to_string()),
        class: "node/express".into(),
        plan: Plan { provider: "node".into(), framework: Some("express".into()), ..Plan::default() },
        configuration: Configuration {
            cpu_milli: 1000,
            memory_mib: 512,
            concurrency: 80,
            min_instances: 0,
            max_instances: 10,
            region: "us-central1".into(),
        },
        demand: Demand { requests_month: 300_000, duration_ms: 90 },
        prediction: Prediction {
            cost_month: estimate(2_310_000, 2_810_000, 4),
            cpu: estimate(310_000, 280_000, 4),
            memory: estimate(450_000, 450_000, 0),
            latency: estimate(90_000, 61_000, 4),
        },
        reasons: vec![
            "Apps of class node/express use about 280 MiB; 512 MiB leaves room for peaks.".into(),
            "Four deployment-months of your own cost 22 % more than the model said; this is corrected upward."
                .into(),
        ],
        registration: None,
    }
}

/// The `n`-th window of 5 minutes from `from` on.
pub fn observation(n: u32, deployment: &Deployment, from: Timestamp) -> Observation {
    let from = from.plus(i64::from(n) * 5 * MINUTE_MS);
    let to = from.plus(5 * MINUTE_MS);
    let wave = f64::from(n) / 5.0;
    Observation {
        schema: SCHEMA,
        id: ObservationId::new(format!("obs_{}_{n:010}", deployment.service)).unwrap(),
        tenant: tenant(),
        service: deployment.service.clone(),
        deployment: deployment.id.clone(),
        decision: deployment.decision.clone(),
        window: Window { from, to },
        to,
        collected_at: to,
        source: "machine".into(),
        counts: RevisionWindow {
            requests: (2_000.0 + 900.0 * wave.sin()) as u64,
            ..RevisionWindow::default()
        },
        utilization: Utilization {
            cpu: 210_000 + (60_000.0 * wave.sin()) as i64,
            memory: 480_000 + i64::from(n) * 900,
            latency: 44_000 + (9_000.0 * wave.cos()) as i64,
            error_rate: if n.is_multiple_of(17) { 2_000 } else { 0 },
            cost: 420,
            cost_month: 3_420_000 + i64::from(n) * 4_000,
            requests_month: 310_000,
        },
        cost_estimated: true,
        spent: Some(Spent { month: to.month(), micros: 420 * i64::from(n + 1) }),
    }
}

pub fn feedback(n: u32, deployment: &Deployment, comments: &str) -> Feedback {
    Feedback {
        schema: SCHEMA,
        tenant: tenant(),
        decision: decision_id(n),
        deployment: Some(deployment.id.clone()),
        received_at: deployment.created_at.plus(7 * DAY_MS),
        key: "k1".into(),
        channel: "form".into(),
        kind: FeedbackKind::OverProvisioned,
        satisfaction: 8,
        comments: comments.into(),
        metrics: serde_json::json!({"peak_rps": 40}),
        actual_monthly_cost: Micros::from_usd(3.4),
        currency: Some("USD".into()),
    }
}

pub fn learning(n: u32, deployment: &Deployment, at: Timestamp) -> Learning {
    Learning {
        schema: SCHEMA,
        id: LearningId::new(format!("learn_{n:020}")).unwrap(),
        tenant: tenant(),
        created_at: at,
        decision: decision_id(n),
        deployment: deployment.id.clone(),
        class: "node/express".into(),
        updates_generated: vec!["cost: 2.31 USD → 2.81 USD".into(), "latency: 90 ms → 61 ms".into()],
        impact: "medium".into(),
        explanation: vec![
            "It cost 3.40 USD in a month where 2.31 USD were predicted, so the next prediction for node/express is 22 % higher."
                .into(),
        ],
    }
}
