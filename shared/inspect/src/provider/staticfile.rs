//! Files that only need to be served: a `Staticfile`, or an `index.html` in a place where one is expected.

use crate::plan::{App, Draft, Origin};
use crate::text;

/// Folders that hold a site that is ready to be served, the likeliest first.
const FOLDERS: [&str; 9] = [".", "public", "dist", "site", "_site", "www", "static", "docs", "build"];

pub(super) fn detect(app: &App) -> Option<Origin> {
    if app.has("Staticfile") {
        return Some(app.origin("Staticfile", None, 0.85));
    }
    if let Some(origin) = super::sites::detect(app) {
        return Some(origin);
    }
    let (folder, page) = index(app)?;
    // In the root a page is what the tree is about; in a folder below it may only be a part.
    Some(app.origin(&page, None, if folder == "." { 0.6 } else { 0.5 }))
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let configured = configured(app);
    if configured.is_none() && super::sites::claim(app, draft) {
        return;
    }
    let found = index(app);
    let Some((folder, origin)) = configured
        .map(|(folder, line)| (folder, app.origin("Staticfile", Some(line), 0.95)))
        .or_else(|| found.map(|(folder, page)| (folder.to_owned(), app.origin(&page, None, 0.8))))
    else {
        return;
    };
    let folder = match (app.folder.as_str(), folder.as_str()) {
        ("", folder) => folder.to_owned(),
        (_, folder) => app.path(folder),
    };
    let page =
        app.tree.text(&if folder == "." { "index.html".into() } else { format!("{folder}/index.html") });
    let spa = falls_back(app) || page.is_some_and(|page| is_spa(app, &page));
    draft.claim_static(folder, spa, origin.clone());
    draft.claim_port(80, Origin { confidence: 0.4, ..origin });
}

/// `root: folder` of a Staticfile.
pub(super) fn configured(app: &App) -> Option<(String, usize)> {
    let content = app.text("Staticfile")?;
    let line = text::line_of(&content, "root")?;
    let (key, value) = content.lines().nth(line - 1)?.split_once(':')?;
    let value = value.trim().trim_matches(['"', '\'']).trim_start_matches("./").trim_end_matches('/');
    let inside = !value.starts_with('/') && !value.split('/').any(|part| part == "..");
    (key.trim() == "root" && inside).then(|| (if value.is_empty() { "." } else { value }.to_owned(), line))
}

/// `index_fallback: true` of a Staticfile, or Cloud Foundry's `pushstate: enabled`.
fn falls_back(app: &App) -> bool {
    let content = app.text("Staticfile").unwrap_or_default();
    content.lines().filter_map(|line| line.split_once(':')).any(|(key, value)| {
        let on = ["true", "enabled", "yes", "on"].contains(&value.trim().trim_matches(['"', '\'']));
        ["index_fallback", "pushstate"].contains(&key.trim()) && on
    })
}

fn index(app: &App) -> Option<(&'static str, String)> {
    FOLDERS.into_iter().find_map(|folder| {
        let page = if folder == "." { "index.html".to_owned() } else { format!("{folder}/index.html") };
        app.has(&page).then_some((folder, page))
    })
}

/// A page that is nothing but a mount point for a script; several pages are a site, not an app.
fn is_spa(app: &App, page: &str) -> bool {
    let mounts = ["id=\"root\"", "id=\"app\"", "<app-root", "id='root'", "id='app'"];
    let pages = app.files().filter(|file| file.rsplit('.').next() == Some("html")).take(2).count();
    pages == 1 && page.contains("<script") && mounts.iter().any(|mount| page.contains(mount))
}
