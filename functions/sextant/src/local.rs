//! What only a developer's machine offers: moving the clock, looking at messages, replaying dead letters, calling a
//! function with an example. Not part of the catalog; none of it exists in the cloud.

use crate::{
    functions,
    place::machine::{Machine, TENANT},
};
use bytes::Bytes;
use futures::{
    FutureExt as _, StreamExt as _,
    future::{BoxFuture, ready},
};
use host::{Context, Error, Function, Method, Port, Request, Response, Role, Route, session::Sessions};
use machine::{backup, broker::Broker, clock::MachineClock};
use model::{
    TenantId, Timestamp,
    document::{Member, SCHEMA, member_path},
    message::Message,
    port::{
        Clock as _, PortError,
        store::{Precondition, Store as _, Write},
    },
};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// A handler that holds an adapter.
trait Handler: Fn(Context, Request) -> BoxFuture<'static, Result<Response, Error>> + Send + Sync {}

impl<T: Fn(Context, Request) -> BoxFuture<'static, Result<Response, Error>> + Send + Sync> Handler for T {}

/// The most that the clock moves at once: two years.
const MOST_MS: i64 = 2 * 365 * model::time::DAY_MS;

#[derive(Deserialize)]
struct Tick {
    by_ms: i64,
}

#[derive(Deserialize)]
struct Limit {
    #[serde(default = "hundred")]
    limit: usize,
}

fn hundred() -> usize {
    100
}

/// The function of these routes.
pub fn function(machine: &Machine, sessions: Arc<Sessions>) -> Function {
    let broker = || Arc::clone(&machine.broker);
    let started = machine.clock.now();
    let source = backup::Source::new(&machine.data, machine.store.engine());
    let (clock, recent, dead, replayed) = (Arc::clone(&machine.clock), broker(), broker(), broker());
    let route = |method: Method, path, summary, handler: Box<dyn Handler>| {
        Route::new(method, path, Role::Owner, summary, move |ctx: Context, request: Request| {
            // Checked before anything is looked at: this is about the machine, not about one tenant.
            match ctx.caller().and_then(|caller| for_this_machine(&caller.tenant)) {
                Ok(()) => handler(ctx, request),
                Err(error) => ready(Err(error)).boxed(),
            }
        })
    };
    Function::new("local", "What only a developer's machine offers")
        .uses(&[Port::Broker])
        .route(route(
            Method::Post,
            "/local/v1/tick",
            "Moves the clock of timers forward",
            Box::new(move |_, request| ready(tick(&clock, &request)).boxed()),
        ))
        .route(route(
            Method::Post,
            "/local/v1/sign-in-link",
            "Makes a link that signs a browser in, once, within five minutes",
            Box::new(move |ctx, request| ready(sign_in_link(&ctx, &sessions, &request)).boxed()),
        ))
        .route(route(
            Method::Get,
            "/local/v1/messages",
            "The newest messages",
            Box::new(move |_, request| ready(messages(&recent, started, &request)).boxed()),
        ))
        .route(route(
            Method::Get,
            "/local/v1/dead-letters",
            "Messages given up on",
            Box::new(move |_, request| ready(dead_letters(&dead, &request)).boxed()),
        ))
        .route(route(
            Method::Post,
            "/local/v1/dead-letters/{id}/replay",
            "Delivers one again, or all",
            Box::new(move |_, request| replay(Arc::clone(&replayed), request).boxed()),
        ))
        .route(route(
            Method::Post,
            "/local/v1/backup",
            "Streams everything, sealed under a passphrase",
            Box::new(move |_, request| ready(backup(source.clone(), &request)).boxed()),
        ))
        .route(route(
            Method::Post,
            "/local/v1/publish",
            "Publishes a message",
            Box::new(|ctx, request| publish(ctx, request).boxed()),
        ))
}

/// The clock, and the messages of every tenant, belong to whoever runs this machine: another tenant's owner is
/// owner of their own data only.
fn for_this_machine(tenant: &TenantId) -> Result<(), Error> {
    if tenant.as_str() == TENANT {
        return Ok(());
    }
    Err(Error::forbidden(format!(
        "This shows and moves the whole machine, and `{tenant}` is one tenant on it. Use a token of tenant `{TENANT}`."
    )))
}

