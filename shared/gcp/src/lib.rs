//! Adapters for Google Cloud.
