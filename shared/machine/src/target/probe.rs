//! Asks one revision whether it is well, past the ingress, so that a probe is not counted as traffic.

use super::service::Revision;
use crate::ingress::{
    Site,
    backend::{Reach, connect},
    probe_site,
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Empty};
use hyper::{Request, header};
use model::port::target::Probe;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// The whole probe.
const PATIENCE: Duration = Duration::from_secs(5);
/// Of that, for a process that doesn't listen yet.
const START_PATIENCE: Duration = Duration::from_secs(3);

/// Bytes of a bad answer that are told.
const BODY: usize = 8 << 10;
/// How long the beginning of a bad answer's body is waited for.
const BODY_PATIENCE: Duration = Duration::from_millis(500);

/// Asks once, within five seconds in all.
pub(crate) async fn probe(revision: &Revision, host: &str, path: &str) -> Probe {
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let began = Instant::now();
    match revision.backend.settled(START_PATIENCE).await {
        Reach::Files(site) => files(&site, &path).await,
        Reach::Up(address) => {
            let left = PATIENCE.saturating_sub(began.elapsed());
            match tokio::time::timeout(left, ask(address, host, &path)).await {
                Ok(Ok((status, body, took))) => answered(&path, status, body, took),
                Ok(Err(why)) => sick(format!("GET {path} was not answered: {why}")),
                Err(_) => {
                    sick(format!("GET {path} was not answered within {} s", left.as_secs_f64().round()))
                }
            }
        }
        Reach::Starting => sick("it was started and doesn't listen on $PORT yet".to_owned()),
        Reach::Down { detail, dead } => Probe { dead, detail, ..Probe::default() },
        Reach::Stopped => Probe { dead: true, detail: "it was stopped".to_owned(), ..Probe::default() },
    }
}

async fn files(site: &Site, path: &str) -> Probe {
    let began = Instant::now();
    answered(path, probe_site(site, path).await, String::new(), began.elapsed())
}

async fn ask(address: SocketAddr, host: &str, path: &str) -> Result<(u16, String, Duration), String> {
    let began = Instant::now();
    let end = CancellationToken::new();
    // The connection ends with this call.
    let _guard = end.clone().drop_guard();
    let mut sender = connect(address, &end).await?;
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::USER_AGENT, "sextant-probe")
        .header(header::CONNECTION, "close")
        .body(Either::Right(Empty::<Bytes>::new()))
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let (status, took) = (response.status().as_u16(), began.elapsed());
    if status < 400 {
        return Ok((status, String::new(), took));
    }
    let mut body = Vec::new();
    // A body that never ends takes nothing from what was answered.
    tokio::time::timeout(BODY_PATIENCE, beginning(response.into_body(), &mut body)).await.ok();
    Ok((status, String::from_utf8_lossy(&body).into_owned(), took))
}

/// The beginning of a body; as much of it as comes before its connection ends.
async fn beginning(mut body: hyper::body::Incoming, bytes: &mut Vec<u8>) {
    while bytes.len() < BODY
        && let Some(Ok(frame)) = body.frame().await
    {
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| &data[..]));
    }
    bytes.truncate(BODY);
}

fn answered(path: &str, status: u16, body: String, took: Duration) -> Probe {
    let detail = format!("GET {path} answered {status} in {} ms", took.as_millis());
    Probe { healthy: Probe::is_well(status), dead: false, detail, status: Some(status), body }
}

fn sick(detail: String) -> Probe {
    Probe { detail, ..Probe::default() }
}
