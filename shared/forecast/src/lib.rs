//! Prices, sizing, the canary test, anomalies and calibration. Arithmetic only: no I/O, no clock, no randomness, and
//! the same input gives the same bits on every machine wherever the result is stored.
//!
//! | module | answers | start at |
//! |---|---|---|
//! | [`price`] | what does a month cost at list price? | [`price::bill`] |
//! | [`size`] | what does such an app need, and what will it cost and use? | [`size::predict`], [`size::reprice`], [`size::legal`] |
//! | [`canary`] | is the new revision worse than the old one? | [`canary::Watch`] for a deployment, [`canary::outlook`] before it, [`canary::State`], [`canary::report`] and [`canary::numeric`] for records |
//! | [`histogram`] | latency in mergeable buckets | [`histogram::Histogram`], [`histogram::slow_counts`] |
//! | [`actual`] | what happened, beside what a decision predicted? | [`actual::actual`], [`actual::compare`] |
//! | [`anomaly`] | is this point unusual? | [`anomaly::Rolling::add`] |
//! | [`recommend`] | all of it, in the documents' own types | [`recommend::recommend`] |
//! | [`calibrate`] | what do past errors say about the next prediction? | [`calibrate::event`], [`calibrate::delta`], [`calibrate::fold`], [`calibrate::correct`], [`calibrate::explain`] |
//!
//! Units: money is integer micro-dollars, shares are millionths, latency is microseconds, logarithms of ratios are
//! integer micro-nats. A field that ends in `_usd` is dollars for a reader, made last.
//!
//! # A canary
//! ```
//! use forecast::canary::{Options, State, Verdict, Window};
//!
//! let options = Options::default();
//! let mut state = State::default();
//! state.add(Window::new(100, 900, 5, 9), &options);
//! assert!((state.errors.e_value() - 14.3653336).abs() < 1e-6);
//! assert_eq!(state.decide(&options, None).verdict, Verdict::Inconclusive);
//! ```
//!
//! # A prediction, an actual, the next prediction
//! ```
//! use forecast::calibrate::{delta, event, fold, recent, Cell, Key, Metric, Month, Recorded};
//! use forecast::size::{predict, reprice, Basis, Demand, Learning, Place};
//! use std::collections::BTreeMap;
//!
//! let (demand, place) = (Demand::default(), Place::default());
//! let first = predict("fastapi", &demand, &place, &Learning::default())?;
//!
//! // A settled month: P again, at the demand that was observed.
//! let observed = Demand { requests_month: 250_000, basis: Basis::Measured, ..demand };
//! let base = reprice("fastapi", first.shape, &observed, &place)?;
//! let y = event(1_100_000, base.cost_month);
//! let month: Month = "2026-11".parse()?;
//! let key = Key { class: "fastapi".into(), metric: Metric::CostMonth, tenant: "ten_1".into(), month };
//! let cell = Cell::default().plus(delta(None, Recorded { revision: 0, y }).unwrap_or_default());
//!
//! let class: BTreeMap<_, _> = fold([(&key, &cell)], month).into_iter().map(|made| (made.metric, made)).collect();
//! let own = [(Metric::CostMonth, recent(&[(month, cell)].into(), month))].into();
//! let next = predict("fastapi", &demand, &place, &Learning { class, own, headroom_milli: None })?;
//! assert!(next.cost_month.mean_micros > first.cost_month.mean_micros);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod actual;
pub mod anomaly;
pub mod calibrate;
pub mod canary;
pub mod histogram;
mod logarithm;
pub mod price;
pub mod recommend;
pub mod size;
