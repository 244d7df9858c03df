//! What every configuration file can say, and how one is read.

use serde_json::Value;

use crate::Provider;
use crate::plan::{App, Draft, Field, Origin};
use crate::text;

/// What the files say that only counts once the provider is known.
#[derive(Default)]
pub(crate) struct Configured {
    /// The provider that a file names.
    pub(crate) provider: Option<(Provider, Origin)>,
    /// Versions of tools: `("python", "3.12", …)`; the empty name is the provider itself.
    pub(super) versions: Vec<(String, String, Origin)>,
    /// The same, spelled for another tool's index (`zulu-8.86`): they stand below the language's own files.
    pub(super) foreign: Vec<(String, String, Origin)>,
}

impl Configured {
    /// Takes a provider by its name, unless one is named already or nobody knows it.
    pub(super) fn provider(&mut self, name: &str, origin: Origin) {
        if self.provider.is_none()
            && let Some(provider) = provider_of(name)
        {
            self.provider = Some((provider, origin));
        }
    }

    /// Claims the version that the files ask for, before the language's own files are read.
    pub(crate) fn claim_version(&self, provider: Provider, draft: &mut Draft) {
        claim_versions(&self.versions, provider, draft);
    }

    /// Claims what is left after the language's own files were read.
    pub(crate) fn claim_foreign_version(&self, provider: Provider, draft: &mut Draft) {
        claim_versions(&self.foreign, provider, draft);
    }
}

fn claim_versions(versions: &[(String, String, Origin)], provider: Provider, draft: &mut Draft) {
    for (tool, version, origin) in versions {
        if tool.is_empty() || provider_of(tool) == Some(provider) {
            draft.claim(Field::RuntimeVersion, version, origin.clone());
        }
    }
}

/// A provider by any of the names that configuration files use.
fn provider_of(name: &str) -> Option<Provider> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    Some(match stem {
        "nodejs" | "javascript" | "bun" | "npm" => Provider::Node,
        "golang" => Provider::Go,
        "csharp" | "fsharp" | "dotnet" | "aspnetcore" => Provider::Dotnet,
        "static" | "html" => Provider::Staticfile,
        "haskell_stack" => Provider::Haskell,
        "kotlin" | "gradle" | "maven" => Provider::Java,
        "docker" | "custom" | "image" => Provider::Dockerfile,
        stem => stem.parse().ok()?,
    })
}

impl Configured {
    pub(super) fn asks_provider(&mut self, provider: Provider, origin: Origin) {
        self.provider.get_or_insert((provider, origin));
    }

    pub(super) fn asks_version(&mut self, version: &str, origin: Origin) {
        self.versions.push((String::new(), version.to_owned(), origin));
    }
}

/// A TOML file as JSON, so that one way of asking does for both.
pub(super) fn toml_file(app: &App, name: &str, draft: &mut Draft) -> Option<(std::rc::Rc<str>, Value)> {
    let content = app.text(name)?;
    match content.parse::<toml::Table>() {
        Ok(table) => Some((content, serde_json::to_value(table).ok()?)),
        Err(error) => {
            ignored(app, name, error.message(), draft);
            None
        }
    }
}

/// A JSON file, comments and all.
pub(super) fn json_file(app: &App, name: &str, draft: &mut Draft) -> Option<(std::rc::Rc<str>, Value)> {
    let content = app.text(name)?;
    let Some(value) = text::json(&content) else {
        ignored(app, name, "it is not JSON", draft);
        return None;
    };
    Some((content, value))
}

/// Notes that a file says nothing, and why.
pub(super) fn ignored(app: &App, name: &str, why: &str, draft: &mut Draft) {
    let why = why.lines().next().unwrap_or_default();
    draft
        .note(format!("{name} is ignored, because it could not be read: {why}"), app.origin(name, None, 1.0));
}

/// Claims texts at JSON pointers of a file, each with the line of its last key.
pub(super) fn texts(
    app: &App,
    name: &str,
    content: &str,
    json: &Value,
    wanted: &[(Field, &str)],
    draft: &mut Draft,
) {
    for (field, pointer) in wanted {
        let Some(value) = json.pointer(pointer).and_then(Value::as_str).filter(|v| !v.trim().is_empty())
        else {
            continue;
        };
        let value = if matches!(field, Field::HealthPath) { value.to_owned() } else { app.command(value) };
        draft.claim(*field, value, app.origin(name, key_line(content, pointer), 0.98));
    }
}

/// The line of a pointer's last key, from 1.
pub(super) fn key_line(content: &str, pointer: &str) -> Option<usize> {
    let key = pointer.rsplit('/').next()?;
    let is_key = |line: &str| {
        let line = line.trim_start().trim_start_matches('"');
        line.strip_prefix(key)
            .is_some_and(|rest| rest.trim_start_matches('"').trim_start().starts_with([':', '=']))
    };
    content.lines().position(is_key).map(|at| at + 1)
}
