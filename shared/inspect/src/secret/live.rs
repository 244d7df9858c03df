//! Whether what was found has the structure, or the checksum, of a key that its issuer takes: every part of it in
//! its length and its alphabet. Only that may stop a deployment: a prefix with something behind it, a name and a
//! shape, or a private key of nobody known stand in too many honest repositories.
//!
//! Invariant: keys of test modes, public keys (a browser's Google or Stripe key) and ids without their secret are
//! none; where there is a checksum it decides. Forms are the issuers' own, as their documentation and the rules of
//! gitleaks 8.30 and TruffleHog 3.90 have them (looked at in November 2026).

use std::sync::LazyLock;

use regex::bytes::RegexSet;

use super::checksum;
use super::judge::Hit;

/// Bytes that are looked at from where a key begins.
const LONGEST: usize = 4096;

/// Each from where a key begins. What may follow is told apart by [`ends`].
const FORMS: &[&str] = &[
    // Code hosts and registries.
    r"github_pat_[0-9A-Za-z_]{82}",
    r"gl(pat|dt|rt|ft|ffct|soat)-[0-9A-Za-z_-]{20}",
    r"gl(pat|rt)-[0-9A-Za-z_-]{27,300}(\.[0-9a-z]{2})?\.[0-9a-z]{9}",
    r"gl(ptt-[0-9a-f]{40}|agent-[0-9A-Za-z_-]{50}|oas-[0-9A-Za-z_-]{64}|imt-[0-9A-Za-z_-]{25})",
    r"glcbt-[0-9A-Za-z]{1,5}_[0-9A-Za-z_-]{20}",
    r"pypi-AgEIcHlwaS5vcmc[0-9A-Za-z_-]{50,}",
    r"rubygems_[0-9a-f]{48}",
    r"dckr_(pat|oat)_[0-9A-Za-z_-]{27,32}",
    r"ATATT3[0-9A-Za-z_=-]{186}",
    r"sgp_([0-9a-f]{16}_|local_)[0-9a-f]{40}",
    // Clouds. An id of AWS has base 32 digits behind its prefix.
    r"AKIA[2-7A-Z]{16}",
    r"ABSK[0-9A-Za-z+/]{109,269}={0,2}",
    r"dop_v1_[0-9a-f]{64}",
    r"do[or]_v1_[0-9a-f]{64}",
    r"dapi[0-9a-f]{32}(-[0-9])?",
    r"HRKU-AA[0-9A-Za-z_-]{58}",
    r"fm[12]r?_[0-9A-Za-z+/]{100,}={0,3}",
    r"pul-[0-9a-f]{40}",
    r"hvs\.[0-9A-Za-z_-]{90,120}",
    r"hvb\.[0-9A-Za-z_-]{138,300}",
    r"atlasv1\.[0-9A-Za-z_=-]{60,70}",
    r"dp\.(pt|ct|sa)\.[0-9A-Za-z]{40,44}",
    r"ops_eyJ[0-9A-Za-z+/]{250,}={0,3}",
    r"tskey-(api|auth|client|scim|webhook)-[0-9A-Za-z]{11,16}CNTRL-[0-9A-Za-z]{21,32}",
    r"pscale_(tkn|pw|oauth)_[0-9A-Za-z=_.-]{32,64}",
    r"sbp_[0-9a-f]{40}",
    // Money.
    r"[sr]k_live_[0-9A-Za-z]{24,247}",
    r"shp(at|ca|pa|ss)_[0-9A-Fa-f]{32}",
    r"sq0atp-[0-9A-Za-z_-]{22}",
    r"sq0csp-[0-9A-Za-z_-]{43}",
    r"EZAK[0-9A-Za-z]{54}",
    r"access-production-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    r"shippo_live_[0-9a-f]{40}",
    r"duffel_live_[0-9A-Za-z_-]{43}",
    // Messages.
    r"xoxb-[0-9]{10,13}-[0-9]{10,13}-[0-9A-Za-z]{24,34}",
    r"xox[pe]-([0-9]{10,13}-){3}[0-9A-Za-z]{28,34}",
    r"xapp-[0-9]-[0-9A-Z]{9,13}-[0-9]{10,13}-[0-9a-f]{64}",
    r"hooks\.slack\.com/services/T[0-9A-Z]{8,12}/B[0-9A-Z]{8,12}/[0-9A-Za-z]{24}",
    r"discord(app)?\.com/api/webhooks/[0-9]{17,20}/[0-9A-Za-z_-]{60,72}",
    r"SG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}",
    r"xkeysib-[0-9a-f]{64}-[0-9A-Za-z]{16}",
    r"mlsn\.[0-9a-f]{64}",
    r"ntn_[0-9]{11}[0-9A-Za-z]{35}",
    r"lin_api_[0-9A-Za-z]{40}",
    // Models.
    r"sk-ant-(api|admin)[0-9]{2}-[0-9A-Za-z_-]{93}AA",
    r"sk-([a-z]{2,8}-)?[0-9A-Za-z_-]{20,74}T3BlbkFJ[0-9A-Za-z_-]{20,74}",
    r"sk-or-v1-[0-9a-f]{64}",
    r"gsk_[0-9A-Za-z]{52}",
    r"xai-[0-9A-Za-z]{80}",
    r"pplx-[0-9A-Za-z]{48}",
    r"hf_[A-Za-z]{34}",
    r"r8_[0-9A-Za-z]{37}",
    // Watching.
    r"glsa_[0-9A-Za-z]{32}_[0-9A-Fa-f]{8}",
    r"sntrys_eyJ[0-9A-Za-z+/=]{80,}_[0-9A-Za-z+/]{43}",
    r"sntryu_[0-9a-f]{64}",
    r"dt0c01\.[0-9A-Z]{24}\.[0-9A-Z]{64}",
    r"NRAK-[0-9A-Z]{27}",
    r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}",
    r"pat[0-9A-Za-z]{14}\.[0-9a-f]{64}",
];

