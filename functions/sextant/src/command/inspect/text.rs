//! A report for people: each conclusion with its place and how sure it is, other answers below it, then what was
//! overridden, what to mind, and what is missing.

use inspect::{Evidence, Report, RunsAs};

/// A line: what it is about (empty below the first of several), the value, and why.
struct Row {
    name: &'static str,
    value: String,
    why: String,
}

/// Values longer than this push their reason to the right.
const VALUE_WIDTH: usize = 44;
/// Sentences are broken at this width.
const TEXT_WIDTH: usize = 84;

#[derive(Default)]
struct Sheet {
    rows: Vec<Row>,
}

/// The whole text.
pub(super) fn of(report: &Report) -> String {
    let mut sheet = Sheet::default();
    identity(report, &mut sheet);
    commands(report, &mut sheet);
    serving(report, &mut sheet);
    surroundings(report, &mut sheet);
    remarks(report, &mut sheet);
    sheet.text()
}

fn identity(report: &Report, sheet: &mut Sheet) {
    let provider =
        report.provider.map_or_else(|| "not recognised".to_owned(), |provider| provider.to_string());
    sheet.concluded(report, "Provider", "provider", Some(provider));
    if report.app.is_some() {
        sheet.concluded(report, "App", "app", report.app.clone());
    }
    sheet.concluded(report, "Framework", "framework", report.framework.clone());
    let version =
        report.package_manager_version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
    let packages = report.package_manager.as_ref().map(|name| format!("{name}{version}"));
    sheet.concluded(report, "Packages", "package_manager", packages);
    sheet.concluded(report, "Runtime", "runtime_version", report.runtime_version.clone());
}

fn commands(report: &Report, sheet: &mut Sheet) {
    sheet.concluded(report, "Install", "install_command", report.install_command.clone());
    sheet.concluded(report, "Build", "build_command", report.build_command.clone());
    if report.static_site {
        let kind = if report.spa { ", unknown paths get its index.html" } else { "" };
        let folder = report.static_dir.as_ref().map(|folder| format!("the files in {folder}{kind}"));
        sheet.concluded(report, "Serves", "static_dir", folder);
    } else {
        sheet.concluded(report, "Start", "start_command", report.start_command.clone());
    }
}

fn serving(report: &Report, sheet: &mut Sheet) {
    let runs = report.runs_as.map(|runs| match runs {
        RunsAs::Service => "a service: it answers requests",
        RunsAs::Job => "a job: it listens to nothing that was found",
        RunsAs::Static => "static files: no process is needed",
    });
    sheet.line("Runs as", runs.unwrap_or_default(), "");
    let fixed = if report.port_fixed { ", whatever $PORT says" } else { "" };
    sheet.concluded(report, "Port", "port", report.port.map(|port| format!("{port}{fixed}")));
    sheet.concluded(report, "Health", "health_path", report.health_path.clone());
}

fn surroundings(report: &Report, sheet: &mut Sheet) {
    for name in &report.env_required {
        let secret = if report.env_secret.contains(name) { ", a secret" } else { "" };
        let why = evidence(report, &format!("env_required: {name}")).map(place).unwrap_or_default();
        sheet.line("Needs", &format!("{name}{secret}"), &why);
    }
    for (name, value) in &report.build_env {
        sheet.line("Builds with", &format!("{name}={value}"), "");
    }
    for (name, value) in &report.run_env {
        sheet.line("Sets", &format!("{name}={value}"), "");
    }
    for backend in &report.backends {
        let why = placed(&backend.file, backend.line, backend.confidence);
        sheet.line("Reaches", &backend.kind, &why);
    }
    sheet.line("System", &report.native_packages.join(", "), "");
    for app in &report.apps {
        let name = if app.path.ends_with(&app.name) { String::new() } else { format!(", {}", app.name) };
        sheet.line("Apps", &format!("{} ({}{name})", app.path, app.provider), "");
    }
}

fn remarks(report: &Report, sheet: &mut Sheet) {
    for change in &report.overrides {
        let instead =
            change.instead_of.as_ref().map(|other| format!(", instead of {other}")).unwrap_or_default();
        let by = match (change.by.as_str(), change.line) {
            ("options", _) => "by a flag".to_owned(),
            (file, Some(line)) => format!("by {file}:{line}"),
            (file, None) => format!("by {file}"),
        };
        sheet.line("Overridden", &format!("{} is {}{instead}", change.field, change.value), &by);
    }
    for warning in &report.warnings {
        let line = warning.line.map(|line| format!(":{line}")).unwrap_or_default();
        sheet.text_of("Mind", &warning.text, &format!("{}{line}", warning.file));
    }
    for note in report.evidence.iter().filter(|evidence| !is_field(&evidence.claim)) {
        sheet.text_of("Note", &note.claim, &place(note));
    }
    sheet.text_of("Missing", &report.missing().unwrap_or_default(), "");
}

