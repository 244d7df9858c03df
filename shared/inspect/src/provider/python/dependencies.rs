//! The packages an app of Python asks for, by their normal names, with the place that asks.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::plan::{App, Origin};
use crate::text;

/// Packages by normal name: lower case, with hyphens.
pub(super) type Known = BTreeMap<String, Origin>;

/// Frameworks by the package that brings them; those that stand on others come first.
const FRAMEWORKS: [(&str, &str); 17] = [
    ("django", "django"),
    ("python-fasthtml", "fasthtml"),
    ("fastapi", "fastapi"),
    ("streamlit", "streamlit"),
    ("gradio", "gradio"),
    ("dash", "dash"),
    ("chainlit", "chainlit"),
    ("litestar", "litestar"),
    ("quart", "quart"),
    ("flask", "flask"),
    ("sanic", "sanic"),
    ("falcon", "falcon"),
    ("bottle", "bottle"),
    ("pyramid", "pyramid"),
    ("tornado", "tornado"),
    ("aiohttp", "aiohttp"),
    ("starlette", "starlette"),
];

/// The framework among the packages.
pub(super) fn framework(known: &Known) -> Option<(&'static str, Origin)> {
    FRAMEWORKS.iter().find_map(|(package, name)| Some((*name, known.get(*package)?.clone())))
}

/// Reads every list of packages the app has.
pub(super) fn read(app: &App) -> Known {
    let mut known = Known::new();
    let lists = app.files().filter(|file| {
        let top = file.starts_with("requirements") && text::has_end(file, "txt");
        top && !file.contains("dev") && !file.contains("test")
    });
    for file in lists.take(8) {
        for (index, line) in app.text(file).unwrap_or_default().lines().enumerate() {
            add(&mut known, line, || app.origin(file, Some(index + 1), 0.95));
        }
    }
    pyproject(app, &mut known);
    if let Some((content, table)) = table(app, "Pipfile") {
        let lines = text::string_lines(&content);
        let line = |name: &str| lines.get(name).copied();
        names(table.get("packages"), &mut known, |name| app.origin("Pipfile", line(name), 0.95));
    }
    known
}

fn pyproject(app: &App, known: &mut Known) {
    let Some((content, table)) = table(app, "pyproject.toml") else { return conda(app, known) };
    let listed =
        table.get("project").and_then(|project| project.get("dependencies")).and_then(Value::as_array);
    let lines = text::string_lines(&content);
    let line = |name: &str| lines.get(name).copied();
    for item in listed.into_iter().flatten().filter_map(Value::as_str) {
        add(known, item, || app.origin("pyproject.toml", line(item), 0.95));
    }
    conda(app, known);
    let poetry = table.get("tool").and_then(|tool| tool.get("poetry")?.get("dependencies"));
    names(poetry, known, |name| app.origin("pyproject.toml", line(name), 0.95));
}

/// The packages of a conda environment, those that pip brings to it included.
fn conda(app: &App, known: &mut Known) {
    let Some(file) = app.first(&["environment.yml", "environment.yaml"]) else { return };
    for entry in crate::provider::yaml::read(&app.text(file).unwrap_or_default()) {
        if entry.path.first().is_some_and(|part| part == "dependencies") {
            let name = entry.value.rsplit("::").next().unwrap_or_default();
            add(known, name, || app.origin(file, Some(entry.line), 0.9));
        }
    }
}

fn table(app: &App, file: &str) -> Option<(std::rc::Rc<str>, Table)> {
    let content = app.text(file)?;
    let table = content.parse().ok()?;
    Some((content, table))
}

fn names(table: Option<&Value>, known: &mut Known, origin: impl Fn(&str) -> Origin) {
    for name in table.and_then(Value::as_table).into_iter().flat_map(Table::keys) {
        known.entry(normal(name)).or_insert_with(|| origin(name));
    }
}

/// One line of a requirements file: the name, before extras, versions and markers.
fn add(known: &mut Known, requirement: &str, origin: impl Fn() -> Origin) {
    let requirement = requirement.trim();
    let end = requirement.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    let name = &requirement[..end.unwrap_or(requirement.len())];
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        known.entry(normal(name)).or_insert_with(&origin);
        // An extra may bring what starts the app: `fastapi[standard]` has the server and its command.
        if let Some(extra) =
            requirement[name.len()..].strip_prefix('[').and_then(|rest| rest.split(']').next())
        {
            known.entry(format!("{}[{extra}]", normal(name))).or_insert_with(&origin);
        }
    }
}

fn normal(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_versions_extras_and_markers() {
        let mut known = Known::new();
        for line in
            ["Flask_Cors==4", "fastapi[standard]>=0.1 ; python_version>'3'", "-r other.txt", "# flask", ""]
        {
            add(&mut known, line, || Origin::new("x", None, 1.0));
        }
        let names: Vec<_> = known.keys().map(String::as_str).collect();
        assert_eq!(names, ["fastapi", "fastapi[standard]", "flask-cors"]);
    }
}
