//! The send-feedback function.
