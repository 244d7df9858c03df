//! Graceful stop, streams, and the helpers around a handler's commit.

use crate::{
    fake::Documents,
    server::{Answer, Server},
};
use futures::StreamExt;
use host::{Context, Error, Function, Request, Response, Role, Route, Runner, SseEvent};
use model::port::store::{Path, StoreError};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{cell::Cell, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Notify,
};

async fn forever(_: Context, _: Request) -> Result<Response, Error> {
    let first = SseEvent { id: Some("1".into()), event: Some("log".into()), data: "a\nb".into() };
    let events = futures::stream::once(async { Ok(first) }).chain(futures::stream::pending());
    Ok(Response::events(events.boxed()))
}

async fn three(_: Context, _: Request) -> Result<Response, Error> {
    let events = (1..=3).map(|n| Ok(SseEvent { data: n.to_string(), ..SseEvent::default() }));
    Ok(Response::events(futures::stream::iter(events.collect::<Vec<_>>()).boxed()))
}

#[tokio::test]
async fn what_runs_is_finished_and_nothing_new_comes_in() {
    let (entered, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let gates = (entered.clone(), go.clone());
    let wait = move |_: Context, _: Request| {
        let (entered, go) = gates.clone();
        async move {
            entered.notify_one();
            go.notified().await;
            Ok::<_, Error>(Response::text(200, "finished"))
        }
    };
    let functions = vec![Function::new("slow", "").route(Route::get("/slow", Role::Public, "", wait))];
    let mut server = Server::start(functions).await;
    let mut stream = server.connect().await;
    stream.write_all(format!("{}\r\n", server.head("GET /slow", &[])).as_bytes()).await.unwrap();
    let idle = server.connect().await;
    entered.notified().await;
    server.stop.take().unwrap().send(()).unwrap();
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!server.task.is_finished());
    go.notify_one();
    assert_eq!(Answer::read(&mut stream).await.body, "finished");
    server.task.await.unwrap().unwrap();
    drop(idle);
}

#[tokio::test]
async fn an_open_stream_does_not_hold_the_stop_up() {
    let functions = vec![Function::new("live", "").route(Route::get("/events", Role::Public, "", forever))];
    let mut server = Server::start(functions).await;
    let mut stream = server.connect().await;
    stream.write_all(format!("{}\r\n", server.head("GET /events", &[])).as_bytes()).await.unwrap();
    let mut read = String::new();
    while !read.contains("data: b\n\n") {
        let mut chunk = [0; 1024];
        let length = stream.read(&mut chunk).await.unwrap();
        assert!(length > 0, "{read}");
        read += &String::from_utf8_lossy(&chunk[..length]);
    }
    assert!(read.contains("text/event-stream") && read.contains("id: 1\nevent: log\ndata: a\n"), "{read}");
    server.stop.take().unwrap().send(()).unwrap();
    let rest = Answer::read(&mut stream).await;
    assert_eq!((rest.head.as_str(), rest.body.as_str()), ("0", ""), "the stream ends properly");
    server.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_hangs_is_cut_off_after_the_grace() {
    let entered = Arc::new(Notify::new());
    let gate = entered.clone();
    let hang = move |_: Context, _: Request| {
        let gate = gate.clone();
        async move {
            gate.notify_one();
            std::future::pending::<Result<Response, Error>>().await
        }
    };
    let functions = vec![Function::new("slow", "").route(Route::get("/hang", Role::Public, "", hang))];
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = Arc::new(host::Config::local(port, crate::server::key()));
    let router = Arc::new(Runner::new(functions, Documents::world().1.ports(), config)).router();
    let grace = std::time::Duration::from_millis(50);
    let shutdown = async move { entered.notified().await };
    let serving = tokio::spawn(host::serve::serve_with_grace(listener, router, shutdown, grace));
    let request = format!("GET /hang HTTP/1.1\r\nhost: localhost:{port}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    serving.await.unwrap().unwrap();
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn sigterm_and_sigint_are_heard() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        // Not waited for yet.
        let heard = host::serve::signal();
        kill(Pid::this(), signal).unwrap();
        heard.await;
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_events() {
    let functions = vec![Function::new("live", "").route(Route::get("/three", Role::Public, "", three))];
    let server = Server::start(functions).await;
    let answer = server.send("GET /three", &[], "").await;
    assert_eq!(answer.body.matches("data: ").count(), 3, "{}", answer.body);
    assert!(answer.body.ends_with("0\r\n\r\n"));
}

#[test]
fn an_event_cannot_forge_another() {
    let event = SseEvent { id: Some("1\ndata: x".into()), event: None, data: "a\r\n\nid: 9".into() };
    assert_eq!(event.encode(), "id: 1 data: x\ndata: a\ndata: \ndata: id: 9\n\n");
}

#[tokio::test]
async fn a_contended_step_is_tried_again_but_not_for_ever() {
    let (_, world) = Documents::world();
    let config = host::Config::local(0, crate::server::key());
    let ctx = Context::new(world.ports(), Arc::new(config));
    let conflict = || Error::from(StoreError::Conflict { path: Path::new("a/b") });
    let tries = Cell::new(0);
    let try_until = |until: u32| {
        let tries = &tries;
        move || {
            tries.set(tries.get() + 1);
            let done = tries.get() == until;
            async move { if done { Ok(()) } else { Err(conflict()) } }
        }
    };
    ctx.retrying(try_until(3)).await.unwrap();
    assert_eq!(tries.replace(0), 3);
    let error = ctx.retrying(try_until(u32::MAX)).await.unwrap_err();
    assert!(error.is_contended() && error.kind() == host::Kind::Conflict);
    assert_eq!(tries.replace(0), 8);
    let over = || {
        tries.set(tries.get() + 1);
        async { Err::<(), _>(Error::gone("It is over. Start anew.")) }
    };
    assert_eq!(ctx.retrying(over).await.unwrap_err().kind(), host::Kind::Gone);
    assert_eq!(tries.get(), 1);
}
