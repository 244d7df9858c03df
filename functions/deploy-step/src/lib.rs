//! The deploy-step function.
