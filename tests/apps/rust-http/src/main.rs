//! A small HTTP/1.1 server of nothing but the standard library: the app that the demo deploys.
//!
//! `GET /` greets with `$APP_VERSION`; `$FAIL_PERCENT` of its answers are 500, spread evenly by a counter, so that
//! any hundred requests in a row see exactly that many; `$SLOW_MS` delays it. `GET /orders/N` tells of an order, or, with
//! `$FAIL_ORDERS`, says in its log what is missing and fails. `GET /healthz` is always well. `GET /crash` ends the process. Connections are kept alive; each has a thread.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Bytes of one line of a request's head.
const LINE_BYTES: u64 = 8 * 1024;
/// Lines of a request's head.
const HEAD_LINES: usize = 100;
/// Bytes of a request's body that are read past; a larger one closes the connection.
const BODY_BYTES: u64 = 1024 * 1024;
/// How long a connection may be idle.
const IDLE: Duration = Duration::from_secs(75);

/// What the environment says, and how many greetings there were.
struct App {
    version: String,
    fail_percent: u64,
    fail_orders: bool,
    slow: Duration,
    greetings: AtomicU64,
}

struct Request {
    method: String,
    path: String,
    body: u64,
    keep_alive: bool,
}

struct Response {
    status: &'static str,
    body: String,
}

impl App {
    fn from_env() -> Self {
        App {
            version: env::var("APP_VERSION").unwrap_or_else(|_| "1".into()),
            fail_percent: number("FAIL_PERCENT").min(100),
            fail_orders: number("FAIL_ORDERS") > 0,
            slow: Duration::from_millis(number("SLOW_MS")),
            greetings: AtomicU64::new(0),
        }
    }

    fn respond(&self, request: &Request) -> Response {
        let path = request.path.split('?').next().unwrap_or_default();
        match (request.method.as_str(), path) {
            ("GET" | "HEAD", "/") => self.greet(),
            ("GET" | "HEAD", "/healthz") => Response { status: "200 OK", body: "ok\n".into() },
            ("GET" | "HEAD", order) if order.starts_with("/orders/") => {
                self.order(&order["/orders/".len()..])
            }
            (_, "/crash") => {
                println!("crashing, as asked");
                process::exit(1);
            }
            (_, "/" | "/healthz") => {
                Response { status: "405 Method Not Allowed", body: "only GET is known here\n".into() }
            }
            _ => Response { status: "404 Not Found", body: "there is nothing here\n".into() },
        }
    }

    fn order(&self, id: &str) -> Response {
        let version = &self.version;
        if self.fail_orders {
            eprintln!("Error: order {id} could not be read: no such table: orders");
            return Response {
                status: "500 Internal Server Error",
                body: format!("version {version} failed\n"),
            };
        }
        println!("order {id} was read");
        Response { status: "200 OK", body: format!("order of version {version}\n") }
    }

    fn greet(&self) -> Response {
        thread::sleep(self.slow);
        let count = self.greetings.fetch_add(1, Ordering::Relaxed);
        let version = &self.version;
        if fails(count, self.fail_percent) {
            return Response {
                status: "500 Internal Server Error",
                body: format!("version {version} failed\n"),
            };
        }
        Response { status: "200 OK", body: format!("hello from version {version}\n") }
    }
}

/// Whether greeting number `count` fails: each time the even share passes the next whole number.
fn fails(count: u64, percent: u64) -> bool {
    let at = count % 100;
    (at + 1) * percent / 100 > at * percent / 100
}

