use super::*;
use proptest::prelude::*;

fn run(windows: &[Window]) -> Report {
    report(windows, &Options::default())
}

#[test]
fn first_published_vector() {
    let made = run(&[Window::new(100, 900, 5, 9)]);
    assert!((made.e_value - 14.365_333_6).abs() < 1e-7, "{}", made.e_value);
    assert!((made.p_value - 1.0 / 14.365_333_6).abs() < 1e-9);
    assert_eq!(made.verdict, Verdict::Inconclusive);
}

#[test]
fn second_published_vector_is_a_pass() {
    let made = run(&[Window::new(100, 900, 1, 9); 10]);
    assert!((made.e_value - 0.102_706_7).abs() < 1e-7, "{}", made.e_value);
    assert!((made.p_value - 1.0).abs() < f64::EPSILON);
    assert_eq!(made.verdict, Verdict::Pass, "{}", made.reason);
    assert_eq!(made.per_minute.len(), 10);
}

#[test]
fn no_data_is_never_a_pass() {
    for windows in [
        vec![],
        vec![Window::default(); 100],
        vec![Window::new(0, 900, 0, 9); 100],
        vec![Window::new(1000, 0, 0, 0); 100],
    ] {
        let made = run(&windows);
        assert_eq!(made.verdict, Verdict::Inconclusive, "{windows:?}");
        assert!((made.e_value - 1.0).abs() < f64::EPSILON);
    }
}

#[test]
fn a_one_sided_window_adds_nothing() {
    let both = run(&[Window::new(100, 900, 5, 9)]);
    let more = run(&[Window::new(100, 900, 5, 9), Window::new(50, 0, 50, 0), Window::new(0, 900, 0, 100)]);
    assert_eq!(both.e_value.to_bits(), more.e_value.to_bits());
}

#[test]
fn a_clearly_worse_canary_fails_and_stays_failed() {
    let mut windows = vec![Window::new(100, 900, 20, 5); 3];
    windows.extend(vec![Window::new(1000, 1000, 0, 50); 200]);
    let made = run(&windows);
    assert_eq!(made.verdict, Verdict::Fail);
    assert!(made.reason.starts_with("failed at minute 1:"), "{}", made.reason);
    assert!(made.p_value < 0.01 && made.e_value < 1.0);
}

#[test]
fn evidence_beyond_what_a_float_holds_stays_finite() {
    let made = run(&[Window::new(1_000_000, 1_000_000, 900_000, 10); 50]);
    assert!(made.e_value.is_finite() && made.e_value > 1e300);
    assert!(made.p_value >= 0.0 && made.p_value < 1e-300);
    let better = run(&[Window::new(1_000_000, 1_000_000, 0, 900_000); 50]);
    assert!(better.e_value >= 0.0 && better.verdict == Verdict::Pass);
}

#[test]
fn significance_alone_does_not_fail_a_release() {
    // 30 % worse for a very long time: E grows, but the ratio stays under 1.5.
    let made = run(&[Window::new(1_000_000, 1_000_000, 13_000, 10_000); 30]);
    assert!(made.p_value < 0.01);
    assert_eq!(made.verdict, Verdict::Pass, "{}", made.reason);
}

#[test]
fn a_bad_hour_during_a_change_of_weight_is_not_held_against_the_canary() {
    let mut windows = vec![Window::new(100, 900, 0, 4); 15];
    windows.extend(vec![Window::new(500, 500, 25, 25); 15]);
    let made = run(&windows);
    assert_eq!(made.verdict, Verdict::Pass, "{}", made.reason);
}

/// Given how many requests were bad, which side they fell on is a coin with the split's odds if nothing changed; the
/// mean of E over those coins must be exactly 1, or α means nothing.
#[test]
fn the_e_value_is_fair_when_nothing_changed() {
    for (canary, stable, bad) in [(100_u64, 900_u64, 8_i32), (500, 500, 12), (7, 3, 3)] {
        let share = canary as f64 / (canary + stable) as f64;
        let mut choose = 1.0;
        let mut mean = 0.0;
        for on_canary in 0..=bad {
            let chance = choose * share.powi(on_canary) * (1.0 - share).powi(bad - on_canary);
            let mut test = Test::default();
            test.add(
                Window::new(canary, stable, on_canary as u64, (bad - on_canary) as u64),
                Dispersion::Independent,
            );
            mean += chance * test.e_value();
            choose = choose * f64::from(bad - on_canary) / f64::from(on_canary + 1);
        }
        assert!((mean - 1.0).abs() < 1e-6, "{canary}:{stable}, {bad} bad: {mean}");
    }
}

