//! Which ports a function is handed: what it declares, and nothing else.
//!
//! Invariant: a call of a port that a function doesn't declare fails with a sentence, in every place, so that a
//! declaration that is too short is found on a developer's machine and not in a cloud that lacks the port.

pub mod lazy;

use crate::Function;
use model::port::Ports;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// The ports that reach outside; clock and randomness everybody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Port {
    /// Documents, their queries and their watches.
    Store,
    /// Publishing to topics.
    Broker,
    /// Messages at a later time.
    Timers,
    /// Where apps run.
    Target,
    /// Logs and archives.
    Objects,
    /// What wraps data keys.
    Keys,
    /// Mail that is sent to people.
    Mailer,
    /// Repositories and uploads, as archives.
    Source,
}

impl Port {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Store,
        Self::Broker,
        Self::Timers,
        Self::Target,
        Self::Objects,
        Self::Keys,
        Self::Mailer,
        Self::Source,
    ];

    /// Puts one port of `from` in the place of that of `into`.
    fn copy(self, from: &Ports, into: &mut Ports) {
        match self {
            Self::Store => into.store = Arc::clone(&from.store),
            Self::Broker => into.broker = Arc::clone(&from.broker),
            Self::Timers => into.timers = Arc::clone(&from.timers),
            Self::Target => into.target = Arc::clone(&from.target),
            Self::Objects => into.objects = Arc::clone(&from.objects),
            Self::Keys => into.keys = Arc::clone(&from.keys),
            Self::Mailer => into.mailer = Arc::clone(&from.mailer),
            Self::Source => into.source = Arc::clone(&from.source),
        }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Store => "store",
            Self::Broker => "broker",
            Self::Timers => "timers",
            Self::Target => "target",
            Self::Objects => "objects",
            Self::Keys => "keys",
            Self::Mailer => "mailer",
            Self::Source => "source",
        })
    }
}

/// The ports that a function declares; any other fails.
pub fn handed(all: &Ports, function: &Function) -> Ports {
    let declared = function.ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let reason = format!(
        "`{}` called a port that it doesn't declare; it declares: {declared}. Add the port to `uses` in its declaration.",
        function.name
    );
    let mut handed = lazy::none(reason, Arc::clone(&all.clock), Arc::clone(&all.random));
    for port in function.ports {
        port.copy(all, &mut handed);
    }
    handed
}
