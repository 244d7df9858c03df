//! An own Dockerfile or Containerfile: it decides what runs; the language below it says how to build without it.

use crate::docker::stage::{self, Command, Stage};
use crate::docker::{self, Instruction};
use crate::plan::{App, Draft, Field, Origin};
use crate::{Provider, text};

const NAMES: [&str; 4] = ["Dockerfile", "Containerfile", "dockerfile", "Dockerfile.prod"];

/// Programs that the command of an image may name and that a machine with the language's tools has.
const TOOLS: [&str; 40] = [
    "node",
    "npm",
    "npx",
    "yarn",
    "pnpm",
    "bun",
    "bunx",
    "deno",
    "python",
    "python3",
    "uvicorn",
    "gunicorn",
    "hypercorn",
    "daphne",
    "flask",
    "fastapi",
    "streamlit",
    "gradio",
    "uv",
    "poetry",
    "pipenv",
    "pdm",
    "ruby",
    "bundle",
    "rails",
    "rake",
    "puma",
    "rackup",
    "java",
    "php",
    "sh",
    "bash",
    "dash",
    "cargo",
    "go",
    "mix",
    "elixir",
    "gleam",
    "dotnet",
    "make",
];

/// Manifests and lock files: an image that copies one that the tree doesn't have cannot be built.
const COPIED: [&str; 15] = [
    "package.json",
    "package-lock.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "requirements.txt",
    "pyproject.toml",
    "poetry.lock",
    "uv.lock",
    "Pipfile.lock",
    "Gemfile.lock",
    "Cargo.lock",
    "go.sum",
    "composer.lock",
];

pub(super) fn detect(app: &App) -> Option<Origin> {
    let name = app.first(&NAMES)?;
    match broken(app, name) {
        // A leftover of a template: the language below it is the better answer.
        Some((_, line)) => Some(app.origin(name, Some(line), 0.5)),
        None => Some(app.origin(name, None, 1.0)),
    }
}

/// Says why an own Dockerfile is not used, where the tree has one that cannot be built.
pub(super) fn note_broken(app: &App, draft: &mut Draft) {
    let Some(name) = app.first(&NAMES) else { return };
    if let Some((file, line)) = broken(app, name) {
        let claim = format!("{name} cannot be built: it copies {file}, which is not in the tree");
        draft.note(claim, app.origin(name, Some(line), 0.95));
    }
}

/// A manifest or lock file that the Dockerfile copies from a tree that doesn't have it, and the line.
fn broken(app: &App, name: &str) -> Option<(String, usize)> {
    let file = docker::parse(&app.text(name)?);
    file.instructions.iter().find_map(|instruction| {
        let missing = copied(instruction, file.escape).into_iter().find(|source| {
            let path = source.trim_start_matches("./").trim_start_matches('/');
            let file = path.rsplit('/').next().unwrap_or(path);
            // Some build with the root as their context: a copy from there is not missing.
            COPIED.contains(&file) && !app.has(path) && !app.tree.has(path)
        });
        Some((missing?, instruction.line))
    })
}

/// What an instruction copies from the tree.
fn copied(instruction: &Instruction, escape: char) -> Vec<String> {
    let copies = matches!(instruction.keyword.as_str(), "COPY" | "ADD");
    if !copies || instruction.onbuild || instruction.flag("from").is_some() {
        return Vec::new();
    }
    let mut words = instruction.words(escape);
    words.pop();
    words.retain(|word| !word.starts_with("<<"));
    words
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let Some(name) = app.first(&NAMES) else { return };
    let content = app.text(name).unwrap_or_default();
    let stage = stage::last(&docker::parse(&content));
    claim_stage(app, draft, name, &stage);
    claim_language(app, draft, &stage);
    // Nothing else says how to start it: the image's command is all there is.
    if let (false, Some((command, line))) = (draft.has(Field::Start), whole_command(&stage)) {
        draft.claim(Field::Start, app.command(command), app.origin(name, Some(line), 0.3));
    }
}

