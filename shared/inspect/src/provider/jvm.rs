//! Scala (sbt, Mill) and Clojure (Leiningen, tools.deps): which artefact the build makes, and how it starts.

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

const SCALA: [&str; 3] = ["build.sbt", "build.sc", "build.mill"];

pub(super) fn detect_scala(app: &App) -> Option<Origin> {
    app.first(&SCALA).map(|name| app.origin(name, None, 0.96))
}

pub(super) fn plan_scala(app: &App, draft: &mut Draft) {
    let Some(manifest) = app.first(&SCALA) else { return };
    let content = app.text(manifest).unwrap_or_default();
    let files = app.files().filter(|file| file.starts_with("project/") && text::has_end(file, "sbt"));
    let plugins = files.filter_map(|file| app.text(file)).fold(String::new(), |all, content| {
        all + &content
            + "
"
    });
    let origin = app.origin(manifest, None, 0.9);
    let sbt = manifest == "build.sbt";
    draft.claim(Field::PackageManager, if sbt { "sbt" } else { "mill" }, origin.clone());
    super::versions::claim_tools(app, draft, &["scala"]);
    if let Some((version, line)) = setting(&content, "scalaVersion") {
        draft.claim(Field::RuntimeVersion, version, app.origin(manifest, Some(line), 0.85));
    }
    let play = plugins.contains("playframework") || plugins.contains("com.typesafe.play");
    let frameworks = [
        ("http4s", 8080),
        ("akka-http", 8080),
        ("pekko-http", 8080),
        ("zio-http", 8080),
        ("cask", 8080),
        ("finatra", 8888),
    ];
    if play {
        let line = text::line_of(&plugins, "play");
        draft.claim(Field::Framework, "play", app.origin("project/plugins.sbt", line, 0.95));
        draft.claim_port(9000, app.origin("project/plugins.sbt", line, 0.7));
    } else if let Some((name, port)) = frameworks.into_iter().find(|(name, _)| content.contains(name)) {
        let line = text::line_of(&content, name);
        draft.claim(Field::Framework, name, app.origin(manifest, line, 0.9));
        draft.claim_port(port, app.origin(manifest, line, 0.5));
    }
    let name = setting(&content, "name").map(|(name, _)| name.to_lowercase().replace(' ', "-"));
    let (build, start) =
        match (sbt, play || plugins.contains("sbt-native-packager"), plugins.contains("sbt-assembly")) {
            (false, ..) => (
                "./mill show _.assembly".to_owned(),
                "java $JAVA_OPTS -jar out/*/assembly.dest/out.jar".to_owned(),
            ),
            (true, true, _) => {
                let port = if play { " -Dhttp.port=${PORT:-9000}" } else { "" };
                let program =
                    name.map_or_else(|| "*".to_owned(), |name| text::shell_word(&name).into_owned());
                ("sbt stage".to_owned(), format!("./target/universal/stage/bin/{program}{port}"))
            }
            (true, false, true) => {
                ("sbt assembly".to_owned(), "java $JAVA_OPTS -jar target/scala-*/*assembly*.jar".to_owned())
            }
            (true, false, false) => ("sbt compile".to_owned(), "sbt run".to_owned()),
        };
    draft.claim(Field::Build, app.command(build), origin.clone());
    draft.claim(Field::Start, app.command(start), Origin { confidence: 0.8, ..origin });
}

/// `scalaVersion := "3.3.1"`, also behind `ThisBuild /`.
fn setting(content: &str, key: &str) -> Option<(String, usize)> {
    content.lines().enumerate().find_map(|(index, line)| {
        let (left, right) = line.split_once(":=").or_else(|| line.split_once('='))?;
        let named = left.split_whitespace().next_back() == Some(key);
        let value = right.split('"').nth(1).filter(|value| !value.is_empty())?;
        named.then(|| (value.to_owned(), index + 1))
    })
}

const CLOJURE: [&str; 2] = ["project.clj", "deps.edn"];

pub(super) fn detect_clojure(app: &App) -> Option<Origin> {
    app.first(&CLOJURE).map(|name| app.origin(name, None, 0.96))
}

pub(super) fn plan_clojure(app: &App, draft: &mut Draft) {
    let Some(manifest) = app.first(&CLOJURE) else { return };
    let content = app.text(manifest).unwrap_or_default();
    let origin = |line, confidence| app.origin(manifest, line, confidence);
    let lein = manifest == "project.clj";
    draft.claim(Field::PackageManager, if lein { "lein" } else { "clojure" }, origin(None, 0.9));
    super::versions::claim_file(app, draft, ".java-version");
    super::versions::claim_tools(app, draft, &["java"]);
    let frameworks =
        [("luminus", 3000), ("pedestal", 8080), ("kit-core", 3000), ("http-kit", 8080), ("ring", 3000)];
    if let Some((name, port)) = frameworks.into_iter().find(|(name, _)| content.contains(name)) {
        draft.claim(Field::Framework, name, origin(text::line_of(&content, name), 0.85));
        draft.claim_port(port, origin(text::line_of(&content, name), 0.4));
    }
    let build_script = app.has("build.clj");
    let (build, start) = if lein {
        let named = content.split_once(":uberjar-name").and_then(|(_, rest)| rest.split('"').nth(1));
        let jar = named
            .map_or("target/uberjar/*standalone.jar".to_owned(), |name| format!("target/uberjar/{name}"));
        let folder =
            if content.contains(":target-path") { jar } else { jar.replace("target/uberjar/", "target/") };
        ("lein uberjar", format!("java $JAVA_OPTS -jar {folder}"))
    } else if build_script {
        ("clojure -T:build uber", "java $JAVA_OPTS -jar target/*.jar".to_owned())
    } else {
        let alias = [":run-m", ":run", ":start", ":main"]
            .into_iter()
            .find(|alias| content.contains(&format!("{alias} ")));
        (
            "clojure -P",
            alias.map_or_else(
                || format!("clojure -M -m {}", main_namespace(app)),
                |alias| format!("clojure -M{alias}"),
            ),
        )
    };
    draft.claim(Field::Build, app.command(build), origin(None, 0.85));
    draft.claim(Field::Start, app.command(start), origin(None, 0.75));
}

/// The namespace that has a `-main`, the nearest to the root.
fn main_namespace(app: &App) -> String {
    let files = app.files().filter(|file| text::has_end(file, "clj") && file.starts_with("src/"));
    let mut files: Vec<_> = files.take(200).collect();
    files.sort_by_key(|file| file.matches('/').count());
    let named = files.into_iter().find_map(|file| {
        let content = app.text(file)?;
        let name =
            content.split_once("(ns ")?.1.split(|c: char| c.is_whitespace() || c == ')').next()?.to_owned();
        content.contains("(defn -main").then_some(name)
    });
    named.unwrap_or_else(|| "core".to_owned())
}
