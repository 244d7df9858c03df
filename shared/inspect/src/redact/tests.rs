//! What is hidden, what is kept, and the promises as properties.

use proptest::prelude::*;

use super::*;

fn line(text: &str) -> String {
    Redactor::new(&[]).line(text).into_owned()
}

/// A random-looking text of letters and digits that no test file has as a secret.
fn random(length: usize) -> String {
    (0..length).map(|i| char::from(b"a8Kq3ZxP0mW7vT2rYc5L"[(i * 7 + i / 20) % 20])).collect()
}

fn chunked(secrets: &[String], text: &[u8], sizes: &[usize]) -> Vec<u8> {
    let mut redactor = Redactor::new(secrets);
    let mut out = Vec::new();
    let mut rest = text;
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (head, tail) = rest.split_at((*size).clamp(1, rest.len()));
        out.extend(redactor.push(head));
        rest = tail;
    }
    out.extend(redactor.finish());
    out
}

fn whole(secrets: &[String], text: &[u8]) -> Vec<u8> {
    let mut redactor = Redactor::new(secrets);
    let mut out = redactor.push(text);
    out.extend(redactor.finish());
    out
}

#[test]
fn kinds_stay_and_tails_go() {
    let r = random(40);
    let hex = "3fa9c04be17d52688aa0";
    let cases = [
        (format!("token ghp_{r} used"), "token ghp_*** used".to_owned()),
        (format!("key=AIza{r}."), "key=AIza***.".into()),
        ("id AKIAIOSFODNN7EXAMPL3 ok".into(), "id AKIA*** ok".into()),
        (format!("OPENAI: sk-proj-{r}"), "OPENAI: sk-proj-***".into()),
        (format!("Authorization: Bearer {r}"), "Authorization: Bearer ***".into()),
        (
            "curl -H 'Authorization: Basic dXNlcjpwYXNzd29yZA=='".into(),
            "curl -H 'Authorization: Basic ***'".into(),
        ),
        (format!("Authorization: Api-Key {hex}"), "Authorization: Api-Key ***".into()),
        ("postgres://app:s3cr/et@db:5432/x?a=b".into(), "postgres://app:***@db:5432/x?a=b".into()),
        (format!("https://{r}@example.org/x.git"), "https://***@example.org/x.git".into()),
        ("DB_PASSWORD=correct,horse;battery next".into(), "DB_PASSWORD=*** next".into()),
        (format!("{{\"api_key\": \"{hex}\", \"n\": 1}}"), "{\"api_key\": \"***\", \"n\": 1}".into()),
        (format!("{{\\\"clientSecret\\\":\\\"{hex}\\\"}}"), "{\\\"clientSecret\\\":\\\"***\\\"}".into()),
        (format!("var accessToken string = \"{hex}\""), "var accessToken string = \"***\"".into()),
        (
            "<add key=\"Password\" value=\"corr3ct!\" />".into(),
            "<add key=\"Password\" value=\"***\" />".into(),
        ),
        (format!("<token>{hex}</token>"), "<token>***</token>".into()),
        (format!("mytool --token {hex} --verbose"), "mytool --token *** --verbose".into()),
        (format!("GET /x?access_token={hex}&page=2"), "GET /x?access_token=***&page=2".into()),
        (format!("a eyJ{r}.eyJ{r}.{r} b"), "a eyJ*** b".into()),
        (
            format!("\"-----BEGIN PRIVATE KEY-----\\n{r}\\n-----END PRIVATE KEY-----\""),
            "\"-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----\"".into(),
        ),
        (format!("bot 123456789:AA{}", random(33)), "bot 123456789:***".into()),
    ];
    for (text, expected) in cases {
        assert_eq!(line(&text), expected);
    }
}

