//! The machine's front door: routes HTTP/1.1 by host and weight to revisions, streams both ways, counts.
//!
//! `http://SERVICE.localhost:PORT` goes to a service by weight, `http://TAG---SERVICE.localhost:PORT` to exactly
//! one revision, and each service also has a port of its own for systems that don't resolve `*.localhost`.
//! Invariant: it decides nothing; the target sets routes and weights, and reads back what was counted.

pub(crate) mod backend;
mod body;
mod exposure;
mod files;
mod forwarded;
mod host;
mod limits;
pub(crate) mod page;
mod paths;
mod proxy;
mod reply;
pub(crate) mod route;
mod site;
pub(crate) mod stats;
mod upload;

pub use exposure::Exposure;
pub use limits::Limits;
pub(crate) use site::Site;

use crate::ports;
use body::Body;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use model::port::{Clock, PortError};
use reply::Problem;
use route::{Found, Route, Table};
use std::{
    convert::Infallible,
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a port that a predecessor is about to release is waited for.
const PORT_PATIENCE: Duration = Duration::from_secs(2);

/// What all connections share.
pub(crate) struct Shared {
    pub table: Table,
    pub exposure: Exposure,
    pub clock: Arc<dyn Clock>,
    /// The ingress' port, for texts.
    pub port: u16,
    pub limits: Limits,
    pub end: CancellationToken,
    tasks: TaskTracker,
    /// One permit for each connection there may be.
    room: Arc<Semaphore>,
}

impl Shared {
    /// So many connections are open that this one shouldn't stay without a request: it ends with its answer.
    fn part(&self, response: &mut Response<Body>) {
        let open = self.limits.connections.saturating_sub(self.room.available_permits());
        if open > self.limits.idle && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// A connection's place among those there may be.
#[derive(Clone)]
pub(crate) struct Place(#[expect(dead_code, reason = "held, not read")] Arc<OwnedSemaphorePermit>);

/// The running ingress.
#[derive(Clone)]
pub(crate) struct Ingress {
    shared: Arc<Shared>,
}

impl Ingress {
    /// Listens on `port` where it is to be reached; 0 takes a free one.
    pub(crate) async fn open(
        port: u16,
        exposure: Exposure,
        limits: Limits,
        clock: Arc<dyn Clock>,
        end: CancellationToken,
        tasks: TaskTracker,
    ) -> Result<Self, PortError> {
        let listeners = listen(exposure.listen, port).await?;
        let port =
            listeners.first().and_then(|listener| listener.local_addr().ok()).map_or(port, |at| at.port());
        let room = Arc::new(Semaphore::new(limits.connections));
        let shared = Arc::new(Shared {
            table: Table::new(exposure.names()),
            exposure,
            clock,
            port,
            limits,
            end,
            tasks,
            room,
        });
        for listener in listeners {
            accept(Arc::clone(&shared), listener, None);
        }
        Ok(Self { shared })
    }

    /// The address of a service, by its label and its own port.
    pub(crate) fn url(&self, label: &str, own: u16) -> String {
        self.shared.exposure.url(label, self.shared.port, own)
    }

    /// The address of one revision.
    pub(crate) fn tagged(&self, tag: &str, label: &str) -> String {
        self.shared.exposure.tagged(tag, label, self.shared.port)
    }

    /// The port it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.shared.port
    }

    /// Makes a service known: by host, and on its own port, the one it had before or a free one.
    pub(crate) async fn add(&self, host: &str, port: Option<u16>) -> Result<Arc<Route>, PortError> {
        let listeners = listen(self.shared.exposure.listen, port.unwrap_or(0)).await?;
        let port =
            listeners.first().and_then(|listener| listener.local_addr().ok()).map_or(0, |at| at.port());
        let route = Route::new(host, port, self.shared.end.child_token());
        for listener in listeners {
            accept(Arc::clone(&self.shared), listener, Some(Arc::clone(&route)));
        }
        self.shared.table.insert(Arc::clone(&route));
        Ok(route)
    }

    /// Forgets a service: its host leads nowhere, and nobody listens on its own port any more.
    pub(crate) fn remove(&self, route: &Arc<Route>) {
        route.set_plan(route::Plan::default());
        self.shared.table.remove(route);
        route.end.cancel();
    }

    /// Whether a host label is taken.
    pub(crate) fn knows(&self, host: &str) -> bool {
        self.shared.table.hosts().iter().any(|known| known == host)
    }
}

/// Listens on this address, and at the same port on 127.0.0.1 and ::1 where those can be had: browsers try either for
/// `*.localhost`.
async fn listen(at: IpAddr, port: u16) -> Result<Vec<TcpListener>, PortError> {
    let first = if port == 0 { bind_any(at).await? } else { bind((at, port).into()).await? };
    let port = first.local_addr().map_or(port, |at| at.port());
    let mut listeners = vec![first];
    for loopback in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
        if loopback != at {
            listeners.extend(TcpListener::bind((loopback, port)).await.ok());
        }
    }
    Ok(listeners)
}

/// At a free port, to which it comes back after each start.
async fn bind_any(at: IpAddr) -> Result<TcpListener, PortError> {
    for port in ports::drawn() {
        if let Ok(listener) = TcpListener::bind((at, port)).await {
            return Ok(listener);
        }
    }
    bind((at, 0).into()).await
}

async fn bind(address: SocketAddr) -> Result<TcpListener, PortError> {
    let deadline = tokio::time::Instant::now() + PORT_PATIENCE;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == ErrorKind::AddrInUse && tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => {
                return Err(PortError::Permanent(format!(
                    "the ingress can't listen on {address}: {error}; end whoever uses that port, or choose another with `--ingress-port`"
                )));
            }
        }
    }
}

