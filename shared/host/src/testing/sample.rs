//! A service that serves, with its decision and deployment.

use super::{START, World};
use model::{
    DecisionId, DeploymentId, ObservationId, ServiceName, TenantId, Timestamp,
    deployment::{At, Request, accept},
    document::{
        Asking, CanaryPolicy, CarriedOutBy, Configuration, Decision, Demand, Deployment, Estimate, Kept,
        Limits, Measuring, Member, Observation, Prediction, RunOptions, SCHEMA, ScanPolicy, Service, Slot,
        Status, Step, Strategy, Utilization, VariableVersions, decision_path, deployment_path, member_path,
        observation_path, service_path, shard,
    },
    port::{
        store::{Path, Precondition, Write},
        target::{Plan, RevisionWindow, Window, WindowPolicy},
    },
    time::{DAY_MS, MINUTE_MS},
};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::BTreeMap;

/// The tenant that samples belong to.
pub fn acme() -> TenantId {
    TenantId::new("acme").unwrap_or_else(|_| unreachable!("a legal name"))
}

/// The service that samples are about.
pub fn shop() -> ServiceName {
    ServiceName::new("shop").unwrap_or_else(|_| unreachable!("a legal name"))
}

/// A deployment's id.
pub fn deployment_id(number: u32) -> DeploymentId {
    DeploymentId::new(format!("dep_{number}")).unwrap_or_else(|_| unreachable!("a legal id"))
}

/// A decision's id.
pub fn decision_id(number: u32) -> DecisionId {
    DecisionId::new(format!("dec_{number}")).unwrap_or_else(|_| unreachable!("a legal id"))
}

/// The decision that deployment `number` carries out.
pub fn decision(number: u32) -> Decision {
    let estimate = |base: i64| Estimate {
        base,
        value: base,
        low: base / 3,
        high: base * 3,
        mu: 0,
        variance: 540_000,
        n: 0,
    };
    Decision {
        schema: SCHEMA,
        id: decision_id(number),
        tenant: acme(),
        created_at: START,
        model_version: "calibrate-1".into(),
        deployment: Some(deployment_id(number)),
        service: Some(shop().to_string()),
        class: "rust/axum".into(),
        plan: Plan::default(),
        configuration: Configuration {
            cpu_milli: 1000,
            memory_mib: 128,
            concurrency: 300,
            min_instances: 0,
            max_instances: 10,
            region: "us-central1".into(),
        },
        demand: Demand { requests_month: 100_000, duration_ms: 15 },
        prediction: Prediction {
            cost_month: estimate(283_125),
            cpu: estimate(133_333),
            memory: estimate(195_313),
            latency: estimate(15_000),
        },
        reasons: vec![],
        registration: None,
    }
}

/// A deployment that serves.
pub fn deployment(number: u32) -> Deployment {
    let request = Request {
        id: deployment_id(number),
        tenant: acme(),
        service: shop(),
        environment: "production".into(),
        carried_out_by: CarriedOutBy::Sextant,
        requested_by: "ann".into(),
        source: None,
        source_token: None,
        strategy: Strategy::default(),
        policy: CanaryPolicy::default(),
        limits: Limits::default(),
        allow: vec![],
        scan: ScanPolicy::default(),
        run: RunOptions::default(),
        may_lack: false,
        variables: BTreeMap::new(),
        secrets: BTreeMap::new(),
        versions: VariableVersions::default(),
        again: None,
    };
    let at = At {
        now: START,
        real: START,
        owner: "test",
        alone: true,
        can_act: false,
        window: WindowPolicy::MACHINE,
    };
    let mut made = accept(request, true, None, &at);
    made.status = Status::Deployed;
    made.step = Step::Rest;
    made.ended_at = Some(START);
    made.decision = Some(decision_id(number));
    made.outbox.clear();
    made.next_due = None;
    made
}

/// The revision of deployment `number` as the service keeps it.
pub fn kept(number: u32, since: Timestamp) -> Kept {
    Kept {
        revision: deployment(number).revision_name(),
        deployment: deployment_id(number),
        decision: Some(decision_id(number)),
        commit: None,
        since,
    }
}

/// A service on which deployment 1 has served since [`START`].
pub fn service() -> Service {
    let mut made = Service {
        schema: SCHEMA,
        tenant: acme(),
        name: shop(),
        environment: "production".into(),
        carried_out_by: CarriedOutBy::Sextant,
        created_at: START,
        updated_at: START,
        owner: "ann".into(),
        shard: shard("shop"),
        slot: Slot::default(),
        measuring: Measuring {
            metrics_due: Some(START.plus(MINUTE_MS)),
            measured_to: START,
            ..Measuring::default()
        },
        asking: Asking { ask_due: Some(START.plus(7 * DAY_MS)), question: None },
        outbox: vec![],
        next_due: None,
    };
    made.serve(kept(1, START));
    made
}

/// A window of deployment `deployment`, `minute` minutes after [`START`]: `requests` of them, at `cost` micro-dollars.
pub fn observation(deployment: u32, minute: i64, requests: u64, cost: i64) -> Observation {
    let window = Window { from: START.plus(minute * MINUTE_MS), to: START.plus((minute + 1) * MINUTE_MS) };
    let month = |value: i64| value * 43_200;
    Observation {
        schema: SCHEMA,
        id: ObservationId::from_random((u128::from(deployment) << 64) + minute as u128),
        tenant: acme(),
        service: shop(),
        deployment: deployment_id(deployment),
        decision: Some(decision_id(deployment)),
        window,
        to: window.to,
        collected_at: window.to,
        source: "machine".into(),
        counts: RevisionWindow {
            requests,
            latency: vec![(14, requests as u32)],
            cpu_ms: requests / 10,
            memory_mib: 32,
            instance_ms: 60_000,
            ..RevisionWindow::default()
        },
        utilization: Utilization {
            cpu: (requests as i64) * 10 / 6,
            memory: 250_000,
            latency: 198,
            error_rate: 0,
            cost,
            cost_month: month(cost),
            requests_month: month(requests as i64),
        },
        cost_estimated: true,
        spent: None,
    }
}

impl World {
    /// Puts a document, whatever was there.
    pub async fn put<T: Serialize>(&self, path: Path, document: &T) {
        let write = Write::put(path, Precondition::None, document);
        let stored = match write {
            Ok(write) => self.store().commit(vec![write]).await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(stored.is_ok(), "{stored:?}");
    }

    /// Reads a document.
    pub async fn read<T: DeserializeOwned>(&self, path: &Path) -> Option<T> {
        let found = self.store().get(path).await.unwrap_or_default()?;
        let parsed = found.body.parse();
        assert!(parsed.is_ok(), "{found:?}");
        parsed.ok()
    }

    /// Stores a service with decision and deployment 1, and its owner, whose address is verified.
    pub async fn with_service(&self) {
        self.put(service_path(&acme(), &shop()), &service()).await;
        self.with_deployment(1).await;
        let owner =
            Member { schema: SCHEMA, user: "ann".into(), email: "ann@example.com".into(), verified: true };
        self.put(member_path(&acme(), "ann"), &owner).await;
    }

    /// Stores a deployment and its decision.
    pub async fn with_deployment(&self, number: u32) {
        self.put(decision_path(&acme(), &decision_id(number)), &decision(number)).await;
        self.put(deployment_path(&acme(), &deployment_id(number)), &deployment(number)).await;
    }

    /// Stores an observation.
    pub async fn observed(&self, observation: &Observation) {
        self.put(observation_path(&observation.tenant, &observation.id), observation).await;
    }
}
