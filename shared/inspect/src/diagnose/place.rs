//! Where in the app: a frame's file as its author knows it, and whether it is the app's own at all.

/// What an app's folder is called where it runs, the longest first.
const ROOTS: [&str; 5] = ["/usr/src/app/", "/var/www/html/", "/workspace/", "/app/", "/srv/"];
/// A frame in one of these is a library's or the language's.
const FOREIGN: [&str; 19] = [
    "node_modules/",
    "node:",
    "internal/",
    "site-packages/",
    "dist-packages/",
    "/lib/python",
    "<frozen ",
    "/gems/",
    "/ruby/",
    "<internal:",
    "/rustc/",
    "/.cargo/registry/",
    "/library/core/",
    "/library/std/",
    "/usr/local/go/",
    "/usr/lib/go",
    "/pkg/mod/",
    "/vendor/",
    "/usr/lib/",
];

/// Whether the file is the app's own.
pub fn own(file: &str) -> bool {
    !FOREIGN.iter().any(|part| file.contains(part))
}

/// `file:line`, from the app's folder on where that can be told.
pub fn at(file: &str, line: &str) -> String {
    format!("{}:{line}", short(file))
}

/// The file's path from the app's folder on.
pub fn short(file: &str) -> &str {
    let file = file.strip_prefix("file://").unwrap_or(file);
    let file = file.strip_prefix("./").unwrap_or(file);
    for root in ROOTS {
        if let Some((_, rest)) = file.split_once(root) {
            return rest;
        }
    }
    // Where the app's folder lies is nobody's business, and no help.
    if file.starts_with('/') { file.rsplit_once('/').map_or(file, |(_, name)| name) } else { file }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_from_the_apps_folder_on() {
        assert_eq!(at("/tmp/x/app/src/server.js", "12"), "src/server.js:12");
        assert_eq!(at("file:///app/main.ts", "3"), "main.ts:3");
        assert_eq!(at("/home/someone/secret/main.py", "3"), "main.py:3");
        assert_eq!(at("./cmd/main.go", "3"), "cmd/main.go:3");
        assert!(own("/app/server.js") && !own("/app/node_modules/express/index.js") && !own("node:fs"));
    }
}
