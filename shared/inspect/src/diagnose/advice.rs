//! What a message means, and the step that mends it. Only what has one usual cause is here.

use super::pattern;
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// A variable by the ways in which programs miss one; its name is the first group.
static VARIABLE: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    const NAME: &str = "[`'\"“]?([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|PORT|DSN)[`'\"”]?";
    const GONE: &str = r"(?i:is|was|are|must be|has to be|should be|needs to be) (?i:required|missing|not (?:set|defined|provided|found|present|specified|configured)|unset|undefined|empty|set|defined|provided|given|specified|configured)";
    [
        format!(r"{NAME}(?: (?i:environment|env)(?i:ironment)? ?(?i:variables?|vars?)?)? {GONE}"),
        format!(r"(?i:environment|env|config|configuration)(?i: ?variables?| ?vars?)? {NAME}:? (?i:{GONE}|not set|not found|missing|undefined|required|does not exist)"),
        format!(r"(?i:missing|required|undefined|unset|expected|set|provide|define|need|without)(?: the)?(?i: required)?(?i: environment| env| config)?(?i: ?variables?| ?vars?)?:? {NAME}"),
        format!(r"(?i:key not found:|fetch) {NAME}"),
        format!(r"{NAME}: (?i:parameter not set|unbound variable|parameter null or not set|required|missing|not set|environment variable not found|must be set)"),
    ]
    .iter()
    .map(|text| pattern(text))
    .collect()
});

