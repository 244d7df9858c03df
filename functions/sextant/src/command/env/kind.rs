//! Whether a variable is sealed when nobody says so: by its name, or by the form of its value.

/// Words of a name that stand for something secret, as a part between underscores.
const WORDS: [&str; 10] =
    ["KEY", "SECRET", "TOKEN", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIALS", "PRIVATE", "DSN", "SALT"];

/// Why it is sealed, if it is.
pub fn sealed(name: &str, value: &str) -> Option<&'static str> {
    // What frameworks write into pages is seen by everybody, and builds are given plain variables only.
    if ::inspect::names::is_written_into_pages(name) {
        return None;
    }
    let word = |part: &str| {
        WORDS.contains(&part)
            || part.contains("PASSWORD")
            || part.contains("SECRET")
            || part.ends_with("TOKEN")
    };
    if name.split('_').any(word) {
        return Some("by its name");
    }
    if has_credentials(value) {
        return Some("a password stands in it");
    }
    ::inspect::names::looks_secret(name, value).map(|_| "by its form")
}

/// `scheme://user:password@host`.
fn has_credentials(value: &str) -> bool {
    let authority = value.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    let user = authority.and_then(|authority| authority.rsplit_once('@')).map(|(user, _)| user);
    user.and_then(|user| user.split_once(':')).is_some_and(|(_, password)| !password.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_and_what_is_not() {
        for (name, value) in [
            ("STRIPE_KEY", "x"),
            ("API_SECRET", "1"),
            ("GITHUB_TOKEN", ""),
            ("DB_PASSWORD", "changeme"),
            ("POSTGRES_PASSWORD_FILE", "/run/x"),
            ("PGPASSWORD", "x"),
            ("DATABASE_URL", "postgres://shop:hunter2@db/shop"),
            ("ANY", "ghp_a8Kq3ZxP0mW7vT2rYc5LqK3aZ8xPm0W7Tv2r"),
        ] {
            assert!(sealed(name, value).is_some(), "{name}");
        }
        for (name, value) in [
            ("NODE_ENV", "production"),
            ("DATABASE_URL", "postgres://db/shop"),
            ("BASE_URL", "https://shop.example.com/a:b@c"),
            ("MONKEY", "banana"),
            ("NEXT_PUBLIC_SUPABASE_ANON_KEY", "eyJhbGciOi"),
            ("LOG_LEVEL", "info"),
        ] {
            assert_eq!(sealed(name, value), None, "{name}");
        }
    }
}
