//! Real git, a real TLS server, and names that mean something else from one moment to the next.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "test code")]

use async_trait::async_trait;
use machine::{
    clock::MachineClock,
    objects::Objects,
    source::{
        MachineSource, Options,
        address::{Reach, Resolver},
    },
};
use model::port::{PortError, source::SourceRef};
use std::{
    fs,
    io::{self, BufRead as _},
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};
use tempfile::TempDir;
use tests::conformance::source::{fetch_as, git, has_git};

/// Serves a folder over TLS, and sends `/moved/HOST/…` on to `https://HOST:PORT/…`, `/round/…` to itself.
const SERVER: &str = r#"
import http.server, ssl, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        open('asked', 'a').write(self.headers.get('Host', '') + ' ' + self.path + ' ' + (self.headers.get('Authorization') or '-') + chr(10))
        parts = self.path.split('/', 3)
        if parts[1] == 'moved':
            return self.go('https://%s/%s' % (parts[2].replace('PORT', str(port)), parts[3]))
        if parts[1] == 'round':
            return self.go(self.path)
        super().do_GET()
    def go(self, to):
        self.send_response(302)
        self.send_header('Location', to)
        self.send_header('Content-Length', '0')
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
port = server.server_address[1]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('cert.pem', 'key.pem')
server.socket = context.wrap_socket(server.socket, server_side=True)
print(port, flush=True)
server.serve_forever()
"#;

/// The server; it ends with the test.
struct Server {
    folder: TempDir,
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    assert!(found || std::env::var("CI").is_err(), "{program} is not installed; this test needs it");
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    if !found {
        eprintln!("skipped: {program} is not installed");
    }
    found
}

impl Server {
    /// With a certificate of its own for every name that is used here; `None` where a program is missing.
    fn start() -> Option<Self> {
        if !(has_git() && has("python3") && has("openssl")) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=git.example"])
            .args(["-addext", "subjectAltName=DNS:git.example,DNS:other.example,DNS:inside.example"])
            .args(["-keyout", "key.pem", "-out", "cert.pem"])
            .current_dir(at)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::create_dir(at.join("work")).unwrap();
        fs::write(at.join("work/file"), "text").unwrap();
        for arguments in [&["init", "--quiet"][..], &["add", "-A"], &["commit", "--quiet", "-m", "one"]] {
            git(&at.join("work"), arguments);
        }
        git(at, &["clone", "--quiet", "--bare", "work", "repo.git"]);
        git(&at.join("repo.git"), &["update-server-info"]);
        fs::write(at.join("asked"), "").unwrap();
        let mut child = Command::new("python3")
            .args(["-c", SERVER])
            .current_dir(at)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Some(Self { folder, child, port })
    }

    /// What was asked of it, a line each: host, path, authorization.
    fn asked(&self) -> String {
        fs::read_to_string(self.folder.path().join("asked")).unwrap()
    }
}

/// Answers each question about a name with the next of its answers, the last one again and again.
struct Names(Mutex<Vec<(&'static str, Vec<Ipv4Addr>)>>);

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, host: &str, _: u16) -> io::Result<Vec<IpAddr>> {
        let mut names = self.0.lock().unwrap();
        let (_, answers) = names.iter_mut().find(|(name, _)| *name == host).ok_or(io::ErrorKind::NotFound)?;
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0] };
        Ok(vec![answer.into()])
    }
}

/// The test's public internet.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
/// What lies inside. The server would answer there as well.
const INSIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

