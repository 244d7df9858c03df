//! `sextant.toml`: what the app's author says, which wins over everything but a flag.
//!
//! ```toml
//! app = "apps/web"                 # at the root of a monorepo: which app is meant
//! provider = "node"
//! start_command = "node server.js"
//! build_command = "npm run build"
//! install_command = "npm ci"
//! runtime_version = "22"
//! package_manager = "pnpm"
//! framework = "next"
//! port = 8080
//! health_path = "/healthz"
//! static_dir = "dist"              # only files are served
//! spa = true
//! cpu = 0.5                        # vCPUs, or "500m"
//! memory = "512Mi"
//! concurrency = 80                 # requests that one instance takes at once
//! min_instances = 0
//! max_instances = 10
//! native_packages = ["libpq-dev"]
//! [env]
//! LOG_LEVEL = "info"
//! [apps."apps/web"]                # the same keys, for one app of a monorepo
//! port = 3000
//! ```

use std::collections::HashMap;

use model::document::{cpu_milli, memory_mib};
use toml::{Table, Value};

use super::configuration::{Configured, ignored};
use crate::plan::{App, Draft, Field, Origin};
use crate::text;

const NAME: &str = "sextant.toml";

/// Keys whose value is text, and what they claim; the flag says whether the text runs in the app's folder.
const TEXTS: [(&str, Field, bool); 7] = [
    ("start_command", Field::Start, true),
    ("build_command", Field::Build, true),
    ("install_command", Field::Install, true),
    ("health_path", Field::HealthPath, false),
    ("runtime_version", Field::RuntimeVersion, false),
    ("package_manager", Field::PackageManager, false),
    ("framework", Field::Framework, false),
];
const OTHERS: [&str; 8] = ["app", "apps", "provider", "port", "static_dir", "spa", "native_packages", "env"];
/// Keys that say what an instance gets, and how many there are.
const SIZES: [&str; 5] = ["cpu", "memory", "concurrency", "min_instances", "max_instances"];

/// The app that the root's file means.
pub(crate) fn app_of(root: &App) -> Option<(String, usize)> {
    let content = root.text(NAME)?;
    let app = content.parse::<Table>().ok()?.get("app")?.as_str()?.to_owned();
    Some((app, text::line_of(&content, "app").unwrap_or(1)))
}

pub(super) fn claim(app: &App, draft: &mut Draft, found: &mut Configured) {
    let root = App::new(app.tree, "");
    for (place, own) in [(app, true), (&root, false)] {
        if !own && app.folder.is_empty() {
            continue;
        }
        let Some(content) = place.text(NAME) else { continue };
        let table = match content.parse::<Table>() {
            Ok(table) => table,
            Err(error) => {
                ignored(place, NAME, error.message(), draft);
                continue;
            }
        };
        // At the root, what is said for all stands below what is said for this app.
        let apps = table.get("apps").and_then(|apps| apps.get(&app.folder)).and_then(Value::as_table);
        let file = File { place, lines: lines_of_keys(&content) };
        if let Some(table) = apps {
            file.claim(app, table, draft, found);
        }
        if own {
            file.claim(app, &table, draft, found);
        }
    }
}

struct File<'a> {
    place: &'a App<'a>,
    /// Where each key and table stands first.
    lines: HashMap<&'a str, usize>,
}

fn lines_of_keys(content: &str) -> HashMap<&str, usize> {
    let mut lines = HashMap::new();
    for (at, line) in content.lines().enumerate() {
        let line = line.trim_start();
        let key = match line.strip_prefix('[') {
            Some(table) => table.split(']').next(),
            None => line.split_once('=').map(|(key, _)| key.trim_end()),
        };
        if let Some(key) = key {
            lines.entry(key).or_insert(at + 1);
        }
    }
    lines
}

impl File<'_> {
    fn origin(&self, key: &str) -> Origin {
        self.place.origin(NAME, self.lines.get(key).copied(), 1.0)
    }

    fn claim(&self, app: &App, table: &Table, draft: &mut Draft, found: &mut Configured) {
        for (key, field, runs) in TEXTS {
            if let Some(value) = table.get(key).and_then(Value::as_str).filter(|value| !value.is_empty()) {
                let value = if runs { app.command(value) } else { value.to_owned() };
                draft.claim(field, value, self.origin(key));
            }
        }
        self.claim_others(app, table, draft, found);
        self.claim_sizes(table, draft);
        for key in
            table.keys().filter(|key| !OTHERS.contains(&key.as_str()) && !SIZES.contains(&key.as_str()))
        {
            if !TEXTS.iter().any(|(known, ..)| known == key) {
                draft.note(
                    format!("{NAME}: `{key}` is not a key that is known; it is ignored"),
                    self.origin(key),
                );
            }
        }
    }

    fn claim_others(&self, app: &App, table: &Table, draft: &mut Draft, found: &mut Configured) {
        if let Some(name) = table.get("provider").and_then(Value::as_str) {
            match name.parse() {
                Ok(provider) => found.asks_provider(provider, self.origin("provider")),
                Err(why) => draft.note(format!("{NAME}: {why}"), self.origin("provider")),
            }
        }
        let port = table.get("port").and_then(Value::as_integer).and_then(|port| u16::try_from(port).ok());
        if let Some(port) = port.filter(|port| *port > 0) {
            draft.claim_port(port, self.origin("port"));
        }
        if let Some(folder) = table.get("static_dir").and_then(Value::as_str) {
            self.claim_static(app, folder, table.get("spa").and_then(Value::as_bool), draft);
        }
        let natives = table.get("native_packages").and_then(Value::as_array).into_iter().flatten();
        draft.report.native_packages.extend(natives.filter_map(Value::as_str).map(str::to_owned));
        for (key, value) in table.get("env").and_then(Value::as_table).into_iter().flatten() {
            if let Some(value) = value.as_str() {
                draft.report.run_env.insert(key.clone(), value.to_owned());
            }
        }
    }

    fn claim_sizes(&self, table: &Table, draft: &mut Draft) {
        for key in SIZES {
            let Some(value) = table.get(key) else { continue };
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let read = match key {
                "cpu" => cpu_milli(&text),
                "memory" => memory_mib(&text),
                _ => text.parse().map_err(|_| "write a whole number".to_owned()),
            };
            let read = match read {
                Ok(read) => read,
                Err(takes) => {
                    let text = format!("{NAME}: `{key} = {value}` is ignored: {takes}");
                    draft.warn("configuration", text.clone(), &self.origin(key));
                    draft.note(text, self.origin(key));
                    continue;
                }
            };
            let run = &mut draft.report.run;
            let (slot, shown) = match key {
                "cpu" => (&mut run.cpu_milli, format!("{} vCPU", f64::from(read) / 1e3)),
                "memory" => (&mut run.memory_mib, format!("{read} MiB")),
                "concurrency" => (&mut run.concurrency, read.to_string()),
                "min_instances" => (&mut run.min_instances, read.to_string()),
                _ => (&mut run.max_instances, read.to_string()),
            };
            if slot.is_none() {
                *slot = Some(read);
                draft.note(format!("{key}: {shown}"), self.origin(key));
            }
        }
    }

    fn claim_static(&self, app: &App, folder: &str, spa: Option<bool>, draft: &mut Draft) {
        let Some(folder) = text::inner_folder(folder) else {
            let claim = format!("{NAME}: `static_dir` leaves the tree; it is ignored");
            return draft.note(claim, self.origin("static_dir"));
        };
        draft.claim_static(app.path(folder), spa.unwrap_or(false), self.origin("static_dir"));
    }
}
