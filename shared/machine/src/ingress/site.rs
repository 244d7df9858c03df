//! A folder that the ingress serves, and what a path leads to in it.
//!
//! Invariant: nothing outside of the folder is ever found, whatever the path says and wherever a link points.

use hyper::StatusCode;
use std::path::{Path, PathBuf};

/// A folder that is served.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    root: PathBuf,
    single_page: bool,
}

impl Site {
    /// `folder` must exist; it is resolved once.
    pub(crate) fn open(folder: &Path, single_page: bool) -> std::io::Result<Self> {
        Ok(Self { root: folder.canonicalize()?, single_page })
    }

    /// The file for a path, inside of the root; a folder's is its `index.html`.
    fn find(&self, path: &str) -> Option<Found> {
        let relative = decode(path)?;
        let wanted =
            self.root.join(&relative).canonicalize().ok().filter(|found| found.starts_with(&self.root))?;
        if !wanted.is_dir() {
            return wanted.is_file().then_some(Found::File(wanted));
        }
        let index = wanted.join("index.html").canonicalize().ok()?;
        if !index.starts_with(&self.root) || !index.is_file() {
            return None;
        }
        // Without the slash, relative links on that page would lead elsewhere.
        Some(if path.ends_with('/') { Found::File(index) } else { Found::Folder })
    }

    /// What answers a path: a file and its status, or a redirect.
    pub(super) fn resolve(&self, path: &str) -> (StatusCode, Option<Found>) {
        let page = |name: &str| self.find(name).filter(|found| matches!(found, Found::File(_)));
        match self.find(path).or_else(|| page(&format!("{path}.html"))) {
            Some(found) => (StatusCode::OK, Some(found)),
            None if self.single_page => (StatusCode::OK, page("/index.html")),
            None => (StatusCode::NOT_FOUND, page("/404.html")),
        }
    }
}

/// What a path leads to.
pub(super) enum Found {
    /// A file inside of the root.
    File(PathBuf),
    /// A folder with a page, named without the slash.
    Folder,
}

/// Percent-decodes a path and drops its leading slash; `None` if it tries to climb or hides something.
fn decode(path: &str) -> Option<String> {
    let text = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
    let hidden = |part: &str| part.starts_with('.') && part != ".well-known";
    if text.contains('\0') || text.contains('\\') || text.split('/').any(hidden) {
        return None;
    }
    Some(text.trim_start_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        assert_eq!(decode("/a%20b/c.html").as_deref(), Some("a b/c.html"));
        // As browsers send it: what is no escape stands for itself.
        assert_eq!(decode("/100%.html").as_deref(), Some("100%.html"));
        assert_eq!(decode("/.well-known/x").as_deref(), Some(".well-known/x"));
        for bad in
            ["/../etc/passwd", "/%2e%2e/etc", "/a/..%2fb", "/.env", "/a/.git/config", "/%00", "/%ff", "/a\\b"]
        {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
