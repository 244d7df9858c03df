//! How the time of each parser grows when its input doubles, on inputs that were made to make it grow.
//!
//!     cargo run --release -p inspect --example linear -- [--only SUBJECT,…] [--limit BYTES] [--all]
//!
//! Each line is a subject (`dockerfile`, `redact`, a manifest's name, …) with a shape (a unit that is repeated, open
//! or nested) whose last doubling took more than 2.5 times as long; `--all` prints every one. Time is the thread's own
//! on a processor, the least of three runs, so that other work on the machine counts little. Ends with 1 if any.
#![expect(clippy::print_stdout, reason = "an example's answer goes to stdout")]

use std::fs;
use std::path::{Path, PathBuf};

use inspect::docker::{self, Surroundings};
use inspect::redact::Redactor;

/// What is repeated: openers and closers of every grammar that is read here, and words that wake a rule.
const UNITS: &[&str] = &[
    "a",
    " ",
    "\t",
    "\n",
    "\r\n",
    "\\",
    "\\\n",
    "\\\n\n",
    "\\\n#\n",
    "'",
    "\"",
    "`",
    "\"'",
    "\\\"",
    "$",
    "${",
    "$(",
    "$((",
    "(",
    "[",
    "{",
    "<",
    "<<",
    "<<E ",
    "<<E\n",
    "RUN <<E\n",
    "COPY <<E <<F /\n",
    "#",
    "# ",
    "#\n",
    "/",
    "//",
    "/*",
    "/**/",
    "/*\n",
    "<!--",
    "<a>",
    "<a/>",
    "</a>",
    "<a b=\"",
    "-",
    "- ",
    "- -\n",
    "-\n",
    "---\n",
    "=",
    "==",
    ":",
    ": ",
    "a:\n",
    "a: b\n",
    " a:\n",
    "a: [",
    "a: {",
    "a: |\n",
    "a: &a *a\n",
    "*a ",
    "? ",
    "! ",
    "%",
    "@",
    "|",
    "||",
    "&&",
    ";",
    "a;",
    "a&&",
    "RUN a && ",
    ",",
    ", ",
    "[[a]]\n",
    "[a]\n",
    "a=1\n",
    "a.",
    "a.a=1\n",
    "\"a\",",
    "\"a\":1,",
    "{\"a\":",
    "[1,",
    "\\u",
    "\u{e9}",
    "\0",
    "\u{feff}",
    "FROM a\n",
    "FROM a AS a\n",
    "FROM a:1 AS b\nRUN a\nUSER a\n",
    "RUN a\n",
    "RUN apt-get install a\n",
    "RUN cd a && sudo b | c\n",
    "ADD a b\n",
    "COPY a.tgz /a\nRUN tar -xf /a\n",
    "COPY --from=a b c\n",
    "COPY --a=b ",
    "--a=b ",
    "ONBUILD ",
    "ONBUILD RUN a\n",
    "ENV A=$A$A$A\n",
    "ARG A=${A}${A}\n",
    "ENV A=a ",
    "LABEL a=b ",
    "EXPOSE 1 2\n",
    "EXPOSE 1-65535\n",
    "# hadolint ignore=DL3008\n",
    "# sextant ignore=a,b\nRUN a\n",
    "SHELL [\"a\"]\n",
    "HEALTHCHECK CMD a\n",
    "MAINTAINER a\n",
    "RUN if a; then b; fi\n",
    "if a; then ",
    "case a in ",
    "for a in b; do ",
    "f() { ",
    "$(a ",
    "USER a\nUSER root\n",
    "WORKDIR a\n",
    "CMD a\n",
    "VOLUME a\n",
    "A",
    "A=",
    "KEY=",
    "KEY=a ",
    "KEY=a\n",
    "KEY: ",
    "password",
    "password=",
    "password:\n",
    "password\n",
    "password is ",
    "secret token key ",
    "token=\"",
    "token: '",
    "\"token\":\"",
    "\\\"token\\\":\\\"",
    "<token>",
    "--password ",
    "Authorization: Bearer ",
    "Authorization: Basic ",
    "bearer ",
    "eyJ",
    "eyJa.",
    "eyJhbGci.eyJz.",
    "ghp_",
    "sk-",
    "AKIA",
    "AIza",
    "xoxb-",
    "glpat-",
    "-----BEGIN",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\nAAAAAAAAAAAAAAAAAAAA\n",
    "-----END",
    "https://",
    "https://a:b@",
    "://a:b@c ",
    "a@b:c@",
    "a:a:a@",
    "?token=a&",
    "AAAAAAAAAAAAAAAA",
    "a1B2c3D4e5F6g7H8",
    "0123456789abcdef",
    "a8Kq3ZxP0mW7vT2rYc5L ",
    "a8Kq3ZxP0mW7vT2rYc5L\n",
    "token=a8Kq3ZxP0mW7vT2rYc5L ",
    "token=a8Kq3ZxP0mW7vT2rYc5L\n",
    "***",
    "password=*** ",
    "+/",
    "=\"a\" ",
    "a-b-",
    "a_b_",
    "a.b.",
    "process.env.A ",
    "process.env['A'] || ",
    "app.listen(",
    "PORT || ",
    "PORT=",
    "os.environ['A']\n",
    "app = FastAPI(\n",
    "a = b = ",
    "import a\n",
    "from a import b\n",
    "require('a')\n",
    "gem 'a'\n",
    "a==1\n",
    "-r a\n",
    "a = \"b\"\n",
    "use (\n",
    "require a v1\n",
    "<module>a</module>",
    "<dependency><artifactId>a</artifactId></dependency>",
    "${a}",
    "include ':a'\n",
    "implementation 'a:b:c'\n",
    // With a number of its own each.
    "ENV A{n}=1\n",
    "ARG A{n}\n",
    "FROM a AS a{n}\n",
    "FROM b AS b\nENV A{n}=1\n",
    "FROM b AS b\nCMD a{n}\n",
    "FROM a AS a{n}\nCOPY --from=a{n} a b\n",
    "EXPOSE {n}\n",
    "COPY a{n}.tgz /a\n",
    "COPY a{n}.tgz /a\nRUN tar -xf /b\n",
    "RUN apt-get install a{n}\n",
    "USER a{n}\n",
    "# hadolint ignore=DL{n}\nRUN a\n",
    "\"a{n}\":\"1\",",
    "\"a{n}\":\"1\",\n",
    "\"a{n}\":{\"b\":1},\n",
    "\"a{n}\",\n",
    "a{n}==1\n",
    "a{n}\n",
    "A{n}=\n",
    "A{n}=a\n",
    "a{n} = \"1\"\n",
    "[a{n}]\n",
    "[[bin]]\nname=\"a{n}\"\n",
    "a{n}:\n",
    "a{n}: 1\n",
    "  a{n}: 1\n",
    "- a{n}\n",
    "  - a{n}: 1\n",
    "  a{n}:\n    build: .\n",
    "process.env.A{n};\n",
    "os.environ['A{n}']\n",
    "password{n}=a8Kq3ZxP0mW7vT2rYc5L\n",
    "<a{n}/>",
    "<module>a{n}</module>\n",
    "<a{n}>1</a{n}>\n",
    "include ':a{n}'\n",
    "gem 'a{n}'\n",
    "import a{n}\n",
    "a{n} = FastAPI()\n",
    "    a{n} (1.0)\n",
    "a/a{n} v1.0.0 h1:a\n",
    "    build: .\n    environment:\n      A{n}: ${A{n}}\n",
];

