//! What each language needs: images, what is fetched first, what is carried over.

use super::version::{self, DEBIAN};
use crate::Report;

/// How a language is built and run.
#[derive(Debug, Clone, Default)]
pub(super) struct Recipe {
    pub(super) build_image: String,
    pub(super) run_image: String,
    /// Instructions before the source is there.
    pub(super) setup: Vec<String>,
    /// Files that say what to fetch; the first exists, the others may.
    pub(super) manifests: Vec<String>,
    /// What fetches, where the install command needs the source.
    pub(super) early: Option<String>,
    /// Folders that builds share.
    pub(super) caches: Vec<&'static str>,
    pub(super) build_env: Vec<(&'static str, &'static str)>,
    /// Commands behind the build.
    pub(super) finish: Vec<String>,
    pub(super) run_setup: Vec<String>,
    pub(super) run_env: Vec<(&'static str, &'static str)>,
    /// Patterns of files that say what to fetch, in whatever folder: they are picked in a stage of their own, whose
    /// result stays the same as long as they do.
    pub(super) kept: Vec<&'static str>,
    /// What is added to the build command.
    pub(super) build_flags: &'static str,
    /// Folders to look for programs in.
    pub(super) path: Vec<&'static str>,
    /// A folder below the app's in which it is started.
    pub(super) inside: Option<&'static str>,
    /// What is carried into the last stage.
    pub(super) outputs: Vec<(String, String)>,
    pub(super) because: String,
}

