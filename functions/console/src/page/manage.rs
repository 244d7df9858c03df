//! What can be done to a service as a whole, and the variables it has. Whether it is done is for the API to say.

use super::live::Button;
use crate::read;
use host::{Context, Error, Role};
use model::{
    document::{Service, Variables, variables_path},
    text::visible,
};
use serde_json::json;

/// A variable as the page shows it.
pub struct VariableRow {
    /// Its name.
    pub name: String,
    /// Its value, or why it isn't shown.
    pub value: Result<String, &'static str>,
}

/// The variables of a service, by name. Values are for those who may change them, as on the API.
pub async fn variables(ctx: &Context, service: &Service) -> Result<Vec<VariableRow>, Error> {
    let path = variables_path(ctx.tenant()?, &service.name);
    let Some(found) = read::document::<Variables>(&*ctx.ports.store, &path).await? else { return Ok(vec![]) };
    let may = ctx.caller()?.role >= Role::Deployer;
    let shown = |value: &str| if may { Ok(visible(value).into_owned()) } else { Err("for those who deploy") };
    let plain = found.plain.into_iter().map(|(name, value)| VariableRow { name, value: shown(&value) });
    let secret = found.secret.into_keys().map(|name| VariableRow { name, value: Err("secret, never shown") });
    let mut rows: Vec<VariableRow> = plain.chain(secret).collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(rows)
}

/// What the buttons ask for, in view of what serves now: a page that is out of date changes nothing.
pub fn buttons(service: &Service) -> Vec<Button> {
    let serving = service.slot.serving.as_ref();
    let act = |label, action: &str, confirm, look| Button {
        label,
        action: format!("/api/v1/services/{}/actions", service.name),
        body: json!({ "action": action, "serving": serving.map(|kept| &kept.deployment) }).to_string(),
        confirm,
        look,
    };
    let mut all = vec![];
    if let Some(kept) = serving {
        if service.slot.stopped.is_some() {
            all.push(act("Start", "start", "", "main"));
        } else {
            all.push(Button {
                label: "Deploy again",
                action: format!("/api/v1/deployments/{}/redeploy", kept.deployment),
                body: "{}".to_owned(),
                confirm: "Make a new revision of what serves, with the variables as they are now?",
                look: "plain",
            });
            all.push(act("Restart", "restart", "Restart its processes?", "plain"));
            all.push(act(
                "Stop",
                "stop",
                "Stop it? Visitors are told so until it is started again.",
                "plain",
            ));
        }
    }
    all.push(act(
        "Delete",
        "delete",
        "Delete this service? Its revisions, its variables and secrets and the log of what runs go for good. What its deployments were, and what was measured and learned, stays.",
        "danger",
    ));
    all
}
