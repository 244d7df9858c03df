//! Prices, sizing, the canary test, anomalies and calibration. Arithmetic only.

pub mod canary;
pub mod histogram;
pub mod price;
