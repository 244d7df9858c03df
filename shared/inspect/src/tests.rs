//! Readings of the example apps and of trees made here.

mod configured;
mod languages;
mod needs;
mod plan;
mod trees;

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Error, Limits, Options, Provider, Report, read};

fn example(name: &str) -> Report {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/apps").join(name);
    read(&path, &Options::default()).expect(name)
}

fn tree(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().expect("a folder for the test");
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().expect("is below the folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
    folder
}

fn report(files: &[(&str, &str)]) -> Report {
    read(tree(files).path(), &Options::default()).expect("a readable tree")
}

fn start(files: &[(&str, &str)]) -> String {
    report(files).start_command.expect("a start command")
}

#[test]
fn the_example_apps() {
    let node = example("node-http");
    assert_eq!(node.class(), "node");
    assert_eq!(node.start_command.as_deref(), Some("npm run start"));
    assert_eq!((node.install_command, node.build_command), (None, None));
    assert_eq!(node.runtime_version.as_deref(), Some(">=18"));
    assert_eq!((node.port, node.port_fixed), (Some(8080), false));
    assert_eq!(node.health_path.as_deref(), Some("/healthz"));
    assert!(node.env_required.is_empty(), "{:?}", node.env_required);

    let python = example("python-http");
    assert_eq!(python.class(), "python");
    assert_eq!(python.package_manager.as_deref(), Some("pip"));
    assert_eq!(python.start_command.as_deref(), Some("python main.py"));
    assert_eq!(python.install_command.as_deref(), Some("python3 -m venv .venv --without-pip"));
    assert_eq!(python.path, [".venv/bin"]);
    assert_eq!(python.health_path.as_deref(), Some("/healthz"));

    let site = example("static-site");
    assert_eq!(site.class(), "staticfile");
    assert_eq!((site.static_site, site.static_dir.as_deref(), site.spa), (true, Some("."), false));
    assert_eq!(site.start_command, None);

    let procfile = example("procfile-shell");
    assert_eq!(
        procfile.start_command.as_deref(),
        Some("python3 -m http.server ${PORT:-8080} --directory public")
    );
    assert!(!procfile.static_site);
    assert!(procfile.alternatives.iter().any(|other| other.value.contains("print(1)")));

    let docker = example("dockerfile-node");
    assert_eq!(docker.provider, Some(Provider::Dockerfile));
    assert_eq!(docker.start_command.as_deref(), Some("node server.js"));
    assert_eq!(docker.port, Some(3000));
    assert_eq!(docker.run_env["APP_VERSION"], "1");

    let rust = example("rust-http");
    assert_eq!(rust.class(), "rust");
    assert_eq!(rust.start_command.as_deref(), Some("./target/release/rust-http"));
    assert_eq!(
        rust.build_command.as_deref(),
        Some("cargo build --release --locked --package rust-http --bin rust-http")
    );
    assert_eq!(rust.health_path.as_deref(), Some("/healthz"));
    assert!(!rust.monorepo, "an empty workspace table makes no monorepo");

    for name in ["broken-build", "floods-log", "hangs-build"] {
        assert_eq!(example(name).build_command.as_deref(), Some("npm run build"), "{name}");
    }
    for name in ["exits-at-once", "never-listens"] {
        assert_eq!(example(name).start_command.as_deref(), Some("npm run start"), "{name}");
    }
}

#[test]
fn every_conclusion_has_a_place() {
    let report = report(&[
        ("requirements.txt", "# web\nfastapi==0.115\nuvicorn\n"),
        (
            "app/main.py",
            "import os\nfrom fastapi import FastAPI\n\nKEY = os.environ[\"API_KEY\"]\napp = FastAPI()\n",
        ),
        (".python-version", "3.12\n"),
    ]);
    assert_eq!(report.class(), "python/fastapi");
    assert_eq!(
        report.start_command.as_deref(),
        Some("uvicorn app.main:app --host 0.0.0.0 --port ${PORT:-8000}")
    );
    assert_eq!(
        (&report.env_required[..], &report.env_secret[..]),
        (&["API_KEY".to_owned()][..], &["API_KEY".to_owned()][..])
    );
    let place = |claim: &str| {
        let found = report.evidence.iter().find(|evidence| evidence.claim.starts_with(claim)).expect(claim);
        assert!((0.0..=1.0).contains(&found.confidence));
        (found.file.as_str(), found.line)
    };
    assert_eq!(place("provider"), ("requirements.txt", None));
    assert_eq!(place("framework"), ("app/main.py", Some(5)));
    assert_eq!(place("start_command"), ("app/main.py", Some(5)));
    assert_eq!(place("runtime_version"), (".python-version", Some(1)));
    assert_eq!(place("env_required"), ("app/main.py", Some(4)));
}

#[test]
fn the_wire_names() {
    let json = serde_json::to_value(report(&[("index.html", "<p>x")])).expect("serializes");
    for key in [
        "provider",
        "framework",
        "package_manager",
        "runtime_version",
        "start_command",
        "port",
        "static_site",
        "monorepo",
        "env_required",
        "evidence",
        "alternatives",
    ] {
        assert!(json.get(key).is_some(), "{key} is missing");
    }
    assert_eq!(json["provider"], "staticfile");
    assert!(json["start_command"].is_null());
    let evidence = json["evidence"][0].as_object().expect("an object");
    assert_eq!(
        evidence.keys().map(String::as_str).collect::<Vec<_>>(),
        ["claim", "confidence", "file", "line"]
    );
}

#[test]
fn frameworks_of_node_by_configuration() {
    let site = |files: &[(&str, &str)]| {
        let report = report(files);
        (report.framework.unwrap_or_default(), report.static_site, report.static_dir, report.start_command)
    };
    let package = |dependency: &str, scripts: &str| {
        format!(r#"{{"dependencies":{{"{dependency}":"1"}},"scripts":{{{scripts}}}}}"#)
    };
    let build = r#""build":"x build""#;
    let next = package("next", r#""build":"next build","start":"next start""#);
    let server = Some("npm run start".to_owned());
    assert_eq!(site(&[("package.json", &next)]), ("next".into(), false, None, server.clone()));
    let export = "module.exports = {\n  // output: 'export' was off once\n  output: \"export\" }";
    assert_eq!(
        site(&[("package.json", &next), ("next.config.js", export)]),
        ("next".into(), true, Some("out".into()), None)
    );
    let commented = "module.exports = {\n  // output: 'export'\n}";
    assert_eq!(site(&[("package.json", &next), ("next.config.js", commented)]).3, server);
    assert_eq!(
        site(&[
            ("package.json", &package("astro", build)),
            ("astro.config.mjs", "export default { output: 'server' }")
        ])
        .3,
        Some("node ./dist/server/entry.mjs".into())
    );
    assert_eq!(site(&[("package.json", &package("astro", build))]).2.as_deref(), Some("dist"));
    let vite = package("vite", build);
    assert_eq!(
        site(&[
            ("package.json", &vite),
            ("index.html", ""),
            ("vite.config.ts", "x({ build: { outDir: './www' } })")
        ]),
        ("vite".into(), true, Some("www".into()), None)
    );
    // A single page app that brings its own server is started, not served.
    let own = package("vite", r#""build":"vite build","start":"node server.js""#);
    assert_eq!(site(&[("package.json", &own), ("index.html", "")]).3, server);
}

#[test]
fn package_managers_of_node() {
    let manager = |files: &[(&str, &str)]| {
        let report = report(files);
        (report.package_manager.unwrap_or_default(), report.install_command.unwrap_or_default())
    };
    let package = ("package.json", r#"{"dependencies":{"a":"1"},"scripts":{"start":"node x"}}"#);
    assert_eq!(manager(&[package]), ("npm".into(), "npm install".into()));
    assert_eq!(manager(&[package, ("package-lock.json", "{}")]), ("npm".into(), "npm ci".into()));
    assert_eq!(manager(&[package, ("pnpm-lock.yaml", "")]).1, "pnpm install --frozen-lockfile");
    assert_eq!(manager(&[package, ("yarn.lock", "")]).1, "yarn install --frozen-lockfile");
    assert_eq!(manager(&[package, ("yarn.lock", ""), (".yarnrc.yml", "")]).1, "yarn install --immutable");
    assert_eq!(manager(&[package, ("bun.lock", "")]).0, "bun");
    let declared = ("package.json", r#"{"packageManager":"pnpm@9.1.0","dependencies":{"a":"1"}}"#);
    assert_eq!(manager(&[declared, ("package-lock.json", "{}")]), ("pnpm".into(), "pnpm install".into()));
}

#[test]
fn objects_of_python() {
    let flask = ("main.py", "from flask import Flask\napp = Flask(__name__)\n");
    assert_eq!(
        start(&[("requirements.txt", "flask\ngunicorn\n"), flask]),
        "gunicorn --bind 0.0.0.0:${PORT:-8000} main:app"
    );
    assert_eq!(
        start(&[("requirements.txt", "flask\n"), flask]),
        "flask --app main:app run --host 0.0.0.0 --port ${PORT:-8000}"
    );
    assert_eq!(
        start(&[
            ("requirements.txt", "flask\ngunicorn"),
            ("src/web/__init__.py", "from flask import Flask\ndef create_app():\n  pass")
        ]),
        "gunicorn --chdir src --bind 0.0.0.0:${PORT:-8000} 'web:create_app()'"
    );
    let manage = (
        "manage.py",
        "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\nimport django\n",
    );
    assert_eq!(
        start(&[("requirements.txt", "Django>=5\ngunicorn"), manage, ("shop/wsgi.py", "")]),
        "python manage.py migrate && gunicorn --bind 0.0.0.0:${PORT:-8000} shop.wsgi:application"
    );
    assert!(
        start(&[("requirements.txt", "streamlit"), ("app.py", "import streamlit")])
            .starts_with("streamlit run app.py --server.port")
    );
    let tools: Vec<_> = ["uv.lock", "poetry.lock", "pdm.lock", "Pipfile"]
        .map(|lock| report(&[(lock, ""), ("main.py", "")]).package_manager.expect("a manager"))
        .into();
    assert_eq!(tools, ["uv", "poetry", "pdm", "pipenv"]);
}

#[test]
fn binaries_of_rust() {
    let several = [
        (
            "Cargo.toml",
            "[package]\nname = \"shop\"\ndefault-run = \"web\"\nrust-version = \"1.80\"\n[dependencies]\naxum = \"0.8\"\n",
        ),
        ("src/main.rs", ""),
        ("src/bin/web.rs", ""),
    ];
    let one = report(&several);
    assert_eq!(one.class(), "rust/axum");
    assert_eq!(one.start_command.as_deref(), Some("./target/release/web"));
    assert!(one.alternatives.iter().any(|other| other.value == "./target/release/shop"));
    assert_eq!(one.runtime_version.as_deref(), Some("1.80"));
    let workspace = [
        ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n"),
        ("crates/api/Cargo.toml", "[package]\nname = \"api\"\n"),
        ("crates/api/src/main.rs", ""),
        ("crates/core/Cargo.toml", "[package]\nname = \"core\"\n"),
        ("crates/core/src/lib.rs", ""),
    ];
    let root = report(&workspace);
    assert!(root.monorepo);
    assert_eq!(root.build_command.as_deref(), Some("cargo build --release --package api --bin api"));
    let options = Options { app: Some("api".into()), ..Options::default() };
    let member = read(tree(&workspace).path(), &options).expect("by its name");
    assert_eq!((member.app.as_deref(), member.start_command), (Some("crates/api"), root.start_command));
}

#[test]
fn dockerfiles_that_a_machine_can_and_cannot_run() {
    let package = ("package.json", r#"{"scripts":{"start":"node a.js","build":"tsc"}}"#);
    let report = report(&[
        package,
        ("Dockerfile", "FROM node:22\nWORKDIR /srv\nENTRYPOINT [\"/srv/bin/app\"]\nEXPOSE 9000"),
    ]);
    assert_eq!(
        report.start_command.as_deref(),
        Some("npm run start"),
        "what only the image has is not started"
    );
    assert!(report.alternatives.iter().any(|other| other.value == "/srv/bin/app"));
    assert_eq!((report.port, report.build_command.as_deref()), (Some(9000), Some("npm run build")));
    assert!(report.alternatives.iter().any(|other| other.field == "provider" && other.value == "node"));
    let shell = start(&[
        ("a.js", ""),
        ("Dockerfile", "FROM node\nWORKDIR /srv\nCMD exec node /srv/a.js --port $PORT"),
    ]);
    assert_eq!(shell, "exec node ./a.js --port $PORT");
}

#[test]
fn manifests_of_other_languages() {
    let cases = [
        (
            "go",
            &[("go.mod", "module x\n\ngo 1.22\n"), ("main.go", "package main\nfunc main() {}")][..],
            "./out",
        ),
        ("java", &[("pom.xml", "<java.version>21</java.version>")], "java $JAVA_OPTS -jar target/*jar"),
        ("ruby", &[("Gemfile", "gem 'sinatra'"), ("app.rb", "")], "bundle exec ruby app.rb"),
        ("php", &[("index.php", "")], "php -S 0.0.0.0:${PORT:-80} -t ."),
        (
            "dotnet",
            &[(
                "Api.csproj",
                "<Project Sdk=\"Microsoft.NET.Sdk.Web\"><TargetFramework>net8.0</TargetFramework>",
            )],
            "ASPNETCORE_URLS=http://0.0.0.0:${PORT:-8080} ./out/Api",
        ),
        (
            "elixir",
            &[("mix.exs", "app: :shop,\nelixir: \"~> 1.16\"")],
            "./_build/prod/rel/shop/bin/shop start",
        ),
        ("deno", &[("deno.json", "{}"), ("main.ts", "")], "deno run --allow-all main.ts"),
        ("gleam", &[("gleam.toml", "name = \"x\"")], "./build/erlang-shipment/entrypoint.sh run"),
        ("cpp", &[("CMakeLists.txt", "project(x)\nadd_executable(${PROJECT_NAME} a.cpp)")], "./build/x"),
        ("shell", &[("start.sh", "#!/bin/bash\n")], "bash start.sh"),
    ];
    for (name, files, command) in cases {
        let report = report(files);
        assert_eq!(report.provider.map(Provider::name), Some(name));
        assert_eq!(report.start_command.as_deref(), Some(command));
    }
}

#[test]
fn variables_and_ports_of_the_source() {
    let report = report(&[
        ("package.json", r#"{"scripts":{"start":"node a.js"}}"#),
        (
            "a.js",
            "const db = process.env.DATABASE_URL;\nconst a = process.env.A || 'x';\nif (process.env.B) {}\n// process.env.C\n\
             process.env.D = 1;\nconst e = process.env['STRIPE_SECRET'];\nserver.listen(4000);\n",
        ),
        (".env.example", "A=1\nDATABASE_URL=\nSMTP_HOST=localhost\n"),
    ]);
    assert_eq!(report.env_required, ["DATABASE_URL", "SMTP_HOST", "STRIPE_SECRET"]);
    assert_eq!(report.env_secret, ["STRIPE_SECRET"]);
    assert_eq!((report.port, report.port_fixed), (Some(4000), true));
}

#[test]
fn nothing_recognised_is_a_report() {
    let report = report(&[("notes.txt", "hello")]);
    assert_eq!((report.provider, report.class().as_str()), (None, "unknown"));
    assert!(!report.evidence.is_empty());
}

#[test]
fn broken_manifests_make_a_weaker_answer() {
    for (file, text) in [
        ("package.json", "{"),
        ("package.json", "\u{feff}[]"),
        ("pyproject.toml", "[[["),
        ("Cargo.toml", "\0"),
        ("Dockerfile", "\\"),
        ("Procfile", ":::"),
        ("requirements.txt", "\r\n\r\n["),
    ] {
        report(&[(file, text)]);
    }
    let folder = tree(&[]);
    fs::write(folder.path().join("package.json"), b"{\"name\": \"\xff\"}").expect("a file");
    assert_eq!(read(folder.path(), &Options::default()).expect("a tree").provider, Some(Provider::Node));
}

#[test]
fn marks_line_ends_and_other_encodings_are_read_through() {
    let windows = report(&[
        ("package.json", "\u{feff}{\r\n \"scripts\": { \"start\": \"node a.js\" }\r\n}\r\n"),
        (".nvmrc", "v22.2.0\r\n"),
        (".env.example", "\u{feff}API_TOKEN=\r\nPORT=4100\r\n"),
    ]);
    assert_eq!(windows.start_command.as_deref(), Some("npm run start"));
    assert_eq!((windows.runtime_version.as_deref(), windows.port), (Some("22.2.0"), Some(4100)));
    assert_eq!(windows.env_required, ["API_TOKEN"]);
    let procfile = report(&[("Procfile", "\u{feff}web: node b.js\r\nworker: node c.js\r\n"), ("b.js", "")]);
    assert_eq!(procfile.start_command.as_deref(), Some("node b.js"));
    let go = report(&[
        ("go.mod", "module x\r\n\r\ngo 1.22\r\n"),
        ("main.go", "package main\r\nfunc main() {}\r\n"),
    ]);
    assert_eq!((go.runtime_version.as_deref(), go.start_command.as_deref()), (Some("1.22"), Some("./out")));
    // As PowerShell writes `pip freeze > requirements.txt`.
    let folder = tree(&[("app.py", "from flask import Flask\napp = Flask(__name__)\n")]);
    let wide: Vec<u8> = "\u{feff}flask\r\ngunicorn\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    fs::write(folder.path().join("requirements.txt"), wide).expect("a file");
    let report = read(folder.path(), &Options::default()).expect("a tree");
    assert_eq!(report.start_command.as_deref(), Some("gunicorn --bind 0.0.0.0:${PORT:-8000} app:app"));
}

#[test]
fn paths_that_are_no_tree() {
    let folder = tree(&[("file", "")]);
    assert!(matches!(read(&folder.path().join("none"), &Options::default()), Err(Error::NotFound(_))));
    assert!(matches!(read(&folder.path().join("file"), &Options::default()), Err(Error::NotAFolder(_))));
}

#[cfg(unix)]
#[test]
fn links_pipes_and_sockets_are_not_followed() {
    use std::os::unix::fs::symlink;
    let outside = tree(&[
        ("package.json", r#"{"scripts":{"start":"node stolen.js"}}"#),
        ("inner/requirements.txt", "flask"),
    ]);
    let folder = tree(&[("real/Procfile", "web: sh real.sh\n")]);
    let at = |name: &str| folder.path().join(name);
    symlink(outside.path().join("package.json"), at("package.json")).expect("a link");
    symlink(outside.path().join("inner"), at("inner")).expect("a link");
    symlink(folder.path(), at("loop")).expect("a link");
    symlink(Path::new("gone"), at("requirements.txt")).expect("a link");
    symlink(Path::new("Cargo.toml"), at("Cargo.toml")).expect("a link to itself");
    // Opening a pipe that nobody writes to would wait for ever.
    let made = std::process::Command::new("mkfifo").arg(at("Dockerfile")).status().expect("mkfifo runs");
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(at("index.html")).expect("a socket");
    let options = Options::default();
    assert_eq!(read(folder.path(), &options).expect("a tree").provider, None);
    symlink(Path::new("real/Procfile"), at("Procfile")).expect("a link");
    let report = read(folder.path(), &options).expect("a tree");
    assert_eq!(report.start_command.as_deref(), Some("sh real.sh"), "a link inside of the tree is followed");
}

#[test]
fn limits_are_kept_and_said() {
    let folder = tree(&[("a/b/c/package.json", "{}"), ("requirements.txt", "flask\n"), ("main.py", "")]);
    let limits =
        |limits: Limits| read(folder.path(), &Options { limits, ..Options::default() }).expect("a tree");
    let shallow = limits(Limits { depth: 1, ..Limits::default() });
    assert!(shallow.evidence.iter().any(|evidence| evidence.claim.contains("depth 1")));
    let few = limits(Limits { entries: 3, ..Limits::default() });
    assert!(few.evidence.iter().any(|evidence| evidence.claim.contains("first 3 entries")));
    // A file that is too large is there, but what it says is not known.
    let small = limits(Limits { file_bytes: 3, ..Limits::default() });
    assert_eq!((small.provider, small.framework), (Some(Provider::Python), None));
}
