//! The app that target tests deploy, and the runner that builds it: std only, no start-up time, told by paths what
//! to do. `test-app serve` listens on `$PORT`; `test-app run-build FOLDER` is a build runner, `test-app run-log FOLDER`
//! the keeper of a log.

#![expect(clippy::print_stdout, clippy::disallowed_methods, clippy::unwrap_used, reason = "an app for tests")]

mod hold;

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    process::ExitCode,
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};

/// What `/stream` waits for and `/release` gives.
type Gate = Arc<(Mutex<bool>, Condvar)>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["run-build", folder] => {
            machine::target::runner::main(Path::new(folder), &tests::conformance::target::Stars)
        }
        ["run-log", folder] => {
            machine::target::logger::main(Path::new(folder), &tests::conformance::target::Stars)
        }
        ["hold", data, port] => hold::main(Path::new(data), port),
        ["serve"] => serve(),
        _ => ExitCode::from(64),
    }
}

fn serve() -> ExitCode {
    let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
    println!("listening on {port}, secret {}", std::env::var("SECRET").unwrap_or_default());
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let gate = Gate::default();
    for stream in listener.incoming().flatten() {
        stream.set_nodelay(true).ok();
        let gate = Arc::clone(&gate);
        std::thread::spawn(move || while one(&stream, &gate).unwrap_or(false) {});
    }
    ExitCode::SUCCESS
}

struct Request {
    method: String,
    path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }
}

/// One request; whether another may follow. Requests are read byte by byte, so nothing of the next is lost.
fn one(mut stream: &TcpStream, gate: &Gate) -> std::io::Result<bool> {
    let mut reader = BufReader::with_capacity(1, stream);
    let Some(request) = read_head(&mut reader)? else { return Ok(false) };
    let path = request.path.clone();
    let mut parts = path.trim_start_matches('/').split('/');
    let (name, number) = (parts.next().unwrap_or_default(), parts.next().and_then(|n| n.parse::<u64>().ok()));
    let number = number.unwrap_or(0);
    match name {
        "status" => answer(stream, number as u16, "status\n"),
        "slow" => {
            std::thread::sleep(Duration::from_millis(number));
            answer(stream, 200, "slow\n")
        }
        "burn" => {
            let began = Instant::now();
            while began.elapsed() < Duration::from_millis(number) {
                std::hint::black_box((0..1000_u64).sum::<u64>());
            }
            answer(stream, 200, "burnt\n")
        }
        "exit" => {
            println!("leaving as asked");
            std::process::exit(number as i32)
        }
        "cut" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")?;
            Ok(false)
        }
        "hang-up" => Ok(false),
        "environment" => {
            let all: Vec<String> =
                std::env::vars().map(|(name, value)| format!("{name}={value}\n")).collect();
            answer(stream, 200, &all.concat())
        }
        "headers" => {
            let all: Vec<String> =
                request.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
            let all = all.concat();
            answer(stream, 200, &format!("{} {}\n{all}", request.method, request.path))
        }
        "daemon" => daemon(stream, number == 1),
        "process" => answer(stream, 200, &std::process::id().to_string()),
        "stream" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\none\n\r\n")?;
            let (open, bell) = &**gate;
            let mut open = open.lock().unwrap();
            while !*open {
                open = bell.wait(open).unwrap();
            }
            stream.write_all(b"4\r\ntwo\n\r\n0\r\n\r\n")?;
            Ok(true)
        }
        "late" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\none\n\r\n")?;
            std::thread::sleep(Duration::from_millis(number));
            stream.write_all(b"4\r\ntwo\n\r\n0\r\n\r\n")?;
            Ok(true)
        }
        "release" => {
            *gate.0.lock().unwrap() = true;
            gate.1.notify_all();
            answer(stream, 200, "released\n")
        }
        "whole" => {
            let length = request.header("content-length").and_then(|length| length.parse::<u64>().ok());
            let read = std::io::copy(&mut reader.take(length.unwrap_or(0)), &mut std::io::sink())?;
            if read < length.unwrap_or(0) { Ok(false) } else { answer(stream, 200, "all of it\n") }
        }
        "echo" => echo(stream, &mut reader, &request),
        "ws" => web_socket(stream, &mut reader, &request),
        _ => answer(stream, 200, &format!("version {}\n", std::env::var("VERSION").unwrap_or_default())),
    }
}

/// Leaves a process behind that forked twice and has a session of its own; says who it is. `bare`: it has nothing
/// of our environment either.
fn daemon(stream: &TcpStream, bare: bool) -> std::io::Result<bool> {
    let own = "setsid sh -c 'echo $$; exec sleep 600 >/dev/null 2>&1' 2>/dev/null &";
    let mut shell = std::process::Command::new("/bin/sh");
    if bare {
        let path = std::env::var("PATH").unwrap_or_default();
        shell.env_clear().env("PATH", path);
    }
    let output = shell.args(["-c", own]).output()?;
    answer(stream, 200, &String::from_utf8_lossy(&output.stdout))
}

fn read_head(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<Request>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut first = lines.first().map(|line| line.split(' ')).into_iter().flatten().map(str::to_owned);
    let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let headers = lines.iter().skip(1).filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect();
    Ok(Some(Request { method, path, headers }))
}

fn answer(mut stream: &TcpStream, status: u16, body: &str) -> std::io::Result<bool> {
    stream.write_all(
        format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes(),
    )?;
    Ok(true)
}

/// Sends each chunk of a chunked body back before it reads the next.
fn echo(
    mut stream: &TcpStream,
    reader: &mut BufReader<&TcpStream>,
    request: &Request,
) -> std::io::Result<bool> {
    if let Some(length) = request.header("content-length").and_then(|length| length.parse::<u64>().ok()) {
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n")?;
        std::io::copy(&mut reader.take(length), &mut stream)?;
        return Ok(true);
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
    loop {
        let mut size = String::new();
        reader.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk)?;
        write!(stream, "{size:x}\r\n")?;
        stream.write_all(&chunk)?;
        if size == 0 {
            return Ok(true);
        }
    }
}

/// Greets, then sends every text frame (up to 125 bytes) back: RFC 6455, with the sample key of its section 1.3.
fn web_socket(
    mut stream: &TcpStream,
    reader: &mut BufReader<&TcpStream>,
    request: &Request,
) -> std::io::Result<bool> {
    if request.header("sec-websocket-key") != Some("dGhlIHNhbXBsZSBub25jZQ==") {
        return answer(stream, 400, "no key\n");
    }
    stream.write_all(
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    )?;
    stream.write_all(b"\x81\x05hello")?;
    loop {
        let mut head = [0; 6];
        if reader.read_exact(&mut head).is_err() || head[0] & 0x0f == 8 {
            return Ok(false);
        }
        let mut text = vec![0; usize::from(head[1] & 0x7f)];
        reader.read_exact(&mut text)?;
        for (at, byte) in text.iter_mut().enumerate() {
            *byte ^= head[2 + at % 4];
        }
        stream.write_all(&[0x81, text.len() as u8])?;
        stream.write_all(&text)?;
    }
}
