//! Which recipe an app has.

use super::recipe::{self, Recipe};
use super::toolchain;
use super::version::{self, DEBIAN};
use crate::Report;

impl Recipe {
    /// By the app's language; for one that isn't known, a Debian with nothing in it.
    pub(super) fn of(report: &Report) -> Self {
        let declared = report.runtime_version.as_deref();
        let language = report.provider.map_or("shell", crate::Provider::name);
        let version = version::of(language, declared);
        let mut recipe = match language {
            "node" => recipe::node(report, &version),
            "python" => recipe::python(report, &version),
            "go" => recipe::go(report, &version),
            "rust" => recipe::rust(report, &version),
            "java" => recipe::java(report, &version),
            "ruby" => recipe::ruby(&version),
            "php" => recipe::php(report, &version),
            "dotnet" => recipe::dotnet(report, &version),
            "elixir" => recipe::elixir(report, &version),
            "deno" => recipe::deno(report),
            "gleam" => recipe::gleam(report),
            "cpp" => recipe::cpp(report),
            other => toolchain::of(other, report).unwrap_or_else(|| Self {
                build_image: DEBIAN.into(),
                run_image: DEBIAN.into(),
                ..Self::default()
            }),
        };
        recipe.natives(report);
        if recipe.outputs.is_empty() {
            recipe.outputs.push(("/app".into(), "/app".into()));
        }
        let from =
            declared.map_or_else(|| "the default".to_owned(), |declared| format!("declared: {declared}"));
        recipe.because = format!("base image: {} ({from})", recipe.run_image);
        recipe
    }
}
