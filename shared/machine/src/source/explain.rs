//! What git says, in words for the one who gave the address.

use super::wanted::{Wanted, shown};
use model::port::PortError;

/// What git's words mean to the one who gave the address.
pub(super) fn explain(wanted: &Wanted, said: &str) -> PortError {
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
        return PortError::Permanent(if wanted.has_token() {
            format!("`{url}` refused the token; check that it may read this repository and hasn't expired")
        } else {
            format!(
                "`{url}` is private or doesn't exist; check the address, or give a token that may read it"
            )
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
