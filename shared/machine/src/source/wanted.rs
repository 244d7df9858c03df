//! What is to be fetched, checked before git sees it.
//!
//! Invariant: git can take none of it for an option, a command or another protocol; the token is shown to nobody.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use model::port::PortError;
use url::Url;

/// What is wanted, checked.
#[derive(Clone)]
pub(super) struct Wanted {
    pub url: String,
    pub local: bool,
    pub branch: Option<String>,
    pub commit: Option<String>,
    /// What git must connect to, as `http.curloptResolve` takes it.
    pub pin: Option<String>,
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
        check_address(url)?;
        let local = url.starts_with('/');
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
        // As we read it, so that git can't read it otherwise.
        let url = if local { url.to_owned() } else { Url::parse(url).map_or(url.to_owned(), String::from) };
        Ok(Self { url, local, branch, commit, pin: None, token })
    }

    /// The same at the address that a server sent us on to. The token goes along to its own server only.
    pub(super) fn at(&self, url: &Url) -> Result<Self, PortError> {
        let own = Url::parse(&self.url).is_ok_and(|known| known.origin() == url.origin());
        let token = self.token.as_deref().filter(|_| own);
        Self::parse(url.as_str(), self.branch.as_deref(), self.commit.as_deref(), token)
    }

    /// The address, where it isn't a path.
    pub(super) fn remote(&self) -> Option<Url> {
        Url::parse(&self.url).ok().filter(|_| !self.local)
    }

    /// What to fetch if no commit is named.
    pub(super) fn reference(&self) -> String {
        self.branch.clone().unwrap_or_else(|| "HEAD".into())
    }

    /// Never the token's own text.
    pub(super) fn hide(&self, text: &str) -> String {
        match &self.token {
            Some(token) => text.replace(token.as_str(), "***").replace(&basic(token), "***"),
            None => text.to_owned(),
        }
    }

    /// Whether there is a token.
    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Settings of git for this address alone: its name and its value, which holds the token.
    pub(super) fn header(&self) -> Option<(String, String)> {
        let (token, url) = (self.token.as_ref()?, Url::parse(&self.url).ok()?);
        let name = format!("http.{}/.extraHeader", url.origin().ascii_serialization());
        Some((name, format!("Authorization: Basic {}", basic(token))))
    }
}

/// Only https addresses and local paths.
fn check_address(url: &str) -> Result<(), PortError> {
    let why = if url.starts_with('-') || url.chars().any(char::is_control) {
        "an address must not begin with `-` or hold control characters; give an https address or an absolute path"
    } else if url.starts_with('/') {
        return Ok(());
    } else {
        match Url::parse(url) {
            Ok(parsed) if parsed.scheme() != "https" => {
                "only https addresses and absolute paths of this machine are; use the repository's https address"
            }
            Ok(parsed) if !parsed.username().is_empty() || parsed.password().is_some() => {
                "it holds a user name or password; give the address without it, and the token by itself"
            }
            Ok(parsed) if parsed.host_str().is_none_or(str::is_empty) => "it names no host",
            Ok(_) => return Ok(()),
            Err(_) => "it is neither an https address nor an absolute path; use one of them",
        }
    };
    Err(PortError::Permanent(format!("`{}` is not fetched: {why}", shown(url))))
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
pub(super) fn shown(url: &str) -> String {
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
    BASE64_STANDARD.encode(format!("x-access-token:{token}"))
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
