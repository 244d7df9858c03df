//! Private keys: where one begins, where it ends, and which of its lines tell nothing.

use super::{Hit, STARS, Until};

/// A private key: what stands between its two marks on this line, else to the line's end.
pub(super) fn block(line: &[u8], at: usize) -> Option<Hit> {
    let rest = &line[at..line.len().min(at + 80)];
    let close = memchr::memmem::find(rest.get(10..)?, b"-----")? + 10;
    memchr::memmem::find(&rest[..close].to_ascii_uppercase(), b"PRIVATE KEY")?;
    let start = at + close + 5;
    if line[start..].starts_with(STARS) {
        return None;
    }
    Some(Hit { at, start, until: Until::KeyEnd, kind: "a private key" })
}

/// Shortest line of a key, the last one aside.
pub(crate) const KEY_LINE: usize = 16;

/// Whether text between the marks of a key is the text of one: `…` and `YOUR KEY HERE` are none.
pub(crate) fn has_body(text: &[u8]) -> bool {
    let key = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    text.split(|byte| !key(byte)).any(|run| run.len() >= KEY_LINE)
}

/// Where the mark begins that ends a private key.
pub(crate) fn end_mark(text: &[u8]) -> Option<usize> {
    memchr::memmem::find_iter(text, b"-----")
        .find(|at| text[at + 5..].len() >= 3 && text[at + 5..at + 8].eq_ignore_ascii_case(b"END"))
}

/// Whether a private key begins in this line, hidden or not, and doesn't end.
pub(crate) fn opens_key(line: &[u8]) -> bool {
    let marks = memchr::memmem::find_iter(line, b"-----BEGIN");
    let open = |at: usize| {
        let rest = &line[at..line.len().min(at + 80)];
        let close = rest.get(10..).and_then(|rest| memchr::memmem::find(rest, b"-----"));
        close.is_some_and(|close| {
            memchr::memmem::find(&rest[..close + 10].to_ascii_uppercase(), b"PRIVATE KEY").is_some()
        })
    };
    marks.filter(|at| open(*at)).last().is_some_and(|at| end_mark(&line[at..]).is_none())
}

/// Lines of a private key that stand before its text and tell nothing of it.
pub(crate) fn is_key_header(line: &[u8]) -> bool {
    const HEADERS: [&[u8]; 4] = [b"Proc-Type:", b"DEK-Info:", b"Comment:", b"Version:"];
    HEADERS.iter().any(|header| line.starts_with(header))
}
