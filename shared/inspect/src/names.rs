//! Names of services and variables, and whether a value looks like a secret.

use crate::secret::shape;

/// Longest name of a service: a revision's tag still fits into Cloud Run's limit of 63 for host names.
pub const SERVICE_NAME_MAX: usize = 34;

/// Variables that the place where an app runs sets itself.
const RESERVED: [&str; 12] = [
    "PORT",
    "K_SERVICE",
    "K_REVISION",
    "K_CONFIGURATION",
    "CLOUD_RUN_JOB",
    "CLOUD_RUN_EXECUTION",
    "CLOUD_RUN_TASK_INDEX",
    "CLOUD_RUN_TASK_ATTEMPT",
    "CLOUD_RUN_TASK_COUNT",
    "CLOUD_RUN_TIMEOUT_SECONDS",
    "CLOUD_RUN_WORKER_POOL",
    "CLOUD_RUN_WORKER_POOL_REVISION",
];

/// Variables that every machine or runtime has: an app that reads them asks for nothing.
const AMBIENT: [&str; 34] = [
    "HOST",
    "HOSTNAME",
    "NODE_ENV",
    "PATH",
    "HOME",
    "USER",
    "PWD",
    "SHELL",
    "TMPDIR",
    "TEMP",
    "TMP",
    "LANG",
    "TZ",
    "CI",
    "DEBUG",
    "LOG_LEVEL",
    "RUST_LOG",
    "RAILS_ENV",
    "RACK_ENV",
    "MIX_ENV",
    "APP_ENV",
    "FLASK_ENV",
    "ENV",
    "ENVIRONMENT",
    "PYTHONPATH",
    "TERM",
    "NEXT_RUNTIME",
    "NO_COLOR",
    "FORCE_COLOR",
    "GOOGLE_CLOUD_PROJECT",
    "VERCEL",
    "VERCEL_URL",
    "VERCEL_ENV",
    "NODE_OPTIONS",
];

/// What is wrong with a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// A service's name that doesn't fit.
    #[error("`{name}` can't be a service's name: {problem}{}", suggest(.suggestion.as_deref()))]
    Service {
        /// The name that was given.
        name: String,
        /// What is wrong with it.
        problem: String,
        /// A name near it that would do.
        suggestion: Option<String>,
    },
    /// A variable's name that doesn't fit.
    #[error("`{name}` can't be a variable's name: {problem}{}", suggest(.suggestion.as_deref()))]
    Variable {
        /// The name that was given.
        name: String,
        /// What is wrong with it.
        problem: String,
        /// A name near it that would do.
        suggestion: Option<String>,
    },
    /// A variable that the place where the app runs sets itself.
    #[error("`{0}` is set by the place where the app runs and can't be given; choose another name")]
    Reserved(String),
}

fn suggest(name: Option<&str>) -> String {
    name.map_or_else(|| "; choose another name".into(), |name| format!("; use `{name}`"))
}

/// Checks a service's name: lower-case letters, digits and single hyphens, first a letter, last no hyphen,
/// at most [`SERVICE_NAME_MAX`] characters.
///
/// # Errors
/// [`NameError::Service`] says what is wrong and offers a name near it.
pub fn service_name(name: &str) -> Result<String, NameError> {
    let Some(problem) = service_problem(name) else { return Ok(name.to_owned()) };
    Err(NameError::Service { name: shown(name), problem, suggestion: suggested_service_name(name) })
}

fn service_problem(name: &str) -> Option<String> {
    let length = name.chars().count();
    let wrong = name.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-'));
    Some(match (name.chars().next(), wrong) {
        (None, _) => "it is empty".into(),
        (_, Some(c)) if c.is_ascii_uppercase() => {
            format!("`{c}` is upper case, only a-z, 0-9 and - may stand in it")
        }
        (_, Some(c)) => format!("`{}` may not stand in it, only a-z, 0-9 and -", c.escape_default()),
        (Some(c), _) if !c.is_ascii_lowercase() => {
            format!("it begins with `{c}` and has to begin with a letter")
        }
        _ if name.ends_with('-') => "it ends with a hyphen".into(),
        _ if name.contains("--") => "it has two hyphens in a row, which separate a tag from a service".into(),
        _ if length > SERVICE_NAME_MAX => format!(
            "it has {length} characters, and {SERVICE_NAME_MAX} is the most that leaves room for a revision's tag in \
             Cloud Run's host names"
        ),
        _ => return None,
    })
}

/// The service name nearest to any text, such as a folder's or a repository's name; none when nothing is left.
pub fn suggested_service_name(text: &str) -> Option<String> {
    let mut name = String::new();
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' => name.push(c),
            '0'..='9' if !name.is_empty() => name.push(c),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    name.truncate(SERVICE_NAME_MAX);
    let name = name.trim_end_matches('-');
    (!name.is_empty()).then(|| name.to_owned())
}

/// Checks a variable's name: `[A-Z_][A-Z0-9_]*`, and not one that the place where the app runs sets itself.
///
/// # Errors
/// [`NameError::Variable`] or [`NameError::Reserved`].
pub fn variable_name(name: &str) -> Result<String, NameError> {
    if RESERVED.contains(&name) || name.starts_with("X_GOOGLE_") {
        return Err(NameError::Reserved(name.to_owned()));
    }
    if is_variable_name(name) {
        return Ok(name.to_owned());
    }
    let problem = match name.chars().next() {
        None => "it is empty".to_owned(),
        Some('0'..='9') => "it begins with a digit".to_owned(),
        Some(_) => "only A-Z, 0-9 and _ may stand in it".to_owned(),
    };
    let upper: String =
        name.to_uppercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let near = if upper.starts_with(|c: char| c.is_ascii_digit()) { format!("_{upper}") } else { upper };
    let near = Some(near).filter(|near| {
        is_variable_name(near)
            && near.chars().any(char::is_alphanumeric)
            && !RESERVED.contains(&near.as_str())
    });
    Err(NameError::Variable { name: shown(name), problem, suggestion: near })
}

