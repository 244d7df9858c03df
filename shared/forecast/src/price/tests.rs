use super::*;
use proptest::prelude::*;

fn close(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-9, "{left} is not {right}");
}

/// Infracost's worked example of `google_cloud_run_v2_service`: request-based, tier 2.
#[test]
fn published_tier_2_request_based() {
    let made = bill(&Usage {
        region: "europe-west3".into(),
        requests: 500_000,
        duration_ms: 3600.0,
        free_tier: false,
        ..Usage::default()
    })
    .unwrap();
    close(made.vcpu_seconds, 1_800_000.0);
    close(made.gib_seconds, 900_000.0);
    close(made.cpu_usd, 60.48);
    close(made.memory_usd, 3.15);
    close(made.requests_usd, 0.2);
    close(made.total_usd, 63.83);
}

/// The same source: instance-based, tier 2, kept all month.
#[test]
fn published_tier_2_instance_based() {
    let made = bill(&Usage {
        region: "europe-west3".into(),
        billing: Billing::Instance,
        vcpu: 2.0,
        memory_gib: 1.0,
        min_instances: 1,
        free_tier: false,
        ..Usage::default()
    })
    .unwrap();
    close(made.vcpu_seconds, 5_256_000.0);
    close(made.gib_seconds, 2_628_000.0);
    close(made.cpu_usd, 113.5296);
    close(made.memory_usd, 6.3072);
    close(made.requests_usd, 0.0);
}

/// A published calculator swaps the free vCPU-seconds and GiB-seconds (39.36 and 2.05); these are right.
#[test]
fn ten_million_requests_with_the_free_tier_the_right_way_round() {
    let made = bill(&Usage { requests: 10_000_000, duration_ms: 200.0, ..Usage::default() }).unwrap();
    close(made.cpu_usd, 43.68);
    close(made.memory_usd, 1.60);
    close(made.requests_usd, 3.20);
    close(made.total_usd, 48.48);
}

#[test]
fn free_tier_is_worth_tier_1_dollars_in_tier_2() {
    let usage =
        Usage { region: "us-west2".into(), requests: 10_000_000, duration_ms: 200.0, ..Usage::default() };
    let made = bill(&usage).unwrap();
    close(made.cpu_usd, 2_000_000.0 * 0.000_033_6 - 4.32);
    close(made.memory_usd, 1_000_000.0 * 0.000_003_5 - 0.90);
}

#[test]
fn instance_based_free_tier_has_its_own_sizes() {
    let usage = Usage { billing: Billing::Instance, min_instances: 1, ..Usage::default() };
    let made = bill(&usage).unwrap();
    close(made.cpu_usd, 2_628_000.0 * 0.000_018 - 4.32);
    close(made.memory_usd, 1_314_000.0 * 0.000_002 - 0.90);
}

#[test]
fn time_is_billed_in_steps_of_100_ms_and_shared_by_concurrency() {
    let usage = Usage { requests: 1000, duration_ms: 101.0, concurrency: 4, ..Usage::default() };
    close(bill(&usage).unwrap().vcpu_seconds, 50.0);
    let exact = Usage { requests: 1000, duration_ms: 300.0, ..Usage::default() };
    close(bill(&exact).unwrap().vcpu_seconds, 300.0);
}

#[test]
fn idle_minimum_instances_cost_the_idle_rate() {
    let usage = Usage {
        min_instances: 1,
        hours: Some(100.0),
        requests: 3600,
        duration_ms: 1000.0,
        free_tier: false,
        ..Usage::default()
    };
    let made = bill(&usage).unwrap();
    close(made.vcpu_seconds, 360_000.0);
    close(made.cpu_usd, 3600.0 * 0.000_024 + 356_400.0 * 0.000_002_5);
}

#[test]
fn hours_of_instance_based_billing_are_those_of_one_instance_unless_more_are_kept() {
    let usage = Usage { billing: Billing::Instance, hours: Some(10.0), ..Usage::default() };
    close(bill(&usage).unwrap().vcpu_seconds, 36_000.0);
    close(bill(&Usage { min_instances: 3, ..usage.clone() }).unwrap().vcpu_seconds, 108_000.0);
    close(bill(&Usage { hours: None, ..usage.clone() }).unwrap().vcpu_seconds, 0.0);
    close(bill(&Usage { billing: Billing::Request, ..usage }).unwrap().vcpu_seconds, 0.0);
}

#[test]
fn traffic_that_fits_in_the_free_tier_costs_nothing() {
    close(bill(&Usage { requests: 100_000, duration_ms: 200.0, ..Usage::default() }).unwrap().total_usd, 0.0);
}

#[test]
fn an_unknown_region_names_the_nearest() {
    let error = bill(&Usage { region: "europe-west13".into(), ..Usage::default() }).unwrap_err();
    let Error::UnknownRegion { nearest, .. } = &error else { panic!("{error}") };
    assert!(nearest.contains(&"europe-west1") && nearest.len() == 3, "{nearest:?}");
    assert!(error.to_string().contains("europe-west13"));
}

#[test]
fn the_region_table_is_sorted_and_has_no_region_twice() {
    assert!(REGIONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
}

#[test]
fn impossible_input_is_refused_by_name() {
    let base = Usage::default;
    for (field, usage) in [
        ("vcpu", Usage { vcpu: -1.0, ..base() }),
        ("vcpu", Usage { vcpu: 0.0, ..base() }),
        ("memory_gib", Usage { memory_gib: f64::NAN, ..base() }),
        ("duration_ms", Usage { duration_ms: f64::INFINITY, ..base() }),
        ("hours", Usage { hours: Some(-0.1), ..base() }),
        ("hours", Usage { hours: Some(745.0), ..base() }),
        ("concurrency", Usage { concurrency: 0, ..base() }),
        ("concurrency", Usage { concurrency: 1001, ..base() }),
    ] {
        let error = bill(&usage).unwrap_err();
        assert!(matches!(&error, Error::Invalid { field: named, .. } if *named == field), "{field}: {error}");
    }
    assert!("weekly".parse::<Billing>().is_err());
}

#[test]
fn the_json_of_a_bill_has_the_promised_names() {
    let json = serde_json::to_value(bill(&Usage::default()).unwrap()).unwrap();
    let mut names: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    names.sort();
    assert_eq!(names, ["cpu_usd", "gib_seconds", "memory_usd", "requests_usd", "total_usd", "vcpu_seconds"]);
}

proptest! {
    #[test]
    fn more_traffic_never_costs_less_and_parts_add_up(
        requests in 0_u64..100_000_000, more in 0_u64..100_000_000, duration in 0.0_f64..10_000.0,
        concurrency in 1_u32..=1000, region in 0..REGIONS.len(), instance: bool, free_tier: bool, kept in 0_u32..4,
    ) {
        let usage = Usage {
            region: REGIONS[region].0.into(), requests, duration_ms: duration, concurrency, free_tier,
            billing: if instance { Billing::Instance } else { Billing::Request }, min_instances: kept, ..Usage::default()
        };
        let less = bill(&usage).unwrap();
        let greater = bill(&Usage { requests: requests + more, ..usage }).unwrap();
        prop_assert!(greater.requests_usd >= less.requests_usd);
        prop_assert!(greater.gib_seconds >= less.gib_seconds - 1e-6);
        prop_assert!((less.cpu_usd + less.memory_usd + less.requests_usd - less.total_usd).abs() < 1e-6);
        prop_assert!(kept > 0 || greater.total_micros() >= less.total_micros());
    }
}
