//! A Dockerfile and a `.dockerignore` for a report.
//!
//! Invariant: the same report gives the same text; no secret is written into it; it runs as a numeric user that is
//! not root, in exec form, on `$PORT`; what is fetched comes before what is edited.

mod ignore;
mod languages;
mod recipe;
mod start;
mod toolchain;
mod version;

use super::finding::Finding;
use super::lint::Surroundings;
use super::rule::Severity;
use super::walk::scan;
use crate::Report;
use recipe::Recipe;
use serde::Serialize;
use std::fmt::Write as _;

/// Whom the app runs as: no user of the base image, and not root.
const USER: u32 = 10001;

/// What was written, and why it is as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Generated {
    /// The Dockerfile; empty when nothing is known that could be started.
    pub dockerfile: String,
    /// The `.dockerignore` beside it.
    pub dockerignore: String,
    /// Sentences that say why.
    pub because: Vec<String>,
}

/// Writes a Dockerfile for what the report says.
pub fn generate(report: &Report) -> Generated {
    if let Some(missing) = report.missing() {
        return Generated { because: vec![missing], ..Generated::default() };
    }
    let recipe = Recipe::of(report);
    let mut text = String::from("# syntax=docker/dockerfile:1.7\n");
    if report.static_site {
        static_site(&mut text, report, &recipe);
    } else {
        build_stage(&mut text, report, &recipe);
        run_stage(&mut text, report, &recipe);
    }
    Generated {
        dockerfile: with_ignores(&text),
        dockerignore: ignore::text(report),
        because: because(report, &recipe),
    }
}

/// The `.dockerignore` alone, for an own Dockerfile that has none beside it.
pub fn dockerignore(report: &Report) -> String {
    ignore::text(report)
}

fn line(text: &mut String, line: impl AsRef<str>) {
    text.push_str(line.as_ref());
    text.push('\n');
}

/// The folder that a command runs in, and the command without the `cd` that WORKDIR does for it.
fn placed<'c>(report: &Report, command: &'c str) -> (String, &'c str) {
    let root = || ("/app".to_owned(), command);
    let Some(app) = &report.app else { return root() };
    let start = format!("cd {} && ", crate::text::shell_word(app));
    command.strip_prefix(&start).map_or_else(root, |rest| (format!("/app/{app}"), rest))
}

fn build_stage(text: &mut String, report: &Report, recipe: &Recipe) {
    let early = !report.monorepo && report.app.is_none() && !recipe.manifests.is_empty();
    let kept = !recipe.kept.is_empty() && (report.app.is_none() || recipe.early.is_some());
    if kept {
        manifests(text, recipe);
    }
    line(text, format!("\nFROM {} AS build", recipe.build_image));
    for (name, value) in build_variables(report, recipe) {
        line(text, format!("ENV {name}={}", quoted(&value)));
    }
    if !recipe.path.is_empty() {
        line(text, format!("ENV PATH={}:$PATH", recipe.path.join(":")));
    }
    for step in &recipe.setup {
        line(text, step);
    }
    let install = report.install_command.as_deref();
    let mut left = install;
    let mut here = "/app".to_owned();
    line(text, "WORKDIR /app");
    if let (true, Some(first)) = (early || kept, recipe.early.as_deref().or(install)) {
        line(text, "# What is fetched changes seldom: a layer of its own, before the source.");
        if kept {
            line(text, "COPY --from=manifests /manifests/ ./");
        } else {
            line(text, format!("COPY {} ./", recipe.manifests.join(" ")));
        }
        line(text, run(recipe, first));
        if recipe.early.is_none() {
            left = None;
        }
    }
    line(text, "COPY . .");
    let build = report.build_command.as_ref().map(|build| format!("{build}{}", recipe.build_flags));
    for step in [left, build.as_deref()].into_iter().flatten() {
        let (folder, command) = placed(report, step);
        if folder != here {
            line(text, format!("WORKDIR {folder}"));
            here = folder;
        }
        line(text, run(recipe, command));
    }
    for step in &recipe.finish {
        line(text, run(recipe, step));
    }
}

