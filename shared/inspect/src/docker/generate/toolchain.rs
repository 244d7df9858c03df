//! Languages whose programs are built by a toolchain of their own and run without it.
//!
//! A program that is linked on a Debian runs on the same Debian or a newer one; none of Alpine is mixed in, but for
//! programs that are linked statically there.

use super::recipe::{Recipe, apt, certificates, only};
use super::version::{self, DEBIAN};
use crate::Report;

/// Runs what the build tool itself starts: the same image, with its caches in the tree.
const OWN_HOME: (&str, &str) = ("JAVA_TOOL_OPTIONS", "-Duser.home=/app/.home");

/// A recipe for the language, if it is one of these.
pub(super) fn of(language: &str, report: &Report) -> Option<Recipe> {
    let declared = report.runtime_version.as_deref();
    Some(match language {
        "scala" => scala(report),
        "clojure" => clojure(report),
        "swift" => swift(report, &version::of("swift", declared)),
        "dart" => dart(report, &version::of("dart", declared)),
        "haskell" => haskell(report, &version::of("haskell", declared)),
        "crystal" => crystal(report, &version::of("crystal", declared)),
        "zig" => zig(declared),
        _ => return None,
    })
}

fn start(report: &Report) -> &str {
    report.start_command.as_deref().unwrap_or_default()
}

fn jvm(build_image: String, report: &Report, tools: &[&str]) -> Recipe {
    let by_tool = tools.iter().any(|tool| start(report).starts_with(tool));
    let own: Vec<_> = by_tool.then_some(OWN_HOME).into_iter().collect();
    Recipe {
        run_image: if by_tool { build_image.clone() } else { "eclipse-temurin:21-jre".into() },
        build_image,
        build_env: own.clone(),
        run_env: if by_tool { own } else { vec![("JAVA_OPTS", "-XX:MaxRAMPercentage=75")] },
        ..Recipe::default()
    }
}

/// sbt comes from its own releases: its images carry a Scala of theirs.
fn scala(report: &Report) -> Recipe {
    let mut recipe = jvm("eclipse-temurin:21-jdk".into(), report, &["sbt"]);
    let sbt = [
        "ADD https://github.com/sbt/sbt/releases/download/v1.10.7/sbt-1.10.7.tgz /tmp/sbt.tgz",
        "RUN tar -xzf /tmp/sbt.tgz -C /opt && ln -s /opt/sbt/bin/sbt /usr/local/bin/sbt",
    ]
    .map(str::to_owned);
    if report.package_manager.as_deref() != Some("mill") {
        recipe.setup = sbt.to_vec();
        if start(report).starts_with("sbt") {
            recipe.run_setup = sbt.to_vec();
        }
        recipe.kept = vec!["build.sbt", "project/*.sbt", "project/*.scala", "project/build.properties"];
        recipe.early = Some("(sbt update || true)".into());
    }
    if let Some(stage) = start(report).strip_prefix("./target/universal/stage/") {
        let folder = "target/universal/stage";
        recipe
            .outputs
            .extend((!stage.is_empty()).then(|| (format!("/app/{folder}"), format!("/app/{folder}"))));
    }
    recipe
}

fn clojure(report: &Report) -> Recipe {
    let kind = if report.package_manager.as_deref() == Some("lein") { "lein" } else { "tools-deps" };
    let mut recipe = jvm(format!("clojure:temurin-21-{kind}-jammy"), report, &["clojure", "lein", "clj"]);
    let (manifest, fetch) =
        if kind == "lein" { ("project.clj", "lein deps") } else { ("deps.edn", "clojure -P") };
    recipe.manifests = vec![manifest.into()];
    recipe.early = Some(fetch.into());
    recipe
}

/// The slim image has Swift's libraries; Vapor reads `Public` and `Resources` from the tree.
fn swift(report: &Report, version: &str) -> Recipe {
    let mut recipe = Recipe {
        build_image: format!("swift:{version}-jammy"),
        run_image: format!("swift:{version}-jammy-slim"),
        manifests: vec!["Package.swift".into(), "Package.resolved*".into()],
        early: Some("swift package resolve".into()),
        run_setup: certificates(),
        ..Recipe::default()
    };
    // Resources lie beside the program.
    if only(&mut recipe, report, "build/release/", ".build") {
        recipe.finish.insert(
            0,
            "mkdir -p /out/.build/release && (cp -rL .build/release/*.resources /out/.build/release/ || true)"
                .into(),
        );
    }
    recipe
}

