//! Tests that need a program of the machine.

/// Whether a program is there. Its absence skips the test, with a word; under `CI=true` it is a failure.
pub fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
        return true;
    }
    let must = std::env::var("CI").as_deref() == Ok("true");
    assert!(!must, "this test needs `{program}`, and CI must run it: install it");
    report(program);
    false
}

#[expect(clippy::print_stderr, reason = "whoever reads the test's output should know that it was skipped")]
fn report(program: &str) {
    eprintln!("skipped: this test needs `{program}`, which is not installed here");
}

/// A number from the environment, for long runs of what the ordinary suite does a little of.
pub fn number(name: &str, otherwise: u64) -> u64 {
    let Ok(text) = std::env::var(name) else { return otherwise };
    text.parse().unwrap_or_else(|_| panic!("{name} is `{text}`, which is no number"))
}

/// Says how a long run went.
#[expect(clippy::print_stderr, reason = "whoever runs it wants the figures")]
pub fn say(text: &str) {
    eprintln!("{text}");
}
