//! Git, by its own command line, told to trust nothing.
//!
//! Invariant: only https and local paths are reached; no hook, submodule, filter or configuration of the user, the
//! system or the repository takes part; the token travels in an environment variable of the process and nowhere
//! else; whatever git says is shown without it.

use super::{
    address::Reach,
    explain::explain,
    wanted::{Wanted, shown},
};
use crate::target::{files, process};
use archive::{Limits, git::told};
use model::port::{PortError, source::Origin};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::{collections::BTreeMap, path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
};
use url::Url;

/// Settings that no repository and no user can change.
const SETTINGS: [&str; 17] = [
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
    // Each redirect is checked by us first; and without it, git heeds no alternates of other servers.
    "http.followRedirects=false",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=30",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "init.defaultBranch=main",
];
/// How often a server may send us on.
const REDIRECTS: usize = 5;
/// What a server says when it does.
const REDIRECTED: [u16; 5] = [301, 302, 303, 307, 308];
/// Of what git says, no more is read.
const OUTPUT_BYTES: u64 = 64 * 1024 * 1024;

/// How git is run.
pub(super) struct Git<'a> {
    pub path: &'a str,
    pub patience: Duration,
    pub limits: Limits,
    /// Where it may lead.
    pub reach: &'a Reach,
    /// Certificates of authorities beside the system's.
    pub authorities: Option<&'a Path>,
}

/// What a git command came to.
struct Said {
    success: bool,
    out: Vec<u8>,
    err: String,
}

