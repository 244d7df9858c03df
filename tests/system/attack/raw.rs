//! Requests byte by byte: a client library would put right what an attacker gets wrong on purpose. Each may come from
//! an address of its own, since refused sign-ins are counted by address.

use std::{net::SocketAddr, time::Duration};
use tests::system::{PATIENCE, System};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub text: String,
}

/// Where the API listens, and what a request calls it.
pub fn host(system: &System) -> String {
    system.address().url.strip_prefix("http://").unwrap().trim_end_matches('/').to_owned()
}

/// A connection from `127.x.y.1`.
pub async fn connect(system: &System, (x, y): (u8, u8)) -> TcpStream {
    let port = host(system).rsplit_once(':').unwrap().1.parse().unwrap();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, x, y, 1], 0))).unwrap();
    socket.connect(SocketAddr::from(([127, 0, 0, 1], port))).await.unwrap()
}

/// Sends a head (without its last empty line; `Host` is up to it) and a body, and reads the answer to its end.
pub async fn send(system: &System, from: (u8, u8), head: &str, body: &[u8]) -> Answer {
    let mut stream = connect(system, from).await;
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let head = format!("{head}\r\nconnection: close\r\n{length}\r\n");
    let mut bytes = vec![];
    let talk = async {
        stream.write_all(&[head.as_bytes(), body].concat()).await.ok();
        stream.read_to_end(&mut bytes).await
    };
    let ended = tokio::time::timeout(PATIENCE, talk).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert!(ended.is_ok(), "{head} was not answered to the end: {text}");
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer { status: status.unwrap_or_else(|| panic!("{head}: no answer: {text:?}")), text }
}

/// A moment for the other side.
pub async fn moment() {
    tokio::time::sleep(Duration::from_millis(200)).await;
}
