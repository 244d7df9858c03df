//! What is said at the end of a deployment.

use super::{ConfigurationView, EstimateView, deployment::DeploymentView};
use model::document::{Deployment, Scan, Status};
use serde::Serialize;
use utoipa::ToSchema;

/// How a deployment ended.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ReportView {
    /// How it ended.
    pub outcome: Status,
    /// The same in one sentence.
    pub summary: String,
    /// The address people use.
    pub url: Option<String>,
    /// Of which service.
    pub service: String,
    /// Where it runs: `machine` or `cloud-run`.
    pub target: String,
    /// In which region.
    pub region: Option<String>,
    /// From the first stage to the end.
    pub duration_ms: i64,
    /// How it runs.
    pub configuration: Option<ConfigurationView>,
    /// US dollars in a month of 30 days, with its 90 % interval.
    pub predicted_cost_month: Option<EstimateView>,
    /// What the scan of its source found, those that were allowed with their reasons among it.
    pub scan: Option<Scan>,
    /// What was checked.
    pub checked: Vec<String>,
}

impl ReportView {
    /// Of a deployment at rest, whose view is otherwise complete.
    pub fn of(deployment: &Deployment, view: &DeploymentView) -> Option<Self> {
        if !deployment.status.at_rest() {
            return None;
        }
        Some(Self {
            outcome: deployment.status,
            summary: deployment.timeline.last().map_or_else(String::new, |entry| entry.text.clone()),
            url: view.url.clone(),
            service: view.service.clone(),
            target: view.target.clone(),
            region: view.configuration.as_ref().map(|configuration| configuration.region.clone()),
            duration_ms: view.duration_ms.unwrap_or_default(),
            configuration: view.configuration.clone(),
            predicted_cost_month: view.prediction.as_ref().map(|p| p.cost_month.clone()),
            scan: deployment.scan.clone(),
            checked: deployment.checks.clone(),
        })
    }
}
