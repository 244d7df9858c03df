//! One request from a client to a revision and its answer back, streamed both ways.
//!
//! Invariant: a request reaches the app at most once, unless it is idempotent, has no body and the connection
//! broke before the first byte of an answer; then at most twice, on the same revision.

use super::{
    Place, Shared,
    backend::{Backend, FRESH, Reach, RequestBody, Sender, USABLE, connect},
    body::{Body, Tally},
    files, forwarded, page,
    reply::Problem,
    upload::{Sending, Upload},
};
use bytes::Bytes;
use http_body_util::{Either, Empty};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Version,
    body::{Body as _, Incoming},
    header::{self, HeaderValue},
    http::request::Parts,
};
use hyper_util::rt::TokioIo;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// How long a request waits for a revision that is starting.
const START_PATIENCE: Duration = Duration::from_secs(10);
/// Headers about one connection only (RFC 9110, 7.6.1); those that `Connection` names go as well.
const HOP_BY_HOP: [&str; 7] =
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

/// Takes a request to `backend` and answers it.
pub(crate) async fn forward(
    shared: &Arc<Shared>,
    backend: Arc<Backend>,
    request: Request<Incoming>,
    peer: SocketAddr,
) -> Response<Body> {
    let (began, page) = (Instant::now(), page::wanted(request.headers()));
    let (under_way, reach) = backend.admit(START_PATIENCE).await;
    let mut tally = Tally::new(under_way, Arc::clone(&shared.clock), began, request.uri().path());
    let problem = match reach {
        Reach::Files(site) => {
            let response = files::serve(&site, &request).await;
            tally.answered(response.status().as_u16());
            return response.map(|body| body.counted(tally));
        }
        Reach::Up(address) => match send(shared, &backend, address, request, peer).await {
            Ok(answer) => return deliver(answer, address, tally),
            Err(problem) => problem,
        },
        Reach::Starting => Problem::starting(&backend.revision),
        Reach::Down { detail, .. } => Problem::no_answer(&backend.revision, &detail),
        Reach::Stopped => Problem::stopped(&backend.revision),
    };
    if problem.is_the_clients() {
        // Not answered by anybody: the tally takes the client for gone.
        drop(tally);
        return problem.answer(page);
    }
    tally.answered(problem.status.as_u16());
    problem.answer(page).map(|body| body.counted(tally))
}

/// An app's answer, the connection it came on, and the client's side of an upgrade.
struct Answer {
    response: Response<Incoming>,
    sender: Sender,
    upgrade: Option<Client>,
    sending: Sending,
}

/// The client's side of an upgrade, and its place among the connections.
struct Client(hyper::upgrade::OnUpgrade, Option<Place>);

