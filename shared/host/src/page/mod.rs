//! The one layout of pages: its style, its icon, and the plain pages that need nothing else, such as those of errors,
//! of signing in, and of forms that strangers open.
//!
//! Invariant: a plain page is one answer. It loads nothing, runs no script, and only the style it carries counts.

use crate::Response;
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// What every page looks like, light and dark.
pub const STYLE: &str = include_str!("base.css");
/// The icon, as SVG.
pub const ICON: &str = include_str!("icon.svg");
/// What plain pages need besides.
const PLAIN: &str = include_str!("plain.css");

static WHOLE: LazyLock<String> = LazyLock::new(|| format!("{STYLE}{PLAIN}"));
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let digest = STANDARD.encode(Sha256::digest(WHOLE.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
});

/// A plain page. `title` is text; `body` is markup, its heading included, in which everything from outside was
/// [`escaped`] before.
pub fn plain(status: u16, title: &str, body: &str) -> Response {
    let title = escaped(title);
    let style = &*WHOLE;
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n\
         <title>{title} · Sextant</title>\n<style>{style}</style>\n</head>\n<body>\n\
         <header class=\"top\"><a class=\"brand\" href=\"/\">{ICON}Sextant</a></header>\n\
         <main class=\"plain\">\n{body}\n</main>\n</body>\n</html>\n"
    );
    Response::html(status, html)
        .header("content-security-policy", POLICY.as_str())
        .header("referrer-policy", "no-referrer")
}

/// Text as it may stand in markup, between tags or in a quoted attribute.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A sentence as markup: what stands between backticks is code.
pub fn sentence(text: &str) -> String {
    let mut markup = String::with_capacity(text.len() + 32);
    let mut parts = text.split('`').peekable();
    let mut code = false;
    while let Some(part) = parts.next() {
        // A backtick without its other half is only that.
        if code && parts.peek().is_none() {
            markup.push('`');
            markup.push_str(&escaped(part));
        } else if code {
            markup.push_str("<code>");
            markup.push_str(&escaped(part));
            markup.push_str("</code>");
        } else {
            markup.push_str(&escaped(part));
        }
        code = !code;
    }
    markup
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_make_code_and_nothing_makes_markup() {
        assert_eq!(sentence("run `sextant open` <now>"), "run <code>sextant open</code> &lt;now&gt;");
        assert_eq!(sentence("a ` alone"), "a ` alone");
        assert_eq!(sentence("`<b>`"), "<code>&lt;b&gt;</code>");
        assert_eq!(sentence("`a` and `b"), "<code>a</code> and `b");
    }

    #[test]
    fn only_the_style_that_a_page_carries_counts() {
        let page = plain(200, "<b>", "<h1>x</h1>");
        let digest = STANDARD.encode(Sha256::digest(WHOLE.as_bytes()));
        let policy = page.get_header("content-security-policy").unwrap();
        assert!(policy.contains(&digest) && !policy.contains("unsafe"), "{policy}");
    }
}