fn tick(clock: &MachineClock, request: &Request) -> Result<Response, Error> {
    let Tick { by_ms } = request.json()?;
    if !(1..=MOST_MS).contains(&by_ms) {
        return Err(Error::unprocessable("The clock moves forward only, by at most two years at once.")
            .field("by_ms", "1 ms to 2 years"));
    }
    let now = clock.advance(by_ms).map_err(|error| Error::internal(error.to_string()))?;
    Ok(Response::json(200, &json!({"now": now.rfc3339(), "offset_ms": clock.offset_ms()})))
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    to: String,
}

fn sign_in_link(ctx: &Context, sessions: &Sessions, request: &Request) -> Result<Response, Error> {
    let Page { to } = request.json()?;
    let (clock, random) = (&*ctx.ports.clock, &*ctx.ports.random);
    let link = ctx.config.url(&sessions.new_link(&ctx.caller()?.clone(), &to, clock, random));
    Ok(Response::json(200, &json!({ "link": link })).header("cache-control", "no-store"))
}

/// Those that everybody has handled are known since the start only: nothing depends on them, so they aren't kept.
fn messages(broker: &Broker, since: Timestamp, request: &Request) -> Result<Response, Error> {
    let Limit { limit } = request.query()?;
    let (recent, pending) = (broker.recent(limit.min(1000)), broker.pending());
    Ok(Response::json(200, &json!({"messages": recent, "pending": pending, "handled_since": since})))
}

fn dead_letters(broker: &Broker, request: &Request) -> Result<Response, Error> {
    let Limit { limit } = request.query()?;
    Ok(Response::json(200, &json!({"dead_letters": broker.dead_letters(limit.min(1000))})))
}

async fn replay(broker: Arc<Broker>, request: Request) -> Result<Response, Error> {
    let id = request.param("id");
    if id == "all" {
        let replayed = broker.replay_all().await?;
        return Ok(Response::json(200, &json!({"replayed": replayed})));
    }
    broker.replay(id).await.map_err(|error| match error {
        PortError::Permanent(text) => Error::not_found(text),
        PortError::Transient(_) => error.into(),
    })?;
    Ok(Response::json(200, &json!({"replayed": 1})))
}

#[derive(Deserialize)]
struct Sealed {
    passphrase: String,
}

/// A stream that breaks off is no whole backup: its last chunk is missing.
fn backup(source: backup::Source, request: &Request) -> Result<Response, Error> {
    let Sealed { passphrase } = request.json()?;
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    tokio::task::spawn_blocking(move || {
        if let Err(error) = source.write(&passphrase, Pieces(sender.clone())) {
            // Whoever reads may be gone; then nobody is told.
            drop(sender.blocking_send(Err(Error::internal(error.to_string()))));
        }
    });
    let pieces = futures::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    Ok(Response::stream("application/octet-stream", pieces.boxed()))
}

/// Hands on what is written to it.
struct Pieces(tokio::sync::mpsc::Sender<Result<Bytes, Error>>);

impl std::io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map(|()| bytes.len()).map_err(|_| std::io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

async fn publish(ctx: Context, request: Request) -> Result<Response, Error> {
    let message: Message = request.json()?;
    ctx.ports.broker.publish(vec![message]).await?;
    Ok(Response::json(202, &json!({"published": 1})))
}

/// The one person of this machine: who is asked about services.
pub async fn welcome(machine: &Machine, email: &str) -> anyhow::Result<()> {
    let tenant = TenantId::new(TENANT)?;
    let member = Member { schema: SCHEMA, user: "you".to_owned(), email: email.to_owned(), verified: true };
    let path = member_path(&tenant, &member.user);
    let known = machine.store.get(&path).await?.and_then(|document| document.body.parse::<Member>().ok());
    if known.as_ref() != Some(&member) {
        machine.store.commit(vec![Write::put(path, Precondition::None, &member)?]).await?;
    }
    Ok(())
}

/// The OpenAPI document of the functions, without what is local.
pub fn openapi() -> utoipa::openapi::OpenApi {
    host::openapi::document(&functions::all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_tenants_owner_does_not_look_into_the_machine() {
        let tenant = |name: &str| TenantId::new(name).unwrap();
        let refused = for_this_machine(&tenant("acme")).unwrap_err();
        assert!(refused.detail().contains("`acme`") && refused.detail().contains("`local`"), "{refused}");
        assert!(for_this_machine(&tenant(TENANT)).is_ok());
    }
}
