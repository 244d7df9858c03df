//! Bodies that a handler takes as they come.

use crate::{fake::Documents, server::Server};
use futures::StreamExt;
use host::{Context, Error, Function, Request, Response, Role, Route};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Answers how many pieces and bytes came, or why no more did.
async fn count(_: Context, request: Request) -> Result<Response, Error> {
    let (mut pieces, mut bytes) = (0, 0);
    let mut stream = request.take_stream()?;
    while let Some(piece) = stream.next().await {
        match piece {
            Ok(piece) => (pieces, bytes) = (pieces + 1, bytes + piece.len()),
            Err(error) => return Err(Error::unprocessable(format!("After {bytes} bytes: {error}."))),
        }
    }
    assert!(request.take_stream().is_err() && request.body.is_empty());
    Ok(Response::text(200, format!("{} {bytes}", pieces > 1)))
}

async fn ignore(_: Context, _: Request) -> Result<Response, Error> {
    Ok(Response::text(200, "known"))
}

async fn server() -> Server {
    let counting =
        Route::post("/count", Role::Public, "", count).streams("application/zstd").body_limit(4 << 20);
    let ignoring = Route::post("/ignore", Role::Public, "", ignore).streams("application/zstd");
    let function = Function::new("uploads", "").route(counting).route(ignoring);
    Server::configured(Documents::world(), vec![function], |config| {
        config.read_timeout = Duration::from_millis(200);
    })
    .await
}

#[tokio::test]
async fn large_bodies_come_in_pieces_up_to_the_limit() {
    let server = server().await;
    let all = server.send("POST /count", &[], &"x".repeat(4 << 20)).await;
    assert_eq!((all.status, all.body.as_str()), (200, "true 4194304"));
    assert_eq!(server.send("POST /count", &[], "").await.body, "false 0");
    let more = server.send("POST /count", &[], &"x".repeat((4 << 20) + 1)).await;
    assert!(more.status == 422 && more.body.contains("more than 4 MiB"), "{}", more.body);
}

/// A connection that is closed on unread bytes is reset, and its answer with it.
#[tokio::test]
async fn who_sends_what_nobody_reads_gets_the_answer_all_the_same() {
    let server = server().await;
    for bytes in [6, 1 << 20, 7 << 20] {
        let answer = server.send("POST /ignore", &[("connection", "close")], &"x".repeat(bytes)).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "known"), "after {bytes} bytes");
    }
}

/// As long as something comes it may take longer than the patience with a whole body.
#[tokio::test]
async fn slow_is_fine_silent_is_not() {
    let server = server().await;
    for (pieces, said) in [(5, "true 5"), (2, "After 2 bytes: nothing of the body came")] {
        let mut stream = server.connect().await;
        let head = format!("{}content-length: 5\r\n\r\n", server.head("POST /count", &[]));
        stream.write_all(head.as_bytes()).await.unwrap();
        for _ in 0..pieces {
            tokio::time::sleep(Duration::from_millis(100)).await;
            stream.write_all(b"x").await.unwrap();
        }
        let answer = crate::server::Answer::read(&mut stream).await;
        assert!(answer.body.contains(said), "{}", answer.body);
    }
}
