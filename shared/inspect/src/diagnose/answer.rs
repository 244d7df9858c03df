//! What an app says in a bad answer to a plain request: its own words, without the page around them.

use super::{cut, pattern};
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

/// What a bad answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// In the app's words, and what mends it where that is known.
    pub words: String,
    /// Whether it answers like that whatever is asked.
    pub whatever: bool,
}

static TITLE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?is)<(?:title|h1|pre)[^>]*>\s*(.+?)\s*</"));
static TAG: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)<[^>]*>"));

/// What is said by an answer of 400 and above; `django` where the app is one of Django, whose page for a host that it
/// doesn't know says nothing unless it debugs.
#[must_use]
pub fn answer(status: u16, body: &str, django: bool) -> Option<Answer> {
    hosts(status, body, django).map(|words| Answer { words, whatever: true }).or_else(|| {
        let words = said(body)?;
        Some(Answer { words: cut(&words), whatever: false })
    })
}

/// Frameworks that refuse a host that they weren't told of.
fn hosts(status: u16, body: &str, django: bool) -> Option<String> {
    let quiet = django && status == 400 && body.contains("Bad Request (400)");
    if body.contains("DisallowedHost") || body.contains("to ALLOWED_HOSTS") || quiet {
        return Some(
            "DisallowedHost: set ALLOWED_HOSTS so that it has the app's host, `.localhost` on a machine, or read it from \
             a variable"
                .to_owned(),
        );
    }
    if body.contains("Blocked host") && body.contains("config.hosts") {
        return Some(
            "Blocked host: add the app's host to `config.hosts`, or clear it in production".to_owned(),
        );
    }
    let vite = body.contains("Blocked request. This host") && body.contains("allowedHosts");
    vite.then(|| {
        "Blocked request: add the app's host to `allowedHosts`; better serve what `vite build` makes"
            .to_owned()
    })
}

/// The message of JSON, the title of a page, or the first line; nothing where that only names the status.
fn said(body: &str) -> Option<String> {
    let words = match serde_json::from_str::<Value>(body) {
        Ok(json) => ["message", "detail", "error", "title", "reason"]
            .iter()
            .find_map(|key| json[*key].as_str().map(str::to_owned))?,
        Err(_) if body.contains('<') => {
            let all: Vec<String> = TITLE.captures_iter(body).map(|found| bare(&found[1])).collect();
            all.into_iter().find(|words| !is_plain(words))?
        }
        Err(_) => bare(body.lines().find(|line| !line.trim().is_empty())?),
    };
    let words = words.trim().to_owned();
    (!is_plain(&words)).then_some(words)
}

fn bare(html: &str) -> String {
    let text =
        TAG.replace_all(html, " ").replace("&#x27;", "'").replace("&#39;", "'").replace("&quot;", "\"");
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    text.lines().next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether it says no more than the status does.
fn is_plain(words: &str) -> bool {
    const STATUS: [&str; 14] = [
        "bad request",
        "unauthorized",
        "forbidden",
        "not found",
        "method not allowed",
        "internal server error",
        "server error",
        "bad gateway",
        "service unavailable",
        "gateway timeout",
        "error",
        "unavailable",
        "invalid",
        "ok",
    ];
    let lower = words.to_ascii_lowercase();
    let letters = lower.trim_matches(|c: char| !c.is_ascii_alphabetic());
    letters.is_empty() || STATUS.contains(&letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(status: u16, body: &str) -> Option<String> {
        answer(status, body, false).map(|answer| answer.words)
    }

    #[test]
    fn an_app_is_told_in_its_own_words() {
        assert_eq!(
            words(500, "{\"error\": \"no such table: users\"}").as_deref(),
            Some("no such table: users")
        );
        assert_eq!(
            words(
                500,
                "<html><title>Error</title><pre>TypeError: x is not a function<br> at /srv/a.js</pre>"
            )
            .as_deref(),
            Some("TypeError: x is not a function at /srv/a.js")
        );
        assert_eq!(words(503, "database is down\n").as_deref(), Some("database is down"));
        for plain in [
            "",
            "Internal Server Error",
            "<h1>Server Error (500)</h1>",
            "{\"a\": 1}",
            "{\"error\": \"Bad Request\"}",
            "\n\n",
        ] {
            assert_eq!(words(500, plain), None, "{plain}");
        }
    }

    #[test]
    fn a_host_that_is_not_known_is_told_with_what_mends_it() {
        let debug =
            "<title>DisallowedHost at /</title> You may need to add 'shop.localhost' to ALLOWED_HOSTS.";
        for (body, django) in [(debug, false), ("<h1>Bad Request (400)</h1>", true)] {
            let told = answer(400, body, django).expect("an answer");
            assert!(told.whatever && told.words.starts_with("DisallowedHost: set ALLOWED_HOSTS"), "{told:?}");
        }
        assert_eq!(answer(400, "<h1>Bad Request (400)</h1>", false), None);
        assert_eq!(answer(404, "<h1>Not Found</h1>", true), None);
    }
}
