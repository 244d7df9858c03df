//! Revisions as they are on disk: their secret variables are sealed, each for its own place.

use super::{
    seal,
    spec::{KeptVariable, RevisionSpec, Variable},
};
use model::port::{KeyContext, Keys, PortError};
use std::collections::BTreeMap;

/// The form of a revision that may be written.
pub(crate) async fn close(
    spec: &RevisionSpec,
    keys: &dyn Keys,
) -> Result<RevisionSpec<KeptVariable>, PortError> {
    let mut variables = BTreeMap::new();
    for (name, Variable { value, secret }) in &spec.variables {
        let kept = if *secret {
            KeptVariable::Sealed { sealed: seal::seal(keys, &context(spec, name), value).await? }
        } else {
            KeptVariable::Plain { value: value.clone() }
        };
        variables.insert(name.clone(), kept);
    }
    Ok(spec.with(variables))
}

/// The form of a revision that can be started.
pub(crate) async fn open(
    kept: &RevisionSpec<KeptVariable>,
    keys: &dyn Keys,
) -> Result<RevisionSpec, PortError> {
    let mut variables = BTreeMap::new();
    for (name, kept_variable) in &kept.variables {
        let variable = match kept_variable {
            KeptVariable::Sealed { sealed } => {
                Variable { value: seal::open(keys, &context(kept, name), sealed).await?, secret: true }
            }
            KeptVariable::Plain { value } => Variable { value: value.clone(), secret: false },
        };
        variables.insert(name.clone(), variable);
    }
    Ok(kept.with(variables))
}

fn context<V>(spec: &RevisionSpec<V>, name: &str) -> KeyContext {
    KeyContext {
        tenant: spec.service.tenant.clone(),
        record: format!("machine/services/{}/{}", spec.service.service, spec.revision),
        field: name.to_owned(),
    }
}
