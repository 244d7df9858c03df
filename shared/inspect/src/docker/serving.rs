//! What no peer reports and Cloud Run punishes: fixed ports, local addresses, secrets that are copied.

use super::lint::{Lint, lines};
use super::rule::{self, Severity};
use super::syntax::Instruction;
use super::word;

/// Looks at one instruction.
pub(crate) fn instruction(lint: &mut Lint, instruction: &Instruction) {
    match instruction.keyword.as_str() {
        "COPY" | "ADD" if instruction.flag("from").is_none() => copied(lint, instruction),
        "ENV" => bound(lint, instruction),
        "CMD" | "ENTRYPOINT" if !instruction.onbuild => started(lint, instruction),
        _ => {}
    }
}

fn copied(lint: &mut Lint, instruction: &Instruction) {
    let words = instruction.words(lint.file.escape);
    let Some((_, sources)) = words.split_last() else { return };
    for source in sources {
        let file = source.rsplit('/').next().unwrap_or_default();
        if is_secret_file(file) {
            lint.report(&rule::SECRET_FILE, lines(instruction), format!("{source} is copied into the image"));
        }
        let all = matches!(source.trim_end_matches('/'), "." | "" | "*" | "./*");
        if all && lint.around.dockerignore == Some(false) {
            lint.report(
                &rule::COPY_ALL,
                lines(instruction),
                format!("COPY {source} without a .dockerignore"),
            );
        }
    }
}

fn is_secret_file(file: &str) -> bool {
    const NAMES: [&str; 14] = [
        ".env",
        "id_rsa",
        "id_ed25519",
        "id_ecdsa",
        "id_dsa",
        ".netrc",
        ".pgpass",
        ".htpasswd",
        "credentials.json",
        "service-account.json",
        "serviceAccountKey.json",
        ".git-credentials",
        "kubeconfig",
        "secrets.yml",
    ];
    let env = file
        .strip_prefix(".env.")
        .is_some_and(|kind| !["example", "sample", "template", "dist", "defaults"].contains(&kind));
    let key = [".pem", ".key", ".p12", ".pfx", ".jks", ".keystore"].iter().any(|end| file.ends_with(end));
    NAMES.contains(&file) || env || (key && !file.contains("pub") && !file.contains('*'))
}

fn bound(lint: &mut Lint, instruction: &Instruction) {
    let (pairs, _) = word::pairs(&instruction.text, lint.file.escape);
    for (name, value) in pairs {
        let host = matches!(
            name.as_str(),
            "HOST"
                | "HOSTNAME"
                | "BIND"
                | "ADDRESS"
                | "LISTEN"
                | "SERVER_HOST"
                | "FLASK_RUN_HOST"
                | "ROCKET_ADDRESS"
        );
        if host && is_local(&value) {
            lint.report(&rule::LOCALHOST, lines(instruction), format!("{name}={value}"));
        }
    }
}

fn is_local(value: &str) -> bool {
    let host = value.split("://").last().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    matches!(host, "127.0.0.1" | "localhost" | "[::1]" | "::1")
}

/// Flags that name where to listen.
const HOST_FLAGS: [&str; 9] =
    ["--host", "--bind", "-b", "-H", "--address", "--listen", "--hostname", "--ip", "--server.address"];
/// Flags that name the port.
const PORT_FLAGS: [&str; 8] =
    ["--port", "-p", "--bind", "-b", "--listen", "-l", "--server.port", "--http-port"];

fn started(lint: &mut Lint, instruction: &Instruction) {
    let at = lines(instruction);
    let words = instruction.words(lint.file.escape);
    // `sh -c "…"` hides the words of interest in one.
    let words: Vec<String> =
        words.iter().flat_map(|word| word.split_whitespace().map(str::to_owned)).collect();
    for (index, word) in words.iter().enumerate() {
        let (flag, value) = match word.split_once('=') {
            Some((flag, value)) => (flag, value),
            None => (word.as_str(), words.get(index + 1).map_or("", String::as_str)),
        };
        if HOST_FLAGS.contains(&flag) && is_local(value) {
            lint.report(&rule::LOCALHOST, at, format!("{flag} {value}"));
        }
        let port = value.rsplit(':').next().unwrap_or_default();
        if PORT_FLAGS.contains(&flag) && is_port(port) {
            lint.report(&rule::FIXED_PORT, at, format!("{flag} {value} instead of $PORT"));
        }
        if is_runserver(&words, index) {
            let message = format!("runserver {word} instead of $PORT");
            lint.report(&rule::FIXED_PORT, at, message);
            if is_local(word) {
                lint.report(&rule::LOCALHOST, at, format!("runserver {word}"));
            }
        }
    }
}

fn is_runserver(words: &[String], index: usize) -> bool {
    let before = index.checked_sub(1).and_then(|before| words.get(before));
    before.is_some_and(|before| before == "runserver")
        && is_port(words[index].rsplit(':').next().unwrap_or_default())
}

fn is_port(text: &str) -> bool {
    text.len() > 1 && text.parse::<u16>().is_ok()
}

/// What is only known at the end: the user and the port of the last stage.
pub(crate) fn end(lint: &mut Lint) {
    let Some(last) = lint.stages.last().cloned() else { return };
    let line = (last.line.max(1), last.line.max(1));
    let mut owner = Some(lint.stages.len() - 1);
    let mut user = None;
    while let Some(index) = owner {
        user = user.or_else(|| lint.stages[index].user.clone());
        owner = lint.stages[index].parent.filter(|parent| *parent < index);
    }
    let image = last.image.to_ascii_lowercase();
    if user.is_none() && last.line > 0 && !image.contains("nonroot") && !image.contains("rootless") {
        lint.report(&rule::NO_USER, line, "the last stage has no USER");
    }
    // A port that is exposed means nothing to Cloud Run unless the app listens on it whatever $PORT says.
    let named = |text: &str| text.contains("PORT");
    let said = last.start.as_ref().is_some_and(|(text, _)| named(text));
    if let (Some((port, at)), false) = (last.expose.first(), said)
        && *port != 8080
        && !last.env.contains("PORT")
    {
        let message = format!("EXPOSE {port}, and nothing reads $PORT here");
        lint.report_as(&rule::FIXED_PORT, Severity::Info, *at, message);
    }
}
