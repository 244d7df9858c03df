//! What the source itself says: variables it cannot do without, the port it listens on, a path for health checks.
//!
//! Reads a bounded number of source files, tests aside. Never more than a hint: each finding carries its line.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

use crate::names;
use crate::plan::{App, Draft, Field, Origin};

/// Source files that are looked at, the nearest to the root first.
const FILES: usize = 300;

const ENDS: [&str; 17] = [
    "js", "mjs", "cjs", "ts", "mts", "tsx", "jsx", "py", "rs", "go", "rb", "php", "ex", "exs", "java", "kt",
    "cs",
];

/// A variable that the code reads in a way that has no default.
static VARIABLE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?:process\.env|Bun\.env)(?:\.([A-Z_][A-Z0-9_]*)\b|\[["']([A-Z_][A-Z0-9_]*)["']\])"#,
        r#"|os\.environ\[["']([A-Z_][A-Z0-9_]*)["']\]"#,
        r#"|env::var\("([A-Z_][A-Z0-9_]*)"\)\s*(?:\.expect\(|\.unwrap\(\)|\?|\.context\()"#,
        r#"|ENV\.fetch\(["']([A-Z_][A-Z0-9_]*)["']\)"#,
        r#"|System\.fetch_env!\("([A-Z_][A-Z0-9_]*)"\)"#,
    ))
    .ok()
});

/// What follows a variable when the code has another answer for its absence, tests for it, or sets it.
static DEFAULTED: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\s*\)*\s*(?:\|\||\?\?|\?[^.]|=[^=]|[!=]==?|&&|or\b)").ok());

/// A port beside `PORT`: what the app listens on when the variable is not set.
static PORT_DEFAULT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"\bPORT["'\]\)]*\s*(?:\|\||\?\?|,|:-|or\b|\.unwrap_or[a-z_]*\((?:\|_\|)?)\s*["']?(\d{2,5})\b"#,
    )
    .ok()
});

/// A port in a call that listens.
static PORT_FIXED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r#"(?:\.listen\(|ListenAndServe\(|\.Run\(|\.Start\(|\.Listen\(|bind\(|Server\(\s*\(|\bserve\()\s*\(?"#,
        r#"[^\n\d)]{0,40}?(?:(?:\d{1,3}\.){3}\d{1,3}["']?\s*[:,]\s*)?:?(\d{4,5})\b"#,
        r#"|(?:Plug\.Cowboy|Bandit)\b[^\n]{0,80}\bport:\s*(\d{2,5})\b"#,
        r#"|(?:\.run\([^)\n]{0,80}|(?:const|let|var|final|int|static)[^\n=]{0,24})\b(?i:port)\w*(?::\s*\w+)?\s*[=:]\s*(\d{4,5})\b"#,
    ))
    .ok()
});

