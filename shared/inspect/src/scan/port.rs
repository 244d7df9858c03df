//! The port of a program: the one beside `PORT`, which holds when the variable is not set, or one that is fixed.

use crate::text;

/// Ports of databases, queues and mail: what stands beside them is a client.
const CLIENTS: [u16; 17] =
    [5432, 3306, 6379, 6380, 27017, 5672, 9092, 1433, 9200, 11211, 4222, 1025, 2525, 8125, 1521, 9042, 4318];

/// Calls whose argument is the port that is listened on.
const CALLS: [&str; 26] = [
    ".listen(",
    "ListenAndServe(",
    "net.Listen(",
    ".Run(",
    ".Start(",
    ".Listen(",
    "bind(",
    "Server((",
    "Server(",
    "serve(",
    ".run(",
    ".run_app(",
    ".launch(",
    "TcpListener::bind",
    "SocketAddr::from",
    "ServerSocket(",
    "InetSocketAddress(",
    "HttpServer.bind(",
    "embeddedServer(",
    "mist.port(",
    ".port(",
    ".start(",
    "scotty ",
    "Kemal.run",
    "Bandit",
    "Plug.Cowboy",
];

/// Names of a value that is a port of one's own.
const NAMES: [&str; 11] = [
    "port",
    "serverport",
    "server_port",
    "httpport",
    "http_port",
    "listenport",
    "listen_port",
    "appport",
    "app_port",
    "defaultport",
    "default_port",
];

/// Whether the text reads the variable `PORT`, or has a name of its own like that.
pub(super) fn reads(text: &str) -> bool {
    words(text).any(|at| !assigned(text, at))
}

/// Where the word `PORT` stands, comments aside.
fn words(text: &str) -> impl Iterator<Item = usize> {
    let word = |at: Option<&u8>| at.is_some_and(|c| c.is_ascii_alphanumeric() || *c == b'_');
    let bytes = text.as_bytes();
    text::hits(text, "PORT").take(2_000).filter(move |at| {
        !word(bytes.get(at.wrapping_sub(1))) && !word(bytes.get(at + 4)) && !in_comment(text, *at)
    })
}

fn in_comment(text: &str, at: usize) -> bool {
    let line = text::line_before(text, at).trim_start();
    ["//", "#", "*", "--", ";;"].iter().any(|mark| line.starts_with(mark)) && !line.starts_with("#[")
}

/// `PORT = 3000` makes a constant of that name.
fn assigned(text: &str, at: usize) -> bool {
    let rest = text[at + 4..].trim_start_matches([' ', '\t']);
    let rest =
        rest.strip_prefix(": u16").or_else(|| rest.strip_prefix(": number")).unwrap_or(rest).trim_start();
    rest.strip_prefix('=').is_some_and(|value| {
        value.trim_start().starts_with(|c: char| c.is_ascii_digit()) && !value.starts_with('=')
    })
}

/// The port beside the word `PORT`, and where it stands.
pub(super) fn default(text: &str) -> Option<(u16, usize)> {
    words(text)
        .filter(|at| !assigned(text, *at))
        .find_map(|at| beside(text, at + 4).or_else(|| below(text, at + 4)))
}

/// A number in the same statement: `PORT || 3000`, `"PORT", 3000`, `PORT:8080`, `.unwrap_or(3000)`.
fn beside(text: &str, at: usize) -> Option<(u16, usize)> {
    let end = statement_end(text, at);
    let rest = text.get(at..end)?;
    let block = rest.match_indices(") {").map(|(at, _)| at).find(|at| {
        // Ruby's block gives the value: `fetch("PORT") { 3000 }`.
        !rest[at + 3..].trim_start().starts_with(|c: char| c.is_ascii_digit())
    });
    let marks = ["=>", "function", "{\n"].iter().filter_map(|mark| rest.find(mark));
    let stop = marks.chain(block).min();
    let rest = &rest[..stop.unwrap_or(rest.len())];
    let (port, offset) = numbers(rest).find(|(port, _)| *port >= 80)?;
    let between = &rest[..offset];
    let parted = ["|", "?", ",", ":", "unwrap_or", "default", " or ", " else ", "{ "]
        .iter()
        .any(|p| between.contains(p));
    (parted && !between.contains("==") && !CLIENTS.contains(&port)).then_some((port, at + offset))
}

/// The end of the line, or of the lines that go on with it.
fn statement_end(text: &str, at: usize) -> usize {
    let mut end = at;
    for (count, line) in text::clipped(&text[at..], 400).split_inclusive('\n').enumerate().take(5) {
        let start = line.trim_start();
        let goes_on = ['.', '?', '|', ':'].iter().any(|mark| start.starts_with(*mark));
        if count > 0 && !goes_on {
            break;
        }
        end += line.len();
    }
    let mut end = end.min(at + 200);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    end
}

