//! Python: what it depends on, who installs that, and which object or file is the app.

mod dependencies;
mod entry;

use toml::{Table, Value};

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

const MANIFESTS: [&str; 10] = [
    "requirements.txt",
    "pyproject.toml",
    "Pipfile",
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "setup.py",
    "setup.cfg",
    "environment.yml",
    "environment.yaml",
];

pub(super) fn detect(app: &App) -> Option<Origin> {
    if let Some(name) = app.first(&MANIFESTS) {
        let table = || app.text(name).and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
        // A pyproject.toml that only configures a linter says little about the app.
        let bare = name == "pyproject.toml"
            && !table().contains_key("project")
            && table().get("tool").is_none_or(|tool| tool.get("poetry").is_none());
        return Some(app.origin(name, None, if bare { 0.55 } else { 0.9 }));
    }
    let entry = app.first(&["manage.py", "main.py", "app.py", "server.py", "wsgi.py", "asgi.py"]);
    let any = || app.top_files().find(|file| text::has_end(file, "py") && *file != "setup.py");
    entry.map(|name| (name, 0.7)).or_else(|| any().map(|name| (name, 0.5))).map(|(name, confidence)| {
        app.origin(name, None, if app.has("package.json") { 0.4 } else { confidence })
    })
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let known = dependencies::read(app);
    claim_version(app, draft);
    claim_install(app, draft);
    entry::claim(app, &known, draft);
    draft.report.path.push(app.path(".venv/bin"));
    if !app.folder.is_empty() && !app.has("uv.lock") && app.nearest("uv.lock").is_some() {
        draft.report.path.push(".venv/bin".to_owned());
    }
    if draft.has(Field::Framework) {
        return;
    }
    if let Some((name, origin)) = dependencies::framework(&known) {
        draft.claim(Field::Framework, name, origin);
    }
}

/// How dependencies get into `.venv`, where `Report::path` finds them.
fn claim_install(app: &App, draft: &mut Draft) {
    const VENV: &str = "python3 -m venv .venv";
    let Some((name, origin)) = tool(app) else {
        // Nothing to install: the environment only gives `python` its one meaning.
        let origin = Origin::new(app.path("."), None, 0.7);
        return draft.claim(Field::Install, app.command(format!("{VENV} --without-pip")), origin);
    };
    draft.claim(Field::PackageManager, name, origin.clone());
    // A flag or the app's own file may ask for another that is known here.
    const TOOLS: [&str; 6] = ["pip", "uv", "poetry", "pdm", "pipenv", "conda"];
    let asked = TOOLS.into_iter().find(|tool| draft.report.package_manager.as_deref() == Some(*tool));
    let name = asked.unwrap_or(name);
    let locked = app.nearest("uv.lock").is_some();
    let command = match name {
        "uv" if locked => "uv sync --locked --no-dev".to_owned(),
        "uv" => "uv sync --no-dev".to_owned(),
        "poetry" => "poetry install --only main --no-interaction --no-ansi".to_owned(),
        "pdm" => "pdm install --prod --no-editable".to_owned(),
        "pipenv" if app.has("Pipfile.lock") => "pipenv install --deploy --ignore-pipfile".to_owned(),
        "pipenv" => "pipenv install --skip-lock".to_owned(),
        "conda" => {
            format!("conda env create --prefix .venv --file {}", conda(app).unwrap_or("environment.yml"))
        }
        _ => match requirements(app) {
            Some((_, true)) => format!("{VENV} --without-pip"),
            Some((file, false)) => format!("{VENV} && .venv/bin/python -m pip install -r {file}"),
            None => format!("{VENV} && .venv/bin/python -m pip install ."),
        },
    };
    let env = match name {
        "poetry" => Some(("POETRY_VIRTUALENVS_IN_PROJECT", "true")),
        "pipenv" => Some(("PIPENV_VENV_IN_PROJECT", "1")),
        _ => None,
    };
    draft.report.build_env.extend(env.map(|(key, value)| (key.to_owned(), value.to_owned())));
    draft.claim(Field::Install, app.command(command), origin);
}

/// The requirements file, and whether it asks for nothing.
fn requirements(app: &App) -> Option<(&'static str, bool)> {
    let name = app.first(&["requirements.txt", "requirements/production.txt", "requirements/base.txt"])?;
    let text = app.text(name).unwrap_or_default();
    let empty = text.lines().all(|line| line.split('#').next().unwrap_or_default().trim().is_empty());
    Some((name, empty))
}

