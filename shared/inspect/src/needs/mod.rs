//! What the app needs around it: databases and queues, native packages, and what Cloud Run will not keep for it.
//!
//! Found in manifests, compose files and settings, by the names of dependencies. A name is a hint, never a proof:
//! each finding carries its place, and nothing here changes how the app is built or started.

mod dependencies;
mod tables;

use std::collections::BTreeMap;

use crate::plan::{App, Draft, Origin};
use crate::provider::yaml;
use crate::{Backend, Override, RunsAs, text};
use dependencies::Known;
use tables::{BACKENDS, DRIVERS, IMAGES, MEMORY, NATIVE, SCHEMES, SQLITE};

/// Claims everything that this module knows.
pub(crate) fn claim(app: &App, draft: &mut Draft) {
    let known = dependencies::read(app);
    let mut backends = BTreeMap::new();
    by_dependency(&known, &mut backends);
    by_setting(app, &mut backends);
    by_compose(app, &mut backends);
    claim_disk(app, &known, draft, backends.remove("sqlite"));
    claim_memory(&known, draft);
    draft.report.backends = backends
        .into_iter()
        .map(|(kind, Origin { file, line, confidence })| Backend { kind, file, line, confidence })
        .collect();
    claim_native(&known, draft);
    claim_compose(app, draft);
}

type Backends = BTreeMap<String, Origin>;

/// The surest place wins.
fn add(backends: &mut Backends, kind: &str, origin: Origin) {
    let slot = backends.entry(kind.to_owned()).or_insert_with(|| origin.clone());
    if origin.confidence > slot.confidence {
        *slot = origin;
    }
}

fn by_dependency(known: &Known, backends: &mut Backends) {
    for (kind, names) in BACKENDS {
        if let Some(found) = known.any(names) {
            add(backends, kind, found.origin.clone());
        }
    }
}

/// `postgres://` in an example of an `.env` file, `DB_CONNECTION=mysql`, `adapter: postgresql`, an engine of Django.
fn by_setting(app: &App, backends: &mut Backends) {
    const FILES: [&str; 10] = [
        ".env.example",
        ".env.sample",
        ".env.template",
        "env.example",
        "prisma/schema.prisma",
        "schema.prisma",
        "config/database.yml",
        "src/main/resources/application.properties",
        "src/main/resources/application.yml",
        "drizzle.config.ts",
    ];
    let settings = app.files().filter(|file| file.rsplit('/').next() == Some("settings.py"));
    for file in FILES.into_iter().filter(|file| app.has(file)).chain(settings.take(4)) {
        for (index, line) in app.text(file).unwrap_or_default().lines().enumerate().take(2_000) {
            let line = line.trim();
            if line.starts_with('#') || line.starts_with("//") {
                continue;
            }
            let origin = app.origin(file, Some(index + 1), 0.8);
            if let Some((_, kind)) = SCHEMES.iter().find(|(scheme, _)| line.contains(scheme)) {
                add(backends, kind, origin);
            } else if let Some(kind) = driver(line) {
                add(backends, kind, origin);
            }
        }
    }
}

/// The database that a line of settings names as its driver.
fn driver(line: &str) -> Option<&'static str> {
    let lower = line.to_ascii_lowercase();
    let names_driver = ["provider", "adapter", "db_connection", "engine", "dialect", "db_driver"]
        .iter()
        .any(|key| lower.trim_start_matches(['"', '\'']).starts_with(key));
    if !names_driver {
        return None;
    }
    DRIVERS.iter().find(|(name, _)| lower.contains(name)).map(|(_, kind)| *kind)
}

const COMPOSE: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

fn by_compose(app: &App, backends: &mut Backends) {
    let Some(file) = app.first(&COMPOSE) else { return };
    for entry in yaml::read(&app.text(file).unwrap_or_default()) {
        if !entry.is("services.*.image") {
            continue;
        }
        let name = entry.value.split([':', '@']).next().unwrap_or_default();
        let last = name.rsplit('/').next().unwrap_or_default();
        // Microsoft's image is called `mssql/server`; a mere `server` is anybody's.
        let kind = IMAGES.iter().find(|(image, _)| last == *image).map(|(_, kind)| *kind);
        if let Some(kind) = kind.or_else(|| name.ends_with("mssql/server").then_some("mssql")) {
            add(backends, kind, app.origin(file, Some(entry.line), 0.9));
        }
    }
}

