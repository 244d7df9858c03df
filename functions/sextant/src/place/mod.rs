//! Where functions run: which adapters they are handed.

#[cfg(feature = "gcp")]
pub mod cloud;
pub mod lazy;
pub mod machine;
