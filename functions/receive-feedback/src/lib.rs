//! The receive-feedback function.
