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
};

/// What each push must carry: nobody else on the machine knows it.
pub const TOKEN: &str = "a-token-of-this-test-run";

type Subscribers = Arc<Mutex<HashMap<String, Arc<dyn Subscriber>>>>;

/// A server that runs until the test's runtime ends.
pub struct PushServer {
    /// `http://127.0.0.1:PORT`.
    pub url: String,
    subscribers: Subscribers,
}

impl PushServer {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let subscribers = Subscribers::default();
        let routes = Router::new().route("/push/{subscription}", post(take)).with_state(subscribers.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, subscribers }
    }

    /// Hands pushes of a subscription to a subscriber from now on.
    pub fn subscribe(&self, subscription: &str, subscriber: Arc<dyn Subscriber>) {
        self.subscribers.lock().unwrap().insert(subscription.to_owned(), subscriber);
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
    State(subscribers): State<Subscribers>,
    Json(envelope): Json<Envelope>,
) -> StatusCode {
    if access.token.as_deref() != Some(TOKEN) {
        return StatusCode::FORBIDDEN;
    }
    let Some(subscriber) = subscribers.lock().unwrap().get(&subscription).cloned() else {
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
