//! Deno: its manifest, its tasks, and the file that is run.

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

const MANIFESTS: [&str; 3] = ["deno.json", "deno.jsonc", "deno.lock"];
const ENTRIES: [&str; 8] =
    ["main.ts", "mod.ts", "server.ts", "index.ts", "app.ts", "main.js", "index.js", "src/main.ts"];

pub(super) fn detect(app: &App) -> Option<Origin> {
    // Beside a package.json a manifest of Deno usually only configures an editor or one folder.
    let confidence = if app.has("package.json") { 0.6 } else { 0.95 };
    app.first(&MANIFESTS).map(|name| app.origin(name, None, confidence)).or_else(|| by_import(app))
}

/// An entry file that imports in a way, or calls what, only Deno knows; a package.json means another runtime.
fn by_import(app: &App) -> Option<Origin> {
    const MARKS: [&str; 5] =
        ["https://deno.land/", "from \"jsr:", "from \"npm:", "Deno.serve(", "Deno.listen("];
    let entry = app.first(&ENTRIES).filter(|_| !app.has("package.json"))?;
    let content = app.text(entry)?;
    let line = MARKS.iter().find_map(|mark| text::line_of(&content, mark))?;
    Some(app.origin(entry, Some(line), 0.75))
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let Some(manifest) = app.first(&MANIFESTS).or_else(|| app.first(&ENTRIES)) else { return };
    let content = app.text(manifest).unwrap_or_default();
    let json = text::json(&content).unwrap_or_default();
    draft.claim(Field::PackageManager, "deno", app.origin(manifest, None, 0.95));
    super::versions::claim_file(app, draft, ".deno-version");
    super::versions::claim_tools(app, draft, &["deno"]);
    let frameworks =
        [("@fresh/core", "fresh"), ("$fresh/", "fresh"), ("@oak/oak", "oak"), ("@hono/hono", "hono")];
    if let Some((key, name)) = frameworks.into_iter().find(|(key, _)| content.contains(key)) {
        draft.claim(Field::Framework, name, app.origin(manifest, text::line_of(&content, key), 0.9));
    }
    let task = |name: &str| json.pointer(&format!("/tasks/{name}")).is_some();
    if task("build") {
        let origin = app.origin(manifest, text::json_key_line(&content, "build"), 0.9);
        draft.claim(Field::Build, app.command("deno task build"), origin);
    }
    if task("start") {
        let origin = app.origin(manifest, text::json_key_line(&content, "start"), 0.9);
        draft.claim(Field::Start, app.command("deno task start"), origin);
    }
    if let Some(entry) = app.first(&ENTRIES) {
        if app.text(entry).is_some_and(|text| text.contains("Deno.serve(")) {
            draft.claim_port(8000, app.origin(entry, None, 0.6));
        }
        let start = format!("deno run --allow-all {entry}");
        draft.claim(Field::Start, app.command(start), app.origin(entry, None, 0.7));
    }
}
