//! Whether a file certainly listens on a port of its own: a number in the call itself, or a constant of the same file.
//!
//! Invariant: a deployment is refused by this, so in doubt it says nothing. The file must be the one that is started;
//! each of its calls that listen must be plain; none may stand in a comment, a string, a condition, or a function that
//! nobody may ever call.

use crate::text;

/// A port that is certainly listened on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listens {
    pub(super) port: u16,
    /// From 1.
    pub(super) line: usize,
    /// What to write in its stead.
    pub(super) instead: String,
}

/// How a language listens, and what its author is to write.
struct Language {
    ends: &'static [&'static str],
    /// Calls whose first argument is the port.
    first: &'static [&'static str],
    /// Calls that name the port: `port: 3000`, `port=5000`.
    named: &'static [&'static str],
    /// Calls whose first argument is an address that ends in the port: `":8080"`, `("0.0.0.0", 8080)`.
    address: &'static [&'static str],
    /// What the file must have to be a program rather than a part of one.
    program: &'static [&'static str],
    instead: &'static str,
}

const LANGUAGES: [Language; 4] = [
    Language {
        ends: &["js", "mjs", "cjs", "ts", "mts", "cts"],
        first: &[".listen("],
        // What Bun and Deno serve on reads `PORT` itself.
        named: &[],
        address: &[],
        program: &[],
        instead: "process.env.PORT || {port}",
    },
    Language {
        ends: &["py"],
        first: &[],
        named: &["app.run(", "uvicorn.run(", "run_app(", "waitress.serve("],
        address: &["HTTPServer((", "TCPServer((", "make_server("],
        program: &[],
        instead: "int(os.environ.get(\"PORT\", {port}))",
    },
    Language {
        ends: &["go"],
        first: &[],
        named: &[],
        address: &["ListenAndServe(", ".Run(", ".Start(", ".Listen("],
        program: &["package main", "func main()"],
        instead: "\":\" + os.Getenv(\"PORT\")",
    },
    Language {
        ends: &["rs"],
        first: &[],
        named: &[],
        address: &["TcpListener::bind(", ".bind(", "SocketAddr::from(("],
        program: &["fn main("],
        instead: "std::env::var(\"PORT\")",
    },
];

/// What the file certainly listens on, if `started`, the command that starts the app, runs this file.
pub(super) fn sure(file: &str, content: &str, started: &str) -> Option<Listens> {
    let language = LANGUAGES.iter().find(|one| one.ends.iter().any(|end| text::has_end(file, end)))?;
    let compiled = !language.program.is_empty();
    if !language.program.iter().all(|mark| content.contains(mark)) || !compiled && !runs(file, started) {
        return None;
    }
    let bare = if text::has_end(file, "py") {
        std::borrow::Cow::Borrowed(content)
    } else {
        text::without_comments(content)
    };
    let mut found = Vec::new();
    for (calls, read) in [
        (language.first, first as Read),
        (language.named, named as Read),
        (language.address, address as Read),
    ] {
        for call in calls {
            for at in text::hits(&bare, call).take(20) {
                let port = read(&bare, &bare[at + call.len()..])
                    .filter(|_| is_code(&bare, at) && always(&bare, at))?;
                found.push((at, port));
            }
        }
    }
    let (at, port) = found.into_iter().min()?;
    let instead = language.instead.replace("{port}", &port.to_string());
    Some(Listens { port, line: text::line_at(&bare, at + 1), instead })
}

/// Whether a command names the file, by its whole path: `node server`, `node dist/main.js` for `src/main.ts`,
/// `python app.py`.
pub(super) fn runs(file: &str, started: &str) -> bool {
    let (stem, end) = file.rsplit_once('.').unwrap_or((file, ""));
    let built = stem.strip_prefix("src/").map(|inner| [format!("dist/{inner}"), format!("build/{inner}")]);
    let mut before = "";
    started.split(|c: char| c.is_whitespace() || ";&|'\"=".contains(c)).any(|word| {
        let by = std::mem::replace(&mut before, word);
        let word = word.strip_prefix("./").unwrap_or(word);
        if end == "py" {
            // A module that another program loads, such as `uvicorn main:app`, isn't run as a program.
            return word == file && by.rsplit('/').next().is_some_and(|by| by.starts_with("python"));
        }
        let bare = word.strip_suffix(".js").or_else(|| word.strip_suffix(".mjs")).unwrap_or(word);
        let runtime = ["node", "bun", "tsx", "ts-node", "nodemon", "run"].contains(&by);
        let compiled = built.as_ref().is_some_and(|built| built.iter().any(|path| path == bare));
        word == file || compiled || runtime && word == stem
    })
}

