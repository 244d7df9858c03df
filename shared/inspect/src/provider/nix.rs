//! A flake or a `default.nix` and no other manifest: Nix builds and runs it.

use crate::plan::{App, Draft, Field, Origin};

/// Beside a language's own manifest Nix is a tool for developing.
pub(super) fn detect(app: &App) -> Option<Origin> {
    app.first(&["flake.nix", "default.nix"]).map(|name| app.origin(name, None, 0.42))
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let Some(name) = app.first(&["flake.nix", "default.nix"]) else { return };
    let origin = app.origin(name, None, 0.6);
    draft.claim(Field::PackageManager, "nix", origin.clone());
    if name == "flake.nix" {
        draft.claim(Field::Build, app.command("nix build"), origin.clone());
        draft.claim(Field::Start, app.command("nix run"), origin);
    } else {
        draft.claim(Field::Build, app.command("nix-build"), origin);
    }
}
