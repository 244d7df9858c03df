//! Languages that are compiled to one program: Swift, Crystal, Zig, Haskell, Dart.
//!
//! Each row of the table says what its manifest is; the program's name is read from there, never guessed from files.

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

/// The text between the quotes that follow a key, with its line: `name: "app"`, `.name = "app"`.
fn quoted_after(content: &str, key: &str) -> Option<(String, usize)> {
    let at = content.find(key)?;
    let rest = content[at + key.len()..].split_once('"')?.1;
    let value = rest.split('"').next()?;
    (!value.is_empty() && value.len() < 100).then(|| (value.to_owned(), text::line_at(content, at)))
}

/// What is the same for each: manager, framework, build, start.
struct Program<'a> {
    manifest: &'a str,
    manager: &'a str,
    build: String,
    start: Option<(String, usize)>,
}

fn claim(app: &App, draft: &mut Draft, content: &str, frameworks: &[(&str, &str, u16)], program: Program) {
    let origin = |line, confidence| app.origin(program.manifest, line, confidence);
    draft.claim(Field::PackageManager, program.manager, origin(None, 0.9));
    if let Some((key, name, port)) = frameworks.iter().find(|(key, ..)| content.contains(key)) {
        let line = text::line_of(content, key);
        draft.claim(Field::Framework, *name, origin(line, 0.9));
        draft.claim_port(*port, origin(line, 0.6));
    }
    draft.claim(Field::Build, app.command(program.build), origin(None, 0.85));
    if let Some((start, line)) = program.start {
        draft.claim(Field::Start, app.command(start), origin(Some(line), 0.85));
    }
}

pub(super) fn detect_swift(app: &App) -> Option<Origin> {
    app.has("Package.swift").then(|| app.origin("Package.swift", None, 0.95))
}

pub(super) fn plan_swift(app: &App, draft: &mut Draft) {
    let content = app.text("Package.swift").unwrap_or_default();
    super::versions::claim_file(app, draft, ".swift-version");
    super::versions::claim_tools(app, draft, &["swift"]);
    let first = content.lines().next().unwrap_or_default();
    if let Some((_, version)) = first.split_once("swift-tools-version:") {
        draft.claim(Field::RuntimeVersion, version.trim(), app.origin("Package.swift", Some(1), 0.85));
    }
    let name =
        [".executable(", ".executableTarget(", "name:"].iter().find_map(|key| quoted_after(&content, key));
    let vapor = content.contains("vapor/vapor");
    let serve = if vapor { " serve --env production --hostname 0.0.0.0 --port ${PORT:-8080}" } else { "" };
    let start =
        name.map(|(name, line)| (format!("./.build/release/{}{serve}", text::shell_word(&name)), line));
    let frameworks = [("vapor/vapor", "vapor", 8080), ("hummingbird", "hummingbird", 8080)];
    let program = Program {
        manifest: "Package.swift",
        manager: "swift",
        build: "swift build -c release".into(),
        start,
    };
    claim(app, draft, &content, &frameworks, program);
}

pub(super) fn detect_crystal(app: &App) -> Option<Origin> {
    app.has("shard.yml").then(|| app.origin("shard.yml", None, 0.95))
}

pub(super) fn plan_crystal(app: &App, draft: &mut Draft) {
    let content = app.text("shard.yml").unwrap_or_default();
    let entries = super::yaml::read(&content);
    super::versions::claim_file(app, draft, ".crystal-version");
    super::versions::claim_tools(app, draft, &["crystal"]);
    if let Some(entry) = entries.iter().find(|entry| entry.is("crystal")) {
        draft.claim(Field::RuntimeVersion, &entry.value, app.origin("shard.yml", Some(entry.line), 0.85));
    }
    let target = entries
        .iter()
        .find(|entry| entry.is("targets.*.main"))
        .map(|entry| (entry.path[1].clone(), entry.line));
    let name =
        target.or_else(|| entries.iter().find(|entry| entry.is("name")).map(|e| (e.value.clone(), e.line)));
    let start = name.map(|(name, line)| (format!("./bin/{}", text::shell_word(&name)), line));
    let frameworks = [
        ("kemalcr/kemal", "kemal", 3000),
        ("luckyframework/lucky", "lucky", 3000),
        ("amberframework/amber", "amber", 3000),
    ];
    draft.claim(
        Field::Install,
        app.command("shards install --production"),
        app.origin("shard.yml", None, 0.9),
    );
    let build = "shards build --release --production".into();
    claim(
        app,
        draft,
        &content,
        &frameworks,
        Program { manifest: "shard.yml", manager: "shards", build, start },
    );
}

pub(super) fn detect_zig(app: &App) -> Option<Origin> {
    app.has("build.zig").then(|| app.origin("build.zig", None, 0.9))
}

