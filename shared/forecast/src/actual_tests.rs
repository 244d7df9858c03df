use super::*;
use crate::recommend::recommend;
use crate::size::Learning;
use model::{
    DecisionId, DeploymentId, ObservationId, ServiceName, TenantId,
    document::Utilization,
    port::target::{Plan, RevisionWindow, Window},
};

fn decision() -> Decision {
    let made = recommend("rust/axum", None, None, "us-central1", &Learning::default()).unwrap();
    Decision {
        schema: 1,
        id: DecisionId::new("dec_1").unwrap(),
        tenant: TenantId::new("acme").unwrap(),
        created_at: Timestamp(0),
        model_version: made.model_version.into(),
        deployment: None,
        service: None,
        class: "rust/axum".into(),
        plan: Plan::default(),
        configuration: made.configuration,
        demand: made.demand,
        prediction: made.prediction,
        reasons: vec![],
        registration: None,
    }
}

fn window(minute: i64, requests: u64) -> Observation {
    Observation {
        schema: 1,
        id: ObservationId::from_random(minute as u128),
        tenant: TenantId::new("acme").unwrap(),
        service: ServiceName::new("shop").unwrap(),
        deployment: DeploymentId::new("dep_1").unwrap(),
        decision: None,
        window: Window { from: Timestamp(minute * 60_000), to: Timestamp((minute + 1) * 60_000) },
        to: Timestamp((minute + 1) * 60_000),
        collected_at: Timestamp((minute + 1) * 60_000),
        source: "machine".into(),
        counts: RevisionWindow {
            requests,
            // 14: 198 µs a request.
            latency: vec![(14, requests as u32)],
            cpu_ms: requests / 10,
            instance_ms: 60_000,
            memory_mib: 32,
            ..RevisionWindow::default()
        },
        utilization: Utilization { memory: 250_000, cost: 10, ..Utilization::default() },
        cost_estimated: true,
        spent: None,
    }
}

#[test]
fn windows_become_a_month_in_any_order() {
    let decision = decision();
    let mut windows: Vec<_> = (0..10).map(|minute| window(minute, 10_000)).collect();
    let made = actual(&decision, &windows).unwrap();
    assert_eq!((made.windows, made.covered_ms, made.requests_month), (10, 600_000, Some(432_000_000)));
    assert_eq!(made.values[&Metric::CostMonth], 432_000);
    assert_eq!(made.values[&Metric::MemoryUtilization], 250_000);
    assert_eq!(made.values[&Metric::LatencyMs], 198);
    // 1,000 ms of CPU in 1,980 ms of requests.
    assert_eq!(made.values[&Metric::CpuUtilization], 505_050);
    windows.reverse();
    assert_eq!(actual(&decision, &windows).unwrap(), made);
    assert_eq!(actual(&decision, &[]), None);
}

#[test]
fn what_was_not_measured_is_absent() {
    let mut idle = window(0, 0);
    idle.utilization = Utilization::default();
    let made = actual(&decision(), &[idle]).unwrap();
    assert_eq!((made.requests_month, made.values.len()), (None, 0));
}

#[test]
fn more_traffic_than_assumed_is_no_error_of_the_price() {
    let decision = decision();
    let requests = decision.demand.requests_month * 5;
    let factor = demand_factors(&decision, Some(requests))[&Metric::CostMonth];
    let paid = (decision.prediction.cost_month.base as f64 * factor).round() as i64;
    let values = BTreeMap::from([(Metric::CostMonth, paid)]);
    let made = compare(&decision, &values, Some(requests));
    assert!(factor > 4.0 && made[0].y.abs() < 100, "{made:?}");
    let naive = compare(&decision, &values, None);
    assert!(naive[0].y > 1_000_000, "{naive:?}");
    assert_eq!(naive[0].promised, naive[0].predicted);
}