/// Whether a claim is `field: value`, which has a line of its own, and no sentence.
fn is_field(claim: &str) -> bool {
    let field = claim.split_once(": ").map_or("", |(field, _)| field);
    !field.is_empty() && field.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

fn evidence<'r>(report: &'r Report, prefix: &str) -> Option<&'r Evidence> {
    report.evidence.iter().find(|evidence| {
        evidence.claim.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || prefix.ends_with(": "))
    })
}

fn place(evidence: &Evidence) -> String {
    placed(&evidence.file, evidence.line, evidence.confidence)
}

fn placed(file: &str, line: Option<usize>, confidence: f64) -> String {
    let file = match file {
        "options" => "a flag",
        "." | "" => "the folder",
        file => file,
    };
    let line = line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{file}{line}, {:.0} %", confidence * 100.0)
}

impl Sheet {
    /// A conclusion with its place, and the other answers below it.
    fn concluded(&mut self, report: &Report, name: &'static str, field: &str, value: Option<String>) {
        let Some(value) = value.filter(|value| !value.is_empty()) else { return };
        let why = evidence(report, &format!("{field}: ")).map(place).unwrap_or_default();
        self.rows.push(Row { name, value, why });
        for other in report.alternatives.iter().filter(|other| other.field == field) {
            let why = placed(&other.file, other.line, other.confidence);
            self.rows.push(Row { name: "", value: format!("or {}", other.value), why });
        }
    }

    /// A line of its own; of several with one name only the first shows it.
    fn line(&mut self, name: &'static str, value: &str, why: &str) {
        if value.is_empty() {
            return;
        }
        let last = self.rows.iter().rev().find(|row| !row.name.is_empty()).map(|row| row.name);
        let name = if last == Some(name) { "" } else { name };
        self.rows.push(Row { name, value: value.to_owned(), why: why.to_owned() });
    }

    /// A text of any length, broken between words; its place stands behind the end.
    fn text_of(&mut self, name: &'static str, text: &str, why: &str) {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            match lines.last_mut().filter(|line| line.len() + word.len() < TEXT_WIDTH) {
                Some(line) => line.extend([" ", word]),
                None => lines.push(word.to_owned()),
            }
        }
        let last = lines.len().saturating_sub(1);
        for (index, value) in lines.into_iter().enumerate() {
            let (name, why) = (if index == 0 { name } else { "" }, if index == last { why } else { "" });
            if index == 0 {
                self.line(name, &value, why);
            } else {
                self.rows.push(Row { name, value, why: why.to_owned() });
            }
        }
    }

    fn text(&self) -> String {
        let names = self.rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
        let lengths = self.rows.iter().map(|row| row.value.chars().count());
        let values = lengths.filter(|length| *length <= VALUE_WIDTH).max().unwrap_or_default();
        let line = |row: &Row| {
            let line = format!("  {:names$}  {:values$}  {}", row.name, row.value, row.why);
            format!("{}\n", line.trim_end())
        };
        self.rows.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(files: &[(&str, &str)], options: inspect::Options) -> String {
        let folder = tempfile::TempDir::new().expect("a folder");
        for (path, content) in files {
            std::fs::write(folder.path().join(path), content).expect("a file");
        }
        of(&inspect::read(folder.path(), &options).expect("a readable tree"))
    }

    #[test]
    fn conclusions_places_and_other_answers() {
        let package = r#"{"scripts":{"start":"node a.js"},"dependencies":{"express":"4","pg":"8"}}"#;
        let source = "const key = process.env.STRIPE_SECRET_KEY;\napp.listen(3000)\n";
        let options = inspect::Options { start_command: Some("node z.js".into()), ..Default::default() };
        let text = shown(&[("package.json", package), ("a.js", source)], options);
        let line = |start: &str| {
            let line = text.lines().find(|line| line.trim_start().starts_with(start)).unwrap_or_default();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("Start"), "Start node z.js a flag, 100 %");
        assert_eq!(line("or npm"), "or npm run start package.json:1, 95 %");
        assert_eq!(line("Port"), "Port 3000, whatever $PORT says a.js:2, 75 %");
        assert_eq!(line("Needs"), "Needs STRIPE_SECRET_KEY, a secret a.js:1, 60 %");
        assert_eq!(line("Reaches"), "Reaches postgres package.json:1, 90 %");
        assert_eq!(
            line("Overridden"),
            "Overridden start_command is node z.js, instead of npm run start by a flag"
        );
        assert!(line("Mind").contains("port 3000"), "{text}");
    }

    #[test]
    fn nothing_recognised_says_what_to_add() {
        let text = shown(&[("notes.txt", "x")], inspect::Options::default());
        assert!(text.contains("not recognised") && text.contains("Add a manifest"), "{text}");
    }
}
