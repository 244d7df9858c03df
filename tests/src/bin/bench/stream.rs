//! From a commit to its bytes at an SSE client in another process, with 40 streams of four users.

use crate::{
    client::{Client, free_port, request},
    percentile, row,
};
use std::{
    fs,
    io::BufRead,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A user may have ten open, and a tenant forty.
const USERS: usize = 4;
const STREAMS_EACH: usize = 10;
/// Deployments that are watched, one after the other.
const DEPLOYMENTS: usize = 5;

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg("-TERM").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// Measures and prints.
pub fn run(sextant: &str) {
    let data = tempfile::tempdir().unwrap();
    let (port, ingress) = (free_port(), free_port());
    let folder = data.path().to_str().unwrap();
    let server = Command::new(sextant)
        .args(["up", "--data", folder, "--stop-apps"])
        .args(["--port", &port.to_string(), "--ingress-port", &ingress.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let _server = Server(server.unwrap());
    let token = token(folder);
    let readers: Vec<String> =
        (0..USERS).map(|user| mint(sextant, folder, &format!("reader{user}"))).collect();
    let app = tempfile::tempdir().unwrap();
    fs::write(app.path().join("index.html"), "<p>hello").unwrap();
    let mut latencies: Vec<f64> =
        (0..DEPLOYMENTS).flat_map(|_| watch(port, &token, &readers, app.path().to_str().unwrap())).collect();
    latencies.sort_by(f64::total_cmp);
    row(
        "commit to SSE bytes p50",
        percentile(&latencies, 0.5),
        "ms",
        "floor 100, aim 10; 40 streams, from the entry's own time",
    );
    row(
        "commit to SSE bytes p99",
        percentile(&latencies, 0.99),
        "ms",
        &format!("{} events", latencies.len()),
    );
}

fn token(folder: &str) -> String {
    for _ in 0..400 {
        if let Ok(text) = fs::read_to_string(format!("{folder}/up.json")) {
            let address: serde_json::Value = serde_json::from_str(&text).unwrap();
            return address["token"].as_str().unwrap().to_owned();
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("the server never came up");
}

/// A token of one more user.
fn mint(sextant: &str, folder: &str, user: &str) -> String {
    let made =
        Command::new(sextant).args(["--data", folder, "token", "--role", "viewer", "--user", user]).output();
    String::from_utf8(made.unwrap().stdout).unwrap().trim().to_owned()
}

fn watch(port: u16, token: &str, readers: &[String], app: &str) -> Vec<f64> {
    let body = serde_json::json!({"service": "page", "path": app, "strategy": "quick"}).to_string();
    let start = request("POST", "/api/v1/deployments", port, token, &body);
    let (status, answer) = Client::connect(port).unwrap().send(&start).unwrap();
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&answer));
    let id: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    let path = format!("/api/v1/deployments/{}/events?logs=false", id["deployment_id"].as_str().unwrap());
    let opened = now_ms();
    let (tell, heard) = mpsc::channel();
    for reader in readers.iter().flat_map(|reader| std::iter::repeat_n(reader, STREAMS_EACH)) {
        let (request, tell) = (request("GET", &path, port, reader, ""), tell.clone());
        std::thread::spawn(move || {
            let reader = Client::connect(port).unwrap().open(&request).unwrap();
            for line in reader.lines().map_while(Result::ok) {
                if let Some(data) = line.strip_prefix("data:") {
                    let arrived = now_ms();
                    let event: serde_json::Value = serde_json::from_str(data.trim()).unwrap_or_default();
                    let at = event["at"].as_str().and_then(model::Timestamp::parse).map(|at| at.0 as f64);
                    // What happened before the stream was opened is a snapshot, not news.
                    if let Some(at) = at.filter(|at| *at > opened + 50.0) {
                        let _ = tell.send(arrived - at);
                    }
                }
                if line.starts_with("event: done") || line.starts_with("event:done") {
                    break;
                }
            }
        });
    }
    drop(tell);
    heard.into_iter().collect()
}

fn now_ms() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() * 1e3
}
