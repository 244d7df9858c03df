//! Gleam: a project and its Erlang shipment.

use crate::plan::{App, Draft, Field, Origin};

pub(super) fn detect(app: &App) -> Option<Origin> {
    app.has("gleam.toml").then(|| app.origin("gleam.toml", None, 0.95))
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let origin = app.origin("gleam.toml", None, 0.9);
    let manifest: toml::Table = app.text("gleam.toml").and_then(|text| text.parse().ok()).unwrap_or_default();
    draft.claim(Field::PackageManager, "gleam", origin.clone());
    super::versions::claim_tools(app, draft, &["gleam"]);
    if let Some(version) = manifest.get("gleam").and_then(toml::Value::as_str) {
        draft.claim(Field::RuntimeVersion, version, origin.clone());
    }
    let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
    let framework = ["lustre", "wisp", "mist"]
        .into_iter()
        .find(|name| dependencies.is_some_and(|t| t.contains_key(*name)));
    if let Some(name) = framework {
        draft.claim(Field::Framework, name, origin.clone());
    }
    draft.claim(Field::Install, app.command("gleam deps download"), origin.clone());
    draft.claim(Field::Build, app.command("gleam export erlang-shipment"), origin.clone());
    draft.claim(
        Field::Start,
        app.command("./build/erlang-shipment/entrypoint.sh run"),
        Origin { confidence: 0.9, ..origin },
    );
}
