//! Where functions run: which adapters they are handed.

pub mod certificates;
#[cfg(feature = "gcp")]
pub mod cloud;
pub mod lazy;
pub mod machine;