pub(super) fn plan_zig(app: &App, draft: &mut Draft) {
    let content = app.text("build.zig").unwrap_or_default();
    let zon = app.text("build.zig.zon").unwrap_or_default();
    super::versions::claim_file(app, draft, ".zigversion");
    super::versions::claim_tools(app, draft, &["zig"]);
    if let Some((version, line)) = quoted_after(&zon, ".minimum_zig_version") {
        draft.claim(Field::RuntimeVersion, version, app.origin("build.zig.zon", Some(line), 0.85));
    }
    let executable = content.find("addExecutable").and_then(|at| {
        let (name, line) = quoted_after(&content[at..], ".name")?;
        Some((name, text::line_at(&content, at) + line - 1))
    });
    let start = executable.map(|(name, line)| (format!("./zig-out/bin/{}", text::shell_word(&name)), line));
    let build = "zig build -Doptimize=ReleaseSafe".into();
    claim(app, draft, &content, &[], Program { manifest: "build.zig", manager: "zig", build, start });
    let frameworks = [("jetzig", "jetzig", 8080), ("zap", "zap", 3000), ("httpz", "httpz", 3000)];
    if let Some((key, name, _)) = frameworks.iter().find(|(key, ..)| zon.contains(&format!(".{key} "))) {
        draft.claim(Field::Framework, *name, app.origin("build.zig.zon", text::line_of(&zon, key), 0.85));
    }
}

fn cabal<'t>(app: &App<'t>) -> Option<&'t str> {
    app.top_files().find(|file| text::has_end(file, "cabal"))
}

pub(super) fn detect_haskell(app: &App) -> Option<Origin> {
    let named = app.first(&["stack.yaml", "cabal.project"]).or_else(|| cabal(app));
    let named = named.or_else(|| {
        app.first(&["package.yaml"]).filter(|_| app.files().any(|file| text::has_end(file, "hs")))
    });
    named.map(|name| app.origin(name, None, 0.9))
}

pub(super) fn plan_haskell(app: &App, draft: &mut Draft) {
    let Some(manifest) = cabal(app).or_else(|| app.first(&["package.yaml", "stack.yaml", "cabal.project"]))
    else {
        return;
    };
    let content = app.text(manifest).unwrap_or_default();
    super::versions::claim_tools(app, draft, &["ghc", "haskell"]);
    let declared = content.lines().enumerate().find_map(|(index, line)| {
        let name = line.strip_prefix("executable ").map(str::trim).filter(|name| !name.is_empty())?;
        Some((name.to_owned(), index + 1))
    });
    let listed = || {
        let entries = super::yaml::read(&content);
        let entry = entries.iter().find(|entry| entry.is("executables.*.main"))?;
        Some((entry.path[1].clone(), entry.line))
    };
    let start =
        declared.or_else(listed).map(|(name, line)| (format!("./bin/{}", text::shell_word(&name)), line));
    let stack = app.has("stack.yaml");
    let (manager, build) = if stack {
        ("stack", "stack build --copy-bins --local-bin-path bin")
    } else {
        ("cabal", "cabal update && cabal install --install-method=copy --installdir=bin")
    };
    let frameworks = [
        ("yesod", "yesod", 3000),
        ("scotty", "scotty", 3000),
        ("servant-server", "servant", 8080),
        ("ihp", "ihp", 8000),
        ("snap-server", "snap", 8000),
    ];
    claim(app, draft, &content, &frameworks, Program { manifest, manager, build: build.into(), start });
}

pub(super) fn detect_dart(app: &App) -> Option<Origin> {
    app.has("pubspec.yaml").then(|| app.origin("pubspec.yaml", None, 0.95))
}

pub(super) fn plan_dart(app: &App, draft: &mut Draft) {
    const MANIFEST: &str = "pubspec.yaml";
    let content = app.text(MANIFEST).unwrap_or_default();
    let entries = super::yaml::read(&content);
    super::versions::claim_tools(app, draft, &["dart"]);
    if let Some(sdk) = entries.iter().find(|entry| entry.is("environment.sdk")) {
        draft.claim(Field::RuntimeVersion, &sdk.value, app.origin(MANIFEST, Some(sdk.line), 0.85));
    }
    let flutter = entries.iter().find(|entry| entry.is("dependencies.flutter.sdk"));
    if let Some(flutter) = flutter {
        let origin = app.origin(MANIFEST, Some(flutter.line), 0.9);
        draft.claim(Field::PackageManager, "pub", origin.clone());
        draft.claim(Field::Framework, "flutter", origin.clone());
        draft.claim(Field::Build, app.command("flutter build web --release"), origin.clone());
        draft.claim_static(app.path("build/web"), true, origin.clone());
        return draft.claim_port(80, Origin { confidence: 0.4, ..origin });
    }
    let frog = content.contains("dart_frog:");
    let name =
        entries.iter().find(|entry| entry.is("name")).map(|entry| entry.value.clone()).unwrap_or_default();
    let own = format!("bin/{name}.dart");
    let entry = app.first(&["bin/server.dart", "bin/main.dart", &own]).map(str::to_owned);
    let entry = entry.or_else(|| {
        app.files().find(|file| file.starts_with("bin/") && text::has_end(file, "dart")).map(str::to_owned)
    });
    let (build, start) = match (frog, entry) {
        (true, _) => ("dart_frog build".to_owned(), Some(("dart build/bin/server.dart".to_owned(), 1))),
        (false, Some(entry)) => {
            let program = entry.trim_end_matches(".dart").to_owned();
            (format!("dart compile exe {entry} -o {program}"), Some((format!("./{program}"), 1)))
        }
        (false, None) => ("dart pub get".to_owned(), None),
    };
    draft.claim(Field::Install, app.command("dart pub get"), app.origin(MANIFEST, None, 0.9));
    let frameworks =
        [("dart_frog:", "dart_frog", 8080), ("serverpod:", "serverpod", 8080), ("shelf:", "shelf", 8080)];
    claim(app, draft, &content, &frameworks, Program { manifest: MANIFEST, manager: "pub", build, start });
}
