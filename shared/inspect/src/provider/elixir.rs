//! Elixir: a Mix project and its release.

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

pub(super) fn detect(app: &App) -> Option<Origin> {
    app.has("mix.exs").then(|| app.origin("mix.exs", None, 0.95))
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let content = app.text("mix.exs").unwrap_or_default();
    let origin = app.origin("mix.exs", None, 0.9);
    draft.claim(Field::PackageManager, "mix", origin.clone());
    super::versions::claim_tools(app, draft, &["elixir"]);
    if let Some((version, line)) = after(&content, "elixir: \"") {
        draft.claim(Field::RuntimeVersion, version, app.origin("mix.exs", Some(line), 0.9));
    }
    let framework = manifests(app).into_iter().find_map(|file| {
        let content = app.text(&file)?;
        Some((text::line_of(&content, "{:phoenix,")?, file))
    });
    if let Some((line, file)) = framework {
        draft.claim(Field::Framework, "phoenix", app.origin(&file, Some(line), 0.95));
        draft.claim_port(4000, app.origin(&file, Some(line), 0.7));
    }
    if draft.report.framework.as_deref() == Some("phoenix") {
        // Without it a release starts everything but the web server.
        draft.report.run_env.entry("PHX_SERVER".into()).or_insert_with(|| "true".into());
    }
    draft.report.build_env.insert("MIX_ENV".into(), "prod".into());
    draft.claim(
        Field::Install,
        app.command("mix local.hex --force && mix deps.get --only prod"),
        origin.clone(),
    );
    draft.claim(
        Field::Build,
        app.command(if content.contains("assets.deploy") {
            "mix compile && mix assets.deploy && mix release --overwrite"
        } else {
            "mix compile && mix release --overwrite"
        }),
        origin.clone(),
    );
    let release = after(&content, "releases: [").filter(|(name, _)| !name.is_empty());
    if let Some((name, line)) = release.or_else(|| after(&content, "app: :")) {
        let start = format!("./_build/prod/rel/{name}/bin/{name} start");
        draft.claim(Field::Start, app.command(start), Origin { line: Some(line), ..origin });
    }
}

/// The project's own manifest, and those of an umbrella's apps.
fn manifests(app: &App) -> Vec<String> {
    let inner = app.files().filter(|file| {
        file.strip_prefix("apps/")
            .is_some_and(|rest| rest.ends_with("/mix.exs") && rest.matches('/').count() == 1)
    });
    std::iter::once("mix.exs").chain(inner).map(str::to_owned).collect()
}

/// The word behind a key, up to the next sign, and its line; spaces and line breaks may stand between.
fn after(content: &str, key: &str) -> Option<(String, usize)> {
    let at = content.find(key)?;
    let rest = content[at + key.len()..].trim_start();
    let end = rest.find(|c: char| "\",:]\n".contains(c)).unwrap_or(rest.len());
    Some((rest[..end].trim().to_owned(), text::line_at(content, at)))
}
