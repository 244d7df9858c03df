//! Git, by its own command line, told to trust nothing.
//!
//! Invariant: only https and local paths are reached; no hook, submodule, filter or configuration of the user, the
//! system or the repository takes part; the token travels in an environment variable of the process and nowhere
//! else; whatever git says is shown without it.

use super::tree::Bounds;
use crate::target::{files, process};
use model::port::PortError;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::{collections::BTreeMap, path::Path, process::Stdio, time::Duration};
use tokio::{io::AsyncReadExt as _, process::Command};
use url::Url;

/// Settings that no repository and no user can change.
const SETTINGS: [&str; 16] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.symlinks=true",
    "core.autocrlf=false",
    "credential.helper=",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "transfer.fsckObjects=false",
    "protocol.allow=never",
    "protocol.ext.allow=never",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "init.defaultBranch=main",
];
/// Of what git says, no more is read.
const OUTPUT_BYTES: u64 = 64 * 1024 * 1024;

/// What is wanted, checked.
#[derive(Clone)]
pub(super) struct Wanted {
    url: String,
    local: bool,
    branch: Option<String>,
    commit: Option<String>,
    token: Option<String>,
}

impl Wanted {
    /// Refuses whatever git could take for anything else than an https address or a local path.
    pub(super) fn parse(
        url: &str,
        branch: Option<&str>,
        commit: Option<&str>,
        token: Option<&str>,
    ) -> Result<Self, PortError> {
        let refuse = |why: &str| Err(PortError::Permanent(format!("`{}` is not fetched: {why}", shown(url))));
        if url.starts_with('-') || url.chars().any(char::is_control) {
            return refuse(
                "an address must not begin with `-` or hold control characters; give an https address or an absolute path",
            );
        }
        let local = url.starts_with('/');
        if !local {
            match Url::parse(url) {
                Ok(parsed) if parsed.scheme() != "https" => {
                    return refuse(
                        "only https addresses and absolute paths of this machine are; use the repository's https address",
                    );
                }
                Ok(parsed) if !parsed.username().is_empty() || parsed.password().is_some() => {
                    return refuse(
                        "it holds a user name or password; give the address without it, and the token by itself",
                    );
                }
                Ok(parsed) if parsed.host_str().is_none_or(str::is_empty) => {
                    return refuse("it names no host");
                }
                Ok(_) => {}
                Err(_) => {
                    return refuse("it is neither an https address nor an absolute path; use one of them");
                }
            }
        }
        if let Some(branch) = branch
            && !is_reference(branch)
        {
            return Err(PortError::Permanent(format!(
                "`{}` can't be the name of a branch or tag; check it",
                shown(branch)
            )));
        }
        if let Some(commit) = commit
            && !(matches!(commit.len(), 40 | 64) && commit.bytes().all(|b| b.is_ascii_hexdigit()))
        {
            return Err(PortError::Permanent(format!(
                "`{}` is not a full commit id; give all 40 digits",
                shown(commit)
            )));
        }
        if token.is_some_and(|token| token.chars().any(|c| c.is_control() || c.is_whitespace())) {
            return Err(PortError::Permanent(format!(
                "the token for `{}` holds spaces or line breaks; give the token alone",
                shown(url)
            )));
        }
        let token = token.filter(|token| !token.is_empty() && !local).map(str::to_owned);
        let (branch, commit) = (branch.map(str::to_owned), commit.map(str::to_ascii_lowercase));
        Ok(Self { url: url.to_owned(), local, branch, commit, token })
    }

    fn reference(&self) -> String {
        self.branch.clone().unwrap_or_else(|| "HEAD".into())
    }

    /// Never the token's own text.
    fn hide(&self, text: &str) -> String {
        match &self.token {
            Some(token) => text.replace(token.as_str(), "***").replace(&basic(token), "***"),
            None => text.to_owned(),
        }
    }
}

/// How git is run.
pub(super) struct Git<'a> {
    pub path: &'a str,
    pub patience: Duration,
    pub bounds: Bounds,
}

/// What a git command came to.
struct Said {
    success: bool,
    out: Vec<u8>,
    err: String,
}

