//! Java and Kotlin: Maven or Gradle, which module is the app, which artefact starts, and what its settings say.

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

const GRADLE: [&str; 4] = ["build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"];

/// Frameworks by their group or plugin; the port is what each listens on when nothing is set.
const FRAMEWORKS: [(&str, &str, u16); 10] = [
    ("org.springframework.boot", "spring-boot", 8080),
    ("spring-boot-starter", "spring-boot", 8080),
    ("io.quarkus", "quarkus", 8080),
    ("io.micronaut", "micronaut", 8080),
    ("io.ktor", "ktor", 8080),
    ("io.javalin", "javalin", 8080),
    ("io.dropwizard", "dropwizard", 8080),
    ("io.helidon", "helidon", 8080),
    ("io.vertx", "vertx", 8888),
    ("com.sparkjava", "spark", 4567),
];

/// What marks a module as a program rather than a library.
const PROGRAM: [&str; 9] = [
    "spring-boot-maven-plugin",
    "org.springframework.boot",
    "quarkus-maven-plugin",
    "io.quarkus",
    "micronaut-maven-plugin",
    "io.micronaut.application",
    "io.ktor.plugin",
    "<mainClass>",
    "mainClass",
];

pub(super) fn detect(app: &App) -> Option<Origin> {
    app.first(&["pom.xml"]).or_else(|| app.first(&GRADLE)).map(|name| app.origin(name, None, 0.95))
}

/// The module that is the app, and the build file that says so.
struct Module {
    /// Relative to the app's folder; empty for the root, else with a `/` at its end.
    prefix: String,
    file: String,
    content: std::rc::Rc<str>,
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let Some(manifest) = app.first(&["pom.xml"]).or_else(|| app.first(&GRADLE)) else { return };
    let maven = manifest == "pom.xml";
    let module = module(app, manifest, maven);
    let root = app.text(manifest).unwrap_or_default();
    let catalog = app.text("gradle/libs.versions.toml").unwrap_or_default();
    let sources = [
        (module.file.as_str(), &*module.content),
        (manifest, &*root),
        ("gradle/libs.versions.toml", &*catalog),
    ];
    let found = sources.iter().find_map(|(file, content)| {
        let (key, name, port) = FRAMEWORKS.iter().find(|(key, ..)| content.contains(key))?;
        Some((*name, *port, app.origin(file, text::line_of(content, key), 0.9)))
    });
    claim_settings(app, &module, draft);
    if let Some((name, port, origin)) = found {
        draft.claim(Field::Framework, name, origin.clone());
        claim_health(app, &module, name, draft);
        draft.claim_port(port, Origin { confidence: 0.6, ..origin });
    }
    draft.claim(
        Field::PackageManager,
        if maven { "maven" } else { "gradle" },
        app.origin(manifest, None, 0.9),
    );
    let quarkus = draft.report.framework.as_deref() == Some("quarkus");
    let (build, start) =
        if maven { by_maven(app, &module, quarkus) } else { by_gradle(app, &module, quarkus) };
    draft.claim(Field::Build, app.command(build), app.origin(manifest, None, 0.9));
    draft.claim(Field::Start, app.command(start), app.origin(&module.file, None, 0.75));
    claim_version(app, &sources, draft);
}

fn module(app: &App, manifest: &str, maven: bool) -> Module {
    let root = with_plugins(app, app.text(manifest).unwrap_or_default());
    let own =
        !maven && manifest.starts_with("settings") || maven && root.contains("<packaging>pom</packaging>");
    let listed = if maven { maven_modules(&root) } else { gradle_modules(app) };
    let candidates: Vec<Module> = listed
        .into_iter()
        .filter_map(|folder| {
            let names = if maven { &["pom.xml"][..] } else { &GRADLE[..2] };
            let file = names.iter().map(|name| format!("{folder}/{name}")).find(|file| app.has(file))?;
            let content = with_plugins(app, app.text(&file)?);
            Some(Module { prefix: format!("{folder}/"), file, content })
        })
        .collect();
    let runs =
        |content: &str| PROGRAM.iter().any(|mark| content.contains(mark)) || applies_application(content);
    let root_runs =
        !own && runs(&root) && !candidates.iter().any(|module| applies_application(&module.content));
    let chosen = candidates.into_iter().filter(|module| runs(&module.content)).min_by_key(|module| {
        let name = module.prefix.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        (!["app", "server", "web", "api", "application", "service"].contains(&name.as_str()), name)
    });
    chosen.filter(|_| !root_runs).unwrap_or(Module {
        prefix: String::new(),
        file: manifest.to_owned(),
        content: root,
    })
}

