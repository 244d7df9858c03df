//! `register` accepted durably per second with 64 clients, against what the store's own group commit reaches with 64
//! writers of the same documents, in the same run.

use crate::{
    client::{Client, free_port, request},
    percentile, row,
};
use machine::store::{Options, Store};
use model::port::{
    Store as _,
    store::{Path, Precondition, Write},
};
use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

const CLIENTS: usize = 64;
const RUN: Duration = Duration::from_secs(5);

/// Measures both and prints them with their ratio.
pub fn run(sextant: &str) {
    let (rate, mut latencies, writes, bytes) = through_http(sextant);
    latencies.sort_by(f64::total_cmp);
    let limit = group_commit(writes, bytes);
    row("register", rate, "1/s", "accepted durably, 64 clients");
    row("register p50", percentile(&latencies, 0.50), "ms", "");
    row("register p99", percentile(&latencies, 0.99), "ms", "");
    row("store limit", limit, "1/s", &format!("64 writers, commits of {writes} documents of {bytes} bytes"));
    row("register / store limit", rate / limit * 100.0, "%", "floor 40, aim 75");
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn through_http(sextant: &str) -> (f64, Vec<f64>, usize, usize) {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    let port = free_port();
    let server = Command::new(sextant)
        .args(["serve", "register", "--data", folder])
        .env("PORT", port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let server = Server(server.unwrap());
    let token = Command::new(sextant).args(["token", "--data", folder]).output().unwrap().stdout;
    let token = String::from_utf8(token).unwrap().trim().to_owned();
    while Client::connect(port).is_err() {
        std::thread::sleep(Duration::from_millis(5));
    }
    // One first, so that opening the store isn't measured.
    let first = Client::connect(port).unwrap().send(&body(port, &token, "warm-0")).unwrap();
    assert!(first.0 < 300, "{}", String::from_utf8_lossy(&first.1));
    let began = Instant::now();
    let threads: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let token = token.clone();
            std::thread::spawn(move || {
                let mut connection = Client::connect(port).unwrap();
                let mut latencies = vec![];
                for n in 0.. {
                    let bytes = body(port, &token, &format!("d{client}-{n}"));
                    let sent = Instant::now();
                    let (status, answer) = connection.send(&bytes).unwrap();
                    assert!(status < 300, "{}", String::from_utf8_lossy(&answer));
                    latencies.push(sent.elapsed().as_secs_f64() * 1e3);
                    if began.elapsed() > RUN {
                        break;
                    }
                }
                latencies
            })
        })
        .collect();
    let latencies: Vec<f64> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    let rate = latencies.len() as f64 / began.elapsed().as_secs_f64();
    drop(server);
    let (writes, bytes) = stored(&data, latencies.len() + 1);
    (rate, latencies, writes, bytes)
}

/// How many documents one registration wrote, and how large they are on average.
fn stored(data: &tempfile::TempDir, registrations: usize) -> (usize, usize) {
    let store = Store::open(&data.path().join("store"), Options::default()).unwrap();
    let stats = store.stats();
    let writes = (stats.documents as usize / registrations).max(1);
    (writes, (stats.bytes as usize / (stats.documents as usize).max(1)).max(1))
}

fn body(port: u16, token: &str, decision: &str) -> Vec<u8> {
    let body = serde_json::json!({
        "decision_id": decision, "user_id": "ada", "session_id": "s-1", "gcp_project_id": "shop-prod",
        "gcp_credentials": "{\"type\":\"service_account\",\"private_key\":\"not a real one\"}",
        "deployment_region": "europe-west1", "recommended_architecture": "cloud-run", "recommended_cost": 12.5,
    });
    request("POST", "/api/v1/deployments/register", port, token, &body.to_string())
}

fn group_commit(writes: usize, bytes: usize) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path(), Options::default()).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async move {
        let began = Instant::now();
        let padding = "x".repeat(bytes.saturating_sub(20));
        let writers = (0..CLIENTS).map(|writer| {
            let (store, padding) = (Arc::clone(&store), padding.clone());
            tokio::spawn(async move {
                let mut done = 0_u64;
                while began.elapsed() < RUN {
                    let batch = (0..writes).map(|n| {
                        let path = Path::new(format!("tenants/t/bench/{writer}-{done}-{n}"));
                        Write::put(path, Precondition::Absent, &serde_json::json!({"padding": padding}))
                            .unwrap()
                    });
                    store.commit(batch.collect()).await.unwrap();
                    done += 1;
                }
                done
            })
        });
        let done: u64 = futures::future::join_all(writers).await.into_iter().map(Result::unwrap).sum();
        done as f64 / began.elapsed().as_secs_f64()
    })
}