/// What compose says of the service that it builds from this folder: variables, a port, a command.
fn claim_compose(app: &App, draft: &mut Draft) {
    let Some(file) = app.first(&COMPOSE) else { return };
    let entries = yaml::read(&app.text(file).unwrap_or_default());
    let of_root = |value: &str| [".", "./"].contains(&value);
    let built = entries.iter().find(|entry| {
        (entry.is("services.*.build") || entry.is("services.*.build.context")) && of_root(&entry.value)
    });
    let Some(service) = built.map(|entry| entry.path[1].clone()) else { return };
    for entry in entries.iter().filter(|entry| entry.path.get(1) == Some(&service)) {
        let origin = app.origin(file, Some(entry.line), 0.6);
        if entry.is("services.*.command") {
            draft.alternative("start_command", app.command(&entry.value), origin);
        } else if entry.is("services.*.ports.*") {
            let port = entry.value.rsplit(':').next().and_then(|port| port.split('/').next()?.parse().ok());
            if let Some(port) = port.filter(|port| *port > 0 && !draft.report.static_site) {
                draft.claim_port(port, origin);
            }
        } else if entry.is("services.*.environment.*")
            && let Some(key) = entry.path.last()
        {
            claim_variable(key, &entry.value, origin, draft);
        }
    }
}

/// `KEY: ${KEY}`, `- KEY=${KEY}` and `- KEY` come from outside; any other value is a default for development.
fn claim_variable(key: &str, value: &str, origin: Origin, draft: &mut Draft) {
    let listed = key.parse::<usize>().is_ok();
    let (name, value) = match value.split_once('=') {
        Some((name, value)) if listed => (name, value),
        _ if listed => (value, "${}"),
        _ => (key, value),
    };
    let inner = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    // `${KEY:-x}` and `${KEY-x}` have an answer; `${KEY:?why}` has none.
    let answered = inner.is_some_and(|inner| inner.contains('-') && !inner.contains('?'));
    if inner.is_some() && !answered {
        draft.need(name, origin);
    }
}

/// A folder that compose mounts for a service that it builds from this tree.
fn mounted(app: &App) -> Option<(String, Origin)> {
    let file = app.first(&COMPOSE)?;
    let entries = yaml::read(&app.text(file)?);
    let built = |service: &str| {
        entries
            .iter()
            .any(|entry| entry.path.len() > 2 && entry.path[1] == service && entry.path[2] == "build")
    };
    let volume = entries.iter().find(|entry| {
        let source = entry.value.split(':').next().unwrap_or_default();
        // A bind of the source itself is how people develop, not state.
        entry.is("services.*.volumes.*") && !source.starts_with(['.', '/']) && built(&entry.path[1])
    })?;
    Some((volume.value.clone(), app.origin(file, Some(volume.line), 0.9)))
}

fn claim_disk(app: &App, known: &Known, draft: &mut Draft, sqlite: Option<Origin>) {
    let library = known.any(&SQLITE);
    if let Some(origin) = sqlite.or_else(|| library.map(|dependency| dependency.origin.clone())) {
        let text = "It keeps its data in a SQLite file. On Cloud Run each instance has its own disk in memory, which is \
                    lost when the instance ends: use Cloud SQL, or mount a bucket and allow one instance."
            .to_owned();
        draft.warn("state-on-disk", text, &origin);
    }
    if let Some((volume, origin)) = mounted(app) {
        let text = format!(
            "Its compose file mounts the volume `{volume}`. Cloud Run keeps no disk: mount a bucket in that place, \
             or move the data to a database or to Cloud Storage."
        );
        draft.warn("state-on-disk", text, &origin);
    }
    if let Some((what, origin)) = written(app) {
        let text = format!(
            "It writes files ({what}). On Cloud Run they take memory, are not seen by other instances, and are lost \
             when the instance ends: write to Cloud Storage, or mount a bucket."
        );
        draft.warn("state-on-disk", text, &origin);
    }
}

