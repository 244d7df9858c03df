//! The act function.