#[test]
fn ordinary_lines_stay() {
    for text in [
        "",
        "listening on http://localhost:8080/a@b",
        "added 120 packages in 3s, key points below",
        "basic functionality and bearer authentication",
        "risk-assessment-2024-of-the-whole-thing",
        "password: ${DB_PASSWORD}",
        "token = process.env.TOKEN",
        "secret=changeme",
        "max_tokens: 4096",
        "tokenizer=bert-base-uncased-v2-2019",
        "commit 3fa9c04be17d52688aa03fa9c04be17d52688aa0",
        "author: Jane <jane@example.org>",
        "-----BEGIN CERTIFICATE-----",
        "git clone ssh://git@example.org/x.git",
    ] {
        assert_eq!(line(text), text);
        assert!(matches!(Redactor::new(&[]).line(text), Cow::Borrowed(_)), "{text} was copied");
    }
}

#[test]
fn blocks_of_private_keys_end() {
    let r = random(64);
    let text = format!(
        "a\n12:00 -----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4\n12:00 {r}\n{r}=\nQw==\n-----END RSA PRIVATE KEY-----\nwell done\n"
    );
    let out = String::from_utf8(whole(&[], text.as_bytes())).expect("text");
    assert_eq!(
        out,
        "a\n12:00 -----BEGIN RSA PRIVATE KEY-----\r\nProc-Type: 4\n12:00 ***\n***\n***\n-----END RSA PRIVATE KEY-----\nwell done\n"
    );
    let open = "-----BEGIN PRIVATE KEY-----\nnot a key, but a sentence.\nplain\n";
    assert_eq!(whole(&[], open.as_bytes()), open.as_bytes(), "a block that is none ends at once");
}

#[test]
fn a_key_that_begins_within_another_is_redacted_once() {
    let mark = "-----BEGIN PRIVATE KEY-----";
    let text = format!("{mark}\n***\n{mark}AAaa0AA0\nghp_-----END PRIVATE KEY-----");
    let once = whole(&[], text.as_bytes());
    assert_eq!(whole(&[], &once), once);
}