async fn send(
    shared: &Shared,
    backend: &Backend,
    address: SocketAddr,
    mut request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Answer, Problem> {
    let place = request.extensions_mut().remove::<Place>();
    let upgrade =
        wants_web_socket(request.headers()).then(|| Client(hyper::upgrade::on(&mut request), place));
    let (mut parts, body) = request.into_parts();
    prepare(&mut parts, peer, upgrade.is_some());
    let repeatable = body.is_end_stream() && upgrade.is_none() && is_idempotent(&parts.method);
    let copy = repeatable.then(|| clone(&parts));
    let (body, sending) = if body.is_end_stream() {
        (Either::Right(Empty::new()), Sending::nothing())
    } else {
        let (upload, sending) = Upload::new(body);
        (Either::Left(upload), sending)
    };
    let first = Request::from_parts(parts, body);
    let age = if repeatable { USABLE } else { FRESH };
    let sent = tokio::time::timeout(shared.limits.answer, async {
        match attempt(shared, backend, address, first, age).await {
            Ok(answer) => Ok(answer),
            Err((why, unsent)) => match unsent.or(copy) {
                // A new connection: the pooled ones may all have died with the process behind them.
                Some(again) => {
                    attempt(shared, backend, address, again, Duration::ZERO).await.map_err(|(why, _)| why)
                }
                None => Err(why),
            },
        }
    });
    let problem = match sent.await {
        Ok(Ok((response, sender))) => return Ok(Answer { response, sender, upgrade, sending }),
        Ok(Err(_)) if sending.broken() => Problem::broken_request(),
        Ok(Err(why)) => Problem::no_answer(&backend.revision, &why),
        Err(_) if sending.waits_for_client() => Problem::slow_request(shared.limits.answer),
        Err(_) => Problem::too_slow(&backend.revision, shared.limits.answer),
    };
    sending.abandon();
    Err(problem)
}

type Failed = (String, Option<Request<RequestBody>>);

/// One try. The request comes back if none of it was sent.
async fn attempt(
    shared: &Shared,
    backend: &Backend,
    address: SocketAddr,
    request: Request<RequestBody>,
    age: Duration,
) -> Result<(Response<Incoming>, Sender), Failed> {
    let mut sender = match backend.idle(age).await {
        Some(sender) => sender,
        // Refused: nobody listens, so the same request again would be refused again.
        None => connect(address, &shared.end).await.map_err(|why| (why, None))?,
    };
    match sender.try_send_request(request).await {
        Ok(response) => Ok((response, sender)),
        Err(mut error) => {
            let unsent = error.take_message();
            Err((format!("the connection broke before an answer: {}", error.into_error()), unsent))
        }
    }
}

fn deliver(answer: Answer, address: SocketAddr, mut tally: Tally) -> Response<Body> {
    let Answer { mut response, sender, upgrade, sending } = answer;
    tally.answered(response.status().as_u16());
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let app = hyper::upgrade::on(&mut response);
        let (parts, _) = response.into_parts();
        if let Some(client) = upgrade {
            tokio::spawn(tunnel(client, app, tally));
        }
        return Response::from_parts(parts, Body::empty());
    }
    strip(response.headers_mut());
    *response.version_mut() = Version::HTTP_11;
    response.map(|body| Body::proxied(body, (sender, address), tally, sending))
}

/// Copies bytes both ways until either side ends. It counts as one request, when it is over.
async fn tunnel(client: Client, app: hyper::upgrade::OnUpgrade, mut tally: Tally) {
    let Client(client, _place) = client;
    if let (Ok(client), Ok(app)) = (client.await, app.await) {
        let (mut client, mut app) = (TokioIo::new(client), TokioIo::new(app));
        if let Ok((_, out)) = tokio::io::copy_bidirectional(&mut client, &mut app).await {
            tally.sent(out);
        }
    }
}

fn prepare(parts: &mut Parts, peer: SocketAddr, upgrade: bool) {
    let protocol = parts.headers.get(header::UPGRADE).cloned().filter(|_| upgrade);
    let host = parts
        .uri
        .authority()
        .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
        .or_else(|| parts.headers.get(header::HOST).cloned());
    strip(&mut parts.headers);
    forwarded::hide_session(&mut parts.headers);
    if let Some(protocol) = protocol {
        parts.headers.insert(header::UPGRADE, protocol);
        parts.headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    }
    if let Some(host) = host {
        forwarded::set(&mut parts.headers, Some(&host), peer);
        parts.headers.insert(header::HOST, host);
    } else {
        forwarded::set(&mut parts.headers, None, peer);
    }
    parts.version = Version::HTTP_11;
    // An app is an origin server: it gets the path alone.
    let path = parts.uri.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str);
    if parts.uri.authority().is_some()
        && let Ok(uri) = path.parse()
    {
        parts.uri = uri;
    }
}

fn strip(headers: &mut HeaderMap) {
    // Removing by name ends the borrow that reading the names needs.
    let named: Vec<String> = connection_options(headers).map(str::to_owned).collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Nothing else is let through: what a proxy can't read (HTTP/2 by `Upgrade: h2c`, for one) passes its rules by.
fn wants_web_socket(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .is_some_and(|protocol| protocol.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && connection_options(headers).any(|option| option.eq_ignore_ascii_case("upgrade"))
}

/// What all `Connection` lines list.
fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::CONNECTION).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE | Method::TRACE
    )
}

fn clone(parts: &Parts) -> Request<RequestBody> {
    let mut copy: Request<RequestBody> = Request::new(Either::Right(Empty::<Bytes>::new()));
    *copy.method_mut() = parts.method.clone();
    *copy.uri_mut() = parts.uri.clone();
    *copy.headers_mut() = parts.headers.clone();
    copy
}
