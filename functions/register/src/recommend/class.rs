//! Which class an app belongs to, from whatever somebody calls it: the same words as inspection uses, so that what
//! is learned about one is known for the other.

use forecast::size::prior;

/// The language that a framework's class begins with, as inspection names it.
const LANGUAGES: [(&str, &[&str]); 8] = [
    ("node", &["express", "fastify", "nest", "next", "nuxt", "vite"]),
    ("python", &["fastapi", "flask", "django", "streamlit"]),
    ("rust", &["axum", "actix"]),
    ("go", &["gin"]),
    ("java", &["spring", "quarkus"]),
    ("ruby", &["rails"]),
    ("php", &["laravel"]),
    ("elixir", &["phoenix"]),
];

/// `FastAPI` → `python/fastapi`, `node.js` → `node`; what is not known stays as it is, in lower case.
pub fn canonical(name: &str) -> String {
    let name = name.trim().to_ascii_lowercase();
    match prior(&name).class {
        "unknown" => name,
        "static" => "staticfile".to_owned(),
        known => match LANGUAGES.iter().find(|(_, frameworks)| frameworks.contains(&known)) {
            Some((language, _)) => format!("{language}/{known}"),
            None => known.to_owned(),
        },
    }
}

/// The first class that a text names, frameworks before languages: "Python (FastAPI) on Cloud Run".
pub fn in_text(text: &str) -> Option<String> {
    let is_part = |c: char| c.is_alphanumeric() || ".+#-_/".contains(c);
    let words = text.split(|c: char| !is_part(c)).map(|word| word.trim_matches(['.', '-', '_', '/']));
    let known: Vec<String> =
        words.filter(|word| word.len() >= 2 && prior(word).class != "unknown").map(canonical).collect();
    known.iter().find(|class| class.contains('/')).or(known.first()).cloned()
}

/// What is wrong with a class's name, if anything.
pub fn problem(name: &str) -> Option<&'static str> {
    let legal = |c: char| c.is_ascii_alphanumeric() || ".+#-_/ ".contains(c);
    // It ends as the name of a document, which no store lets be `__…__`; a letter at the head rules that out.
    let right = (1..=60).contains(&name.trim().len())
        && name.chars().all(legal)
        && name.trim().starts_with(|c: char| c.is_ascii_alphanumeric());
    (!right).then_some(
        "a class has 1 to 60 letters, digits and ./+-_#, and begins with a letter or digit, such as `node/express`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_for_one_thing() {
        for (given, class) in [
            ("FastAPI", "python/fastapi"),
            ("python/fastapi", "python/fastapi"),
            ("Next.js", "node/next"),
            ("node", "node"),
            ("golang", "go"),
            ("static", "staticfile"),
            ("COBOL", "cobol"),
        ] {
            assert_eq!(canonical(given), class);
        }
        assert_eq!(in_text("Python (FastAPI) on Cloud Run").as_deref(), Some("python/fastapi"));
        assert_eq!(in_text("cloud_run + cloud_sql"), None);
        assert_eq!(in_text("Node service").as_deref(), Some("node"));
        assert!(problem("C#").is_none() && problem("node/express").is_none());
        assert!(["__x__", "////", "..", "", " ", "ü"].iter().all(|bad| problem(bad).is_some()));
    }
}