impl Git<'_> {
    /// Fetches into the new folder `to` and answers what is checked out there.
    pub(super) async fn fetch(&self, wanted: &Wanted, to: &Path) -> Result<Origin, PortError> {
        let fetching = self.fetch_all(wanted, to);
        tokio::time::timeout(self.patience, fetching).await.unwrap_or_else(|_| {
            Err(PortError::Transient(format!(
                "fetching `{}` took longer than {} s and was stopped; check the connection, or deploy from a folder",
                shown(&wanted.url),
                self.patience.as_secs()
            )))
        })
    }

    async fn fetch_all(&self, wanted: &Wanted, to: &Path) -> Result<Origin, PortError> {
        if wanted.local && !Path::new(&wanted.url).is_dir() {
            return Err(PortError::Permanent(format!(
                "the repository {} doesn't exist; check its path",
                wanted.url
            )));
        }
        files::folder(to)?;
        self.must(wanted, to, &["init", "--quiet", "--template=", "."]).await?;
        let wanted = &self.found(wanted, to).await?;
        self.fetch_objects(wanted, to).await?;
        let commit = wanted.commit.clone().unwrap_or_else(|| "FETCH_HEAD".into());
        let resolved = self
            .must(wanted, to, &["rev-parse", "--verify", "--end-of-options", &format!("{commit}^{{commit}}")])
            .await?;
        let commit = String::from_utf8_lossy(&resolved).trim().to_owned();
        let list = self.must(wanted, to, &["ls-tree", "-r", "-l", "-z", "--full-tree", &commit]).await?;
        self.check_size(wanted, &list)?;
        self.must(wanted, to, &["checkout", "--quiet", "--force", "--detach", &commit]).await?;
        let (author, message) = told(&self.must(wanted, to, &["cat-file", "commit", &commit]).await?);
        let head = std::fs::read_to_string(to.join(".git/FETCH_HEAD")).unwrap_or_default();
        let tag = named(&head, &commit, "tag").filter(|_| wanted.commit.is_none());
        let branch =
            named(&head, &commit, "branch").or_else(|| wanted.branch.clone().filter(|_| tag.is_none()));
        Ok(Origin { commit: Some(commit), tag, branch, author, message, dirty: false })
    }

    /// The same with what it leads to: the address that answers after redirects, each checked before anything is sent
    /// there, and pinned to what was checked.
    async fn found(&self, wanted: &Wanted, folder: &Path) -> Result<Wanted, PortError> {
        let Some(mut url) = wanted.remote() else { return Ok(wanted.clone()) };
        self.must_pin(wanted, folder).await?;
        for _ in 0..REDIRECTS {
            let mut next = wanted.at(&url)?;
            next.pin = self.reach.pin(&url, by_proxy()).await?;
            match self.redirect(&next, &url, folder).await? {
                None => return Ok(next),
                Some(elsewhere) => url = elsewhere,
            }
        }
        Err(PortError::Permanent(format!(
            "`{}` is redirected more than {REDIRECTS} times; give the address it leads to",
            shown(&wanted.url)
        )))
    }

    /// Git before 2.37 can't be told which address to connect to.
    async fn must_pin(&self, wanted: &Wanted, folder: &Path) -> Result<(), PortError> {
        let said = String::from_utf8_lossy(&self.must(wanted, folder, &["version"]).await?).into_owned();
        let mut numbers =
            said.trim().trim_start_matches("git version ").split('.').map_while(|n| n.parse().ok());
        let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        if version >= (2, 37) {
            return Ok(());
        }
        Err(PortError::Permanent(format!(
            "git {}.{} can't be kept from addresses that aren't public; install git 2.37 or newer, or deploy from a folder",
            version.0, version.1
        )))
    }

    /// Where the server sends us on to, if it does: asked for by git itself, which doesn't go there.
    async fn redirect(&self, wanted: &Wanted, url: &Url, folder: &Path) -> Result<Option<Url>, PortError> {
        let mut command = self.command(wanted, folder, &["ls-remote", "--quiet", "--", &wanted.url, "HEAD"]);
        command.env("GIT_TRACE_CURL", "1").env("GIT_TRACE_CURL_NO_DATA", "1").env("GIT_TRACE_REDACT", "1");
        let said = self.run_command(wanted, command).await?;
        if said.success {
            return Ok(None);
        }
        if !REDIRECTED.iter().any(|status| said.err.contains(&format!("returned error: {status}"))) {
            // The trace is not git's word.
            let words: Vec<&str> = said.err.lines().filter(|line| !line.contains(" http.c:")).collect();
            return Err(explain(wanted, &words.join("\n")));
        }
        let elsewhere = said.err.lines().rev().find_map(|line| {
            let header = line.split_once("<= Recv header: ")?.1;
            let (name, value) = header.split_once(':')?;
            name.eq_ignore_ascii_case("location").then(|| value.trim())
        });
        let joined = elsewhere.and_then(|elsewhere| url.join(elsewhere).ok()).map(|mut to| {
            to.set_query(None);
            to.set_fragment(None);
            let path = to.path().trim_end_matches("/info/refs").to_owned();
            to.set_path(&path);
            to
        });
        joined.map(Some).ok_or_else(|| {
            PortError::Permanent(format!(
                "`{}` is redirected to nowhere; check the address",
                shown(&wanted.url)
            ))
        })
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
            let mut said = fetch(true, wanted.reference()).await?;
            // A plain web server hands out whole histories only.
            if !said.success && said.err.contains("shallow capabilities") {
                said = fetch(false, wanted.reference()).await?;
            }
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
        if bytes <= self.limits.bytes && entries <= self.limits.files && (list.len() as u64) < OUTPUT_BYTES {
            return Ok(());
        }
        Err(PortError::Permanent(format!(
            "`{}` is too large: {entries} files of {} MiB, and {} files of {} MiB is the most; deploy a smaller repository or a folder",
            shown(&wanted.url),
            bytes >> 20,
            self.limits.files,
            self.limits.bytes >> 20
        )))
    }

    async fn must(&self, wanted: &Wanted, folder: &Path, arguments: &[&str]) -> Result<Vec<u8>, PortError> {
        let said = self.run(wanted, folder, arguments).await?;
        if said.success { Ok(said.out) } else { Err(explain(wanted, &said.err)) }
    }

    async fn run(&self, wanted: &Wanted, folder: &Path, arguments: &[&str]) -> Result<Said, PortError> {
        self.run_command(wanted, self.command(wanted, folder, arguments)).await
    }

    async fn run_command(&self, wanted: &Wanted, mut command: Command) -> Result<Said, PortError> {
        let mut child = command.spawn().map_err(|error| {
            PortError::Permanent(format!(
                "git could not be started: {error}; install git, or deploy from a folder"
            ))
        })?;
        let mut group = Group(child.id().map_or(0, |id| id as i32));
        // Whatever git writes is a file somewhere: none may outgrow the bound.
        if let Some(pid) = Pid::from_raw(group.0) {
            let limit = Rlimit { current: Some(self.limits.bytes), maximum: Some(self.limits.bytes) };
            prlimit(Some(pid), Resource::Fsize, limit).ok();
        }
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ended = tokio::try_join!(read(stdout, OUTPUT_BYTES), read(stderr, 1 << 20));
        let status = child.wait().await;
        group.0 = 0; // reaped: the id may soon be somebody else's
        let failed = |error: std::io::Error| {
            PortError::Transient(format!("git could not be followed: {error}; try again"))
        };
        let (out, err) = ended.map_err(failed)?;
        let err = wanted.hide(&String::from_utf8_lossy(&err));
        Ok(Said { success: status.map_err(failed)?.success(), out, err })
    }

    fn command(&self, wanted: &Wanted, folder: &Path, arguments: &[&str]) -> Command {
        let protocol =
            if wanted.local { "protocol.file.allow=always" } else { "protocol.https.allow=always" };
        let mut command = Command::new("git");
        command
            .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            .args(["-c", protocol])
            .args(wanted.pin.iter().flat_map(|pin| ["-c".to_owned(), format!("http.curloptResolve={pin}")]))
            .args(
                self.authorities
                    .iter()
                    .flat_map(|file| ["-c".to_owned(), format!("http.sslCAInfo={}", file.display())]),
            )
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(self.environment(wanted, folder))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        command
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
        if let Some((name, value)) = wanted.header() {
            // Git reads it from the environment, so it is in no argument and no file.
            all.extend([
                ("GIT_CONFIG_COUNT", "1".into()),
                ("GIT_CONFIG_KEY_0", name),
                ("GIT_CONFIG_VALUE_0", value),
            ]);
        }
        all
    }
}