/// The build file with the ids of the plugins that it names by their alias in the version catalog.
fn with_plugins(app: &App, content: std::rc::Rc<str>) -> std::rc::Rc<str> {
    if !content.contains("libs.plugins.") {
        return content;
    }
    let catalog: toml::Table =
        app.text("gradle/libs.versions.toml").and_then(|catalog| catalog.parse().ok()).unwrap_or_default();
    let plugins = catalog.get("plugins").and_then(toml::Value::as_table);
    let mut whole = content.to_string();
    for (alias, plugin) in plugins.into_iter().flatten() {
        let id =
            plugin.get("id").and_then(toml::Value::as_str).or_else(|| plugin.as_str()?.split(':').next());
        let name = format!("libs.plugins.{})", alias.replace(['-', '_'], "."));
        if let (true, Some(id)) = (content.contains(&name), id) {
            whole.extend(["\n// ", id]);
        }
    }
    whole.into()
}

fn maven_modules(pom: &str) -> Vec<String> {
    let names = pom.split("<module>").skip(1).filter_map(|rest| rest.split("</module>").next());
    names.map(|name| name.trim().to_owned()).filter(|name| inside(name)).take(200).collect()
}

/// The folders that `include(":app", ":libs:core")` of the settings names.
fn gradle_modules(app: &App) -> Vec<String> {
    let Some(file) = app.first(&GRADLE[2..]) else { return Vec::new() };
    let content = app.text(file).unwrap_or_default();
    let lines = content
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("include") || line.starts_with(['"', '\'', ':']));
    let names = lines.flat_map(|line| line.split(['"', '\'']).skip(1).step_by(2));
    names
        .map(|name| name.trim_start_matches(':').replace(':', "/"))
        .filter(|name| inside(name))
        .take(200)
        .collect()
}

fn inside(folder: &str) -> bool {
    !folder.is_empty() && !folder.starts_with('/') && !folder.split('/').any(|part| part == "..")
}

/// Whether a build of Gradle applies the plugin `application`.
fn applies_application(content: &str) -> bool {
    content.lines().map(str::trim).any(|line| {
        matches!(
            line,
            "application"
                | "`application`"
                | "id 'application'"
                | "id(\"application\")"
                | "id \"application\""
        ) || line.starts_with("apply plugin: 'application'")
    })
}

fn by_maven(app: &App, module: &Module, quarkus: bool) -> (String, String) {
    let tool = if app.has("mvnw") { "sh ./mvnw" } else { "mvn" };
    let jar = match quarkus {
        true => "target/quarkus-app/quarkus-run.jar",
        false if module.content.contains("<packaging>war</packaging>") => "target/*.war",
        false => "target/*jar",
    };
    (format!("{tool} -B -DskipTests clean package"), format!("java $JAVA_OPTS -jar {}{jar}", module.prefix))
}

fn by_gradle(app: &App, module: &Module, quarkus: bool) -> (String, String) {
    let tool = if app.has("gradlew") { "sh ./gradlew" } else { "gradle" };
    let Module { prefix, content, .. } = module;
    let task = prefix.trim_end_matches('/').replace('/', ":");
    let task = if task.is_empty() { String::new() } else { format!(":{task}:") };
    if quarkus {
        let jar = format!("java $JAVA_OPTS -jar {prefix}build/quarkus-app/quarkus-run.jar");
        return (format!("{tool} {task}quarkusBuild"), jar);
    }
    let fat = [
        ("io.ktor.plugin", "buildFatJar"),
        ("com.github.johnrengelman.shadow", "shadowJar"),
        ("com.gradleup.shadow", "shadowJar"),
    ];
    if let Some((_, name)) = fat.into_iter().find(|(plugin, _)| content.contains(plugin)) {
        return (
            format!("{tool} {task}{name}"),
            format!("java $JAVA_OPTS -jar {prefix}build/libs/*-all.jar"),
        );
    }
    // A jar that names its main class starts by itself; the plugin alone makes a script with a class path.
    let boots = content.contains("org.springframework.boot") || content.contains("Main-Class");
    if applies_application(content) && !boots {
        let name = if prefix.is_empty() {
            root_name(app)
        } else {
            prefix.trim_end_matches('/').rsplit('/').next().map(str::to_owned)
        };
        let program = name.unwrap_or_else(|| "*".to_owned());
        return (
            format!("{tool} {task}installDist"),
            format!("./{prefix}build/install/{program}/bin/{program}"),
        );
    }
    let jars = if prefix.is_empty() {
        "build/libs/*jar */build/libs/*jar".to_owned()
    } else {
        format!("{prefix}build/libs/*jar")
    };
    let start = format!("java $JAVA_OPTS -jar $(ls -1 {jars} 2>/dev/null | grep -v plain | head -n 1)");
    (format!("{tool} clean build -x check -x test"), start)
}

fn root_name(app: &App) -> Option<String> {
    let content = app.text(app.first(&GRADLE[2..])?)?;
    let line = content.lines().find(|line| line.trim_start().starts_with("rootProject.name"))?;
    line.split(['"', '\'']).nth(1).map(str::to_owned)
}