type Run = Box<dyn Fn(&[u8])>;

struct Subject {
    name: String,
    run: Run,
    /// Its own shapes beside the units: the text of its seed.
    seed: Option<String>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str| arguments.iter().position(|a| a == name).and_then(|at| arguments.get(at + 1));
    let limit = value("--limit").and_then(|limit| limit.parse().ok()).unwrap_or(1 << 19);
    let all = arguments.iter().any(|argument| argument == "--all");
    let folder = std::env::temp_dir().join(format!("inspect-linear-{}", std::process::id()));
    let mut steep = 0;
    let mut shapes = 0;
    for subject in subjects(&folder) {
        if value("--only").is_some_and(|only| !only.split(',').any(|only| only == subject.name)) {
            continue;
        }
        for (name, shape) in shapes_of(&subject) {
            let (ratio, took, size) = grow(&subject.run, &shape, limit);
            shapes += 1;
            let is_steep = ratio > 2.5;
            steep += usize::from(is_steep);
            if is_steep || all {
                println!("{:20} {name:40} x{ratio:.2} {took:8.1} ms at {} KiB", subject.name, size >> 10);
            }
        }
    }
    let _ = fs::remove_dir_all(&folder);
    println!("{shapes} shapes, {steep} that grow faster than their input");
    std::process::exit(i32::from(steep > 0));
}