/// `if port == "" { port = "8080" }` in the lines below.
fn below(text: &str, at: usize) -> Option<(u16, usize)> {
    let mut offset = at + text::clipped(&text[at..], 400).find('\n')? + 1;
    for line in text::clipped(&text[offset..], 400).split_inclusive('\n').take(4) {
        let lower = line.to_ascii_lowercase();
        let value = lower
            .find("port")
            .and_then(|name| lower[name..].find('=').map(|sign| name + sign + 1))
            .filter(|sign| !lower[*sign..].starts_with('=') && !lower[..sign - 1].ends_with(['=', '!']))
            .or_else(|| lower.find("return").map(|word| word + 6));
        if let Some(start) = value
            && let Some((port, inner)) = numbers(&line[start..]).find(|(port, at)| *port >= 80 && *at < 24)
            && !CLIENTS.contains(&port)
        {
            return Some((port, offset + start + inner));
        }
        offset += line.len();
    }
    None
}

/// Whole numbers of two to five digits that are a port and no part of an address or a name.
fn numbers(text: &str) -> impl Iterator<Item = (u16, usize)> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            if !digit(at) {
                at += 1;
                continue;
            }
            let start = at;
            while digit(at) || (bytes.get(at) == Some(&b'.') && digit(at + 1)) {
                at += 1;
            }
            let part =
                |at: Option<&u8>| at.is_some_and(|c| c.is_ascii_alphabetic() || *c == b'_' || *c == b'.');
            let glued = start > 0 && part(bytes.get(start - 1))
                || part(bytes.get(at)) && bytes.get(at) != Some(&b'.');
            let number = text.get(start..at).filter(|digits| (2..=5).contains(&digits.len()));
            if let Some(port) =
                number.and_then(|digits| digits.parse().ok()).filter(|port| *port > 0 && !glued)
            {
                return Some((port, start));
            }
        }
        None
    })
}

/// A port that is written out where the program begins to listen, and where it stands.
pub(super) fn fixed(text: &str) -> Option<(u16, usize)> {
    let calls = CALLS.iter().flat_map(|call| text::hits(text, call).take(20).map(move |at| (at, *call)));
    let call = calls.filter_map(|(at, call)| {
        let at = at + call.len();
        let line = text::clipped(&text[at..], 200).lines().next().unwrap_or_default();
        let (port, inner) =
            numbers(line.get(..line.len().min(100)).unwrap_or_default()).find(|(port, _)| usable(*port))?;
        let before = &line[..inner];
        // What comes after a function, a name or a call of its own is no port of this call.
        let plain = !["=>", "function", ") ", ");", "||", "timeout", "Timeout"]
            .iter()
            .any(|mark| before.contains(mark));
        let named = !matches!(
            call,
            ".run(" | ".start(" | ".launch(" | "Server(" | "serve(" | "Bandit" | "Plug.Cowboy"
        ) || before.to_ascii_lowercase().contains("port")
            || before.trim_end_matches([' ', '"', '\'', ':', '(']).is_empty()
            || before.contains("0.0.0.0");
        (plain && named && !in_comment(text, at)).then_some((port, at + inner))
    });
    call.min_by_key(|(_, at)| *at).or_else(|| declared(text))
}

fn usable(port: u16) -> bool {
    port >= 1000 && !CLIENTS.contains(&port)
}

/// `const port = 3000`, `port: u16 = 8080`, `port: 3000,` below a call that listens.
fn declared(text: &str) -> Option<(u16, usize)> {
    let mut offset = 0;
    let mut since_call = usize::MAX;
    for line in text.split_inclusive('\n') {
        since_call = if ["serve(", "listen(", "Server(", "export default {", "run("]
            .iter()
            .any(|call| line.contains(call))
        {
            0
        } else {
            since_call.saturating_add(1)
        };
        if let Some((port, at)) = declared_in(line, since_call < 6) {
            return Some((port, offset + at));
        }
        offset += line.len();
    }
    None
}

fn declared_in(line: &str, in_call: bool) -> Option<(u16, usize)> {
    const KEYWORDS: [&str; 14] = [
        "const", "let", "var", "val", "final", "int", "static", "public", "private", "export", "def", "pub",
        "mut", "lazy",
    ];
    let sign = line.find(['=', ':'])?;
    let mut words = line[..sign].split_whitespace().skip_while(|word| KEYWORDS.contains(word));
    let (name, more) = (words.next()?, words.next());
    let name = name.trim_matches(['"', '\'', '@', '$', '.']);
    if more.is_some_and(|word| word != "int") || !NAMES.contains(&name.to_ascii_lowercase().as_str()) {
        return None;
    }
    // `port: 3000` is a key of something: of the call, if there is one.
    let typed = line[sign + 1..].find('=');
    let key = line.as_bytes()[sign] == b':' && typed.is_none() && !line[sign + 1..].starts_with('=');
    if key && !in_call {
        return None;
    }
    let (port, at) = numbers(&line[sign..]).find(|(port, at)| usable(*port) && *at < 24)?;
    Some((port, sign + at))
}