impl Git<'_> {
    /// Fetches into the new folder `to` and answers the commit that is checked out there.
    pub(super) async fn fetch(&self, wanted: &Wanted, to: &Path) -> Result<String, PortError> {
        let fetching = self.fetch_all(wanted, to);
        tokio::time::timeout(self.patience, fetching).await.unwrap_or_else(|_| {
            Err(PortError::Transient(format!(
                "fetching `{}` took longer than {} s and was stopped; check the connection, or deploy from a folder",
                shown(&wanted.url),
                self.patience.as_secs()
            )))
        })
    }

    async fn fetch_all(&self, wanted: &Wanted, to: &Path) -> Result<String, PortError> {
        if wanted.local && !Path::new(&wanted.url).is_dir() {
            return Err(PortError::Permanent(format!(
                "the repository {} doesn't exist; check its path",
                wanted.url
            )));
        }
        files::folder(to)?;
        self.must(wanted, to, &["init", "--quiet", "--template=", "."]).await?;
        self.fetch_objects(wanted, to).await?;
        let commit = wanted.commit.clone().unwrap_or_else(|| "FETCH_HEAD".into());
        let resolved = self
            .must(wanted, to, &["rev-parse", "--verify", "--end-of-options", &format!("{commit}^{{commit}}")])
            .await?;
        let commit = String::from_utf8_lossy(&resolved).trim().to_owned();
        let list = self.must(wanted, to, &["ls-tree", "-r", "-l", "-z", "--full-tree", &commit]).await?;
        self.check_size(wanted, &list)?;
        self.must(wanted, to, &["checkout", "--quiet", "--force", "--detach", &commit]).await?;
        Ok(commit)
    }

    /// The commit alone where the server allows it, else the branch it should be on.
    async fn fetch_objects(&self, wanted: &Wanted, to: &Path) -> Result<(), PortError> {
        let fetch = |depth: bool, reference: String| async move {
            let mut arguments = vec!["fetch", "--quiet", "--no-tags", "--no-recurse-submodules"];
            if depth {
                arguments.push("--depth=1");
            }
            arguments.extend(["--", &wanted.url, &reference]);
            self.run(wanted, to, &arguments).await
        };
        let Some(commit) = &wanted.commit else {
            let said = fetch(true, wanted.reference()).await?;
            return if said.success { Ok(()) } else { Err(explain(wanted, &said.err)) };
        };
        if fetch(true, commit.clone()).await?.success {
            return Ok(());
        }
        let said = fetch(false, wanted.reference()).await?;
        if !said.success {
            return Err(explain(wanted, &said.err));
        }
        let there = self.run(wanted, to, &["cat-file", "-e", &format!("{commit}^{{commit}}")]).await?;
        if there.success {
            return Ok(());
        }
        let (url, branch) = (shown(&wanted.url), wanted.reference());
        Err(PortError::Permanent(format!(
            "`{url}` has no commit {commit} on `{branch}`; check the commit, or name the branch that it is on"
        )))
    }

    /// Sums what would be written before anything is.
    fn check_size(&self, wanted: &Wanted, list: &[u8]) -> Result<(), PortError> {
        let (mut bytes, mut entries) = (0_u64, 0_u64);
        for entry in list.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
            let head = entry.split(|byte| *byte == b'\t').next().unwrap_or_default();
            let size =
                String::from_utf8_lossy(head).split_whitespace().nth(3).and_then(|size| size.parse().ok());
            bytes = bytes.saturating_add(size.unwrap_or(0));
            entries += 1;
        }
        if bytes <= self.bounds.bytes && entries <= self.bounds.entries && (list.len() as u64) < OUTPUT_BYTES
        {
            return Ok(());
        }
        Err(PortError::Permanent(format!(
            "`{}` is too large: {entries} files of {} MiB, and {} files of {} MiB is the most; deploy a smaller repository or a folder",
            shown(&wanted.url),
            bytes >> 20,
            self.bounds.entries,
            self.bounds.bytes >> 20
        )))
    }

    async fn must(&self, wanted: &Wanted, folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, PortError> {
        let said = self.run(wanted, folder, arguments).await?;
        if said.success { Ok(said.out) } else { Err(explain(wanted, &said.err)) }
    }

    async fn run(&self, wanted: &Wanted, folder: &Path, arguments: &[&str]) -> Result<Said, PortError> {
        let mut child = Command::new("git")
            .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            .args([
                "-c",
                if wanted.local { "protocol.file.allow=always" } else { "protocol.https.allow=always" },
            ])
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(self.environment(wanted, folder))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|error| {
                PortError::Permanent(format!(
                    "git could not be started: {error}; install git, or deploy from a folder"
                ))
            })?;
        let mut group = Group(child.id().map_or(0, |id| id as i32));
        // Whatever git writes is a file somewhere: none may outgrow the bound.
        if let Some(pid) = Pid::from_raw(group.0) {
            let limit = Rlimit { current: Some(self.bounds.bytes), maximum: Some(self.bounds.bytes) };
            prlimit(Some(pid), Resource::Fsize, limit).ok();
        }
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let read_out = async {
            Ok::<_, std::io::Error>(if let Some(pipe) = stdout {
                pipe.take(OUTPUT_BYTES).read_to_end(&mut out).await?
            } else {
                0
            })
        };
        let read_err = async {
            Ok::<_, std::io::Error>(if let Some(pipe) = stderr {
                pipe.take(1 << 20).read_to_end(&mut err).await?
            } else {
                0
            })
        };
        let ended = tokio::try_join!(read_out, read_err);
        let status = child.wait().await;
        group.0 = 0; // reaped: the id may soon be somebody else's
        let failed = |error: std::io::Error| {
            PortError::Transient(format!("git could not be followed: {error}; try again"))
        };
        ended.map_err(failed)?;
        let err = wanted.hide(&String::from_utf8_lossy(&err));
        Ok(Said { success: status.map_err(failed)?.success(), out, err })
    }

    fn environment(&self, wanted: &Wanted, folder: &Path) -> BTreeMap<&'static str, String> {
        let mut all = BTreeMap::from([
            ("PATH", self.path.to_owned()),
            ("HOME", folder.display().to_string()),
            ("LANG", "C".into()),
            ("LC_ALL", "C".into()),
            ("GIT_CONFIG_NOSYSTEM", "1".into()),
            ("GIT_CONFIG_GLOBAL", "/dev/null".into()),
            ("GIT_TERMINAL_PROMPT", "0".into()),
            ("GIT_ASKPASS", "/bin/false".into()),
            ("GIT_ATTR_NOSYSTEM", "1".into()),
            ("GIT_LFS_SKIP_SMUDGE", "1".into()),
            // Neither a repository above the folder nor one that an environment names is ours.
            ("GIT_CEILING_DIRECTORIES", folder.parent().unwrap_or(folder).display().to_string()),
        ]);
        for name in ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            if let Ok(value) = std::env::var(name) {
                all.insert(name, value);
            }
        }
        if let Some(token) = &wanted.token
            && let Ok(url) = Url::parse(&wanted.url)
        {
            // For that host alone; git reads it from the environment, so it is in no argument and no file.
            all.insert("GIT_CONFIG_COUNT", "1".into());
            all.insert(
                "GIT_CONFIG_KEY_0",
                format!("http.{}/.extraHeader", url.origin().ascii_serialization()),
            );
            all.insert("GIT_CONFIG_VALUE_0", format!("Authorization: Basic {}", basic(token)));
        }
        all
    }
}

