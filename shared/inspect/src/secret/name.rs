//! Whether a name speaks of a secret, or only about one: its place, its age, what it opens.
//!
//! Nothing here allocates: it is asked for every assignment in a log.

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
const ABOUT: [&str; 104] = [
    "url",
    "uri",
    "endpoint",
    "path",
    "file",
    "dir",
    "dirs",
    "subdir",
    "name",
    "names",
    "id",
    "ids",
    "ttl",
    "expiry",
    "expires",
    "expiration",
    "timeout",
    "length",
    "len",
    "size",
    "count",
    "limit",
    "max",
    "min",
    "type",
    "types",
    "enabled",
    "disabled",
    "required",
    "version",
    "region",
    "algorithm",
    "alg",
    "issuer",
    "audience",
    "host",
    "policy",
    "header",
    "headers",
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
    "arn",
    "ref",
    "reference",
    "alias",
    "store",
    "manager",
    "identifier",
    "index",
    "column",
    "fingerprint",
    "serial",
    "prefix",
    "suffix",
    "generation",
    "generator",
    "callback",
    "validator",
    "factory",
    "handler",
    "builder",
    "kind",
    "status",
    "scope",
    "scopes",
    "strength",
    "mode",
    "vault",
    "schema",
    "model",
    "config",
    "settings",
    "options",
    "client",
    "owner",
    "username",
    "title",
    "description",
    "placeholder",
    "error",
    "message",
    "msg",
    "help",
    "link",
    "page",
    "event",
    "action",
    "parser",
    "reader",
    "writer",
    "service",
    "rotation",
    "exists",
    "missing",
];

/// Words before `key` that make it one of a table, a cache or a keyboard, or one for everybody.
const KEYS: [&str; 28] = [
    "public",
    "primary",
    "foreign",
    "partition",
    "sort",
    "cache",
    "row",
    "object",
    "s3",
    "map",
    "dict",
    "translation",
    "group",
    "range",
    "composite",
    "natural",
    "hot",
    "short",
    "press",
    "arrow",
    "mapping",
    "routing",
    "item",
    "lookup",
    "idempotency",
    "order",
    "registry",
    "lock",
];

/// Words before `token` that make it a place in a list, or part of a text.
const TOKENS: [&str; 7] = ["next", "page", "continuation", "sequence", "cancellation", "syntax", "publickey"];

/// What may follow a word that has to stand by itself: which one it is of several.
const OF_SEVERAL: [&str; 20] = [
    "value",
    "string",
    "str",
    "text",
    "prod",
    "production",
    "dev",
    "staging",
    "stage",
    "live",
    "main",
    "root",
    "admin",
    "new",
    "old",
    "current",
    "primary",
    "secondary",
    "base64",
    "b64",
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
            let behind = &text[at + word.len()..];
            if word == "token" {
                return behind.first() == Some(&b'_');
            }
            let next =
                behind.get(1..).and_then(|rest| rest.split(|byte| *byte == b'_').next()).unwrap_or_default();
            let last = next.is_empty()
                || next.iter().skip(usize::from(next[0] == b'v')).all(u8::is_ascii_digit)
                || OF_SEVERAL.iter().any(|which| which.as_bytes() == next);
            behind.first() == Some(&b'_') && text[at - 1] == b'_' && last
        })
    }

    /// The last two words.
    fn last(&self) -> (&[u8], &[u8]) {
        let text = self.text[..self.length].strip_suffix(b"_").unwrap_or(&[]);
        let mut words = text.rsplit(|byte| *byte == b'_');
        let last = words.next().unwrap_or(&[]);
        (words.next().unwrap_or(&[]), last)
    }

    /// Whether the name is about a secret, or about something that only is called like one.
    fn is_about(&self) -> bool {
        let (before, last) = self.last();
        let is = |words: &[&str], word: &[u8]| words.iter().any(|one| one.as_bytes() == word);
        is(&ABOUT, last)
            || (last == b"key" && is(&KEYS, before))
            || (last == b"token" && is(&TOKENS, before))
            || self.has("_public_key_")
            || self.has("secretsmanager")
            || self.has("secret_manager")
            || self.has("_publickeytoken_")
            || self.has("_public_key_token_")
    }
}

/// The word in a name that speaks of a secret, unless the name is only about one.
pub(crate) fn secret_word(name: &str) -> Option<&'static str> {
    secret_word_in(name.as_bytes())
}

/// [`secret_word`] of bytes.
pub(crate) fn secret_word_in(name: &[u8]) -> Option<&'static str> {
    let parts = Parts::of(name);
    if parts.is_about() {
        return None;
    }
    // Bundler's variables of hosts hold `user:password`.
    if name.starts_with(b"BUNDLE_") && memchr::memmem::find(name, b"__").is_some() {
        return Some("bundle");
    }
    let strong = STRONG.into_iter().find(|word| parts.has(word));
    strong.or_else(|| WHOLE.into_iter().find(|word| parts.has_whole(word)))
}

/// Whether the text of a value is itself a word that speaks of a secret: `password = credentials`.
pub(crate) fn speaks(value: &[u8]) -> bool {
    let parts = Parts::of(value);
    STRONG.into_iter().any(|word| parts.has(word)) || WHOLE.into_iter().any(|word| parts.has_whole(word))
}