/// Whether text has the form `[A-Z_][A-Z0-9_]*`.
pub fn is_variable_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_uppercase() || c == '_')
        && chars.all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Whether a process can be given a variable of this name and a Dockerfile can write it: a tree may name it in lower
/// case, which we ourselves never do.
pub(crate) fn is_settable(name: &str, value: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.';
    let named = !name.starts_with(|c: char| c.is_ascii_digit() || c == '.') && name.bytes().all(plain);
    named && !name.is_empty() && name.len() <= 256 && !value.contains('\0')
}

/// Whether a variable is there on every machine, so that reading it asks for nothing.
pub(crate) fn is_ambient(name: &str) -> bool {
    RESERVED.contains(&name) || AMBIENT.contains(&name) || name.starts_with("npm_")
}

/// Why a variable looks like a secret, if it does. An empty value is judged by the name alone.
pub fn looks_secret(name: &str, value: &str) -> Option<String> {
    if let Some(kind) = crate::secret::kind_of(value) {
        return Some(format!("its value has the form of {kind}"));
    }
    let word = shape::secret_word(name)?;
    if value.is_empty() {
        return Some(format!("its name has `{word}` in it"));
    }
    shape::is_secret_value(word, value)
        .then(|| format!("its name has `{word}` in it and its value is no plain word"))
}

/// A name as an error may show it: whoever mistook a file for a name doesn't get all of it back.
fn shown(name: &str) -> String {
    if name.chars().count() <= 80 {
        name.to_owned()
    } else {
        name.chars().take(77).chain("...".chars()).collect()
    }
}

/// What frameworks call the variables that they write into the pages they build.
const IN_PAGES: [&str; 9] = [
    "VITE_",
    "NEXT_PUBLIC_",
    "REACT_APP_",
    "NUXT_PUBLIC_",
    "VUE_APP_",
    "GATSBY_",
    "EXPO_PUBLIC_",
    "NG_APP_",
    "PUBLIC_",
];

/// Whether a framework writes a variable of this name into its pages, where everybody reads it.
pub fn is_written_into_pages(name: &str) -> bool {
    IN_PAGES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names() {
        for good in ["a", "web-1", "a23456789-123456789-123456789-1234"] {
            assert_eq!(service_name(good).as_deref(), Ok(good));
        }
        let cases = [
            ("My_App", "upper case", Some("my-app")),
            ("1st", "begin with a letter", Some("st")),
            ("a--b", "two hyphens", Some("a-b")),
            ("a-", "ends with a hyphen", Some("a")),
            (
                "a23456789-123456789-123456789-12345",
                "35 characters",
                Some("a23456789-123456789-123456789-1234"),
            ),
            ("käse", "only a-z", Some("k-se")),
            ("", "empty", None),
            ("日本", "only a-z", None),
        ];
        for (name, problem, near) in cases {
            let error = service_name(name).expect_err(name);
            assert!(error.to_string().contains(problem), "{error}");
            let NameError::Service { suggestion, .. } = error else { panic!("another error") };
            assert_eq!(suggestion.as_deref(), near);
        }
    }

    #[test]
    fn every_suggestion_is_a_name() {
        for text in
            ["--a--", "9lives!", "x".repeat(99).as_str(), "A B\tC", "a-".repeat(40).as_str(), "\u{130}x"]
        {
            let name = suggested_service_name(text).expect(text);
            assert_eq!(service_name(&name), Ok(name.clone()));
        }
    }

    #[test]
    fn variable_names() {
        assert_eq!(variable_name("_A1").as_deref(), Ok("_A1"));
        assert_eq!(variable_name("PORT"), Err(NameError::Reserved("PORT".into())));
        let error = variable_name("db-url").expect_err("has a hyphen").to_string();
        assert!(error.ends_with("use `DB_URL`"), "{error}");
        let error = variable_name("port").expect_err("near a reserved one").to_string();
        assert!(error.ends_with("choose another name"), "{error}");
        assert!(variable_name("1A").expect_err("digit").to_string().contains("use `_1A`"));
        assert!(variable_name("").is_err());
    }

    #[test]
    fn values_that_look_secret() {
        assert!(looks_secret("SESSION_SECRET", "").is_some());
        assert!(looks_secret("DB_PASSWORD", "hunter2!x").is_some());
        assert!(looks_secret("X", "postgres://u:pa55w0rd@db/x").is_some());
        let token = "ghp_a8Kq3ZxP0mW7vT2rYc5LqK3aZ8xPm0W7Tv2r";
        assert!(looks_secret("ANY", token).expect("known form").contains("GitHub"));
        for (name, value) in [
            ("LOG_LEVEL", "info"),
            ("TOKEN_URL", "https://example.org/token"),
            ("API_KEY", "changeme"),
            ("MONKEY", "banana"),
            ("MAX_TOKENS", "4096"),
            ("AUTHOR", "Jane Q. Public"),
            ("PASSWORD_MIN_LENGTH", "12"),
        ] {
            assert_eq!(looks_secret(name, value), None, "{name}={value}");
        }
    }
}
