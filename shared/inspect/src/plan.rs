//! How a report is put together: every source claims a value, the first claim is taken, the others are kept.

use std::rc::Rc;

use crate::tree::Tree;
use crate::{Alternative, Evidence, Report, Warning, names};

/// A part of the report that holds text and may be claimed by several sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    Framework,
    PackageManager,
    RuntimeVersion,
    Start,
    Install,
    Build,
    HealthPath,
    StaticDir,
}

impl Field {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Framework => "framework",
            Self::PackageManager => "package_manager",
            Self::RuntimeVersion => "runtime_version",
            Self::Start => "start_command",
            Self::Install => "install_command",
            Self::Build => "build_command",
            Self::HealthPath => "health_path",
            Self::StaticDir => "static_dir",
        }
    }

    fn slot(self, report: &mut Report) -> &mut Option<String> {
        match self {
            Self::Framework => &mut report.framework,
            Self::PackageManager => &mut report.package_manager,
            Self::RuntimeVersion => &mut report.runtime_version,
            Self::Start => &mut report.start_command,
            Self::Install => &mut report.install_command,
            Self::Build => &mut report.build_command,
            Self::HealthPath => &mut report.health_path,
            Self::StaticDir => &mut report.static_dir,
        }
    }
}

/// Where a claim comes from and how sure it is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Origin {
    pub(crate) file: String,
    pub(crate) line: Option<usize>,
    pub(crate) confidence: f64,
}

impl Origin {
    pub(crate) fn new(file: impl Into<String>, line: Option<usize>, confidence: f64) -> Self {
        Self { file: file.into(), line, confidence }
    }

    /// What the caller said by name.
    pub(crate) fn options() -> Self {
        Self::new("options", None, 1.0)
    }
}

/// Alternatives and variables that are kept: more help nobody, and each new one is held against all.
const MOST: usize = 1_000;

/// A report in the making.
#[derive(Debug, Default, Clone)]
pub(crate) struct Draft {
    pub(crate) report: Report,
}

impl Draft {
    /// Takes the value if nothing was claimed before; keeps it as an alternative if something else was.
    pub(crate) fn claim(&mut self, field: Field, value: impl Into<String>, origin: Origin) {
        let value = value.into();
        let slot = field.slot(&mut self.report);
        match slot {
            None => {
                *slot = Some(value.clone());
                self.note(format!("{}: {value}", field.name()), origin);
            }
            Some(taken) if *taken == value => {}
            Some(_) => self.alternative(field.name(), value, origin),
        }
    }

    /// Claims the port the app listens on when `$PORT` is not set.
    pub(crate) fn claim_port(&mut self, port: u16, origin: Origin) {
        match self.report.port {
            None => {
                self.report.port = Some(port);
                self.note(format!("port: {port}"), origin);
            }
            Some(taken) if taken == port => {}
            Some(_) => self.alternative("port", port.to_string(), origin),
        }
    }

    /// Whether the field was claimed.
    pub(crate) fn has(&mut self, field: Field) -> bool {
        field.slot(&mut self.report).is_some()
    }

    /// Keeps another answer that was possible, once.
    pub(crate) fn alternative(&mut self, field: &str, value: String, origin: Origin) {
        let known = |other: &Alternative| other.field == field && other.value == value;
        if self.report.alternatives.len() < MOST && !self.report.alternatives.iter().any(known) {
            let Origin { file, line, confidence } = origin;
            let field = field.to_owned();
            self.report.alternatives.push(Alternative { field, value, file, line, confidence });
        }
    }

    /// Adds a sentence to the evidence.
    pub(crate) fn note(&mut self, claim: impl Into<String>, origin: Origin) {
        let Origin { file, line, confidence } = origin;
        self.report.evidence.push(Evidence { claim: claim.into(), file, line, confidence });
    }