/// A line of source that reads a variable.
static READS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?:environ(?:\.get)?|getenv|env)\s*[\[(.]\s*["']?([A-Z][A-Z0-9_]+)"#));

/// A variable that the message, or the line of source that raised it, names as missing.
pub fn variable(what: &str, source: Option<&str>) -> Option<String> {
    let named = VARIABLE.iter().find_map(|pattern| pattern.captures(what)).map(|found| found[1].to_owned());
    named.or_else(|| {
        let read = READS.captures(source?)?[1].to_owned();
        (what.starts_with("KeyError") && what.contains(&read)).then_some(read)
    })
}

type Advise = fn(&Captures<'_>) -> String;

/// What a message looks like, and what to do then; the first that matches.
static ADVICE: LazyLock<Vec<(Regex, Advise)>> = LazyLock::new(|| {
    let rows: [(&str, Advise); 24] = [
        (r#"Cannot find (?:module|package) ['"]([./][^'"]*)['"]"#, |found| left_out(&found[1])),
        (r#"Cannot find (?:module|package) ['"]((?:@[\w.-]+/)?[\w.-]+)(?:/[^'"]*)?['"]"#, |found| {
            let package = &found[1];
            format!(
                "`{package}` isn't installed: add it to the `dependencies` of package.json (`npm install {package}`) and deploy again; what is in `devDependencies` may not be there when the app runs."
            )
        }),
        (r#"No module named ['"]([A-Za-z0-9_]+)"#, |found| {
            let package = distribution(&found[1]);
            format!(
                "Add `{package}` to the requirements (requirements.txt or pyproject.toml), then deploy again."
            )
        }),
        (r"no required module provides package ([\w./~-]+?)[;:]?(?:\s|$)", |found| {
            format!("Run `go get {}`, commit go.mod and go.sum, then deploy again.", &found[1])
        }),
        (r"missing go\.sum entry", |_| {
            "Run `go mod tidy`, commit go.mod and go.sum, then deploy again.".into()
        }),
        (r"cannot load such file -- ([\w/.-]+)", |found| {
            let file = &found[1];
            if file.starts_with(['.', '/']) {
                left_out(file)
            } else {
                format!(
                    "Add the gem of `{file}` to the Gemfile (`bundle add`), commit the lock file, then deploy again."
                )
            }
        }),
        (r"vendor/autoload\.php", |_| {
            "The packages of Composer aren't installed: commit composer.json and composer.lock, then deploy again.".into()
        }),
        (r#"Class "([^"]+)" not found"#, |found| {
            format!(
                "See that the package of `{}` is in composer.json and that its namespace is autoloaded.",
                &found[1]
            )
        }),
        (r"(?i)EADDRINUSE|address already in use", |_| {
            "Listen on the port that the variable PORT names, and on it once; another program has this one."
                .into()
        }),
        (
            r"(?i)(?:ECONNREFUSED|connection refused|connect to server).*?((?:localhost|127\.0\.0\.1|\[?::1\]?|[\w.-]+)[:, ]+(?:port )?(\d{2,5}))",
            |found| nothing_answers(&found[1], &found[2]),
        ),
        (r"((?:\[?[\w.:-]+\]?):(\d{2,5})).*?(?i:connection refused)", |found| {
            nothing_answers(&found[1], &found[2])
        }),
        (
            r#"(?i)(?:getaddrinfo(?: ENOTFOUND| EAI_AGAIN)?|translate host name|lookup|resolve host)\s+["']?([\w.-]+)"#,
            |found| {
                format!(
                    "There is no host `{}` from here: give the app the address that holds where it runs now, as a variable.",
                    &found[1]
                )
            },
        ),
        (r"(?i)password authentication failed|access denied for user|authentication failed", |_| {
            "The database refuses the name or the password: set the app's variable for it anew (`--secret NAME=VALUE`).".into()
        }),
        (r"(?i)heap out of memory|OutOfMemoryError|MemoryError|memory allocation of", |_| {
            "It needs more memory than it was given: deploy again with more (`memory` in sextant.toml)."
                .into()
        }),
        (r"(?i)ALLOWED_HOSTS", |_| "Add the app's host to ALLOWED_HOSTS, or read it from a variable.".into()),
        (r#"Missing script: ["']?([\w:.-]+)"#, |found| {
            format!(
                "Add a script `{}` to package.json, or say what starts the app: `start_command` in sextant.toml.",
                &found[1]
            )
        }),
        (
            r"npm ci.*(?:in sync|package-lock)|Missing: .* from lock file|frozen-lockfile|ERR_PNPM_OUTDATED_LOCKFILE",
            |_| {
                "The lock file doesn't go with package.json: install once more, commit the lock file, then deploy again.".into()
            },
        ),
        (
            r"No matching distribution found for (\S+)|Could not find a version that satisfies the requirement (\S+)",
            |found| {
                let wanted = found.get(1).or_else(|| found.get(2)).map_or("it", |wanted| wanted.as_str());
                format!(
                    "Nothing published satisfies `{wanted}` for this version of Python: see its name, its version, and the Python that you ask for."
                )
            },
        ),
        (r"Unable to access jarfile (\S+)", |found| {
            format!(
                "The build makes no `{}`: see what it writes under target/ or build/libs/, and start that.",
                &found[1]
            )
        }),
        (r"^(?:exec: )?([\w./-]+): (?:command )?not found", |found| {
            format!("`{}` isn't there: add it to what the app installs, or start it by its path.", &found[1])
        }),
        (r"^([\w./-]+): Permission denied", |found| {
            format!("Make it executable and commit that: `git update-index --chmod=+x {}`.", &found[1])
        }),
        (r"(?i)EACCES.*:(\d+)|listen.*permission denied", |_| {
            "Ports below 1024 aren't given to apps: listen on the port that the variable PORT names.".into()
        }),
        (r"(?i)EROFS|read-only file system", |_| {
            "Write to /tmp, or to a store; the app's own folder can't be written to.".into()
        }),
        (r"(?i)SECRET_KEY setting must not be empty", |_| {
            "Give it SECRET_KEY as a secret (`--secret SECRET_KEY=…`), read from the environment.".into()
        }),
    ];
    rows.into_iter().map(|(text, advise)| (pattern(text), advise)).collect()
});

/// What to do about a message of a known kind.
pub fn next(what: &str) -> Option<String> {
    ADVICE.iter().find_map(|(pattern, advise)| pattern.captures(what).map(|found| advise(&found)))
}

fn left_out(file: &str) -> String {
    let file = super::place::short(file);
    format!(
        "`{file}` isn't in what was deployed: see its path and its case, and that no .gitignore or .sextantignore leaves it out."
    )
}

fn nothing_answers(address: &str, port: &str) -> String {
    let usual = match port {
        "5432" => ", PostgreSQL's usual port",
        "3306" => ", MySQL's usual port",
        "6379" => ", Redis' usual port",
        "27017" => ", MongoDB's usual port",
        "5672" => ", RabbitMQ's usual port",
        "9092" => ", Kafka's usual port",
        "9200" => ", Elasticsearch's usual port",
        _ => "",
    };
    format!(
        "Nothing answers at {address}{usual}: give the app the address of what it needs as a variable, and see that it runs."
    )
}

/// Packages of Python whose distribution has another name than what is imported.
fn distribution(module: &str) -> &str {
    match module {
        "cv2" => "opencv-python-headless",
        "yaml" => "PyYAML",
        "PIL" => "Pillow",
        "dotenv" => "python-dotenv",
        "sklearn" => "scikit-learn",
        "bs4" => "beautifulsoup4",
        "psycopg2" => "psycopg2-binary",
        "MySQLdb" => "mysqlclient",
        "jwt" => "PyJWT",
        "dateutil" => "python-dateutil",
        "rest_framework" => "djangorestframework",
        "flask_sqlalchemy" => "Flask-SQLAlchemy",
        other => other,
    }
}
