//! A caller who does what the port asks of callers: whatever was lost on the way is asked again under the same key, and
//! what is pending is read until it is over. The way itself loses calls and answers.

use super::{SlowTarget, splitmix};
use async_trait::async_trait;
use model::{
    Timestamp,
    port::{
        PortError, Target,
        target::{
            BuildOrder, BuildState, Capabilities, Cost, LogPosition, Measured, Operation, Paths, Probe,
            Released, RevisionOrder, RuntimeLines, ServiceKey, TargetError, Traffic, TrafficToken, Window,
            WindowPolicy,
        },
    },
};
use std::{
    collections::BTreeMap,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How often something is asked before it counts as broken.
const TRIES: usize = 2_000;

/// The slow target behind a way that loses, asked by somebody who goes on asking.
pub struct Patient {
    target: Arc<SlowTarget>,
    /// Percent of calls that are lost, and of answers.
    lost: u64,
    dice: AtomicU64,
}

impl Patient {
    /// So many percent of the calls are lost, and of the answers.
    pub fn new(target: Arc<SlowTarget>, lost: u64, seed: u64) -> Self {
        Self { target, lost, dice: AtomicU64::new(seed) }
    }

    fn loses(&self) -> bool {
        let mut state = self.dice.fetch_add(1, Ordering::SeqCst);
        splitmix(&mut state) % 100 < self.lost
    }

    async fn ask<T, F>(&self, call: impl Fn() -> F + Send + Sync) -> Result<T, TargetError>
    where
        T: Send,
        F: Future<Output = Result<T, TargetError>> + Send,
    {
        for _ in 0..TRIES {
            if self.loses() {
                continue;
            }
            let answer = call().await;
            if self.loses() {
                continue;
            }
            match answer {
                Err(TargetError::Port(PortError::Transient(_))) => pause().await,
                answer => return answer,
            }
        }
        Err(PortError::Transient("it never answered".to_owned()).into())
    }

    async fn until_over<T, S, R>(
        &self,
        start: impl Fn() -> S + Send + Sync,
        read: impl Fn() -> R + Send + Sync,
    ) -> Result<T, TargetError>
    where
        T: Send,
        S: Future<Output = Result<(), TargetError>> + Send,
        R: Future<Output = Result<Operation<T>, TargetError>> + Send,
    {
        for _ in 0..TRIES {
            self.ask(&start).await?;
            match self.ask(&read).await? {
                Operation::Done(result) => return Ok(result),
                Operation::Failed { reason } => return Err(PortError::Permanent(reason).into()),
                Operation::Pending { .. } | Operation::Unknown => pause().await,
            }
        }
        Err(PortError::Transient("it never ended".to_owned()).into())
    }
}

async fn pause() {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

#[async_trait]
impl Target for Patient {
    fn name(&self) -> &'static str {
        self.target.name()
    }

    fn window_policy(&self) -> WindowPolicy {
        self.target.window_policy()
    }

    fn capabilities(&self) -> Capabilities {
        self.target.capabilities()
    }

    async fn start_build(&self, order: BuildOrder) -> Result<(), TargetError> {
        for _ in 0..TRIES {
            self.ask(|| self.target.start_build(order.clone())).await?;
            if self.read_build(&order.key).await? != BuildState::Unknown {
                return Ok(());
            }
        }
        Err(PortError::Transient("the build was never begun".to_owned()).into())
    }

    async fn read_build(&self, key: &str) -> Result<BuildState, TargetError> {
        self.ask(|| self.target.read_build(key)).await
    }

    async fn cancel_build(&self, key: &str) -> Result<(), TargetError> {
        self.ask(|| self.target.cancel_build(key)).await
    }

    async fn start_release(&self, order: RevisionOrder) -> Result<(), TargetError> {
        self.ask(|| self.target.start_release(order.clone())).await
    }

    async fn read_release(
        &self,
        service: &ServiceKey,
        revision: &str,
    ) -> Result<Operation<Released>, TargetError> {
        self.ask(|| self.target.read_release(service, revision)).await
    }

    async fn create_revision(&self, order: RevisionOrder) -> Result<Released, TargetError> {
        let start = || self.target.start_release(order.clone());
        self.until_over(start, || self.target.read_release(&order.service, &order.revision)).await
    }

    async fn open(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        key: &str,
    ) -> Result<Traffic, TargetError> {
        self.ask(|| self.target.open(service, expected, key)).await
    }

    async fn probe(&self, service: &ServiceKey, revision: &str, path: &str) -> Result<Probe, TargetError> {
        self.ask(|| self.target.probe(service, revision, path)).await
    }

    async fn traffic(&self, service: &ServiceKey) -> Result<Traffic, TargetError> {
        self.ask(|| self.target.traffic(service)).await
    }

    async fn start_traffic(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        weights: &BTreeMap<String, u32>,
        key: &str,
    ) -> Result<(), TargetError> {
        self.ask(|| self.target.start_traffic(service, expected, weights, key)).await
    }

    async fn read_traffic(&self, service: &ServiceKey, key: &str) -> Result<Operation<Traffic>, TargetError> {
        self.ask(|| self.target.read_traffic(service, key)).await
    }

    async fn set_traffic(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        weights: &BTreeMap<String, u32>,
        key: &str,
    ) -> Result<Traffic, TargetError> {
        let start = || self.target.start_traffic(service, expected, weights, key);
        self.until_over(start, || self.target.read_traffic(service, key)).await
    }

    async fn observe_range(
        &self,
        service: &ServiceKey,
        range: Window,
        step_ms: i64,
    ) -> Result<Vec<(Window, Measured)>, TargetError> {
        self.ask(|| self.target.observe_range(service, range, step_ms)).await
    }

    async fn counted_since(&self) -> Result<Option<Timestamp>, TargetError> {
        self.ask(|| self.target.counted_since()).await
    }

    async fn observe_paths(&self, service: &ServiceKey, range: Window) -> Result<Option<Paths>, TargetError> {
        self.ask(|| self.target.observe_paths(service, range)).await
    }

    async fn cost(&self, service: &ServiceKey, window: Window) -> Result<Cost, TargetError> {
        self.ask(|| self.target.cost(service, window)).await
    }

    async fn retire(
        &self,
        service: &ServiceKey,
        keep: &[String],
        remember: &[String],
    ) -> Result<(), TargetError> {
        self.ask(|| self.target.retire(service, keep, remember)).await
    }

    async fn discard(&self, service: &ServiceKey, revision: &str) -> Result<(), TargetError> {
        self.ask(|| self.target.discard(service, revision)).await
    }

    async fn delete(&self, service: &ServiceKey) -> Result<(), TargetError> {
        self.ask(|| self.target.delete(service)).await
    }

    async fn restart(&self, service: &ServiceKey, revision: &str, key: &str) -> Result<(), TargetError> {
        self.ask(|| self.target.restart(service, revision, key)).await
    }

    async fn runtime_log(
        &self,
        service: &ServiceKey,
        revision: &str,
        from: Option<&LogPosition>,
        limit: usize,
    ) -> Result<RuntimeLines, TargetError> {
        self.ask(|| self.target.runtime_log(service, revision, from, limit)).await
    }
}
