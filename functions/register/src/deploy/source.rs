//! Which source is meant, and whether it may be fetched: Git over https or from an absolute path, a folder by its
//! absolute path. Nothing that Git could take for an option or for a program to run.

use host::{Context, Error, Findings};
use model::port::{
    PortError,
    source::{Origin, SourceRef},
};
use url::Url;

/// Longest path or URL.
const LONGEST: usize = 2_048;
/// Longest branch, author or message of an upload.
const LONGEST_SAID: usize = 1_024;

/// The ways of naming a source, as a body has them.
#[derive(Default)]
pub struct Named {
    /// The source with its kind; instead of `path` or `url`.
    pub source: Option<SourceRef>,
    /// An absolute path on the server's own disk, in place `machine` only.
    pub path: Option<String>,
    /// A Git repository's `https://…` address.
    pub url: Option<String>,
    /// Beside `url`.
    pub branch: Option<String>,
    /// Beside `url`.
    pub commit: Option<String>,
}

/// Defines a body that names a source beside fields of its own, and its `take_named`. Not `#[serde(flatten)]`: that
/// loses the field and the line of a problem, and the API's document could no longer refuse unknown fields.
macro_rules! naming_source {
    ($(#[$of_body:meta])* pub struct $body:ident {
        $($(#[$of_field:meta])* pub $field:ident: $type:ty,)*
    }) => {
        $(#[$of_body])*
        #[derive(serde::Deserialize, utoipa::ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $body {
            /// What is meant, in full.
            #[serde(default, deserialize_with = "host::request::optional_object")]
            pub source: Option<SourceRef>,
            /// Short for a source of kind `folder`: its absolute path.
            #[serde(default)]
            #[schema(pattern = "^/+[^/.]", max_length = 2048)]
            pub path: Option<String>,
            /// Short for a source of kind `git`: an https:// URL, or an absolute path.
            #[serde(default)]
            #[schema(pattern = "^(https://|/)", max_length = 2048)]
            pub url: Option<String>,
            /// Branch or tag, beside `url`.
            #[serde(default)]
            pub branch: Option<String>,
            /// Full commit id, beside `url`.
            #[serde(default)]
            #[schema(pattern = "^([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})$")]
            pub commit: Option<String>,
            $($(#[$of_field])* pub $field: $type,)*
        }

        impl $body {
            /// What names the source, taken out.
            pub(crate) fn take_named(&mut self) -> $crate::deploy::source::Named {
                $crate::deploy::source::Named {
                    source: self.source.take(),
                    path: self.path.take(),
                    url: self.url.take(),
                    branch: self.branch.take(),
                    commit: self.commit.take(),
                }
            }
        }
    };
}
pub(crate) use naming_source;

/// The one source that is named, checked; what is wrong with it is noted.
pub fn source(named: Named, findings: &mut Findings) -> Option<SourceRef> {
    let loose = named.branch.is_some() || named.commit.is_some();
    let field = if named.source.is_some() { "source." } else { "" };
    let chosen = match (named.source, named.path, named.url) {
        (Some(source), None, None) if !loose => source,
        (None, Some(path), None) if !loose => SourceRef::Folder { path },
        (None, None, Some(url)) => SourceRef::Git { url, branch: named.branch, commit: named.commit },
        (None, None, None) => {
            findings.add("source", "nothing says what to deploy; give `source`, `path` or `url`");
            return None;
        }
        (Some(_), None, None) | (None, Some(_), None) => {
            findings.add(
                "branch",
                "`branch` and `commit` go with `url`; put them into `source`, or leave them out",
            );
            return None;
        }
        _ => {
            findings.add("source", "more than one of `source`, `path` and `url` is given; keep one");
            return None;
        }
    };
    check(&chosen, field, findings);
    Some(chosen)
}

fn check(source: &SourceRef, field: &str, findings: &mut Findings) {
    match source {
        SourceRef::Folder { path } => {
            if let Some(problem) = folder_problem(path) {
                findings.add(format!("{field}path"), problem);
            }
        }
        SourceRef::Git { url, branch, commit } => {
            if let Some(problem) = repository_problem(url) {
                findings.add(format!("{field}url"), problem);
            }
            if branch.as_deref().is_some_and(|branch| !is_ref(branch)) {
                findings.add(format!("{field}branch"), "it is not the name of a branch or tag; no space, no leading `-`, none of ~^:?*[\\ and no `..`");
            }
            if commit.as_deref().is_some_and(|commit| !is_commit(commit)) {
                findings.add(
                    format!("{field}commit"),
                    "it is not a full commit id, which has 40 or 64 hexadecimal digits",
                );
            }
        }
        SourceRef::Archive { origin, name, .. } => check_origin(origin, name.as_deref(), field, findings),
    }
}

/// What is said of an upload is shown, not used; it is bounded all the same.
fn check_origin(origin: &Origin, name: Option<&str>, field: &str, findings: &mut Findings) {
    let texts = [
        ("origin.tag", &origin.tag),
        ("origin.branch", &origin.branch),
        ("origin.author", &origin.author),
        ("origin.message", &origin.message),
    ];
    let texts = texts.into_iter().map(|(name, text)| (name, text.as_deref())).chain([("name", name)]);
    for (name, text) in texts {
        if text.is_some_and(|text| text.len() > LONGEST_SAID || text.chars().any(char::is_control)) {
            let problem =
                format!("it has at most {LONGEST_SAID} bytes, on one line and without control characters");
            findings.add(format!("{field}{name}"), problem);
        }
    }
    if origin.commit.as_deref().is_some_and(|commit| !is_commit(commit)) {
        let problem = "it is not a full commit id, which has 40 or 64 hexadecimal digits";
        findings.add(format!("{field}origin.commit"), problem);
    }
}

/// Whether the source may be fetched here at all, and an upload is there; its archive is then kept for `key`.
pub async fn admit(ctx: &Context, source: &SourceRef, key: &str) -> Result<(), Error> {
    let (field, asked) = match source {
        SourceRef::Folder { .. } => ("path", ctx.ports.source.check(source).await),
        SourceRef::Git { .. } => ("url", ctx.ports.source.check(source).await),
        SourceRef::Archive { .. } => {
            let tenant = ctx.tenant()?;
            ("source.digest", ctx.ports.source.fetch(tenant, source, key, None).await.map(drop))
        }
    };
    match asked {
        Ok(()) => Ok(()),
        Err(PortError::Permanent(problem)) => {
            let mut findings = Findings::default();
            findings.add(field, problem);
            findings.finish()
        }
        Err(PortError::Transient(problem)) => Err(Error::unavailable(format!(
            "The source can't be looked at now: {problem}. Nothing was done; repeat this in a minute."
        ))),
    }
}

fn folder_problem(path: &str) -> Option<String> {
    if path.len() > LONGEST || path.chars().any(char::is_control) {
        return Some(format!("a path has at most {LONGEST} bytes and no control characters"));
    }
    if !path.starts_with('/') {
        return Some("the path must be absolute, such as /home/ann/shop".to_owned());
    }
    let whole = path.split('/').all(|part| matches!(part, "" | "." | ".."));
    whole.then(|| "it is the whole disk; name the app's own folder, such as /home/ann/shop".to_owned())
}

fn repository_problem(url: &str) -> Option<String> {
    if url.len() > LONGEST || url.chars().any(|c| c.is_control() || c == ' ') {
        return Some(format!("a URL has at most {LONGEST} bytes, no space and no control characters"));
    }
    if url.starts_with('/') {
        return None;
    }
    let Ok(parsed) = Url::parse(url) else {
        return Some("it is neither an https:// URL nor an absolute path".to_owned());
    };
    if parsed.scheme() != "https" {
        return Some(format!(
            "`{}` is not a way to fetch a repository here; use https://…, or an absolute path for a local one",
            parsed.scheme()
        ));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Some(
            "it has a user name or password in it; leave it out and send a token as `source_token`"
                .to_owned(),
        );
    }
    if parsed.host_str().is_none_or(|host| host.is_empty() || host.starts_with('-')) {
        return Some("it names no host".to_owned());
    }
    if parsed.path().trim_matches('/').is_empty() || parsed.query().is_some() || parsed.fragment().is_some() {
        return Some(
            "it must end in the repository's path, such as https://github.com/ann/shop.git".to_owned(),
        );
    }
    parsed.path().starts_with("/-").then(|| "its path must not begin with `-`".to_owned())
}

/// What git-check-ref-format(1) allows, as far as it matters here.
fn is_ref(name: &str) -> bool {
    let bad = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    (1..=255).contains(&name.len())
        && !name.contains(bad)
        && !name.starts_with(['-', '/', '.'])
        && !name.ends_with(['/', '.'])
        && !["..", "@{", "//"].iter().any(|part| name.contains(part))
}

fn is_commit(id: &str) -> bool {
    matches!(id.len(), 40 | 64) && id.bytes().all(|b| b.is_ascii_hexdigit())
}

/// A service's name from the last part of the path or URL.
pub fn suggested_name(source: &SourceRef) -> Option<String> {
    let text = match source {
        SourceRef::Folder { path: text } | SourceRef::Git { url: text, .. } => text,
        SourceRef::Archive { name, .. } => name.as_deref()?,
    };
    let last = text.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    inspect::names::suggested_service_name(last.strip_suffix(".git").unwrap_or(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_absolute_paths() {
        for good in ["https://github.com/ann/shop", "https://git.example.com:8443/a/b.git", "/srv/repo"] {
            assert_eq!(repository_problem(good), None, "{good}");
        }
        for bad in [
            "ext::sh -c id",
            "ext::sh",
            "-uhttps://x/y",
            "--upload-pack=id",
            "git@github.com:a/b.git",
            "http://h/a",
            "ssh://git@h/a",
            "file:///etc",
            "https://ann:pw@h/a",
            "https://ann@h/a",
            "https://h",
            "https://h/",
            "relative/path",
            "",
            "https://h/-x",
            "https://h/a?b",
            "https://h/a#b",
            "https://h/a\nb",
        ] {
            assert!(repository_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn references_are_no_options() {
        assert!(is_ref("main") && is_ref("release/1.2") && is_ref("v1"));
        for bad in ["", "-x", "a b", "a..b", "a:b", "/a", "a/", "@{1}", "a\u{7}"] {
            assert!(!is_ref(bad), "{bad}");
        }
        assert!(is_commit(&"a".repeat(40)) && !is_commit("abc") && !is_commit(&"g".repeat(40)));
    }
}
