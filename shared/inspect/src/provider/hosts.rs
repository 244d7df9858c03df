//! Files written for other hosts that say a little: `heroku.yml`, `app.json`, a manifest of Cloud Run or Knative,
//! `netlify.toml`, `vercel.json`, and the ports that a development container forwards.

use serde_json::Value;

use super::{configuration, yaml};
use crate::plan::{App, Draft, Field, Origin};
use crate::text;

/// Claims what a file says by name about building and starting; above what is found.
pub(super) fn claim(app: &App, draft: &mut Draft) {
    knative(app, draft);
    heroku(app, draft);
    netlify(app, draft);
    vercel(app, draft);
}

/// Claims what only hints at the app; below what is found.
pub(crate) fn claim_hints(app: &App, draft: &mut Draft) {
    app_json(app, draft);
    devcontainer(app, draft);
}

/// `run: web: …`, or `run: web: command: […]`.
fn heroku(app: &App, draft: &mut Draft) {
    const NAME: &str = "heroku.yml";
    for entry in yaml::read(&app.text(NAME).unwrap_or_default()) {
        if entry.is("run.web") || entry.is("run.web.command") || entry.is("run.web.command.0") {
            draft.claim(Field::Start, app.command(&entry.value), app.origin(NAME, Some(entry.line), 0.95));
        }
    }
}

/// A service of Cloud Run or Knative: its port, probe, variables and command.
fn knative(app: &App, draft: &mut Draft) {
    const NAMES: [&str; 4] = ["service.yaml", "service.yml", "cloudrun.yaml", "knative.yaml"];
    for name in NAMES {
        let Some(content) = app.text(name).filter(|content| content.contains("serving.knative.dev")) else {
            continue;
        };
        for entry in yaml::read(&content) {
            let Some(inner) = container_key(&entry.path) else { continue };
            let origin = app.origin(name, Some(entry.line), 0.9);
            match inner.as_slice() {
                ["ports", _, "containerPort"] => {
                    if let Ok(port @ 1..) = entry.value.parse() {
                        draft.claim_port(port, origin);
                    }
                }
                ["startupProbe" | "livenessProbe" | "readinessProbe", "httpGet", "path"] => {
                    draft.claim(Field::HealthPath, &entry.value, origin);
                }
                ["env", _, "name"] if !entry.value.is_empty() => {
                    draft.need(&entry.value, Origin { confidence: 0.6, ..origin });
                }
                _ => {}
            }
        }
    }
}

/// The part of a path below a container: `spec.template.spec.containers.0.…`.
fn container_key(path: &[String]) -> Option<Vec<&str>> {
    let at = path.iter().position(|part| part == "containers")?;
    path.get(at + 2..).map(|rest| rest.iter().map(String::as_str).collect())
}

fn netlify(app: &App, draft: &mut Draft) {
    const NAME: &str = "netlify.toml";
    let Some((content, json)) = configuration::toml_file(app, NAME, draft) else { return };
    configuration::texts(app, NAME, &content, &json, &[(Field::Build, "/build/command")], draft);
    claim_folder(app, NAME, &content, json.pointer("/build/publish"), "publish", draft);
}

fn vercel(app: &App, draft: &mut Draft) {
    const NAME: &str = "vercel.json";
    let Some((content, json)) = configuration::json_file(app, NAME, draft) else { return };
    let wanted = [(Field::Build, "/buildCommand"), (Field::Install, "/installCommand")];
    configuration::texts(app, NAME, &content, &json, &wanted, draft);
    claim_folder(app, NAME, &content, json.pointer("/outputDirectory"), "outputDirectory", draft);
}

fn claim_folder(app: &App, name: &str, content: &str, folder: Option<&Value>, key: &str, draft: &mut Draft) {
    let Some(folder) = folder.and_then(Value::as_str) else { return };
    if let Some(folder) = text::inner_folder(folder).filter(|folder| !folder.starts_with('.')) {
        draft.claim(Field::StaticDir, app.path(folder), app.origin(name, text::line_of(content, key), 0.9));
    }
}

/// `env` of Heroku's `app.json`: what has no value and is not optional is needed.
fn app_json(app: &App, draft: &mut Draft) {
    const NAME: &str = "app.json";
    let Some(content) = app.text(NAME) else { return };
    let json = text::json(&content).unwrap_or_default();
    for (key, value) in json.get("env").and_then(Value::as_object).into_iter().flatten() {
        let answered = value.is_string()
            || value.get("value").is_some()
            || value.get("generator").is_some()
            || value.get("required") == Some(&Value::Bool(false));
        if !answered {
            draft.need(key, app.origin(NAME, text::json_key_line(&content, key), 0.8));
        }
    }
}

/// The first port that a development container forwards.
fn devcontainer(app: &App, draft: &mut Draft) {
    let Some(name) = app.first(&[".devcontainer/devcontainer.json", ".devcontainer.json"]) else { return };
    let Some(content) = app.text(name) else { return };
    let json = text::json(&content).unwrap_or_default();
    for key in ["forwardPorts", "appPort"] {
        let value = json.get(key);
        let first = value.and_then(|value| value.as_array().map_or(Some(value), |list| list.first()));
        let port = first.and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        // Of several forwarded ports most are databases.
        let single = value.and_then(Value::as_array).is_none_or(|list| list.len() == 1);
        if let Some(port) = port.filter(|port| *port > 0 && single && draft.report.port.is_none()) {
            draft.claim_port(port, app.origin(name, text::json_key_line(&content, key), 0.5));
        }
    }
}