fn number(name: &str) -> u64 {
    env::var(name).ok().and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

/// Reads a request; none when the other side is done.
fn read_request(reader: &mut impl BufRead) -> io::Result<Option<Request>> {
    let Some(first) = read_line(reader)? else { return Ok(None) };
    let mut words = first.split_whitespace();
    let (Some(method), Some(path), Some(protocol)) = (words.next(), words.next(), words.next()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "not a request line"));
    };
    let mut request =
        Request { method: method.into(), path: path.into(), body: 0, keep_alive: protocol == "HTTP/1.1" };
    for _ in 0..HEAD_LINES {
        let line = read_line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if line.is_empty() {
            return Ok(Some(request));
        }
        if let Some((name, value)) = line.split_once(':') {
            read_header(&mut request, name, value.trim())?;
        }
    }
    Err(io::Error::new(io::ErrorKind::InvalidData, "too many headers"))
}

fn read_header(request: &mut Request, name: &str, value: &str) -> io::Result<()> {
    if name.eq_ignore_ascii_case("content-length") {
        request.body = value.parse().map_err(|_| io::ErrorKind::InvalidData)?;
    } else if name.eq_ignore_ascii_case("connection") {
        request.keep_alive = if value.eq_ignore_ascii_case("close") {
            false
        } else {
            request.keep_alive || value.eq_ignore_ascii_case("keep-alive")
        };
    } else if name.eq_ignore_ascii_case("transfer-encoding") {
        // Nothing here takes a body: one of unknown length ends the connection.
        request.body = u64::MAX;
    }
    Ok(())
}

/// One line without its break; none at the end of the stream.
fn read_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = String::new();
    let read = reader.by_ref().take(LINE_BYTES).read_line(&mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if !line.ends_with('\n') {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is too long or cut off"));
    }
    line.truncate(line.trim_end_matches(['\r', '\n']).len());
    Ok(Some(line))
}

fn write_response(
    stream: &mut TcpStream,
    request: &Request,
    response: &Response,
    keep: bool,
) -> io::Result<()> {
    let Response { status, body } = response;
    let length = body.len();
    let connection = if keep { "keep-alive" } else { "close" };
    let mut text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {length}\r\n\
         connection: {connection}\r\n\r\n"
    );
    if request.method != "HEAD" {
        text.push_str(body);
    }
    // One write, so that head and body travel in one packet.
    stream.write_all(text.as_bytes())
}

fn serve(mut stream: TcpStream, app: &App) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(IDLE))?;
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = read_request(&mut reader)? {
        let keep = request.keep_alive && request.body <= BODY_BYTES;
        let response = app.respond(&request);
        if keep {
            io::copy(&mut reader.by_ref().take(request.body), &mut io::sink())?;
        }
        write_response(&mut stream, &request, &response, keep)?;
        if !keep {
            break;
        }
    }
    Ok(())
}

/// Serves on `$PORT` for as long as it lives. Public, since the demo carries this file as a module of its own.
pub fn main() -> io::Result<()> {
    let app = Arc::new(App::from_env());
    let port = env::var("PORT").ok().and_then(|port| port.parse::<u16>().ok()).unwrap_or(8080);
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    println!("version {} listens on {port}", app.version);
    for stream in listener.incoming() {
        let app = Arc::clone(&app);
        // A connection that breaks is the client's matter; the server goes on.
        let started =
            stream.and_then(|stream| thread::Builder::new().spawn(move || drop(serve(stream, &app))));
        if let Err(error) = started {
            eprintln!("a connection was not served: {error}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_asked_share_fails() {
        for percent in [0, 1, 7, 50, 99, 100] {
            for start in [0, 13, 250] {
                let failed = (start..start + 100).filter(|count| fails(*count, percent)).count();
                assert_eq!(failed as u64, percent);
            }
        }
    }

    #[test]
    fn a_request_with_a_body_and_what_is_none() {
        let mut text = &b"POST /x HTTP/1.1\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"[..];
        let request = read_request(&mut text).unwrap().unwrap();
        assert_eq!((request.path.as_str(), request.body, request.keep_alive), ("/x", 3, false));
        assert!(read_request(&mut &b""[..]).unwrap().is_none());
        assert!(read_request(&mut &b"GET /\r\n"[..]).is_err());
        assert!(read_request(&mut &b"GET / HTTP/1.1\r\nHost: x"[..]).is_err());
    }
}