#[test]
fn sparse_windows_are_judged_once_both_sides_have_requests() {
    let options = Options { merge_sparse: true, ..Options::default() };
    let (mut sparse, mut whole) = (State::default(), State::default());
    for _ in 0..20 {
        sparse.add(Window::new(0, 9, 0, 0), &options);
        sparse.add(Window::new(4, 0, 3, 0), &options);
        whole.add(Window::new(4, 9, 3, 0), &options);
    }
    assert_eq!(sparse.errors, whole.errors);
    assert_eq!(sparse.decide(&options, None).verdict, Verdict::Fail);
    let mut lost = State::default();
    for _ in 0..40 {
        lost.add(Window::new(4, 0, 4, 0), &Options::default());
    }
    lost.add(Window::new(1, 9, 0, 0), &Options::default());
    let decision = lost.decide(&Options::default(), None);
    assert_eq!(
        decision.verdict,
        Verdict::Inconclusive,
        "what could not be compared is no evidence for a pass"
    );
}

#[test]
fn guards_and_unreadable_metrics_come_before_statistics() {
    let options = Options::default();
    let mut state = State::default();
    for _ in 0..10 {
        state.add(Window::new(100, 900, 1, 9), &options);
    }
    assert_eq!(state.decide(&options, None).verdict, Verdict::Pass);
    assert_eq!(state.decide(&options, Some(Guard::CrashLoop)).verdict, Verdict::Fail);
    for _ in 0..3 {
        state.add_unreadable();
    }
    assert_eq!(state.decide(&options, None).verdict, Verdict::Pass);
    state.add_unreadable();
    assert_eq!(state.decide(&options, None).verdict, Verdict::Error);
    state.add(Window::new(100, 900, 1, 9), &options);
    assert_eq!(state.decide(&options, None).verdict, Verdict::Pass);
}

#[test]
fn a_new_weight_bakes_again_and_keeps_the_evidence() {
    let options = Options::default();
    let mut state = State::default();
    for _ in 0..5 {
        state.add(Window::new(100, 900, 1, 9), &options);
    }
    let before = state.errors;
    state.next_stage();
    assert_eq!(state.errors, before);
    assert_eq!(state.decide(&options, None).verdict, Verdict::Inconclusive);
}

/// What came to one side alone just before the weight changed is evidence all the same, but not of the new weight.
#[test]
fn one_sided_windows_wait_for_the_other_side_over_a_change_of_weight() {
    let options = Options { merge_sparse: true, ..Options::default() };
    let mut state = State::default();
    state.add(Window::new(3, 0, 3, 0), &options);
    state.next_stage();
    state.add(Window::new(5, 0, 0, 0), &options);
    state.add(Window::new(10, 10, 0, 0), &options);
    assert_eq!((state.errors.canary_requests, state.errors.canary_bad), (18, 3));
    assert_eq!(state.stage_canary_requests, 15);
}

#[test]
fn a_weight_tells_how_many_windows_it_really_waits_for() {
    let options = Options { bake_windows: 15, ..Options::default() };
    let mut state = State::default();
    state.add(Window::new(3_000, 27_000, 150, 1_350), &options);
    let reason = state.decide(&options, None).reason;
    assert!(reason.contains("1 of 5 windows at this weight have passed"), "{reason}");
}

#[test]
fn slow_requests_fail_by_their_own_alpha() {
    let options = Options::default();
    let mut state = State::default();
    for _ in 0..5 {
        state.add(Window::new(100, 900, 1, 9), &options);
        let p95 = Longer { canary_micros: 400_000, stable_micros: 200_000, bucket_millionths: 1_050_000 };
        state.add_latency(Window::new(100, 900, 30, 45), p95, &options);
    }
    let decision = state.decide(&options, None);
    assert_eq!(decision.verdict, Verdict::Fail);
    assert!(
        decision
            .reason
            .starts_with("95 % of requests to it take up to 400 ms, to the last good revision 200 ms")
    );
    assert!(decision.e_value_latency >= 200.0);
}

#[test]
fn a_burst_needs_a_well_stable_side() {
    assert!(Window::new(20, 100, 10, 1).is_burst());
    assert!(!Window::new(19, 100, 19, 1).is_burst());
    assert!(!Window::new(20, 100, 20, 50).is_burst());
}

#[test]
fn the_state_survives_json() {
    let options = Options { dispersion: Dispersion::Estimated, ..Options::default() };
    let mut state = State::default();
    state.learn_stable(1000, 5);
    state.add(Window::new(100, 900, 5, 9), &options);
    let json = serde_json::to_string(&state).unwrap();
    assert!(json.len() < 3500, "{}", json.len());
    assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state);
}

