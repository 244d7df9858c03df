//! What a configuration file says about the app, and which file is asked first.
//!
//! The order, after what the caller said by name: `sextant.toml`, `railpack.json`, `nixpacks.toml`,
//! `project.toml`, `app.yaml`, `railway.json` and `railway.toml`, `render.yaml`, `fly.toml`, a service of Cloud Run,
//! `heroku.yml`, `netlify.toml`, `vercel.json`; then a Procfile, an own Dockerfile, and what the language's files
//! say. Versions in `railpack.json` stand below the language's own
//! files, because they are spelled for another tool's index. A file that cannot be parsed is said to be ignored, never an error.

use serde_json::Value;

use super::configuration::{Configured, json_file, key_line, texts, toml_file};
use super::yaml;
use crate::plan::{App, Draft, Field};
use crate::text;

/// Claims what every configuration file of the app says.
pub(crate) fn claim(app: &App, draft: &mut Draft) -> Configured {
    let mut found = Configured::default();
    super::sextant_toml::claim(app, draft, &mut found);
    railpack(app, draft, &mut found);
    nixpacks(app, draft, &mut found);
    project(app, draft, &mut found);
    app_engine(app, draft, &mut found);
    railway(app, draft);
    render(app, draft);
    fly(app, draft);
    super::hosts::claim(app, draft);
    found
}

/// The commands of a phase, joined; `...` stands for what would be done anyway and so says nothing.
fn commands(json: &Value, pointer: &str) -> Option<String> {
    let listed = json.pointer(pointer)?.as_array()?;
    let texts: Vec<&str> = listed
        .iter()
        .filter_map(|one| one.as_str().or_else(|| one.get("cmd").and_then(Value::as_str)))
        .collect();
    (!texts.is_empty() && !texts.contains(&"...")).then(|| texts.join(" && "))
}

fn railpack(app: &App, draft: &mut Draft, found: &mut Configured) {
    const NAME: &str = "railpack.json";
    let Some((content, json)) = json_file(app, NAME, draft) else { return };
    texts(app, NAME, &content, &json, &[(Field::Start, "/deploy/startCommand")], draft);
    phases(app, NAME, &content, &json, ["/steps/install/commands", "/steps/build/commands"], draft);
    if let Some(provider) = json.get("provider").and_then(Value::as_str) {
        found.provider(provider, app.origin(NAME, key_line(&content, "provider"), 0.98));
    }
    for (tool, version) in json.get("packages").and_then(Value::as_object).into_iter().flatten() {
        if let Some(version) = version.as_str() {
            let origin = app.origin(NAME, key_line(&content, tool), 0.97);
            found.foreign.push((tool.clone(), version.to_owned(), origin));
        }
    }
    natives(&json, &["/deploy/aptPackages", "/buildAptPackages"], draft);
    variables(json.pointer("/deploy/variables"), draft);
}

fn phases(app: &App, name: &str, content: &str, json: &Value, pointers: [&str; 2], draft: &mut Draft) {
    for (field, pointer) in [Field::Install, Field::Build].into_iter().zip(pointers) {
        if let Some(command) = commands(json, pointer) {
            let phase = pointer.rsplit('/').nth(1).unwrap_or_default();
            draft.claim(field, app.command(command), app.origin(name, text::line_of(content, phase), 0.97));
        }
    }
}

fn natives(json: &Value, pointers: &[&str], draft: &mut Draft) {
    for package in pointers.iter().filter_map(|pointer| json.pointer(pointer)?.as_array()).flatten() {
        if let Some(package) = package.as_str().filter(|package| *package != "...") {
            draft.report.native_packages.push(package.to_owned());
        }
    }
}

fn variables(table: Option<&Value>, draft: &mut Draft) {
    for (key, value) in table.and_then(Value::as_object).into_iter().flatten() {
        if let Some(value) = value.as_str().filter(|_| crate::names::is_variable_name(key)) {
            draft.report.run_env.entry(key.clone()).or_insert_with(|| value.to_owned());
        }
    }
}

fn nixpacks(app: &App, draft: &mut Draft, found: &mut Configured) {
    let Some(name) = app.first(&["nixpacks.toml", "nixpacks.json"]) else { return };
    let read =
        if name == "nixpacks.toml" { toml_file(app, name, draft) } else { json_file(app, name, draft) };
    let Some((content, json)) = read else { return };
    texts(app, name, &content, &json, &[(Field::Start, "/start/cmd")], draft);
    phases(app, name, &content, &json, ["/phases/install/cmds", "/phases/build/cmds"], draft);
    let named =
        json.get("providers").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    if let Some(provider) = named.into_iter().find(|name| *name != "...") {
        found.provider(provider, app.origin(name, key_line(&content, "providers"), 0.97));
    }
    natives(&json, &["/phases/setup/aptPkgs"], draft);
    variables(json.get("variables"), draft);
}

