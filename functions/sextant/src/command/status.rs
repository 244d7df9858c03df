//! `sextant status [ID|SERVICE]`: one deployment in full, or every service in a line.

use super::{
    client::{Api, encoded},
    list::moment,
    output::{Output, evidence, pairs, table},
    report::{differs, new_lines, report},
    view::{Deployment, Service},
};
use crate::failure::{Ended, Stop};
use anyhow::Result;
use clap::Args;
use model::text::visible;
use serde_json::{Value, json};

/// The deployment that is shown; every service without one.
#[derive(Args)]
pub struct Status {
    /// A deployment's or a decision's id, or a service's name; every service if absent.
    pub what: Option<String>,
}

impl Status {
    /// Asks and shows.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let Some(what) = self.what else { return services(api, output).await };
        let id = resolve(api, &what).await?;
        let value: Value = api.get(&format!("/api/v1/deployments/{id}")).await?;
        let deployment: Deployment = serde_json::from_value(value.clone()).unwrap_or_default();
        output.data(&value, || text(&deployment));
        Ok(Ended::Done)
    }
}

/// The deployment that a word means: an id, or the one of a service that runs, or else serves, or else is newest.
pub async fn resolve(api: &Api, what: &str) -> Result<String> {
    if what.starts_with("dep_") || what.starts_with("dec_") {
        return Ok(what.to_owned());
    }
    let service: Service = api.get(&format!("/api/v1/services/{}", encoded(what))).await?;
    if let Some(id) = service.running.or(service.serving.map(|kept| kept.deployment_id)) {
        return Ok(id);
    }
    let newest: Value = api.get(&format!("/api/v1/deployments?limit=1&service={}", encoded(what))).await?;
    newest["deployments"][0]["deployment_id"].as_str().map(str::to_owned).ok_or_else(|| {
        let detail = format!("Nothing of `{what}` was ever deployed. See `sextant list`.");
        Stop::Refused(json!({ "title": "Not found", "status": 404, "detail": detail })).into()
    })
}

async fn services(api: &Api, output: Output) -> Result<Ended> {
    let value: Value = api.get("/api/v1/services").await?;
    let services: Vec<Service> = serde_json::from_value(value["services"].clone()).unwrap_or_default();
    output.data(&value, || service_table(&services));
    Ok(Ended::Done)
}

fn service_table(services: &[Service]) -> String {
    if services.is_empty() {
        return "No services. Deploy something with `sextant deploy PATH`.".to_owned();
    }
    let mut table = table(&["SERVICE", "SERVES", "SINCE", "NOW", "URL"]);
    for service in services {
        let now = match (&service.running, &service.queued) {
            (Some(running), Some(queued)) => format!("{running} runs, {queued} waits"),
            (Some(running), None) => format!("{running} runs"),
            (None, _) if service.deleting => "is being deleted".to_owned(),
            (None, _) if service.stopped_at.is_some() => "stopped".to_owned(),
            (None, _) if service.question.is_some() => "waits for your feedback".to_owned(),
            (None, _) => String::new(),
        };
        let serving = service.serving.clone().unwrap_or_default();
        table.add_row([
            service.service.clone(),
            serving.deployment_id,
            moment(&serving.since),
            now,
            service.url.clone().unwrap_or_default(),
        ]);
    }
    table.trim_fmt()
}

fn text(deployment: &Deployment) -> String {
    // What never served has nothing afterwards.
    let follow_up = match deployment.status.as_str() {
        "failed" => String::new(),
        status => status.replace('_', " "),
    };
    let story: Vec<String> = deployment
        .timeline
        .iter()
        .map(|entry| format!("{} {:>3} %  {}", moment(&entry.at), entry.progress, visible(&entry.text)))
        .collect();
    let kept: Vec<String> = deployment
        .kept
        .iter()
        .map(|kept| format!("{}{}", kept.revision, if kept.serving { " (serves)" } else { "" }))
        .collect();
    let head = if deployment.at_rest() {
        report(deployment)
    } else {
        let status = deployment.pipeline_status.clone().unwrap_or_default();
        let canary = deployment.canary.as_ref();
        let traffic = canary.map(|canary| {
            let why = canary.held.as_ref().map_or(String::new(), |why| format!("\nHeld: {why}"));
            format!("{} % of traffic; {}{why}", canary.weight, canary.words)
        });
        let effect = canary.map(|canary| {
            let told = [&canary.effect, &canary.power_words, &canary.outlook];
            let asked = canary.synthetic.as_ref().map(|asked| &asked.words);
            told.into_iter().flatten().chain(asked).cloned().collect::<Vec<_>>().join("\n")
        });
        let numbers = canary
            .map(|canary| format!("E = {}, p = {}", evidence(canary.e_value), evidence(canary.p_value)));
        let rows = [
            ("Service", deployment.service.clone()),
            ("Status", format!("{status}, {} %", deployment.progress)),
            ("Canary", traffic.unwrap_or_default()),
            ("Effect", effect.unwrap_or_default()),
            ("Evidence", numbers.unwrap_or_default()),
            ("Differs", differs(deployment)),
            ("New lines", new_lines(deployment)),
            ("Revision", deployment.revision_url.clone().unwrap_or_default()),
        ];
        pairs(&rows)
    };
    let more = pairs(&[
        ("Afterwards", follow_up),
        ("Kept", kept.join("\n")),
        ("Why", deployment.reasons.join("\n")),
        ("Story", story.join("\n")),
    ]);
    format!("{head}{more}")
}