/// Ends git and its helpers when fetching is given up.
struct Group(i32);

impl Drop for Group {
    fn drop(&mut self) {
        process::signal_group(self.0, rustix::process::Signal::KILL);
    }
}

/// What git's words mean to the one who gave the address.
fn explain(wanted: &Wanted, said: &str) -> PortError {
    let url = shown(&wanted.url);
    let has = |parts: &[&str]| parts.iter().any(|part| said.contains(part));
    let needs_token = [
        "could not read Username",
        "Authentication failed",
        "terminal prompts disabled",
        "error: 401",
        "error: 403",
    ];
    if has(&["couldn't find remote ref", "Couldn't find remote ref", "not our ref"]) {
        let branch = wanted
            .branch
            .as_deref()
            .map_or_else(|| "a default branch".to_owned(), |branch| format!("a branch or tag `{branch}`"));
        return PortError::Permanent(format!("`{url}` doesn't have {branch}; check its name"));
    }
    if has(&needs_token) {
        return PortError::Permanent(match wanted.token {
            Some(_) => format!(
                "`{url}` refused the token; check that it may read this repository and hasn't expired"
            ),
            None => format!(
                "`{url}` is private or doesn't exist; check the address, or give a token that may read it"
            ),
        });
    }
    if has(&["does not appear to be a git repository", "not found", "error: 404"]) {
        return PortError::Permanent(format!(
            "there is no repository at `{url}`; check the address, or give a token if it is private"
        ));
    }
    if has(&["detected dubious ownership"]) {
        return PortError::Permanent(format!(
            "`{url}` belongs to another user, so git doesn't read it; clone it as yourself, then deploy the clone"
        ));
    }
    if has(&["File too large", "file size limit", "fatal: write error"]) {
        return PortError::Permanent(format!(
            "`{url}` is larger than what is fetched here; deploy a smaller repository or a folder"
        ));
    }
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("git said nothing").trim();
    let last: String = last.chars().take(300).collect();
    let network = [
        "Could not resolve host",
        "Failed to connect",
        "timed out",
        "unable to access",
        "early EOF",
        "hung up",
    ];
    let text = format!("fetching `{url}` failed: {last}; check the address and the connection");
    if has(&network) { PortError::Transient(text) } else { PortError::Permanent(text) }
}

