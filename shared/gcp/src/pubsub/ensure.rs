//! Topics and push subscriptions as the catalog declares them, for emulators and bootstrap. In a project that
//! `infra/` manages, Terraform makes the same ones.
//!
//! Invariant: what is already there stays as it is, so running it twice does nothing.

use super::{PubSubBroker, PubSubOptions, refused};
use google_cloud_gax::error::rpc::Code;
use google_cloud_pubsub::{
    Error,
    client::{SubscriptionAdmin, TopicAdmin},
    model::{
        DeadLetterPolicy, ExpirationPolicy, PushConfig, RetryPolicy, Subscription as PubSubSubscription,
        push_config::OidcToken,
    },
};
use google_cloud_wkt::Duration;
use model::port::{PortError, broker::Subscription};

/// Undelivered messages are kept a week, delivered ones not at all.
const KEEP_S: i64 = 7 * 24 * 3600;

/// Where and how subscriptions push.
#[derive(Clone, Debug)]
pub struct Push {
    /// The address of the service that takes pushes; `/push/SUBSCRIPTION` is added.
    pub base_url: String,
    /// Sent as `?token=…`, for emulators, which send no identity. Letters, digits, `-` and `_`.
    pub token: Option<String>,
    /// The account whose identity token each push carries in production; its audience is `base_url`.
    pub service_account: Option<String>,
    /// The first wait after a refused delivery and the longest, in seconds: 0 to 600.
    pub back_off_s: (u32, u32),
}

impl Push {
    /// Pushes without an identity, and with the back-off that `infra/` declares.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self { base_url: base_url.into(), token: None, service_account: None, back_off_s: (10, 600) }
    }

    /// With a token in the address.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    fn retries(&self) -> RetryPolicy {
        let (shortest, longest) = self.back_off_s;
        RetryPolicy::new()
            .set_minimum_backoff(Duration::clamp(shortest.into(), 0))
            .set_maximum_backoff(Duration::clamp(longest.into(), 0))
    }

    fn endpoint(&self, subscription: &str) -> String {
        let url = format!("{}/push/{subscription}", self.base_url.trim_end_matches('/'));
        self.token.as_ref().map_or(url.clone(), |token| format!("{url}?token={token}"))
    }

    fn config(&self, subscription: &str) -> PushConfig {
        let config = PushConfig::new().set_push_endpoint(self.endpoint(subscription));
        match &self.service_account {
            Some(email) => config.set_oidc_token(
                OidcToken::new().set_service_account_email(email).set_audience(&self.base_url),
            ),
            None => config,
        }
    }
}

impl PubSubBroker {
    /// Creates the topics and subscriptions that aren't there yet, each subscription with a dead-letter topic
    /// `SUBSCRIPTION.dead` and a subscription without push on that, which keeps what arrives there.
    pub async fn ensure(
        &self,
        topics: &[&str],
        subscriptions: &[Subscription],
        push: &Push,
    ) -> Result<(), PortError> {
        let admin = Admin::connect(&self.options).await?;
        for topic in topics {
            admin.topic(topic).await?;
        }
        for subscription in subscriptions {
            admin.topic(&subscription.topic).await?;
            admin.dead_letters(subscription).await?;
            admin.subscription(admin.pushed(subscription, push)).await?;
        }
        Ok(())
    }
}

struct Admin<'a> {
    options: &'a PubSubOptions,
    topics: TopicAdmin,
    subscriptions: SubscriptionAdmin,
}

impl<'a> Admin<'a> {
    async fn connect(options: &'a PubSubOptions) -> Result<Self, PortError> {
        let (topics, subscriptions) = (TopicAdmin::builder(), SubscriptionAdmin::builder());
        let (topics, subscriptions) = match options.endpoint() {
            Some((endpoint, credentials)) => (
                topics.with_endpoint(&endpoint).with_credentials(credentials.clone()),
                subscriptions.with_endpoint(&endpoint).with_credentials(credentials),
            ),
            None => (topics, subscriptions),
        };
        let failed = |e| PortError::Transient(format!("no connection to Pub/Sub: {e}"));
        let topics = topics.build().await.map_err(failed)?;
        let subscriptions = subscriptions.build().await.map_err(failed)?;
        Ok(Self { options, topics, subscriptions })
    }

    async fn topic(&self, name: &str) -> Result<(), PortError> {
        let name = self.options.topic(name);
        let created = self.topics.create_topic().set_name(&name).send().await;
        settle(created, &format!("creating topic `{name}`"))
    }

    async fn subscription(&self, subscription: PubSubSubscription) -> Result<(), PortError> {
        let doing = format!("creating subscription `{}`", subscription.name);
        settle(self.subscriptions.create_subscription().with_request(subscription).send().await, &doing)
    }

    /// The topic and the subscription that keep what `subscription` gave up on. A topic without one keeps nothing.
    async fn dead_letters(&self, subscription: &Subscription) -> Result<(), PortError> {
        let dead = dead(&subscription.name);
        self.topic(&dead).await?;
        let keeper = PubSubSubscription::new()
            .set_name(self.options.subscription(&dead))
            .set_topic(self.options.topic(&dead))
            .set_message_retention_duration(Duration::clamp(KEEP_S, 0))
            .set_expiration_policy(ExpirationPolicy::new());
        self.subscription(keeper).await
    }

    fn pushed(&self, subscription: &Subscription, push: &Push) -> PubSubSubscription {
        let attempts = i32::try_from(subscription.max_attempts).unwrap_or(i32::MAX).clamp(5, 100);
        let deadline = (subscription.ack_deadline_ms + 999) / 1_000;
        PubSubSubscription::new()
            .set_name(self.options.subscription(&subscription.name))
            .set_topic(self.options.topic(&subscription.topic))
            .set_ack_deadline_seconds(i32::try_from(deadline).unwrap_or(i32::MAX).clamp(10, 600))
            .set_push_config(push.config(&subscription.name))
            .set_filter(filter(&subscription.types))
            .set_expiration_policy(ExpirationPolicy::new())
            .set_message_retention_duration(Duration::clamp(KEEP_S, 0))
            .set_retry_policy(push.retries())
            .set_dead_letter_policy(
                DeadLetterPolicy::new()
                    .set_dead_letter_topic(self.options.topic(&dead(&subscription.name)))
                    .set_max_delivery_attempts(attempts),
            )
    }
}

/// The name of a subscription's dead-letter topic, and of the subscription on it.
fn dead(subscription: &str) -> String {
    format!("{subscription}.dead")
}

/// Types as a Pub/Sub filter; the emulator stores and ignores it.
fn filter(types: &[String]) -> String {
    types.iter().map(|kind| format!("attributes.type = \"{kind}\"")).collect::<Vec<_>>().join(" OR ")
}

/// Being there already is what was asked for.
fn settle<T>(created: Result<T, Error>, doing: &str) -> Result<(), PortError> {
    match created {
        Ok(_) => Ok(()),
        Err(error) if error.status().is_some_and(|status| status.code == Code::AlreadyExists) => Ok(()),
        Err(error) => Err(refused(doing, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_goes_to_its_own_path_with_the_token() {
        let push = Push::new("http://127.0.0.1:1/").token("t");
        assert_eq!(push.endpoint("learn.feedback"), "http://127.0.0.1:1/push/learn.feedback?token=t");
    }

    #[test]
    fn every_type_is_let_through_when_none_is_named() {
        assert_eq!(filter(&[]), "");
        assert_eq!(
            filter(&["a.b".into(), "c".into()]),
            "attributes.type = \"a.b\" OR attributes.type = \"c\""
        );
    }
}