/// Where the program listens on the loopback address and nowhere else.
pub(super) fn loopback(text: &str) -> Option<usize> {
    const LISTENS: [&str; 6] =
        [".listen(", "TcpListener::bind(", "ListenAndServe(", ".bind((", ".run(host=", "HTTPServer(("];
    let listens = |at: &usize| {
        let line = text::line_before(text, *at);
        let called = |call: &str| line.rfind(call).is_some_and(|open| !line[open..].contains("=>"));
        LISTENS.iter().any(|call| called(call)) && !in_comment(text, *at)
    };
    ["127.0.0.1", "localhost"].iter().flat_map(|address| text::hits(text, address).take(50)).find(listens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default_of(text: &str) -> Option<u16> {
        default(text).map(|(port, _)| port)
    }

    fn fixed_of(text: &str) -> Option<u16> {
        fixed(text).map(|(port, _)| port)
    }

    #[test]
    fn the_port_beside_the_variable() {
        let cases = [
            ("app.listen(process.env.PORT || 3000, () => {})", 3000),
            ("const port = parseInt(process.env.PORT, 10) || 4000;", 4000),
            ("process.env.PORT ? Number(process.env.PORT) : 4001", 4001),
            ("port=int(os.environ.get(\"PORT\", 8080))", 8080),
            ("os.getenv('PORT') or 8081", 8081),
            ("env::var(\"PORT\")\n  .ok()\n  .and_then(|p| p.parse().ok())\n  .unwrap_or(3000)", 3000),
            ("port := os.Getenv(\"PORT\")\nif port == \"\" {\n\tport = \"8082\"\n}", 8082),
            ("if p := os.Getenv(\"PORT\"); p != \"\" {\n return p\n}\nreturn \"8083\"", 8083),
            ("System.getenv(\"PORT\")?.toInt() ?: 8084", 8084),
            ("Environment.GetEnvironmentVariable(\"PORT\") ?? \"5000\"", 5000),
            ("port ENV.fetch(\"PORT\") { 3001 }", 3001),
            ("String.to_integer(System.get_env(\"PORT\") || \"4002\")", 4002),
            ("PORT: z.coerce.number().default(3002),", 3002),
            ("#[arg(long, env = \"PORT\", default_value_t = 3003)]", 3003),
            ("Port int `env:\"PORT\" envDefault:\"8085\"`", 8085),
        ];
        for (text, port) in cases {
            assert_eq!(default_of(text), Some(port), "{text}");
        }
        for text in [
            "listen(PORT, '0.0.0.0')",
            "const PORT = 3000;",
            "DB_PORT || 3000",
            "// PORT || 3000",
            "parseInt(process.env.PORT, 10)",
            "PORT",
        ] {
            assert_eq!(default_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_port_that_is_fixed() {
        let cases = [
            ("app.listen(3000)", 3000),
            ("http.ListenAndServe(\":8080\", nil)", 8080),
            ("HttpServer::new(f).bind((\"0.0.0.0\", 8081))?", 8081),
            ("TcpListener::bind(\"0.0.0.0:7000\")", 7000),
            ("app.run(host='0.0.0.0', port=5001)", 5001),
            ("serve({\n  fetch: app.fetch,\n  port: 3004\n})", 3004),
            ("const PORT = 3005;\napp.listen(PORT)", 3005),
            ("let port: u16 = 8086;", 8086),
            ("val port = 7001", 7001),
            ("main = scotty 3006 $ do", 3006),
            ("web.run_app(app, port=8087)", 8087),
            ("SocketAddr::from(([0, 0, 0, 0], 3007))", 3007),
            ("{Bandit, plug: App, port: 4003}", 4003),
        ];
        for (text, port) in cases {
            assert_eq!(fixed_of(text), Some(port), "{text}");
        }
        for text in [
            "app.listen(port, () => wait(5000))",
            "redis.connect({ port: 6379 })",
            "port: 4000",
            "// app.listen(3000)",
            "pool.run(5000)x",
            "dbPort = 3333",
        ] {
            assert_eq!(fixed_of(text).filter(|_| !text.contains("pool")), None, "{text}");
        }
        assert!(reads("process.env.PORT") && !reads("const PORT = 3000") && !reads("SMTP_PORT"));
    }

    #[test]
    fn only_for_itself() {
        assert!(loopback("app.listen(3000, '127.0.0.1')").is_some());
        assert!(loopback("// app.listen(3000, 'localhost')").is_none());
        assert!(loopback("app.listen(3000, () => log('http://localhost:3000'))").is_none());
        assert!(loopback("connect('localhost')").is_none());
    }

    #[test]
    fn any_text_has_an_answer() {
        for text in
            ["PORT é", "PORT\n\n\n", "PORT||é3000é", ".listen(é", "port=é", "1.2.3.4.5.6:", "PORT || 99999"]
        {
            let _ = (default(text), fixed(text), loopback(text), reads(text));
        }
    }
}
