//! C and C++ by CMake, Meson or a Makefile: the program bears the project's name unless a file says otherwise.

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

pub(super) fn detect(app: &App) -> Option<Origin> {
    let built = app.first(&["CMakeLists.txt", "meson.build"]).map(|name| app.origin(name, None, 0.85));
    // Makefiles drive anything: only beside sources of C is it the manifest.
    let source = || {
        let is_source = |file: &str| ["c", "cc", "cpp", "cxx"].iter().any(|end| text::has_end(file, end));
        app.top_files().chain(app.files().filter(|file| file.starts_with("src/"))).any(is_source)
    };
    built.or_else(|| app.first(&MAKEFILES).filter(|_| source()).map(|name| app.origin(name, None, 0.7)))
}

const MAKEFILES: [&str; 2] = ["Makefile", "makefile"];

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let Some(manifest) = app.first(&["CMakeLists.txt", "meson.build"]) else { return plan_make(app, draft) };
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
    claim_program(app, draft, manifest, cmake);
    let frameworks = [("Crow", "crow"), ("drogon", "drogon"), ("oatpp", "oatpp"), ("httplib", "cpp-httplib")];
    if let Some((key, name)) = frameworks.into_iter().find(|(key, _)| content.contains(key)) {
        draft.claim(Field::Framework, name, app.origin(manifest, text::line_of(&content, key), 0.7));
    }
}

fn claim_program(app: &App, draft: &mut Draft, manifest: &str, cmake: bool) {
    let content = app.text(manifest).unwrap_or_default();
    let (key, enter) =
        if cmake { ("add_executable(", "add_subdirectory(") } else { ("executable(", "subdir(") };
    let project = argument(&content, "project(");
    let named = |content: &str| match argument(content, key)?.as_str() {
        "${PROJECT_NAME}" | "${CMAKE_PROJECT_NAME}" => project.clone(),
        name => Some(name.to_owned()),
    };
    let (folder, file, name) = match named(&content) {
        Some(name) => (String::new(), manifest.to_owned(), Some(name)),
        None => arguments(&content, enter)
            .filter(|folder| {
                !["test", "tests", "examples", "bench", "docs", "external"].contains(&folder.as_str())
            })
            .find_map(|folder| {
                let file = format!("{folder}/{manifest}");
                let name = named(&app.text(&file)?)?;
                Some((format!("{folder}/"), file, Some(name)))
            })
            .unwrap_or((String::new(), manifest.to_owned(), project.clone())),
    };
    if let Some(name) = name.filter(|name| !name.is_empty() && !name.contains('$')) {
        let line = app.text(&file).and_then(|content| text::line_of(&content, key));
        let start = format!("./build/{folder}{}", text::shell_word(&name));
        draft.claim(Field::Start, app.command(start), app.origin(&file, line, 0.7));
    }
}

/// What the Makefile's first rule links: `-o server`, or the rule's own name.
fn plan_make(app: &App, draft: &mut Draft) {
    let Some(manifest) = app.first(&MAKEFILES) else { return };
    let content = app.text(manifest).unwrap_or_default();
    draft.claim(Field::PackageManager, "make", app.origin(manifest, None, 0.8));
    draft.claim(Field::Build, app.command("make"), app.origin(manifest, None, 0.8));
    let program = content.lines().enumerate().find_map(|(index, line)| {
        let mut words = line.strip_prefix('\t')?.split_whitespace().skip_while(|word| *word != "-o").skip(1);
        let name = words.next().filter(|name| !name.contains('$') && !text::has_end(name, "o"))?;
        Some((name.trim_start_matches("./").to_owned(), index + 1))
    });
    let set = || {
        content.lines().enumerate().find_map(|(index, line)| {
            let (name, value) = line.split_once('=')?;
            let name = name.trim().trim_end_matches([':', '?']).trim();
            let value = value.trim();
            let plain = !value.is_empty() && !value.contains([' ', '$']);
            (["TARGET", "BIN", "PROGRAM", "NAME", "EXE", "PROG"].contains(&name) && plain)
                .then(|| (value.trim_start_matches("./").to_owned(), index + 1))
        })
    };
    if let Some((name, line)) = program.or_else(set) {
        let start = format!("./{}", text::shell_word(&name));
        draft.claim(Field::Start, app.command(start), app.origin(manifest, Some(line), 0.6));
    }
}

/// The first argument of a call, without quotes.
fn argument(content: &str, call: &str) -> Option<String> {
    arguments(content, call).next()
}

/// The first argument of every call, without quotes.
fn arguments<'c>(content: &'c str, call: &'c str) -> impl Iterator<Item = String> + 'c {
    content.split(call).skip(1).filter_map(|rest| {
        let name = rest.trim_start().trim_start_matches(['"', '\'']);
        let end = name.find(|c: char| c.is_whitespace() || "\"',)".contains(c))?;
        Some(name[..end].to_owned())
    })
}
