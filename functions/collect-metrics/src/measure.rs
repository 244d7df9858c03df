//! One service, one window: observe, price, record.

use crate::utilize::utilization;
use host::{Context, Error, Stored};
use model::{
    ObservationId, Timestamp,
    document::{
        Configuration, Decision, Kept, Observation, Owes, SCHEMA, Service, Spent, decision_path,
        observation_path,
    },
    message::{AboutObservation, Message, kind, topic},
    port::{
        store::{Precondition, StoreError, Write},
        target::{ServiceKey, Window},
    },
    time::MINUTE_MS,
};
use sha2::{Digest, Sha256};

/// A window longer than this is cut: what lies before it is not kept by every target.
const LONGEST_MS: i64 = 60 * MINUTE_MS;
/// A window shorter than this says too little.
const SHORTEST_MS: i64 = 1_000;

/// Measures the time since the service was last measured, and says when it is next due.
pub async fn measure(ctx: &Context, mut found: Stored<Service>) -> Result<(), Error> {
    let service = &mut found.document;
    let Some(serving) = service.slot.serving.clone() else {
        service.measuring.metrics_due = Some(ctx.now().plus(interval_ms(ctx)));
        return save(ctx, found, None).await;
    };
    let window = window(ctx, service);
    if window.to.since(window.from) < SHORTEST_MS {
        service.measuring.metrics_due = Some(ctx.now().plus(SHORTEST_MS));
        return save(ctx, found, None).await;
    }
    service.measuring.metrics_due = Some(ctx.now().plus(interval_ms(ctx)));
    let observation = match observe(ctx, service, &serving, window).await {
        // The target knows nothing of it (a customer's service that isn't confirmed yet): asked again when next due.
        Err(error) if error.kind() == host::Kind::NotFound => return save(ctx, found, None).await,
        result => result?,
    };
    service.measuring.measured_to = window.to;
    service.measuring.spent.clone_from(&observation.spent);
    save(ctx, found, Some(&observation)).await
}

/// From where the last window ended, or the revision that serves began to (or an hour ago, if that is longer ago), to
/// the last moment that has settled.
fn window(ctx: &Context, service: &Service) -> Window {
    let to = ctx.real().plus(-ctx.ports.target.window_policy().lag_ms);
    let from = service.measuring.measured_to.max(to.plus(-LONGEST_MS));
    Window { from: from.min(to), to }
}

async fn observe(
    ctx: &Context,
    service: &Service,
    serving: &Kept,
    window: Window,
) -> Result<Observation, Error> {
    let key = ServiceKey { tenant: service.tenant.clone(), service: service.name.clone() };
    let measured = ctx.ports.target.observe(&key, window).await?;
    let cost = ctx.ports.target.cost(&key, window).await?;
    let counts = measured.revisions.get(&serving.revision).cloned().unwrap_or_default();
    let configuration = configuration(ctx, serving).await?;
    let utilization = utilization(&counts, &cost, configuration.as_ref(), window);
    Ok(Observation {
        schema: SCHEMA,
        id: id(&key, window.from),
        tenant: service.tenant.clone(),
        service: service.name.clone(),
        deployment: serving.deployment.clone(),
        decision: serving.decision.clone(),
        window,
        to: window.to,
        collected_at: ctx.real(),
        source: ctx.ports.target.name().to_owned(),
        counts,
        utilization,
        cost_estimated: cost.estimated,
        spent: Some(Spent::with(service.measuring.spent.as_ref(), window.to, cost.total.0)),
    })
}

/// Derived from where the window begins: a service has one window that begins there.
fn id(service: &ServiceKey, from: Timestamp) -> ObservationId {
    let digest = Sha256::digest(format!("{service}@{}", from.0));
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest[..16]);
    ObservationId::from_random(u128::from_be_bytes(bits))
}

async fn configuration(ctx: &Context, serving: &Kept) -> Result<Option<Configuration>, Error> {
    let Some(id) = &serving.decision else { return Ok(None) };
    let found = ctx.ports.store.get(&decision_path(ctx.tenant()?, id)).await?;
    Ok(found
        .map(|document| document.body.parse::<Decision>())
        .transpose()?
        .map(|decision| decision.configuration))
}

fn recorded(observation: &Observation) -> Message {
    let body = AboutObservation { observation: observation.id.clone(), service: observation.service.clone() };
    Message::new(topic::OBSERVATIONS, kind::OBSERVATION_RECORDED, &observation.tenant, &body)
}

/// Commits what was measured, then publishes what that owes.
async fn save(
    ctx: &Context,
    mut found: Stored<Service>,
    measured: Option<&Observation>,
) -> Result<(), Error> {
    found.document.updated_at = ctx.now();
    let told: Vec<Message> = measured.map(recorded).into_iter().collect();
    for message in &told {
        found.document.owe(message.clone(), ctx.now());
    }
    let mut writes = vec![found.write()?];
    if let Some(measured) = measured {
        let path = observation_path(&measured.tenant, &measured.id);
        writes.push(Write::put(path, Precondition::None, measured)?);
    }
    let versions = match ctx.ports.store.commit(writes).await {
        // Somebody moved the service on: the next minute measures the same window, with what is true then.
        Err(StoreError::Conflict { .. }) => return Ok(()),
        result => result?,
    };
    found.version = versions.first().copied().unwrap_or(found.version);
    found.hand_on(ctx, &told).await;
    Ok(())
}

/// How often a service is measured.
fn interval_ms(ctx: &Context) -> i64 {
    ctx.config.settings.collect_minutes.get() * MINUTE_MS
}