/// A stage that picks what says what to fetch. What it gives is compared by content: a change elsewhere costs nothing.
fn manifests(text: &mut String, recipe: &Recipe) {
    let tests: Vec<String> = recipe
        .kept
        .iter()
        .map(|pattern| match (pattern.strip_prefix("./"), pattern.contains('/')) {
            (Some(_), _) => format!("-path '{pattern}'"),
            (None, true) => format!("-path '*/{pattern}'"),
            (None, false) => format!("-name '{pattern}'"),
        })
        .collect();
    line(text, format!("\nFROM {} AS manifests", version::DEBIAN));
    line(text, "WORKDIR /tree");
    line(text, "COPY . .");
    let tests = tests.join(" -o ");
    line(
        text,
        format!(
            "RUN mkdir /manifests && find . -type f \\( {tests} \\) -exec cp --parents {{}} /manifests/ \\;"
        ),
    );
}

fn run(recipe: &Recipe, command: &str) -> String {
    let mounts: Vec<String> = recipe
        .caches
        .iter()
        .map(|cache| format!("--mount=type=cache,target={cache},sharing=locked "))
        .collect();
    let pipe = if super::shell::parse(command).pipes { "set -o pipefail; " } else { "" };
    let (mounts, command) = (mounts.concat(), command.trim());
    if pipe.is_empty() {
        format!("RUN {mounts}{command}")
    } else {
        format!("SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\nRUN {mounts}{command}")
    }
}

fn build_variables(report: &Report, recipe: &Recipe) -> Vec<(String, String)> {
    let fixed = recipe.build_env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let own = report.build_env.iter().map(|(name, value)| (name.clone(), value.clone()));
    fixed.chain(own).filter(|(name, value)| !is_secret(report, name) && is_line(value)).collect()
}

/// ENV has no way to write a value of several lines.
fn is_line(value: &str) -> bool {
    !value.contains(['\n', '\r'])
}

/// Names that look like secrets are not written down: whoever pulls the image reads them.
fn is_secret(report: &Report, name: &str) -> bool {
    let probe = format!("FROM a:1\nENV {name}=x\n");
    report.env_secret.iter().any(|secret| secret == name)
        || scan(&probe, Surroundings::default()).iter().any(|finding| finding.rule.starts_with("secret"))
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:=$,@+".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
    }
}

fn run_stage(text: &mut String, report: &Report, recipe: &Recipe) {
    let start = report.started().unwrap_or_default();
    let (mut folder, start) = placed(report, &start);
    let mut start = start.to_owned();
    if let (Some(inside), None) = (recipe.inside, &report.app) {
        folder = format!("{folder}/{inside}");
        start = start.replacen(&format!("./{inside}/"), "./", 1);
    }
    line(text, format!("\nFROM {}", recipe.run_image));
    for (name, value) in &recipe.run_env {
        line(text, format!("ENV {name}={}", quoted(value)));
    }
    let kept =
        |(name, value): &(&String, &String)| *name != "PORT" && !is_secret(report, name) && is_line(value);
    for (name, value) in report.run_env.iter().filter(kept) {
        line(text, format!("ENV {name}={}", quoted(value)));
    }
    let own = recipe.path.iter().map(|folder| (*folder).to_owned());
    let folders: Vec<_> = report.path.iter().map(|folder| format!("/app/{folder}")).chain(own).collect();
    if !folders.is_empty() {
        line(text, format!("ENV PATH={}:$PATH", folders.join(":")));
    }
    line(text, "# Cloud Run sets PORT; this is what counts elsewhere. Only /tmp is sure to be writable.");
    line(text, "ENV PORT=8080 HOME=/tmp");
    line(text, format!("WORKDIR {folder}"));
    for step in &recipe.run_setup {
        line(text, step);
    }
    for (source, target) in &recipe.outputs {
        line(text, format!("COPY --from=build --chown={USER}:{USER} {source} {target}"));
    }
    line(text, format!("USER {USER}:{USER}"));
    line(text, "EXPOSE 8080");
    line(text, format!("CMD {}", start::exec(&start)));
}

