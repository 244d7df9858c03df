//! Ports for tests of functions: whatever is under test gets a real store; the rest lives in memory and remembers.
//!
//! Only with the feature `testing`, which no program turns on.

pub mod sample;

use crate::{Caller, Config, Context, Role, token};
use async_trait::async_trait;
use bytes::Bytes;
use model::{
    TenantId, Timestamp,
    message::Message,
    port::{
        Broker, Clock, Delivery, KeyContext, Keys, Mail, Mailer, Objects, PortError, Ports, Random, Source,
        Store, Target, Timers, objects,
        source::{Archived, Checkout, Claim, Digest, Fetched, Manifest, Opened, Origin, SourceRef, Upload},
        target::{
            BuildOrder, BuildState, Capabilities, Cost, LogPosition, Measured, Operation, Probe, Released,
            RevisionOrder, RuntimeLines, ServiceKey, Settings, TargetError, Traffic, TrafficToken, Window,
            WindowPolicy,
        },
    },
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

/// 2026-11-20T05:41:00Z.
pub const START: Timestamp = Timestamp(1_795_153_260_000);

/// What a fake world remembers and answers.
#[derive(Default)]
pub struct State {
    /// The clock of timers.
    pub now: i64,
    /// Real time, in milliseconds since 1970.
    pub real: i64,
    /// Milliseconds that pass, on both clocks, each time that somebody asks for the real time.
    pub passing: i64,
    /// Numbers drawn so far.
    pub drawn: u64,
    /// What was published, in order.
    pub messages: Vec<Message>,
    /// What was mailed, in order.
    pub mails: Vec<Mail>,
    /// What mail answers next, before it works; `true`: transient.
    pub mail_fails: Vec<bool>,
    /// Whether publishing fails.
    pub broker_down: bool,
    /// Timers that were set: when, under which key, with which message.
    pub timers: Vec<(Timestamp, String, Message)>,
    /// What every repository is fetched as; none exists without it.
    pub repository: Option<PathBuf>,
    /// What was fetched: from where, under which key, with which token.
    pub fetched: Vec<(SourceRef, String, Option<String>)>,
    /// What fetching waits for, last first, before it is done.
    pub fetch_waits: Vec<String>,
    /// How often objects that were never finished were tidied.
    pub tidied: u32,
    /// Folders that may not be fetched.
    pub closed_folders: Vec<String>,
    /// Who wants which archive.
    pub claims: Vec<Claim>,
    /// Keys of what was released, digests of what was forgotten.
    pub removed: Vec<String>,
    /// What windows are answered with.
    pub measured: Option<(Measured, Cost)>,
    /// Weights that serve.
    pub weights: BTreeMap<String, u32>,
    /// Counts changes of traffic.
    pub token: u64,
    /// What the target was asked to change, in order; a repeat of a key isn't there twice.
    pub acts: Vec<String>,
    /// What changes came to, by key.
    pub keys: BTreeMap<String, Traffic>,
    /// Calls of the target that fail in passing from here on, by name.
    pub target_down: Vec<&'static str>,
    /// Calls of the target that it refuses for good, by name.
    pub refused: Vec<&'static str>,
    /// What revisions wrote, by name.
    pub app_logs: BTreeMap<String, Vec<String>>,
    /// What the target says that it can do.
    pub capabilities: Capabilities,
}

/// Every port but the store, in one.
#[derive(Clone)]
pub struct World {
    store: Arc<dyn Store>,
    state: Arc<Mutex<State>>,
    config: Arc<Config>,
}

impl World {
    /// A world at [`START`] around a store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        let state = State { now: START.0, real: START.0, ..State::default() };
        let key = token::Key::new(vec![7; 32]).unwrap_or_else(|_| unreachable!("32 bytes are enough"));
        Self { store, state: Arc::new(Mutex::new(state)), config: Arc::new(Config::local(8080, key)) }
    }

    /// The same with one more setting.
    #[must_use]
    pub fn with_value(mut self, name: &str, value: &str) -> Self {
        let mut config = (*self.config).clone();
        assert!(config.settings.set(name, value), "`{name}` can't be set to `{value}`");
        self.config = Arc::new(config);
        self
    }

    /// What it remembers.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The store that it was made around.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Lets time pass, on both clocks.
    pub fn pass(&self, ms: i64) {
        let mut state = self.state();
        state.now += ms;
        state.real += ms;
    }

    /// Moves the clock of timers alone.
    pub fn tick(&self, ms: i64) {
        self.state().now += ms;
    }

    /// Messages of a type so far.
    pub fn published(&self, kind: &str) -> Vec<Message> {
        self.state().messages.iter().filter(|message| message.kind == kind).cloned().collect()
    }

    /// Every port as one of this world's.
    pub fn ports(&self) -> Arc<Ports> {
        let world = Arc::new(self.clone());
        Arc::new(Ports {
            store: self.store.clone(),
            broker: world.clone(),
            timers: world.clone(),
            target: world.clone(),
            objects: world.clone(),
            keys: world.clone(),
            mailer: world.clone(),
            source: world.clone(),
            clock: world.clone(),
            random: world,
        })
    }

    /// A context of nobody.
    pub fn context(&self) -> Context {
        Context::new(self.ports(), self.config.clone())
    }

    /// A context of a signed-in user of a tenant.
    pub fn signed_in(&self, tenant: &TenantId, role: Role) -> Context {
        self.context().with_caller(Caller { tenant: tenant.clone(), user: "ann".to_owned(), role })
    }

    /// A delivery of a message, and the context it is handled in.
    pub fn delivery(&self, message: Message) -> (Context, Delivery) {
        let context = self.context().with_tenant(message.tenant.clone());
        let delivery = Delivery {
            subscription: format!("test.{}", message.topic),
            id: "1".to_owned(),
            published_at: START,
            attempt: 1,
            message,
        };
        (context, delivery)
    }
}

