//! A path whose name says that it is for health checks: `"/healthz"`, `get "/health"`, `path("ping/", …)`.

use crate::text;

/// The last part of such a path, the likeliest first; the index is the rank.
const WORDS: [&str; 12] = [
    "healthz",
    "health",
    "healthcheck",
    "health-check",
    "health_check",
    "readyz",
    "ready",
    "readiness",
    "livez",
    "liveness",
    "ping",
    "heartbeat",
];

/// What may stand between the first `/` and the word.
const BEFORE: [&str; 7] = ["", "api/", "api/v1/", "v1/", "_", "internal/", "-/"];

/// What every word begins with: one search each finds them all.
const STEMS: [&str; 4] = ["health", "read", "live", "ping"];

/// The best path of a text: its rank (less is better), itself, and where it stands.
pub(super) fn path(content: &str) -> Option<(usize, String, usize)> {
    let mut best: Option<(usize, String, usize)> = None;
    for stem in STEMS.into_iter().chain(["heartbeat"]) {
        for at in text::hits(content, stem).take(200) {
            let Some((rank, path)) = path_at(content, at) else { continue };
            if best.as_ref().is_none_or(|(known, _, place)| (rank, at) < (*known, *place)) {
                best = Some((rank, path, at));
            }
        }
    }
    best
}

fn path_at(content: &str, at: usize) -> Option<(usize, String)> {
    // A path is short: nothing further away counts.
    let from = (at.saturating_sub(24)..=at).find(|from| content.is_char_boundary(*from))?;
    let head = content.get(from..at)?;
    let quote = head.rfind(['"', '\'', '`', '\n'])?;
    let mark = head.as_bytes()[quote];
    if mark == b'\n' || head.len() - quote > 20 {
        return None;
    }
    let before = &head[quote + 1..];
    // Go writes the method into the pattern.
    let before = ["GET ", "get "].iter().find_map(|method| before.strip_prefix(method)).unwrap_or(before);
    let rest = text::clipped(&content[at..], 40);
    let end = rest.find(|c: char| !(c.is_ascii_lowercase() || "-_".contains(c)))?;
    let (word, after) = rest.split_at(end);
    let rank = WORDS.iter().position(|known| *known == word)?;
    let closed = after.trim_start_matches('/').as_bytes().first() == Some(&mark);
    let line = text::line_before(content, from + quote);
    let rooted = match before.strip_prefix('/') {
        Some(inner) => inner,
        // Django's routes have no slash in front.
        None if line.trim_end().ends_with("path(") => before,
        None => return None,
    };
    (closed && BEFORE.contains(&rooted)).then(|| (rank, format!("/{rooted}{word}")))
}

#[cfg(test)]
mod tests {
    use super::path;

    fn found(text: &str) -> Option<String> {
        path(text).map(|(_, path, _)| path)
    }

    #[test]
    fn paths_by_their_names() {
        assert_eq!(found("app.get('/ping', a); app.get(\"/healthz\", b)").as_deref(), Some("/healthz"));
        assert_eq!(found("mux.HandleFunc(\"GET /api/health\", h)").as_deref(), Some("/api/health"));
        assert_eq!(found("path(\"health/\", view)").as_deref(), Some("/health"));
        assert_eq!(found("@GetMapping(\"/health/\")").as_deref(), Some("/health"));
    }

    #[test]
    fn what_is_no_path() {
        for text in [
            "health",
            "'health'",
            "\"/healthy\"",
            "\"/users/health-data\"",
            "'/health\n'",
            "// /ping",
            "é'/ping",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
