//! A target that answers at once: builds are done when they start, probes are healthy, traffic has tokens.

use async_trait::async_trait;
use model::{
    message::{Message, kind},
    port::{
        Broker, Target,
        target::{
            BuildOrder, BuildState, Capabilities, Cost, Measured, Probe, Released, RevisionOrder,
            RevisionWindow, ServiceKey, TargetError, Traffic as Serving, TrafficToken, Window,
        },
    },
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
}

impl InstantTarget {
    /// Announces ends of builds through `broker`, and sees `traffic` in each window.
    pub fn new(broker: Arc<dyn Broker>, traffic: Traffic) -> Self {
        Self { state: Mutex::default(), broker, traffic }
    }
}

fn serving(service: &Service) -> Serving {
    Serving { token: TrafficToken(service.number.to_string()), weights: service.weights.clone() }
}

#[async_trait]
impl Target for InstantTarget {
    fn name(&self) -> &'static str {
        "instant"
    }

    fn window_policy(&self) -> (i64, i64) {
        (0, 1)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn start_build(&self, order: BuildOrder) -> Result<(), TargetError> {
        if self.state.lock().unwrap().builds.insert(order.key) {
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

    async fn create_revision(&self, order: RevisionOrder) -> Result<Released, TargetError> {
        self.state.lock().unwrap().services.entry(order.service.clone()).or_default();
        let url = format!("http://{}.localhost", order.service.service);
        Ok(Released { revision_url: url.clone(), url, revision: order.revision })
    }

    async fn probe(&self, _: &ServiceKey, _: &str, _: &str) -> Result<Probe, TargetError> {
        Ok(Probe { healthy: true, dead: false, detail: "GET / answered 200 in 1 ms".into() })
    }

    async fn traffic(&self, service: &ServiceKey) -> Result<Serving, TargetError> {
        let state = self.state.lock().unwrap();
        state.services.get(service).map(serving).ok_or_else(|| TargetError::NotFound(service.to_string()))
    }

    async fn set_traffic(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        weights: &BTreeMap<String, u32>,
        key: &str,
    ) -> Result<Serving, TargetError> {
        let mut state = self.state.lock().unwrap();
        let found = state.services.entry(service.clone()).or_default();
        if let Some(done) = found.keys.get(key) {
            return Ok(done.clone());
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
        found.keys.insert(key.to_owned(), done.clone());
        Ok(done)
    }

    async fn observe(&self, service: &ServiceKey, _: Window) -> Result<Measured, TargetError> {
        let state = self.state.lock().unwrap();
        let Some(found) = state.services.get(service) else { return Ok(Measured::default()) };
        let seen = |revision: &String| {
            let requests = if found.first.as_ref() == Some(revision) {
                self.traffic.stable
            } else {
                self.traffic.canary
            };
            (revision.clone(), RevisionWindow { requests, ..RevisionWindow::default() })
        };
        Ok(Measured { revisions: found.weights.keys().map(seen).collect() })
    }

    async fn cost(&self, _: &ServiceKey, _: Window) -> Result<Cost, TargetError> {
        Ok(Cost { total: model::Micros(0), estimated: true, cpu_seconds: 0.0, gib_seconds: 0.0, requests: 0 })
    }

    async fn retire(&self, _: &ServiceKey, _: &[String], _: &[String]) -> Result<(), TargetError> {
        Ok(())
    }

    async fn restart(&self, _: &ServiceKey, _: &str, _: &str) -> Result<(), TargetError> {
        Ok(())
    }

    async fn runtime_log(&self, _: &ServiceKey, _: &str, _: usize) -> Result<Vec<String>, TargetError> {
        Ok(vec![])
    }
}