fn refuse<T>() -> Result<T, PortError> {
    Err(PortError::Permanent("not part of this world".to_owned()))
}

#[async_trait]
impl Broker for World {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), PortError> {
        let mut state = self.state();
        if state.broker_down {
            return Err(PortError::Transient("the broker is down".to_owned()));
        }
        state.messages.extend(messages);
        Ok(())
    }
}

#[async_trait]
impl Timers for World {
    async fn at(&self, when: Timestamp, key: &str, message: Message) -> Result<(), PortError> {
        self.state().timers.push((when, key.to_owned(), message));
        Ok(())
    }
}

#[async_trait]
impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp(self.state().now)
    }

    fn real(&self) -> Timestamp {
        let mut state = self.state();
        (state.now, state.real) = (state.now + state.passing, state.real + state.passing);
        Timestamp(state.real)
    }

    async fn sleep(&self, duration: Duration) {
        self.pass(duration.as_millis() as i64);
        tokio::task::yield_now().await;
    }
}

impl Random for World {
    fn bits(&self) -> u128 {
        let mut state = self.state();
        state.drawn += 1;
        u128::from(state.drawn).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
    }
}

#[async_trait]
impl Mailer for World {
    async fn send(&self, mail: Mail) -> Result<(), PortError> {
        let mut state = self.state();
        match state.mail_fails.pop() {
            Some(true) => return Err(PortError::Transient("the mail server is down".to_owned())),
            Some(false) => return Err(PortError::Permanent("no such address".to_owned())),
            None => {}
        }
        state.mails.push(mail);
        Ok(())
    }
}

#[async_trait]
impl Keys for World {
    async fn wrap(&self, context: &KeyContext, data_key: &[u8]) -> Result<Vec<u8>, PortError> {
        Ok([&context.bytes(), data_key].concat())
    }

    async fn unwrap(&self, context: &KeyContext, wrapped: &[u8]) -> Result<Vec<u8>, PortError> {
        let key = wrapped.strip_prefix(context.bytes().as_slice()).map(<[u8]>::to_vec);
        key.ok_or_else(|| PortError::Permanent("another context".to_owned()))
    }
}

#[async_trait]
impl Objects for World {
    async fn create(&self, _: &str, _: Bytes) -> Result<bool, PortError> {
        refuse()
    }
    async fn create_from(&self, _: &str, _: objects::Stream) -> Result<bool, PortError> {
        refuse()
    }
    async fn put(&self, _: &str, _: Bytes) -> Result<(), PortError> {
        refuse()
    }
    async fn get(&self, _: &str) -> Result<Option<Bytes>, PortError> {
        refuse()
    }
    async fn read(&self, _: &str) -> Result<Option<objects::Stream>, PortError> {
        refuse()
    }
    async fn list(&self, _: &str, _: Option<&str>, _: usize) -> Result<Vec<String>, PortError> {
        refuse()
    }
    async fn delete(&self, _: &str) -> Result<(), PortError> {
        refuse()
    }
    async fn tidy(&self) -> Result<u64, PortError> {
        self.state().tidied += 1;
        Ok(0)
    }
}