/// Files behind nginx, which listens on `$PORT` as its own numeric user.
fn static_site(text: &mut String, report: &Report, recipe: &Recipe) {
    let served = report.static_dir.as_deref().unwrap_or(".").trim_start_matches("./");
    let fallback = if report.spa { "/index.html" } else { "=404" };
    if report.build_command.is_some() {
        build_stage(text, report, recipe);
    } else {
        line(text, format!("\nFROM {} AS build", version::NGINX));
        line(text, "USER 101");
        line(text, "WORKDIR /app");
        line(text, "COPY . .");
    }
    let source = if matches!(served, "." | "") { "/app".to_owned() } else { format!("/app/{served}") };
    line(text, format!("\nFROM {} AS settings", version::NGINX));
    line(text, "USER 101");
    let mut script = String::from("RUN printf '%s\\n' \\\n");
    for setting in [
        "server {",
        "  listen ${PORT};",
        "  root /usr/share/nginx/html;",
        "  gzip_static on;",
        &format!("  location / {{ try_files $uri $uri/ $uri.html {fallback}; }}"),
        "}",
    ] {
        let _ = writeln!(script, "    '{setting}' \\");
    }
    script.push_str("    > /tmp/default.conf.template");
    line(text, "# hadolint ignore=SC2016");
    line(text, script);
    line(text, format!("\nFROM {}", version::NGINX));
    line(text, "ENV PORT=8080");
    line(text, "COPY --from=settings /tmp/default.conf.template /etc/nginx/templates/default.conf.template");
    line(text, format!("COPY --from=build {source} /usr/share/nginx/html"));
    line(text, "USER 101");
    line(text, "EXPOSE 8080");
}

/// What remains above information comes from the app's own commands: said in place, so that it isn't news each time.
fn with_ignores(text: &str) -> String {
    let findings = scan(text, Surroundings { dockerignore: Some(true), report_ignores: false });
    let rest: Vec<&Finding> = findings.iter().filter(|finding| loud(finding)).collect();
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.lines().enumerate() {
        let here: Vec<&str> = rest
            .iter()
            .filter(|finding| finding.line == index + 1 && line.starts_with("RUN"))
            .map(|finding| finding.peers.first().copied().unwrap_or(finding.rule))
            .collect();
        if !here.is_empty() {
            let _ = writeln!(out, "# The app's own command.\n# hadolint ignore={}", here.join(","));
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// Above information, for us or for a peer.
fn loud(finding: &Finding) -> bool {
    finding.severity > Severity::Info || matches!(finding.rule, "apt-pin" | "apk-pin" | "secret-in-env")
}

fn because(report: &Report, recipe: &Recipe) -> Vec<String> {
    let mut out: Vec<String> = report
        .evidence
        .iter()
        .map(|evidence| {
            let line = evidence.line.map(|line| format!(":{line}")).unwrap_or_default();
            format!("{} ({}{line})", evidence.claim, evidence.file)
        })
        .collect();
    out.push(recipe.because.clone());
    if report.port_fixed && !report.static_site {
        let port = report.port.unwrap_or_default();
        out.push(format!(
            "the source fixes port {port}: let it read $PORT, or set Cloud Run's port to {port}"
        ));
    }
    let long: Vec<&str> =
        report.run_env.iter().filter(|(_, value)| !is_line(value)).map(|(name, _)| name.as_str()).collect();
    if !long.is_empty() {
        out.push(format!("{}: of several lines, to be set when it is deployed", long.join(", ")));
    }
    let secrets = report.env_secret.join(", ");
    if !secrets.is_empty() {
        out.push(format!("{secrets}: given when the container starts, never written into the image"));
    }
    out
}
