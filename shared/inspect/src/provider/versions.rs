//! Version files that serve every language: `.tool-versions` (asdf) and `mise.toml`.

use crate::plan::{App, Draft, Field};
use crate::text;

const MISE: [&str; 4] = ["mise.toml", ".mise.toml", ".config/mise.toml", "mise/config.toml"];

/// Claims what a file that holds nothing but a version says, if the app or a folder above it has one.
pub(super) fn claim_file(app: &App, draft: &mut Draft, name: &str) {
    let Some(path) = app.nearest(name) else { return };
    let Some(content) = app.tree.text(&path) else { return };
    if let Some((line, version)) = text::version_line(&content) {
        // rbenv and pyenv also take the name in front: `ruby-3.3.0`.
        let tool = name.trim_start_matches('.').trim_end_matches("-version");
        let version = version.strip_prefix(tool).and_then(|rest| rest.strip_prefix('-')).unwrap_or(version);
        draft.claim(Field::RuntimeVersion, version, crate::plan::Origin::new(path, Some(line), 0.95));
    }
}

/// Claims what `.tool-versions` and mise say about the tool, under any of its names.
pub(super) fn claim_tools(app: &App, draft: &mut Draft, names: &[&str]) {
    if let Some(path) = app.nearest(".tool-versions") {
        let content = app.tree.text(&path).unwrap_or_default();
        let asdf = content.lines().enumerate().find_map(|(index, line)| {
            let mut words = line.split('#').next()?.split_whitespace();
            let tool = words.next()?;
            let version = words.next()?;
            names.contains(&tool).then(|| (index + 1, version.to_owned()))
        });
        if let Some((line, version)) = asdf {
            draft.claim(Field::RuntimeVersion, version, crate::plan::Origin::new(path, Some(line), 0.95));
        }
    }
    for name in MISE {
        if let Some((version, line)) = mise(app, name, names) {
            draft.claim(Field::RuntimeVersion, version, app.origin(name, line, 0.9));
        }
    }
}

/// The version that a file of tools asks for.
pub(super) fn of_tool(app: &App, name: &str) -> Option<String> {
    let mut draft = Draft::default();
    claim_tools(app, &mut draft, &[name]);
    draft.report.runtime_version
}

fn mise(app: &App, file: &str, names: &[&str]) -> Option<(String, Option<usize>)> {
    let content = app.text(file)?;
    let table: toml::Table = content.parse().ok()?;
    let tools = table.get("tools")?.as_table()?;
    // A backend may stand in front: `core:go`, `asdf:ruby`.
    let bare = |key: &str| key.rsplit(':').next().unwrap_or_default().to_owned();
    let (name, value) =
        names.iter().find_map(|name| Some((*name, tools.iter().find(|(key, _)| bare(key) == *name)?.1)))?;
    let version = match value {
        toml::Value::String(version) => version.clone(),
        toml::Value::Array(versions) => versions.first()?.as_str()?.to_owned(),
        toml::Value::Table(table) => table.get("version")?.as_str()?.to_owned(),
        _ => return None,
    };
    Some((version, text::line_of(&content, name)))
}
