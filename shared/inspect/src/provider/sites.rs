//! Generators of static sites that need no package.json: Hugo, Jekyll, `MkDocs`, Zola, mdBook, Sphinx.

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

struct Site {
    name: &'static str,
    build: &'static str,
    folder: &'static str,
    origin: Origin,
}

/// Below a language's own manifest: a site beside an app is its documentation.
pub(super) fn detect(app: &App) -> Option<Origin> {
    find(app).map(|site| site.origin)
}

fn find(app: &App) -> Option<Site> {
    let site = |name, build, folder, origin| Some(Site { name, build, folder, origin });
    if let Some(file) = app.first(&["hugo.toml", "hugo.yaml", "hugo.json"]) {
        return site("hugo", "hugo --gc --minify", "public", app.origin(file, None, 0.92));
    }
    if let Some(file) = app.first(&["config.toml", "config.yaml", "config.yml"]) {
        let content = app.text(file).unwrap_or_default();
        if let Some(line) = text::line_of(&content, "base_url")
            .filter(|_| app.has_folder("templates") || app.has_folder("themes"))
        {
            return site("zola", "zola build", "public", app.origin(file, Some(line), 0.85));
        }
        let keyed =
            ["baseURL", "baseurl", "languageCode"].iter().find_map(|key| text::line_of(&content, key));
        if let Some(line) = keyed
            .filter(|_| app.has_folder("content") || app.has_folder("themes") || app.has_folder("archetypes"))
        {
            return site("hugo", "hugo --gc --minify", "public", app.origin(file, Some(line), 0.9));
        }
    }
    if app.has("mkdocs.yml") {
        return site("mkdocs", ".venv/bin/mkdocs build", "site", app.origin("mkdocs.yml", None, 0.82));
    }
    if app.has("book.toml") {
        return site("mdbook", "mdbook build", "book", app.origin("book.toml", None, 0.82));
    }
    if app.has("_config.yml")
        && (app.has_folder("_posts")
            || app.has_folder("_layouts")
            || app.has_folder("_includes")
            || jekyll(app))
    {
        let build = if app.has("Gemfile") { "bundle exec jekyll build" } else { "jekyll build" };
        return site("jekyll", build, "_site", app.origin("_config.yml", None, 0.96));
    }
    None
}

fn jekyll(app: &App) -> bool {
    app.text("Gemfile").is_some_and(|gems| gems.contains("jekyll") || gems.contains("github-pages"))
}

/// Claims the generator as what makes the files.
pub(super) fn claim(app: &App, draft: &mut Draft) -> bool {
    let Some(Site { name, build, folder, origin }) = find(app) else { return false };
    draft.claim(Field::Framework, name, origin.clone());
    if name == "mkdocs" {
        let install = if app.has("requirements.txt") { "-r requirements.txt" } else { "mkdocs" };
        let install = format!("python3 -m venv .venv && .venv/bin/python -m pip install {install}");
        draft.claim(Field::Install, app.command(install), origin.clone());
    } else if name == "jekyll" && app.has("Gemfile") {
        draft.claim(Field::PackageManager, "bundler", app.origin("Gemfile", None, 0.95));
        draft.claim(Field::Install, app.command("bundle install"), origin.clone());
    }
    draft.claim(Field::Build, app.command(build), origin.clone());
    draft.claim_static(app.path(folder), false, origin.clone());
    draft.claim_port(80, Origin { confidence: 0.4, ..origin });
    true
}
