//! A process that runs the functions.

use crate::{people::Ask, run::tenant, task::End};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use futures::future::BoxFuture;
use host::{Caller, Config, Role, Runner, setting::value::CrashPoint, token};
use model::port::{Delivery, Ports, Subscriber as _};
use serde_json::Value;
use std::sync::{Arc, OnceLock, atomic::Ordering};
use tokio::runtime::{Builder, EnterGuard, Runtime};
use tower_service::Service as _;

/// Where threads and timers of handlers belong. Nobody drives it, so no time of its own passes in it.
pub fn enter_runtime() -> EnterGuard<'static> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_current_thread().enable_time().build().unwrap()).enter()
}

fn key() -> token::Key {
    token::Key::new(vec![7; 32]).unwrap()
}

/// One of them.
pub struct Process {
    pub name: String,
    runner: Arc<Runner>,
    config: Arc<Config>,
    ports: Arc<Ports>,
    router: Router,
}

impl Process {
    /// Starts one. With a crash point, [`Process::passed`] counts how often it was passed.
    pub fn start(name: String, ports: &Arc<Ports>, alone: bool, point: Option<&'static str>) -> Self {
        let mut config = Config::local(8080, key());
        // They count by real time, in which a world passes in a blink.
        config.limits = host::limit::Limits::Off;
        config.settings.instance.clone_from(&name);
        config.settings.alone = alone;
        // No pass is the zeroth: it only counts.
        config.settings.crash_at = point.map(|name| CrashPoint { name, pass: 0 });
        config.max_concurrent = Some(4096);
        let config = Arc::new(config);
        let functions = vec![register::function(), deploy_step::function()];
        let runner = Arc::new(Runner::new(functions, ports.clone(), config.clone()));
        Self { name, router: runner.router(), runner, config, ports: ports.clone() }
    }

    /// How often its crash point was passed.
    pub fn passed(&self) -> u32 {
        self.config.passes.load(Ordering::SeqCst)
    }

    pub fn deliver(&self, delivery: Delivery) -> BoxFuture<'static, End> {
        let runner = self.runner.clone();
        Box::pin(async move { End::Verdict(runner.deliver(delivery).await) })
    }

    /// A person's request.
    pub fn ask(&self, ask: &Ask) -> BoxFuture<'static, End> {
        let caller = Caller { tenant: tenant(), user: "ada".to_owned(), role: Role::Deployer };
        let claims = token::Claims::new(&caller, self.ports.clock.real(), 3600, 1);
        let token = token::mint(&key(), &claims).unwrap();
        let mut request = Request::post(ask.path())
            .header("host", "localhost:8080")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        if let Ask::Deploy { key, .. } = ask {
            request = request.header("idempotency-key", key);
        }
        let request = request.body(Body::from(ask.body().to_string())).unwrap();
        let mut router = self.router.clone();
        Box::pin(async move {
            let answer = router.call(request).await.unwrap();
            let status = answer.status().as_u16();
            let bytes = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
            End::Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
        })
    }
}