/// A path whose name says what it is for.
static HEALTH: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"["'`](/(?:api/|v1/|_)?(?:healthz|health|healthcheck|health-check|readyz|livez|ping))/?["'`]"#,
    )
    .ok()
});

/// A call that makes a program listen, whatever the port.
static LISTENS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"\.listen\(|ListenAndServe|\bcreateServer\(|Bun\.serve\(|Deno\.serve\(|\bserve\(|TcpListener::bind",
        r"|http\.server|HTTPServer\(|uvicorn\.run|app\.run\(|HttpServer::new|MapGet\(|app\.Run\(\)|Plug\.Cowboy|Bandit",
        r"|grpc\.NewServer|ServerSocket|HttpServer\.create|embeddedServer\(|SpringApplication",
    ))
    .ok()
});

/// Claims what the source says; whether it seems to listen.
pub(crate) fn source(app: &App, draft: &mut Draft) -> bool {
    let mut variables = BTreeMap::new();
    let mut port_seen = draft.report.start_command.as_deref().is_some_and(|command| command.contains("PORT"));
    let mut fixed = None;
    let mut default = None;
    let mut health: Option<(usize, String, Origin)> = None;
    let mut listens = false;
    for file in files(app) {
        let Some(text) = app.text(file) else { continue };
        // One search of the whole file spares the many files that read no variable and open no port.
        port_seen |= text.contains("PORT");
        listens |= LISTENS.as_ref().is_some_and(|listen| listen.is_match(&text));
        collect_variables(app, file, &text, &mut variables);
        default = default.or_else(|| port(&PORT_DEFAULT, app, file, &text));
        fixed = fixed.or_else(|| port(&PORT_FIXED, app, file, &text));
        if let Some((rank, path, origin)) = health_path(app, file, &text)
            && health.as_ref().is_none_or(|(known, ..)| rank < *known)
        {
            health = Some((rank, path, origin));
        }
    }
    example_variables(app, &mut variables);
    if let Some((_, path, origin)) = health {
        draft.claim(Field::HealthPath, path, origin);
    }
    claim_port(draft, default, fixed.filter(|_| !port_seen));
    claim_variables(draft, variables);
    listens
}

fn files<'t>(app: &App<'t>) -> Vec<&'t str> {
    let source = |file: &&str| {
        let end = file.rsplit_once('.').is_some_and(|(_, end)| ENDS.contains(&end));
        let side = file.split('/').any(|part| {
            matches!(
                part,
                "test" | "tests" | "__tests__" | "spec" | "e2e" | "examples" | "docs" | "dist" | "build"
            ) || part.contains(".test.")
                || part.contains(".spec.")
                || part.contains(".min.")
                || part.starts_with("test_")
        });
        let config = file.split('/').next_back().is_some_and(|name| name.contains(".config."));
        end && !side && !config
    };
    let mut files: Vec<_> = app.files().filter(source).collect();
    files.sort_by_key(|file| (file.matches('/').count(), *file));
    files.truncate(FILES);
    files
}

fn collect_variables(app: &App, file: &str, text: &str, out: &mut BTreeMap<String, Option<Origin>>) {
    let (Some(variable), Some(defaulted)) = (VARIABLE.as_ref(), DEFAULTED.as_ref()) else { return };
    if !["env", "ENV"].iter().any(|word| text.contains(word)) {
        return;
    }
    for (index, line) in text.lines().enumerate() {
        let comment = ["//", "#", "*", "/*"].iter().any(|mark| line.trim_start().starts_with(mark));
        if comment || line.len() > 2_000 {
            continue;
        }
        for hit in variable.captures_iter(line) {
            let Some(name) = hit.iter().skip(1).flatten().next() else { continue };
            let end = hit.get(0).map_or(0, |whole| whole.end());
            let tested = line.trim_start().starts_with("if ") || line.trim_start().starts_with("if(");
            let value = if tested || defaulted.is_match(&line[end..]) {
                None
            } else {
                Some(app.origin(file, Some(index + 1), 0.6))
            };
            // A default anywhere means that the app has an answer for the variable's absence.
            let known = out.entry(name.as_str().to_owned()).or_insert_with(|| value.clone());
            if value.is_none() {
                *known = None;
            }
        }
    }
}

/// Variables that an example of an `.env` file lists, unless the code has a default for them.
fn example_variables(app: &App, out: &mut BTreeMap<String, Option<Origin>>) {
    let Some(file) = app.first(&[".env.example", ".env.sample", ".env.template", "env.example"]) else {
        return;
    };
    for (index, line) in app.text(file).unwrap_or_default().lines().enumerate() {
        let line = line.trim().trim_start_matches("export ");
        let Some((name, _)) = line.split_once('=') else { continue };
        if names::is_variable_name(name.trim()) {
            let origin = app.origin(file, Some(index + 1), 0.7);
            out.entry(name.trim().to_owned()).or_insert(Some(origin));
        }
    }
}

fn claim_variables(draft: &mut Draft, variables: BTreeMap<String, Option<Origin>>) {
    for (name, origin) in variables {
        let Some(origin) = origin else { continue };
        if names::is_ambient(&name) || draft.report.run_env.contains_key(&name) {
            continue;
        }
        draft.note(format!("env_required: {name}"), origin);
        if names::looks_secret(&name, "").is_some() {
            draft.report.env_secret.push(name.clone());
        }
        draft.report.env_required.push(name);
    }
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

fn port(pattern: &LazyLock<Option<Regex>>, app: &App, file: &str, text: &str) -> Option<(u16, Origin)> {
    let hit = pattern.as_ref()?.captures(text)?;
    let number = hit.iter().skip(1).flatten().next()?;
    let port = number.as_str().parse().ok().filter(|port| *port > 0)?;
    let line = crate::text::line_at(text, number.start());
    Some((port, app.origin(file, Some(line), 0.75)))
}

fn health_path(app: &App, file: &str, text: &str) -> Option<(usize, String, Origin)> {
    let best = HEALTH.as_ref()?.captures_iter(text).filter_map(|hit| {
        let path = hit.get(1)?;
        let rank = ["healthz", "health", "readyz", "livez", "ping"]
            .iter()
            .position(|word| path.as_str().contains(word))?;
        Some((rank, path.as_str().to_owned(), path.start()))
    });
    let (rank, path, at) = best.min_by_key(|(rank, _, at)| (*rank, *at))?;
    Some((rank, path, app.origin(file, Some(crate::text::line_at(text, at)), 0.6)))
}
