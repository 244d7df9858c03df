//! Databases, native packages, state, and how an app is best run.

use super::report;
use crate::{Report, RunsAs};

fn kinds(report: &Report) -> Vec<&str> {
    report.backends.iter().map(|backend| backend.kind.as_str()).collect()
}

fn warnings(report: &Report) -> Vec<&str> {
    report.warnings.iter().map(|warning| warning.id.as_str()).collect()
}

#[test]
fn backends_by_library_compose_file_and_setting() {
    let node = report(&[(
        "package.json",
        r#"{"dependencies":{"pg":"8","ioredis":"5"},"devDependencies":{"mongodb":"6"}}"#,
    )]);
    assert_eq!(kinds(&node), ["postgres", "redis"]);
    let go = report(&[
        ("go.mod", "module x\ngo 1.23\nrequire github.com/jackc/pgx/v5 v5.1.0\n"),
        ("main.go", "package main\nfunc main() {}"),
    ]);
    assert_eq!(kinds(&go), ["postgres"]);
    assert_eq!(go.backends[0].line, Some(3));
    let compose = "services:\n  web:\n    build: .\n  queue:\n    image: bitnami/rabbitmq:4\n";
    let python = report(&[
        ("requirements.txt", "flask\n"),
        ("compose.yaml", compose),
        (".env.example", "# redis://no\nURL=mysql://u@h/d\n"),
    ]);
    assert_eq!(kinds(&python), ["mysql", "rabbitmq"]);
    let images = "services:\n  a:\n    image: example.org/team/server:1\n  b:\n    image: mcr.microsoft.com/mssql/server:2022\n";
    let named = report(&[("requirements.txt", "flask\n"), ("compose.yaml", images)]);
    assert_eq!((kinds(&named), named.backends[0].line), (vec!["mssql"], Some(5)));
    let schema = "datasource db {\n  provider = \"postgresql\"\n}\n";
    let prisma = report(&[
        ("package.json", r#"{"dependencies":{"@prisma/client":"6"}}"#),
        ("prisma/schema.prisma", schema),
    ]);
    assert_eq!(kinds(&prisma), ["postgres"]);
    assert_eq!(prisma.native_packages, ["openssl"]);
}

#[test]
fn state_on_disk_and_in_memory_is_a_warning() {
    let sqlite =
        report(&[("package.json", r#"{"dependencies":{"better-sqlite3":"11","express-session":"1"}}"#)]);
    assert_eq!(warnings(&sqlite), ["state-on-disk", "state-in-memory"]);
    assert_eq!(sqlite.warnings[0].file, "package.json");
    let shared =
        report(&[("package.json", r#"{"dependencies":{"express-session":"1","connect-redis":"7"}}"#)]);
    assert!(warnings(&shared).is_empty(), "{:?}", shared.warnings);
    let compose = "services:\n  web:\n    build: .\n    volumes:\n      - .:/app\n      - uploads:/data\n";
    let mounted = report(&[("requirements.txt", "flask\n"), ("compose.yml", compose)]);
    assert_eq!(warnings(&mounted), ["state-on-disk"]);
    assert_eq!(mounted.warnings[0].line, Some(6));
    let stateless = report(&[("requirements.txt", "flask\npsycopg[binary]\n")]);
    assert!(warnings(&stateless).is_empty() && stateless.native_packages.is_empty());
}

#[test]
fn native_packages_belong_to_their_language() {
    let python = report(&[("requirements.txt", "psycopg2==2.9\npdf2image\n")]);
    assert_eq!(python.native_packages, ["libpq-dev", "poppler-utils"]);
    let node = report(&[("package.json", r#"{"dependencies":{"pg":"8"}}"#)]);
    assert!(node.native_packages.is_empty(), "{:?}", node.native_packages);
    let ruby = report(&[("Gemfile", "gem \"pg\"\n")]);
    assert_eq!(ruby.native_packages, ["libpq-dev"]);
}

#[test]
fn service_job_or_static() {
    let runs = |files: &[(&str, &str)]| report(files).runs_as;
    assert_eq!(runs(&[("main.py", "print(1)")]), Some(RunsAs::Job));
    assert_eq!(runs(&[("main.py", "import http.server\n")]), Some(RunsAs::Service));
    assert_eq!(runs(&[("index.html", "<p>")]), Some(RunsAs::Static));
    assert_eq!(runs(&[("notes.txt", "")]), None);
    let fixed = report(&[("server.js", "http.createServer(f).listen(3000)")]);
    assert_eq!((fixed.runs_as, warnings(&fixed)), (Some(RunsAs::Service), vec!["port-fixed"]));
}

#[test]
fn compose_says_what_the_app_gets_from_outside() {
    let compose = "services:\n  web:\n    build: .\n    command: node dev.js\n    ports: [\"80:4500\"]\n    environment:\n      API_TOKEN: ${API_TOKEN}\n      LEVEL: debug\n      MODE: ${MODE:-x}\n";
    let report =
        report(&[("package.json", r#"{"scripts":{"start":"node a.js"}}"#), ("compose.yaml", compose)]);
    assert_eq!(
        (&report.env_required, &report.env_secret),
        (&vec!["API_TOKEN".to_owned()], &vec!["API_TOKEN".to_owned()])
    );
    assert_eq!((report.port, report.runs_as), (Some(4500), Some(RunsAs::Service)));
    assert!(report.alternatives.iter().any(|other| other.value == "node dev.js"));
}

#[test]
fn compose_with_anything_for_an_environment_has_an_answer() {
    for environment in ["x", "[]", "{A: '${A}'}", "&all\n      A: b", "[[a], [b]]"] {
        let compose = format!("services:\n  web:\n    build: .\n    environment: {environment}\n");
        let report = report(&[("package.json", "{}"), ("compose.yaml", &compose)]);
        assert_eq!(report.env_required.len(), usize::from(environment.contains('$')), "{environment}");
    }
}
