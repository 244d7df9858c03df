//! What the machine target itself remembers, read from its files: the receiver's word, not the store's.

use super::{Killed, System};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The traffic of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// How often it was changed.
    pub changes: u64,
    /// Revisions and their shares.
    pub weights: BTreeMap<String, u64>,
    /// The service's own port.
    pub port: u16,
}

/// The process of a revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its leader.
    pub pid: i32,
    /// Where it listens.
    pub port: u16,
}

impl System {
    fn service_folder(&self, service: &str) -> PathBuf {
        self.data().join("services/local").join(service)
    }

    /// The traffic of a service.
    pub fn traffic(&self, service: &str) -> Traffic {
        let record = read(&self.service_folder(service).join("service.json"));
        let weights = record["weights"].as_object().unwrap().iter();
        Traffic {
            changes: record["serial"].as_u64().unwrap(),
            weights: weights.map(|(name, weight)| (name.clone(), weight.as_u64().unwrap())).collect(),
            port: record["port"].as_u64().unwrap() as u16,
        }
    }

    /// The process of a revision, as the target started or adopted it.
    pub fn instance(&self, service: &str, revision: &str) -> Instance {
        let file = self.service_folder(service).join("revisions").join(revision).join("instance.json");
        let record = read(&file);
        Instance {
            pid: record["process"]["pid"].as_i64().unwrap() as i32,
            port: record["port"].as_u64().unwrap() as u16,
        }
    }

    /// What the app answers through the ingress: status and text.
    pub async fn visit(&self, service: &str) -> Result<(u16, String), Killed> {
        let answer = self.ask(self.address().ingress_port, &format!("{service}.localhost")).await;
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => Err(self.dead(&error.to_string()).await),
        }
    }

    /// What answers at a port of this machine under a name, whether or not Sextant runs.
    pub async fn ask(&self, port: u16, host: &str) -> Result<(u16, String), reqwest::Error> {
        let url = format!("http://127.0.0.1:{port}/");
        let response = self.http().get(url).header("host", host).header("connection", "close").send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }
}

fn read(file: &Path) -> Value {
    let text = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&text).unwrap()
}
