//! Runs functions: as the subscriber a broker delivers to, and (in `http`) behind a router.
//!
//! Invariant: whatever a handler does (fail, hang, panic) becomes one answer and at most one log entry, here.

use crate::{
    Config, Context, Error, Function, Kind, Outcome, Trace, body::Intake, function::DeliveryHandler,
    idempotency::InFlight, limit::Limiter, port, session::Sessions,
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use model::{
    DeploymentId, TenantId,
    message::{AboutDeployment, Message, kind},
    port::{Delivery, Ports, Subscriber, Verdict, broker::Subscription},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    panic::AssertUnwindSafe,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::Semaphore;
use tracing::Instrument;
use utoipa::openapi::OpenApi;

/// The last part of the subscription that schedules are delivered to: `FUNCTION.schedule`.
pub const SCHEDULE_TOPIC: &str = "schedule";
/// The tenant attribute of a schedule's message; its handlers have no tenant.
const NO_TENANT: &str = "system";
/// Bodies that are streamed to handlers at once.
const UPLOADS: usize = 32;
/// Deliveries of one message before the dead-letter topic.
const MAX_ATTEMPTS: u32 = 10;

/// What a broker must deliver to these functions: one subscription for each function and topic, and one for each
/// function with schedules.
pub fn subscriptions(functions: &[Function], config: &Config) -> Vec<Subscription> {
    let mut all: BTreeMap<String, Subscription> = BTreeMap::new();
    for function in functions {
        for trigger in &function.topics {
            let name = format!("{}.{}", function.name, trigger.topic);
            let types: Vec<String> = trigger.kinds.iter().map(|&kind| kind.to_owned()).collect();
            match all.get_mut(&name) {
                // One that wants every type leaves no filter to the others.
                Some(known) if known.types.is_empty() || types.is_empty() => known.types.clear(),
                Some(known) => known.types.extend(types),
                None => {
                    all.insert(name.clone(), subscription(function, config, name, trigger.topic, types));
                }
            }
        }
        if !function.schedules.is_empty() {
            let name = format!("{}.{SCHEDULE_TOPIC}", function.name);
            all.insert(name.clone(), subscription(function, config, name, SCHEDULE_TOPIC, vec![]));
        }
    }
    all.into_values().collect()
}

fn subscription(
    function: &Function,
    config: &Config,
    name: String,
    topic: &str,
    types: Vec<String>,
) -> Subscription {
    // A little more than the handler gets, so that its end is heard before the broker gives up on it.
    let deadline_ms = timeout(function, config).as_millis() as i64 + 5_000;
    Subscription {
        name,
        topic: topic.to_owned(),
        types,
        max_attempts: MAX_ATTEMPTS,
        ack_deadline_ms: deadline_ms.clamp(10_000, 600_000),
        concurrency: config.max_concurrent.unwrap_or(function.concurrency as usize),
    }
}

fn timeout(function: &Function, config: &Config) -> Duration {
    config.timeout.unwrap_or(Duration::from_secs(function.timeout_s.into()))
}

/// The schedules that somebody must keep for these functions.
pub fn schedules(functions: &[Function]) -> Vec<Schedule> {
    let of = |function: &Function| {
        let name = function.name;
        function
            .schedules
            .iter()
            .map(move |s| Schedule { function: name, name: s.name, cron: s.cron })
            .collect::<Vec<_>>()
    };
    functions.iter().flat_map(of).collect()
}

/// Functions that share one process.
pub struct Runner {
    pub(crate) functions: Vec<Function>,
    /// The host's own, with all of them.
    pub(crate) ports: Arc<Ports>,
    /// Each function's, with what it declares.
    handed: HashMap<&'static str, Arc<Ports>>,
    pub(crate) config: Arc<Config>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) permits: HashMap<&'static str, Semaphore>,
    pub(crate) intake: Intake,
    pub(crate) uploads: Semaphore,
    pub(crate) limiter: Limiter,
    pub(crate) openapi: Option<fn() -> OpenApi>,
    pub(crate) openapi_json: OnceLock<Bytes>,
}

/// A schedule to be run: by cron in process, by Cloud Scheduler in the cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The function's name.
    pub function: &'static str,
    /// The schedule's name.
    pub name: &'static str,
    /// Five fields of cron, UTC.
    pub cron: &'static str,
}