static LIVE: LazyLock<RegexSet> = LazyLock::new(|| {
    let whole = FORMS.iter().map(|form| format!(r"\A(?-u:(?:{form})(?:[^0-9A-Za-z_-]|\z))"));
    RegexSet::new(whole).unwrap_or_default()
});

/// Bytes that may stand before a candidate and belong to its key: `hooks.slack.com/services/`.
const LED: usize = 32;

/// Keys of one line that are told apart.
const KEYS: usize = 32;

/// The findings of a line that are keys which their issuers would take: those that begin as their own candidates rather
/// than one whose candidate is only a part of it. Each key once, so that letting one through lets no other through.
pub(crate) fn live<'h>(line: &[u8], found: &'h [Hit]) -> Vec<&'h Hit> {
    let mut keys: Vec<&Hit> = vec![];
    for hit in found {
        let known = keys.iter().any(|key| !is_apart(line, key.at, hit.at));
        if keys.len() < KEYS && !known && is_live(line, hit.at) {
            keys.push(hit);
        }
    }
    if keys.is_empty() {
        keys.extend(found.iter().find(|hit| is_part(line, hit.at)));
    }
    keys
}

/// Whether something stands between two beginnings that is part of no key.
fn is_apart(line: &[u8], one: usize, other: usize) -> bool {
    let (from, to) = (one.min(other), one.max(other));
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    to - from > LONGEST || !line[from..to].iter().all(part)
}

/// Whether such a key begins here.
fn is_live(line: &[u8], at: usize) -> bool {
    let text = &line[at..line.len().min(at + LONGEST)];
    checksum::github(text).unwrap_or_else(|| LIVE.is_match(text))
}