fn source(server: &Server, data: &Path, names: Vec<(&'static str, Vec<Ipv4Addr>)>) -> MachineSource {
    let objects = Arc::new(Objects::open(&data.join("objects")).unwrap());
    let clock = Arc::new(MachineClock::open(data).unwrap());
    let reach = Reach { resolver: Arc::new(Names(Mutex::new(names))), allowed: |address| address == PUBLIC };
    let authorities: Option<PathBuf> = Some(server.folder.path().join("cert.pem"));
    let options = Options::new(data, "/usr/local/bin:/usr/bin:/bin", objects, clock);
    MachineSource::open(Options { reach, authorities, ..options }).unwrap()
}

fn at(url: String) -> SourceRef {
    SourceRef::Git { url, branch: None, commit: None }
}

/// No name service knows `git.example`: git gets there by the address that was checked, though a second question would
/// have led inside.
#[tokio::test(flavor = "multi_thread")]
async fn git_connects_to_the_address_that_was_checked() {
    let Some(server) = Server::start() else { return };
    let data = tempfile::tempdir().unwrap();
    let source = source(&server, data.path(), vec![("git.example", vec![PUBLIC, INSIDE])]);
    let url = at(format!("https://git.example:{}/repo.git", server.port));
    let found = fetch_as(&source, &url, "one", None).await.unwrap();
    assert_eq!(found.manifest.files, 1);
    let error = fetch_as(&source, &url, "two", None).await.unwrap_err();
    assert!(matches!(&error, PortError::Permanent(text) if text.contains("127.0.0.2")), "{error}");
}

/// Each on its own merits; the token stays with its server, and nothing is asked of what lies inside.
#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_checked_one_by_one() {
    let Some(server) = Server::start() else { return };
    let data = tempfile::tempdir().unwrap();
    let names = vec![
        ("git.example", vec![PUBLIC]),
        ("other.example", vec![PUBLIC]),
        ("inside.example", vec![INSIDE]),
    ];
    let source = source(&server, data.path(), names);
    let port = server.port;
    let good = format!("https://git.example:{port}/moved/other.example:PORT/repo.git");
    let found = fetch_as(&source, &at(good), "good", Some("t0ken")).await.unwrap();
    assert_eq!(found.manifest.files, 1);
    let asked = server.asked();
    let by = |host: &str, line: &str| line.starts_with(&format!("{host}:{port} "));
    assert!(asked.lines().any(|line| by("git.example", line) && !line.ends_with(" -")), "{asked}");
    assert!(asked.lines().any(|line| by("other.example", line)), "{asked}");
    assert!(asked.lines().all(|line| !by("other.example", line) || line.ends_with(" -")), "{asked}");
    for (key, url, said) in [
        ("inside", "/moved/inside.example:PORT/repo.git", "127.0.0.2"),
        ("metadata", "/moved/169.254.169.254/latest/meta-data", "169.254.169.254"),
        ("round", "/round/repo.git", "redirected more than 5 times"),
    ] {
        let error =
            fetch_as(&source, &at(format!("https://git.example:{port}{url}")), key, None).await.unwrap_err();
        assert!(matches!(&error, PortError::Permanent(text) if text.contains(said)), "{key}: {error}");
    }
    let asked = server.asked();
    assert!(!asked.lines().any(|line| by("inside.example", line)), "{asked}");
}

/// In our words.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_or_not_trusted_is_said() {
    let Some(server) = Server::start() else { return };
    let data = tempfile::tempdir().unwrap();
    let all = source(&server, data.path(), vec![("git.example", vec![PUBLIC])]);
    let url = format!("https://git.example:{}/none.git", server.port);
    let error = fetch_as(&all, &at(url), "none", None).await.unwrap_err().to_string();
    assert!(error.contains("there is no repository at"), "{error}");
    let error =
        fetch_as(&all, &at("https://nobody.example/a.git".to_owned()), "nobody", None).await.unwrap_err();
    assert!(!error.is_transient() && error.to_string().contains("`nobody.example` is unknown"), "{error}");
    let other = tempfile::tempdir().unwrap();
    fs::write(
        server.folder.path().join("cert.pem"),
        fs::read("/etc/ssl/certs/ca-certificates.crt").unwrap_or_default(),
    )
    .unwrap();
    let stranger = source(&server, other.path(), vec![("git.example", vec![PUBLIC])]);
    let url = format!("https://git.example:{}/repo.git", server.port);
    let error = fetch_as(&stranger, &at(url), "stranger", None).await.unwrap_err();
    assert!(error.to_string().contains("isn't trusted"), "{error}");
}
