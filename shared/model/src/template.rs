//! Forms of paths: what many requests have in common, without what tells one person's from another's.
//!
//! Invariant: a form holds words only. Ids, numbers, names in another script, tokens and queries don't get into it, so
//! that it may be counted by, stored and shown; the form of a form is itself.

use std::borrow::Cow;

/// Stands for a segment that is no word.
const ANY: &str = "*";
/// Segments that are told apart; what is deeper is one.
const SEGMENTS: usize = 8;
/// The longest word; what is longer is a token.
const WORD_BYTES: usize = 32;
/// Changes between small and capital letters in a word: `getUserById` has six, a token more.
const CAPITALS: usize = 6;

/// The form of a request's path: `/orders/8812/items?page=2` is `/orders/*/items`.
pub fn path(path: &str) -> Cow<'_, str> {
    let end = path.find(['?', '#']).unwrap_or(path.len());
    let path = &path[..end];
    let plain = path.starts_with('/')
        && path.split('/').skip(1).all(|segment| segment.is_empty() || is_word(segment))
        && path.matches('/').count() <= SEGMENTS;
    if plain {
        return Cow::Borrowed(path);
    }
    let mut form = String::with_capacity(path.len());
    let mut segments = path.trim_start_matches('/').split('/');
    for segment in segments.by_ref().take(SEGMENTS) {
        form.push('/');
        form.push_str(if segment.is_empty() || is_word(segment) { segment } else { ANY });
    }
    if segments.next().is_some() {
        form.push_str("/…");
    }
    Cow::Owned(form)
}

fn is_word(segment: &str) -> bool {
    if segment == ANY || segment == "…" || is_version(segment) {
        return true;
    }
    let legal = |byte: u8| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_' | b'.');
    let changes = segment
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0].is_ascii_uppercase() != pair[1].is_ascii_uppercase())
        .count();
    segment.len() <= WORD_BYTES && segment.bytes().all(legal) && changes <= CAPITALS
}

/// `v1`, `v12`.
fn is_version(segment: &str) -> bool {
    let digits = segment.strip_prefix('v').unwrap_or_default();
    (1..=2).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_tells_one_request_from_another_is_left_out() {
        for (asked, form) in [
            ("/", "/"),
            ("/api/v1/health", "/api/v1/health"),
            ("/orders/8812/items?page=2", "/orders/*/items"),
            ("/users/9b2f6a52-0d4e-4b7a-9a39-2f1c3d4e5f60#top", "/users/*"),
            ("/reset/eyJhbGciOiJIUzI1NiIsInR5cCI", "/reset/*"),
            ("/reset/AbCdEfGhIjKlMn", "/reset/*"),
            ("/getUserById/ann@example.com", "/getUserById/*"),
            ("/a%20b/ä", "/*/*"),
            ("/a/b/c/d/e/f/g/h/i/j", "/a/b/c/d/e/f/g/h/…"),
            ("*", "/*"),
            ("", "/"),
        ] {
            assert_eq!(path(asked), form, "{asked}");
        }
    }

    proptest! {
        #[test]
        fn a_form_is_its_own_form_and_bounded(asked in "(/|[a-zA-Z0-9._%?#-]{0,12}|\\PC){0,30}") {
            let form = path(&asked).into_owned();
            prop_assert_eq!(path(&form).into_owned(), form.clone());
            prop_assert!(form.starts_with('/') && form.len() <= (SEGMENTS + 1) * (WORD_BYTES + 1) + 4);
            prop_assert!(!form.contains(['?', '#', '%', '@']));
        }
    }
}
