//! Whether a value has the shape of a secret: entropy and structure, and no word, placeholder or piece of code.
//!
//! Nothing here allocates: it is asked for every assignment in a log.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

pub(crate) use super::name::secret_word;
pub(crate) use super::random::entropy;
use super::random::is_regular;
use super::words::are_words;

/// Whether a word of a name says that people chose the value.
pub(crate) fn is_chosen(word: &str) -> bool {
    matches!(word, "password" | "passwd" | "passphrase" | "passcode" | "pwd" | "pass" | "pw")
}

/// Whether a value under a name with this word is a secret and not a word, a placeholder or a reference.
pub(crate) fn is_secret_value(word: &str, value: &str) -> bool {
    let value = value.trim();
    if value.len() < 6 || is_placeholder(value) || is_reference(value) {
        return false;
    }
    match word {
        // People choose passwords: they need not look random.
        _ if is_chosen(word) => {
            let described = is_sentence(value) || is_constant(value) || is_place(value);
            !is_number(value) && !value.contains("://") && !described
        }
        "bundle" => value.contains(':') && has_mix(value),
        _ if is_number(value) => is_long_number(value) && !is_regular(value.as_bytes()),
        _ if is_described(value) || is_regular(value.as_bytes()) => false,
        "secret" => value.len() >= 8 && (has_mix(value) || is_random_letters(value)),
        "key" | "auth" | "cookie" | "sig" | "webhook" => {
            value.len() >= 16 && entropy(value) >= 3.0 && has_mix(value)
        }
        _ => {
            let random = has_mix(value) || is_cased_random(value) || is_random_word(value);
            value.len() >= 10 && entropy(value) >= 2.5 && random
        }
    }
}

fn is_number(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit() || b".,_".contains(&byte))
}

/// Longer than a time in nanoseconds is ever written, or than any count.
fn is_long_number(value: &str) -> bool {
    value.len() >= 16 && value.bytes().all(|byte| byte.is_ascii_digit()) && entropy(value) >= 2.2
}

/// Several words: a message about a password, not one.
fn is_sentence(value: &str) -> bool {
    value.contains(' ') && !value.bytes().any(|byte| byte.is_ascii_digit())
}

/// Random letters without a digit: upper and lower case change far more often than in words.
fn is_cased_random(value: &str) -> bool {
    let bytes = value.as_bytes();
    let letters = bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-+/=".contains(byte));
    let changes =
        bytes.windows(2).filter(|two| two[0].is_ascii_uppercase() != two[1].is_ascii_uppercase()).count();
    letters && bytes.len() >= 20 && changes * 3 > bytes.len() && entropy(value) >= 3.8
}

/// Letters that make no words, a few signs at most.
fn is_random_letters(value: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-+/=.~!@#$%^&*".contains(&byte);
    value.len() >= 12 && value.bytes().all(fits) && entropy(value) >= 3.0
}

/// `/usr/sbin/service`: what a person is let run without a password.
fn is_place(value: &str) -> bool {
    value.starts_with('/') && value[1..].contains('/') && !value.contains(['=', '+'])
}

