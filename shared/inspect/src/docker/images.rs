//! Rules about `FROM`: stages, tags, platforms, registries.

use super::lint::{Lint, Stage, expanded, lines};
use super::rule::{self, Severity};
use super::syntax::Instruction;
use super::word;

/// Begins a stage.
pub(crate) fn from(lint: &mut Lint, instruction: &Instruction) {
    let at = lines(instruction);
    let words = word::split(&instruction.text, lint.file.escape);
    let raw = words.first().map(|raw| word::unquote(raw, '\\')).unwrap_or_default();
    let name = words.get(1).zip(words.get(2)).filter(|(word, _)| word.eq_ignore_ascii_case("as"));
    let spelled = name.map(|(_, name)| (*name).to_owned());
    let name = spelled.as_ref().map(|name| name.to_ascii_lowercase());
    if matches!(name.as_deref(), Some("scratch" | "context")) {
        lint.report(
            &rule::RESERVED_STAGE,
            at,
            format!("a stage named {}", name.as_deref().unwrap_or_default()),
        );
    }
    let parent = lint.names.get(&raw.to_ascii_lowercase()).copied();
    if let Some(platform) = instruction.flag("platform") {
        if platform == "$TARGETPLATFORM" || platform == "${TARGETPLATFORM}" {
            lint.report(&rule::TARGET_PLATFORM, at, "--platform=$TARGETPLATFORM");
        } else if !["BUILDPLATFORM", "TARGETPLATFORM"].iter().any(|known| platform.contains(known)) {
            // One that an argument sets is not fixed, but says nothing about the machine that builds either.
            let severity = if platform.contains('$') { Severity::Info } else { Severity::Warning };
            lint.report_as(&rule::PLATFORM, severity, at, format!("--platform={platform}"));
        }
    }
    if parent.is_none() {
        tag(lint, at, &raw);
        registry(lint, at, &raw);
    }
    let base = lint.inherited(parent);
    let stage = Stage {
        image: if parent.is_some() { base.image } else { expanded(lint, &raw) },
        parent,
        line: instruction.line,
        workdir: base.workdir,
        pipefail: base.pipefail,
        pip_cache_off: base.pip_cache_off,
        env: base.env,
        start: base.start,
        labels: base.labels,
        ..Stage::default()
    };
    // A stage's number counts FROMs; what stands before the first one has none.
    if lint.stages.first().is_some_and(|first| first.line == 0) {
        lint.stages.clear();
    }
    lint.stages.push(stage);
    if let (Some(name), Some(spelled)) = (name, spelled) {
        let known = lint.names.insert(name.clone(), lint.stages.len() - 1).is_some();
        let new = lint.spelled.insert(spelled);
        if known {
            let rule = if new { &rule::SAME_ALIAS_CASE } else { &rule::SAME_ALIAS };
            lint.report(rule, at, format!("a second stage named {name}"));
        }
    }
}

fn tag(lint: &mut Lint, at: (usize, usize), image: &str) {
    let last = image.rsplit('/').next().unwrap_or_default();
    let (name, tag) = last.split_once(':').unwrap_or((last, ""));
    // What a variable will be is not known; neither is whether it brings a tag.
    if image == "scratch" || image.contains('@') || (tag.is_empty() && image.contains('$')) {
        return;
    }
    if tag.is_empty() {
        lint.report(&rule::UNTAGGED, at, format!("{name} has no tag"));
    } else if tag == "latest" {
        lint.report(&rule::LATEST, at, image.to_owned());
    }
}

/// The images of these registries only, where a configuration names some. An image without a registry is Docker Hub's.
fn registry(lint: &mut Lint, at: (usize, usize), image: &str) {
    let trusted = &lint.settings.trusted_registries;
    if trusted.is_empty() || image == "scratch" {
        return;
    }
    let named = image.split_once('/').map(|(first, _)| first);
    let named = named.filter(|first| first.contains(['.', ':']) || *first == "localhost");
    let names: &[&str] = named.as_ref().map_or(&["docker.io", "hub.docker.com"], std::slice::from_ref);
    let matches = |pattern: &str, name: &str| match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (_, Some(start)) => name.starts_with(start),
        _ => name == pattern,
    };
    if !trusted.iter().any(|pattern| names.iter().any(|name| matches(pattern, name))) {
        lint.report(&rule::REGISTRY, at, image.to_owned());
    }
}