/// The first place that stores what users send, or that a framework's settings keep on disk.
fn written(app: &App) -> Option<(String, Origin)> {
    const MARKS: [(&str, &str, &str); 14] = [
        ("py", "sqlite3.connect(", "a database of `sqlite3`"),
        ("py", "sqlite:///", "a database of SQLite"),
        ("js", "new DatabaseSync(", "a database of `node:sqlite`"),
        ("js", "multer({ dest", "uploads by multer"),
        ("js", "multer.diskStorage", "uploads by multer"),
        ("js", "writeFileSync('./data", "`writeFileSync`"),
        ("ts", "multer.diskStorage", "uploads by multer"),
        ("py", "MEDIA_ROOT", "`MEDIA_ROOT`"),
        ("py", "UPLOAD_FOLDER", "`UPLOAD_FOLDER`"),
        ("rb", "config.active_storage.service = :local", "Active Storage on disk"),
        ("php", "move_uploaded_file(", "`move_uploaded_file`"),
        ("example", "FILESYSTEM_DISK=local", "`FILESYSTEM_DISK=local`"),
        ("example", "SESSION_DRIVER=file", "`SESSION_DRIVER=file`"),
        ("go", "SaveUploadedFile(", "`SaveUploadedFile`"),
    ];
    for file in app.files().filter(|file| file.matches('/').count() < 5).take(2_000) {
        let marks = MARKS.iter().filter(|(end, ..)| text::has_end(file, end));
        let side = file.split('/').any(|part| {
            part.starts_with("test") || ["spec", "development.rb", "examples", "docs"].contains(&part)
        });
        let mut marks = marks.peekable();
        if side || marks.peek().is_none() {
            continue;
        }
        let Some(content) = app.text(file) else { continue };
        for (_, mark, what) in marks {
            if let Some(line) = text::line_of(&content, mark) {
                return Some(((*what).to_owned(), app.origin(file, Some(line), 0.7)));
            }
        }
    }
    None
}

fn claim_memory(known: &Known, draft: &mut Draft) {
    for (names, unless, text) in MEMORY {
        let found = known.any(names);
        let shared = known.any(unless).is_some();
        if let Some(found) = found.filter(|_| !shared) {
            draft.warn("state-in-memory", (*text).to_owned(), &found.origin);
        }
    }
}

fn claim_native(known: &Known, draft: &mut Draft) {
    for (languages, names, packages) in NATIVE {
        let found = names.iter().flat_map(|name| known.find(name));
        for dependency in found.filter(|one| languages.is_empty() || languages.contains(&one.language)) {
            draft.note(format!("native_packages: {}", packages.join(", ")), dependency.origin.clone());
            draft.report.native_packages.extend(packages.iter().map(|package| (*package).to_owned()));
        }
    }
    draft.report.native_packages.sort();
    draft.report.native_packages.dedup();
}

/// Says how the app is best run, and warns of what follows.
pub(crate) fn advise(draft: &mut Draft, listens: bool) {
    let report = &draft.report;
    let command = report.start_command.as_deref().unwrap_or_default();
    let serves = report.port.is_some() || listens || command.contains("PORT");
    draft.report.runs_as = match (report.static_site, report.start_command.is_some()) {
        (true, _) => Some(RunsAs::Static),
        (false, true) if serves => Some(RunsAs::Service),
        (false, true) => Some(RunsAs::Job),
        (false, false) => None,
    };
    let (fixed, port) = (draft.report.port_fixed, draft.report.port);
    if let (true, Some(port)) = (fixed, port) {
        let place = draft.report.evidence.iter().find(|evidence| evidence.claim.starts_with("port: "));
        let origin = place.map_or_else(
            || Origin::new(".", None, 1.0),
            |place| Origin::new(place.file.clone(), place.line, place.confidence),
        );
        let text = format!(
            "It listens on port {port} whatever `$PORT` says. Cloud Run can be told to use {port}; reading `$PORT` \
             makes it run anywhere."
        );
        draft.warn("port-fixed", text, &origin);
    }
}

/// Whether a place is a flag or the app's own file: what stands there overrides.
pub(crate) fn is_said(file: &str) -> bool {
    file == "options" || file.rsplit('/').next() == Some("sextant.toml")
}

/// Lists what flags and `sextant.toml` replaced.
pub(crate) fn overridden(draft: &mut Draft) {
    let said = is_said;
    let mut overrides = Vec::new();
    for evidence in draft.report.evidence.iter().filter(|evidence| said(&evidence.file)) {
        let Some((field, value)) = evidence.claim.split_once(": ") else { continue };
        let known = field.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        if !known || overrides.iter().any(|other: &Override| other.field == field) {
            continue;
        }
        let found = draft.report.alternatives.iter().find(|other| other.field == field && !said(&other.file));
        overrides.push(Override {
            field: field.to_owned(),
            value: value.to_owned(),
            instead_of: found.map(|other| other.value.clone()),
            by: evidence.file.clone(),
            line: evidence.line,
        });
    }
    draft.report.overrides = overrides;
}