type Read = fn(&str, &str) -> Option<u16>;

/// `3000)`, `3000, …`, `PORT)` for a constant, `{ port: 3000 }`.
fn first(all: &str, arguments: &str) -> Option<u16> {
    let arguments = arguments.trim_start();
    if arguments.starts_with('{') {
        return named(all, arguments);
    }
    value(all, arguments)
}

/// `port: 3000` or `port=3000` within the call.
fn named(all: &str, arguments: &str) -> Option<u16> {
    let arguments = within(arguments);
    let at = arguments.match_indices("port").map(|(at, _)| at).find(|at| {
        let before = arguments[..*at].chars().next_back();
        before.is_none_or(|c| !(c.is_alphanumeric() || "_.'\"".contains(c)))
            && arguments[at + 4..].trim_start().starts_with([':', '='])
    })?;
    let rest = arguments[at + 4..].trim_start();
    value(all, rest[1..].trim_start())
}

/// `":8080", …`, `"0.0.0.0:8080"`, `("", 8080)`, `([0, 0, 0, 0], 8080)`.
fn address(all: &str, arguments: &str) -> Option<u16> {
    let arguments = within(arguments).trim_start().trim_start_matches('(').trim_start();
    if let Some(rest) = arguments.strip_prefix(['"', '\'']) {
        let end = rest.find(['"', '\''])?;
        if let Some((_, port)) = rest[..end].rsplit_once(':') {
            return port.parse().ok().filter(|port| *port > 0);
        }
        return value(all, rest[end + 1..].trim_start().strip_prefix(',')?.trim_start());
    }
    let (_, port) = arguments.strip_prefix('[')?.split_once("],")?;
    value(all, port.trim_start())
}

/// What stands inside the call's brackets, which are open already; not far.
fn within(arguments: &str) -> &str {
    let arguments = text::clipped(arguments, 600);
    let mut open = 1;
    for (at, c) in arguments.char_indices() {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return &arguments[..at];
        }
    }
    arguments
}

/// A number, or the name of a constant that is one; whole, up to the end of the argument.
fn value(all: &str, argument: &str) -> Option<u16> {
    let end =
        argument.find(|c: char| !(c.is_ascii_alphanumeric() || "_$".contains(c))).unwrap_or(argument.len());
    let (word, rest) = argument.split_at(end);
    if !rest.trim_start().is_empty() && !rest.trim_start().starts_with([',', ')', '}', ']']) {
        return None;
    }
    number(word).or_else(|| constant(all, word))
}

fn number(word: &str) -> Option<u16> {
    word.parse().ok().filter(|port| *port > 0)
}

/// The number that a name is given once and for all.
fn constant(all: &str, name: &str) -> Option<u16> {
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut known = None;
    // A parameter of that name may be anything.
    let parameter = |line: &str| {
        let list =
            line.split_once("function").map(|(_, rest)| rest).or_else(|| Some(line.split_once("=>")?.0));
        list.is_some_and(|list| {
            list.split(|c: char| !(c.is_alphanumeric() || "_$".contains(c))).any(|word| word == name)
        }) && !line.contains(".listen(")
    };
    if all.lines().any(parameter) {
        return None;
    }
    for line in all.lines() {
        let Some(given) = given(line, name) else { continue };
        if known.replace(number(given.trim().trim_end_matches(';').trim())?).is_some() {
            return None;
        }
    }
    known
}

/// What a line gives to a name: `const port = 3000;`, `PORT: number = 3000`, `port = 3000`.
fn given<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let (left, right) = line.split_once('=')?;
    if right.starts_with(['=', '>']) || left.ends_with(['!', '<', '>', '=', '+']) {
        return None;
    }
    let mut words =
        left.split(|c: char| c.is_whitespace() || ":,{}[]()".contains(c)).filter(|word| !word.is_empty());
    words.any(|word| word == name).then(|| right.split(" #").next().unwrap_or(right))
}

