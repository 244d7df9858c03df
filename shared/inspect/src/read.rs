//! One reading of a tree: choose the app, collect every claim in the order of precedence, look at the source.

use std::path::Path;

use crate::plan::{App, Draft, Field, Origin};
use crate::provider::configuration::Configured;
use crate::provider::{self, Detection};
use crate::tree::Tree;
use crate::{AppEntry, Error, Evidence, Options, Provider, Report, names, needs, scan, text};

/// Folders that are tried first when a tree without an app at its root has several.
const LIKELY_APPS: [&str; 10] =
    ["web", "app", "server", "api", "backend", "site", "www", "service", "main", "frontend"];

/// Apps that are listed: each is held against the whole tree.
const APPS: usize = 500;

/// Reads a source tree and says what it is, how to build and run it, and why.
///
/// # Errors
/// [`Error`] when the path is not a readable folder, or has no app of the name that was asked for. A tree that
/// is not recognised is a report whose `provider` is null.
pub fn read(path: &Path, options: &Options) -> Result<Report, Error> {
    let tree = Tree::open(path, options.limits)?;
    let workspace = provider::workspace(&tree);
    let apps = list_apps(&tree, workspace.is_some());
    let folder = choose(&tree, options, &apps)?;
    let app = App::new(&tree, &folder);

    let mut draft = Draft::default();
    if let Some(origin) = workspace {
        draft.report.monorepo = true;
        draft.note("the tree holds several packages", origin);
    }
    claim_options(&app, &mut draft, options);
    let configured = provider::configured::claim(&app, &mut draft);
    provider::procfile::claim(&app, &mut draft);
    plan(&app, options.provider, &configured, &mut draft);
    provider::procfile::claim_only(&app, &mut draft);
    say_app(&tree, &mut draft, options, &folder, &apps);
    let listens = scan::source(&app, &mut draft);
    needs::claim(&app, &mut draft);
    provider::hosts::claim_hints(&app, &mut draft);
    needs::advise(&mut draft, listens);
    needs::overridden(&mut draft);
    if let Some(cut) = &tree.cut {
        draft.note(format!("the listing is not complete: {cut}"), Origin::new(".", None, 1.0));
    }
    draft.report.apps = apps;
    for variables in [&mut draft.report.build_env, &mut draft.report.run_env] {
        variables.retain(|name, value| names::is_settable(name, value));
    }
    Ok(draft.report)
}

fn claim_options(app: &App, draft: &mut Draft, options: &Options) {
    let given = [
        (Field::Framework, &options.framework),
        (Field::PackageManager, &options.package_manager),
        (Field::RuntimeVersion, &options.runtime_version),
        (Field::Start, &options.start_command),
        (Field::Build, &options.build_command),
        (Field::Install, &options.install_command),
        (Field::HealthPath, &options.health_path),
    ];
    for (field, value) in given {
        if let Some(value) = value {
            draft.claim(field, value, Origin::options());
        }
    }
    if let Some(port) = options.port {
        draft.claim_port(port, Origin::options());
    }
    if let Some(folder) = options.static_dir.as_deref().and_then(text::inner_folder) {
        draft.claim_static(app.path(folder), false, Origin::options());
    }
}

/// Says what the app is by its strongest detection; the weaker ones are alternatives.
fn plan(app: &App, asked: Option<Provider>, configured: &Configured, draft: &mut Draft) {
    let mut found = provider::detect(app);
    let asked = asked.map(|provider| (provider, Origin::options())).or_else(|| configured.provider.clone());
    let named = asked.is_some();
    if let Some((provider, by)) = asked {
        found.retain(|detection| detection.provider != provider);
        found.insert(0, Detection { provider, origin: by });
    }
    let Some(first) = found.first().map(|detection| detection.provider) else {
        draft.note("nothing here says what kind of app this is", Origin::new(".", None, 1.0));
        return;
    };
    let others = if named { &[][..] } else { &found[1..] };
    let provider = running(app, draft, first, others).unwrap_or(first);
    if let Some(at) = found.iter().position(|detection| detection.provider == provider) {
        let Detection { provider, origin } = found.remove(at);
        draft.report.provider = Some(provider);
        draft.note(format!("provider: {provider}"), origin);
    }
    provider::note_broken(app, draft);
    configured.claim_version(provider, draft);
    for other in found {
        draft.alternative("provider", other.provider.to_string(), other.origin);
    }
    provider::plan(provider, app, draft);
    configured.claim_foreign_version(provider, draft);
    if !draft.report.static_site {
        draft.report.static_dir = None;
        draft.report.evidence.retain(|evidence| !evidence.claim.starts_with("static_dir: "));
    }
    settle(app, draft);
}

