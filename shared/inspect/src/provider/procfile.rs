//! A Procfile's `web` process. Its other processes are never the start command of a service, only alternatives.

use crate::plan::{App, Draft, Field};

/// The `web` process and its line.
pub(crate) fn web(app: &App) -> Option<(String, usize)> {
    processes(app).into_iter().find(|(name, ..)| name == "web").map(|(_, command, line)| (command, line))
}

/// Claims the `web` process as the start command.
pub(crate) fn claim(app: &App, draft: &mut Draft) {
    if let Some((command, line)) = web(app) {
        draft.claim(Field::Start, app.command(command), app.origin("Procfile", Some(line), 1.0));
    }
    for (name, command, line) in processes(app) {
        if name != "web" && name != "release" {
            draft.alternative("start_command", app.command(command), app.origin("Procfile", Some(line), 0.2));
        }
    }
}

/// Claims the only process of a Procfile without a `web`, where nothing else says what to run: a job, then.
pub(crate) fn claim_only(app: &App, draft: &mut Draft) {
    let mut others = processes(app).into_iter().filter(|(name, ..)| name != "release");
    if let (Some((name, command, line)), None) = (others.next(), others.next())
        && name != "web"
        && !draft.has(Field::Start)
        && !draft.report.static_site
    {
        let command = app.command(command);
        draft.report.alternatives.retain(|other| other.field != "start_command" || other.value != command);
        draft.claim(Field::Start, command, app.origin("Procfile", Some(line), 0.5));
    }
}

fn processes(app: &App) -> Vec<(String, String, usize)> {
    let Some(text) = app.text("Procfile") else { return Vec::new() };
    let process = |(index, line): (usize, &str)| {
        let (name, command) = line.split_once(':')?;
        let (name, command) = (name.trim(), command.trim());
        let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        (named && !command.is_empty()).then(|| (name.to_owned(), command.to_owned(), index + 1))
    };
    text.lines().enumerate().filter_map(process).collect()
}
