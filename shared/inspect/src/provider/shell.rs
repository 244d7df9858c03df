//! A `start.sh` (or a script of a like name) and nothing else.

use crate::plan::{App, Draft, Field, Origin};

const SCRIPTS: [&str; 5] = ["start.sh", "run.sh", "entrypoint.sh", "server.sh", "main.sh"];

pub(super) fn detect(app: &App) -> Option<Origin> {
    let script = app.first(&SCRIPTS);
    let procfile = || super::procfile::web(app).map(|(_, line)| app.origin("Procfile", Some(line), 0.5));
    script.map(|script| app.origin(script, None, 0.45)).or_else(procfile)
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let Some(script) = app.first(&SCRIPTS) else { return };
    let text = app.text(script).unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    let shell =
        ["bash", "zsh", "dash", "ksh"].into_iter().find(|shell| first.ends_with(shell)).unwrap_or("sh");
    draft.claim(Field::Start, app.command(format!("{shell} {script}")), app.origin(script, Some(1), 0.8));
}
