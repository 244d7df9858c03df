//! The `.dockerignore`: what a build doesn't need, or must not see.

use crate::Report;

const ALWAYS: &str = "\
# Version control and editors
.git
.gitignore
.github
.idea
.vscode
**/.DS_Store

# Secrets never enter an image
.env
.env.*
!.env.example
**/*.pem
**/id_rsa*
**/id_ed25519*
**/.netrc

# This file's neighbours
Dockerfile*
Containerfile*
.dockerignore
docker-compose*.y*ml
compose*.y*ml
**/*.log
";

/// The text for a report.
pub(super) fn text(report: &Report) -> String {
    let own: &[&str] = match report.provider.map_or("", crate::Provider::name) {
        "node" | "deno" | "staticfile" => {
            &["**/node_modules", ".next", ".nuxt", ".output", ".svelte-kit", ".astro", ".turbo", "coverage"]
        }
        "python" => {
            &["**/__pycache__", "**/*.pyc", ".venv", "venv", ".pytest_cache", ".mypy_cache", ".ruff_cache"]
        }
        "rust" => &["target"],
        "go" => &["**/*.test"],
        "java" => &["target", "build", ".gradle"],
        "ruby" => &["vendor/bundle", ".bundle", "log", "tmp"],
        "php" => &["vendor", "node_modules"],
        "dotnet" => &["**/bin", "**/obj", "out"],
        "elixir" => &["_build", "deps", "node_modules"],
        "gleam" | "cpp" => &["build"],
        _ => &[],
    };
    // What is served as it stands must get into the image.
    let served = |folder: &&&str| {
        let plain = folder.trim_start_matches("**/");
        !report
            .static_dir
            .as_deref()
            .is_some_and(|dir| report.build_command.is_none() && dir.starts_with(plain))
    };
    let own: Vec<&str> = own.iter().filter(served).copied().collect();
    if own.is_empty() {
        ALWAYS.to_owned()
    } else {
        format!("{ALWAYS}\n# Built or fetched inside\n{}\n", own.join("\n"))
    }
}