fn accept(shared: Arc<Shared>, listener: TcpListener, only: Option<Arc<Route>>) {
    let end = only.as_ref().map_or_else(|| shared.end.clone(), |route| route.end.clone());
    let tasks = shared.tasks.clone();
    tasks.spawn(async move {
        end.run_until_cancelled(async {
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => match Arc::clone(&shared.room).try_acquire_owned() {
                        Ok(place) => {
                            stream.set_nodelay(true).ok();
                            let (shared, only) = (Arc::clone(&shared), only.clone());
                            let place = Place(Arc::new(place));
                            let tasks = shared.tasks.clone();
                            tasks.spawn(connection(shared, TokioIo::new(stream), peer, only, place));
                        }
                        // It fits the socket's buffer; whoever doesn't read it isn't waited for.
                        Err(_) => drop(stream.try_write(reply::FULL.as_bytes())),
                    },
                    // Out of descriptors, most likely: give the others time to end.
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        })
        .await
    });
}

async fn connection(
    shared: Arc<Shared>,
    stream: TokioIo<tokio::net::TcpStream>,
    peer: SocketAddr,
    only: Option<Arc<Route>>,
    place: Place,
) {
    let (end, limits) = (shared.end.clone(), shared.limits);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (shared, only) = (Arc::clone(&shared), only.clone());
        // What becomes of the connection after an upgrade keeps its place.
        request.extensions_mut().insert(place.clone());
        async move {
            let mut response = answer(&shared, only, request, peer).await;
            shared.part(&mut response);
            Ok::<_, Infallible>(response)
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_bytes)
        .serve_connection(stream, service)
        .with_upgrades();
    // How a connection ends is its client's business; requests were counted one by one.
    end.run_until_cancelled(serving).await.map(drop).unwrap_or_default();
}

async fn answer(
    shared: &Arc<Shared>,
    only: Option<Arc<Route>>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Response<Body> {
    let host = match host::host(&request) {
        Ok(host) => host,
        Err(problem) => return problem.response(),
    };
    let found = match (shared.table.find(&host), only) {
        (Found::Tag(route, tag), Some(only)) if route.host == only.host => Found::Tag(route, tag),
        (_, Some(only)) => Found::Service(only),
        (found, None) => found,
    };
    let chosen = match found {
        Found::Service(route) => route.next().ok_or_else(|| {
            let stopped = route.plan().stopped;
            if stopped {
                Problem::service_stopped(&route.host)
            } else {
                Problem::nothing_serving(&route.host)
            }
        }),
        Found::Tag(route, tag) => route.tagged(&tag).ok_or_else(|| {
            Problem::unknown_tag(&tag, &route.host, &route.plan().tags.keys().cloned().collect::<Vec<_>>())
        }),
        Found::Nothing => Err(Problem::unknown_host(&host)),
    };
    match chosen {
        Ok(backend) => proxy::forward(shared, backend, request, peer).await,
        Err(problem) => problem.answer(page::wanted(request.headers())),
    }
}

/// The status that a static site answers a path with.
pub(crate) async fn probe_site(site: &Site, path: &str) -> u16 {
    match Request::get(path).body(()) {
        Ok(request) => files::serve(site, &request).await.status().as_u16(),
        Err(_) => 400,
    }
}
