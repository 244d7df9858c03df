//! The receiving end of push subscriptions: an HTTP server that hands Pub/Sub's envelopes to subscribers.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::post,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use model::{
    Timestamp,
    message::Message,
    port::{Delivery, Subscriber, Verdict},
};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::watch;

/// What each push must carry: nobody else on the machine knows it.
pub const TOKEN: &str = "a-token-of-this-test-run";

/// A server that runs until the test's runtime ends.
pub struct PushServer {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    subscribers: Mutex<HashMap<String, Arc<dyn Subscriber>>>,
    /// How many pushes came.
    pushes: watch::Sender<u64>,
}

impl PushServer {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { subscribers: Mutex::default(), pushes: watch::Sender::new(0) });
        let routes = Router::new().route("/push/{subscription}", post(take)).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, shared }
    }

    /// Hands pushes of a subscription to a subscriber from now on.
    pub fn subscribe(&self, subscription: &str, subscriber: Arc<dyn Subscriber>) {
        self.shared.subscribers.lock().unwrap().insert(subscription.to_owned(), subscriber);
    }

    /// Waits until nothing has been pushed for so long.
    pub async fn quiet(&self, long: Duration) {
        let mut pushes = self.shared.pushes.subscribe();
        while tokio::time::timeout(long, pushes.changed()).await.is_ok() {}
    }
}

#[derive(Deserialize)]
struct Envelope {
    message: Inner,
    #[serde(default, rename = "deliveryAttempt")]
    attempt: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Inner {
    #[serde(default)]
    data: String,
    attributes: BTreeMap<String, String>,
    message_id: String,
    publish_time: String,
}

#[derive(Deserialize)]
struct Access {
    token: Option<String>,
}

async fn take(
    Path(subscription): Path<String>,
    Query(access): Query<Access>,
    State(shared): State<Arc<Shared>>,
    Json(envelope): Json<Envelope>,
) -> StatusCode {
    if access.token.as_deref() != Some(TOKEN) {
        return StatusCode::FORBIDDEN;
    }
    shared.pushes.send_modify(|count| *count += 1);
    let Some(subscriber) = shared.subscribers.lock().unwrap().get(&subscription).cloned() else {
        return StatusCode::NOT_FOUND;
    };
    match subscriber.deliver(delivery(subscription, envelope)).await {
        Verdict::Ack => StatusCode::NO_CONTENT,
        Verdict::Nack => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn delivery(subscription: String, envelope: Envelope) -> Delivery {
    let Inner { data, attributes, message_id, publish_time } = envelope.message;
    let data = Bytes::from(BASE64_STANDARD.decode(data).unwrap());
    let topic = subscription.split_once('.').unwrap().1.to_owned();
    Delivery {
        message: Message::from_parts(&topic, &attributes, &data).unwrap(),
        subscription,
        id: message_id,
        published_at: Timestamp::parse(&publish_time).unwrap(),
        attempt: envelope.attempt.unwrap_or(1),
    }
}