/// `WEAK_ROOT_PASSWORD`: how a program names a choice.
fn is_constant(value: &str) -> bool {
    value.contains('_') && value.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// Random letters in one piece: no constant of a program, whose name is in capitals, and no number with a type.
fn is_random_word(value: &str) -> bool {
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let lower = value.bytes().any(|byte| byte.is_ascii_lowercase());
    is_random_letters(value) && lower && letters * 2 > value.len() && !value.contains('_')
}

/// What a value is whose makeup tells: words and names of code, times, digests, resources, addresses of mail.
fn is_described(value: &str) -> bool {
    let bytes = value.as_bytes();
    are_words(bytes) || is_short_words(value) || is_time(bytes) || is_digest(bytes) || is_file(value)
}

/// `api_key_v12`, `sha256-rsa-pss`: short words with a number here and there.
fn is_short_words(value: &str) -> bool {
    value.split(['_', '-', '.', '/', ':', ',']).all(|part| {
        let letters = part.bytes().take_while(u8::is_ascii_alphabetic).count();
        let word = part[letters..].bytes().all(|byte| byte.is_ascii_digit()) && part.len() - letters <= 4;
        let upper = part.bytes().skip(1).filter(u8::is_ascii_uppercase).count();
        part.is_empty() || (word && letters <= 14 && (upper <= 2 || upper + 1 == letters))
    }) && value.bytes().filter(u8::is_ascii_digit).count() <= 4
}

/// `2026-11-20T08:00:00Z`.
fn is_time(value: &[u8]) -> bool {
    let digit = |at: usize| value.get(at).is_some_and(u8::is_ascii_digit);
    let dashes = [4, 7].iter().all(|at| value.get(*at) == Some(&b'-'));
    dashes
        && [0, 1, 2, 3, 5, 6, 8, 9].into_iter().all(digit)
        && value.get(10).is_none_or(|b| b"T ".contains(b))
}

/// `sha256:…`, `sha512-…`, `MD5:…`: what stands for content that others have too.
pub(crate) fn is_digest(value: &[u8]) -> bool {
    const NAMES: [&[u8]; 6] = [b"sha1", b"sha256", b"sha384", b"sha512", b"md5", b"h1"];
    NAMES.iter().any(|name| {
        value.len() > name.len()
            && value[..name.len()].eq_ignore_ascii_case(name)
            && b":-=".contains(&value[name.len()])
    })
}

/// How names of files usually end.
const ENDS: [&str; 28] = [
    "pem", "key", "crt", "cer", "json", "yaml", "yml", "toml", "xml", "txt", "js", "ts", "py", "rb", "go",
    "rs", "html", "css", "png", "svg", "jpg", "gif", "ico", "gz", "zip", "jar", "md", "log",
];

/// A path to a file with a usual ending: `certs/3fa9c04b.pem`.
fn is_file(value: &str) -> bool {
    value.rsplit_once('.').is_some_and(|(_, end)| ENDS.contains(&end))
}

/// Whether what stands here makes the text before it a file: `logo-3fa9c04b` and then `.png`.
pub(crate) fn ends_file(behind: &[u8]) -> bool {
    let Some(end) = behind.strip_prefix(b".") else { return false };
    let length = end.iter().take(5).take_while(|byte| byte.is_ascii_alphanumeric()).count();
    ENDS.iter().any(|known| known.as_bytes() == &end[..length])
}

/// Digits beside letters: words and sentences rarely have them, random text nearly always.
fn has_mix(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-.~:!@#$%^&*,;?|".contains(&b));
    let enough = digits >= 2 || (digits >= 1 && letters >= 16);
    enough && letters >= 2 && plain && !value.contains("://")
}

/// Whether text names where a value is, as code and templates do.
fn is_reference(value: &str) -> bool {
    const STARTS: [&str; 16] = [
        "$(", "%(", "env:", "env.", "process.", "os.", "getenv", "secrets.", "vault:", "var.", "arn:",
        "op://", "ref+", "ssm:", "data.", "local.",
    ];
    let bytes = value.as_bytes();
    let starts = |start: &&str| {
        bytes.len() >= start.len() && bytes[..start.len()].eq_ignore_ascii_case(start.as_bytes())
    };
    let name = |bytes: &[u8]| bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(b));
    // `$NAME`, `%NAME%`, `@NAME@`, `__NAME__`: a shell, a batch file, a build tool.
    let lower = bytes.iter().any(u8::is_ascii_lowercase);
    let variable = bytes[0] == b'$'
        && bytes[1..].iter().all(|b| b.is_ascii_alphabetic() || *b == b'_' || (!lower && b.is_ascii_digit()));
    let enclosed = [&b"%"[..], b"@", b"__", b"#", b"$"].iter().any(|mark| {
        bytes.len() > 2 * mark.len()
            && bytes.starts_with(mark)
            && bytes.ends_with(mark)
            && name(&bytes[mark.len()..bytes.len() - mark.len()])
            && are_words(&bytes[mark.len()..bytes.len() - mark.len()])
    });
    let call = value.ends_with(')') && value.contains('(') || value.ends_with("()") || value.contains("](");
    let path = bytes.contains(&b'.')
        && bytes.iter().all(|byte| byte.is_ascii_alphabetic() || b"._[]'\"()".contains(byte))
        && bytes[0].is_ascii_alphabetic();
    STARTS.iter().any(starts) || variable || enclosed || call || path || is_template(bytes)
}

/// A template has its mark anywhere: `Bearer ${token}`, `{{ secret }}`, `#{…}`, `<%= … %>`.
fn is_template(value: &[u8]) -> bool {
    const MARKS: [(&[u8], u8); 6] =
        [(b"${", b'}'), (b"{{", b'}'), (b"#{", b'}'), (b"<%", b'>'), (b"$(", b')'), (b"{%", b'}')];
    MARKS.iter().any(|(open, close)| {
        memchr::memmem::find(value, open).is_some_and(|at| {
            value.len() == at + 2 || memchr::memchr(*close, &value[at..]).is_some() || at == 0
        })
    }) || (value.starts_with(b"{") && value.ends_with(b"}"))
        || (value.starts_with(b"[") && value.ends_with(b"]"))
}

/// Whether an unquoted value is a piece of code: a variable, a type, a call, an index.
///
/// What a person typed into a file of settings has digits or signs in it, or is one lower-case word.
pub(crate) fn is_code(value: &[u8]) -> bool {
    if is_code_number(value) || value.starts_with(b"{") || value.starts_with(b"[") {
        return true;
    }
    let bare = value.iter().position(|byte| !b"&*!-+@(:".contains(byte)).unwrap_or(value.len());
    let value = &value[bare..];
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.:?->".contains(byte);
    let length = value.iter().take_while(|byte| is_name(byte)).count();
    let name = &value[..length];
    if !name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_') {
        return false;
    }
    if [&b"::"[..], b"->"].iter().any(|by| memchr::memmem::find(name, by).is_some()) {
        return true;
    }
    let plain = name.iter().all(|byte| !byte.is_ascii_digit()) || are_words(name);
    match value.get(length) {
        Some(b'(' | b'[' | b'<' | b'{' | b')') => length >= 2 && plain,
        Some(_) => false,
        None => {
            let joined = name.iter().any(|byte| b"._".contains(byte));
            let humps = name.iter().skip(1).any(u8::is_ascii_uppercase);
            let title = name[0].is_ascii_uppercase();
            plain && (joined || humps || title || bare > 0 || super::name::speaks(name))
        }
    }
}

