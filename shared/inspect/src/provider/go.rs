//! Go: a module, the package that is the program, and its framework.

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

const FRAMEWORKS: [(&str, &str); 7] = [
    ("github.com/gin-gonic/gin", "gin"),
    ("github.com/labstack/echo", "echo"),
    ("github.com/gofiber/fiber", "fiber"),
    ("github.com/go-chi/chi", "chi"),
    ("github.com/beego/beego", "beego"),
    ("github.com/gorilla/mux", "gorilla"),
    ("google.golang.org/grpc", "grpc"),
];

pub(super) fn detect(app: &App) -> Option<Origin> {
    let manifest = app.first(&["go.mod", "go.work"]).map(|name| app.origin(name, None, 0.95));
    manifest.or_else(|| app.has("main.go").then(|| app.origin("main.go", None, 0.8)))
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    draft.claim(Field::PackageManager, "go", detect(app).unwrap_or_else(Origin::options));
    let module = app.text("go.mod").unwrap_or_default();
    claim_version(app, draft);
    if let Some((path, name)) = FRAMEWORKS.iter().find(|(path, _)| module.contains(path)) {
        draft.claim(Field::Framework, *name, app.origin("go.mod", text::line_of(&module, path), 0.9));
    }
    claim_gin_port(app, draft);
    let mut programs = programs(app);
    let Some((package, file)) = (!programs.is_empty()).then(|| programs.remove(0)) else { return };
    let sure = if programs.is_empty() { 0.9 } else { 0.6 };
    let build = format!("go build -ldflags=\"-w -s\" -o out {package}");
    draft.claim(Field::Build, app.command(build), app.origin(&file, None, sure));
    draft.claim(Field::Start, app.command("./out"), app.origin(&file, None, sure));
    for (package, file) in programs {
        draft.alternative(
            "build_command",
            app.command(format!("go build -o out {package}")),
            app.origin(&file, None, 0.4),
        );
    }
}

/// Packages with a `main`, the likeliest first: the root, `cmd/*`, members of a workspace.
fn programs(app: &App) -> Vec<(String, String)> {
    let is_main = |file: &str| {
        let head = app.text(file).unwrap_or_default();
        head.lines().any(|line| line.trim() == "package main") && head.contains("func main(")
    };
    let own = module_name(app);
    let mut found: Vec<(usize, String, String)> = Vec::new();
    for file in app.files().filter(|file| text::has_end(file, "go") && !file.ends_with("_test.go")) {
        let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
        if found.len() >= 200 {
            break;
        }
        let known = found.iter().any(|(_, package, _)| package.trim_start_matches("./") == folder);
        if known || folder.matches('/').count() > 3 || !is_main(file) {
            continue;
        }
        let likely =
            ["server", "api", "web", "app", "main", "service"].iter().any(|name| folder.ends_with(name));
        let side = folder.split('/').any(|part| {
            ["examples", "example", "tools", "tool", "hack", "scripts", "testdata", "test", "internal"]
                .contains(&part)
        });
        // The program that bears the module's name is what the module is about.
        let named = folder.rsplit('/').next() == own.as_deref();
        let rank = match folder {
            "" => 0,
            _ if side => 9,
            folder if folder.starts_with("cmd/") || folder == "cmd" => {
                if likely {
                    1
                } else if named {
                    2
                } else {
                    3
                }
            }
            _ if likely || named => 4,
            _ => 5,
        };
        let package = if folder.is_empty() { ".".to_owned() } else { format!("./{folder}") };
        found.push((rank, package, file.to_owned()));
    }
    found.sort();
    found.into_iter().map(|(_, package, file)| (package, file)).collect()
}

/// The last part of the module's path, without its version.
fn module_name(app: &App) -> Option<String> {
    let content = app.text("go.mod")?;
    let path = content.lines().find_map(|line| line.trim().strip_prefix("module "))?.trim();
    let versioned = |part: &&str| {
        part.len() > 1 && part.starts_with('v') && part[1..].chars().all(|c| c.is_ascii_digit())
    };
    path.rsplit('/').find(|part| !versioned(part)).map(str::to_owned)
}

fn claim_version(app: &App, draft: &mut Draft) {
    for file in ["go.mod", "go.work"] {
        let Some(content) = app.text(file) else { continue };
        let directive = content
            .lines()
            .enumerate()
            .find_map(|(index, line)| Some((index + 1, line.trim().strip_prefix("go ")?.trim().to_owned())));
        if let Some((line, version)) = directive {
            draft.claim(Field::RuntimeVersion, version, app.origin(file, Some(line), 0.9));
        }
    }
    super::versions::claim_tools(app, draft, &["go", "golang"]);
}

/// Gin's `Run()` without an address listens on `$PORT`, else on 8080.
fn claim_gin_port(app: &App, draft: &mut Draft) {
    if draft.report.framework.as_deref() != Some("gin") {
        return;
    }
    let files = app.files().filter(|file| text::has_end(file, "go") && !file.ends_with("_test.go")).take(200);
    let found = files.into_iter().find_map(|file| Some((file, text::line_of(&app.text(file)?, ".Run()")?)));
    if let Some((file, line)) = found {
        draft.claim_port(8080, app.origin(file, Some(line), 0.75));
    }
}

/// The folders that `use` of `go.work` names.
pub(super) fn patterns(app: &App) -> Vec<String> {
    let content = app.text("go.work").unwrap_or_default();
    let mut inside = false;
    let mut folders = Vec::new();
    for line in content.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        match line.strip_prefix("use") {
            Some(rest) if rest.trim() == "(" => inside = true,
            Some(rest) if rest.starts_with(' ') => folders.push(rest.trim().to_owned()),
            _ if line == ")" => inside = false,
            _ if inside && !line.is_empty() => folders.push(line.to_owned()),
            _ => {}
        }
    }
    folders.retain(|folder| folder != "." && folder != "./");
    folders
}
