//! What the source itself says: variables it cannot do without, the port it listens on, a path for health checks.
//!
//! Reads a bounded number of source files, tests aside, by plain searches for words: no pattern is compiled, so that
//! a small tree costs next to nothing. Never more than a hint: each finding carries its line.

mod certain;
mod health;
mod listen;
mod port;
mod variables;

pub(crate) use variables::SURE;

use std::collections::BTreeMap;

use crate::plan::{App, Draft, Field, Origin};
use crate::{needs, provider, text};
use model::port::target::FixedPort;

/// Source files that are looked at, the nearest to the root first.
const FILES: usize = 300;

const ENDS: [&str; 32] = [
    "js", "mjs", "cjs", "ts", "mts", "cts", "tsx", "jsx", "py", "rs", "go", "rb", "ru", "php", "ex", "exs",
    "java", "kt", "scala", "clj", "cs", "fs", "vb", "swift", "dart", "hs", "cr", "zig", "gleam", "cpp", "c",
    "vue",
];

/// Folders that are not the running app.
const SIDE: [&str; 19] = [
    "test",
    "tests",
    "__tests__",
    "__mocks__",
    "spec",
    "e2e",
    "examples",
    "example",
    "samples",
    "fixtures",
    "docs",
    "dist",
    "build",
    "out",
    "vendor",
    "migrations",
    "benchmarks",
    "stories",
    "cypress",
];

/// Calls that make a program listen, whatever the port.
const LISTENS: [&str; 34] = [
    ".listen(",
    "ListenAndServe",
    "createServer(",
    "Bun.serve(",
    "Deno.serve(",
    "serve(",
    "serve({",
    "TcpListener::bind",
    "http.server",
    "HTTPServer(",
    "uvicorn.run",
    "app.run(",
    ".run_app(",
    "HttpServer::new",
    "rocket::build",
    "warp::serve",
    "MapGet(",
    "app.Run()",
    "WebApplication.Create",
    "Plug.Cowboy",
    "Bandit",
    "grpc.NewServer",
    "ServerSocket",
    "HttpServer.create",
    "HttpServer.bind",
    "embeddedServer(",
    "SpringApplication",
    "Javalin.create",
    "run-jetty",
    "run-server",
    "scotty ",
    "Kemal.run",
    "mist.start",
    "Application.make(",
];

/// Claims what the source says; whether it seems to listen.
pub(crate) fn source(app: &App, draft: &mut Draft) -> bool {
    let mut variables = BTreeMap::new();
    let started = started(app, draft);
    let mut port_seen = started.contains("PORT");
    let (mut fixed, mut default, mut loopback) = (None, None, None);
    let mut health: Option<(usize, String, Origin)> = None;
    let mut sure = None;
    let mut listening = 0;
    let sources = files(app);
    for file in sources.iter().copied() {
        let Some(content) = app.text(file) else { continue };
        port_seen |= port::reads(&content);
        listening += usize::from(LISTENS.iter().any(|call| content.contains(call)));
        variables::collect(app, file, &content, &mut variables);
        let place = |at: usize, confidence| app.origin(file, Some(text::line_at(&content, at)), confidence);
        default = default.or_else(|| port::default(&content).map(|(port, at)| (port, place(at, 0.75))));
        fixed = fixed.or_else(|| port::fixed(&content).map(|(port, at)| (port, place(at, 0.75))));
        sure = sure.or_else(|| listen::sure(file, &content, &started).map(|found| (file, found)));
        loopback = loopback.or_else(|| port::loopback(&content).map(|at| place(at, 0.6)));
        if let Some((rank, path, at)) = health::path(&content)
            && health.as_ref().is_none_or(|(known, ..)| rank < *known)
        {
            health = Some((rank, path, place(at, 0.6)));
        }
    }
    default = default.or_else(|| variables::port_of_example(app));
    for one in certain::find(app, &sources, &started) {
        variables::surely(app, &one.name, &one.file, one.line, &mut variables);
    }
    variables::of_settings(app, &mut variables);
    variables::of_example(app, draft, &mut variables);
    if let Some((_, path, origin)) = health {
        draft.claim(Field::HealthPath, path, origin);
    }
    // Where several files listen, one of them may be for metrics, and another on `$PORT`.
    let sure = sure.filter(|_| listening <= 1);
    let sure = sure.map(|(file, found)| (app.origin(file, Some(found.line), 0.95), found));
    if let Some((origin, found)) = &sure {
        fixed = Some((found.port, origin.clone()));
    }
    claim_port(draft, default, fixed.filter(|_| !port_seen));
    claim_sure(draft, sure);
    warn_loopback(draft, loopback);
    variables::claim(draft, variables);
    listening > 0
}

