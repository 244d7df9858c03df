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
    let after = |key: &str, quote: char| {
        let line = text::line_of(&content, key)?;
        let (_, rest) = content.lines().nth(line - 1)?.split_once(key)?;
        Some((rest.trim_start_matches([' ', quote]).split([quote, ',', ' ']).next()?.to_owned(), line))
    };
    super::versions::claim_tools(app, draft, &["elixir"]);
    let declared = text::line_of(&content, "elixir: \"");
    if let Some(line) = declared
        && let Some(version) = content.lines().nth(line - 1).and_then(|line| line.split('"').nth(1))
    {
        draft.claim(Field::RuntimeVersion, version, app.origin("mix.exs", Some(line), 0.9));
    }
    if let Some(line) = text::line_of(&content, "{:phoenix,") {
        draft.claim(Field::Framework, "phoenix", app.origin("mix.exs", Some(line), 0.95));
        draft.claim_port(4000, app.origin("mix.exs", Some(line), 0.7));
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
    if let Some((name, line)) = after("app: :", ':') {
        let start = format!("./_build/prod/rel/{name}/bin/{name} start");
        draft.claim(Field::Start, app.command(start), Origin { line: Some(line), ..origin });
    }
}
