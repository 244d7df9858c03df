//! Whether a name speaks of a secret and whether a value has the shape of one: entropy and structure.
//!
//! Nothing here allocates: it is asked for every assignment in a log.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// Words that make a name speak of a secret, wherever they stand in it, the surest first.
const STRONG: [&str; 23] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "private_key",
    "privatekey",
    "api_key",
    "apikey",
    "access_key",
    "accesskey",
    "account_key",
    "auth_key",
    "authkey",
    "encryption_key",
    "encryptionkey",
    "signing_key",
    "master_key",
    "license_key",
    "credential",
    "access_token",
    "webhook",
    "api_token",
];

/// Words that have to stand by themselves: `monkey`, `author` and `compass` hide nothing.
const WHOLE: [&str; 10] = ["token", "pwd", "pass", "auth", "cookie", "key", "sig", "jwt", "pat", "pw"];

/// Endings that make a name speak about a secret without being one: its place, its age, its size.
const ABOUT: [&str; 42] = [
    "url",
    "uri",
    "endpoint",
    "path",
    "file",
    "dir",
    "name",
    "id",
    "ttl",
    "expiry",
    "expires",
    "timeout",
    "length",
    "len",
    "size",
    "count",
    "limit",
    "max",
    "min",
    "type",
    "enabled",
    "required",
    "version",
    "region",
    "algorithm",
    "issuer",
    "audience",
    "host",
    "policy",
    "header",
    "field",
    "label",
    "hint",
    "prompt",
    "regex",
    "pattern",
    "format",
    "filename",
    "usage",
    "class",
    "method",
    "provider",
];

/// Longest name that is judged; the end of a longer one says most.
pub(crate) const NAME: usize = 64;

/// A name as lower-case words with `_` before, between and behind.
struct Parts {
    text: [u8; 3 * NAME + 2],
    length: usize,
}

impl Parts {
    /// `dbPassword`, `DB_PASSWORD` and `db.password` alike.
    fn of(name: &[u8]) -> Self {
        let mut parts = Self { text: [0; 3 * NAME + 2], length: 0 };
        parts.push(b'_');
        let mut lower_before = false;
        for byte in &name[name.len().saturating_sub(NAME * 2)..] {
            if !byte.is_ascii_alphanumeric() {
                parts.separate();
                lower_before = false;
                continue;
            }
            if byte.is_ascii_uppercase() && lower_before {
                parts.separate();
            }
            lower_before = byte.is_ascii_lowercase() || byte.is_ascii_digit();
            parts.push(byte.to_ascii_lowercase());
        }
        parts.separate();
        parts
    }

    fn push(&mut self, byte: u8) {
        if self.length < self.text.len() {
            self.text[self.length] = byte;
            self.length += 1;
        }
    }

    fn separate(&mut self) {
        if !self.text[..self.length].ends_with(b"_") {
            self.push(b'_');
        }
    }

    fn has(&self, word: &str) -> bool {
        memchr::memmem::find(&self.text[..self.length], word.as_bytes()).is_some()
    }

    /// Whether one of the words is this one, or ends in it where it can't be chance.
    fn has_whole(&self, word: &str) -> bool {
        let text = &self.text[..self.length];
        memchr::memmem::find_iter(text, word.as_bytes()).any(|at| {
            let end = text.get(at + word.len()) == Some(&b'_');
            end && (word == "token" || text[at - 1] == b'_')
        })
    }

    fn last(&self) -> &[u8] {
        let text = self.text[..self.length].strip_suffix(b"_").unwrap_or(&[]);
        text.rsplit(|byte| *byte == b'_').next().unwrap_or(&[])
    }
}

/// The word in a name that speaks of a secret, unless the name is only about one.
pub(crate) fn secret_word(name: &str) -> Option<&'static str> {
    secret_word_in(name.as_bytes())
}

/// [`secret_word`] of bytes.
pub(crate) fn secret_word_in(name: &[u8]) -> Option<&'static str> {
    let parts = Parts::of(name);
    let last = parts.last();
    if ABOUT.iter().any(|about| about.as_bytes() == last) || parts.has("_public_key_") {
        return None;
    }
    let strong = STRONG.into_iter().find(|word| parts.has(word));
    strong.or_else(|| WHOLE.into_iter().find(|word| parts.has_whole(word)))
}

