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
    /// Values that may be shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plain: BTreeMap<String, String>,
    /// Values that nobody may read back, each sealed under its own data key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secret: BTreeMap<String, Sealed>,
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
            plain: BTreeMap::new(),
            secret: BTreeMap::new(),
        }
    }

    /// Makes the changes: what isn't named stays. Answers whether anything is other than before.
    pub fn change(&mut self, changes: &VariableChanges) -> bool {
        let before = (self.plain.clone(), self.secret.clone());
        self.plain.retain(|name, _| !changes.unset.contains(name) && !changes.secret.contains_key(name));
        self.secret.retain(|name, _| !changes.unset.contains(name) && !changes.plain.contains_key(name));
        self.plain.extend(changes.plain.clone());
        self.secret.extend(changes.secret.clone());
        (&self.plain, &self.secret) != (&before.0, &before.1)
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
        assert_eq!(variables.plain, map(&[("KEY", "now plain")]));
        assert_eq!(variables.names().into_iter().collect::<Vec<_>>(), ["A", "KEY"]);
    }
}