fn subjects(folder: &Path) -> Vec<Subject> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let around = Surroundings { dockerignore: Some(true), report_ignores: true };
    let own = |name: &str, run: Run| Subject { name: name.into(), run, seed: None };
    let mut subjects = vec![
        own("dockerfile", Box::new(move |bytes| drop(docker::scan(&text(bytes), around)))),
        own(
            "dockerfile-fix",
            Box::new(move |bytes| drop(docker::fix(&text(&bytes[..bytes.len() / 16]), around))),
        ),
        own("redact", Box::new(|bytes| redact(bytes, usize::MAX))),
        own("redact-chunks", Box::new(|bytes| redact(bytes, 100))),
        own("secret", Box::new(|bytes| drop(inspect::secret::scan_text("x", bytes)))),
    ];
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/manifest");
    let mut files: Vec<PathBuf> =
        fs::read_dir(seeds).into_iter().flatten().flatten().map(|file| file.path()).collect();
    files.sort();
    for seed in files.iter().filter_map(|file| fs::read_to_string(file).ok()) {
        let Some((name, body)) = seed.split_once('\n') else { continue };
        let place = folder.join(name).join(name);
        let root = folder.join(name);
        let run = Box::new(move |bytes: &[u8]| {
            let _ = fs::create_dir_all(&root).and_then(|()| fs::write(&place, bytes));
            let report =
                inspect::read(&root, &inspect::Options::default()).map(|report| docker::generate(&report));
            assert!(report.is_ok(), "a folder that exists has a report");
        });
        subjects.push(Subject { name: name.to_owned(), run, seed: Some(body.to_owned()) });
    }
    subjects
}

fn redact(bytes: &[u8], size: usize) {
    let mut redactor = Redactor::new(&["only-me".to_owned()]);
    let length: usize =
        bytes.chunks(size.min(bytes.len().max(1))).map(|chunk| redactor.push(chunk).len()).sum();
    assert!(length + redactor.finish().len() > 0 || bytes.is_empty(), "text went away");
}

/// How a text of any length is made.
struct Shape {
    before: String,
    unit: String,
    after: String,
}

impl Shape {
    fn text(&self, length: usize) -> Vec<u8> {
        let each = self.unit.len() + self.after.len();
        let count = (length / each.max(1)).max(1);
        let units = if self.unit.contains("{n}") {
            (0..count).map(|number| self.unit.replace("{n}", &number.to_string())).collect()
        } else {
            self.unit.repeat(count)
        };
        format!("{}{units}{}", self.before, self.after.repeat(count)).into_bytes()
    }
}

fn shapes_of(subject: &Subject) -> Vec<(String, Shape)> {
    let shape = |before: &str, unit: &str, after: &str| {
        let name = format!("{before:?} {unit:?} {after:?}").chars().take(40).collect();
        (name, Shape { before: before.into(), unit: unit.into(), after: after.into() })
    };
    let mut shapes: Vec<_> = UNITS.iter().map(|unit| shape("", unit, "")).collect();
    shapes.extend(
        [("[", "]"), ("{\"a\":", "}"), ("{ a: ", "}"), ("(", ")"), ("a={", "}")]
            .map(|(a, b)| shape("", a, b)),
    );
    if subject.name.starts_with("dockerfile") {
        let starts = [
            "FROM a:1\nRUN ",
            "FROM a:1\nENV A=",
            "FROM a:1\nCOPY ",
            "FROM a:1\nCMD [",
            "FROM a:1\nRUN <<E\n",
        ];
        shapes.extend(starts.iter().flat_map(|start| UNITS.iter().map(|unit| shape(start, unit, ""))));
    }
    if let Some(seed) = &subject.seed {
        shapes.push(shape(seed, seed, ""));
        shapes.push(shape(seed, " ", ""));
        shapes.extend(seed.lines().map(|line| shape(seed, &format!("{line}\n"), "")));
        let open = seed.trim_end().trim_end_matches(['}', ']', ')']);
        shapes.extend(["\"a\":{\"a\":1},", "\"a@1\":[", "a"].map(|unit| shape(open, unit, "")));
    }
    shapes
}

/// The mean ratio of the last two doublings, the time of the last in ms, and the size. What seems steep is measured
/// again: pages that are touched for the first time and others' work make a single run look slow.
fn grow(run: &Run, shape: &Shape, limit: usize) -> (f64, f64, usize) {
    let mut worst = (1.0, 0.0, limit);
    for attempt in 0..3 {
        let first = measure(run, shape, limit / 4);
        let (size, last, doublings) = match measure(run, shape, limit / 2) {
            slow if slow > 3_000.0 => (limit / 2, slow, 1.0),
            _ => (limit, measure(run, shape, limit), 2.0),
        };
        let ratio = (last / first.max(1.0)).powf(1.0 / doublings);
        if attempt == 0 || ratio < worst.0 {
            worst = (ratio, last, size);
        }
        if worst.0 <= 2.5 || worst.1 < 25.0 || worst.1 > 3_000.0 {
            break;
        }
    }
    if worst.1 < 25.0 { (1.0, worst.1, worst.2) } else { worst }
}

/// One run, in ms of the processor.
fn measure(run: &Run, shape: &Shape, size: usize) -> f64 {
    let text = shape.text(size);
    let begun = on_processor();
    run(&text);
    (on_processor() - begun) / 1e6
}

/// Nanoseconds that this thread was on a processor, as Linux counts them.
fn on_processor() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}
