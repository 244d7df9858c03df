//! From what an app is to a recommendation, in the documents' own types.
//!
//! Invariant: whoever decides (the pipeline, the API, the command line) decides here, so that the same app under
//! the same demand and the same learning gets the same answer.

use crate::{
    calibrate::{Cell, MODEL_VERSION, Metric, Predicted, headroom_milli, recent},
    price,
    size::{self, Asked, Basis, Demand, Learning, Place, Prediction},
};
use model::{
    Timestamp,
    document::calibration::{ClassDocument, OwnDocument},
    document::{
        Configuration, Demand as DemandDocument, Estimate, Prediction as PredictionDocument, RunOptions,
    },
};
use std::collections::BTreeMap;

/// Instances at most, where nobody says.
const MAX_INSTANCES: u32 = 10;

/// What is recommended and why.
#[derive(Debug, Clone)]
pub struct Recommendation {
    /// Which model made it.
    pub model_version: &'static str,
    /// How it is to run.
    pub configuration: Configuration,
    /// Under which traffic.
    pub demand: DemandDocument,
    /// What is expected.
    pub prediction: PredictionDocument,
    /// Why, one sentence each.
    pub reasons: Vec<String>,
}

/// What a decision may know, from the two documents as they were read.
pub fn learning(pool: Option<ClassDocument>, own: Option<&OwnDocument>, now: Timestamp) -> Learning {
    let month = now.month();
    let answers = own.map(|own| own.answers);
    let own: BTreeMap<Metric, Cell> = own
        .map(|own| own.cells.iter().map(|(metric, months)| (*metric, recent(months, month))).collect())
        .unwrap_or_default();
    let measured = own.get(&Metric::MemoryUtilization).map_or(0, |cell| cell.n);
    Learning {
        class: pool.map(|pool| pool.summaries).unwrap_or_default(),
        headroom_milli: answers.map(|answers| headroom_milli(&answers, measured)),
        own,
    }
}

/// Recommends for an app of `class` in `region`. `requests_month` and `duration_ms` are what the caller knows of
/// the demand; what is absent is assumed and said so.
pub fn recommend(
    class: &str,
    requests_month: Option<u64>,
    duration_ms: Option<u32>,
    region: &str,
    learned: &Learning,
) -> Result<Recommendation, price::Error> {
    recommend_as(class, requests_month, duration_ms, region, learned, &RunOptions::default())
}

/// The same where somebody configures how it runs: what `run` says holds, as far as Cloud Run offers it.
pub fn recommend_as(
    class: &str,
    requests_month: Option<u64>,
    duration_ms: Option<u32>,
    region: &str,
    learned: &Learning,
    run: &RunOptions,
) -> Result<Recommendation, price::Error> {
    let assumed = Demand::default();
    let demand = Demand {
        requests_month: requests_month.unwrap_or(assumed.requests_month),
        duration_ms,
        min_instances: run.min_instances.unwrap_or(assumed.min_instances),
        basis: if requests_month.is_some() { Basis::Measured } else { Basis::Assumed },
    };
    let asked = Asked { cpu_milli: run.cpu_milli, memory_mib: run.memory_mib, concurrency: run.concurrency };
    let place = Place { region: region.to_owned(), asked, ..Place::default() };
    let made = size::predict(class, &demand, &place, learned)?;
    Ok(Recommendation {
        model_version: MODEL_VERSION,
        configuration: configuration(&made, run.max_instances),
        demand: DemandDocument {
            requests_month: demand.requests_month,
            duration_ms: duration_ms.unwrap_or_else(|| size::prior(class).duration_ms),
        },
        prediction: PredictionDocument {
            cost_month: estimate(&made.cost_month),
            cpu: estimate(&made.cpu_utilization),
            memory: estimate(&made.memory_utilization),
            latency: estimate(&made.latency),
        },
        reasons: reasons(class, &made),
    })
}

fn configuration(made: &Prediction, max_instances: Option<u32>) -> Configuration {
    Configuration {
        cpu_milli: made.shape.cpu_milli,
        memory_mib: made.shape.memory_mib,
        concurrency: made.shape.concurrency,
        min_instances: made.demand.min_instances,
        max_instances: max_instances.unwrap_or(MAX_INSTANCES).max(made.demand.min_instances),
        region: made.place.region.clone(),
    }
}