#[test]
fn own_values_in_every_spelling() {
    let secrets = ["p\"ss wörd".to_owned(), "line one\nline two".to_owned(), "abc".to_owned()];
    let mut redactor = Redactor::new(&secrets);
    assert_eq!(redactor.line("x p\"ss wörd y"), "x *** y");
    assert_eq!(redactor.line(r#"{"a": "p\"ss wörd"}"#), r#"{"a": "***"}"#);
    assert_eq!(redactor.line("?q=p%22ss%20w%C3%B6rd&"), "?q=***&");
    assert_eq!(redactor.line("  line two"), "  ***");
    assert_eq!(redactor.line("abc is too short to hide"), "abc is too short to hide");
}

#[test]
fn a_line_without_an_end_is_bounded_and_keeps_no_secret() {
    let secret = format!("lit-{}", random(50));
    let secrets = [secret.clone()];
    for filler in ["x", "word "] {
        // The secret lies across the place where the line would be cut.
        for shift in [0, 1, 17, 40, 53] {
            let head = filler.repeat(LINE / filler.len() + 1)[..LINE - shift].to_owned();
            let text = format!("{head}{secret}{}", filler.repeat(LINE / filler.len()));
            let mut redactor = Redactor::new(&secrets);
            let mut early = 0;
            for chunk in text.as_bytes().chunks(1 << 12) {
                early += redactor.push(chunk).len();
            }
            assert!(early >= LINE / 2, "nothing came before the line's end");
            let out = String::from_utf8(whole(&secrets, text.as_bytes())).expect("text");
            assert!(!out.contains(&secret[..8]) && !out.contains(&secret[46..]), "shift {shift}");
            assert_eq!(out.as_bytes(), chunked(&secrets, text.as_bytes(), &[4096, 1, 70_000]));
        }
    }
}

#[test]
fn a_block_that_begins_twice_hides_what_follows() {
    let once =
        whole(&[], b"-----BEGIN PRIVATE KEY-----\n-----BEGIN PRIVATE KEY-----***AAAAaAaaA0AAAA0ahunter");
    let left = crate::secret::scan_text("x", &once);
    assert!(left.is_empty(), "{left:?} in {}", String::from_utf8_lossy(&once));
}

#[test]
fn a_word_before_what_is_hidden_is_judged_alike_twice() {
    let once = whole(&secrets(), b"password=hunter hunter2!");
    assert_eq!(String::from_utf8_lossy(&whole(&secrets(), &once)), String::from_utf8_lossy(&once));
}

#[test]
fn text_made_to_be_slow_is_not() {
    // Each of these would take far longer than anybody waits if a search followed every hit to the end.
    for part in ["token=", "eyJ", "sk-", "://a:", "bearer ", "-----BEGIN ", "\"key\":\"", "password: '"] {
        let text = part.repeat((256 << 10) / part.len());
        assert!(!whole(&[], text.as_bytes()).is_empty());
    }
}

/// Text that is likely to hold secrets, pieces of them, and what stands around them.
fn soup() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("password=".to_owned()),
        Just("\"api_key\": \"".to_owned()),
        Just("Authorization: ".to_owned()),
        Just("Bearer ".to_owned()),
        Just("ghp_".to_owned()),
        Just("sk-".to_owned()),
        Just("eyJ".to_owned()),
        Just("postgres://u:".to_owned()),
        Just("@host/".to_owned()),
        Just("-----BEGIN PRIVATE KEY-----".to_owned()),
        Just("-----END PRIVATE KEY-----".to_owned()),
        Just("***".to_owned()),
        Just("hunter2!".to_owned()),
        Just("hunter".to_owned()),
        Just("\n".to_owned()),
        Just("\r\n".to_owned()),
        Just(" ".to_owned()),
        "[ -~é]{0,6}",
        "[A-Za-z0-9]{8,44}",
        "[=:,;&.\"'\\\\<>]{1,2}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn secrets() -> Vec<String> {
    vec!["hunter2!".into(), "2!hunter".into(), "a***".into()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn chunks_do_not_matter(text in soup(), sizes in proptest::collection::vec(1_usize..40, 1..8)) {
        let secrets = secrets();
        prop_assert_eq!(whole(&secrets, text.as_bytes()), chunked(&secrets, text.as_bytes(), &sizes));
    }

    #[test]
    fn twice_is_once(text in soup()) {
        let secrets = secrets();
        let once = whole(&secrets, text.as_bytes());
        let twice = whole(&secrets, &once);
        prop_assert_eq!(String::from_utf8_lossy(&twice), String::from_utf8_lossy(&once));
    }

    #[test]
    fn nothing_found_survives(text in soup()) {
        let once = whole(&[], text.as_bytes());
        let left = crate::secret::scan_text("x", &once);
        prop_assert!(left.is_empty(), "{:?}", left);
    }

    #[test]
    fn lines_stay_lines(text in soup()) {
        let out = whole(&secrets(), text.as_bytes());
        let breaks = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').count();
        prop_assert_eq!(breaks(&out), breaks(text.as_bytes()));
    }

    #[test]
    fn own_values_never_come_out(text in soup()) {
        let out = String::from_utf8_lossy(&whole(&secrets(), text.as_bytes())).into_owned();
        prop_assert!(!out.contains("hunter2!"), "{}", out);
    }

    #[test]
    fn any_bytes_pass(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let once = whole(&[], &bytes);
        prop_assert_eq!(whole(&[], &once), once);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn long_lines_are_as_one(texts in proptest::collection::vec(soup(), 1..4), sizes in proptest::collection::vec(1_usize..90_000, 1..5)) {
        let secrets = secrets();
        let filler = ["word ".repeat(LINE / 5 - 7), "x1".repeat(LINE / 2 - 3), "a=b;".repeat(LINE / 4)].concat();
        let text: String = texts.iter().map(|text| text.replace(['\n', '\r'], "") + &filler).collect();
        let once = whole(&secrets, text.as_bytes());
        prop_assert!(once == chunked(&secrets, text.as_bytes(), &sizes), "chunks");
        let mut direct = Redactor::new(&secrets);
        prop_assert!(once == direct.line(&text).as_bytes(), "windows");
        prop_assert!(once == whole(&secrets, &once), "twice");
    }
}