fn files<'t>(app: &App<'t>) -> Vec<&'t str> {
    let source = |file: &&str| file.rsplit_once('.').is_some_and(|(_, end)| ENDS.contains(&end));
    let depth = |file: &str| file.bytes().filter(|byte| *byte == b'/').count();
    let mut files: Vec<_> = app.files().filter(source).map(|file| (depth(file), file)).collect();
    // Stable: of one depth they are in order already. What is beside the app is told apart last, as it takes longest.
    files.sort_by_key(|(depth, _)| *depth);
    let own = files.into_iter().map(|(_, file)| file).filter(|file| !file.split('/').any(is_side));
    own.take(FILES).collect()
}

fn is_side(part: &str) -> bool {
    SIDE.contains(&part)
        || part.starts_with("test_")
        || [".test.", ".spec.", ".min.", ".config.", ".stories.", "_test.", ".d.ts"]
            .iter()
            .any(|mark| part.contains(mark))
}

fn claim_port(draft: &mut Draft, default: Option<(u16, Origin)>, fixed: Option<(u16, Origin)>) {
    if draft.report.static_site {
        return;
    }
    // What the source says about its own port beats what is usual for the framework.
    let usual = draft.report.evidence.iter().any(|evidence| {
        evidence.claim.starts_with("port: ") && (evidence.file == "options" || evidence.confidence >= 0.8)
    });
    let by_source = default.map(|found| (found, false)).or_else(|| fixed.map(|found| (found, true)));
    let Some(((port, origin), fixed)) = by_source else { return };
    if let (false, Some(known)) = (usual, draft.report.port)
        && known != port
    {
        draft.report.port = None;
        draft.report.evidence.retain(|evidence| !evidence.claim.starts_with("port: "));
        draft.alternative("port", known.to_string(), Origin { confidence: 0.4, ..origin.clone() });
    }
    draft.claim_port(port, origin);
    draft.report.port_fixed |= fixed && draft.report.port == Some(port);
}

/// Where the source fixes the port. What a flag or the app's own file says of the port holds: then nothing is sure.
fn claim_sure(draft: &mut Draft, sure: Option<(Origin, listen::Listens)>) {
    let Some(port) = draft.report.port.filter(|_| draft.report.port_fixed) else { return };
    let Some(place) = draft.report.evidence.iter().find(|one| one.claim.starts_with("port: ")) else {
        return;
    };
    let said = needs::is_said(&place.file);
    let sure = sure.filter(|(_, found)| found.port == port);
    let (file, line) = match &sure {
        Some((origin, _)) => (origin.file.clone(), origin.line),
        None => (place.file.clone(), place.line),
    };
    let instead = sure.as_ref().map(|(_, found)| found.instead.clone()).unwrap_or_default();
    draft.report.fixed_port = Some(FixedPort { port, file, line, sure: sure.is_some() && !said, instead });
}

/// The command that starts the app, and what a script that it names leads to.
fn started(app: &App, draft: &Draft) -> String {
    let command = draft.report.start_command.clone().unwrap_or_default();
    let script = provider::node_script(app, &command).unwrap_or_default();
    format!("{command} {script}")
}

fn warn_loopback(draft: &mut Draft, loopback: Option<Origin>) {
    let Some(origin) = loopback.filter(|_| !draft.report.static_site) else { return };
    let text = "It listens on the loopback address only, where nothing outside of its container reaches it: listen on \
                0.0.0.0."
        .to_owned();
    draft.warn("loopback-only", text, &origin);
}
