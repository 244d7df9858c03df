//! What is written: fixes, differences, SARIF, generated files.

use super::*;
use crate::{Provider, Report};

fn fixed(text: &str) -> String {
    fix(text, Surroundings::default()).0
}

#[test]
fn what_is_safe_is_corrected_in_place() {
    let text = "FROM --platform=$TARGETPLATFORM a:1\nMAINTAINER \"Me\"\nADD x /y\nRUN apt-get update && \\\n    apt-get install x\n\
                COPY z /z\nRUN pip install a==1\nUSER 1000\nCMD node a.js\n";
    let expected = "FROM a:1\nLABEL org.opencontainers.image.authors=\"Me\"\nCOPY x /y\nRUN apt-get update && \\\n    \
                    apt-get install -y x && rm -rf /var/lib/apt/lists/*\nCOPY z /z\nRUN pip install --no-cache-dir a==1\n\
                    USER 1000\nCMD [\"node\", \"a.js\"]\n";
    let (text, gone) = fix(text, Surroundings::default());
    assert_eq!(text, expected);
    assert_eq!(gone.len(), 7);
    assert_eq!(fixed(expected), expected, "twice changes nothing");
}

#[test]
fn what_is_not_safe_is_left() {
    for text in [
        "FROM a:1\nUSER 1000\nCMD node $X\n",
        "FROM a:1\nUSER 1000\nCMD cd /x && y\n",
        "FROM a:1\nRUN sudo x\nUSER 1000\n",
        "FROM a:1\nRUN <<E\napt-get update\nE\nUSER 1000\n",
        "FROM a:1\nRUN echo x\nUSER root\n",
        "FROM a:1\n# hadolint ignore=DL3020\nADD x /y\nUSER 1\n",
    ] {
        assert_eq!(fixed(text), text);
    }
}

#[test]
fn a_difference_is_what_patch_reads() {
    assert_eq!(diff("D", "a\nb\n", "a\nb\n"), "");
    let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n";
    let new = "1\n2\n3\nfour\n5\n6\n7\n8\n9\n10\n11\n12\n13\n";
    let expected = "--- a/D\n+++ b/D\n@@ -1,7 +1,7 @@\n 1\n 2\n 3\n-4\n+four\n 5\n 6\n 7\n@@ -10,3 +10,4 @@\n 10\n 11\n 12\n+13\n";
    assert_eq!(diff("D", old, new), expected);
    assert_eq!(diff("D", "", "a\n"), "--- a/D\n+++ b/D\n@@ -0,0 +1,1 @@\n+a\n");
}

fn report(provider: Provider, manager: &str, commands: [&str; 3]) -> Report {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Report {
        provider: Some(provider),
        package_manager: some(manager),
        install_command: some(commands[0]),
        build_command: some(commands[1]),
        start_command: some(commands[2]),
        ..Report::default()
    }
}

