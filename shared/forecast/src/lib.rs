//! Prices, sizing, the canary test, anomalies and calibration. Arithmetic only.

pub mod anomaly;
pub mod calibrate;
pub mod canary;
pub mod histogram;
pub mod price;
pub mod size;
