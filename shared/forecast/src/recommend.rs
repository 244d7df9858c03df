//! From what an app is to a recommendation, in the documents' own types; and where what was learned is kept.
//!
//! Invariant: whoever decides (the pipeline, the API, the command line) decides here, so that the same app under
//! the same demand and the same learning gets the same answer.

use crate::{
    calibrate::{Answers, Cell, MODEL_VERSION, Metric, Month, Predicted, Summary, headroom_milli, recent},
    price,
    size::{self, Basis, Demand, Learning, Place, Prediction},
};
use model::{
    TenantId, Timestamp,
    document::{Configuration, Demand as DemandDocument, Estimate, Prediction as PredictionDocument},
    port::store::Path,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

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

/// What the whole pool (`pool/CLASS`) learned about a class: summaries by metric, folded on schedule.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassDocument {
    /// Version of this form.
    pub schema: u32,
    /// `node/express`, …
    pub class: String,
    /// By metric.
    pub summaries: BTreeMap<Metric, Summary>,
}

/// What one tenant's own services taught about a class (`tenants/T/calibration/CLASS`): only added to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OwnDocument {
    /// `node/express`, …
    pub class: String,
    /// By metric and month.
    pub cells: BTreeMap<Metric, BTreeMap<Month, Cell>>,
    /// What people said of the size; moves head-room alone.
    pub answers: Answers,
}

/// A class as one segment of a path.
fn segment(class: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '_' };
    class.chars().map(legal).take(60).collect()
}

/// Where the pool's summary of a class is.
pub fn pool_path(class: &str) -> Path {
    Path::new(format!("pool/{}", segment(class)))
}

/// Where a tenant's own cells of a class are.
pub fn own_path(tenant: &TenantId, class: &str) -> Path {
    Path::new(format!("tenants/{tenant}/calibration/{}", segment(class)))
}

/// Where the copy of a tenant's cells is that the pool is folded from; the tenant is not legible in it.
pub fn pool_cells_path(tenant: &TenantId, class: &str) -> Path {
    Path::new(format!("pool_cells/{}-{}", segment(class), pseudonym(tenant)))
}

/// The name that stands for a tenant in the pool: 16 hex digits of SHA-256.
pub fn pseudonym(tenant: &TenantId) -> String {
    hex::encode(&Sha256::digest(format!("pool/{tenant}"))[..8])
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
    let assumed = Demand::default();
    let demand = Demand {
        requests_month: requests_month.unwrap_or(assumed.requests_month),
        duration_ms,
        basis: if requests_month.is_some() { Basis::Measured } else { Basis::Assumed },
        ..assumed
    };
    let place = Place { region: region.to_owned(), ..Place::default() };
    let made = size::predict(class, &demand, &place, learned)?;
    Ok(Recommendation {
        model_version: MODEL_VERSION,
        configuration: configuration(&made),
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

fn configuration(made: &Prediction) -> Configuration {
    Configuration {
        cpu_milli: made.shape.cpu_milli,
        memory_mib: made.shape.memory_mib,
        concurrency: made.shape.concurrency,
        min_instances: made.demand.min_instances,
        max_instances: 10,
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
    let mut reasons = vec![format!(
        "{vcpu} vCPU, {} MiB and {} requests at once are where services of class {class} start",
        shape.memory_mib, shape.concurrency
    )];
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