fn reports() -> Vec<(&'static str, Report)> {
    let site = Report {
        static_site: true,
        spa: true,
        static_dir: Some("dist".into()),
        ..report(Provider::Node, "npm", ["npm ci", "npm run build", ""])
    };
    let python = Report {
        path: vec![".venv/bin".into()],
        runtime_version: Some("3.11".into()),
        env_secret: vec!["DATABASE_DSN".into()],
        run_env: [("DATABASE_DSN", "postgres://u:p@h/d"), ("MODE", "a b")]
            .map(|(k, v)| (k.into(), v.into()))
            .into(),
        ..report(
            Provider::Python,
            "pip",
            [
                "python3 -m venv .venv && .venv/bin/python -m pip install -r requirements.txt",
                "",
                "python manage.py migrate && gunicorn --bind 0.0.0.0:${PORT:-8000} a:b",
            ],
        )
    };
    let app = Report {
        app: Some("apps/web".into()),
        monorepo: true,
        ..report(
            Provider::Node,
            "pnpm",
            ["pnpm install --frozen-lockfile", "cd apps/web && pnpm run build", "cd apps/web && node a.js"],
        )
    };
    let page = Report {
        static_site: true,
        static_dir: Some(".".into()),
        ..report(Provider::Staticfile, "", ["", "", ""])
    };
    let rust = ["", "cargo build --release", "./target/release/web"];
    let java = ["", "mvn -B -DskipTests clean package", "java $JAVA_OPTS -jar target/*jar"];
    let dotnet = [
        "dotnet restore a.csproj",
        "dotnet publish a.csproj --no-restore -o out",
        "ASPNETCORE_URLS=http://0.0.0.0:${PORT:-8080} ./out/a",
    ];
    let elixir = [
        "mix local.hex --force && mix deps.get --only prod",
        "mix release --overwrite",
        "./_build/prod/rel/a/bin/a start",
    ];
    let laravel = Report {
        backends: vec![crate::Backend {
            kind: "postgres".into(),
            file: "config/database.php".into(),
            line: None,
            confidence: 0.8,
        }],
        native_packages: vec!["ffmpeg".into()],
        ..report(
            Provider::Php,
            "composer",
            ["composer install --no-dev", "npm ci && npm run build", "php -S 0.0.0.0:${PORT:-80} -t public"],
        )
    };
    let php = ["composer install --no-dev", "", "php -S 0.0.0.0:${PORT:-80} -t public"];
    vec![
        ("node-site", site),
        ("node-app", app),
        ("node", report(Provider::Node, "npm", ["npm ci", "npm run build", "npm run start"])),
        ("python", python),
        ("go", report(Provider::Go, "go", ["", "go build -o out .", "./out"])),
        ("rust", report(Provider::Rust, "cargo", rust)),
        ("java", report(Provider::Java, "maven", java)),
        (
            "ruby",
            report(Provider::Ruby, "bundler", ["bundle install", "", "bundle exec puma -p ${PORT:-3000}"]),
        ),
        ("php", report(Provider::Php, "composer", php)),
        ("dotnet", report(Provider::Dotnet, "nuget", dotnet)),
        ("elixir", report(Provider::Elixir, "mix", elixir)),
        ("deno", report(Provider::Deno, "deno", ["", "", "deno run --allow-all main.ts"])),
        (
            "gleam",
            report(
                Provider::Gleam,
                "gleam",
                [
                    "gleam deps download",
                    "gleam export erlang-shipment",
                    "./build/erlang-shipment/entrypoint.sh run",
                ],
            ),
        ),
        (
            "cpp",
            report(Provider::Cpp, "cmake", ["", "cmake -S . -B build && cmake --build build", "./build/a"]),
        ),
        (
            "node-yarn",
            report(Provider::Node, "yarn", ["yarn install --immutable", "yarn run build", "yarn run start"]),
        ),
        (
            "java-gradle",
            report(
                Provider::Java,
                "gradle",
                ["", "sh ./gradlew bootJar -x test", "java $JAVA_OPTS -jar */build/libs/*.jar"],
            ),
        ),
        ("php-laravel", laravel),
        ("scala", report(Provider::Scala, "sbt", ["", "sbt stage", "./target/universal/stage/bin/web"])),
        ("scala-run", report(Provider::Scala, "sbt", ["", "sbt compile", "sbt run"])),
        (
            "clojure",
            report(
                Provider::Clojure,
                "lein",
                ["", "lein uberjar", "java $JAVA_OPTS -jar target/uberjar/web.jar"],
            ),
        ),
        (
            "swift",
            report(
                Provider::Swift,
                "swift",
                ["", "swift build -c release", "./.build/release/App serve --port ${PORT:-8080}"],
            ),
        ),
        (
            "dart",
            report(
                Provider::Dart,
                "pub",
                ["dart pub get", "dart compile exe bin/server.dart -o bin/server", "./bin/server"],
            ),
        ),
        (
            "haskell",
            report(
                Provider::Haskell,
                "stack",
                ["", "stack build --copy-bins --local-bin-path bin", "./bin/web"],
            ),
        ),
        (
            "crystal",
            report(
                Provider::Crystal,
                "shards",
                ["shards install --production", "shards build --release --production", "./bin/web"],
            ),
        ),
        ("zig", report(Provider::Zig, "zig", ["", "zig build -Doptimize=ReleaseSafe", "./zig-out/bin/web"])),
        ("shell", report(Provider::Shell, "", ["", "", "sh start.sh"])),
        ("page", page),
    ]
}

/// The snapshots are in `snapshots/`; one that is wrong is replaced by what the test prints.
#[test]
fn generated_files_are_those_of_the_snapshots() {
    for (name, report) in reports() {
        let file = format!("{}/src/docker/snapshots/{name}.Dockerfile", env!("CARGO_MANIFEST_DIR"));
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        let text = generate(&report).dockerfile;
        assert!(text == expected, "{file} should be:\n{text}");
    }
}

#[test]
fn generated_files_keep_what_is_promised() {
    for (name, mut report) in reports() {
        report.build_env.insert("NPM_TOKEN".into(), "hunter2".into());
        let generated = generate(&report);
        assert_eq!(generated, generate(&report), "{name}");
        let around = Surroundings { dockerignore: Some(true), report_ignores: false };
        let loud: Vec<_> = scan(&generated.dockerfile, around)
            .into_iter()
            .filter(|finding| finding.severity > Severity::Info)
            .collect();
        assert!(loud.is_empty(), "{name}: {loud:?}");
        let file = parse(&generated.dockerfile);
        assert!(file.problems.is_empty(), "{name}: {:?}", file.problems);
        let last =
            |keyword: &str| file.instructions.iter().rfind(|i| i.keyword == keyword).map(|i| i.text.clone());
        let user = last("USER").unwrap();
        assert!(user.split(':').all(|id| id.parse::<u32>().is_ok_and(|id| id > 0)), "{name}: {user}");
        assert!(
            !generated.dockerfile.contains("hunter2") && !generated.dockerfile.contains("u:p@h"),
            "{name}"
        );
        assert!(generated.dockerignore.contains("\n.env\n"), "{name}");
        if !report.static_site {
            assert!(
                file.instructions.iter().rfind(|i| i.keyword == "CMD").unwrap().json().is_some(),
                "{name}"
            );
        }
    }
}

#[test]
fn nothing_is_generated_for_what_is_not_known() {
    let generated = generate(&Report::default());
    assert_eq!(generated.dockerfile, "");
    assert!(generated.because[0].contains("Add a manifest"));
}