/// The archive that every repository is packed into here.
pub fn archived(commit: &str) -> Archived {
    let digest = "d".repeat(64).parse().unwrap_or_else(|_| unreachable!("64 digits"));
    let origin = Origin { commit: Some(commit.to_owned()), ..Origin::default() };
    let manifest = Manifest { digest, packed_bytes: 1, bytes: 1, files: 1, origin };
    Archived { key: "sources/acme/archive".to_owned(), manifest }
}

#[async_trait]
impl Source for World {
    async fn check(&self, source: &SourceRef) -> Result<(), PortError> {
        match source {
            SourceRef::Folder { path } if self.state().closed_folders.contains(path) => {
                Err(PortError::Permanent("that folder is closed".to_owned()))
            }
            _ => Ok(()),
        }
    }
    async fn fetch(
        &self,
        _: &TenantId,
        source: &SourceRef,
        key: &str,
        token: Option<&str>,
    ) -> Result<Fetched, PortError> {
        let mut state = self.state();
        state.fetched.push((source.clone(), key.to_owned(), token.map(str::to_owned)));
        if let Some(reason) = state.fetch_waits.pop() {
            return Ok(Fetched::Waits { reason });
        }
        match &state.repository {
            Some(_) => Ok(Fetched::Archived(archived(&"c".repeat(40)))),
            None => Err(PortError::Permanent("there is no such repository".to_owned())),
        }
    }
    async fn open(&self, _: &Archived) -> Result<Opened, PortError> {
        let folder = self.state().repository.clone();
        Ok(folder.map_or(Opened::Gone, |folder| Opened::Tree(Checkout { folder, held: Arc::new(()) })))
    }
    async fn receive(&self, _: &TenantId, _: Upload) -> Result<Manifest, PortError> {
        refuse()
    }
    async fn keep(&self, _: &TenantId, _: &str, _: &Digest) -> Result<Option<Manifest>, PortError> {
        Ok(None)
    }
    async fn release(&self, _: &TenantId, key: &str) -> Result<(), PortError> {
        self.state().removed.push(key.to_owned());
        Ok(())
    }
    async fn forget(&self, claim: &Claim) -> Result<(), PortError> {
        self.state().removed.push(claim.digest.to_string());
        Ok(())
    }
    async fn claims(&self, after: Option<&Claim>, limit: usize) -> Result<Vec<Claim>, PortError> {
        let claims = self.state().claims.clone();
        let from =
            after.and_then(|after| claims.iter().position(|claim| claim == after)).map_or(0, |at| at + 1);
        Ok(claims.into_iter().skip(from).take(limit).collect())
    }
}

impl World {
    fn serving(&self) -> Traffic {
        let state = self.state();
        Traffic {
            token: TrafficToken(format!("t{}", state.token)),
            weights: state.weights.clone(),
            closed: false,
        }
    }

    /// Whether a call gets through.
    fn reach(&self, call: &str) -> Result<(), PortError> {
        if self.state().target_down.contains(&call) {
            return Err(PortError::Transient(format!("the target doesn't answer to `{call}`")));
        }
        if self.state().refused.contains(&call) {
            return Err(PortError::Permanent(format!("the target refuses `{call}`")));
        }
        Ok(())
    }

    /// Remembers a call that a key makes happen once.
    fn once(&self, act: String, key: &str) {
        let serving = self.serving();
        let mut state = self.state();
        if state.keys.insert(key.to_owned(), serving).is_none() {
            state.acts.push(act);
        }
    }
}