/// The body of a schedule's message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleBody {
    /// The schedule's name.
    pub name: String,
}

impl Schedule {
    /// Where it is delivered to.
    pub fn subscription(&self) -> String {
        format!("{}.{SCHEDULE_TOPIC}", self.function)
    }

    /// What is delivered when its minute has come.
    pub fn message(&self) -> Option<Message> {
        let tenant = TenantId::new(NO_TENANT).ok()?;
        Some(Message::new(
            SCHEDULE_TOPIC,
            kind::SCHEDULE,
            &tenant,
            &ScheduleBody { name: self.name.to_owned() },
        ))
    }
}

impl Runner {
    /// Runs these functions on these ports. Nothing is opened or built yet.
    pub fn new(functions: Vec<Function>, ports: Arc<Ports>, config: Arc<Config>) -> Self {
        let permits = functions
            .iter()
            .map(|f| (f.name, Semaphore::new(config.max_concurrent.unwrap_or(f.concurrency as usize))))
            .collect();
        let handed = functions.iter().map(|f| (f.name, Arc::new(port::handed(&ports, f)))).collect();
        let limiter = Limiter::new(config.limits);
        Self {
            functions,
            ports,
            handed,
            config,
            sessions: Arc::default(),
            in_flight: Arc::default(),
            permits,
            intake: Intake::default(),
            uploads: Semaphore::new(UPLOADS),
            limiter,
            openapi: None,
            openapi_json: OnceLock::new(),
        }
    }

    /// Also answers `GET /openapi.json`; the document is made when it is first asked for.
    #[must_use]
    pub fn with_openapi(mut self, document: fn() -> OpenApi) -> Self {
        self.openapi = Some(document);
        self
    }

    /// With codes of sign-in links that others can make too.
    #[must_use]
    pub fn with_sessions(mut self, sessions: Arc<Sessions>) -> Self {
        self.sessions = sessions;
        self
    }

    /// The functions it runs.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// A link that signs a browser in, once, within five minutes.
    pub fn sign_in_link(&self, caller: &crate::Caller) -> String {
        self.config.url(&self.sessions.new_link(caller, "/", &*self.ports.clock, &*self.ports.random))
    }

    /// What the broker must deliver here.
    pub fn subscriptions(&self) -> Vec<Subscription> {
        subscriptions(&self.functions, &self.config)
    }

    /// The schedules somebody must keep.
    pub fn schedules(&self) -> Vec<Schedule> {
        schedules(&self.functions)
    }

    pub(crate) fn timeout(&self, function: &Function) -> Duration {
        timeout(function, &self.config)
    }