fn files(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl Recipe {
    /// Packages that the app needs beside its language's, where it is built and where it runs.
    pub(super) fn natives(&mut self, report: &Report) {
        if report.native_packages.is_empty() || self.build_image.ends_with("alpine") {
            return;
        }
        let install = apt(&report.native_packages.join(" "));
        self.setup.splice(0..0, install.clone());
        self.run_setup.splice(0..0, install);
    }
}

pub(super) fn node(report: &Report, version: &str) -> Recipe {
    let manager = report.package_manager.as_deref().unwrap_or("npm");
    let install = report.install_command.as_deref().unwrap_or_default();
    let bun = manager == "bun";
    let image = if bun { "oven/bun:1.4".to_owned() } else { format!("node:{version}-bookworm-slim") };
    let build_image = if bun { image.clone() } else { format!("node:{version}-bookworm") };
    let mut recipe = Recipe {
        build_image,
        run_image: image,
        run_env: vec![("NODE_ENV", "production")],
        ..Recipe::default()
    };
    match manager {
        "pnpm" => {
            recipe.manifests = files(&["package.json", "pnpm-lock.yaml*", "pnpm-workspace.yaml*", ".npmrc*"]);
            recipe.caches = vec!["/root/.local/share/pnpm/store"];
            if report.monorepo || report.app.is_some() {
                // The lock file alone says what to fetch, for every package of the tree.
                recipe.kept = vec![
                    "./package.json",
                    "./pnpm-lock.yaml",
                    "./pnpm-workspace.yaml",
                    "./.npmrc",
                    "./patches/*",
                ];
                recipe.early = Some("(pnpm fetch || true)".into());
            }
        }
        // Yarn from version 2 on lives in a folder of the tree.
        "yarn" if !install.contains("--immutable") => {
            recipe.manifests = files(&["package.json", "yarn.lock*", ".yarnrc*", ".npmrc*"]);
            recipe.caches = vec!["/usr/local/share/.cache/yarn"];
        }
        "yarn" => {
            recipe.caches = vec!["/root/.yarn/berry/cache"];
            recipe.kept = vec![
                "package.json",
                "yarn.lock",
                ".yarnrc.yml",
                ".yarn/releases/*",
                ".yarn/plugins/*",
                ".yarn/patches/*",
            ];
        }
        "bun" => {
            recipe.manifests = files(&["package.json", "bun.lock*", "bunfig.toml*"]);
            recipe.caches = vec!["/root/.bun/install/cache"];
        }
        _ => {
            recipe.manifests =
                files(&["package.json", "package-lock.json*", "npm-shrinkwrap.json*", ".npmrc*"]);
            recipe.caches = vec!["/root/.npm"];
        }
    }
    if matches!(manager, "pnpm" | "yarn") {
        let home = ("COREPACK_HOME", "/usr/local/share/corepack");
        let quiet = ("COREPACK_ENABLE_DOWNLOAD_PROMPT", "0");
        recipe.build_env = vec![home, quiet];
        // Node.js stopped bringing it with 25.
        let alone = version
            .split('.')
            .next()
            .and_then(|major| major.parse().ok())
            .is_some_and(|major: u32| major >= 25);
        let enable =
            if alone { "npm install --global corepack@0.34.7 && corepack enable" } else { "corepack enable" };
        let prepare = manager_version(report)
            .map(|version| format!(" && corepack prepare {manager}@{version} --activate"))
            .unwrap_or_default();
        recipe.setup.push(format!("RUN {enable} && mkdir -p \"$COREPACK_HOME\"{prepare}"));
        recipe.run_env.extend([home, quiet]);
        recipe.run_setup.push(format!("RUN {enable}"));
        recipe.outputs.push((home.1.into(), home.1.into()));
        recipe.outputs.push(("/app".into(), "/app".into()));
    }
    recipe
}

/// The version of the package manager that the tree is for, where it is one: `8`, `10.4.1`, the last of `20 || 22`.
fn manager_version(report: &Report) -> Option<&str> {
    let version = report.package_manager_version.as_deref()?.rsplit("||").next()?.trim();
    let plain = version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    (plain && !version.is_empty()).then_some(version)
}

pub(super) fn python(report: &Report, version: &str) -> Recipe {
    let mut recipe = Recipe {
        build_image: format!("python:{version}-bookworm"),
        run_image: format!("python:{version}-slim-bookworm"),
        build_env: vec![("PYTHONDONTWRITEBYTECODE", "1")],
        run_env: vec![("PYTHONUNBUFFERED", "1")],
        caches: vec!["/root/.cache/pip"],
        ..Recipe::default()
    };
    let tool = |name: &str| format!("RUN pip install --no-cache-dir {name}");
    let install = report.install_command.as_deref().unwrap_or_default();
    match report.package_manager.as_deref() {
        Some("uv") => {
            recipe.setup.push("COPY --from=ghcr.io/astral-sh/uv:0.5.20 /uv /usr/local/bin/uv".into());
            recipe.build_env.extend([("UV_LINK_MODE", "copy"), ("UV_PYTHON_DOWNLOADS", "never")]);
            recipe.caches = vec!["/root/.cache/uv"];
            if install.starts_with("uv sync") {
                recipe.manifests = files(&["pyproject.toml", "uv.lock*"]);
                recipe.early = Some(format!("{install} --no-install-project"));
            }
        }
        Some("poetry") => {
            recipe.setup.push(tool("poetry==2.0.1"));
            recipe.caches = vec!["/root/.cache/pypoetry"];
            if install.starts_with("poetry install") {
                recipe.manifests = files(&["pyproject.toml", "poetry.lock*"]);
                recipe.early = Some(format!("{install} --no-root"));
            }
        }
        Some("pdm") => {
            recipe.setup.push(tool("pdm==2.22.3"));
            recipe.caches = vec!["/root/.cache/pdm"];
            if install.starts_with("pdm install") {
                recipe.manifests = files(&["pyproject.toml", "pdm.lock*"]);
                recipe.early = Some(format!("{install} --no-self"));
            }
        }
        Some("pipenv") => {
            recipe.setup.push(tool("pipenv==2024.4.0"));
            recipe.manifests = files(&["Pipfile", "Pipfile.lock*"]);
        }
        // `-r` may lead to further files; one that is named alone is all there is to fetch by.
        Some("pip") if install.ends_with("-r requirements.txt") => {
            recipe.manifests = files(&["requirements.txt"]);
        }
        _ => {}
    }
    recipe
}

pub(super) fn go(report: &Report, version: &str) -> Recipe {
    let mut recipe = Recipe {
        build_image: format!("golang:{version}-bookworm"),
        run_image: version::STATIC.into(),
        build_env: vec![("CGO_ENABLED", "0")],
        caches: vec!["/root/.cache/go-build"],
        early: Some("go mod download".into()),
        manifests: files(&["go.mod", "go.sum*"]),
        // Templates and other files that it may read stay.
        finish: vec!["find . -name '*.go' -type f -delete".into()],
        ..Recipe::default()
    };
    if report.build_command.as_deref().is_some_and(|build| build.contains("go.work")) {
        recipe.manifests.clear();
    }
    let start = report.start_command.as_deref().unwrap_or_default();
    if super::start::needs_shell(start) || !report.native_packages.is_empty() {
        recipe.run_image = DEBIAN.into();
        recipe.run_setup = certificates();
    }
    recipe
}

/// The slim image has no root certificates; the build image has.
pub(super) fn certificates() -> Vec<String> {
    let file = "/etc/ssl/certs/ca-certificates.crt";
    vec![format!("COPY --from=build {file} {file}")]
}

/// Packages of Debian, whose old versions disappear from its servers.
pub(super) fn apt(packages: &str) -> Vec<String> {
    vec![format!(
        "# Debian keeps no old versions: a pin would break the build at the next security fix.\n\
         # hadolint ignore=DL3008\n\
         RUN apt-get update && apt-get install -y --no-install-recommends {packages} && rm -rf /var/lib/apt/lists/*"
    )]
}

/// Carries the program over beside the tree, without the folder that it was built in; whether it is known.
pub(super) fn only(recipe: &mut Recipe, report: &Report, folder: &str, built: &str) -> bool {
    let start = report.start_command.as_deref().unwrap_or_default();
    let word = start.split_whitespace().find(|word| word.contains(folder));
    let (Some(word), None) = (word, &report.app) else { return false };
    let program = word.strip_prefix("./").unwrap_or(word);
    if program.contains(['$', '*', '\'', '"']) {
        return false;
    }
    let above = above(program);
    recipe.finish.push(format!("mkdir -p /out/{above} && cp {program} /out/{above}/ && rm -rf {built}"));
    recipe.outputs.push(("/app".into(), "/app".into()));
    recipe.outputs.push(("/out".into(), "/app".into()));
    true
}

pub(super) fn rust(report: &Report, version: &str) -> Recipe {
    let mut recipe = Recipe {
        build_image: format!("rust:{version}-bookworm"),
        run_image: DEBIAN.into(),
        manifests: files(&["Cargo.toml", "Cargo.lock*", "rust-toolchain*"]),
        // Cargo reads no manifest without a source; nothing is built of this one, so that nothing of it can stay.
        early: Some(
            "mkdir src && touch src/main.rs src/lib.rs && (cargo fetch || true) && rm -rf src".to_owned(),
        ),
        run_setup: certificates(),
        ..Recipe::default()
    };
    // The target folder holds gigabytes; the program and the tree's own files are what it may read.
    only(&mut recipe, report, "target/release/", "target");
    recipe
}

fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

pub(super) fn java(report: &Report, version: &str) -> Recipe {
    let build = report.build_command.as_deref().unwrap_or_default();
    let maven = build.starts_with("mvn ");
    let gradle = build.starts_with("gradle ");
    let words: Vec<&str> = build.split_whitespace().collect();
    let tool = &words[..words.len().min(if build.starts_with("sh ") { 2 } else { 1 })];
    let by_maven = report.package_manager.as_deref() == Some("maven");
    let (kept, early) = if by_maven {
        (vec!["pom.xml", "mvnw", ".mvn/*"], "-B dependency:go-offline")
    } else {
        let kept = vec!["*.gradle", "*.gradle.kts", "gradle.properties", "gradlew", "gradle/*", "buildSrc/*"];
        (kept, "--no-daemon dependencies")
    };
    let early = match tool {
        ["mvn" | "gradle"] | ["sh", "./mvnw" | "./gradlew"] if report.app.is_none() => {
            Some(format!("({} {early} || true)", tool.join(" ")))
        }
        _ => None,
    };
    let build_image = if maven {
        format!("maven:3.9-eclipse-temurin-{version}")
    } else if gradle {
        format!("gradle:8.12-jdk{version}")
    } else {
        format!("eclipse-temurin:{version}-jdk")
    };
    Recipe {
        build_image,
        run_image: format!("eclipse-temurin:{version}-jre"),
        kept: if early.is_some() { kept } else { Vec::new() },
        early,
        outputs: jar(report),
        run_env: vec![("JAVA_OPTS", "-XX:MaxRAMPercentage=75")],
        ..Recipe::default()
    }
}

/// The jar alone, where the start command names no more than that: it holds what it reads.
fn jar(report: &Report) -> Vec<(String, String)> {
    let start = report.start_command.as_deref().unwrap_or_default();
    let words: Vec<&str> = start.split_whitespace().skip_while(|word| *word != "-jar").collect();
    let ["-jar", path] = words[..] else { return Vec::new() };
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    if folder.is_empty() || folder.contains(['*', '$', '"', '\'']) || report.app.is_some() {
        return Vec::new();
    }
    let source = if folder.ends_with("quarkus-app") { String::new() } else { format!("/{file}") };
    let target = if source.is_empty() { String::new() } else { "/".to_owned() };
    vec![(format!("/app/{folder}{source}"), format!("/app/{folder}{target}"))]
}

pub(super) fn ruby(version: &str) -> Recipe {
    let bundle = ("BUNDLE_PATH", "/app/vendor/bundle");
    Recipe {
        build_image: format!("ruby:{version}-bookworm"),
        run_image: format!("ruby:{version}-slim-bookworm"),
        manifests: files(&["Gemfile", "Gemfile.lock*", ".ruby-version*", ".tool-versions*"]),
        build_env: vec![bundle, ("BUNDLE_WITHOUT", "development:test")],
        run_env: vec![
            bundle,
            ("BUNDLE_WITHOUT", "development:test"),
            ("RAILS_ENV", "production"),
            ("RAILS_LOG_TO_STDOUT", "1"),
        ],
        ..Recipe::default()
    }
}

pub(super) fn php(report: &Report, version: &str) -> Recipe {
    let fetch =
        "composer install --no-dev --no-scripts --no-autoloader --no-interaction --ignore-platform-reqs";
    let image = format!("php:{version}-cli-bookworm");
    // PHP, Composer and, where there are assets, Node of one C library.
    let mut setup = apt("git unzip");
    setup.push("COPY --from=composer:2.8 /usr/bin/composer /usr/local/bin/composer".into());
    if report.build_command.is_some() {
        let node = format!("node:{}-bookworm-slim", version::of("node", None));
        setup.push(format!("COPY --from={node} /usr/local/bin /usr/local/bin"));
        setup.push(format!("COPY --from={node} /usr/local/lib/node_modules /usr/local/lib/node_modules"));
    }
    let mut recipe = Recipe {
        build_image: image.clone(),
        run_image: image,
        setup,
        build_env: vec![("COMPOSER_ALLOW_SUPERUSER", "1"), ("COMPOSER_CACHE_DIR", "/tmp/cache")],
        caches: vec!["/tmp/cache"],
        ..Recipe::default()
    };
    if report.install_command.is_some() {
        recipe.manifests = files(&["composer.json", "composer.lock*"]);
        recipe.early = Some(fetch.to_owned());
    }
    // The image has SQLite's driver and no other.
    let drivers = [("mysql", "pdo_mysql", ""), ("postgres", "pdo_pgsql", "libpq-dev")];
    for (kind, driver, library) in drivers {
        if report.backends.iter().any(|backend| backend.kind == kind) {
            recipe.run_setup.extend(if library.is_empty() { Vec::new() } else { apt(library) });
            recipe.run_setup.push(format!("RUN docker-php-ext-install {driver}"));
        }
    }
    recipe
}

pub(super) fn dotnet(report: &Report, version: &str) -> Recipe {
    let project =
        report.install_command.as_deref().and_then(|install| install.strip_prefix("dotnet restore "));
    let plain = project.filter(|project| project.ends_with("proj") && !project.contains([' ', '/']));
    Recipe {
        build_image: format!("mcr.microsoft.com/dotnet/sdk:{version}"),
        run_image: format!("mcr.microsoft.com/dotnet/aspnet:{version}"),
        manifests: plain.map(str::to_owned).into_iter().collect(),
        // Settings and pages are looked for where it is started, and publishing puts them beside the program.
        outputs: folder(report, "out"),
        inside: report.start_command.as_deref().filter(|start| start.contains("./out/")).map(|_| "out"),
        ..Recipe::default()
    }
}

/// One folder of the tree, where the start command names a file in it.
fn folder(report: &Report, name: &str) -> Vec<(String, String)> {
    let start = report.start_command.as_deref().unwrap_or_default();
    let inside = start.contains(&format!("./{name}/")) && report.app.is_none();
    inside.then(|| (format!("/app/{name}"), format!("/app/{name}"))).into_iter().collect()
}

pub(super) fn elixir(report: &Report, version: &str) -> Recipe {
    Recipe {
        build_image: format!("elixir:{version}"),
        run_image: format!("elixir:{version}-slim"),
        manifests: files(&["mix.exs", "mix.lock*"]),
        build_env: vec![("MIX_ENV", "prod")],
        run_env: vec![("PHX_SERVER", "true"), ("RELEASE_TMP", "/tmp")],
        // A release needs its files and the system's libraries, nothing else.
        outputs: folder(report, "_build/prod/rel"),
        ..Recipe::default()
    }
}

pub(super) fn deno(report: &Report) -> Recipe {
    let folder = ("DENO_DIR", "/app/.deno");
    let start = report.start_command.as_deref().unwrap_or_default();
    let script = start.split_whitespace().find(|word| {
        ["ts", "tsx", "js", "mjs"]
            .iter()
            .any(|end| word.rsplit_once('.').is_some_and(|(_, found)| found == *end))
    });
    let image = "denoland/deno:2.2.2";
    Recipe {
        build_image: image.into(),
        run_image: image.into(),
        build_env: vec![folder],
        run_env: vec![folder],
        finish: script.map(|script| format!("deno cache {script}")).into_iter().collect(),
        ..Recipe::default()
    }
}

pub(super) fn gleam(report: &Report) -> Recipe {
    let image = "ghcr.io/gleam-lang/gleam:v1.13.0-erlang";
    Recipe {
        build_image: image.into(),
        run_image: image.into(),
        manifests: files(&["gleam.toml", "manifest.toml*"]),
        outputs: folder(report, "build/erlang-shipment"),
        ..Recipe::default()
    }
}

pub(super) fn cpp(report: &Report) -> Recipe {
    let tools = match report.package_manager.as_deref() {
        Some("meson") => "build-essential meson ninja-build pkg-config",
        _ => "build-essential cmake ninja-build pkg-config",
    };
    let mut recipe = Recipe {
        build_image: version::DEBIAN_FULL.into(),
        run_image: DEBIAN.into(),
        setup: apt(&format!("{tools} ca-certificates git")),
        run_setup: certificates(),
        ..Recipe::default()
    };
    if only(&mut recipe, report, "build/", "build") {
        recipe.outputs.retain(|(source, _)| source == "/out");
    }
    recipe
}