#[test]
fn csv_in_any_column_order_with_the_usual_dirt() {
    let text = "\u{feff}stable_bad, canary_bad ,minute,\"stable_requests\",canary_requests\r\n9,5,1,900,100\r\n\r\n 9 ,\"1\",2,900,100\n";
    assert_eq!(parse_csv(text).unwrap(), [Window::new(100, 900, 5, 9), Window::new(100, 900, 1, 9)]);
}

#[test]
fn csv_without_names_is_in_the_usual_order() {
    assert_eq!(parse_csv("100,900,5,9\n100,900,1,9\n").unwrap().len(), 2);
    let error = parse_csv("100,900,5,9\n100,900,101,9\n").unwrap_err().to_string();
    assert!(error.starts_with("line 2, column `canary_bad`"), "{error}");
}

#[test]
fn csv_errors_name_line_and_column() {
    let head = "canary_requests,stable_requests,canary_bad,stable_bad\n";
    assert_eq!(parse_csv(" \n"), Err(CsvError::Empty));
    assert_eq!(parse_csv("1,2,3\n"), Err(CsvError::MissingColumn("canary_requests")));
    assert_eq!(
        parse_csv("canary_requests,stable_requests,canary_bad\n"),
        Err(CsvError::MissingColumn("stable_bad"))
    );
    for (row, wanted) in [
        ("1,2,0,0\n1,2,0\n", "line 3: 3 values where the first line names 4 columns"),
        ("1,2,0,-1\n", "line 2, column `stable_bad`: `-1` is not a whole number"),
        ("1,2.5,0,0\n", "line 2, column `stable_requests`: `2.5`"),
        ("1,2,2,0\n", "line 2, column `canary_bad`: 2 bad of 1 requests"),
    ] {
        let error = parse_csv(&format!("{head}{row}")).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error}");
    }
    assert_eq!(parse_csv(head).unwrap(), []);
}

proptest! {
    #[test]
    fn any_counts_give_finite_numbers_in_range(rows in prop::collection::vec((0_u64..1 << 40, 0_u64..1 << 40, 0_u64..1 << 41, 0_u64..1 << 41), 0..40)) {
        let windows: Vec<_> = rows.iter().map(|(nc, ns, xc, xs)| Window::new(*nc, *ns, *xc, *xs)).collect();
        let made = report(&windows, &Options { dispersion: Dispersion::Estimated, ..Options::default() });
        prop_assert!(made.e_value.is_finite() && made.e_value >= 0.0);
        prop_assert!((0.0..=1.0).contains(&made.p_value));
        prop_assert!(made.verdict != Verdict::Pass || windows.iter().any(Window::has_both_sides));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "(canary_requests,stable_requests,canary_bad,stable_bad\n)?[0-9,\\-\n\" a-z]{0,80}") {
        let _ = parse_csv(&text);
    }
}

#[test]
fn strong_evidence_against_it_is_no_pass_though_it_is_no_fail_yet() {
    let options = Options {
        bake_windows: 1,
        minimum_requests: 20,
        dispersion: Dispersion::Fixed(5.0),
        ..Options::default()
    };
    let mut state = State::default();
    state.add(Window::new(46, 54, 27, 0), &options);
    let e = state.errors.e_value();
    assert!((SUSPICION..100.0).contains(&e), "{e}");
    let decision = state.decide(&options, None);
    assert_eq!(decision.verdict, Verdict::Inconclusive, "{}", decision.reason);
    assert!(decision.reason.contains("too few to be sure"), "{}", decision.reason);
}

/// What let two bad releases pass in November 2026.
#[test]
fn more_errors_than_stable_explains_are_never_a_pass() {
    let estimated = Options { dispersion: Dispersion::Estimated, ..Options::default() };
    for options in [Options::default(), estimated] {
        for (windows, why) in [
            (vec![Window::new(5, 10, 0, 0); 1], "too little"),
            (vec![Window::new(6, 12, 3, 0), Window::new(24, 49, 16, 0)], "19 in 30 against 0 in 61"),
        ] {
            let mut state = State::default();
            for window in windows.iter().chain(&[Window::new(0, 30, 0, 0); 6]) {
                state.add(*window, &options);
            }
            assert_ne!(state.decide(&options, None).verdict, Verdict::Pass, "{why}");
        }
    }
}

#[test]
fn four_bad_against_none_over_six_equal_windows_are_inconclusive() {
    let mut windows = [Window::new(100, 100, 0, 0); 6];
    windows[..4].iter_mut().for_each(|window| window.canary_bad = 1);
    let made = run(&windows);
    assert_eq!(made.verdict, Verdict::Inconclusive, "{}", made.reason);
    assert!(made.reason.starts_with("4 of 600 requests to it failed, none of 600"), "{}", made.reason);
    windows[0].canary_bad = 0;
    assert_eq!(run(&windows).verdict, Verdict::Pass, "3 against none is p = 0.125");
}

