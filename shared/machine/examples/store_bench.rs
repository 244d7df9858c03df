//! How many durable commits and reads a second the embedded store does on this disk: one writer, 64 writers, and
//! the same again with many documents stored, and what those take in memory; beside a raw append with fdatasync.
//!
//! `cargo run --release -p machine --example store_bench [FOLDER [DOCUMENTS]]`: 1,000,000 by default.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench reads the clock and prints")]

use futures::StreamExt;
use machine::store::{Options, Store};
use model::port::Store as _;
use model::port::store::{Path, Precondition, Query, Scope, StoreError, Watch, Write};
use serde_json::{Value, json};
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

const FOR: Duration = Duration::from_secs(2);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some("read") {
        return read(std::env::args().nth(2).unwrap_or_default().as_ref()).await;
    }
    let folder = std::env::args().nth(1).map_or_else(std::env::temp_dir, std::path::PathBuf::from);
    let documents = std::env::args().nth(2).map_or(Ok(1_000_000), |count| count.parse())?;
    let folder = folder.join(format!("store-bench-{}", std::process::id()));
    println!("raw append + fdatasync        {:>9.0} /s", raw(&folder)?);
    println!("open, empty, median           {:>9.0} µs", opened(&folder)?);
    let store = Arc::new(Store::open(&folder.join("data"), Options::default())?);
    println!("commits, 1 writer             {:>9.0} /s", commits(&store, 1).await?);
    println!("commits, 64 writers           {:>9.0} /s", commits(&store, 64).await?);
    println!("gets                          {:>9.0} /s", gets(&store).await?);
    println!("page of 20 by index           {:>9.0} /s", pages(&store).await?);
    println!("commit to watcher, median     {:>9.0} µs", watched(&store).await?);
    fill(&store, documents).await?;
    println!("{:?}", store.stats());
    println!("memory after writing          {:>9} MB", anonymous_mb()?);
    println!("then commits, 64 writers      {:>9.0} /s", commits(&store, 64).await?);
    println!("then page of 20 by index      {:>9.0} /s", pages(&store).await?);
    println!("{:?}", store.stats());
    drop(store);
    // In a process of its own: what it takes to have them, not to have written them.
    let program = std::env::current_exe()?;
    std::process::Command::new(program).arg("read").arg(folder.join("data")).status()?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

async fn read(folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let store = Store::open(folder, Options::default())?;
    let all = Query::all(Scope::Collection("tenants/t0/deployments".into()), 1);
    let found = store.query(&all).await?.documents.len();
    let ms = start.elapsed().as_secs_f64() * 1e3;
    println!("ready, {found} of {} documents   {ms:>7.0} ms", store.stats().documents);
    println!("memory then                   {:>9} MB", anonymous_mb()?);
    println!("gets                          {:>9.0} /s", gets(&store).await?);
    println!("page of 20 by index           {:>9.0} /s", pages(&store).await?);
    println!("memory then                   {:>9} MB", anonymous_mb()?);
    Ok(())
}

/// What the process has for itself; files that are read stay with the kernel.
fn anonymous_mb() -> Result<u64, Box<dyn std::error::Error>> {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = rollup.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap_or("0 kB");
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? >> 10)
}

fn document(number: u64) -> Value {
    json!({
        "schema": 1, "id": format!("dep_{number:026}"), "service": format!("service-{}", number % 50), "status": "BUILDING",
        "created_at": number, "shard": number % 8, "next_due": number + 1000, "source": {"url": "https://example.com/a/b.git"},
        "timeline": [{"at": 1, "stage": "validate", "text": "names, variables and secrets were checked"},
                     {"at": 2, "stage": "analyze", "text": "a Node app with npm; framework express; port 8080"}],
    })
}

fn raw(folder: &std::path::Path) -> std::io::Result<f64> {
    std::fs::create_dir_all(folder)?;
    let mut file = std::fs::File::create(folder.join("raw"))?;
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < FOR {
        file.write_all(&[b'x'; 600])?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

fn opened(folder: &std::path::Path) -> Result<f64, StoreError> {
    let mut times = vec![];
    for number in 0..21 {
        let start = Instant::now();
        let store = Store::open(&folder.join(format!("empty{number}")), Options::default())?;
        times.push(start.elapsed());
        drop(store);
    }
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64() * 1e6)
}

/// Each writer creates documents and updates each once, guarded by its version.
async fn commits(store: &Arc<Store>, writers: u64) -> Result<f64, StoreError> {
    let before = store.stats().commits;
    let start = Instant::now();
    let tasks = (0..writers).map(|writer| {
        let store = Arc::clone(store);
        tokio::spawn(async move {
            let mut number = before * 1000 + writer;
            while start.elapsed() < FOR {
                number += writers;
                let path = Path::new(format!("tenants/t{writer}/deployments/dep_{number:026}"));
                let created = store
                    .commit(vec![Write::put(path.clone(), Precondition::Absent, &document(number))?])
                    .await?;
                store
                    .commit(vec![Write::put(path, Precondition::At(created[0]), &document(number))?])
                    .await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    for done in futures::future::join_all(tasks).await {
        done.map_err(|e| StoreError::Unavailable(e.to_string()))??;
    }
    Ok((store.stats().commits - before) as f64 / start.elapsed().as_secs_f64())
}

async fn gets(store: &Store) -> Result<f64, StoreError> {
    let all = store.query(&Query::all(Scope::Collection("tenants/t0/deployments".into()), 1000)).await?;
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < FOR {
        for document in &all.documents {
            count += u32::from(store.get(&document.path).await?.is_some());
        }
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

async fn pages(store: &Store) -> Result<f64, StoreError> {
    let query = Query::all(Scope::Collection("tenants/t0/deployments".into()), 20).order("created_at", true);
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < FOR {
        store.query(&query).await?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// From the call of a commit until 50 watchers of its document have it.
async fn watched(store: &Arc<Store>) -> Result<f64, StoreError> {
    let path = Path::new("tenants/t0/services/watched");
    store.commit(vec![Write::put(path.clone(), Precondition::None, &document(0))?]).await?;
    let (seen, mut all) = tokio::sync::mpsc::unbounded_channel();
    let mut tasks = vec![];
    for _ in 0..50 {
        let mut watch = store.watch(Watch::Document(path.clone())).await?;
        let seen = seen.clone();
        tasks.push(tokio::spawn(async move {
            while watch.next().await.is_some() && seen.send(Instant::now()).is_ok() {}
        }));
    }
    for _ in 0..50 {
        all.recv().await;
    }
    let mut times = vec![];
    for number in 0..200_u64 {
        let start = Instant::now();
        store.commit(vec![Write::put(path.clone(), Precondition::None, &document(number))?]).await?;
        for _ in 0..50 {
            times.extend(all.recv().await.map(|at| at.duration_since(start)));
        }
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64() * 1e6)
}

async fn fill(store: &Store, documents: u64) -> Result<(), StoreError> {
    for batch in 0..documents / 400 {
        let put = |number: u64| {
            let path = Path::new(format!("tenants/t{}/deployments/dep_fill{number:022}", number % 64));
            Write::put(path, Precondition::None, &document(number))
        };
        store.commit((batch * 400..(batch + 1) * 400).map(put).collect::<Result<_, _>>()?).await?;
    }
    Ok(())
}