/// Whether it is neither in a string nor behind a comment's mark.
fn is_code(text: &str, at: usize) -> bool {
    let line = text::line_before(text, at);
    let even = |mark: &str, text: &str| text.matches(mark).count().is_multiple_of(2);
    !line.contains('#')
        && even("\"", line)
        && even("'", line)
        && even("`", &text[..at])
        && even("\"\"\"", &text[..at])
        && even("'''", &text[..at])
}

/// Whether it is reached whatever the circumstances: nothing around it but what every start goes through.
fn always(text: &str, at: usize) -> bool {
    let indent = |line: &str| line.len() - line.trim_start().len();
    // The call's own line counts up to the call: `if (dev) app.listen(3000)`.
    let own = text::line_before(text, at);
    if !is_plain(own.trim_start()) {
        return false;
    }
    let mut depth = indent(own);
    // Where nobody indents, only brackets tell.
    let open = |text: &str| text.matches('{').count() as i64 - text.matches('}').count() as i64;
    if depth == 0 && open(&text[..at - own.len()]) != 0 {
        return false;
    }
    for line in text[..at - own.len()].lines().rev() {
        if depth == 0 {
            break;
        }
        if line.trim().is_empty() || indent(line) >= depth {
            continue;
        }
        depth = indent(line);
        if !is_entered(line.trim()) {
            return false;
        }
    }
    true
}

/// Whether what stands before the call on its line lets it happen in any case.
fn is_plain(before: &str) -> bool {
    let before = outside(before);
    let doubtful = ["if ", "if(", "else", "case ", "&&", "||", "?", "function", "def ", "lambda", "while"];
    !doubtful.iter().any(|mark| before.contains(mark)) && (!before.contains("=>") || is_chained(&before))
}

/// A text without what stands in brackets that are closed again.
fn outside(text: &str) -> String {
    let mut kept = String::new();
    let mut opened = Vec::new();
    for c in text.chars() {
        match c {
            '(' | '{' | '[' => opened.push(kept.len()),
            ')' | '}' | ']' => {
                let from = opened.pop().unwrap_or(kept.len());
                kept.truncate(from);
                continue;
            }
            _ => {}
        }
        kept.push(c);
    }
    kept
}

/// Whether it is what a program does once something that it needs is there.
fn is_chained(line: &str) -> bool {
    [".then(", ".connect(", ".sync(", "(async (", "(async()"].iter().any(|mark| line.contains(mark))
}

