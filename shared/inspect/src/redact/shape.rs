//! Whether a name speaks of a secret and whether a value has the shape of one: entropy and structure.

/// Words that make a name speak of a secret, the surest first.
const WORDS: [&str; 24] = [
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
    "auth_key",
    "encryption_key",
    "signing_key",
    "master_key",
    "secret_key",
    "credential",
    "token",
    "pwd",
    "pass",
    "auth",
    "cookie",
    "license_key",
    "key",
];

/// Endings that make a name speak about a secret without being one: its place, its age, its size.
const ABOUT: [&str; 30] = [
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
];

/// The word in a name that speaks of a secret, unless the name is only about one.
pub(crate) fn secret_word(name: &str) -> Option<&'static str> {
    let parts = parts(name);
    if parts.last().is_some_and(|last| ABOUT.contains(&last.as_str())) {
        return None;
    }
    let joined = parts.join("_");
    // Short words have to stand by themselves: `monkey`, `author` and `compass` hide nothing.
    WORDS.into_iter().find(|word| match *word {
        "key" | "pass" | "auth" | "pwd" | "token" | "cookie" => parts.iter().any(|part| part == word),
        word => joined.contains(word),
    })
}

/// `dbPassword`, `DB_PASSWORD` and `db.password` as lower-case words.
fn parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() {
            parts.push(String::new());
            lower_before = false;
            continue;
        }
        if c.is_ascii_uppercase() && lower_before {
            parts.push(String::new());
        }
        lower_before = c.is_ascii_lowercase() || c.is_ascii_digit();
        if let Some(part) = parts.last_mut() {
            part.push(c.to_ascii_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// Whether a value under a name with this word is a secret and not a word, a placeholder or a reference.
pub(crate) fn is_secret_value(word: &str, value: &str) -> bool {
    let value = value.trim();
    if is_placeholder(value) {
        return false;
    }
    match word {
        // People choose passwords: they need not look random.
        "password" | "passwd" | "passphrase" | "passcode" | "pwd" | "pass" => {
            value.len() >= 6 && !is_number(value) && !value.contains("://")
        }
        "secret" => value.len() >= 8 && !is_number(value) && (entropy(value) >= 3.0 || has_mix(value)),
        "key" | "auth" | "cookie" => value.len() >= 16 && entropy(value) >= 3.3 && has_mix(value),
        _ => value.len() >= 10 && !is_number(value) && entropy(value) >= 2.8 && has_mix(value),
    }
}

fn is_number(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_digit() || ".,_".contains(c))
}

/// Digits beside letters: words and sentences rarely have them, random text nearly always.
fn has_mix(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    let letters = value.bytes().filter(u8::is_ascii_alphabetic).count();
    let plain = value.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/=_-.~:!@#$%^&*,;?".contains(&b));
    digits >= 2 && letters >= 2 && plain && !value.contains("://")
}

/// Text that stands where a value is to be put in, or that only names one.
pub(crate) fn is_placeholder(value: &str) -> bool {
    const WORDS: [&str; 16] = [
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
        "<",
        "****",
    ];
    let lower = value.to_ascii_lowercase();
    let reference =
        ["${", "$(", "{{", "%(", "env:", "process.env", "os.environ", "getenv", "secrets.", "vault:"]
            .iter()
            .any(|start| lower.starts_with(start))
            || value.starts_with('$') && value[1..].bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    let plain =
        ["true", "false", "null", "none", "nil", "undefined", "string", "password", "secret", "token"];
    reference
        || value.contains("***")
        || plain.contains(&lower.as_str())
        || WORDS.iter().any(|word| lower.contains(word))
        || value.bytes().collect::<std::collections::BTreeSet<_>>().len() < 3
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
