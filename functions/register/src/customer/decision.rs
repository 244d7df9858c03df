//! A decision that somebody else made: its shape and cost are theirs, the rest is what we expect of such an app.

use super::{check::Wanted, specs::Recommended};
use crate::recommend::{default_region, no_price};
use forecast::{
    calibrate::{Cell, MODEL_VERSION, Metric, Predicted, correct},
    size::{self, Base, Basis, Demand, Generation, Learning, Place, Shape},
};
use host::{Context, Error};
use model::{
    TenantId,
    document::{Configuration, Decision, Demand as DemandDocument, Estimate, Prediction, SCHEMA},
    port::target::Plan,
};

/// The decision, not yet linked to a deployment.
pub fn decision(
    ctx: &Context,
    tenant: &TenantId,
    wanted: &Wanted,
    learned: &Learning,
) -> Result<Decision, Error> {
    let recommended = &wanted.recommended;
    let class = wanted.class();
    let region = wanted.region.as_deref().unwrap_or_else(|| default_region(ctx));
    let place = Place { region: region.to_owned(), ..Place::default() };
    let (shape, mut reasons) = shape(class, recommended);
    let demand = demand(recommended);
    let mut base = size::reprice(class, shape, &demand, &place)
        .map_err(|error| no_price(&error, "deployment_region"))?;
    match recommended.cost_month {
        Some(cost) => {
            base.cost_month = cost.0;
            reasons.push(format!("You were promised {cost} a month; that is what the bill is compared with"));
        }
        None => reasons.push(format!("No cost was named; the list price of {region} is assumed")),
    }
    Ok(Decision {
        schema: SCHEMA,
        id: wanted.decision.clone(),
        tenant: tenant.clone(),
        created_at: ctx.now(),
        model_version: MODEL_VERSION.to_owned(),
        deployment: None,
        service: None,
        class: class.to_owned(),
        plan: Plan::default(),
        configuration: configuration(shape, recommended, region),
        demand: DemandDocument {
            requests_month: demand.requests_month,
            duration_ms: size::prior(class).duration_ms,
        },
        prediction: prediction(&base, learned),
        reasons,
        registration: None,
    })
}

fn shape(class: &str, recommended: &Recommended) -> (Shape, Vec<String>) {
    let prior = size::prior(class);
    let asked = Shape {
        cpu_milli: recommended.cpu_milli.unwrap_or(prior.cpu_milli),
        memory_mib: recommended.memory_mib.unwrap_or(prior.memory_mib),
        concurrency: recommended.concurrency.unwrap_or(prior.concurrency),
    };
    let legal = size::legal(asked, Generation::First);
    let mut reasons = vec![format!("Registered by you and compared with services of class {class}")];
    reasons.extend(legal.changes);
    (legal.shape, reasons)
}

fn demand(recommended: &Recommended) -> Demand {
    let assumed = Demand::default();
    Demand {
        requests_month: recommended.requests_month.unwrap_or(assumed.requests_month),
        min_instances: recommended.min_instances.unwrap_or(0),
        basis: if recommended.requests_month.is_some() { Basis::Measured } else { Basis::Assumed },
        ..assumed
    }
}

fn configuration(shape: Shape, recommended: &Recommended, region: &str) -> Configuration {
    let min_instances = recommended.min_instances.unwrap_or(0);
    Configuration {
        cpu_milli: shape.cpu_milli,
        memory_mib: shape.memory_mib,
        concurrency: shape.concurrency,
        min_instances,
        max_instances: recommended.max_instances.unwrap_or(10).max(min_instances),
        region: region.to_owned(),
    }
}

fn prediction(base: &Base, learned: &Learning) -> Prediction {
    let none = Cell::default();
    let of = |metric: Metric| {
        let own = learned.own.get(&metric).unwrap_or(&none);
        estimate(&correct(metric, base.of(metric), learned.class.get(&metric), own))
    };
    Prediction {
        cost_month: of(Metric::CostMonth),
        cpu: of(Metric::CpuUtilization),
        memory: of(Metric::MemoryUtilization),
        latency: of(Metric::LatencyMs),
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