fn dart(report: &Report, version: &str) -> Recipe {
    let image = format!("dart:{version}");
    let mut recipe = Recipe {
        build_image: image.clone(),
        run_image: DEBIAN.into(),
        manifests: vec!["pubspec.yaml".into(), "pubspec.lock*".into()],
        run_setup: certificates(),
        ..Recipe::default()
    };
    if report.framework.as_deref() == Some("flutter") {
        recipe.build_image = "ghcr.io/cirruslabs/flutter:3.27.1".into();
        recipe.early = Some("flutter pub get".into());
    } else if start(report).starts_with("dart ") {
        let cache = ("PUB_CACHE", "/app/.pub-cache");
        recipe.run_image = image;
        recipe.build_env = vec![cache];
        recipe.run_env = vec![cache];
        recipe.setup = vec!["RUN dart pub global activate dart_frog_cli".into()];
        recipe.path = vec!["/app/.pub-cache/bin"];
    } else {
        recipe.finish.push("rm -rf .dart_tool".into());
    }
    recipe
}

fn haskell(report: &Report, version: &str) -> Recipe {
    let mut recipe = Recipe {
        build_image: format!("haskell:{version}"),
        run_image: DEBIAN.into(),
        run_setup: [apt("libgmp10"), certificates()].concat(),
        ..Recipe::default()
    };
    if report.package_manager.as_deref() == Some("stack") {
        recipe.kept = vec!["stack.yaml", "stack.yaml.lock", "package.yaml", "*.cabal"];
        recipe.early = Some("(stack build --only-dependencies || true)".into());
    } else {
        recipe.kept = vec!["*.cabal", "cabal.project", "cabal.project.freeze"];
        recipe.early = Some("cabal update && (cabal build --only-dependencies || true)".into());
    }
    recipe.finish.push("rm -rf dist-newstyle .stack-work".into());
    recipe
}

/// Built statically, with the libraries of Alpine: the program needs none where it runs.
fn crystal(report: &Report, version: &str) -> Recipe {
    let mut recipe = Recipe {
        build_image: format!("crystallang/crystal:{version}-alpine"),
        run_image: DEBIAN.into(),
        manifests: vec!["shard.yml".into(), "shard.lock*".into()],
        build_flags: " --static",
        run_setup: certificates(),
        ..Recipe::default()
    };
    only(&mut recipe, report, "bin/", "lib");
    recipe
}

/// Zig has no image of its own; its releases are archives whose names changed with 0.14.1.
fn zig(declared: Option<&str>) -> Recipe {
    let digits = |text: &str| text.split('.').map(str::parse).collect::<Result<Vec<u32>, _>>().ok();
    let release =
        declared.filter(|text| digits(text).is_some_and(|parts| parts.len() == 3)).unwrap_or("0.13.0");
    let new = digits(release).is_some_and(|parts| parts[..] >= [0, 14, 1][..]);
    let name = if new { "zig-$(uname -m)-linux" } else { "zig-linux-$(uname -m)" };
    let fetch = format!(
        "RUN curl -fsSL -o /tmp/zig.tar.xz \"https://ziglang.org/download/{release}/{name}-{release}.tar.xz\" \\\n    \
         && mkdir /opt/zig && tar -xf /tmp/zig.tar.xz -C /opt/zig --strip-components=1 \\\n    \
         && ln -s /opt/zig/zig /usr/local/bin/zig"
    );
    let mut recipe = Recipe {
        build_image: version::DEBIAN_FULL.into(),
        run_image: DEBIAN.into(),
        setup: [apt("ca-certificates curl git xz-utils"), vec![fetch]].concat(),
        kept: vec!["build.zig", "build.zig.zon"],
        early: Some("(zig build --fetch || true)".into()),
        run_setup: certificates(),
        ..Recipe::default()
    };
    recipe.finish.push("rm -rf .zig-cache zig-cache".into());
    recipe
}
