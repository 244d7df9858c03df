//! A place where one revision runs and has written a log; the console asks for nothing else.

use async_trait::async_trait;
use model::port::{
    PortError, Target,
    target::{
        BuildOrder, BuildState, Capabilities, Cost, Measured, Probe, Released, RevisionOrder, ServiceKey,
        TargetError, Traffic, TrafficToken, Window,
    },
};
use std::collections::BTreeMap;

pub struct Place;

fn untouched<T>() -> Result<T, TargetError> {
    Err(PortError::Permanent("the console has no business with this".into()).into())
}

#[async_trait]
impl Target for Place {
    fn name(&self) -> &'static str {
        "machine"
    }
    fn window_policy(&self) -> (i64, i64) {
        (0, 1000)
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }
    async fn start_build(&self, _: BuildOrder) -> Result<(), TargetError> {
        untouched()
    }
    async fn read_build(&self, _: &str) -> Result<BuildState, TargetError> {
        untouched()
    }
    async fn cancel_build(&self, _: &str) -> Result<(), TargetError> {
        untouched()
    }
    async fn create_revision(&self, _: RevisionOrder) -> Result<Released, TargetError> {
        untouched()
    }
    async fn probe(&self, _: &ServiceKey, _: &str, _: &str) -> Result<Probe, TargetError> {
        untouched()
    }
    async fn traffic(&self, _: &ServiceKey) -> Result<Traffic, TargetError> {
        untouched()
    }
    async fn set_traffic(
        &self,
        _: &ServiceKey,
        _: &TrafficToken,
        _: &BTreeMap<String, u32>,
        _: &str,
    ) -> Result<Traffic, TargetError> {
        untouched()
    }
    async fn observe(&self, _: &ServiceKey, _: Window) -> Result<Measured, TargetError> {
        untouched()
    }
    async fn cost(&self, _: &ServiceKey, _: Window) -> Result<Cost, TargetError> {
        untouched()
    }
    async fn retire(&self, _: &ServiceKey, _: &[String], _: &[String]) -> Result<(), TargetError> {
        untouched()
    }
    async fn restart(&self, _: &ServiceKey, _: &str, _: &str) -> Result<(), TargetError> {
        untouched()
    }
    async fn runtime_log(
        &self,
        service: &ServiceKey,
        revision: &str,
        limit: usize,
    ) -> Result<Vec<String>, TargetError> {
        let lines = (0..10).map(|n| format!("{service} {revision} {n}"));
        Ok(lines.skip(10_usize.saturating_sub(limit)).collect())
    }
}
