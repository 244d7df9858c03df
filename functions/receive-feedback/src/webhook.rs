//! `POST /api/v1/metrics/webhook/{decision_id}`: measurements of a service that the customer runs.

use crate::{
    arrival::{self, Taken},
    link, measurement,
    secret::{self, Shown},
};
use host::{Context, Error, Request, Response, Stored};
use model::{
    DecisionId, ObservationId, ServiceName, Timestamp,
    document::{Decision, Observation, Owes, SCHEMA, Service, observation_path, service_path},
    message::{AboutObservation, Message, kind, topic},
    port::store::{Path, Precondition, Write},
};
use serde::Serialize;
use serde_json::{Map, Value};

/// What became of a measurement.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct MeasurementTaken {
    /// The same for the same decision and window: a repeat replaces it.
    pub observation_id: String,
    /// First moment of the window.
    pub from: String,
    /// First moment after it.
    pub to: String,
    /// What could not be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Receives a measurement.
pub async fn receive(ctx: Context, request: Request) -> Result<Response, Error> {
    let id: DecisionId = request.id("decision_id")?;
    let Shown { decision, message: sent } = secret::decision(&ctx, &request, &id).await?;
    let ctx = ctx.with_tenant(decision.tenant.clone());
    let measured = measurement::read(&request.json::<Map<String, Value>>()?, ctx.real())?;
    let (note, seen) = (measured.note.clone(), observation(&ctx, &decision, measured)?);
    ctx.about(&seen.deployment);
    let body = AboutObservation { observation: seen.id.clone(), service: seen.service.clone() };
    let message =
        ctx.traced(Message::new(topic::OBSERVATIONS, kind::OBSERVATION_RECORDED, &seen.tenant, &body));
    let path = service_path(&seen.tenant, &seen.service);
    let stored = ctx.retrying(|| store(&ctx, &path, &seen, sent.as_deref(), &message)).await?;
    match stored {
        Ok(mut service) => service.hand_on(&ctx, &[message]).await,
        Err(before) => return repeated(&ctx, &before).await,
    }
    let taken = MeasurementTaken {
        observation_id: seen.id.to_string(),
        from: seen.window.from.rfc3339(),
        to: seen.window.to.rfc3339(),
        note,
    };
    Ok(Response::json(202, &taken))
}

fn observation(
    ctx: &Context,
    decision: &Decision,
    measured: measurement::Measurement,
) -> Result<Observation, Error> {
    let service = decision.service.as_ref().and_then(|name| ServiceName::new(name).ok());
    let (service, deployment) = service.zip(decision.deployment.clone()).ok_or_else(|| {
        Error::conflict(format!(
            "No deployment carries out decision `{}` yet. Nothing was stored; register it first.",
            decision.id
        ))
        .slug("not-carried-out")
    })?;
    Ok(Observation {
        schema: SCHEMA,
        id: observation_id(decision, &measured),
        tenant: decision.tenant.clone(),
        service,
        deployment,
        decision: Some(decision.id.clone()),
        window: measured.window,
        to: measured.window.to,
        collected_at: ctx.real(),
        source: "webhook".to_owned(),
        counts: measured.counts,
        utilization: measured.utilization,
        cost_estimated: false,
        spent: None,
    })
}

/// Derived from decision and window.
fn observation_id(decision: &Decision, measured: &measurement::Measurement) -> ObservationId {
    let (tenant, id, window) = (&decision.tenant, &decision.id, measured.window);
    let digest = link::hash(&format!("webhook\n{tenant}\n{id}\n{}\n{}", window.from.0, window.to.0));
    ObservationId::from_random(u128::from_str_radix(&digest[..32], 16).unwrap_or_default())
}

/// The answer to a message that was taken before: what it became, and nothing more happens.
async fn repeated(ctx: &Context, id: &ObservationId) -> Result<Response, Error> {
    let found = ctx.ports.store.get(&observation_path(ctx.tenant()?, id)).await?;
    let seen: Option<Observation> = found.map(|found| found.body.parse()).transpose()?;
    let moment = |of: fn(&Observation) -> Timestamp| seen.as_ref().map(|seen| of(seen).rfc3339());
    let taken = MeasurementTaken {
        observation_id: id.to_string(),
        from: moment(|seen| seen.window.from).unwrap_or_default(),
        to: moment(|seen| seen.window.to).unwrap_or_default(),
        note: Some("This message was taken before; nothing was changed.".to_owned()),
    };
    Ok(Response::json(200, &taken))
}

/// Keeps a measurement; `Err` names what the same message became when it came before.
async fn store(
    ctx: &Context,
    path: &Path,
    seen: &Observation,
    sent: Option<&str>,
    message: &Message,
) -> Result<Result<Stored<Service>, ObservationId>, Error> {
    let mut found = ctx.read::<Service>(path).await?.ok_or_else(|| {
        Error::not_found(format!("There is no service `{}` any more. Nothing was stored.", seen.service))
    })?;
    let service = &mut found.document;
    if let Taken::Before(known) = arrival::take(&mut service.measuring.arrivals, sent, &seen.id, ctx.real())?
    {
        return Ok(Err(known));
    }
    service.owe(message.clone(), ctx.now());
    service.updated_at = ctx.now();
    let writes =
        vec![found.write()?, Write::put(observation_path(&seen.tenant, &seen.id), Precondition::None, seen)?];
    let versions = ctx.ports.store.commit(writes).await?;
    found.version = versions.first().copied().unwrap_or(found.version);
    Ok(Ok(found))
}