/// `0x80090305_u32`, `-2146893042i32`, `18446744073709551615UL`.
fn is_code_number(value: &[u8]) -> bool {
    let bare = value.strip_prefix(b"-").unwrap_or(value);
    let (digits, hex) = bare.strip_prefix(b"0x").map_or((bare, false), |digits| (digits, true));
    let fits = |byte: &u8| byte.is_ascii_digit() || *byte == b'_' || (hex && byte.is_ascii_hexdigit());
    let length = digits.iter().take_while(|byte| fits(byte)).count();
    let behind = &digits[length..];
    let suffix = behind.is_empty() || (behind.len() <= 5 && b"iuULl".contains(&behind[0]));
    let marked = hex || !behind.is_empty() || bare.len() < value.len();
    marked && (1..=20).contains(&length) && suffix
}

/// Pieces of what stands where a value is to be put in. Building cannot fail: the words are few and fixed.
static PLACEHOLDERS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    const WORDS: [&str; 33] = [
        "changeme",
        "change-me",
        "change_me",
        "example",
        "placeholder",
        "your-",
        "your_",
        "yourpassword",
        "yourtoken",
        "yoursecret",
        "yourkey",
        "yourapi",
        "my-secret",
        "my_secret",
        "mysecret",
        "my-token",
        "my_token",
        "mytoken",
        "my-api",
        "my_api",
        "xxxx",
        "redacted",
        "dummy",
        "todo",
        "insert",
        "replace",
        "****",
        "....",
        "00000000",
        "aaaaaaaa",
        "1111111111",
        "access_token",
        "not-a-secret",
    ];
    AhoCorasick::new(WORDS).ok()
});

/// Whether a word that was found is one. So short a word as `todo` comes up in random text by chance, as in `9sZtoDOVW`:
/// it has to stand alone, `dummy` at an end (`FdumMyvk`), and `xxxx` at an end or as a longer row. Nobody writes a word in
/// letters of both cases (`XXXxaCz2`), but for its first one and where two words meet, as in `yourToken`.
fn stands(value: &[u8], lower: &[u8], at: std::ops::Range<usize>) -> bool {
    let open = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let before = |from: usize| open(from.checked_sub(1).and_then(|at| lower.get(at)));
    let short =
        matches!(&lower[at.clone()], b"dummy" | b"todo" | b"xxxx" | b"insert" | b"replace" | b"example");
    if short && !in_one_case(&value[at.clone()]) {
        return false;
    }
    match &lower[at.clone()] {
        b"todo" => before(at.start) && open(lower.get(at.end)),
        b"dummy" => before(at.start) || open(lower.get(at.end)),
        b"xxxx" => {
            let is_x = |byte: &&u8| **byte == b'x';
            let start = at.start - lower[..at.start].iter().rev().take_while(is_x).count();
            let end = at.end + lower[at.end..].iter().take_while(is_x).count();
            end - start >= 6 || before(start) || open(lower.get(end))
        }
        _ => true,
    }
}

/// Whether all but the first letter are of one case.
fn in_one_case(word: &[u8]) -> bool {
    let rest = word.get(1..).unwrap_or_default();
    let lower = rest.iter().all(|byte| !byte.is_ascii_uppercase());
    lower || word.iter().all(|byte| !byte.is_ascii_lowercase())
}

/// Text that stands where a value is to be put in.
pub(crate) fn is_placeholder(value: &str) -> bool {
    const PLAIN: [&str; 24] = [
        "pass",
        "pwd",
        "pw",
        "passw",
        "true",
        "false",
        "null",
        "none",
        "nil",
        "undefined",
        "string",
        "password",
        "passphrase",
        "passwd",
        "secret",
        "token",
        "required",
        "optional",
        "boolean",
        "number",
        "object",
        "unknown",
        "username",
        "same-origin",
    ];
    let mut lower = [0_u8; 256];
    let lower = &mut lower[..value.len().min(256)];
    lower.copy_from_slice(&value.as_bytes()[..lower.len()]);
    lower.make_ascii_lowercase();
    let angled = lower.starts_with(b"<") || lower.ends_with(b">");
    angled
        || PLAIN.iter().any(|plain| plain.as_bytes() == lower)
        || PLACEHOLDERS.as_ref().is_some_and(|words| {
            words.find_overlapping_iter(&*lower).any(|found| stands(value.as_bytes(), lower, found.range()))
        })
        || super::random::is_monotonous(lower)
}