fn estimate(predicted: &Predicted) -> Estimate {
    Estimate {
        base: predicted.base_micros,
        value: predicted.mean_micros,
        low: predicted.low_micros,
        high: predicted.high_micros,
        mu: predicted.mu,
        variance: predicted.variance,
        n: predicted.n.clamp(0, i64::from(u32::MAX)) as u32,
    }
}

fn reasons(class: &str, made: &Prediction) -> Vec<String> {
    let shape = made.shape;
    let vcpu = f64::from(shape.cpu_milli) / 1000.0;
    let why = if made.place.asked == Asked::default() {
        format!("are where services of class {class} start")
    } else {
        format!("are what was configured, and for the rest where services of class {class} start")
    };
    let mut reasons = vec![format!(
        "{vcpu} vCPU, {} MiB and {} requests at once {why}",
        shape.memory_mib, shape.concurrency
    )];
    reasons.extend(made.changes.iter().cloned());
    reasons.extend(
        made.parts.iter().map(|part| format!("{}: {} ({})", part.what, part.value, basis(part.basis))),
    );
    reasons.extend(learned_reason(&made.cost_month));
    reasons
}

fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Measured => "measured",
        Basis::Assumed => "assumed",
        Basis::Learned => "learned",
    }
}

/// What learning did to the cost, in words; nothing while nothing was learned.
fn learned_reason(cost: &Predicted) -> Option<String> {
    (cost.mu != 0).then(|| {
        let months = cost.class_n.max(cost.n);
        format!(
            "The price list alone gives {:.2} USD a month; what {months} deployment-month{} really cost makes it {:.2} USD (× {:.2})",
            cost.base_micros as f64 / 1e6,
            if months == 1 { "" } else { "s" },
            cost.mean_micros as f64 / 1e6,
            cost.multiplier()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::event;

    #[test]
    fn what_is_configured_holds() {
        let made = |run: RunOptions| {
            recommend_as("node/express", None, None, "us-central1", &Learning::default(), &run).unwrap()
        };
        let plain = made(RunOptions::default());
        let run = RunOptions {
            memory_mib: Some(2048),
            min_instances: Some(12),
            max_instances: None,
            ..RunOptions::default()
        };
        let asked = made(run);
        let Configuration { cpu_milli, memory_mib, min_instances, max_instances, .. } = asked.configuration;
        assert_eq!((cpu_milli, memory_mib, min_instances, max_instances), (1000, 2048, 12, 12));
        assert!(asked.prediction.cost_month.value > plain.prediction.cost_month.value);
        assert!(asked.reasons[0].contains("configured"), "{:?}", asked.reasons);
        let half = made(RunOptions { cpu_milli: Some(500), ..RunOptions::default() }).configuration;
        assert_eq!((half.cpu_milli, half.concurrency), (500, 1));
        let both = made(RunOptions { cpu_milli: Some(500), concurrency: Some(80), ..RunOptions::default() });
        assert_eq!(both.configuration.cpu_milli, 1000);
        assert!(both.reasons.iter().any(|reason| reason.contains("not offered")), "{:?}", both.reasons);
    }

    #[test]
    fn what_was_learned_moves_the_next_recommendation_and_says_so() {
        let now = Timestamp(1_763_617_260_123);
        let fresh = recommend("node/express", None, None, "us-central1", &Learning::default()).unwrap();
        assert_eq!(fresh.prediction.cost_month.base, fresh.prediction.cost_month.value);
        let paid = fresh.prediction.cost_month.base * 2;
        let cell = Cell::of(event(paid, fresh.prediction.cost_month.base));
        let own = OwnDocument {
            class: "node/express".into(),
            cells: BTreeMap::from([(Metric::CostMonth, BTreeMap::from([(now.month(), cell)]))]),
            ..OwnDocument::default()
        };
        let learned = learning(None, Some(&own), now);
        let next = recommend("node/express", None, None, "us-central1", &learned).unwrap();
        assert!(next.prediction.cost_month.value > fresh.prediction.cost_month.value);
        assert!(next.reasons.iter().any(|reason| reason.contains("deployment-month")), "{:?}", next.reasons);
        let later = learning(None, Some(&own), now.plus(220 * model::time::DAY_MS));
        let forgotten = recommend("node/express", None, None, "us-central1", &later).unwrap();
        assert_eq!(forgotten.prediction.cost_month.value, fresh.prediction.cost_month.value);
    }
}
