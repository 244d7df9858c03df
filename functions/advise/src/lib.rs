//! The advise function.
