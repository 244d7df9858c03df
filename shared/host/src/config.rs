//! What a process that runs functions is told, read once in `main`.

use crate::{Settings, limit::Limits, oidc::Verifier, token};
use std::{
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

/// Who may push deliveries over HTTP.
#[derive(Clone, Default)]
pub enum PushAuth {
    /// Nobody: there is no push route. For one process, where the broker calls in directly.
    #[default]
    Off,
    /// Whoever knows this secret, given as `?token=` or as bearer token. For emulators.
    Token(String),
    /// Whoever gets through: the service is not public and the platform has verified the caller.
    Platform,
    /// Whoever shows a token of Google's for this audience and account.
    Google(Arc<Verifier>),
}

impl std::fmt::Debug for PushAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            Self::Token(_) => "Token(***)",
            Self::Platform => "Platform",
            Self::Google(_) => "Google",
        })
    }
}

/// What the host goes by, and under `settings` all that the process was told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where people reach the console and its links, without a trailing slash: `http://localhost:8080`.
    pub public_url: String,
    /// The port that is listened on: loopback names are accepted as `Host` with this port only.
    pub port: u16,
    /// Further names accepted as `Host`: `name` (any port), `name:port`, or `*` where a front end already
    /// routes by name.
    pub hosts: Vec<String>,
    /// Signs bearer tokens and sessions.
    pub token_key: token::Key,
    /// Who may push.
    pub push: PushAuth,
    /// Whether the one-time link for a browser works here.
    pub browser_sessions: bool,
    /// Requests and deliveries at once, instead of each function's own number.
    pub max_concurrent: Option<usize>,
    /// How long headers, and after them the body, may take to arrive.
    pub read_timeout: Duration,
    /// How limits on requests are kept.
    pub limits: Limits,
    /// Origins whose pages may call the API, such as `https://app.example.com`; `*` for all. Cookies never count
    /// for them.
    pub origins: Vec<String>,
    /// Proxies of ours in front, each of which adds whom it saw to `X-Forwarded-For`: 0 where clients connect
    /// directly.
    pub forwarded_hops: usize,
    /// Seconds each function may take, instead of its own number.
    pub timeout: Option<Duration>,
    /// What the process was told, typed.
    pub settings: Settings,
    /// How often the crash point that is set was passed, for tests that die at a later pass.
    pub passes: Arc<AtomicU32>,
}

impl Config {
    /// For one machine: loopback names only, no push route, the browser's link on.
    pub fn local(port: u16, token_key: token::Key) -> Self {
        Self {
            public_url: format!("http://localhost:{port}"),
            port,
            hosts: vec![],
            token_key,
            push: PushAuth::Off,
            browser_sessions: true,
            max_concurrent: None,
            read_timeout: Duration::from_secs(10),
            limits: Limits::Alone,
            origins: vec![],
            forwarded_hops: 0,
            timeout: None,
            settings: Settings::default(),
            passes: Arc::default(),
        }
    }

    /// A link under `public_url`; `path` begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.public_url)
    }
}
