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
        let lower = file.to_ascii_lowercase();
        let side = ["test", "sample", "example", "benchmark", "apphost", "migrat"]
            .iter()
            .any(|word| lower.contains(word));
        let text = app.text(file).unwrap_or_default();
        let kind = if text.contains("Sdk.Web\"") || text.contains("BlazorWebAssembly") {
            0
        } else {
            // A library has nothing to start.
            if text.contains("<OutputType>Exe") || text.contains("Sdk.Worker") { 1 } else { 2 }
        };
        (side, kind, file.matches('/').count(), *file)
    });
    let solution = app.top_files().any(|file| text::has_end(file, "sln") || text::has_end(file, "slnx"));
    let nearest = files.into_iter().next()?;
    // Below a folder of sources the project is the app's own, with a solution or without.
    (solution || !nearest.contains('/') || nearest.starts_with("src/")).then_some(nearest)
}

fn claim_version(app: &App, file: &str, content: &str, draft: &mut Draft) {
    super::versions::claim_tools(app, draft, &["dotnet", "dotnet-core"]);
    let shared = app.text("Directory.Build.props").unwrap_or_default();
    for (file, content) in [(file, content), ("Directory.Build.props", &*shared)] {
        for tag in ["<TargetFramework>", "<TargetFrameworks>"] {
            let Some(target) = content.split_once(tag).and_then(|(_, rest)| rest.split('<').next()) else {
                continue;
            };
            // Of several the last is the newest.
            let target =
                target.rsplit(';').map(str::trim).find(|target| !target.is_empty()).unwrap_or_default();
            let line = text::line_of(content, tag);
            draft.claim(Field::RuntimeVersion, target, app.origin(file, line, 0.9));
        }
    }
    // The kit that builds, which may be newer than what the app runs on.
    if let Some(path) = app.nearest("global.json")
        && let Some(json) = app.tree.text(&path).and_then(|content| text::json(&content))
        && let Some(version) = json.pointer("/sdk/version").and_then(|version| version.as_str())
    {
        let line = app.tree.text(&path).and_then(|content| text::json_key_line(&content, "version"));
        draft.claim(Field::RuntimeVersion, version, Origin::new(path, line, 0.95));
    }
}

/// Runs in the browser: publishing makes files.
fn plan_blazor(app: &App, file: &str, origin: Origin, draft: &mut Draft) {
    let quoted = text::shell_word(file);
    draft.claim(Field::Framework, "blazor", origin.clone());
    draft.claim(Field::Install, app.command(format!("dotnet restore {quoted}")), origin.clone());
    draft.claim(
        Field::Build,
        app.command(format!("dotnet publish {quoted} --no-restore -c Release -o out")),
        origin.clone(),
    );
    draft.claim_static(app.path("out/wwwroot"), true, origin.clone());
    draft.claim_port(80, Origin { confidence: 0.4, ..origin });
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let Some(file) = project(app) else { return };
    let content = app.text(file).unwrap_or_default();
    let origin = app.origin(file, None, 0.9);
    draft.claim(Field::PackageManager, "nuget", origin.clone());
    if let Some(line) = text::line_of(&content, "Microsoft.NET.Sdk.Web") {
        draft.claim(Field::Framework, "aspnet", app.origin(file, Some(line), 0.95));
    }
    claim_version(app, file, &content, draft);
    if let Some(line) = text::line_of(&content, "Microsoft.NET.Sdk.BlazorWebAssembly") {
        return plan_blazor(app, file, app.origin(file, Some(line), 0.95), draft);
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
