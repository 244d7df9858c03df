use super::*;
use proptest::prelude::*;

fn kinds(theirs: &[&str], ours: &[&str]) -> Vec<(u64, bool, String)> {
    let found = new_kinds(theirs.iter().copied(), ours.iter().copied());
    found.kinds.into_iter().map(|kind| (kind.count, kind.error, kind.example)).collect()
}

#[test]
fn only_what_the_other_never_wrote_is_told_errors_first() {
    let theirs = ["listening on 8080", "GET /orders/1 200 3 ms", "slow query: 812 ms"];
    let ours = [
        "listening on 9090",
        "GET /orders/2 200 5 ms",
        "cache miss for 17",
        "cache miss for 18",
        "Error: payment 4711 failed",
        "    at pay (server.js:12:5)",
        "    at next (server.js:80:1)",
        "cache miss for 19",
    ];
    let wanted =
        [(1, true, "Error: payment 4711 failed".to_owned()), (3, false, "cache miss for 17".to_owned())];
    assert_eq!(kinds(&theirs, &ours), wanted);
    assert_eq!(kinds(&ours, &ours), []);
}

#[test]
fn a_word_that_varied_before_is_no_news() {
    let theirs = ["user ann has logged in", "user bob has logged in", "user eve has logged in"];
    assert_eq!(kinds(&theirs, &["user zoe has logged in"]), []);
    assert_eq!(kinds(&theirs[..2], &["user zoe has logged in"]).len(), 1, "two words are no habit");
    assert_eq!(kinds(&theirs, &["user ann has failed in"]).len(), 1, "an error is news");
}

#[test]
fn a_flood_of_kinds_is_bounded_and_an_error_is_still_seen() {
    let word = |n: u32| (0..4).map(|at| char::from(b'a' + (n >> (4 * at) & 15) as u8)).collect::<String>();
    let flood: Vec<String> = (0..20_000).map(|n| format!("{} says hello", word(n))).collect();
    let ours = flood.iter().map(String::as_str).chain(["Error: it broke"]);
    let found = new_kinds([], ours);
    assert_eq!(found.kinds.len(), Why::LINES);
    assert_eq!(found.kinds[0].example, "Error: it broke");
    assert!(found.more > 19_000, "{}", found.more);
}

#[test]
fn no_secret_is_told_and_no_line_is_long() {
    let token = format!("ghp_{}", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8");
    let line = format!("Error: login with {token} failed {}", "x".repeat(5_000));
    let found = new_kinds([], [line.as_str()]);
    let text = format!("{found:?}");
    assert!(!text.contains(&token[4..]) && text.len() < 1_000, "{text}");
}

proptest! {
    #[test]
    fn counts_are_kept_and_what_is_told_once_is_known_then(
        theirs in proptest::collection::vec("[a-c0-9 ]{0,12}|Error: [a-d]{1,3} [0-9]{1,3}", 0..30),
        ours in proptest::collection::vec("[a-c0-9 ]{0,12}|Error: [a-d]{1,3} [0-9]{1,3}|\\PC{0,20}", 0..60),
    ) {
        let theirs: Vec<&str> = theirs.iter().map(String::as_str).collect();
        let lines: Vec<&str> = ours.iter().map(String::as_str).collect();
        let found = new_kinds(theirs.iter().copied(), lines.iter().copied());
        let counted: u64 = found.kinds.iter().map(|kind| kind.count).sum();
        prop_assert!(counted <= lines.len() as u64);
        prop_assert!(found.kinds.len() <= Why::LINES);
        for kind in &found.kinds {
            prop_assert!(!theirs.iter().any(|line| template(line) == kind.template), "{kind:?}");
        }
        // Whoever knows the examples finds them no more.
        let examples: Vec<&str> = found.kinds.iter().map(|kind| kind.example.as_str()).collect();
        let again = new_kinds(theirs.iter().copied().chain(examples.iter().copied()), examples.iter().copied());
        prop_assert_eq!(again.kinds, vec![]);
    }
}
