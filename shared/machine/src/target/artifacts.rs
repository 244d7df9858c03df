//! What was built and is used by no revision: the newest of a service are kept for some days, so that a deployment that
//! failed or was taken back can be tried again without a build.

use super::{
    Inner, files,
    runner::{ORDER, OUTCOME, Order},
    spec::Places,
};
use model::port::{
    PortError,
    target::{BuildState, ServiceKey},
};
use std::{collections::BTreeSet, path::Path};

/// Artifacts of one service that no revision uses, the newest.
const KEPT: usize = 5;

impl Inner {
    /// Removes those of a service that are too many. What can't be removed now goes with the next, or when it is old.
    pub(super) async fn thin_out(&self, key: &ServiceKey) {
        let (places, builds, key) = (self.shared.places.clone(), self.builds.folder.clone(), key.clone());
        let thinned = files::blocking(move || thin_out(&places, &builds, &key)).await;
        if let Err(error) = thinned {
            tracing::warn!(%error, "what was built and isn't used could not be removed");
        }
    }
}

fn thin_out(places: &Places, builds: &Path, key: &ServiceKey) -> Result<(), PortError> {
    let revisions = places.revisions(key)?;
    let used: BTreeSet<&str> = revisions.iter().map(|spec| spec.artifact.as_str()).collect();
    let mut unused = of_service(builds, key);
    unused.retain(|order| !used.contains(order.key.as_str()) && places.artifacts.join(&order.key).exists());
    // Newest first; what came to nothing is of no use.
    unused.sort_by_key(|order| std::cmp::Reverse(order.ordered_ms));
    let mut kept = 0;
    for order in &unused {
        let Some(succeeded) = ended(builds, order) else { continue };
        kept += usize::from(succeeded);
        if !succeeded || kept > KEPT {
            files::remove_folder(&places.artifacts.join(&order.key))?;
        }
    }
    Ok(())
}

/// Removes whatever was built for a service.
pub(super) fn remove_all(places: &Places, builds: &Path, key: &ServiceKey) -> Result<(), PortError> {
    for order in of_service(builds, key) {
        if ended(builds, &order).is_some() {
            files::remove_folder(&places.artifacts.join(&order.key))?;
            files::remove_folder(&builds.join(&order.key))?;
        }
    }
    Ok(())
}

fn of_service(builds: &Path, key: &ServiceKey) -> Vec<Order> {
    let orders = files::subfolders(builds).into_iter();
    let orders =
        orders.filter_map(|(_, folder)| files::read_json::<Order>(&folder.join(ORDER)).ok().flatten());
    orders
        .filter(|order| order.tenant == key.tenant && order.service.as_ref() == Some(&key.service))
        .collect()
}

/// Whether a build that is over came to something; none while it isn't.
fn ended(builds: &Path, order: &Order) -> Option<bool> {
    let outcome: BuildState = files::read_json(&builds.join(&order.key).join(OUTCOME)).ok()??;
    Some(matches!(outcome, BuildState::Succeeded { .. }))
}
