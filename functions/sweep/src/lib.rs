//! The sweep function.
