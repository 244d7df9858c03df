//! Measures the detector and the redactor on one core: `cargo run --release -p inspect --example redact_bench [FILE]`.
//! Without a file it makes a log with few secrets, and `--write FILE [MIB]` keeps it for a peer to be run on, as
//! `--scan FILE` and `--redact FILE` are for one pass each.
//! `--score` reads strings as JSON lines (`{"text": …}`) from stdin and answers `true` or `false` for each.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "this measures and prints")]

use std::io::BufRead as _;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--score"] => return score(),
        ["--tree", folder] => tree(std::path::Path::new(folder)),
        ["--write", file] => std::fs::write(file, made(64 << 20))?,
        ["--write", file, mib] => std::fs::write(file, made(mib.parse::<usize>()? << 20))?,
        ["--scan", file] => println!("{}", inspect::secret::scan_text("log", &std::fs::read(file)?).len()),
        ["--redact", file] => redact(std::fs::File::open(file)?)?,
        [file] => measure(&std::fs::read(file)?),
        _ => measure(&made(64 << 20)),
    }
    Ok(())
}

/// What is found in a folder: on one of ordinary sources nearly all of it is found wrongly.
fn tree(folder: &std::path::Path) {
    for finding in inspect::secret::scan_tree(folder, &inspect::secret::ScanOptions::default()) {
        println!("{}:{}: {}: {}", finding.file, finding.line, finding.kind, finding.shown.trim());
    }
}

/// One pass in chunks, as a log comes.
fn redact(mut from: impl std::io::Read) -> std::io::Result<()> {
    let mut redactor = inspect::redact::Redactor::new(&[]);
    let mut chunk = vec![0; 256 << 10];
    let mut hidden = 0;
    loop {
        let length = from.read(&mut chunk)?;
        if length == 0 {
            break;
        }
        hidden += memchr::memmem::find_iter(&redactor.push(&chunk[..length]), b"***").count();
    }
    hidden += memchr::memmem::find_iter(&redactor.finish(), b"***").count();
    println!("{hidden}");
    Ok(())
}

/// The best of five runs of each.
fn measure(text: &[u8]) {
    let redact = |chunk: usize| {
        let mut redactor = inspect::redact::Redactor::new(&["a-literal-value-1".to_owned()]);
        let mut hidden = 0;
        for part in text.chunks(chunk) {
            hidden += memchr::memmem::find_iter(&redactor.push(part), b"***").count();
        }
        hidden + redactor.finish().len()
    };
    report("scan", text, || inspect::secret::scan_text("log", text).len());
    report("redact, 64 KiB chunks", text, || redact(64 << 10));
    report("redact, 1 MiB chunks", text, || redact(1 << 20));
}

fn report(what: &str, text: &[u8], work: impl Fn() -> usize) {
    let mut best = f64::INFINITY;
    let mut found = 0;
    for _ in 0..5 {
        let start = Instant::now();
        found = work();
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!("{what:24} {:8.0} MB/s   {found} found", text.len() as f64 / best / 1e6);
}

/// Each string is redacted as a file of its own: what changed holds a secret.
fn score() -> Result<(), Box<dyn std::error::Error>> {
    for line in std::io::stdin().lock().lines() {
        let row: serde_json::Value = serde_json::from_str(&line?)?;
        let text = row["text"].as_str().unwrap_or_default();
        let mut redactor = inspect::redact::Redactor::new(&[]);
        let mut out = redactor.push(text.as_bytes());
        out.extend(redactor.finish());
        println!("{}", out != text.as_bytes());
    }
    Ok(())
}

/// A log as services write it: requests, JSON, stack traces; one line in 2,000 holds a secret.
fn made(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut out = Vec::with_capacity(length + 512);
    let mut line = 0_u64;
    while out.len() < length {
        let (a, b) = (next(), next());
        let time =
            format!("2026-11-{:02}T{:02}:{:02}:{:02}.{:03}Z", a % 28 + 1, a % 24, a % 60, b % 60, b % 1000);
        let text = match (line % 2000, line % 8) {
            (1999, _) => format!("{time} WARN config: api_key={a:016x}{b:016x} loaded\n"),
            (_, 0 | 1) => format!(
                "{time} INFO http: GET /v1/orders/{}?page={} status=200 bytes={} took={}ms request_id={:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}\n",
                a % 100_000,
                b % 50,
                a % 90_000,
                b % 900,
                a as u32,
                b as u16,
                a % 4096,
                b % 4096,
                b % (1 << 48)
            ),
            (_, 2) => format!(
                "{{\"time\":\"{time}\",\"level\":\"info\",\"logger\":\"app.cache\",\"msg\":\"evicted entries from the cache\",\"count\":{},\"shard\":{},\"trace\":\"{a:016x}\"}}\n",
                a % 1000,
                b % 16
            ),
            (_, 3) => format!(
                "{time} DEBUG sql: SELECT id, name, created_at FROM customers WHERE region = $1 LIMIT {} -- {}ms\n",
                a % 100,
                b % 40
            ),
            (_, 4) => {
                "    at org.example.service.orders.OrderRepository.findByCustomer(OrderRepository.java:214)\n"
                    .into()
            }
            (_, 5) => format!(
                "{time} INFO worker-{}: fetched https://cdn.example.org/assets/img/{}/thumb.webp in {} ms\n",
                a % 16,
                b % 100_000,
                a % 300
            ),
            (_, 6) => format!(
                "10.{}.{}.{} - - [{time}] \"POST /api/events HTTP/1.1\" 204 0 \"-\" \"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0\"\n",
                a % 256,
                b % 256,
                a % 250
            ),
            _ => format!(
                "{time} INFO session: user {} signed in, the token is valid for {} minutes; key rotation in {} days\n",
                a % 9000,
                b % 60,
                a % 30
            ),
        };
        out.extend_from_slice(text.as_bytes());
        line += 1;
    }
    out
}
