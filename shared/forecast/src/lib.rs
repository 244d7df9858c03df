//! Prices, sizing, the canary test, anomalies and calibration. Arithmetic only.