    /// Adds a variable that the app cannot do without, unless it is set already or the platform sets it.
    pub(crate) fn need(&mut self, name: &str, origin: Origin) {
        let report = &self.report;
        if report.env_required.len() >= MOST {
            return;
        }
        let known =
            report.env_required.iter().any(|known| known == name) || report.run_env.contains_key(name);
        if known || !names::is_variable_name(name) || names::is_ambient(name) {
            return;
        }
        self.note(format!("env_required: {name}"), origin);
        let insert = |list: &mut Vec<String>| {
            let at = list.partition_point(|other| other.as_str() < name);
            list.insert(at, name.to_owned());
        };
        insert(&mut self.report.env_required);
        if names::looks_secret(name, "").is_some() {
            insert(&mut self.report.env_secret);
        }
    }

    /// Warns of something, once.
    pub(crate) fn warn(&mut self, id: &str, text: String, origin: &Origin) {
        if self.report.warnings.iter().any(|known| known.id == id && known.text == text) {
            return;
        }
        let (file, line) = (origin.file.clone(), origin.line);
        self.report.warnings.push(Warning { id: id.to_owned(), text, file, line });
    }

    /// Marks the app as files to be served: no process is started for it.
    pub(crate) fn claim_static(&mut self, folder: impl Into<String>, spa: bool, origin: Origin) {
        self.report.static_site = true;
        self.report.spa = spa;
        self.note(if spa { "static site, a single page app" } else { "static site" }, origin.clone());
        self.claim(Field::StaticDir, folder, origin);
    }
}

/// One folder of the tree, seen as an app: paths are relative to it.
#[derive(Clone)]
pub(crate) struct App<'t> {
    pub(crate) tree: &'t Tree,
    /// Relative to the root; empty for the root.
    pub(crate) folder: String,
}

impl<'t> App<'t> {
    pub(crate) fn new(tree: &'t Tree, folder: &str) -> Self {
        Self { tree, folder: folder.to_owned() }
    }

    /// The path from the root of a path from the app's folder.
    pub(crate) fn path(&self, name: &str) -> String {
        match (self.folder.as_str(), name) {
            ("", name) => name.to_owned(),
            (folder, "" | ".") => folder.to_owned(),
            (folder, name) => format!("{folder}/{name}"),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.tree.has(&self.path(name))
    }

    pub(crate) fn has_folder(&self, name: &str) -> bool {
        self.tree.has_folder(&self.path(name))
    }

    pub(crate) fn text(&self, name: &str) -> Option<Rc<str>> {
        self.tree.text(&self.path(name))
    }

    /// The first of these files that the app has.
    pub(crate) fn first<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        names.iter().copied().find(|name| self.has(name))
    }

    /// The path from the root of a file in the app's folder or, failing that, in one above it.
    pub(crate) fn nearest(&self, name: &str) -> Option<String> {
        let mut folder = self.folder.as_str();
        loop {
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            if self.tree.has(&path) {
                return Some(path);
            }
            if folder.is_empty() {
                return None;
            }
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        }
    }

    /// The app's files, relative to its folder, sorted.
    pub(crate) fn files(&self) -> impl Iterator<Item = &'t str> {
        let prefix = self.prefix();
        let length = prefix.len();
        self.tree.files_below(&prefix).map(move |path| &path[length..])
    }

    fn prefix(&self) -> String {
        if self.folder.is_empty() { String::new() } else { format!("{}/", self.folder) }
    }

    /// The app's files directly in its folder.
    pub(crate) fn top_files(&self) -> impl Iterator<Item = &'t str> {
        let prefix = self.prefix();
        let length = prefix.len();
        self.tree.files_in(&prefix).map(move |path| &path[length..])
    }

    /// A command that is to run in the app's folder, as one that runs in the root.
    pub(crate) fn command(&self, command: impl AsRef<str>) -> String {
        let command = command.as_ref();
        if self.folder.is_empty() {
            return command.to_owned();
        }
        format!("cd {} && {command}", crate::text::shell_word(&self.folder))
    }

    /// An origin in one of the app's files.
    pub(crate) fn origin(&self, name: &str, line: Option<usize>, confidence: f64) -> Origin {
        Origin::new(self.path(name), line, confidence)
    }
}
