//! `register` accepted durably per second with 64 clients, against what the store's own group commit reaches with 64
//! writers of the same documents under other ids, their indexes included, in the same run.

use crate::{
    client::{Client, free_port, request},
    percentile, row,
};
use machine::store::{Options, Store};
use model::port::{
    Store as _,
    store::{Body, Change, Path, Precondition, Write},
};
use serde_json::Value;
use std::{
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

const CLIENTS: usize = 64;
const RUN: Duration = Duration::from_secs(5);

/// Measures both and prints them with their ratio.
pub fn run(sextant: &str) {
    let data = tempfile::tempdir().unwrap();
    let (rate, mut latencies) = through_http(sextant, &data);
    latencies.sort_by(f64::total_cmp);
    // Printed before the store is opened here: an older version's program can be measured, its store not be read.
    row("register", rate, "1/s", "accepted durably, 64 clients");
    row("register p50", percentile(&latencies, 0.50), "ms", "");
    row("register p99", percentile(&latencies, 0.99), "ms", "");
    let documents = written(&data, "warm-0");
    let what = format!(
        "64 writers, the same {} documents, {} bytes",
        documents.len(),
        documents.iter().map(|(_, body)| body.to_string().len()).sum::<usize>()
    );
    let limit = group_commit(documents);
    row("store limit", limit, "1/s", &what);
    row("register / store limit", rate / limit * 100.0, "%", "floor 40, aim 75");
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn through_http(sextant: &str, data: &tempfile::TempDir) -> (f64, Vec<f64>) {
    let folder = data.path().to_str().unwrap();
    let port = free_port();
    let server = Command::new(sextant)
        .args(["serve", "register", "--data", folder])
        .env("PORT", port.to_string())
        .env("SEXTANT_NO_LIMITS", "on")
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
    (rate, latencies)
}

/// The documents that one registration wrote.
fn written(data: &tempfile::TempDir, decision: &str) -> Vec<(String, Value)> {
    let store = Store::open(&data.path().join("store"), Options::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut documents = vec![];
        let read = async |path: Path| {
            let body: Value = store.get(&path).await.unwrap().unwrap().body.parse().unwrap();
            (path.collection().to_owned(), body)
        };
        let decided = read(Path::new(format!("tenants/local/decisions/{decision}"))).await;
        let named = |field: &str| decided.1[field].as_str().unwrap().to_owned();
        documents.push(read(Path::new(format!("tenants/local/deployments/{}", named("deployment")))).await);
        documents.push(read(Path::new(format!("tenants/local/services/{}", named("service")))).await);
        documents.push(read(Path::new(format!("tenants/local/secrets/{decision}"))).await);
        documents.push(decided);
        documents
    })
}

fn body(port: u16, token: &str, decision: &str) -> Vec<u8> {
    let body = serde_json::json!({
        "decision_id": decision, "user_id": "ada", "session_id": "s-1", "gcp_project_id": "shop-prod",
        "gcp_credentials": "{\"type\":\"service_account\",\"private_key\":\"not a real one\"}",
        "deployment_region": "europe-west1", "recommended_architecture": "cloud-run", "recommended_cost": 12.5,
    });
    request("POST", "/api/v1/deployments/register", port, token, &body.to_string())
}

/// Commits of the same documents under other ids, serialized and committed in this process: nothing but the store.
fn group_commit(documents: Vec<(String, Value)>) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(folder.path(), Options::default()).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let documents: Arc<Vec<(String, Body)>> = Arc::new(
        documents.into_iter().map(|(collection, body)| (collection, Body::of(&body).unwrap())).collect(),
    );
    runtime.block_on(async move {
        let began = Instant::now();
        let writers = (0..CLIENTS).map(|writer| {
            let (store, documents) = (Arc::clone(&store), Arc::clone(&documents));
            tokio::spawn(async move {
                let mut done = 0_u64;
                while began.elapsed() < RUN {
                    let write = |(collection, body): &(String, Body)| Write {
                        path: Path::new(format!("{collection}/{writer}-{done}")),
                        precondition: Precondition::Absent,
                        change: Change::Put(body.clone()),
                    };
                    store.commit(documents.iter().map(write).collect()).await.unwrap();
                    done += 1;
                }
                done
            })
        });
        let done: u64 = futures::future::join_all(writers).await.into_iter().map(Result::unwrap).sum();
        done as f64 / began.elapsed().as_secs_f64()
    })
}