/// Any name that git would take for a branch or tag, and for nothing else.
fn is_reference(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.' | '+' | '#' | '@');
    (1..=200).contains(&name.len())
        && name.chars().all(legal)
        && !name.starts_with(['-', '/', '+'])
        && !name.contains("..")
        && !name.contains("@{")
        && !name.ends_with(['/', '.'])
}

/// An address as it may be shown: without user info and cut.
fn shown(url: &str) -> String {
    let text = match Url::parse(url) {
        Ok(mut parsed) if !parsed.username().is_empty() || parsed.password().is_some() => {
            parsed.set_username("***").ok();
            parsed.set_password(None).ok();
            parsed.to_string()
        }
        _ => url.to_owned(),
    };
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// `x-access-token:TOKEN` in base 64, as GitHub and GitLab take tokens over https.
fn basic(token: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bytes = format!("x-access-token:{token}").into_bytes();
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let value = group
            .iter()
            .enumerate()
            .fold(0_u32, |sum, (place, byte)| sum | u32::from(*byte) << (16 - 8 * place));
        for place in 0..4 {
            let digit = DIGITS[(value >> (18 - 6 * place)) as usize & 63] as char;
            text.push(if place <= group.len() { digit } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_local_paths() {
        let parse = |url| Wanted::parse(url, None, None, None);
        assert!(parse("https://github.com/a/b.git").is_ok());
        assert!(parse("/srv/repository").is_ok());
        for bad in [
            "ext::sh -c id",
            "--upload-pack=id",
            "-x",
            "ssh://git@github.com/a/b",
            "git@github.com:a/b",
            "file:///etc",
            "http://github.com/a/b",
            "https://user:pw@github.com/a/b",
            "https://user@github.com/a",
            "../a",
            "a",
            "",
            "https://a/\nb",
            "git://github.com/a/b",
        ] {
            let error = parse(bad).err().unwrap_or_else(|| panic!("{bad} was taken"));
            assert!(matches!(error, PortError::Permanent(_)));
            assert!(!error.to_string().contains("pw@"), "{error}");
        }
    }

    #[test]
    fn references_are_names_alone() {
        for good in ["main", "feature/x-1", "v1.2.3", "a@b"] {
            assert!(is_reference(good), "{good}");
        }
        for bad in ["-x", "--upload-pack=x", "a..b", "a b", "+a", "a:b", "", "@{-1}", "a^", "a~1", "a\nb"] {
            assert!(!is_reference(bad), "{bad}");
        }
        assert!(Wanted::parse("/r", Some("main"), Some("abc"), None).is_err());
    }

    #[test]
    fn tokens_are_encoded_and_hidden() {
        assert_eq!(basic("abc"), "eC1hY2Nlc3MtdG9rZW46YWJj");
        assert_eq!(basic("ab"), "eC1hY2Nlc3MtdG9rZW46YWI=");
        assert_eq!(basic("a"), "eC1hY2Nlc3MtdG9rZW46YQ==");
        let wanted = Wanted::parse("https://h/r", None, None, Some("s3cret")).ok().unwrap();
        let text = wanted.hide(&format!("fatal: s3cret and {}", basic("s3cret")));
        assert_eq!(text, "fatal: *** and ***");
    }
}
