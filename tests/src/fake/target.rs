//! A target that answers at once: builds are done when they start, probes are healthy, traffic has tokens.

use async_trait::async_trait;
use machine::target::LogHead;
use model::{
    Timestamp,
    document::log::{Line, Stream},
    message::{Message, kind},
    port::{
        Broker, Objects, PortError, Store, Target,
        target::{
            BuildOrder, BuildState, Capabilities, Cost, LogPosition, Measured, Operation, Probe, Released,
            RevisionOrder, RevisionWindow, RuntimeLines, ServiceKey, TargetError, Traffic as Serving,
            TrafficToken, Window, WindowPolicy,
        },
    },
    time::SECOND_MS,
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex},
};

/// Requests that each revision is seen to answer in any window.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Of the revision without a stable side beside it, or the new one.
    pub canary: u64,
    /// Of the last good one.
    pub stable: u64,
}

#[derive(Default)]
struct Service {
    number: u64,
    weights: BTreeMap<String, u32>,
    first: Option<String>,
    keys: HashMap<String, Serving>,
}

#[derive(Default)]
struct State {
    services: HashMap<ServiceKey, Service>,
    builds: HashSet<String>,
}

/// The target.
pub struct InstantTarget {
    state: Mutex<State>,
    broker: Arc<dyn Broker>,
    traffic: Traffic,
    log: Option<Log>,
}

/// What builds write.
struct Log {
    store: Arc<dyn Store>,
    objects: Arc<dyn Objects>,
    seconds: i64,
}

impl InstantTarget {
    /// Announces ends of builds through `broker`, and sees `traffic` in each window.
    pub fn new(broker: Arc<dyn Broker>, traffic: Traffic) -> Self {
        Self { state: Mutex::default(), broker, traffic, log: None }
    }

    /// The same, with builds that write a segment a second for so long, by a clock of their own: as the machine's.
    #[must_use]
    pub fn logging(mut self, store: Arc<dyn Store>, objects: Arc<dyn Objects>, seconds: i64) -> Self {
        self.log = Some(Log { store, objects, seconds });
        self
    }
}

impl Log {
    async fn write(&self, order: &BuildOrder) -> Result<(), PortError> {
        let whose = (&order.service.tenant, &order.deployment);
        let prefix = &order.log_prefix;
        let mut head = LogHead::open(&*self.store, &*self.objects, whose, prefix, Timestamp(0)).await?;
        for second in 0..=self.seconds {
            let now = Timestamp(second * SECOND_MS);
            let stream = if second == self.seconds { Stream::End } else { Stream::Out };
            let line = Line { at: now, stream, text: format!("second {second}") };
            let data = serde_json::to_vec(&line).map_err(|error| PortError::Permanent(error.to_string()))?;
            head.store(order.log_from + second as u32, data.into(), now).await?;
            head.tell(now).await?;
        }
        Ok(())
    }
}

fn serving(service: &Service) -> Serving {
    Serving {
        token: TrafficToken(service.number.to_string()),
        weights: service.weights.clone(),
        closed: false,
    }
}