/// What the framework's own settings say: the port, and the path in front of every other.
fn claim_settings(app: &App, module: &Module, draft: &mut Draft) {
    let folder = format!("{}src/main/resources/", module.prefix);
    for (file, keys) in
        [("application.properties", ["server.port", "quarkus.http.port", "micronaut.server.port"])]
    {
        let path = format!("{folder}{file}");
        for (index, line) in app.text(&path).unwrap_or_default().lines().enumerate() {
            let Some((key, value)) = line.split_once('=') else { continue };
            if keys.contains(&key.trim()) {
                claim_port(app, &path, index + 1, value, draft);
            }
        }
    }
    for file in ["application.yml", "application.yaml"] {
        let path = format!("{folder}{file}");
        for entry in super::yaml::read(&app.text(&path).unwrap_or_default()) {
            let port = ["server.port", "quarkus.http.port", "micronaut.server.port", "ktor.deployment.port"];
            if port.iter().any(|key| entry.is(key) || entry.path.join(".") == *key) {
                claim_port(app, &path, entry.line, &entry.value, draft);
            }
        }
    }
    let path = format!("{folder}application.conf");
    for (index, line) in app.text(&path).unwrap_or_default().lines().enumerate() {
        if let Some(value) =
            line.trim().strip_prefix("port").map(|rest| rest.trim_start_matches([' ', '=', ':']))
        {
            claim_port(app, &path, index + 1, value, draft);
        }
    }
}

/// `8081` is fixed; `${PORT:8081}` is not.
fn claim_port(app: &App, path: &str, line: usize, value: &str, draft: &mut Draft) {
    let digits: String =
        value.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    if let Some(port) = digits.parse().ok().filter(|port| *port > 0)
        && draft.report.port.is_none()
    {
        draft.claim_port(port, app.origin(path, Some(line), 0.85));
        draft.report.port_fixed = !value.contains("PORT");
    }
}

fn claim_health(app: &App, module: &Module, framework: &str, draft: &mut Draft) {
    let marks = [
        ("spring-boot", "spring-boot-starter-actuator", "/actuator/health"),
        ("quarkus", "smallrye-health", "/q/health"),
        ("micronaut", "micronaut-management", "/health"),
    ];
    for (name, mark, path) in marks {
        if let Some(line) = text::line_of(&module.content, mark).filter(|_| name == framework) {
            draft.claim(Field::HealthPath, path, app.origin(&module.file, Some(line), 0.85));
        }
    }
}

fn claim_version(app: &App, sources: &[(&str, &str)], draft: &mut Draft) {
    super::versions::claim_file(app, draft, ".java-version");
    super::versions::claim_tools(app, draft, &["java"]);
    let sdkman = app.text(".sdkmanrc").unwrap_or_default();
    let sdk = sdkman
        .lines()
        .enumerate()
        .find_map(|(index, line)| Some((index + 1, line.trim().strip_prefix("java=")?)));
    if let Some((line, version)) = sdk {
        draft.claim(Field::RuntimeVersion, version.trim(), app.origin(".sdkmanrc", Some(line), 0.95));
    }
    if let Some(content) = app.text("system.properties")
        && let Some(line) = text::line_of(&content, "java.runtime.version")
        && let Some((_, version)) = content.lines().nth(line - 1).and_then(|line| line.split_once('='))
    {
        draft.claim(Field::RuntimeVersion, version.trim(), app.origin("system.properties", Some(line), 0.95));
    }
    for (file, content) in sources {
        let declared = if text::has_end(file, "xml") { by_tag(content) } else { by_toolchain(content) };
        if let Some((version, line)) = declared {
            draft.claim(Field::RuntimeVersion, version, app.origin(file, line, 0.85));
        }
    }
}

fn by_tag(pom: &str) -> Option<(String, Option<usize>)> {
    let tags = [
        "java.version",
        "maven.compiler.release",
        "maven.compiler.source",
        "maven.compiler.target",
        "jdk.version",
        "release",
    ];
    tags.iter().find_map(|tag| {
        let open = format!("<{tag}>");
        let value = pom.split_once(&open)?.1.split('<').next()?.trim();
        // One step through a property: `<release>${jdk}</release>`.
        let named = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let value = match named {
            Some(name) => pom.split_once(&format!("<{name}>"))?.1.split('<').next()?.trim(),
            None => value,
        };
        (!value.is_empty() && !value.starts_with('$')).then(|| (value.to_owned(), text::line_of(pom, &open)))
    })
}

fn by_toolchain(gradle: &str) -> Option<(String, Option<usize>)> {
    let keys = ["JavaLanguageVersion.of(", "jvmToolchain(", "sourceCompatibility", "targetCompatibility"];
    keys.iter().find_map(|key| {
        let rest = gradle.split_once(key)?.1.lines().next()?;
        let number = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
        let end = number.find(|c: char| !(c.is_ascii_digit() || "._".contains(c))).unwrap_or(number.len());
        let version = number[..end].trim_end_matches('.').replace('_', ".");
        (!version.is_empty() && rest.len() - number.len() < 24).then(|| (version, text::line_of(gradle, key)))
    })
}
