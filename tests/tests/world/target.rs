//! The target behind the gate: each call may be lost on its way there or on its way back.

use crate::{
    gate::{Fate, Gate, Port},
    ports::failure,
};
use async_trait::async_trait;
use model::port::{
    Target,
    target::{
        BuildOrder, BuildState, Capabilities, Cost, LogPosition, Measured, Operation, Paths, Probe, Released,
        RevisionOrder, RuntimeLines, ServiceKey, TargetError, Traffic, TrafficToken, Window, WindowPolicy,
    },
};
use std::{collections::BTreeMap, future::Future, sync::Arc};
use tests::fake::SlowTarget;

pub struct GatedTarget {
    pub gate: Gate,
    pub inner: Arc<SlowTarget>,
}

impl GatedTarget {
    async fn through<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, TargetError>> + Send,
    ) -> Result<T, TargetError> {
        match self.gate.pass(Port::Target, name).await {
            Fate::Works => call.await,
            Fate::Fails(lasts) => Err(failure(lasts).into()),
            Fate::AnswerLost(lasts) => {
                let _ = call.await;
                Err(failure(lasts).into())
            }
        }
    }
}

#[async_trait]
impl Target for GatedTarget {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn window_policy(&self) -> WindowPolicy {
        self.inner.window_policy()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn start_build(&self, order: BuildOrder) -> Result<(), TargetError> {
        self.through("start_build", self.inner.start_build(order)).await
    }

    async fn read_build(&self, key: &str) -> Result<BuildState, TargetError> {
        self.through("read_build", self.inner.read_build(key)).await
    }

    async fn cancel_build(&self, key: &str) -> Result<(), TargetError> {
        self.through("cancel_build", self.inner.cancel_build(key)).await
    }

    async fn start_release(&self, order: RevisionOrder) -> Result<(), TargetError> {
        self.through("start_release", self.inner.start_release(order)).await
    }

    async fn read_release(
        &self,
        service: &ServiceKey,
        revision: &str,
    ) -> Result<Operation<Released>, TargetError> {
        self.through("read_release", self.inner.read_release(service, revision)).await
    }

    async fn open(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        key: &str,
    ) -> Result<Traffic, TargetError> {
        self.through("open", self.inner.open(service, expected, key)).await
    }

    async fn probe(&self, service: &ServiceKey, revision: &str, path: &str) -> Result<Probe, TargetError> {
        self.through("probe", self.inner.probe(service, revision, path)).await
    }

    async fn traffic(&self, service: &ServiceKey) -> Result<Traffic, TargetError> {
        self.through("traffic", self.inner.traffic(service)).await
    }

    async fn start_traffic(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        weights: &BTreeMap<String, u32>,
        key: &str,
    ) -> Result<(), TargetError> {
        self.through("start_traffic", self.inner.start_traffic(service, expected, weights, key)).await
    }

    async fn read_traffic(&self, service: &ServiceKey, key: &str) -> Result<Operation<Traffic>, TargetError> {
        self.through("read_traffic", self.inner.read_traffic(service, key)).await
    }

    async fn observe_range(
        &self,
        service: &ServiceKey,
        range: Window,
        step_ms: i64,
    ) -> Result<Vec<(Window, Measured)>, TargetError> {
        self.through("observe_range", self.inner.observe_range(service, range, step_ms)).await
    }

    async fn observe_paths(&self, service: &ServiceKey, range: Window) -> Result<Option<Paths>, TargetError> {
        self.through("observe_paths", self.inner.observe_paths(service, range)).await
    }

    async fn cost(&self, service: &ServiceKey, window: Window) -> Result<Cost, TargetError> {
        self.through("cost", self.inner.cost(service, window)).await
    }

    async fn retire(
        &self,
        service: &ServiceKey,
        keep: &[String],
        remember: &[String],
    ) -> Result<(), TargetError> {
        self.through("retire", self.inner.retire(service, keep, remember)).await
    }

    async fn discard(&self, service: &ServiceKey, revision: &str) -> Result<(), TargetError> {
        self.through("discard", self.inner.discard(service, revision)).await
    }

    async fn delete(&self, service: &ServiceKey) -> Result<(), TargetError> {
        self.through("delete", self.inner.delete(service)).await
    }

    async fn restart(&self, service: &ServiceKey, revision: &str, key: &str) -> Result<(), TargetError> {
        self.through("restart", self.inner.restart(service, revision, key)).await
    }

    async fn runtime_log(
        &self,
        service: &ServiceKey,
        revision: &str,
        from: Option<&LogPosition>,
        limit: usize,
    ) -> Result<RuntimeLines, TargetError> {
        self.through("runtime_log", self.inner.runtime_log(service, revision, from, limit)).await
    }
}
