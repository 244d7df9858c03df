//! A small HTTP client: any `*.localhost` is this machine, and bytes are seen as they come.

use super::fixture::PATIENCE;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status; 0 if the connection ended before one came.
    pub status: u16,
    /// The head as it came.
    pub head: String,
    /// The body, without its chunks' sizes; whatever came of it.
    pub body: String,
}

/// Splits `http://HOST:PORT` into the address to connect to and the host.
fn address(url: &str) -> (String, String) {
    let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let (name, port) = host.split_once(':').unwrap_or((&host, "80"));
    let name = if name.ends_with(".localhost") { "127.0.0.1" } else { name };
    (format!("{name}:{port}"), host)
}

/// Opens a connection and sends `METHOD PATH` with these header lines, each ended by `\r\n`.
pub async fn open(url: &str, request: &str, headers: &str) -> TcpStream {
    let (address, host) = address(url);
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(format!("{request} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n").as_bytes())
        .await
        .unwrap();
    stream
}

/// Reads until `what` was seen; answers all that came.
pub async fn read_until(stream: &mut TcpStream, what: &[u8]) -> Vec<u8> {
    let reading = async {
        let mut seen = Vec::new();
        let mut chunk = [0; 4096];
        while !seen.windows(what.len()).any(|part| part == what) {
            let read = stream.read(&mut chunk).await.unwrap();
            assert!(read > 0, "the connection ended after {:?}", String::from_utf8_lossy(&seen));
            seen.extend_from_slice(&chunk[..read]);
        }
        seen
    };
    tokio::time::timeout(PATIENCE, reading).await.expect("the bytes never came")
}

/// GET on a connection of its own.
pub async fn get(url: &str, path: &str) -> Reply {
    send(url, &format!("GET {path}"), "").await
}

/// Any request without a body, on a connection of its own.
pub async fn send(url: &str, request: &str, headers: &str) -> Reply {
    let mut stream = open(url, request, &format!("connection: close\r\n{headers}")).await;
    let mut all = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("no answer came").ok();
    parse(&String::from_utf8_lossy(&all))
}

/// Sends these bytes alone, then reads until the other side closes.
pub async fn raw(url: &str, text: &str) -> Reply {
    let mut stream = TcpStream::connect(address(url).0).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("no answer came").ok();
    parse(&String::from_utf8_lossy(&all))
}

fn parse(text: &str) -> Reply {
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    Reply { status, head: head.to_owned(), body }
}

fn unchunk(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        body.push_str(after.get(..size).unwrap_or(after));
        rest = after.get(size + 2..).unwrap_or_default();
    }
    body
}
