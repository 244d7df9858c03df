//! `sextant rollback ID|SERVICE`: traffic back to an earlier revision, without a gate.

use super::{
    cancel::look,
    client::Api,
    follow::follow,
    output::{Output, green, pairs, red},
    view::{Commanded, Deployment},
};
use crate::failure::Ended;
use anyhow::Result;
use clap::Args;
use model::text::visible;
use serde_json::{Value, json};

/// From what, and to where.
#[derive(Args)]
pub struct Rollback {
    /// A deployment's id, or a service's name.
    pub what: String,
    /// A kept revision (`sextant status` lists them); the newest one of another deployment if absent.
    #[arg(long, value_name = "REVISION")]
    pub to: Option<String>,
    /// Only ask for it; don't wait until traffic is back.
    #[arg(long)]
    pub no_wait: bool,
}

impl Rollback {
    /// Asks for it, and waits until traffic is back.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let deployment = look(api, &self.what).await?;
        let id = &deployment.deployment_id;
        let body = json!({ "seq": deployment.seq, "to": self.to });
        let value: Value = api.post(&format!("/api/v1/deployments/{id}/rollback"), &body).await?;
        let answer: Commanded = serde_json::from_value(value.clone()).unwrap_or_default();
        if self.no_wait || !answer.changed {
            output.data(&value, || answer.message.clone());
            return Ok(Ended::Done);
        }
        output.note(&answer.message);
        let (ended, value) = follow(api, id, output).await?;
        output.data(&value, || text(&ended));
        Ok(if is_back(&ended) { Ended::Done } else { Ended::Failed })
    }
}

fn is_back(ended: &Deployment) -> bool {
    ended.pipeline_status.as_deref() == Some("ROLLED_BACK")
}

/// What the rollback came to: where traffic is now, what it was taken from, how it is undone.
fn text(ended: &Deployment) -> String {
    let (service, id) = (&ended.service, &ended.deployment_id);
    let last = ended.timeline.last().map(|entry| visible(&entry.text).into_owned()).unwrap_or_default();
    if !is_back(ended) {
        let why = ended.failure.as_ref().map_or(last, |failure| visible(&failure.message).into_owned());
        return format!("{} {why}", red(&format!("`{service}` was not rolled back.")));
    }
    let serves = ended.kept.iter().find(|kept| kept.serving);
    let now = serves.map(|kept| format!("{} (of {})", kept.revision, kept.deployment_id));
    let before =
        ended.revision.clone().map_or_else(|| id.clone(), |revision| format!("{revision} (of {id})"));
    let rows = [
        ("Serves now", now.unwrap_or_else(|| "nothing, as before".to_owned())),
        ("Taken back", before),
        ("URL", serves.and(ended.url.clone()).unwrap_or_default()),
        ("Its log", format!("sextant logs --runtime {id}")),
        ("Undo", format!("sextant redeploy {id}")),
    ];
    format!("{}\n{}", green(&format!("`{service}` is rolled back.")), pairs(&rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rollback_says_where_traffic_is_and_how_it_is_undone() {
        let mut ended: Deployment = serde_json::from_value(json!({
            "deployment_id": "dep_2", "service": "shop", "pipeline_status": "ROLLED_BACK", "revision": "shop-r2",
            "url": "http://shop.localhost:1",
            "kept": [{"revision": "shop-r1", "deployment_id": "dep_1", "serving": true}],
            "prediction": {"cost_month": {"value": 5.0}},
        }))
        .unwrap();
        let told = text(&ended);
        for part in ["is rolled back", "shop-r1 (of dep_1)", "shop-r2 (of dep_2)", "sextant redeploy dep_2"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert!(!told.contains("Predicted") && !told.contains("Took"), "{told}");
        ended.pipeline_status = Some("DEPLOYED".to_owned());
        assert!(text(&ended).contains("was not rolled back"), "{}", text(&ended));
    }
}
