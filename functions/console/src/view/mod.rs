//! What leaves through the API: snake_case, times as RFC 3339 text, money as dollars, ratios from 0 to 1.
//!
//! Invariant: documents never leave as they are stored; secrets, leases, outboxes and hashes have no view.

mod canary;
mod deployment;
mod feedback;
mod measured;
mod prediction;
mod report;
mod service;

pub use canary::CanaryView;
pub use deployment::{DeploymentSummary, DeploymentView, EntryView, Parts, StageView, duration_ms};
pub use feedback::{FeedbackView, LearningView};
pub use measured::{ENOUGH_FOR_A_MONTH_MS, MetricsView, ObservationView, measured_ms, serving_since};
pub use prediction::{ConfigurationView, DecisionView, EstimateView, PredictionView};
pub use report::ReportView;
pub use service::{KeptView, ServiceView};

use model::Timestamp;

/// A time as people's programs read it.
pub fn time(at: Timestamp) -> String {
    at.rfc3339()
}

/// Millionths as a plain number: a ratio, or dollars.
pub fn millionths(micros: i64) -> f64 {
    micros as f64 / 1e6
}

/// Microseconds as milliseconds.
pub fn milliseconds(micros: i64) -> f64 {
    micros as f64 / 1e3
}