#[test]
fn a_pass_states_its_bounds_and_its_power() {
    let options = Options::default();
    let mut state = State::default();
    for _ in 0..10 {
        state.add(Window::new(100, 900, 1, 9), &options);
    }
    let decision = state.decide(&options, None);
    assert_eq!(decision.verdict, Verdict::Pass, "{}", decision.reason);
    assert!((0.01..0.04).contains(&decision.rate_at_most), "{}", decision.rate_at_most);
    assert_eq!(decision.ratio_at_most, Some(3.0));
    assert!(decision.power >= 0.9 && (decision.catch_rate - 0.1).abs() < 1e-9, "{decision:?}");
    let told = "10 of 1000 requests to it failed, 90 of 9000 to the last good revision. It fails at most";
    assert!(decision.reason.starts_with(told), "{}", decision.reason);
    assert!(
        decision.reason.contains("one that fails 10 % would have been stopped by now"),
        "{}",
        decision.reason
    );
}

#[test]
fn a_weight_is_held_until_it_could_have_seen_what_the_policy_asks_for() {
    let options = Options { minimum_requests: 1, ..Options::default() };
    let mut state = State::default();
    for window in 1..=60 {
        state.add(Window::new(1, 9, 0, 0), &options);
        let decision = state.decide(&options, None);
        // 0.95 to the power of 45 is just below a tenth.
        assert_eq!(decision.verdict == Verdict::Pass, window >= 45, "{window}: {}", decision.reason);
    }
}

#[test]
fn neighbours_tell_clusters_from_wandering_and_from_incidents() {
    let phi = |windows: &[(u64, u64)]| {
        let mut test = Test::default();
        for (requests, bad) in windows {
            test.learn(*requests, *bad);
        }
        test.add(Window::new(60, 540, 0, 3), Dispersion::Estimated);
        test.phi()
    };
    let even: Vec<_> = (0..60).map(|at| (600, 3 + at % 2)).collect();
    let wandering: Vec<_> = (0..60).map(|at| (600, 3 + at / 2)).collect();
    let fives: Vec<_> = (0..60).map(|at| (600, if at % 3 == 0 { 5 } else { 0 })).collect();
    let mut incident = even.clone();
    incident[30..33].fill((600, 180));
    let mut minute = even.clone();
    minute[30] = (600, 180);
    assert!(phi(&even) < 1.2, "{}", phi(&even));
    assert!(phi(&wandering) < 1.2, "an hour that gets worse is no cluster: {}", phi(&wandering));
    assert!((4.0..8.0).contains(&phi(&fives)), "{}", phi(&fives));
    assert!(phi(&incident) < 1.2, "{}", phi(&incident));
    assert!(phi(&minute) < 1.2, "{}", phi(&minute));
}

#[test]
fn errors_spread_over_the_canarys_windows_are_no_cluster_though_stable_has_none() {
    let options = Options { dispersion: Dispersion::Estimated, ..Options::default() };
    let after = |bad: [u64; 10]| {
        let mut state = State::default();
        (0..60).for_each(|_| state.learn_stable(60, 0));
        for bad in bad {
            state.add(Window::new(6, 54, bad, 0), &options);
        }
        state.decide(&options, None)
    };
    let (spread, heap) = (after([1, 0, 1, 0, 1, 0, 1, 0, 0, 0]), after([0, 0, 0, 0, 4, 0, 0, 0, 0, 0]));
    assert_eq!(spread.verdict, Verdict::Fail, "{}", spread.reason);
    assert_eq!(heap.verdict, Verdict::Inconclusive, "{}", heap.reason);
}

#[test]
fn a_small_difference_of_latency_is_no_regression() {
    let options = Options::default();
    let verdict = |canary_micros, stable_micros| {
        let mut state = State::default();
        let p95 = Longer { canary_micros, stable_micros, bucket_millionths: 1_050_000 };
        for _ in 0..10 {
            state.add(Window::new(100, 900, 1, 9), &options);
            state.add_latency(Window::new(100, 900, 90, 45), p95, &options);
        }
        state.decide(&options, None).verdict
    };
    assert_eq!(verdict(360, 300), Verdict::Pass, "0.06 ms");
    assert_eq!(verdict(120_000, 100_000), Verdict::Pass, "1.2 times");
    assert_eq!(verdict(200_000, 100_000), Verdict::Fail);
}
