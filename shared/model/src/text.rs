//! Text from outside, such as a line of a log, as it may be shown: to a terminal or on a page.
//!
//! Invariant: what comes out moves no cursor, sets no title, rings no bell, and reads in the order in which it is
//! stored. Sequences that only colour (`ESC [ … m`) are left out, or kept where somebody asked for colours; every other
//! control character is written as its escape, so that it is seen.

use std::{borrow::Cow, fmt::Write};

/// Ends every colour.
const PLAIN: &str = "\x1b[0m";

/// The text without colours, on one line.
pub fn visible(text: &str) -> Cow<'_, str> {
    show(text, false)
}

/// The text with its colours, which end with it, on one line: for a terminal whose owner asked for them.
pub fn coloured(text: &str) -> Cow<'_, str> {
    show(text, true)
}

/// The text cut where its colours change: the parameters of each sequence that colours, `""` for the beginning, and the
/// text after it as [`visible`] has it.
pub fn painted(text: &str) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let mut rest = Some(("", text));
    std::iter::from_fn(move || {
        let (parameters, text) = rest.take()?;
        let next = text.match_indices('\x1b').find_map(|(at, _)| Some((at, colour(&text[at..])?)));
        let Some((at, length)) = next else { return Some((parameters, visible(text))) };
        rest = Some((&text[at + 2..at + length - 1], &text[at + length..]));
        Some((parameters, visible(&text[..at])))
    })
}

fn show(text: &str, colours: bool) -> Cow<'_, str> {
    if !text.chars().any(is_control) {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut rest, mut painted) = (String::with_capacity(text.len() + 16), text, false);
    while let Some(c) = rest.chars().next() {
        if let Some(length) = colour(rest) {
            if colours {
                shown.push_str(&rest[..length]);
                painted = true;
            }
            rest = &rest[length..];
            continue;
        }
        if is_control(c) {
            escape(&mut shown, c);
        } else {
            shown.push(c);
        }
        rest = &rest[c.len_utf8()..];
    }
    if painted {
        shown.push_str(PLAIN);
    }
    Cow::Owned(shown)
}

/// Bytes of the sequence that the text begins with, if it only colours: `ESC [`, digits with `;` or `:`, `m`.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\x1b[")?;
    let end = parameters.find(|c: char| !matches!(c, '0'..='9' | ';' | ':'))?;
    parameters[end..].starts_with('m').then_some(2 + end + 1)
}

/// C0 but for the tab, DEL, C1, line and paragraph separators, and what turns the direction of text around.
fn is_control(c: char) -> bool {
    c.is_control() && c != '\t'
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escape(shown: &mut String, c: char) {
    // Writing to a string can't fail.
    let _ = match c {
        '\r' => write!(shown, r"\r"),
        '\n' => write!(shown, r"\n"),
        '\0'..='\x7f' => write!(shown, r"\x{:02x}", u32::from(c)),
        _ => write!(shown, r"\u{{{:x}}}", u32::from(c)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_characters_are_seen_and_do_nothing() {
        for (text, shown) in [
            ("plain ä\ttab 漢", "plain ä\ttab 漢"),
            ("\u{1b}]0;owned\u{7}", r"\x1b]0;owned\x07"),
            ("\u{1b}[2J\u{1b}[31mred\u{1b}[0m", r"\x1b[2Jred"),
            ("10 %\r20 %\0\u{7f}", r"10 %\r20 %\x00\x7f"),
            ("\u{9b}31m", r"\u{9b}31m"),
            ("user\u{202e}nimda\u{2069}\u{2028}", r"user\u{202e}nimda\u{2069}\u{2028}"),
            ("\u{1b}[31", r"\x1b[31"),
            ("a\nb", r"a\nb"),
        ] {
            assert_eq!(visible(text), shown);
        }
        assert_eq!(coloured("\u{1b}[1;31mred\u{1b}]0;x\u{7}"), "\u{1b}[1;31mred\\x1b]0;x\\x07\u{1b}[0m");
        assert_eq!(coloured("plain"), "plain");
        let pieces: Vec<_> = painted("a\u{1b}[1;31mred\u{1b}[mb\u{1b}[2J").collect();
        assert_eq!(pieces, [("", "a".into()), ("1;31", "red".into()), ("", r"b\x1b[2J".into())]);
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left(text in "(\u{1b}|\\[|[0-9;m]|\r|\u{202e}|\u{9d}|\\PC|a){0,40}") {
            let shown = visible(&text);
            prop_assert!(!shown.contains(is_control), "{shown:?}");
            let painted = coloured(&text);
            let left: String = painted.split('\u{1b}').skip(1).map(|part| part.chars().next().unwrap_or_default()).collect();
            prop_assert!(left.chars().all(|c| c == '['), "{painted:?}");
            let pieces: String = super::painted(&text).map(|(_, piece)| piece).collect();
            prop_assert_eq!(pieces, shown);
        }
    }
}