/// The tag or branch that was fetched, as `FETCH_HEAD` has it: `COMMIT\t\tbranch 'main' of ADDRESS`. A tag's own id
/// comes before its commit's there, so only its name is looked at.
fn named(head: &str, commit: &str, kind: &str) -> Option<String> {
    let line = head.lines().next()?;
    let ours = kind == "tag" || line.starts_with(commit);
    let (_, rest) = line.split_once(&format!("\t{kind} '")).filter(|_| ours)?;
    rest.split_once("' of ").map(|(name, _)| name.to_owned())
}

/// Whether something else connects for git.
fn by_proxy() -> bool {
    ["HTTPS_PROXY", "https_proxy"].iter().any(|name| std::env::var(name).is_ok_and(|value| !value.is_empty()))
}

/// Reads at most so many bytes of what git says.
async fn read(pipe: Option<impl AsyncRead + Unpin>, most: u64) -> std::io::Result<Vec<u8>> {
    let mut data = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(most).read_to_end(&mut data).await?;
    }
    Ok(data)
}

/// Ends git and its helpers when fetching is given up.
struct Group(i32);

impl Drop for Group {
    fn drop(&mut self) {
        process::signal_group(self.0, rustix::process::Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        fs,
        os::unix::fs::PermissionsExt as _,
        sync::{Arc, LazyLock},
    };

    /// Every name is this machine.
    struct Loopback;

    #[async_trait::async_trait]
    impl crate::source::address::Resolver for Loopback {
        async fn resolve(&self, _: &str, _: u16) -> std::io::Result<Vec<std::net::IpAddr>> {
            Ok(vec![std::net::Ipv4Addr::LOCALHOST.into()])
        }
    }

    const TOKEN: &str = "ghp-a-token-that-nobody-may-see";

    fn private(url: &str) -> Wanted {
        Wanted::parse(url, Some("main"), None, Some(TOKEN)).ok().unwrap()
    }

    fn git(path: &str) -> Git<'_> {
        static REACH: LazyLock<Reach> =
            LazyLock::new(|| Reach { resolver: Arc::new(Loopback), ..Reach::anywhere() });
        Git {
            path,
            patience: Duration::from_mins(1),
            limits: Limits::default(),
            reach: &REACH,
            authorities: None,
        }
    }

