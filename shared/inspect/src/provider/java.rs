//! Java and what else Maven and Gradle build.

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

const GRADLE: [&str; 4] = ["build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"];

const FRAMEWORKS: [(&str, &str); 6] = [
    ("org.springframework.boot", "spring-boot"),
    ("io.quarkus", "quarkus"),
    ("io.micronaut", "micronaut"),
    ("io.ktor", "ktor"),
    ("io.javalin", "javalin"),
    ("io.dropwizard", "dropwizard"),
];

pub(super) fn detect(app: &App) -> Option<Origin> {
    app.first(&["pom.xml"]).or_else(|| app.first(&GRADLE)).map(|name| app.origin(name, None, 0.95))
}

pub(super) fn plan(app: &App, draft: &mut Draft) {
    let Some(manifest) = app.first(&["pom.xml"]).or_else(|| app.first(&GRADLE)) else { return };
    let content = app.text(manifest).unwrap_or_default();
    let origin = app.origin(manifest, None, 0.9);
    if let Some((key, name)) = FRAMEWORKS.iter().find(|(key, _)| content.contains(key)) {
        draft.claim(Field::Framework, *name, app.origin(manifest, text::line_of(&content, key), 0.9));
        draft.claim_port(8080, app.origin(manifest, text::line_of(&content, key), 0.6));
    }
    let maven = manifest == "pom.xml";
    draft.claim(Field::PackageManager, if maven { "maven" } else { "gradle" }, origin.clone());
    let (build, start) = if maven {
        let tool = if app.has("mvnw") { "sh ./mvnw" } else { "mvn" };
        let jar = if draft.report.framework.as_deref() == Some("quarkus") {
            "target/quarkus-app/quarkus-run.jar"
        } else {
            "target/*jar"
        };
        (format!("{tool} -B -DskipTests clean package"), format!("java $JAVA_OPTS -jar {jar}"))
    } else {
        let tool = if app.has("gradlew") { "sh ./gradlew" } else { "gradle" };
        let jar = "java $JAVA_OPTS -jar $(ls -1 build/libs/*jar */build/libs/*jar 2>/dev/null | grep -v plain | head -n 1)";
        (format!("{tool} clean build -x check -x test"), jar.to_owned())
    };
    draft.claim(Field::Build, app.command(build), origin.clone());
    draft.claim(Field::Start, app.command(start), Origin { confidence: 0.7, ..origin });
    claim_version(app, manifest, &content, draft);
}

fn claim_version(app: &App, manifest: &str, content: &str, draft: &mut Draft) {
    let tags = ["<java.version>", "<maven.compiler.release>", "<maven.compiler.source>", "<release>"];
    let tag = tags.iter().find_map(|tag| {
        let (_, rest) = content.split_once(tag)?;
        Some((rest.split('<').next()?.trim().to_owned(), text::line_of(content, tag)))
    });
    let gradle = || {
        ["JavaLanguageVersion.of(", "jvmToolchain(", "sourceCompatibility"].iter().find_map(|key| {
            let (_, rest) = content.split_once(key)?;
            let digits: String = rest
                .chars()
                .take(24)
                .skip_while(|c| !c.is_ascii_digit())
                .take_while(|c| c.is_ascii_digit() || *c == '.')
                .collect();
            (!digits.is_empty()).then(|| (digits, text::line_of(content, key)))
        })
    };
    super::versions::claim_file(app, draft, ".java-version");
    super::versions::claim_tools(app, draft, &["java"]);
    if let Some((version, line)) = tag.filter(|(version, _)| !version.starts_with("${")).or_else(gradle) {
        draft.claim(Field::RuntimeVersion, version, app.origin(manifest, line, 0.85));
    }
}