/// Lock files first, then the tables of pyproject.toml, then plain lists.
fn tool(app: &App) -> Option<(&'static str, Origin)> {
    let locks =
        [("uv.lock", "uv"), ("poetry.lock", "poetry"), ("pdm.lock", "pdm"), ("Pipfile.lock", "pipenv")];
    if let Some((file, name)) = locks.into_iter().find(|(file, _)| app.has(file)) {
        return Some((name, app.origin(file, None, 0.95)));
    }
    // The members of a workspace of uv are locked together, at its root.
    if let Some(path) = app.nearest("uv.lock").filter(|_| app.has("pyproject.toml")) {
        return Some(("uv", Origin::new(path, None, 0.95)));
    }
    let content = app.text("pyproject.toml").unwrap_or_default();
    let table: Table = content.parse().unwrap_or_default();
    let tools = table.get("tool").and_then(Value::as_table);
    let named =
        ["poetry", "pdm", "uv"].into_iter().find(|name| tools.is_some_and(|tools| tools.contains_key(*name)));
    if let Some(name) = named {
        let line = text::line_of(&content, &format!("[tool.{name}"));
        return Some((name, app.origin("pyproject.toml", line, 0.9)));
    }
    let backend =
        table.get("build-system").and_then(|system| system.get("build-backend")).and_then(Value::as_str);
    let built_by = [("poetry", "poetry"), ("pdm", "pdm"), ("uv_build", "uv")]
        .into_iter()
        .find(|(prefix, _)| backend.is_some_and(|backend| backend.starts_with(prefix)));
    if let Some((_, name)) = built_by {
        return Some((name, app.origin("pyproject.toml", text::line_of(&content, "build-backend"), 0.8)));
    }
    if app.has("Pipfile") {
        return Some(("pipenv", app.origin("Pipfile", None, 0.9)));
    }
    if let Some((file, _)) = requirements(app) {
        return Some(("pip", app.origin(file, None, 0.95)));
    }
    if let Some(file) = conda(app) {
        return Some(("conda", app.origin(file, None, 0.8)));
    }
    let project =
        table.contains_key("project") && table.contains_key("build-system") || has_dependencies(&table);
    let manifest = if project { "pyproject.toml" } else { "setup.py" };
    app.has(manifest).then(|| ("pip", app.origin(manifest, None, 0.7)))
}

fn conda(app: &App) -> Option<&'static str> {
    app.first(&["environment.yml", "environment.yaml"])
}

/// `python=3.11` among the dependencies of a conda environment.
fn claim_conda_version(app: &App, draft: &mut Draft) {
    let Some(file) = conda(app) else { return };
    let entries = super::yaml::read(&app.text(file).unwrap_or_default());
    let python = entries.iter().filter(|entry| entry.is("dependencies.*")).find_map(|entry| {
        let version = entry.value.strip_prefix("python")?.trim_start_matches(['=', ' ']);
        (!version.is_empty() && version.starts_with(|c: char| c.is_ascii_digit() || "<>~".contains(c)))
            .then(|| (version.to_owned(), entry.line))
    });
    if let Some((version, line)) = python {
        draft.claim(Field::RuntimeVersion, version, app.origin(file, Some(line), 0.9));
    }
}

fn has_dependencies(table: &Table) -> bool {
    let listed =
        table.get("project").and_then(|project| project.get("dependencies")).and_then(Value::as_array);
    listed.is_some_and(|listed| !listed.is_empty())
}

fn claim_version(app: &App, draft: &mut Draft) {
    if let Some(content) = app.text("runtime.txt")
        && let Some((line, version)) = text::version_line(&content)
    {
        let version = version.trim_start_matches("python-");
        draft.claim(Field::RuntimeVersion, version, app.origin("runtime.txt", Some(line), 0.95));
    }
    super::versions::claim_file(app, draft, ".python-version");
    super::versions::claim_tools(app, draft, &["python"]);
    let key = |file: &str, path: &[&str], draft: &mut Draft| {
        let Some(content) = app.text(file) else { return };
        let Ok(table) = content.parse::<Table>() else { return };
        let mut value = Some(&Value::Table(table)).cloned();
        for part in path {
            value = value.and_then(|value| value.get(*part).cloned());
        }
        if let Some(version) = value.as_ref().and_then(Value::as_str) {
            let line = content.lines().position(|line| {
                line.trim_start().starts_with(path[path.len() - 1]) && line.contains(version)
            });
            draft.claim(Field::RuntimeVersion, version, app.origin(file, line.map(|line| line + 1), 0.85));
        }
    };
    claim_conda_version(app, draft);
    // pipenv asks for the full version first.
    key("Pipfile", &["requires", "python_full_version"], draft);
    key("Pipfile", &["requires", "python_version"], draft);
    key("pyproject.toml", &["project", "requires-python"], draft);
    key("pyproject.toml", &["tool", "poetry", "dependencies", "python"], draft);
}

/// Where pyproject.toml says it is a workspace of uv.
pub(super) fn workspace(app: &App) -> Option<Origin> {
    let content = app.text("pyproject.toml")?;
    let line = text::line_of(&content, "[tool.uv.workspace]")?;
    Some(app.origin("pyproject.toml", Some(line), 1.0))
}

/// The folders of the workspace's packages, relative to the app's own.
fn members(app: &App) -> Vec<String> {
    let patterns = patterns(app);
    let fits = |file: &&str| {
        let folder = file.trim_end_matches("/pyproject.toml");
        patterns.iter().any(|pattern| text::fits(pattern, folder))
    };
    let manifests = app.files().filter(|file| !patterns.is_empty() && file.ends_with("/pyproject.toml"));
    manifests.filter(fits).map(|file| file.trim_end_matches("/pyproject.toml").to_owned()).collect()
}

/// The patterns of the workspace's packages.
pub(super) fn patterns(app: &App) -> Vec<String> {
    let table: Table = app.text("pyproject.toml").and_then(|text| text.parse().ok()).unwrap_or_default();
    let members = table
        .get("tool")
        .and_then(|tool| tool.get("uv")?.get("workspace")?.get("members")?.as_array().cloned())
        .unwrap_or_default();
    members.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