    pub(crate) fn function(&self, name: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.name == name)
    }

    /// The context of a function's handler, with the ports that it declares.
    pub(crate) fn context(&self, function: &Function, trace: Trace, span: tracing::Span) -> Context {
        let ports = self.handed.get(function.name).unwrap_or(&self.ports);
        Context::within(Arc::clone(ports), Arc::clone(&self.config), trace, span)
    }

    /// Bounds a handler in time and turns a panic into an error.
    pub(crate) async fn bounded<T>(
        &self,
        function: &Function,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.bounded_by(self.timeout(function), function, work).await
    }

    /// The same with another bound.
    pub(crate) async fn bounded_by<T>(
        &self,
        limit: Duration,
        function: &Function,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match tokio::time::timeout(limit, AssertUnwindSafe(work).catch_unwind()).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => {
                Err(Error::internal(format!("`{}` panicked: {}", function.name, panic_text(&*panic))))
            }
            Err(_) => Err(Error::new(
                Kind::Timeout,
                format!(
                    "`{}` didn't finish within {} s. What it had committed stays; look before you repeat it.",
                    function.name,
                    limit.as_secs_f32()
                ),
            )),
        }
    }

    async fn handle(
        &self,
        function: &Function,
        handler: Arc<dyn DeliveryHandler>,
        delivery: Delivery,
    ) -> Verdict {
        let trace = Trace::continued(delivery.message.traceparent.as_deref(), &*self.ports.random);
        let span = tracing::info_span!(
            "delivery",
            function = function.name,
            kind = delivery.message.kind,
            trace_id = trace.trace_id(),
            tenant = tracing::field::Empty,
            deployment = tracing::field::Empty,
        );
        let mut ctx = self.context(function, trace, span.clone());
        if delivery.message.kind != kind::SCHEDULE {
            ctx = ctx.with_tenant(delivery.message.tenant.clone());
        }
        if let Some(deployment) = deployment_of(&delivery.message) {
            ctx.about(&deployment);
        }
        let again = (delivery.subscription.clone(), delivery.id.clone(), delivery.message.clone());
        async {
            let result = self.bounded(function, async { handler.call(ctx, delivery).await }).await;
            self.verdict(result, again).await
        }
        .instrument(span)
        .await
    }

    /// The one place where an outcome becomes acknowledgement or redelivery.
    async fn verdict(
        &self,
        result: Result<Outcome, Error>,
        (subscription, id, message): (String, String, Message),
    ) -> Verdict {
        match result {
            Ok(Outcome::Done | Outcome::Duplicate) => Verdict::Ack,
            Ok(Outcome::Reject(reason)) => {
                tracing::warn!(message_id = id, "rejected for good: {reason}");
                Verdict::Ack
            }
            // The next minute comes by itself.
            Ok(Outcome::Later(_)) if message.kind == kind::SCHEDULE => Verdict::Ack,
            Ok(Outcome::Later(when)) => {
                match self.ports.timers.at(when, &format!("{subscription}/{id}"), message).await {
                    Ok(()) => Verdict::Ack,
                    Err(error) => {
                        tracing::warn!(
                            message_id = id,
                            "no timer could be set, so it is delivered again: {error}"
                        );
                        Verdict::Nack
                    }
                }
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(message_id = id, error_id = self.error_id(), "delivered again after: {error}");
                Verdict::Nack
            }
            Err(error) => {
                tracing::error!(message_id = id, error_id = self.error_id(), "given up: {error}");
                Verdict::Ack
            }
        }
    }

    pub(crate) fn error_id(&self) -> String {
        format!("err_{:032x}", self.ports.random.bits())
    }
}

/// The handlers that a delivery is for.
fn handlers(function: &Function, delivery: &Delivery) -> Vec<Arc<dyn DeliveryHandler>> {
    let topic = delivery.subscription.split_once('.').map_or("", |(_, topic)| topic);
    let message = &delivery.message;
    if topic == SCHEDULE_TOPIC {
        let name = message.body::<ScheduleBody>().map(|body| body.name).unwrap_or_default();
        return function
            .schedules
            .iter()
            .filter(|s| s.name == name)
            .map(|s| Arc::clone(&s.handler))
            .collect();
    }
    let is_for = |kinds: &[&str]| kinds.is_empty() || kinds.contains(&message.kind.as_str());
    let triggers = function.topics.iter().filter(|trigger| trigger.topic == topic && is_for(trigger.kinds));
    triggers.map(|trigger| Arc::clone(&trigger.handler)).collect()
}

fn deployment_of(message: &Message) -> Option<DeploymentId> {
    message.body::<AboutDeployment>().ok().map(|about| about.deployment)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}

#[async_trait]
impl Subscriber for Runner {
    async fn deliver(&self, delivery: Delivery) -> Verdict {
        let name = delivery.subscription.split('.').next().unwrap_or_default();
        let Some(function) = self.function(name) else {
            // Not acknowledged: it belongs to somebody, and is kept as a dead letter until they come.
            tracing::error!(subscription = delivery.subscription, "no function of that name runs here");
            return Verdict::Nack;
        };
        let mut verdict = Verdict::Ack;
        for handler in handlers(function, &delivery) {
            if self.handle(function, handler, delivery.clone()).await == Verdict::Nack {
                verdict = Verdict::Nack;
            }
        }
        verdict
    }
}