/// Whether such a key begins a little before.
fn is_part(line: &[u8], at: usize) -> bool {
    let begins = |start: &usize| *start == 0 || !line[*start - 1].is_ascii_alphanumeric();
    (at.saturating_sub(LED)..at).rev().filter(begins).any(|start| is_live(line, start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::scan_text;

    fn digits(alphabet: &[u8], length: usize) -> String {
        (0..length).map(|at| char::from(alphabet[(at * 7 + at / 5 + 3) % alphabet.len()])).collect()
    }

    fn any(length: usize) -> String {
        digits(b"a8Kq3ZxP0mW7vT2rYc5LbN9dJ6hG4fS1wE", length)
    }

    fn hex(length: usize) -> String {
        digits(b"3f9a0c72e5b81d46", length)
    }

    fn stops(text: &str) -> Vec<String> {
        let found = scan_text("x", text.as_bytes());
        found.into_iter().filter(|finding| finding.live).map(|finding| finding.kind).collect()
    }

    #[test]
    fn every_form_is_one() {
        assert_eq!(LIVE.len(), FORMS.len());
    }

    #[test]
    fn the_structure_of_a_live_key_is_told() {
        let keys = [
            (format!("github_pat_{}_{}", any(22), any(59)), "a GitHub token"),
            (format!("glpat-{}", any(20)), "a GitLab token"),
            (format!("AKIA{}", "Q3ZXP2MW7VT5LNYC"), "an AWS key id"),
            (format!("sk_live_{}", any(24)), "a Stripe key"),
            (format!("xoxb-{}-{}-{}", "1928374650912", "5647382910564", any(24)), "a Slack token"),
            (format!("SG.{}.{}", any(22), any(43)), "a SendGrid key"),
            (format!("sk-ant-api03-{}AA", any(93)), "an Anthropic key"),
            (format!("sk-proj-{}T3BlbkFJ{}", any(40), any(40)), "an OpenAI key"),
            (format!("dop_v1_{}", hex(64)), "a DigitalOcean token"),
            (format!("hooks.slack.com/services/T{0}/B{0}/{1}", "0A1B2C3D4", any(24)), "a Slack webhook"),
        ];
        for (key, kind) in keys {
            for line in [key.clone(), format!("const token = '{key}';"), format!("TOKEN={key}")] {
                assert_eq!(stops(&line), [kind], "{line}");
            }
            // A byte less or more is no key of that issuer.
            let longer = format!("{key}aaaa");
            if !key.contains("T3BlbkFJ") && !key.starts_with("sk_live_") && !key.starts_with("xoxb-") {
                assert_eq!(stops(&longer), [""; 0], "{longer}");
            }
        }
    }

    #[test]
    fn a_checksum_decides_where_there_is_one() {
        let body = "x8Kq3ZxP0mW7vT2rYc5LbN9dJ6hG4f";
        let token = format!("ghp_{body}{}", checksum::digits(body.as_bytes()));
        assert_eq!(stops(&format!("token: {token}")), ["a GitHub token"]);
        let wrong = format!("ghp_{body}{}", "000000");
        assert_eq!(stops(&format!("token: {wrong}")), [""; 0]);
        assert_eq!(scan_text("x", wrong.as_bytes()).len(), 1, "it is found all the same");
    }

    #[test]
    fn what_is_public_or_for_tests_or_a_guess_is_none() {
        for text in [
            format!("apiKey: \"AIza{}\"", any(35)),
            format!("sk_test_{}", any(24)),
            format!("pk_live_{}", any(24)),
            format!("password = \"{}\"", any(20)),
            "AKIAIOSFODNN7EXAMPLE".to_owned(),
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----", any(64)),
        ] {
            assert_eq!(stops(&text), [""; 0], "{text}");
        }
    }

    /// The lesser finding stands before it in the same line.
    #[test]
    fn every_live_key_of_a_line_is_told() {
        let (one, other) = (
            format!("sk_live_{}", any(28)),
            format!("sk_live_{}", any(28).chars().rev().collect::<String>()),
        );
        let npm = format!("xkeysib-{}-{}", hex(64), any(16));
        let line = format!("a('{one}');b(\"{npm}\");c('{other}')");
        assert_eq!(stops(&line).len(), 3, "{:?}", stops(&line));
        assert_eq!(stops(&format!("KEY={one}")).len(), 1);
    }

    #[test]
    fn a_live_key_is_found_behind_a_lesser_one() {
        let line = format!("password=\"{}\" key=\"sk_live_{}\"", any(20), any(24));
        assert_eq!(stops(&line), ["a Stripe key"]);
    }
}