/// Whether a value under a name with this word is a secret and not a word, a placeholder or a reference.
pub(crate) fn is_secret_value(word: &str, value: &str) -> bool {
    let value = value.trim();
    if value.len() < 6 || is_placeholder(value) || is_reference(value) {
        return false;
    }
    match word {
        // People choose passwords: they need not look random.
        "password" | "passwd" | "passphrase" | "passcode" | "pwd" | "pass" | "pw" => {
            !is_number(value) && !value.contains("://") && !is_sentence(value)
        }
        "secret" => {
            value.len() >= 8
                && if is_number(value) {
                    is_long_number(value)
                } else {
                    entropy(value) >= 3.0 || has_mix(value)
                }
        }
        "key" | "auth" | "cookie" | "sig" | "webhook" => {
            value.len() >= 16 && entropy(value) >= 3.0 && has_mix(value) && !is_identifier(value)
        }
        _ if is_number(value) => is_long_number(value),
        _ => {
            let random = value.len() >= 10 && entropy(value) >= 2.5 && has_mix(value);
            (random || is_cased_random(value)) && !is_identifier(value)
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

/// Words of code: `config.database.password`, `getToken()`, `api_key_v12`, `sha256-rsa-pss`.
fn is_identifier(value: &str) -> bool {
    value.split(['_', '-', '.', '/', ':', ',']).all(|part| {
        let letters = part.bytes().take_while(u8::is_ascii_alphabetic).count();
        let word = part[letters..].bytes().all(|byte| byte.is_ascii_digit()) && part.len() - letters <= 4;
        let upper = part.bytes().skip(1).filter(u8::is_ascii_uppercase).count();
        part.is_empty() || (word && letters <= 14 && (upper <= 2 || upper + 1 == letters))
    }) && value.bytes().filter(u8::is_ascii_digit).count() <= 4
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
    let starts = [
        "${", "$(", "{{", "%(", "env:", "env.", "process.", "os.", "getenv", "secrets.", "vault:", "var.",
        "<%",
    ];
    let bytes = value.as_bytes();
    let lower = |start: &&str| {
        bytes.len() >= start.len() && bytes[..start.len()].eq_ignore_ascii_case(start.as_bytes())
    };
    let variable = bytes[0] == b'$' && bytes[1..].iter().all(|b| b.is_ascii_alphabetic() || *b == b'_');
    let call = value.ends_with(')') && value.contains('(') || value.ends_with("()") || value.contains("](");
    let path = bytes.contains(&b'.')
        && bytes.iter().all(|byte| byte.is_ascii_alphabetic() || b"._[]'\"()".contains(byte))
        && bytes[0].is_ascii_alphabetic();
    starts.iter().any(lower) || variable || call || path
}

/// Pieces of what stands where a value is to be put in. Building cannot fail: the words are few and fixed.
static PLACEHOLDERS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    const WORDS: [&str; 19] = [
        "changeme",
        "change-me",
        "change_me",
        "example",
        "placeholder",
        "your-",
        "your_",
        "yourpassword",
        "xxxx",
        "redacted",
        "dummy",
        "todo",
        "insert",
        "replace",
        "****",
        "00000000",
        "aaaaaaaa",
        "1111111111",
        "access_token",
    ];
    AhoCorasick::new(WORDS).ok()
});

/// Text that stands where a value is to be put in.
pub(crate) fn is_placeholder(value: &str) -> bool {
    const PLAIN: [&str; 12] = [
        "true",
        "false",
        "null",
        "none",
        "nil",
        "undefined",
        "string",
        "password",
        "secret",
        "token",
        "required",
        "optional",
    ];
    let mut lower = [0_u8; 256];
    let lower = &mut lower[..value.len().min(256)];
    lower.copy_from_slice(&value.as_bytes()[..lower.len()]);
    lower.make_ascii_lowercase();
    let angled = lower.starts_with(b"<") || lower.ends_with(b">");
    angled
        || PLAIN.iter().any(|plain| plain.as_bytes() == lower)
        || PLACEHOLDERS.as_ref().is_some_and(|words| words.is_match(&*lower))
        || is_monotonous(lower)
}

/// Fewer different bytes than random text of this length ever has.
pub(crate) fn is_monotonous(body: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in body {
        seen[usize::from(*byte)] = true;
    }
    let distinct = seen.iter().filter(|seen| **seen).count();
    distinct < 3 || (body.len() >= 16 && distinct < 4)
}

/// Shannon's entropy in bits a byte.
pub(crate) fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let all = value.len() as f64;
    let bits = |count: &u32| {
        let share = f64::from(*count) / all;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(bits).sum()
}
