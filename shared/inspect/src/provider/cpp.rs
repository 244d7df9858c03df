//! C and C++ by CMake or Meson: the program bears the project's name unless the file says otherwise.

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

pub(super) fn detect(app: &App) -> Option<Origin> {
    app.first(&["CMakeLists.txt", "meson.build"]).map(|name| app.origin(name, None, 0.85))
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let Some(manifest) = app.first(&["CMakeLists.txt", "meson.build"]) else { return };
    let content = app.text(manifest).unwrap_or_default();
    let cmake = manifest == "CMakeLists.txt";
    draft.claim(
        Field::PackageManager,
        if cmake { "cmake" } else { "meson" },
        app.origin(manifest, None, 0.9),
    );
    let build = if cmake {
        "cmake -S . -B build -DCMAKE_BUILD_TYPE=Release && cmake --build build"
    } else {
        "meson setup build --buildtype=release && meson compile -C build"
    };
    draft.claim(Field::Build, app.command(build), app.origin(manifest, None, 0.85));
    let key = if cmake { "add_executable(" } else { "executable(" };
    let project = argument(&content, "project(");
    let program = argument(&content, key).map(|name| match name.as_str() {
        "${PROJECT_NAME}" | "${CMAKE_PROJECT_NAME}" => project.clone().unwrap_or_default(),
        _ => name,
    });
    if let Some(name) = program.or(project.clone()).filter(|name| !name.is_empty() && !name.contains('$')) {
        let origin = Origin { line: text::line_of(&content, key), ..app.origin(manifest, None, 0.7) };
        draft.claim(Field::Start, app.command(format!("./build/{}", text::shell_word(&name))), origin);
    }
}

/// The first argument of a call, without quotes.
fn argument(content: &str, call: &str) -> Option<String> {
    let (_, rest) = content.split_once(call)?;
    let name = rest.trim_start().trim_start_matches(['"', '\'']);
    let end = name.find(|c: char| c.is_whitespace() || "\"',)".contains(c))?;
    Some(name[..end].to_owned())
}
