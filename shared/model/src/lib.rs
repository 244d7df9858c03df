//! What every part of Sextant agrees on: ids, money, documents, messages, the ports to the outside and the
//! deployment's state machine.
//!
//! Invariant: nothing here does I/O, reads a clock, draws a random number or names a cloud. Whoever needs one
//! of those is handed a port (`port`), and time and randomness are arguments.
//!
//! | module | holds |
//! |---|---|
//! | [`id`] | prefixed ids and parsed names |
//! | [`time`], [`month`], [`money`] | milliseconds since 1970; calendar months; integer micro-dollars |
//! | [`document`] | what the store keeps, each with a schema version, and the paths it is kept at |
//! | [`message`] | what travels through topics, and the Pub/Sub push envelope it travels in |
//! | [`index`] | the indexes that queries need, for both engines |
//! | [`deployment`] | `decide(state, input)`: pure and total |
//! | [`price`] | the list prices of Cloud Run |
//! | [`template`] | forms of paths, for counting requests by them |
//! | [`text`] | text from outside, as it may be shown |
//! | [`port`] | Store, Broker, Timers, Target, Objects, Keys, Mailer, Clock, Source |

pub mod address;
pub mod deployment;
pub mod document;
pub mod id;
pub mod index;
pub mod message;
pub mod money;
pub mod month;
pub mod name;
pub mod port;
pub mod price;
pub mod queue;
pub mod template;
pub mod text;
pub mod time;

pub use id::{DecisionId, DeploymentId, LearningId, ObservationId, ServiceName, TenantId};
pub use money::Micros;
pub use name::{CustomerId, FieldName, VariableName};
pub use time::Timestamp;
