//! Serves a router on a listener until told to stop, then gives what runs 10 s to finish.

use crate::address::Peer;
use axum::{Router, body::Body};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{future::Future, io, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};
use tower_service::Service;

/// How long what runs may go on after the signal.
const GRACE: Duration = Duration::from_secs(10);
/// How long a request's headers may take.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after a failed accept, such as with no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Tells streams that never end by themselves that it is time to.
#[derive(Clone)]
pub(crate) struct Closing(watch::Receiver<bool>);

impl Closing {
    /// Waits until the server stops.
    pub(crate) async fn closed(mut self) {
        // An error means that the server is gone, which is as good.
        let _ = self.0.wait_for(|closing| *closing).await;
    }
}

/// Serves until `shutdown` is done, then stops accepting, ends streams, and waits at most 10 s for the rest.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    serve_with_grace(listener, router, shutdown, GRACE).await
}

/// The same with another time for the rest.
pub async fn serve_with_grace(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()>,
    grace: Duration,
) -> io::Result<()> {
    let (close, closing) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, Peer(peer), router.clone(), Closing(closing.clone())));
                }
                Err(error) => {
                    tracing::warn!("a connection could not be accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    close.send_replace(true);
    let rest = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, rest).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "connections that didn't finish within {} s were cut off",
            grace.as_secs_f32()
        );
    }
    Ok(())
}

async fn connection(stream: TcpStream, peer: Peer, router: Router, closing: Closing) {
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    let extension = closing.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(extension.clone());
        request.extensions_mut().insert(peer);
        router.clone().call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = closing.closed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!("a connection ended early: {error}");
    }
}

/// Done on SIGTERM or SIGINT. They are listened for from the call on, not from the first wait: a signal right after the
/// start, or after the first request, must not kill what runs.
pub fn signal() -> impl Future<Output = ()> {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    async fn received(signals: io::Result<Signal>) {
        match signals {
            Ok(mut signals) => {
                signals.recv().await;
            }
            Err(error) => {
                tracing::error!("signals can't be received, so only SIGKILL stops this process: {error}");
                std::future::pending::<()>().await;
            }
        }
    }
    let (terminate, interrupt) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async {
        tokio::select! {
            () = received(terminate) => {}
            () = received(interrupt) => {}
        }
    }
}
