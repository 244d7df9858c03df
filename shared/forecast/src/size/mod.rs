//! What an app of a known kind needs, and what it is then expected to cost and use.
//!
//! Invariant: every shape that leaves this module is one that Cloud Run accepts, and every number of a prediction
//! says whether it was measured, assumed or learned.

mod predict;
mod prior;
mod shape;

pub use predict::{Asked, Base, Basis, Demand, Learning, Part, Place, Prediction, predict, reprice};
pub use prior::{PRIORS, Prior, prior};
pub use shape::{Generation, Legal, Shape, legal};

/// Requests a month that are assumed until some are measured.
pub const ASSUMED_REQUESTS_MONTH: u64 = 100_000;

#[cfg(test)]
mod tests;
