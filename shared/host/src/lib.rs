//! Runs a function: HTTP, Pub/Sub push and in-process delivery, auth, errors, telemetry.
//!
//! A function is one declaration ([`Function`]) and plain `async fn`s. Handlers decide; they know no web server,
//! no queue and no cloud. What they answer is mapped to HTTP, acknowledgement or redelivery here, in one place.
//!
//! Invariant: who calls, for which tenant, is settled before a handler runs, and from the token alone.
//!
//! | module | holds |
//! |---|---|
//! | [`function`] | what a function declares: routes, topics, schedules, ports, its door |
//! | [`setting`] | what a process is told: one typed table |
//! | [`port`] | which ports a function is handed, and ports that open on first use |
//! | [`page`] | the one layout of pages, and those that need nothing else |
//! | [`context`], [`request`], [`response`], [`error`], [`findings`] | what handlers see |
//! | [`runner`], [`serve`] | runs functions behind HTTP and as the subscriber of a broker |
//! | [`token`], [`session`] | bearer tokens and the browser's one-time link |
//! | [`stored`], [`outbox`] | a document as it was read; what it owes to the topics |
//! | [`backoff`] | pauses between tries |
//! | [`idempotency`] | `Idempotency-Key` on routes that create |
//! | [`push`], [`oidc`] | the Pub/Sub push envelope, and who may send it |
//! | [`webhook`] | signatures of what customers send |
//! | [`limit`] | how often something may be asked for |
//! | [`catalog`], [`openapi`] | what is derived from the declarations |
//! | [`seal`] | secrets at rest |
//! | [`telemetry`], [`trace`] | logs and W3C trace context |

mod address;
mod auth;
pub mod backoff;
mod body;
pub mod catalog;
pub mod config;
pub mod context;
mod cors;
pub mod crash;
pub mod derived;
pub mod error;
pub mod findings;
pub mod function;
mod http;
pub mod idempotency;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod limit;
pub mod oidc;
pub mod openapi;
pub mod outbox;
pub mod page;
pub mod port;
mod problems;
pub mod push;
pub mod request;
pub mod response;
mod routing;
pub mod runner;
pub mod seal;
pub mod serve;
pub mod session;
pub mod setting;
pub mod stored;
pub mod telemetry;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod testing;
pub mod token;
pub mod trace;
mod upload;
pub mod webhook;

pub use config::{Config, PushAuth};
pub use context::{Caller, Context};
pub use error::{Error, Kind};
pub use findings::Findings;
pub use function::{Door, Function, Method, Outcome, Role, Route};
pub use model::port::Delivery;
pub use port::Port;
pub use request::Request;
pub use response::{Response, SseEvent};
pub use runner::Runner;
pub use serve::serve;
pub use setting::Settings;
pub use stored::Stored;
pub use trace::Trace;