/// The first provider that has something to start or to serve, where the strongest has nothing: a manifest may only
/// name tools, beside a page or a script that is the app.
fn running(app: &App, draft: &Draft, first: Provider, others: &[Detection]) -> Option<Provider> {
    let runs = |provider: Provider| {
        let mut attempt = draft.clone();
        provider::plan(provider, app, &mut attempt);
        attempt.report.start_command.is_some() || attempt.report.static_site
    };
    if draft.report.start_command.is_some() || draft.report.static_site || others.is_empty() || runs(first) {
        return None;
    }
    others.iter().map(|other| other.provider).find(|provider| runs(*provider))
}

/// A command that somebody configured means a process, whatever the framework would serve; a folder that somebody
/// configured by a flag or the app's own file means files, whatever else would start.
fn settle(app: &App, draft: &mut Draft) {
    if !draft.report.static_site || draft.report.start_command.is_none() {
        return;
    }
    let said = |field: &str| {
        draft
            .report
            .evidence
            .iter()
            .any(|evidence| evidence.claim.starts_with(field) && needs::is_said(&evidence.file))
    };
    if said("static_dir: ") && !said("start_command: ") {
        if let Some(command) = draft.report.start_command.take() {
            draft.alternative("start_command", command, Origin::new(app.path("."), None, 0.5));
        }
        return;
    }
    draft.report.static_site = false;
    draft.report.spa = false;
    if let Some(folder) = draft.report.static_dir.take() {
        draft.alternative("static_dir", folder, Origin::new(app.path("."), None, 0.5));
    }
}

/// Folders that can be deployed by themselves: packages of a workspace, else apps up to two folders deep.
fn list_apps(tree: &Tree, workspace: bool) -> Vec<AppEntry> {
    let shallow = |folder: &&str| folder.matches('/').count() < 2 && !is_side_folder(folder);
    let mut folders: Vec<_> = tree.folders().filter(shallow).map(str::to_owned).collect();
    if workspace {
        // A workspace of one language may stand beside apps of another.
        let members = provider::members(tree);
        let root = provider::detect(&App::new(tree, "")).first().map(|detection| detection.provider);
        folders.retain(|folder| {
            let found = provider::detect(&App::new(tree, folder)).into_iter().next();
            found.is_some_and(|found| Some(found.provider) != root && found.origin.confidence >= 0.9)
        });
        folders.extend(members.into_iter().filter(|folder| !is_side_member(folder)));
        folders.sort();
        folders.dedup();
    }
    folders.into_iter().filter_map(|folder| app_in(tree, &folder)).take(APPS).collect()
}

/// Folders whose apps accompany the one that is meant.
const SIDE: [&str; 32] = [
    "test",
    "tests",
    "__tests__",
    "testing",
    "testdata",
    "docs",
    "doc",
    "documentation",
    "examples",
    "example",
    "sample",
    "samples",
    "demo",
    "demos",
    "fixture",
    "fixtures",
    "__fixtures__",
    "scripts",
    "tools",
    "vendor",
    "third_party",
    "spec",
    "e2e",
    "cypress",
    "playground",
    "playgrounds",
    "bench",
    "benches",
    "benchmark",
    "benchmarks",
    "template",
    "templates",
];

fn is_side_folder(folder: &str) -> bool {
    folder.split('/').any(|part| part.starts_with('.') || SIDE.contains(&part))
}

/// Members of a workspace are named by its author: only what tests or shows the others is no app of its own.
fn is_side_member(folder: &str) -> bool {
    let last = folder.rsplit('/').next().unwrap_or_default();
    let tests = last.ends_with("-e2e") || last.ends_with("-tests");
    tests
        || folder
            .split('/')
            .any(|part| SIDE.contains(&part) && !["docs", "demo", "doc", "tools"].contains(&part))
}

