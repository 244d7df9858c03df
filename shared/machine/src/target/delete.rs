//! A service is removed with all that it has here.
//!
//! Invariant: nobody is served by it before anything of it goes, and its folder goes last; so whoever dies in between
//! is followed by a repeat that finds the rest.

use super::{Inner, artifacts, files, launch::sweep, service::forget_alias};
use model::port::target::{ServiceKey, TargetError};
use std::collections::BTreeMap;

/// The key of the change of traffic that begins it.
const KEY: &str = "delete";

impl Inner {
    /// Removes it, or what a predecessor left of it.
    pub(super) async fn delete(&self, key: &ServiceKey) -> Result<(), TargetError> {
        let found = self.service(key).ok();
        // Until all of it is gone: whoever waits to change it would write its folder anew.
        let _changing = match &found {
            Some(service) => Some(service.changing.lock().await),
            None => None,
        };
        if let Some(service) = &found {
            let record = service.record.lock().clone();
            service.commit(&self.shared.places, record.changed(BTreeMap::new(), KEY)).await?;
            let revisions = service.all();
            futures::future::join_all(revisions.iter().map(|revision| revision.stop(false))).await;
            for revision in &revisions {
                sweep(&self.shared.places.revision(key, &revision.spec.revision)).await;
                forget_alias(&self.shared.alias, &revision.spec);
            }
            service.revisions.lock().clear();
            service.apply();
        }
        let (places, builds, gone) = (self.shared.places.clone(), self.builds.folder.clone(), key.clone());
        files::blocking(move || {
            artifacts::remove_all(&places, &builds, &gone)?;
            files::remove_folder(&places.service(&gone))
        })
        .await?;
        if let Some(service) = self.services.lock().remove(key) {
            self.ingress.remove(&service.route);
        }
        Ok(())
    }
}
