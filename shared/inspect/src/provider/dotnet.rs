//! .NET: the project that is a program, and how it is published.

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

pub(super) fn detect(app: &App) -> Option<Origin> {
    project(app).map(|file| app.origin(file, None, 0.95))
}

/// The project file: at the root, else the likeliest below it.
fn project<'t>(app: &App<'t>) -> Option<&'t str> {
    let is_project = |file: &&str| [".csproj", ".fsproj", ".vbproj"].iter().any(|end| file.ends_with(end));
    let mut files: Vec<_> =
        app.files().filter(is_project).filter(|file| file.matches('/').count() <= 2).collect();
    files.sort_by_key(|file| {
        let tests = file.to_ascii_lowercase().contains("test");
        let web = app.text(file).is_some_and(|text| text.contains("Sdk.Web"));
        (tests, file.matches('/').count(), !web, *file)
    });
    let solution = app.top_files().any(|file| text::has_end(file, "sln") || text::has_end(file, "slnx"));
    files.into_iter().next().filter(|file| solution || !file.contains('/'))
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let Some(file) = project(app) else { return };
    let content = app.text(file).unwrap_or_default();
    let origin = app.origin(file, None, 0.9);
    draft.claim(Field::PackageManager, "nuget", origin.clone());
    if let Some(line) = text::line_of(&content, "Microsoft.NET.Sdk.Web") {
        draft.claim(Field::Framework, "aspnet", app.origin(file, Some(line), 0.95));
    }
    let target = content.split_once("<TargetFramework>").and_then(|(_, rest)| rest.split('<').next());
    if let Some(target) = target {
        let line = text::line_of(&content, "<TargetFramework>");
        draft.claim(Field::RuntimeVersion, target.trim(), app.origin(file, line, 0.9));
    }
    let assembly = content.split_once("<AssemblyName>").and_then(|(_, rest)| rest.split('<').next());
    let stem = file.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map_or(file, |(stem, _)| stem);
    let name = assembly.map_or(stem, str::trim);
    let quoted = text::shell_word(file);
    draft.claim(Field::Install, app.command(format!("dotnet restore {quoted}")), origin.clone());
    let publish = format!("dotnet publish {quoted} --no-restore -c Release -o out");
    draft.claim(Field::Build, app.command(publish), origin.clone());
    // Only a web project listens, and only it reads the variable.
    let web = draft.report.framework.is_some();
    let urls = if web { "ASPNETCORE_URLS=http://0.0.0.0:${PORT:-8080} " } else { "" };
    let start = format!("{urls}./out/{}", text::shell_word(name));
    draft.claim(Field::Start, app.command(start), Origin { confidence: 0.8, ..origin.clone() });
    if web {
        draft.claim_port(8080, Origin { confidence: 0.5, ..origin });
    }
}
