//! Where functions run: which adapters they are handed.
//!
//! Invariant: every port is of one place. What a place lacks is an error at the start, and never another place's.

pub mod certificates;
#[cfg(feature = "gcp")]
mod gcp;
pub mod machine;

use anyhow::Result;
use host::{Config, Function, setting::Place};
use model::port::Ports;

/// The ports of a place for these functions, none of them open yet.
pub fn ports(place: Place, config: &Config, functions: &[Function]) -> Result<Ports> {
    match place {
        Place::Machine => machine::lazily(config),
        Place::Gcp => cloud(config, functions),
    }
}

#[cfg(feature = "gcp")]
fn cloud(config: &Config, functions: &[Function]) -> Result<Ports> {
    gcp::ports(&config.settings, functions)
}

#[cfg(not(feature = "gcp"))]
fn cloud(_: &Config, _: &[Function]) -> Result<Ports> {
    Err(crate::failure::Stop::Usage(NO_CLOUD.to_owned()).into())
}

/// What a build for one machine says of the cloud.
pub const NO_CLOUD: &str = "SEXTANT_PLACE is `gcp`, and this build has no adapters for Google Cloud. Use one with them, \
    made with `cargo build --release --features gcp` as `infra/Dockerfile` does.";
