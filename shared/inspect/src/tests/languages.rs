//! Manifests and entry points, language by language.

use super::{report, start};
use crate::Provider;

/// A name, the files of a tree, and what is expected of it.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str);

#[test]
fn a_manifest_in_json5() {
    let text = "{\n  // why\n  scripts: { start: 'node main.js', },\n  engines: { node: '24' },\n}\n";
    let report = report(&[("package.json5", text), ("pnpm-lock.yaml", "")]);
    assert_eq!(report.start_command.as_deref(), Some("pnpm run start"));
    assert_eq!((report.runtime_version.as_deref(), report.provider), (Some("24"), Some(Provider::Node)));
}

#[test]
fn scripts_are_followed_to_what_they_run() {
    let next = (
        "apps/web/package.json",
        r#"{"name":"web","scripts":{"start":"next start"},"dependencies":{"next":"15"}}"#,
    );
    for start in
        ["cd apps/web && npm start", "turbo run start --filter=web", "npm start -w web", "turbo start"]
    {
        let root = format!(r#"{{"workspaces":["apps/*"],"scripts":{{"start":"{start}"}}}}"#);
        let report = report(&[("package.json", &root), next]);
        assert_eq!((report.port, report.framework.as_deref()), (Some(3000), Some("next")), "{start}");
        assert_eq!(report.start_command.as_deref(), Some("npm run start"), "{start}");
    }
    let fixed = report(&[(
        "package.json",
        r#"{"scripts":{"start":"next start -p 4100"},"dependencies":{"next":"15"}}"#,
    )]);
    assert_eq!((fixed.port, fixed.port_fixed), (Some(4100), true));
    let circle = report(&[("package.json", r#"{"scripts":{"start":"npm run other","other":"npm start"}}"#)]);
    assert_eq!(circle.start_command.as_deref(), Some("npm run start"));
}

#[test]
fn a_dockerfile_that_cannot_be_built_is_passed_over() {
    let package = ("package.json", r#"{"scripts":{"start":"node a.js"}}"#);
    let broken = report(&[
        package,
        ("Dockerfile", "FROM node:24\nCOPY package.json yarn.lock ./\nCMD [\"npm\", \"start\"]\n"),
    ]);
    assert_eq!(broken.provider, Some(Provider::Node));
    let why = broken.evidence.iter().find(|one| one.claim.contains("cannot be built")).expect("says why");
    assert_eq!((why.file.as_str(), why.line), ("Dockerfile", Some(2)));
    let whole = report(&[
        package,
        (
            "Dockerfile",
            "FROM node:24\nCOPY package.json ./\nCOPY --from=x /yarn.lock .\nCMD [\"npm\", \"start\"]\n",
        ),
    ]);
    assert_eq!(whole.provider, Some(Provider::Dockerfile));
}

#[test]
fn tanstack_start_with_and_without_nitro() {
    let package = |more: &str| {
        format!(
            r#"{{"scripts":{{"build":"vite build"}},"dependencies":{{"@tanstack/react-start":"1"{more}}}}}"#
        )
    };
    let (bare, nitro) = (package(""), package(r#","nitro":"3""#));
    assert_eq!(start(&[("package.json", &bare)]), "npx srvx --prod -s ../client dist/server/server.js");
    assert_eq!(start(&[("package.json", &nitro)]), "node .output/server/index.mjs");
}

#[test]
fn programs_of_compiled_languages() {
    let cases: [(Case, Option<&str>); 9] = [
        (
            (
                "swift",
                &[(
                    "Package.swift",
                    "// swift-tools-version:5.9\n.package(url: \"vapor/vapor\")\n.executableTarget(name: \"Shop\")",
                )],
                "./.build/release/Shop serve --env production --hostname 0.0.0.0 --port ${PORT:-8080}",
            ),
            Some("5.9"),
        ),
        (
            (
                "crystal",
                &[("shard.yml", "name: shop\ncrystal: 1.11\ntargets:\n  serve:\n    main: src/a.cr\n")],
                "./bin/serve",
            ),
            Some("1.11"),
        ),
        (
            (
                "zig",
                &[
                    ("build.zig", "b.addExecutable(.{\n .name = \"shop\" })"),
                    ("build.zig.zon", ".minimum_zig_version = \"0.13.0\","),
                ],
                "./zig-out/bin/shop",
            ),
            Some("0.13.0"),
        ),
        (
            (
                "haskell",
                &[("stack.yaml", ""), ("shop.cabal", "name: shop\nexecutable shop-exe\n")],
                "./bin/shop-exe",
            ),
            None,
        ),
        (
            (
                "dart",
                &[("pubspec.yaml", "name: shop\nenvironment:\n  sdk: ^3.4.0\n"), ("bin/server.dart", "")],
                "./bin/server",
            ),
            Some("^3.4.0"),
        ),
        (
            (
                "scala",
                &[
                    ("build.sbt", "ThisBuild / scalaVersion := \"3.3.1\"\nname := \"Shop\""),
                    ("project/plugins.sbt", "\"org.playframework\""),
                ],
                "./target/universal/stage/bin/shop -Dhttp.port=${PORT:-9000}",
            ),
            Some("3.3.1"),
        ),
        (
            (
                "clojure",
                &[("project.clj", ":uberjar-name \"shop.jar\"")],
                "java $JAVA_OPTS -jar target/shop.jar",
            ),
            None,
        ),
        (("clojure", &[("deps.edn", "{:aliases {:run {:main-opts []}}}")], "clojure -M:run"), None),
        (("deno", &[("main.ts", "Deno.serve(() => new Response())")], "deno run --allow-all main.ts"), None),
    ];
    for ((name, files, command), version) in cases {
        let report = report(files);
        assert_eq!(report.provider.map(Provider::name), Some(name));
        assert_eq!(report.start_command.as_deref(), Some(command));
        assert_eq!(report.runtime_version.as_deref(), version, "{name}");
    }
}

#[test]
fn modules_and_artefacts_of_java() {
    let settings = ("settings.gradle.kts", "rootProject.name = \"shop\"\ninclude(\":core\", \":server\")");
    let core = ("core/build.gradle.kts", "plugins { `java-library` }");
    let ktor =
        ("server/build.gradle.kts", "plugins {\n  id(\"io.ktor.plugin\") version \"3\"\n}\njvmToolchain(21)");
    let conf =
        ("server/src/main/resources/application.yaml", "ktor:\n  deployment:\n    port: \"$PORT:8090\"\n");
    let report_of = report(&[settings, core, ktor, conf, ("gradlew", "")]);
    assert_eq!(report_of.build_command.as_deref(), Some("sh ./gradlew :server:buildFatJar"));
    assert_eq!(report_of.start_command.as_deref(), Some("java $JAVA_OPTS -jar server/build/libs/*-all.jar"));
    assert_eq!(
        (report_of.framework.as_deref(), report_of.port, report_of.port_fixed),
        (Some("ktor"), Some(8090), false)
    );
    assert_eq!(report_of.runtime_version.as_deref(), Some("21"));

    let plugin = [
        ("build.gradle", "plugins {\n  id 'application'\n}"),
        ("settings.gradle", "rootProject.name = 'tool'"),
    ];
    assert_eq!(start(&plugin), "./build/install/tool/bin/tool");

    let parent =
        ("pom.xml", "<packaging>pom</packaging><modules><module>lib</module><module>web</module></modules>");
    let web = (
        "web/pom.xml",
        "<artifactId>spring-boot-maven-plugin</artifactId>\nspring-boot-starter-actuator\n<jdk>21</jdk><java.version>${jdk}</java.version>",
    );
    let spring = report(&[
        parent,
        ("lib/pom.xml", ""),
        web,
        ("web/src/main/resources/application.properties", "server.port = 9090\n"),
    ]);
    assert_eq!(spring.start_command.as_deref(), Some("java $JAVA_OPTS -jar web/target/*jar"));
    assert_eq!((spring.port, spring.port_fixed), (Some(9090), true));
    assert_eq!(spring.health_path.as_deref(), Some("/actuator/health"));
    assert_eq!(spring.runtime_version.as_deref(), Some("21"));
}

#[test]
fn generators_of_sites() {
    let cases: [Case; 4] = [
        ("hugo", &[("hugo.toml", ""), ("content/a.md", "")], "public"),
        ("jekyll", &[("_config.yml", "title: x"), ("Gemfile", "gem 'jekyll'")], "_site"),
        ("mkdocs", &[("mkdocs.yml", "site_name: x"), ("docs/index.md", "")], "site"),
        (
            "docusaurus",
            &[(
                "package.json",
                r#"{"dependencies":{"@docusaurus/core":"3"},"scripts":{"start":"docusaurus start","build":"docusaurus build"}}"#,
            )],
            "build",
        ),
    ];
    for (name, files, folder) in cases {
        let report = report(files);
        assert_eq!(report.framework.as_deref(), Some(name));
        assert_eq!((report.static_site, report.static_dir.as_deref()), (true, Some(folder)), "{name}");
    }
}

#[test]
fn apps_of_python() {
    let conda = report(&[
        ("environment.yml", "dependencies:\n  - python=3.11\n  - pip:\n    - fastapi\n"),
        ("main.py", "app = FastAPI()"),
    ]);
    assert_eq!(
        (conda.package_manager.as_deref(), conda.runtime_version.as_deref()),
        (Some("conda"), Some("3.11"))
    );
    assert_eq!(conda.framework.as_deref(), Some("fastapi"));
    let flask = "app = Flask(__name__)\nif __name__ == '__main__':\n    app.run(port=5001)\n";
    let flask = report(&[("requirements.txt", "flask\n"), ("main.py", flask)]);
    assert_eq!(
        flask.start_command.as_deref(),
        Some("flask --app main:app run --host 0.0.0.0 --port ${PORT:-8000}")
    );
    let own =
        flask.alternatives.iter().find(|other| other.value == "python main.py").expect("an alternative");
    assert_eq!(own.line, Some(2));
    let manage = ("manage.py", "DJANGO_SETTINGS_MODULE django");
    let asgi = [manage, ("shop/asgi.py", ""), ("shop/wsgi.py", ""), ("requirements.txt", "django\ndaphne\n")];
    assert_eq!(
        start(&asgi),
        "python manage.py migrate && daphne -b 0.0.0.0 -p ${PORT:-8000} shop.asgi:application"
    );
    let task = [
        ("pyproject.toml", "[tool.pdm.scripts]\nstart = \"python -m shop\"\n"),
        ("pdm.lock", ""),
        ("main.py", ""),
    ];
    assert_eq!(start(&task), "pdm run start");
    let chat = [("requirements.txt", "chainlit\n"), ("app.py", "")];
    assert_eq!(start(&chat), "chainlit run app.py --headless --host 0.0.0.0 --port ${PORT:-8000}");
}

#[test]
fn apps_of_ruby_php_elixir_and_go() {
    let hanami = report(&[
        ("Gemfile", "gem 'hanami', '~> 2.2'\n"),
        ("config.ru", ""),
        (".ruby-version", "ruby-3.3.0\n"),
    ]);
    assert_eq!((hanami.port, hanami.runtime_version.as_deref()), (Some(2300), Some("3.3.0")));
    assert_eq!(
        hanami.start_command.as_deref(),
        Some("bundle exec hanami server --host 0.0.0.0 --port ${PORT:-2300}")
    );

    let composer =
        r#"{"require":{"php":"^8.2","laravel/framework":"12"},"config":{"platform":{"php":"8.3.1"}}}"#;
    let assets = ("package.json", r#"{"scripts":{"build":"vite build"},"devDependencies":{"vite":"6"}}"#);
    let laravel = report(&[("composer.json", composer), ("public/index.php", ""), assets]);
    assert_eq!((laravel.provider, laravel.framework.as_deref()), (Some(Provider::Php), Some("laravel")));
    assert_eq!(laravel.build_command.as_deref(), Some("npm install && npm run build"));
    assert_eq!(laravel.runtime_version.as_deref(), Some("8.3.1"));

    let phoenix = report(&[("mix.exs", "app: :shop,\n{:phoenix, \"~> 1.7\"}\n\"assets.deploy\": []")]);
    assert_eq!(phoenix.run_env["PHX_SERVER"], "true");
    assert!(phoenix.build_command.is_some_and(|build| build.contains("mix assets.deploy")));

    let gin = report(&[
        ("go.mod", "module x\ngo 1.23\nrequire github.com/gin-gonic/gin v1\n"),
        ("main.go", "package main\nfunc main() { r.Run() }"),
    ]);
    assert_eq!((gin.port, gin.port_fixed), (Some(8080), false));
}

#[test]
fn every_app_of_a_mixed_monorepo_and_no_library() {
    let files = [
        ("package.json", r#"{"workspaces":["apps/*","packages/*"]}"#),
        (
            "apps/web/package.json",
            r#"{"name":"web","scripts":{"start":"next start"},"dependencies":{"next":"15"}}"#,
        ),
        ("packages/ui/package.json", r#"{"name":"ui","main":"index.js"}"#),
        ("packages/ui/index.js", "module.exports = {}"),
        ("services/api/go.mod", "module api\ngo 1.23\n"),
        ("services/api/main.go", "package main\nfunc main() {}"),
    ];
    let paths: Vec<_> = report(&files).apps.into_iter().map(|app| app.path).collect();
    assert_eq!(paths, ["apps/web", "services/api"]);
    let go = report(&[
        ("go.work", "go 1.23\nuse (\n\t./one\n\t./two // why\n)\n"),
        ("one/go.mod", "module one\n"),
        ("one/main.go", "package main\nfunc main() {}"),
        ("two/go.mod", "module two\n"),
        ("two/lib.go", "package two\n"),
    ]);
    let paths: Vec<_> = go.apps.into_iter().map(|app| app.path).collect();
    assert_eq!((go.monorepo, paths), (true, vec!["one".to_owned()]));
}
