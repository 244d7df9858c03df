//! One revision as the ingress sees it: how it is reached, its connections, its counts.
//!
//! Invariant: a connection in the pool has no request on it and belongs to the address that is reached now.

use super::{paths::Paths, site::Site, stats::Stats, upload::Upload};
use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::{
    net::SocketAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, sync::watch};
use tokio_util::sync::CancellationToken;

/// Connections that are kept open without a request.
const IDLE_CONNECTIONS: usize = 256;
/// Servers close idle connections on their own, some after 2 s; a request that can't be repeated doesn't go on
/// one that is older than this.
pub(crate) const FRESH: Duration = Duration::from_secs(1);
/// No connection is used after this long without a request.
pub(crate) const USABLE: Duration = Duration::from_secs(30);

/// The body of a request on its way to an app.
pub(crate) type RequestBody = Either<Upload, Empty<Bytes>>;
/// A connection to an app.
pub(crate) type Sender = http1::SendRequest<RequestBody>;

/// How a revision is reached now.
#[derive(Clone, Debug)]
pub(crate) enum Reach {
    /// Served by the ingress itself.
    Files(Arc<Site>),
    /// Its process was started and doesn't listen yet: requests wait.
    Starting,
    /// Its process listens here.
    Up(SocketAddr),
    /// Its process died, and will be started again after a while unless `dead`.
    Down {
        /// Why, one sentence.
        detail: String,
        /// Whether it keeps dying.
        dead: bool,
    },
    /// It was stopped on purpose.
    Stopped,
}

/// One revision: its connections, and what is counted of it.
#[derive(Debug)]
pub(crate) struct Backend {
    /// The revision's name.
    pub revision: String,
    /// How it is reached; whoever supervises it writes here.
    pub reach: watch::Sender<Reach>,
    /// What it did.
    pub stats: Stats,
    /// What it answered, by path.
    pub paths: Paths,
    idle: Mutex<Vec<(Sender, Instant)>>,
    in_flight: AtomicUsize,
    quiet: tokio::sync::Notify,
}

impl Backend {
    pub(crate) fn new(revision: &str, reach: Reach) -> Arc<Self> {
        Arc::new(Self {
            revision: revision.to_owned(),
            reach: watch::Sender::new(reach),
            stats: Stats::new(),
            paths: Paths::default(),
            idle: Mutex::new(Vec::new()),
            in_flight: AtomicUsize::new(0),
            quiet: tokio::sync::Notify::new(),
        })
    }

    /// Changes how it is reached. Idle connections belong to the old way.
    pub(crate) fn set_reach(&self, reach: Reach) {
        self.idle.lock().clear();
        self.reach.send_replace(reach);
    }

    /// Waits while it is starting, at most `patience`; then how it is reached.
    pub(crate) async fn settled(&self, patience: Duration) -> Reach {
        {
            let now = self.reach.borrow();
            if !matches!(*now, Reach::Starting) {
                return now.clone();
            }
        }
        let mut receiver = self.reach.subscribe();
        let settled = receiver.wait_for(|reach| !matches!(reach, Reach::Starting));
        match tokio::time::timeout(patience, settled).await {
            Ok(Ok(reach)) => reach.clone(),
            _ => Reach::Starting,
        }
    }

    /// An idle connection, used less than `age` ago.
    pub(crate) async fn idle(&self, age: Duration) -> Option<Sender> {
        loop {
            let (mut sender, since) = self.idle.lock().pop()?;
            if sender.is_closed() || since.elapsed() > age {
                continue;
            }
            if sender.is_ready() || sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }

    /// Gives a connection back.
    pub(crate) fn give_back(self: &Arc<Self>, sender: Sender, address: SocketAddr) {
        if sender.is_closed() || !matches!(*self.reach.borrow(), Reach::Up(now) if now == address) {
            return;
        }
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_CONNECTIONS {
            idle.push((sender, Instant::now()));
        }
        // Whoever fills an empty pool sees to it that it is empty again when nothing comes any more.
        if idle.len() == 1 {
            tokio::spawn(let_go(Arc::downgrade(self)));
        }
    }

    /// Counts a request as under way and says how what answers it is reached. While that is starting, at most
    /// `patience`, a request waits uncounted: a restart waits for what is counted before it starts anything.
    pub(crate) async fn admit(self: &Arc<Self>, patience: Duration) -> (InFlight, Reach) {
        let end = Instant::now() + patience;
        loop {
            // Counted before it looks: whoever changes the way after that look waits for this request.
            let under_way = self.enter();
            let reach = self.reach.borrow().clone();
            let left = end.saturating_duration_since(Instant::now());
            if !matches!(reach, Reach::Starting) || left.is_zero() {
                return (under_way, reach);
            }
            drop(under_way);
            self.settled(left).await;
        }
    }

    /// Counts a request as under way until the guard is dropped.
    fn enter(self: &Arc<Self>) -> InFlight {
        self.in_flight.fetch_add(1, Ordering::AcqRel);
        InFlight(Arc::clone(self))
    }

    /// Waits until nothing is under way, at most `patience`.
    pub(crate) async fn drained(&self, patience: Duration) {
        let drained = async {
            loop {
                let quiet = self.quiet.notified();
                if self.in_flight.load(Ordering::Acquire) == 0 {
                    return;
                }
                quiet.await;
            }
        };
        tokio::time::timeout(patience, drained).await.ok();
    }
}

/// Closes connections that were idle for too long, until there is none.
async fn let_go(backend: Weak<Backend>) {
    loop {
        tokio::time::sleep(USABLE).await;
        let Some(backend) = backend.upgrade() else { return };
        let mut idle = backend.idle.lock();
        idle.retain(|(sender, since)| !sender.is_closed() && since.elapsed() < USABLE);
        if idle.is_empty() {
            return;
        }
    }
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Backend>);

impl InFlight {
    pub(crate) fn backend(&self) -> &Arc<Backend> {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if self.0.in_flight.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.quiet.notify_waiters();
        }
    }
}

/// Opens a connection; it is driven by a task of its own until either side closes it or `end` comes.
pub(crate) async fn connect(address: SocketAddr, end: &CancellationToken) -> Result<Sender, String> {
    let stream = tokio::time::timeout(Duration::from_secs(5), TcpStream::connect(address))
        .await
        .map_err(|_| "it took no connection within 5 s".to_owned())?
        .map_err(|error| format!("the connection failed: {error}"))?;
    stream.set_nodelay(true).ok();
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| format!("the connection failed: {error}"))?;
    let end = end.clone();
    tokio::spawn(async move { end.run_until_cancelled(connection.with_upgrades()).await });
    Ok(sender)
}