#[async_trait]
impl Target for World {
    fn name(&self) -> &'static str {
        "machine"
    }
    fn window_policy(&self) -> WindowPolicy {
        WindowPolicy::MACHINE
    }
    fn capabilities(&self) -> Capabilities {
        self.state().capabilities
    }
    async fn start_build(&self, _: BuildOrder) -> Result<(), TargetError> {
        Ok(refuse()?)
    }
    async fn read_build(&self, _: &str) -> Result<BuildState, TargetError> {
        Ok(refuse()?)
    }
    async fn cancel_build(&self, _: &str) -> Result<(), TargetError> {
        Ok(refuse()?)
    }
    async fn start_release(&self, _: RevisionOrder) -> Result<(), TargetError> {
        Ok(refuse()?)
    }
    async fn read_release(&self, _: &ServiceKey, _: &str) -> Result<Operation<Released>, TargetError> {
        Ok(refuse()?)
    }
    async fn probe(&self, _: &ServiceKey, _: &str, _: &str) -> Result<Probe, TargetError> {
        Ok(refuse()?)
    }
    async fn traffic(&self, _: &ServiceKey) -> Result<Traffic, TargetError> {
        Ok(self.serving())
    }
    async fn start_traffic(
        &self,
        service: &ServiceKey,
        expected: &TrafficToken,
        weights: &BTreeMap<String, u32>,
        key: &str,
    ) -> Result<(), TargetError> {
        self.reach("set_traffic")?;
        if self.state().keys.contains_key(key) {
            return Ok(());
        }
        if *expected != self.serving().token {
            return Err(TargetError::Stale { service: service.to_string() });
        }
        let mut state = self.state();
        state.token += 1;
        state.weights.clone_from(weights);
        drop(state);
        self.once(format!("set_traffic {weights:?} {key}"), key);
        Ok(())
    }
    async fn read_traffic(&self, _: &ServiceKey, key: &str) -> Result<Operation<Traffic>, TargetError> {
        let done = self.state().keys.get(key).cloned();
        Ok(done.map_or(Operation::Unknown, Operation::Done))
    }
    async fn observe_range(
        &self,
        _: &ServiceKey,
        range: Window,
        _: i64,
    ) -> Result<Vec<(Window, Measured)>, TargetError> {
        let measured = self.state().measured.clone().map(|(measured, _)| measured);
        let measured = measured.ok_or_else(|| PortError::Transient("nothing can be read".to_owned()))?;
        Ok(vec![(range, measured)])
    }
    async fn cost(&self, _: &ServiceKey, _: Window) -> Result<Cost, TargetError> {
        let cost = self.state().measured.clone().map(|(_, cost)| cost);
        Ok(cost.ok_or_else(|| PortError::Transient("nothing can be read".to_owned()))?)
    }
    async fn retire(&self, _: &ServiceKey, keep: &[String], remember: &[String]) -> Result<(), TargetError> {
        self.state().acts.push(format!("retire keep {keep:?} remember {remember:?}"));
        Ok(())
    }
    async fn discard(&self, _: &ServiceKey, revision: &str) -> Result<(), TargetError> {
        self.reach("discard")?;
        self.state().acts.push(format!("discard {revision}"));
        Ok(())
    }
    async fn delete(&self, service: &ServiceKey) -> Result<(), TargetError> {
        self.reach("delete")?;
        self.state().acts.push(format!("delete {service}"));
        self.state().weights.clear();
        Ok(())
    }
    async fn stop(&self, _: &ServiceKey, revisions: &[String]) -> Result<(), TargetError> {
        self.reach("stop")?;
        self.state().acts.push(format!("stop {revisions:?}"));
        Ok(())
    }
    async fn restart(&self, _: &ServiceKey, revision: &str, key: &str) -> Result<(), TargetError> {
        self.reach("restart")?;
        self.once(format!("restart {revision} {key}"), key);
        Ok(())
    }
    async fn configure(&self, _: &ServiceKey, settings: Settings, key: &str) -> Result<(), TargetError> {
        self.reach("scale")?;
        let bounds = settings.bounds;
        self.once(format!("scale {:?} to {:?} {key}", bounds.min, bounds.max), key);
        Ok(())
    }
    async fn runtime_log(
        &self,
        service: &ServiceKey,
        revision: &str,
        from: Option<&LogPosition>,
        limit: usize,
    ) -> Result<RuntimeLines, TargetError> {
        let lines = self.state().app_logs.get(revision).cloned();
        let lines = lines
            .ok_or_else(|| TargetError::no_revision(revision, format!("`{service}` has no `{revision}`")))?;
        let first = from.map_or(lines.len().saturating_sub(limit), |from| from.0.parse().unwrap_or_default());
        let last = lines.len().min(first.saturating_add(limit));
        let next = LogPosition(last.to_string());
        Ok(RuntimeLines { lines: lines[first.min(last)..last].to_vec(), next, missed: false })
    }
}
