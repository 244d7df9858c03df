//! The collect-metrics function.
