//! The Broker port on Pub/Sub.
//!
//! Publishing only: delivery is a push that Pub/Sub makes to the function's own address. Messages carry what the
//! port's message carries, its type, tenant and trace as attributes, its data as the body; no ordering key, because
//! nothing here needs one and dead-lettering loses such messages on the emulator.
//!
//! Invariant: `publish` returns after the service has taken every message, or says that it has not.

mod ensure;

pub use ensure::Push;

use async_trait::async_trait;
use google_cloud_auth::credentials::{Credentials, anonymous};
use google_cloud_gax::{error::rpc::Code, retry_policy::RetryPolicyExt};
use google_cloud_pubsub::{
    Error,
    client::{BasePublisher, Publisher},
    error::PublishError,
    model::Message as PubSubMessage,
    retry_policy::RetryableErrors,
};
use model::{
    message::Message,
    port::{Broker, PortError},
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::OnceCell;

/// How long the client tries before it reports failure. A handler has its answer to give; what was not published stays
/// in its outbox.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a message may wait for others to travel with.
const LINGER: Duration = Duration::from_millis(2);

/// Which project, and how to reach it.
#[derive(Clone, Debug)]
pub struct PubSubOptions {
    /// The Google Cloud project.
    pub project: String,
    /// Before the name of each topic and subscription, such as `sextant-`: the project may hold others.
    pub prefix: String,
    /// `host:port` of the emulator, which takes no credentials; `None` is production, with the default credentials.
    pub emulator: Option<String>,
}

impl PubSubOptions {
    /// Production, names beginning with `sextant-`, as `infra/` makes them.
    pub fn new(project: impl Into<String>) -> Self {
        Self { project: project.into(), prefix: "sextant-".into(), emulator: None }
    }

    /// A topic's whole name.
    fn topic(&self, name: &str) -> String {
        format!("projects/{}/topics/{}{name}", self.project, self.prefix)
    }

    /// A subscription's whole name.
    fn subscription(&self, name: &str) -> String {
        format!("projects/{}/subscriptions/{}{name}", self.project, self.prefix)
    }

    /// Where an emulator is and the credentials it takes; `None` leaves both at the client's defaults.
    fn endpoint(&self) -> Option<(String, Credentials)> {
        self.emulator.as_ref().map(|address| (format!("http://{address}"), anonymous::Builder::new().build()))
    }
}

/// Topics in Pub/Sub. Connects on first use.
pub struct PubSubBroker {
    options: PubSubOptions,
    base: OnceCell<BasePublisher>,
    /// One publisher a topic: it is what batches.
    publishers: Mutex<HashMap<String, Publisher>>,
}

impl PubSubBroker {
    /// A broker that hasn't connected yet: no I/O happens here.
    pub fn new(options: PubSubOptions) -> Self {
        Self { options, base: OnceCell::new(), publishers: Mutex::default() }
    }

    async fn base(&self) -> Result<&BasePublisher, PortError> {
        self.base.get_or_try_init(|| connect(&self.options)).await
    }

    async fn publisher(&self, topic: &str) -> Result<Publisher, PortError> {
        let base = self.base().await?;
        let mut publishers = self.publishers.lock().unwrap_or_else(PoisonError::into_inner);
        let publisher = publishers
            .entry(topic.to_owned())
            .or_insert_with(|| base.publisher(self.options.topic(topic)).set_delay_threshold(LINGER).build());
        Ok(publisher.clone())
    }
}

async fn connect(options: &PubSubOptions) -> Result<BasePublisher, PortError> {
    let builder = BasePublisher::builder().with_retry_policy(RetryableErrors.with_time_limit(PATIENCE));
    let builder = match options.endpoint() {
        Some((endpoint, credentials)) => builder.with_endpoint(endpoint).with_credentials(credentials),
        None => builder,
    };
    builder.build().await.map_err(|e| PortError::Transient(format!("no connection to Pub/Sub: {e}")))
}

#[async_trait]
impl Broker for PubSubBroker {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), PortError> {
        let mut by_topic: BTreeMap<String, Vec<Message>> = BTreeMap::new();
        for message in messages {
            by_topic.entry(message.topic.clone()).or_default().push(message);
        }
        let mut sent = Vec::new();
        for (topic, messages) in by_topic {
            let publisher = self.publisher(&topic).await?;
            sent.extend(
                messages.into_iter().map(|message| (topic.clone(), publisher.publish(envelope(message)))),
            );
        }
        // All of them are under way; the first failure is the answer, after each has been waited for.
        let mut outcome = Ok(());
        for (topic, answer) in sent {
            let answer = answer.await.map(drop).map_err(|e| failed(&self.options.topic(&topic), &e));
            outcome = outcome.and(answer);
        }
        outcome
    }
}

fn envelope(message: Message) -> PubSubMessage {
    PubSubMessage::new().set_attributes(message.attributes()).set_data(message.data)
}

fn failed(topic: &str, error: &PublishError) -> PortError {
    match error {
        PublishError::Rpc(error) => refused(&format!("publishing to `{topic}`"), error),
        _ => PortError::Transient(format!("publishing to `{topic}` was cut short: {error}")),
    }
}

/// What an error of the service means: by its code, else (no answer at all) transient.
fn refused(doing: &str, error: &Error) -> PortError {
    let code = error.status().map(|status| status.code);
    match code {
        Some(Code::NotFound) => {
            PortError::Permanent(format!("{doing} failed: it isn't there; apply `infra/` ({error})"))
        }
        Some(Code::PermissionDenied | Code::Unauthenticated) => PortError::Permanent(format!(
            "{doing} failed: this account may not; `infra/iam.tf` says which roles it needs ({error})"
        )),
        Some(Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange | Code::Unimplemented) => {
            PortError::Permanent(format!("{doing} was refused: {error}"))
        }
        _ => PortError::Transient(format!("{doing} failed: {error}")),
    }
}
