//! The variables of a service: plain and secret ones, kept from deployment to deployment until somebody removes them.
//!
//! Invariant: a name is either plain or secret, never both; secrets are sealed for this document and its field
//! `secrets.NAME`, wherever a copy of them is.

use super::{Deployment, SCHEMA, Sealed, deployment_path, path};
use crate::{
    ServiceName, TenantId, Timestamp,
    port::{KeyContext, store::Path},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What the app of one service is told in its environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variables {
    /// Version of this form.
    pub schema: u32,
    /// The tenant that it belongs to; it is part of the path and never comes from a request's body.
    pub tenant: TenantId,
    /// Of which service; its environment is part of the name.
    pub service: ServiceName,
    /// When they last changed.
    pub updated_at: Timestamp,
    /// The user who changed them last.
    pub updated_by: String,
    /// Counts up with each change; nothing in documents from before changes were counted.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub version: u64,
    /// The version that each one last changed with, by name; what was there before changes were counted has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changed_with: BTreeMap<String, u64>,
    /// Values that may be shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plain: BTreeMap<String, String>,
    /// Values that nobody may read back, each sealed under its own data key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret: BTreeMap<String, Sealed>,
}

/// Which versions of its service's variables a deployment runs with. Values are in neither.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VariableVersions {
    /// The version of them all.
    pub version: u64,
    /// The version that each one last changed with, by name, plain and secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, u64>,
}

/// What a deployment asks to be changed about the variables of its service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariableChanges {
    /// Values to be set that may be shown, by name.
    pub plain: BTreeMap<String, String>,
    /// Values to be set that nobody may read back, sealed, by name.
    pub secret: BTreeMap<String, Sealed>,
    /// Removed; one that isn't there is fine.
    pub unset: BTreeSet<String>,
}

impl Variables {
    /// The document of a service that has neither variables nor secrets.
    pub fn none(tenant: TenantId, service: ServiceName) -> Self {
        let (updated_at, updated_by) = (Timestamp::default(), String::new());
        Self {
            schema: SCHEMA,
            tenant,
            service,
            updated_at,
            updated_by,
            version: 0,
            changed_with: BTreeMap::new(),
            plain: BTreeMap::new(),
            secret: BTreeMap::new(),
        }
    }

    /// Makes the changes: what isn't named stays. Answers whether anything is other than before; then it is a new
    /// version.
    pub fn change(&mut self, changes: &VariableChanges) -> bool {
        let (before, version) = ((self.plain.clone(), self.secret.clone()), self.version());
        self.plain.retain(|name, _| !changes.unset.contains(name) && !changes.secret.contains_key(name));
        self.secret.retain(|name, _| !changes.unset.contains(name) && !changes.plain.contains_key(name));
        self.plain.extend(changes.plain.clone());
        self.secret.extend(changes.secret.clone());
        let names: BTreeSet<String> = self.names().into_iter().map(str::to_owned).collect();
        let same = |name: &String| {
            self.plain.get(name) == before.0.get(name) && self.secret.get(name) == before.1.get(name)
        };
        let new: Vec<String> = names.iter().filter(|name| !same(name)).cloned().collect();
        let changed = !new.is_empty() || names.len() < before.0.len() + before.1.len();
        self.changed_with.retain(|name, _| names.contains(name));
        if changed {
            self.version = version + 1;
            self.changed_with.extend(new.into_iter().map(|name| (name, version + 1)));
        }
        changed
    }

    /// Which version this is: 0 before there was any variable, 1 where changes were not counted yet.
    pub fn version(&self) -> u64 {
        self.version.max(u64::from(self.count() > 0))
    }

    /// The versions that a deployment with these variables records.
    pub fn versions(&self) -> VariableVersions {
        let of = |name: &str| self.changed_with.get(name).copied().unwrap_or(1);
        let names = self.names().into_iter().map(|name| (name.to_owned(), of(name))).collect();
        VariableVersions { version: self.version(), names }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.plain.len() + self.secret.len()
    }

    /// Every name, in order.
    pub fn names(&self) -> BTreeSet<&str> {
        self.plain.keys().chain(self.secret.keys()).map(String::as_str).collect()
    }
}

/// Where the variables of a service are kept.
pub fn variables_path(tenant: &TenantId, service: &ServiceName) -> Path {
    path(tenant, "variables", service.as_str())
}

/// What a secret variable of a service is sealed for.
pub fn variable_context(tenant: &TenantId, service: &ServiceName, name: &str) -> KeyContext {
    let record = variables_path(tenant, service).as_str().to_owned();
    KeyContext { tenant: tenant.clone(), record, field: format!("secrets.{name}") }
}

impl Deployment {
    /// What a secret variable in this document is sealed for: its service, or, in documents from before services had
    /// variables, the deployment alone.
    pub fn variable_context(&self, name: &str) -> KeyContext {
        if self.service_secrets {
            return variable_context(&self.tenant, &self.service, name);
        }
        let record = deployment_path(&self.tenant, &self.id).as_str().to_owned();
        KeyContext { tenant: self.tenant.clone(), record, field: format!("secrets.{name}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn sealed(text: &str) -> Sealed {
        Sealed { wrapped: String::new(), nonce: String::new(), ciphertext: text.to_owned() }
    }

    #[test]
    fn what_is_not_named_stays_and_a_name_is_plain_or_secret() {
        let mut variables =
            Variables::none(TenantId::new("acme").unwrap(), ServiceName::new("shop").unwrap());
        let first = VariableChanges {
            plain: map(&[("A", "1"), ("B", "2")]),
            secret: BTreeMap::from([("KEY".to_owned(), sealed("k"))]),
            unset: BTreeSet::new(),
        };
        assert!(variables.change(&first));
        assert!(!variables.change(&VariableChanges::default()), "nothing named, nothing changed");
        assert!(!variables.change(&first), "the same again");
        let second = VariableChanges {
            plain: map(&[("KEY", "now plain")]),
            secret: BTreeMap::from([("A".to_owned(), sealed("a"))]),
            unset: ["B".to_owned(), "NEVER_SET".to_owned()].into(),
        };
        assert!(variables.change(&second));
        let names = BTreeMap::from([("A".to_owned(), 2), ("KEY".to_owned(), 2)]);
        assert_eq!(variables.versions(), VariableVersions { version: 2, names });
        assert_eq!(variables.plain, map(&[("KEY", "now plain")]));
        assert_eq!(variables.names().into_iter().collect::<Vec<_>>(), ["A", "KEY"]);
    }

    #[test]
    fn a_version_is_told_for_each_name_also_of_documents_from_before_versions() {
        let stored = serde_json::json!({
            "schema": 1, "tenant": "acme", "service": "shop", "updated_at": 0, "updated_by": "ann",
            "plain": { "A": "1", "B": "2" },
        });
        let mut variables: Variables = serde_json::from_value(stored).unwrap();
        assert_eq!((variables.version(), variables.versions().names["B"]), (1, 1));
        let set = VariableChanges { plain: map(&[("A", "one")]), ..VariableChanges::default() };
        assert!(variables.change(&set) && !variables.change(&set));
        let unset = VariableChanges { unset: ["B".to_owned()].into(), ..VariableChanges::default() };
        assert!(variables.change(&unset));
        let versions = variables.versions();
        assert_eq!((versions.version, versions.names), (3, BTreeMap::from([("A".to_owned(), 2)])));
    }
}