#[async_trait]
impl Target for InstantTarget {
    fn name(&self) -> &'static str {
        "instant"
    }

    fn window_policy(&self) -> WindowPolicy {
        WindowPolicy { lag_ms: 0, shortest_ms: 1, ..WindowPolicy::MACHINE }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn start_build(&self, order: BuildOrder) -> Result<(), TargetError> {
        let first = self.state.lock().unwrap().builds.insert(order.key.clone());
        if first {
            if let Some(log) = &self.log {
                log.write(&order).await?;
            }
            self.broker
                .publish(vec![Message::about(kind::BUILD_ENDED, &order.service.tenant, &order.deployment)])
                .await?;
        }
        Ok(())
    }

    async fn read_build(&self, key: &str) -> Result<BuildState, TargetError> {
        let known = self.state.lock().unwrap().builds.contains(key);
        Ok(if known {
            BuildState::Succeeded { artifact: key.to_owned(), duration_ms: 1 }
        } else {
            BuildState::Unknown
        })
    }

    async fn cancel_build(&self, _: &str) -> Result<(), TargetError> {
        Ok(())
    }

    async fn start_release(&self, order: RevisionOrder) -> Result<(), TargetError> {
        self.state.lock().unwrap().services.entry(order.service.clone()).or_default();
        Ok(())
    }

    async fn read_release(
        &self,
        service: &ServiceKey,
        revision: &str,
    ) -> Result<Operation<Released>, TargetError> {
        let url = format!("http://{}.localhost", service.service);
        let revision = revision.to_owned();
        Ok(Operation::Done(Released { revision_url: url.clone(), url, revision, closed: false }))
    }

    async fn probe(&self, _: &ServiceKey, _: &str, _: &str) -> Result<Probe, TargetError> {
        Ok(Probe { healthy: true, detail: "GET / answered 200 in 1 ms".into(), ..Probe::default() })
    }

    async fn traffic(&self, service: &ServiceKey) -> Result<Serving, TargetError> {
        let state = self.state.lock().unwrap();
        state.services.get(service).map(serving).ok_or_else(|| TargetError::no_service(service.to_string()))
    }

    async fn start_traffic(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        weights: &BTreeMap<String, u32>,
        key: &str,
    ) -> Result<(), TargetError> {
        let mut state = self.state.lock().unwrap();
        let found = state.services.entry(service.clone()).or_default();
        if found.keys.contains_key(key) {
            return Ok(());
        }
        if expected.0 != found.number.to_string() {
            return Err(TargetError::Stale { service: service.to_string() });
        }
        found.number += 1;
        if found.weights.is_empty() || weights.len() == 1 {
            found.first = weights.keys().next().cloned();
        }
        found.weights.clone_from(weights);
        let done = serving(found);
        found.keys.insert(key.to_owned(), done);
        Ok(())
    }

    async fn read_traffic(&self, service: &ServiceKey, key: &str) -> Result<Operation<Serving>, TargetError> {
        let state = self.state.lock().unwrap();
        let done = state.services.get(service).and_then(|found| found.keys.get(key).cloned());
        Ok(done.map_or(Operation::Unknown, Operation::Done))
    }

    async fn observe_range(
        &self,
        service: &ServiceKey,
        range: Window,
        step_ms: i64,
    ) -> Result<Vec<(Window, Measured)>, TargetError> {
        let state = self.state.lock().unwrap();
        let Some(found) = state.services.get(service) else { return Ok(vec![]) };
        let step = step_ms.max(1);
        let seen = |revision: &String| {
            let requests = if found.first.as_ref() == Some(revision) {
                self.traffic.stable
            } else {
                self.traffic.canary
            };
            (revision.clone(), RevisionWindow { requests, ..RevisionWindow::default() })
        };
        let measured = Measured { revisions: found.weights.keys().map(seen).collect() };
        let windows = (0..range.to.since(range.from).max(0) / step).map(|n| {
            let from = range.from.plus(n * step);
            (Window { from, to: from.plus(step) }, measured.clone())
        });
        Ok(windows.collect())
    }

    async fn cost(&self, _: &ServiceKey, _: Window) -> Result<Cost, TargetError> {
        Ok(Cost { total: model::Micros(0), estimated: true, cpu_seconds: 0.0, gib_seconds: 0.0, requests: 0 })
    }

    async fn retire(&self, _: &ServiceKey, _: &[String], _: &[String]) -> Result<(), TargetError> {
        Ok(())
    }

    async fn delete(&self, service: &ServiceKey) -> Result<(), TargetError> {
        self.state.lock().unwrap().services.remove(service);
        Ok(())
    }

    async fn restart(&self, _: &ServiceKey, _: &str, _: &str) -> Result<(), TargetError> {
        Ok(())
    }

    async fn runtime_log(
        &self,
        _: &ServiceKey,
        _: &str,
        _: Option<&LogPosition>,
        _: usize,
    ) -> Result<RuntimeLines, TargetError> {
        Ok(RuntimeLines { lines: vec![], next: LogPosition("0".into()), missed: false })
    }
}
