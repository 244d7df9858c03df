//! The learn function.
