//! Runs a function: HTTP, Pub/Sub push, auth, errors, telemetry.
