//! A client that sends requests all the time and remembers which version answered what.

use super::System;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    task::{JoinHandle, JoinSet},
    time::MissedTickBehavior,
};

/// What the client saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Good answers by version.
    pub good: BTreeMap<String, u64>,
    /// Failed answers by version; those without a version are the ingress's own.
    pub bad: BTreeMap<String, u64>,
    /// Requests that nobody answered.
    pub unreachable: u64,
}

/// The client; it stops when this is dropped.
pub struct Load {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl System {
    /// Sends so many requests a second to a service through the ingress of the Sextant that runs now.
    pub fn load(&self, service: &str, per_second: u32) -> Load {
        self.load_paths(service, per_second, &["/"])
    }

    /// The same to these paths in turn; `N` in one is a number that counts up.
    pub fn load_paths(&self, service: &str, per_second: u32, paths: &[&str]) -> Load {
        let base = format!("http://127.0.0.1:{}", self.address().ingress_port);
        let urls = paths.iter().map(|path| format!("{base}{path}")).collect();
        Load::start(self.http().clone(), urls, format!("{service}.localhost"), per_second)
    }

    /// Sends them to exactly one revision, whose tag this is.
    pub fn load_revision(&self, service: &str, tag: &str, per_second: u32, path: &str) -> Load {
        let url = format!("http://127.0.0.1:{}{path}", self.address().ingress_port);
        Load::start(self.http().clone(), vec![url], format!("{tag}---{service}.localhost"), per_second)
    }

    /// The same through the service's own port, which stays the same when Sextant is started again.
    pub fn load_own_port(&self, service: &str, per_second: u32) -> Load {
        let url = format!("http://127.0.0.1:{}/", self.traffic(service).port);
        Load::start(self.http().clone(), vec![url], "127.0.0.1".to_owned(), per_second)
    }
}

impl Load {
    /// Forty requests a second to a service's own port, whoever runs and whoever has died.
    pub fn own_port(http: &reqwest::Client, port: u16) -> Self {
        Self::start(http.clone(), vec![format!("http://127.0.0.1:{port}/")], "127.0.0.1".to_owned(), 40)
    }

    fn start(http: reqwest::Client, urls: Vec<String>, host: String, per_second: u32) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let task = tokio::spawn(send_all(http, urls, host, per_second, Arc::clone(&seen)));
        Self { seen, task }
    }

    /// What it saw so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn send_all(
    http: reqwest::Client,
    urls: Vec<String>,
    host: String,
    per_second: u32,
    seen: Arc<Mutex<Seen>>,
) {
    let mut sent = 0;
    let mut pace = tokio::time::interval(Duration::from_secs(1) / per_second);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut under_way = JoinSet::new();
    loop {
        pace.tick().await;
        while under_way.try_join_next().is_some() {}
        let url = urls[sent % urls.len()].replace('N', &sent.to_string());
        sent += 1;
        let (request, seen) = (http.get(&url).header("host", &host), Arc::clone(&seen));
        under_way.spawn(async move {
            let answer = answer(request).await.ok();
            seen.lock().unwrap().take(answer);
        });
    }
}

/// Whether it was good, and which version answered.
async fn answer(request: reqwest::RequestBuilder) -> Result<(bool, String), reqwest::Error> {
    let response = request.send().await?;
    let good = response.status().is_success();
    let text = response.text().await?;
    let version = text.split_whitespace().skip_while(|word| *word != "version").nth(1);
    Ok((good, version.unwrap_or_default().to_owned()))
}

impl Seen {
    fn take(&mut self, answer: Option<(bool, String)>) {
        match answer {
            Some((true, version)) => *self.good.entry(version).or_default() += 1,
            Some((false, version)) => *self.bad.entry(version).or_default() += 1,
            None => self.unreachable += 1,
        }
    }
}
