//! What the target remembers about services and revisions, as files.
//!
//! `services/TENANT/SERVICE/service.json` and, below it, `revisions/NAME/{spec,instance}.json`. Invariant: a
//! change of traffic is on disk before a request goes by it; a process is on disk, by a mark in its environment,
//! before it is started, so that a successor finds it whenever we die.

use super::{environment::Variables, files, process::Identity};
use model::{
    TenantId,
    document::Sealed,
    port::{
        PortError,
        target::{Plan, RevisionOrder, ServiceKey, Traffic, TrafficToken, secretless},
    },
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
};

/// Keys of changes whose results are remembered.
const REMEMBERED_KEYS: usize = 8;

/// A service: its addresses, its weights, and what its newest changes came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ServiceRecord {
    /// Whose, and which.
    pub key: ServiceKey,
    /// Its host label at the ingress.
    pub host: String,
    /// Its own port; kept for good.
    pub port: u16,
    /// When it was made; part of the tokens, so that those of a service made anew differ.
    pub created_ms: i64,
    /// Counts changes of traffic.
    pub serial: u64,
    /// Who takes which share.
    pub weights: BTreeMap<String, u32>,
    /// The newest changes, by key.
    pub recent: VecDeque<(String, Traffic)>,
    /// Whether somebody stopped it: whoever asks is told so while nothing takes traffic.
    #[serde(default)]
    pub stopped: bool,
}

impl ServiceRecord {
    /// The traffic as it is.
    pub(crate) fn traffic(&self) -> Traffic {
        let token = TrafficToken(format!("{}-{}", self.created_ms, self.serial));
        Traffic { token, weights: self.weights.clone(), closed: false }
    }

    /// The record after a change.
    pub(crate) fn changed(&self, weights: BTreeMap<String, u32>, key: &str) -> Self {
        let stopped = self.stopped && weights.is_empty();
        let mut next = Self { serial: self.serial + 1, weights, stopped, ..self.clone() };
        next.recent.push_back((key.to_owned(), next.traffic()));
        while next.recent.len() > REMEMBERED_KEYS {
            next.recent.pop_front();
        }
        next
    }

    /// What the change of that key led to.
    pub(crate) fn repeated(&self, key: &str) -> Option<Traffic> {
        self.recent.iter().find(|(known, _)| known == key).map(|(_, traffic)| traffic.clone())
    }
}

/// A variable on disk.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum KeptVariable {
    /// A secret.
    Sealed { sealed: Sealed },
    /// No secret.
    Plain { value: String },
}

/// A variable in memory; it has no form on disk: a secret one is sealed before it is written.
#[derive(Clone)]
pub(crate) struct Variable {
    pub value: String,
    pub secret: bool,
}

/// A revision: what never changes about it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RevisionSpec<V = Variable> {
    pub revision: String,
    pub service: ServiceKey,
    pub artifact: String,
    pub plan: Plan,
    pub variables: BTreeMap<String, V>,
    pub tag: String,
    /// Where it would run, which decides what it would cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    pub created_ms: i64,
}

impl<V> RevisionSpec<V> {
    /// The same with variables in another form.
    pub(crate) fn with<W>(&self, variables: BTreeMap<String, W>) -> RevisionSpec<W> {
        RevisionSpec {
            revision: self.revision.clone(),
            service: self.service.clone(),
            artifact: self.artifact.clone(),
            plan: self.plan.clone(),
            variables,
            tag: self.tag.clone(),
            region: self.region.clone(),
            created_ms: self.created_ms,
        }
    }
}

impl RevisionSpec {
    /// An error names a variable that is kept where a machine can't look.
    pub(crate) fn new(mut order: RevisionOrder, created_ms: i64) -> Result<Self, PortError> {
        // A blank command starts nothing.
        order.plan.start_command = order.plan.start_command.filter(|command| !command.trim().is_empty());
        let variables = order.variables.into_iter().map(|(name, v)| Ok((name.clone(), variable(&name, v)?)));
        let variables = variables.collect::<Result<_, PortError>>()?;
        Ok(Self {
            revision: order.revision,
            service: order.service,
            artifact: order.artifact,
            plan: order.plan,
            variables,
            tag: order.tag,
            region: order.placement.region,
            created_ms,
        })
    }