fn claim_stage(app: &App, draft: &mut Draft, name: &str, stage: &Stage) {
    let origin = |line, confidence| app.origin(name, Some(line), confidence);
    match (whole_command(stage), runnable(app, stage)) {
        (Some((_, line)), Some(command)) => {
            draft.claim(Field::Start, app.command(command), origin(line, 0.9));
        }
        (Some((command, line)), None) => {
            let why = "the image's command names what only the image has";
            draft.note(format!("{why}: {command}"), origin(line, 0.9));
            draft.alternative("start_command", command, origin(line, 0.3));
        }
        (None, _) => {}
    }
    if let Some((port, line)) = stage.expose.first() {
        draft.claim_port(*port, origin(*line, 0.85));
    }
    if let Some((path, line)) = &stage.health_path {
        draft.claim(Field::HealthPath, path, origin(*line, 0.9));
    }
    if let Some((image, line)) = &stage.image {
        draft.note(format!("base image: {image}"), origin(*line, 1.0));
    }
    draft.report.run_env.extend(stage.env.clone().into_iter().filter(|(key, _)| key != "PATH"));
}

/// What the language's own manifest says about installing and building, below what the Dockerfile said.
fn claim_language(app: &App, draft: &mut Draft, stage: &Stage) {
    let below = super::detect(app).into_iter().find(|other| other.provider != Provider::Dockerfile);
    if let Some(below) = below {
        super::plan(below.provider, app, draft);
        draft.report.static_site &= stage.cmd.is_none() && stage.entrypoint.is_none();
    }
}

/// Entry point and command as one shell text, as the image would run it.
fn whole_command(stage: &Stage) -> Option<(String, usize)> {
    let words =
        |words: &[String]| words.iter().map(|word| text::shell_word(word)).collect::<Vec<_>>().join(" ");
    match (&stage.entrypoint, &stage.cmd) {
        (Some((Command::Shell(entry), line)), _) => Some((entry.clone(), *line)),
        (Some((Command::Exec(entry), line)), cmd) => {
            let rest = match cmd {
                Some((Command::Exec(cmd), _)) => words(cmd),
                Some((Command::Shell(cmd), _)) => format!("sh -c {}", text::shell_word(cmd)),
                None => String::new(),
            };
            Some((format!("{} {rest}", words(entry)).trim().to_owned(), *line))
        }
        (None, Some((Command::Exec(cmd), line))) => Some((words(cmd), *line)),
        (None, Some((Command::Shell(cmd), line))) => Some((cmd.clone(), *line)),
        (None, None) => None,
    }
    .filter(|(command, _)| !command.is_empty())
}

/// The command with the image's work folder taken away, if all that it starts is a tool or a file of the tree.
fn runnable(app: &App, stage: &Stage) -> Option<String> {
    let (command, _) = whole_command(stage)?;
    let workdir = stage.workdir.as_deref().unwrap_or("/").trim_end_matches('/');
    let local: Vec<_> = command.split(' ').map(|word| relative(word, workdir)).collect();
    let command = local.join(" ");
    let mut words = command.split_whitespace().skip_while(|word| *word == "exec" || is_assignment(word));
    let program = words.next()?;
    let rest: Vec<_> = words.collect();
    let missing_script = || {
        rest.first().is_some_and(|script| {
            ["js", "mjs", "cjs", "py", "rb", "sh", "php", "ts"]
                .iter()
                .any(|end| script.ends_with(&format!(".{end}")))
                && script.starts_with('/')
        })
    };
    let bare = program.trim_start_matches("./");
    let known = TOOLS.contains(&program) || app.has(bare);
    (known && !missing_script()).then_some(command)
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| crate::names::is_variable_name(name))
}

fn relative(word: &str, workdir: &str) -> String {
    let inside = word.strip_prefix(workdir).and_then(|rest| rest.strip_prefix('/'));
    match inside {
        Some(rest) if !workdir.is_empty() && !rest.is_empty() => format!("./{rest}"),
        Some(_) | None if word == workdir && !workdir.is_empty() => ".".to_owned(),
        _ => word.to_owned(),
    }
}