/// Cloud Native Buildpacks; the variables are those of Google's.
fn project(app: &App, draft: &mut Draft, found: &mut Configured) {
    const NAME: &str = "project.toml";
    let Some((content, json)) = toml_file(app, NAME, draft) else { return };
    let listed = ["/io/buildpacks/build/env", "/build/env", "/io/buildpacks/env/build"]
        .into_iter()
        .filter_map(|pointer| json.pointer(pointer)?.as_array());
    for one in listed.flatten() {
        let text = |key: &str| one.get(key).and_then(Value::as_str);
        let (Some(key), Some(value)) = (text("name"), text("value")) else { continue };
        let origin = app.origin(NAME, text::line_of(&content, key), 0.97);
        match key {
            "GOOGLE_ENTRYPOINT" => draft.claim(Field::Start, app.command(value), origin),
            "GOOGLE_RUNTIME" => found.provider(value, origin),
            "GOOGLE_RUNTIME_VERSION" => found.asks_version(value, origin),
            "GOOGLE_PYTHON_VERSION" => found.versions.push(("python".into(), value.into(), origin)),
            "GOOGLE_NODEJS_VERSION" => found.versions.push(("nodejs".into(), value.into(), origin)),
            "GOOGLE_GO_VERSION" => found.versions.push(("go".into(), value.into(), origin)),
            _ => {
                draft.report.build_env.insert(key.to_owned(), value.to_owned());
            }
        }
    }
}

/// `app.yaml` of App Engine: `runtime: python312`, `entrypoint:`, `env_variables:`.
fn app_engine(app: &App, draft: &mut Draft, found: &mut Configured) {
    const NAME: &str = "app.yaml";
    let Some(content) = app.text(NAME) else { return };
    let entries = yaml::read(&content);
    let Some(runtime) = entries.iter().find(|entry| entry.is("runtime")) else { return };
    let origin = |line| app.origin(NAME, Some(line), 0.9);
    let at = runtime.value.find(|c: char| c.is_ascii_digit()).unwrap_or(runtime.value.len());
    let (name, digits) = runtime.value.split_at(at);
    if !["custom", "flex"].contains(&name) {
        found.provider(name, origin(runtime.line));
        if !digits.is_empty() {
            let version = version_of_runtime(name, digits);
            found.versions.push((name.to_owned(), version, origin(runtime.line)));
        }
    }
    for entry in &entries {
        if entry.is("entrypoint") {
            draft.claim(Field::Start, app.command(&entry.value), app.origin(NAME, Some(entry.line), 0.97));
        } else if entry.is("env_variables.*")
            && let Some(key) = entry.path.last()
        {
            draft.report.run_env.entry(key.clone()).or_insert_with(|| entry.value.clone());
        } else if entry.is("readiness_check.path") {
            draft.claim(Field::HealthPath, &entry.value, origin(entry.line));
        }
    }
}

/// `python312` is 3.12, `php83` is 8.3, `nodejs20` is 20.
fn version_of_runtime(name: &str, digits: &str) -> String {
    match name {
        "python" | "php" | "ruby" | "go" if digits.len() > 1 => format!("{}.{}", &digits[..1], &digits[1..]),
        _ => digits.to_owned(),
    }
}

fn railway(app: &App, draft: &mut Draft) {
    let Some(name) = app.first(&["railway.json", "railway.toml"]) else { return };
    let read = if name == "railway.toml" { toml_file(app, name, draft) } else { json_file(app, name, draft) };
    let Some((content, json)) = read else { return };
    let wanted = [
        (Field::Start, "/deploy/startCommand"),
        (Field::Build, "/build/buildCommand"),
        (Field::HealthPath, "/deploy/healthcheckPath"),
    ];
    texts(app, name, &content, &json, &wanted, draft);
}

/// The first service of a `render.yaml` that answers requests.
fn render(app: &App, draft: &mut Draft) {
    const NAME: &str = "render.yaml";
    let Some(content) = app.text(NAME) else { return };
    let entries = yaml::read(&content);
    let kinds = entries.iter().filter(|entry| entry.is("services.*.type"));
    let Some(number) = kinds.into_iter().find(|kind| kind.value == "web").map(|kind| kind.path[1].clone())
    else {
        return;
    };
    for entry in entries.iter().filter(|entry| entry.path.get(1) == Some(&number)) {
        let origin = app.origin(NAME, Some(entry.line), 0.9);
        match entry.path.get(2).map(String::as_str) {
            Some("startCommand") => draft.claim(Field::Start, app.command(&entry.value), origin),
            Some("buildCommand") => draft.claim(Field::Build, app.command(&entry.value), origin),
            Some("healthCheckPath") => draft.claim(Field::HealthPath, &entry.value, origin),
            _ => {}
        }
    }
}

fn fly(app: &App, draft: &mut Draft) {
    const NAME: &str = "fly.toml";
    let Some((content, json)) = toml_file(app, NAME, draft) else { return };
    let port = ["/http_service/internal_port", "/services/0/internal_port"]
        .into_iter()
        .find_map(|pointer| json.pointer(pointer)?.as_u64());
    if let Some(port) = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0) {
        draft.claim_port(port, app.origin(NAME, key_line(&content, "internal_port"), 0.85));
    }
    texts(
        app,
        NAME,
        &content,
        &json,
        &[(Field::Start, "/processes/web"), (Field::Start, "/processes/app")],
        draft,
    );
    let checks = ["/http_service/checks/0/path", "/services/0/http_checks/0/path"];
    for pointer in checks {
        texts(app, NAME, &content, &json, &[(Field::HealthPath, pointer)], draft);
    }
}