    /// Values that must not appear in a log.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.variables.values().filter(|v| v.secret && !v.value.is_empty()).map(|v| v.value.clone()).collect()
    }

    /// Variables by name.
    pub(crate) fn environment(&self) -> Variables {
        self.variables.iter().map(|(name, v)| (name.clone(), v.value.clone())).collect()
    }
}

fn variable(name: &str, variable: secretless::Variable) -> Result<Variable, PortError> {
    match variable {
        secretless::Variable::Plain(value) => Ok(Variable { value, secret: false }),
        secretless::Variable::Secret(value) => Ok(Variable { value, secret: true }),
        secretless::Variable::Reference(reference) => Err(PortError::Permanent(format!(
            "variable {name} is kept as `{reference}`, and a machine has no secrets but its own; set its value"
        ))),
    }
}

/// What is known about a revision's process.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Instance {
    /// Whether it should run.
    pub wanted: bool,
    /// The mark in the environment of the process that was started last.
    pub mark: String,
    /// The process; absent if we died while starting it.
    pub process: Option<Identity>,
    /// The process that keeps its log.
    #[serde(default)]
    pub logger: Option<Identity>,
    /// The control group that it is in, where one could be had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<PathBuf>,
    /// The port it was told to listen on.
    pub port: u16,
    /// The key of a restart that has begun: the process, if it still runs, is to be ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarting: Option<String>,
    /// Keys of the newest restarts that led to a new process.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub restarted: VecDeque<String>,
}

impl Instance {
    /// Whether a restart of that key was done or has begun.
    pub(crate) fn repeats(&self, key: &str) -> bool {
        self.restarting.as_deref() == Some(key) || self.restarted.iter().any(|known| known == key)
    }

    /// What a new process takes over: the restart under way is done by it.
    pub(crate) fn restarts(&self) -> VecDeque<String> {
        let mut keys = self.restarted.clone();
        keys.extend(self.restarting.clone());
        while keys.len() > REMEMBERED_KEYS {
            keys.pop_front();
        }
        keys
    }
}

/// Where these files are.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    pub services: PathBuf,
    pub artifacts: PathBuf,
}

impl Places {
    pub(crate) fn service(&self, key: &ServiceKey) -> PathBuf {
        self.services.join(key.tenant.as_str()).join(key.service.as_str())
    }

    pub(crate) fn revision(&self, key: &ServiceKey, revision: &str) -> PathBuf {
        self.service(key).join("revisions").join(revision)
    }

    /// Where logs are kept of revisions that are gone.
    pub(crate) fn kept_logs(&self, key: &ServiceKey) -> PathBuf {
        self.service(key).join("kept-logs")
    }

    /// Every service on disk, oldest first, so that host names are given out in the same order again.
    pub(crate) fn services(&self) -> Result<Vec<ServiceRecord>, PortError> {
        let mut all = Vec::new();
        for (tenant, folder) in files::subfolders(&self.services) {
            if TenantId::new(&tenant).is_err() {
                continue;
            }
            for (_, service) in files::subfolders(&folder) {
                all.extend(files::read_json::<ServiceRecord>(&service.join("service.json"))?);
            }
        }
        all.sort_by_key(|record: &ServiceRecord| record.created_ms);
        Ok(all)
    }

    /// Every revision of a service on disk, oldest first.
    pub(crate) fn revisions(&self, key: &ServiceKey) -> Result<Vec<RevisionSpec<KeptVariable>>, PortError> {
        let mut all = Vec::new();
        for (_, folder) in files::subfolders(&self.service(key).join("revisions")) {
            all.extend(files::read_json::<RevisionSpec<KeptVariable>>(&folder.join("spec.json"))?);
        }
        all.sort_by_key(|spec: &RevisionSpec<_>| spec.created_ms);
        Ok(all)
    }

    pub(crate) fn write_service(&self, record: &ServiceRecord) -> Result<(), PortError> {
        let folder = self.service(&record.key);
        files::folder(&folder)?;
        files::replace_json(&folder.join("service.json"), record)
    }

    pub(crate) fn write_revision(&self, spec: &RevisionSpec<KeptVariable>) -> Result<(), PortError> {
        let folder = self.revision(&spec.service, &spec.revision);
        files::folder(&folder)?;
        files::replace_json(&folder.join("spec.json"), spec)
    }
}

/// The state of a revision's process, in its folder.
pub(crate) fn instance_file(folder: &Path) -> PathBuf {
    folder.join("instance.json")
}