/// Whether a line that opens a block is one that every start goes through.
fn is_entered(line: &str) -> bool {
    const GUARDS: [&str; 5] = ["__name__", "require.main", "import.meta", "func main()", "fn main("];
    const STARTS: [&str; 8] = ["main", "start", "bootstrap", "run", "serve", "init", "boot", "listen"];
    if GUARDS.iter().any(|guard| line.contains(guard)) {
        return !line.contains("&&") && !line.contains("||") && !line.contains(" and ");
    }
    let named = |word: &str| STARTS.iter().any(|start| word.to_ascii_lowercase().starts_with(start));
    let function = ["function ", "def ", "const ", "async function "];
    if let Some(rest) = function.iter().find_map(|mark| line.strip_prefix(mark)) {
        return rest.split(|c: char| !c.is_alphanumeric()).next().is_some_and(named);
    }
    let tried = line.starts_with("try {") || line.starts_with("try:");
    (tried || is_chained(line)) && !line.starts_with("if") && !line.contains("else")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(file: &str, content: &str, started: &str) -> Option<(u16, usize)> {
        sure(file, content, started).map(|found| (found.port, found.line))
    }

    #[test]
    fn a_number_in_the_call_that_listens_is_sure() {
        let node = |content: &str| port("server.js", content, "node server.js");
        for (content, found) in [
            ("http.createServer(f).listen(3000);", (3000, 1)),
            ("http.createServer((q, r) => r.end(q.a || 'x')).listen(3000)", (3000, 1)),
            ("db.connect(url).then(() => app.listen(3000))", (3000, 1)),
            ("// app.listen(1)\n\napp.listen(3000, () => console.log('up'))", (3000, 3)),
            ("const port = 3000;\napp.listen(port, '0.0.0.0')", (3000, 2)),
            ("const port = 3000;\napp.listen(port, () => {\n  log(`${port}`)\n})", (3000, 2)),
            ("const PORT = 8081\nfunction start() {\n  app.listen(PORT)\n}\nstart()", (8081, 3)),
            ("async function bootstrap() {\n  await app.listen(3000);\n}\nbootstrap();", (3000, 2)),
            ("mongoose.connect(url).then(() => {\n  app.listen(4000)\n})", (4000, 2)),
            ("fastify.listen({ port: 3000, host: '0.0.0.0' })", (3000, 1)),
            ("if (require.main === module) {\n  app.listen(3000)\n}", (3000, 2)),
            ("app.use((q, r) => {\n  if (q.x) {\n    r.end()\n  }\n})\napp.listen(3000)", (3000, 6)),
        ] {
            assert_eq!(node(content), Some(found), "{content}");
        }
        assert_eq!(port("src/main.ts", "app.listen(3000);", "node dist/main"), Some((3000, 1)));
        let python = "if __name__ == \"__main__\":\n    app.run(host=\"0.0.0.0\", port=5001)\n";
        assert_eq!(port("app.py", python, "python app.py"), Some((5001, 2)));
        let served = "PORT = 8000\nHTTPServer((\"\", PORT), Handler).serve_forever()";
        assert_eq!(port("main.py", served, ".venv/bin/python main.py"), Some((8000, 2)));
        let go = "package main\n\nfunc main() {\n\thttp.ListenAndServe(\":8080\", nil)\n}\n";
        assert_eq!(port("main.go", go, "./app"), Some((8080, 4)));
        let rust = "async fn main() {\n    let l = TcpListener::bind(\"0.0.0.0:3000\").await.unwrap();\n}\n";
        assert_eq!(port("src/main.rs", rust, "./target/release/app"), Some((3000, 2)));
    }

    #[test]
    fn in_doubt_it_says_nothing() {
        for content in [
            "app.listen(port)",
            "app.listen(config.port)",
            "app.listen(+process.argv[2] || 3000)",
            "app.listen(0)",
            "app.listen('/tmp/socket')",
            "let port = 3000;\nport = pick();\napp.listen(port)",
            "const port = dev ? 3000 : 4000;\napp.listen(port)",
            "if (dev) app.listen(3000)",
            "if (process.env.NODE_ENV !== 'production') {\n  app.listen(3000)\n}",
            "dev && app.listen(3000)",
            "function local() {\n  app.listen(3000)\n}",
            "console.log('app.listen(3000)')",
            "const text = `\napp.listen(3000)\n`",
            "/* app.listen(3000) */",
            "app.listen(3000)\nadmin.listen(config.admin)",
            "server.listen(3000 + offset)",
        ] {
            assert_eq!(port("server.js", content, "node server.js"), None, "{content}");
        }
        assert_eq!(
            port("dev.js", "app.listen(3000)", "node server.js"),
            None,
            "it is not the one that is started"
        );
        let python = "if __name__ == \"__main__\":\n    uvicorn.run(app, port=8000)\n";
        assert_eq!(port("main.py", python, "uvicorn main:app --port 80"), None, "only imported");
        assert_eq!(port("main.py", "\"\"\"\napp.run(port=1)\n\"\"\"", "python main.py"), None);
        assert_eq!(port("main.py", "app.run()", "python main.py"), None);
        assert_eq!(port("lib.go", "package lib\nhttp.ListenAndServe(\":8080\", nil)", "./app"), None);
    }

    #[test]
    fn any_text_has_an_answer() {
        for text in
            [".listen(", ".listen({", ".listen({port", "é.listen(é", "`.listen(3000", ".listen(port:", "="]
        {
            let _ = sure("a.js", text, "node a.js");
        }
        for text in
            ["app.run(port", "HTTPServer((", "HTTPServer((\"", "HTTPServer(([", "HTTPServer((\"é\", é"]
        {
            let _ = sure("a.py", text, "python a.py");
        }
    }
}
