//! Base images by minor version, and how a declared version picks one. Node.js as npm's registry had it in 2026-11, the
//! others as of 2025-01.

/// The web server for files: it runs as user 101 and writes only to /tmp.
pub(super) const NGINX: &str = "nginxinc/nginx-unprivileged:1.27-alpine-slim";

/// What runs a program that needs no more than the C library.
pub(super) const DEBIAN: &str = "debian:12.9-slim";
/// The same with what compilers need.
pub(super) const DEBIAN_FULL: &str = "debian:12.9";
/// What runs a program that needs nothing.
pub(super) const STATIC: &str = "gcr.io/distroless/static-debian12:nonroot";

/// Minor versions by language, newest first; the default is the one named in [`default_of`].
const KNOWN: &[(&str, &[&str])] = &[
    ("node", &["26.9", "24.20", "22.22", "20.20", "18.20", "16.20"]),
    ("python", &["3.14", "3.13", "3.12", "3.11", "3.10", "3.9", "3.8", "3.7"]),
    ("go", &["1.24", "1.23", "1.22", "1.21", "1.20", "1.19", "1.18"]),
    ("rust", &["1.88", "1.85", "1.84", "1.83", "1.82", "1.81", "1.80", "1.75"]),
    ("ruby", &["3.4", "3.3", "3.2", "3.1", "3.0", "2.7", "2.6"]),
    ("php", &["8.4", "8.3", "8.2", "8.1", "8.0", "7.4"]),
    ("dotnet", &["9.0", "8.0", "7.0", "6.0"]),
    ("elixir", &["1.18", "1.17", "1.16", "1.15", "1.14", "1.13"]),
    ("swift", &["6.0", "5.10", "5.9", "5.8", "5.7"]),
    ("dart", &["3.6", "3.5", "3.4", "3.3", "2.19"]),
    ("haskell", &["9.10", "9.8", "9.6", "9.4", "9.2"]),
    ("crystal", &["1.14", "1.13", "1.12", "1.11", "1.10"]),
    ("java", &["21", "17", "11", "8"]),
];

fn default_of(language: &str) -> &'static str {
    match language {
        "node" => "24.20",
        "python" => "3.13",
        "go" => "1.24",
        "rust" => "1.88",
        "ruby" => "3.3",
        "php" => "8.3",
        "dotnet" => "8.0",
        "elixir" => "1.18",
        "swift" => "6.0",
        "dart" => "3.6",
        "haskell" => "9.10",
        "crystal" => "1.14",
        _ => "21",
    }
}

/// The minor version to build on: the declared one, or the newest of its major, or the default.
pub(super) fn of(language: &str, declared: Option<&str>) -> String {
    let default = default_of(language).to_owned();
    let Some(declared) = declared else { return default };
    let first = declared.rsplit("||").next().unwrap_or(declared);
    let digits = first.trim_start_matches(|c: char| !c.is_ascii_digit());
    let end = digits.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(digits.len());
    let parts: Vec<&str> = digits[..end].split('.').filter(|part| !part.is_empty()).collect();
    let open = declared.trim_start().starts_with('>');
    let known = KNOWN.iter().find(|(name, _)| *name == language).map_or(&[][..], |(_, known)| known);
    let newest = |major: &str| {
        let of_major = |version: &&&str| version.split('.').next() == Some(major);
        known.iter().find(of_major).map(|version| (*version).to_owned())
    };
    match parts[..] {
        [] => default,
        // `>=18` is met by the default, which is newer, unless it asks for more.
        [major, ..] if open && at_least(&default, &parts) => {
            newest(major).map_or(default.clone(), |_| default)
        }
        ["1", minor, ..] if language == "java" => minor.to_owned(),
        [major, ..] if language == "java" => major.to_owned(),
        [major] => newest(major).unwrap_or_else(|| major.to_owned()),
        // A range within a major is met by its newest minor.
        [major, _, ..] if declared.contains(['^', 'x', '*']) => {
            newest(major).unwrap_or_else(|| major.to_owned())
        }
        [major, minor, ..] => format!("{major}.{minor}"),
    }
}

fn at_least(version: &str, parts: &[&str]) -> bool {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok()).unwrap_or(0);
    let mut have = version.split('.');
    let have = (number(have.next()), number(have.next()));
    have >= (number(parts.first().copied()), number(parts.get(1).copied()))
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn a_declared_version_picks_a_minor() {
        for (language, declared, expected) in [
            ("node", None, "24.20"),
            ("node", Some("20"), "20.20"),
            ("node", Some("v18.20.5"), "18.20"),
            ("node", Some(">=18"), "24.20"),
            ("node", Some("^20.1.0"), "20.20"),
            ("node", Some("lts/*"), "24.20"),
            ("node", Some("18 || 20"), "20.20"),
            ("python", Some(">=3.13"), "3.13"),
            ("python", Some("3.11.4"), "3.11"),
            ("dotnet", Some("net6.0"), "6.0"),
            ("java", Some("1.8"), "8"),
            ("java", Some("zulu-17.44"), "17"),
            ("elixir", Some("latest"), "1.18"),
            ("php", Some("^8.2"), "8.4"),
        ] {
            assert_eq!(of(language, declared), expected, "{language} {declared:?}");
        }
    }
}