/// The app in a folder, if its manifest is there and it can be run or served.
fn app_in(tree: &Tree, folder: &str) -> Option<AppEntry> {
    let app = App::new(tree, folder);
    let detection = provider::detect(&app).into_iter().next()?;
    // A stray script or page in some folder of a larger app doesn't make that folder an app.
    if detection.origin.confidence < 0.8 {
        return None;
    }
    let mut draft = Draft::default();
    provider::plan(detection.provider, &app, &mut draft);
    // A package that only names what others import is a library.
    let library = detection.provider == Provider::Node
        && draft.report.framework.is_none()
        && draft
            .report
            .evidence
            .iter()
            .any(|one| one.claim.starts_with("start_command") && one.confidence < 0.75);
    if library && !draft.report.static_site {
        return None;
    }
    let deployable = draft.report.start_command.is_some() || draft.report.static_dir.is_some();
    deployable.then(|| AppEntry {
        name: provider::package_name(&app)
            .unwrap_or_else(|| folder.rsplit('/').next().unwrap_or(folder).to_owned()),
        path: folder.to_owned(),
        provider: detection.provider,
    })
}

/// The folder of the app: the one asked for, else the root if it can run, else the likeliest app below it.
fn choose(tree: &Tree, options: &Options, apps: &[AppEntry]) -> Result<String, Error> {
    let configured = || provider::sextant_toml::app_of(&App::new(tree, "")).map(|(app, _)| app);
    let Some(asked) = options.app.clone().or_else(configured) else {
        return Ok(likeliest(tree, options, apps));
    };
    let wanted = asked.trim_start_matches("./").trim_end_matches('/');
    let by_name = || apps.iter().find(|entry| entry.name == wanted).map(|entry| entry.path.clone());
    if wanted == "." || wanted.is_empty() {
        return Ok(String::new());
    }
    let by_path = tree.has_folder(wanted).then(|| wanted.to_owned());
    by_path.or_else(by_name).ok_or_else(|| Error::NoSuchApp {
        app: asked.clone(),
        known: apps.iter().map(|entry| entry.path.clone()).collect(),
    })
}

/// The root if it can run, else the likeliest app below it.
fn likeliest(tree: &Tree, options: &Options, apps: &[AppEntry]) -> String {
    let root = App::new(tree, "");
    let members = apps.iter().any(|entry| entry.provider == Provider::Node);
    let runs = options.start_command.is_some() || provider::procfile::web(&root).is_some() || {
        let mut draft = Draft::default();
        if let Some(detection) = provider::detect(&root).first() {
            provider::plan(detection.provider, &root, &mut draft);
        }
        let runs = draft.report.start_command.is_some() || draft.report.static_dir.is_some();
        runs && !(is_bare(&root) && is_guessed(&draft) && members)
    };
    if runs || apps.is_empty() {
        return String::new();
    }
    let rank = |entry: &&AppEntry| {
        let last = entry.path.rsplit('/').next().unwrap_or_default();
        LIKELY_APPS.iter().position(|name| *name == last).unwrap_or(LIKELY_APPS.len())
    };
    apps.iter().min_by_key(rank).map(|entry| entry.path.clone()).unwrap_or_default()
}

/// A root of packages without code of its own: what it depends on is there for its members.
fn is_bare(root: &App) -> bool {
    !["src", "app", "pages", "routes", "server"].iter().any(|folder| root.tree.has_folder(folder))
}

/// Whether nothing but a dependency says how it starts: the framework's own program would.
fn is_guessed(draft: &Draft) -> bool {
    let guessed = |one: &Evidence| one.claim.starts_with("start_command: npx ") && one.confidence <= 0.75;
    draft.report.framework.is_some() && draft.report.evidence.iter().any(guessed)
}

fn say_app(tree: &Tree, draft: &mut Draft, options: &Options, folder: &str, apps: &[AppEntry]) {
    let configured = provider::sextant_toml::app_of(&App::new(tree, ""));
    let by_file = configured.map(|(_, line)| Origin::new("sextant.toml", Some(line), 1.0));
    let by = options.app.as_ref().map(|_| Origin::options()).or(by_file);
    if folder.is_empty() && by.is_none() {
        return;
    }
    if !folder.is_empty() {
        draft.report.app = Some(folder.to_owned());
    }
    let shown = if folder.is_empty() { "." } else { folder };
    let confidence = if apps.len() > 1 { 0.5 } else { 0.9 };
    if by.is_some() {
        // What would have been taken is what was replaced: it stands first.
        let found = likeliest(tree, options, apps);
        if found != folder {
            let found = if found.is_empty() { ".".to_owned() } else { found };
            draft.alternative("app", found.clone(), Origin::new(found, None, confidence));
        }
    }
    draft.note(format!("app: {shown}"), by.unwrap_or_else(|| Origin::new(folder, None, confidence)));
    for other in apps.iter().filter(|entry| entry.path != folder) {
        draft.alternative("app", other.path.clone(), Origin::new(&other.path, None, 0.5));
    }
}