    fn path() -> String {
        std::env::var("PATH").unwrap()
    }

    /// The token as it is, and as git sends it.
    fn holds_token(data: &[u8]) -> bool {
        let (_, header) = private("https://h/r").header().unwrap();
        let encoded = header.rsplit(' ').next().unwrap().to_owned();
        let text = String::from_utf8_lossy(data);
        text.contains(TOKEN) || text.contains(&encoded)
    }

    fn holding(folder: &Path) -> Vec<std::path::PathBuf> {
        let entries = fs::read_dir(folder).unwrap().flatten();
        entries
            .flat_map(|entry| {
                if entry.file_type().unwrap().is_dir() {
                    holding(&entry.path())
                } else if holds_token(&fs::read(entry.path()).unwrap()) {
                    vec![entry.path()]
                } else {
                    Vec::new()
                }
            })
            .collect()
    }

    #[tokio::test]
    async fn git_gives_the_token_to_its_host_alone() {
        let (folder, path) = (tempfile::tempdir().unwrap(), path());
        let (git, wanted) = (git(&path), private("https://git.example/a/b.git"));
        for (url, given) in [
            ("https://git.example/a/b.git", true),
            ("https://git.example/other", true),
            ("https://git.example.evil/a/b.git", false),
            ("https://git.example:444/a/b.git", false),
            ("http://git.example/a/b.git", false),
            ("https://evil/a", false),
        ] {
            let ask = ["config", "--get-urlmatch", "http.extraHeader", url];
            let said = git.run(&wanted, folder.path(), &ask);
            assert_eq!(holds_token(&said.await.unwrap().out), given, "{url}");
        }
    }

    /// A program called git writes down its arguments and its environment, and says all it knows.
    #[tokio::test]
    async fn the_token_is_in_one_variable_and_nowhere_else() {
        let (tools, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (program, seen) = (tools.path().join("git"), tools.path().display());
        let script = format!(
            "#!/bin/sh\necho \"$@\" >> {seen}/arguments\nenv > {seen}/environment\ncase \"$*\" in *version*) echo git version 2.47.3;; *\"fetch --quiet\"*) \
             echo \"fatal: unable to access with $GIT_CONFIG_VALUE_0 and {TOKEN}\" >&2; exit 128;; esac\n"
        );
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let path = format!("{seen}:{}", path());
        let to = folder.path().join("repository");
        let error = git(&path).fetch(&private("https://git.example/a/b.git"), &to).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains("the connection broke off"), "{said}");
        assert!(!holds_token(said.as_bytes()), "{said}");
        let arguments = fs::read(tools.path().join("arguments")).unwrap();
        assert!(!arguments.is_empty() && !holds_token(&arguments), "{}", String::from_utf8_lossy(&arguments));
        let environment = fs::read_to_string(tools.path().join("environment")).unwrap();
        let with: Vec<&str> = environment.lines().filter(|line| holds_token(line.as_bytes())).collect();
        assert!(matches!(with.as_slice(), [one] if one.starts_with("GIT_CONFIG_VALUE_0=")), "{with:?}");
        assert!(!environment.contains(TOKEN), "only as git sends it");
        assert_eq!(holding(folder.path()), Vec::<std::path::PathBuf>::new());
    }

    /// The real git, and an address where nobody listens.
    #[tokio::test]
    async fn a_failed_fetch_leaves_no_token_behind() {
        let (folder, path) = (tempfile::tempdir().unwrap(), path());
        let to = folder.path().join("repository");
        let error = git(&path).fetch(&private("https://127.0.0.1:1/a/b.git"), &to).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        assert!(!holds_token(error.to_string().as_bytes()), "{error}");
        assert!(to.join(".git/config").exists());
        assert_eq!(holding(folder.path()), Vec::<std::path::PathBuf>::new());
    }

    #[test]
    fn a_token_for_a_local_path_is_dropped() {
        let wanted = Wanted::parse("/srv/r", None, None, Some(TOKEN)).ok().unwrap();
        assert!(wanted.header().is_none() && !wanted.has_token());
    }
}
