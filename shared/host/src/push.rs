//! The Pub/Sub push envelope, wrapped (JSON around base64 data) or unwrapped (the data as body, the rest as
//! headers), as <https://cloud.google.com/pubsub/docs/push> describes both (read 2026-11).

use axum::http::HeaderMap;
use base64::{
    Engine,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};
use bytes::Bytes;
use model::{Timestamp, message::Message, port::Delivery};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What is wrong with a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bad {
    /// Not an envelope at all: whoever sent it is not a broker.
    Envelope(String),
    /// An envelope, but its message is none of ours, and won't become one by being sent again.
    Message(String),
}

#[derive(Deserialize)]
struct Wrapped {
    message: Inner,
    #[serde(default, rename = "deliveryAttempt", alias = "delivery_attempt")]
    attempt: Option<u32>,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    data: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default, rename = "messageId")]
    id: Option<String>,
    // The emulator and older services send these names beside or instead of the others.
    #[serde(default, rename = "message_id")]
    snake_id: Option<String>,
    #[serde(default, rename = "publishTime")]
    time: Option<String>,
    #[serde(default, rename = "publish_time")]
    snake_time: Option<String>,
}

/// Padding is in what Google sends; other senders may leave it out.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Reads a push to `subscription` (`FUNCTION.TOPIC`).
pub(crate) fn read(
    subscription: &str,
    headers: &HeaderMap,
    body: &Bytes,
    now: Timestamp,
) -> Result<Delivery, Bad> {
    let topic = subscription.split_once('.').map_or(subscription, |(_, topic)| topic);
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (attributes, data, id, time, attempt) = match header("x-goog-pubsub-message-id") {
        Some(id) => {
            let attributes = ["type", "tenant", "traceparent"]
                .into_iter()
                .filter_map(|name| Some((name.to_owned(), header(name)?.to_owned())))
                .collect();
            let time = header("x-goog-pubsub-publish-time").map(str::to_owned);
            (
                attributes,
                body.clone(),
                id.to_owned(),
                time,
                header("x-goog-pubsub-delivery-attempt").and_then(|n| n.parse().ok()),
            )
        }
        None => unwrap(body)?,
    };
    let message = Message::from_parts(topic, &attributes, &data).map_err(Bad::Message)?;
    let published_at = time.as_deref().and_then(Timestamp::parse).unwrap_or(now);
    Ok(Delivery {
        subscription: subscription.to_owned(),
        id,
        published_at,
        attempt: attempt.unwrap_or(1),
        message,
    })
}

type Parts = (BTreeMap<String, String>, Bytes, String, Option<String>, Option<u32>);

fn unwrap(body: &Bytes) -> Result<Parts, Bad> {
    let wrapped: Wrapped =
        serde_json::from_slice(body).map_err(|e| Bad::Envelope(format!("not a Pub/Sub envelope: {e}")))?;
    let inner = wrapped.message;
    let data = LENIENT
        .decode(&inner.data)
        .map_err(|e| Bad::Message(format!("the message's data is not base64: {e}")))?;
    let id = inner.id.or(inner.snake_id).unwrap_or_default();
    Ok((inner.attributes, data.into(), id, inner.time.or(inner.snake_time), wrapped.attempt))
}

/// The wrapped envelope of a delivery, as Pub/Sub would push it.
pub fn envelope(delivery: &Delivery) -> Value {
    json!({
        "message": {
            "data": BASE64_STANDARD.encode(&delivery.message.data),
            "attributes": delivery.message.attributes(),
            "messageId": delivery.id,
            "message_id": delivery.id,
            "publishTime": delivery.published_at.rfc3339(),
            "publish_time": delivery.published_at.rfc3339(),
        },
        "subscription": delivery.subscription,
        "deliveryAttempt": delivery.attempt,
    })
}
