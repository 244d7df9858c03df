//! One manifest, lock file or version file: the first line names it, the rest is its text.
#![no_main]

use std::sync::{LazyLock, Mutex};

use inspect_fuzz::{Folder, inspect};
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<Mutex<Folder>> = LazyLock::new(|| Mutex::new(Folder::new()));

/// What the first line may name; where it names nothing known, its first byte counts.
const NAMES: [&str; 100] = [
    "package.json",
    "package.json5",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "bun.lock",
    "lerna.json",
    "nx.json",
    "turbo.json",
    "tsconfig.json",
    "angular.json",
    "next.config.js",
    "nuxt.config.ts",
    "vite.config.ts",
    "svelte.config.js",
    "astro.config.mjs",
    "deno.json",
    "deno.jsonc",
    ".npmrc",
    ".yarnrc.yml",
    ".nvmrc",
    ".node-version",
    "requirements.txt",
    "pyproject.toml",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "Pipfile",
    "Pipfile.lock",
    "environment.yml",
    "setup.py",
    "setup.cfg",
    "runtime.txt",
    ".python-version",
    "manage.py",
    "main.py",
    "app.py",
    "go.mod",
    "go.work",
    "go.sum",
    "main.go",
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    "rust-toolchain",
    "src/main.rs",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "settings.gradle",
    "gradle.properties",
    "gradle.lockfile",
    "build.sbt",
    "project/build.properties",
    "deps.edn",
    "project.clj",
    "Gemfile",
    "Gemfile.lock",
    ".ruby-version",
    "config.ru",
    "composer.json",
    "composer.lock",
    "index.php",
    "app.csproj",
    "packages.lock.json",
    "global.json",
    "mix.exs",
    "mix.lock",
    "gleam.toml",
    "Package.swift",
    "pubspec.yaml",
    "pubspec.lock",
    "stack.yaml",
    "app.cabal",
    "shard.yml",
    "build.zig",
    "build.zig.zon",
    "CMakeLists.txt",
    "meson.build",
    "Dockerfile",
    "compose.yaml",
    "Procfile",
    "app.yaml",
    "app.json",
    "project.toml",
    "nixpacks.toml",
    "railpack.json",
    "railway.json",
    "render.yaml",
    "fly.toml",
    "sextant.toml",
    ".tool-versions",
    "mise.toml",
    ".env.example",
    "Staticfile",
    "index.html",
    "start.sh",
    "server.js",
];

fn name(line: &[u8]) -> &'static str {
    let known = NAMES.iter().find(|name| name.as_bytes() == line.trim_ascii());
    known.unwrap_or(&NAMES[usize::from(*line.first().unwrap_or(&0)) % NAMES.len()])
}

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (line, text) = data.split_at(end);
    let Ok(folder) = FOLDER.lock() else { return };
    folder.clear();
    let place = folder.tree().join(name(line));
    if let Some(parent) = place.parent() {
        let _ = std::fs::create_dir_all(parent);
    }
    if std::fs::write(place, text.strip_prefix(b"\n").unwrap_or(text)).is_ok() {
        inspect(&folder.tree());
    }
});
