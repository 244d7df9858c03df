//! What each language needs: images, what is fetched first, what is carried over.

use super::version;
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
    /// What is carried into the last stage.
    pub(super) outputs: Vec<(String, String)>,
    pub(super) because: String,
}

fn files(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl Recipe {
    pub(super) fn of(report: &Report) -> Self {
        let declared = report.runtime_version.as_deref();
        let language = report.provider.map_or("shell", crate::Provider::name);
        let version = version::of(language, declared);
        let mut recipe = match language {
            "node" => node(report, &version),
            "python" => python(report, &version),
            "go" => go(report, &version),
            "rust" => rust(report, &version),
            "java" => java(report, &version),
            "ruby" => ruby(&version),
            "php" => php(report, &version),
            "dotnet" => dotnet(report, &version),
            "elixir" => elixir(&version),
            "deno" => deno(report),
            "gleam" => gleam(),
            "cpp" => cpp(report),
            _ => Self {
                build_image: "debian:12.9-slim".into(),
                run_image: "debian:12.9-slim".into(),
                ..Self::default()
            },
        };
        if recipe.outputs.is_empty() {
            recipe.outputs.push(("/app".into(), "/app".into()));
        }
        let from =
            declared.map_or_else(|| "the default".to_owned(), |declared| format!("declared: {declared}"));
        recipe.because = format!("base image: {} ({from})", recipe.run_image);
        recipe
    }
}

fn node(report: &Report, version: &str) -> Recipe {
    let manager = report.package_manager.as_deref().unwrap_or("npm");
    let install = report.install_command.as_deref().unwrap_or_default();
    let bun = manager == "bun";
    let image = if bun { "oven/bun:1.2".to_owned() } else { format!("node:{version}-bookworm-slim") };
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
        }
        // Yarn from version 2 on lives in a folder of the tree, which a pattern can't copy as a folder.
        "yarn" if !install.contains("--immutable") => {
            recipe.manifests = files(&["package.json", "yarn.lock*", ".yarnrc*", ".npmrc*"]);
            recipe.caches = vec!["/usr/local/share/.cache/yarn"];
        }
        "yarn" => recipe.caches = vec!["/root/.yarn/berry/cache"],
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
        recipe.setup.push("RUN corepack enable && mkdir -p \"$COREPACK_HOME\"".into());
        recipe.run_env.extend([home, quiet]);
        recipe.run_setup.push("RUN corepack enable".into());
        recipe.outputs.push((home.1.into(), home.1.into()));
        recipe.outputs.push(("/app".into(), "/app".into()));
    }
    recipe
}

fn python(report: &Report, version: &str) -> Recipe {
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

fn go(report: &Report, version: &str) -> Recipe {
    let mut recipe = Recipe {
        build_image: format!("golang:{version}-bookworm"),
        run_image: "debian:12.9-slim".into(),
        build_env: vec![("CGO_ENABLED", "0")],
        caches: vec!["/go/pkg/mod", "/root/.cache/go-build"],
        early: Some("go mod download".into()),
        manifests: files(&["go.mod", "go.sum*"]),
        run_setup: certificates(),
        ..Recipe::default()
    };
    if report.build_command.as_deref().is_some_and(|build| build.contains("go.work")) {
        recipe.manifests.clear();
    }
    recipe
}

/// The slim image has no root certificates; the build image has.
fn certificates() -> Vec<String> {
    let file = "/etc/ssl/certs/ca-certificates.crt";
    vec![format!("COPY --from=build {file} {file}")]
}

fn rust(report: &Report, version: &str) -> Recipe {
    let build_image = format!("rust:{version}-bookworm");
    let binary = report.start_command.as_deref().and_then(|start| {
        start
            .split_whitespace()
            .find(|word| word.contains("target/release/"))
            .map(|word| word.trim_start_matches("./"))
    });
    let mut recipe = Recipe {
        build_image,
        run_image: "debian:12.9-slim".into(),
        caches: vec!["/usr/local/cargo/registry"],
        run_setup: certificates(),
        ..Recipe::default()
    };
    if let (Some(binary), None) = (binary, &report.app) {
        // The target folder holds gigabytes; the program and the tree's own files are what it may read.
        recipe
            .finish
            .push(format!("mkdir -p /out/{0} && cp {binary} /out/{0}/ && rm -rf target", above(binary)));
        recipe.outputs.push(("/app".into(), "/app".into()));
        recipe.outputs.push(("/out".into(), "/app".into()));
    }
    recipe
}

fn above(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(above, _)| above)
}

fn java(report: &Report, version: &str) -> Recipe {
    let build = report.build_command.as_deref().unwrap_or_default();
    let maven = build.starts_with("mvn ");
    let gradle = build.starts_with("gradle ");
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
        caches: vec!["/root/.m2", "/root/.gradle"],
        run_env: vec![("JAVA_OPTS", "-XX:MaxRAMPercentage=75")],
        ..Recipe::default()
    }
}

fn ruby(version: &str) -> Recipe {
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

fn php(report: &Report, version: &str) -> Recipe {
    let fetch =
        "composer install --no-dev --no-scripts --no-autoloader --no-interaction --ignore-platform-reqs";
    Recipe {
        build_image: "composer:2.8".into(),
        run_image: format!("php:{version}-cli-bookworm"),
        manifests: files(&["composer.json", "composer.lock*"]),
        early: report.install_command.as_ref().map(|_| fetch.to_owned()),
        caches: vec!["/tmp/cache"],
        ..Recipe::default()
    }
}

fn dotnet(report: &Report, version: &str) -> Recipe {
    let project =
        report.install_command.as_deref().and_then(|install| install.strip_prefix("dotnet restore "));
    let plain = project.filter(|project| project.ends_with("proj") && !project.contains([' ', '/']));
    Recipe {
        build_image: format!("mcr.microsoft.com/dotnet/sdk:{version}"),
        run_image: format!("mcr.microsoft.com/dotnet/aspnet:{version}"),
        manifests: plain.map(str::to_owned).into_iter().collect(),
        ..Recipe::default()
    }
}

fn elixir(version: &str) -> Recipe {
    Recipe {
        build_image: format!("elixir:{version}"),
        run_image: format!("elixir:{version}-slim"),
        manifests: files(&["mix.exs", "mix.lock*"]),
        build_env: vec![("MIX_ENV", "prod")],
        run_env: vec![("PHX_SERVER", "true"), ("RELEASE_TMP", "/tmp")],
        // A release needs its files and the system's libraries, nothing else.
        ..Recipe::default()
    }
}

fn deno(report: &Report) -> Recipe {
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

fn gleam() -> Recipe {
    let image = "ghcr.io/gleam-lang/gleam:v1.13.0-erlang";
    Recipe {
        build_image: image.into(),
        run_image: image.into(),
        manifests: files(&["gleam.toml", "manifest.toml*"]),
        ..Recipe::default()
    }
}

fn cpp(report: &Report) -> Recipe {
    let tools = match report.package_manager.as_deref() {
        Some("meson") => "build-essential meson ninja-build pkg-config",
        _ => "build-essential cmake ninja-build pkg-config",
    };
    let setup = format!(
        "# Debian keeps no old versions: a pin would break the build at the next security fix.\n\
         # hadolint ignore=DL3008\n\
         RUN apt-get update && apt-get install -y --no-install-recommends {tools} && rm -rf /var/lib/apt/lists/*"
    );
    Recipe {
        build_image: "debian:12.9".into(),
        run_image: "debian:12.9-slim".into(),
        setup: vec![setup],
        ..Recipe::default()
    }
}
