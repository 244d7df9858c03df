//! What a handler is handed beside its input: ports, settings, who calls, and the commit that remembers answers.

use crate::{Config, Error, Response, Role, Trace, backoff::BackOff, idempotency};
use model::{
    DeploymentId, TenantId, Timestamp,
    message::Message,
    port::{
        Ports,
        store::{Version, Write},
    },
};
use serde::{Deserialize, Serialize};
use std::{future::Future, sync::Arc};

/// Who calls, from the verified token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Caller {
    /// Whose data they may see.
    pub tenant: TenantId,
    /// The user: `sub` of the token.
    pub user: String,
    /// What they may do.
    pub role: Role,
}

/// Everything a handler may use. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    /// The ports: all that reaches outside of the process.
    pub ports: Arc<Ports>,
    /// Settings and keys of this process.
    pub config: Arc<Config>,
    /// Who calls; `None` on public routes and for deliveries.
    pub caller: Option<Caller>,
    tenant: Option<TenantId>,
    trace: Trace,
    span: tracing::Span,
    pub(crate) idempotency: Option<Arc<idempotency::Claim>>,
}

impl Context {
    /// A context of nobody; see [`Context::with_caller`] and [`Context::with_tenant`].
    pub fn new(ports: Arc<Ports>, config: Arc<Config>) -> Self {
        let trace = Trace::new(&*ports.random);
        Self::within(ports, config, trace, tracing::Span::none())
    }

    /// A context in a trace, logged in a span.
    pub(crate) fn within(ports: Arc<Ports>, config: Arc<Config>, trace: Trace, span: tracing::Span) -> Self {
        Self { ports, config, caller: None, tenant: None, trace, span, idempotency: None }
    }

    /// The same, called by somebody.
    #[must_use]
    pub fn with_caller(mut self, caller: Caller) -> Self {
        self.caller = Some(caller.clone());
        self.with_tenant(caller.tenant)
    }

    /// The same for one tenant: for public routes that found out by a link's token, and for schedules.
    #[must_use]
    pub fn with_tenant(mut self, tenant: TenantId) -> Self {
        self.span.record("tenant", tenant.as_str());
        self.tenant = Some(tenant);
        self
    }

    pub(crate) fn with_idempotency(mut self, claim: Option<Arc<idempotency::Claim>>) -> Self {
        self.idempotency = claim;
        self
    }

    /// Whose data this is about: from the token, or from the message. An error on a public route or a schedule
    /// that has not set one.
    pub fn tenant(&self) -> Result<&TenantId, Error> {
        self.tenant
            .as_ref()
            .ok_or_else(|| Error::internal("a handler asked for the tenant, and nothing names one"))
    }

    /// Who calls, or 401.
    pub fn caller(&self) -> Result<&Caller, Error> {
        self.caller
            .as_ref()
            .ok_or_else(|| Error::unauthenticated("Sign in, or send a bearer token, and try that again."))
    }

    /// The time that schedules and timers go by.
    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// Time as it really passes.
    pub fn real(&self) -> Timestamp {
        self.ports.clock.real()
    }

    /// 128 unpredictable bits, for ids.
    pub fn random(&self) -> u128 {
        self.ports.random.bits()
    }

    /// The trace this belongs to.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Records in this request's logs which deployment it is about.
    pub fn about(&self, deployment: &DeploymentId) {
        self.span.record("deployment", deployment.as_str());
    }

    /// The message, with this trace unless it has one.
    #[must_use]
    pub fn traced(&self, mut message: Message) -> Message {
        message.traceparent.get_or_insert_with(|| self.trace.traceparent());
        message
    }

    /// Publishes messages with this trace. Only after the commit that keeps them in an outbox.
    pub async fn publish(&self, messages: Vec<Message>) -> Result<(), Error> {
        let messages = messages.into_iter().map(|message| self.traced(message)).collect();
        Ok(self.ports.broker.publish(messages).await?)
    }

    /// Commits, and with it, where the request has an `Idempotency-Key`, the answer it will get. If another
    /// request with the same key was committed first, the error makes the host repeat that one's answer: let it
    /// through with `?`.
    pub async fn commit(&self, mut writes: Vec<Write>, response: &Response) -> Result<Vec<Version>, Error> {
        let Some(claim) = &self.idempotency else {
            return Ok(self.ports.store.commit(writes).await?);
        };
        let own = writes.len();
        writes.push(claim.write(self, response)?);
        match self.ports.store.commit(writes).await {
            Ok(mut versions) => {
                claim.settle();
                versions.truncate(own);
                Ok(versions)
            }
            Err(error) => Err(claim.explain(self, error).await),
        }
    }

    /// Runs a read-decide-commit step again while somebody else keeps changing what it read: at most 8 tries,
    /// with a short pause that doubles.
    pub async fn retrying<T, F, R>(&self, mut step: F) -> Result<T, Error>
    where
        F: FnMut() -> R,
        R: Future<Output = Result<T, Error>>,
    {
        self.retrying_for(BackOff::among_few(), &mut step).await
    }

    /// The same for a step at which a crowd is expected, where one gets through at a time: some hundred tries.
    pub async fn persisting<T, F, R>(&self, mut step: F) -> Result<T, Error>
    where
        F: FnMut() -> R,
        R: Future<Output = Result<T, Error>>,
    {
        self.retrying_for(BackOff::in_a_crowd(), &mut step).await
    }

    /// Awaits the step at one place only: a future is as large as all that it may hold, and is moved as a whole.
    async fn retrying_for<T, F, R>(&self, mut back_off: BackOff, step: &mut F) -> Result<T, Error>
    where
        F: FnMut() -> R,
        R: Future<Output = Result<T, Error>>,
    {
        loop {
            match step().await {
                Err(error) if error.is_contended() && back_off.again(self).await => {}
                result => return result,
            }
        }
    }
}
