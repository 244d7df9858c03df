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
    passing(&url, said, &has).unwrap_or_else(|| {
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("git said nothing").trim();
        let tail: String = last.chars().filter(|c| !c.is_control()).take(300).collect();
        tracing::warn!(url, "git failed in a way that is not known here: {tail}");
        PortError::Permanent(format!(
            "fetching `{url}` failed in a way that is not known here; the server's log has what git said of it"
        ))
    })
}

/// What is wrong with the way there; most of it may pass.
fn passing(url: &str, said: &str, has: &dyn Fn(&[&str]) -> bool) -> Option<PortError> {
    let transient = |text: &str| Some(PortError::Transient(format!("fetching `{url}` failed: {text}")));
    if has(&[
        "SSL certificate",
        "certificate verif",
        "self-signed",
        "self signed",
        "unable to get local issuer",
    ]) {
        return Some(PortError::Permanent(format!(
            "the certificate of `{url}` isn't trusted; check the address, or give its authority's certificates in \
             SSL_CERT_FILE"
        )));
    }
    if has(&["Could not resolve host"]) {
        return Some(PortError::Permanent(format!(
            "fetching `{url}` failed: its name can't be resolved; check the address, and if that is right, the network's \
             name service, then deploy again"
        )));
    }
    if has(&[
        "Failed to connect",
        "Couldn't connect",
        "Could not connect",
        "Connection refused",
        "No route to host",
    ]) {
        return transient("nothing answers there; check the address and the connection");
    }
    if has(&["timed out", "Operation too slow", "transfer speed"]) {
        return transient("it answers too slowly; check the connection");
    }
    if has(&["error: 429"]) {
        return transient("it takes no more requests for now");
    }
    if said.contains("returned error: 5") {
        return transient("its server failed");
    }
    if has(&["early EOF", "hung up", "Connection reset", "RPC failed", "Recv failure", "unable to access"]) {
        return transient("the connection broke off; check the connection");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// None of git's own words come out, whatever a server has it say.
    #[test]
    fn causes_are_said_in_our_own_words() {
        let wanted = Wanted::parse("https://git.example/a/b.git", Some("main"), None, None).ok().unwrap();
        for (said, transient, ours) in [
            (
                "fatal: unable to access 'https://x/': Could not resolve host: x EVIL",
                false,
                "name can't be resolved",
            ),
            (
                "fatal: unable to access 'https://x/': Failed to connect to x port 443 EVIL",
                true,
                "nothing answers",
            ),
            ("EVIL: SSL certificate problem: self-signed certificate", false, "isn't trusted"),
            ("fatal: unable to access: The requested URL returned error: 502 EVIL", true, "server failed"),
            ("error: RPC failed; curl 56 EVIL\nfatal: early EOF", true, "broke off"),
            ("fatal: couldn't find remote ref EVIL", false, "doesn't have a branch or tag `main`"),
            ("remote: EVIL\nfatal: Authentication failed for 'x'", false, "is private or doesn't exist"),
            ("remote: EVIL \u{1b}[2J go to http://evil.example", false, "not known here"),
            ("", false, "not known here"),
        ] {
            let error = explain(&wanted, said);
            let text = error.to_string();
            assert_eq!(error.is_transient(), transient, "{said}: {text}");
            assert!(text.contains(ours) && text.contains("https://git.example/a/b.git"), "{said}: {text}");
            assert!(!text.to_lowercase().contains("evil"), "{text}");
        }
    }
}
