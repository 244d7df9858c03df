//! What is read, what is refused, and with which words.

use super::*;
use secrecy::ExposeSecret;

fn read(variables: &[(&str, &str)], functions: &[&str]) -> Result<(Settings, Place), String> {
    let variables = variables.iter().map(|&(name, text)| (name.to_owned(), text.to_owned()));
    Reading::new(Process::Serve).variables(variables).finish(functions).map_err(|wrong| wrong.to_string())
}

/// What infra sets for `notify`.
const CLOUD: [(&str, &str); 5] = [
    ("SEXTANT_PLACE", "gcp"),
    ("GOOGLE_CLOUD_PROJECT", "acme"),
    ("SEXTANT_PUBLIC_URL", "https://sextant.example/"),
    ("SEXTANT_SMTP", "smtp://ann:hunter2@mail.example"),
    ("SEXTANT_MAIL_FROM", "sextant@example.com"),
];

#[test]
fn the_table_holds_together() {
    let defaults = Settings::default();
    assert_eq!((defaults.keep_days.get(), defaults.port, defaults.pool), (90, 8080, false));
    assert_eq!(defaults.push_certificates.as_str(), crate::oidc::GOOGLE);
    let mut variables = std::collections::BTreeSet::new();
    for setting in TABLE {
        assert!(variables.insert(setting.variable), "{} is there twice", setting.variable);
        let about = setting.sentence();
        assert!(
            about.ends_with('.') && !setting.readers.is_empty() && !about.contains('|'),
            "{}",
            setting.name
        );
        assert!(!setting.secret || setting.default.is_empty(), "{}: a secret has no default", setting.name);
        assert!(Settings::default().set(setting.name, setting.default) || setting.default.is_empty());
    }
    for process in [Process::Serve, Process::Up] {
        let mut flags: Vec<&str> = process.settings().map(|s| s.flag).filter(|f| !f.is_empty()).collect();
        if process == Process::Up {
            // `--port` of `serve` is another one.
            flags.retain(|flag| *flag != "port");
        }
        let before = flags.len();
        flags.sort_unstable();
        flags.dedup();
        assert_eq!(flags.len(), before, "{process:?} has a flag twice");
    }
}

#[test]
fn values_are_typed_and_what_is_empty_is_not_set() {
    let (settings, place) = read(
        &[
            ("SEXTANT_KEEP_DAYS", "31"),
            ("SEXTANT_POOL", "on"),
            ("SEXTANT_REGION", ""),
            ("SEXTANT_HOSTS", "a, b:8080"),
        ],
        &["sweep"],
    )
    .unwrap();
    assert_eq!((settings.keep_days.get(), settings.pool, place), (31, true, Place::Machine));
    assert_eq!((settings.region.as_str(), settings.hosts.len()), ("us-central1", 2));
}

#[test]
fn wrong_values_are_named_with_what_is_allowed() {
    for (variable, text, says) in [
        ("SEXTANT_KEEP_DAYS", "7", "a whole number from 31 to 36500"),
        ("SEXTANT_KEEP_DAYS", "30", "from 31"),
        ("SEXTANT_KEEP_DAYS", "36501", "to 36500"),
        ("SEXTANT_KEEP_DAYS", "-90", "a whole number"),
        ("SEXTANT_KEEP_DAYS", "9e1", "a whole number"),
        ("SEXTANT_POOL", "yes", "`on` or `off`"),
        ("SEXTANT_PLACE", "aws", "`machine` or `gcp`"),
        ("SEXTANT_REGION", "Europe", "such as `europe-west1`"),
        ("SEXTANT_PUBLIC_URL", "sextant.example", "`https://`"),
        ("FIRESTORE_EMULATOR_HOST", "localhost", "`host:port`"),
        ("SEXTANT_STREAMS", "0", "from 1 to 100000"),
        ("SEXTANT_CRASH_AT", "nowhere", "deploy-step.at-rest"),
        ("SEXTANT_LISTEN", "everywhere", "an IP address"),
        ("PORT", "70000", "0 to 65535"),
    ] {
        let said = read(&[(variable, text)], &[]).unwrap_err();
        assert!(said.contains(variable) && said.contains(text) && said.contains(says), "{said}");
    }
    let said = read(&[("SEXTANT_KEEP_DAYS", "7"), ("SEXTANT_POOL", "\u{1b}[2J")], &[]).unwrap_err();
    assert!(said.contains("SEXTANT_KEEP_DAYS") && said.contains("\\u{1b}"), "all is told at once: {said}");
}

#[test]
fn a_secret_is_never_shown() {
    let said = read(&[("SEXTANT_TOKEN_KEY", "hunter2\nhunter2\n")], &[]).unwrap_err();
    assert!(said.contains("SEXTANT_TOKEN_KEY") && !said.contains("hunter2"), "{said}");
    let (mut settings, _) = read(&[("SEXTANT_SMTP", "smtp://ann:hunter2@x\n")], &[]).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    assert_eq!(settings.smtp.as_ref().unwrap().expose_secret(), "smtp://ann:hunter2@x");
    settings.forget_secrets();
    assert!(settings.smtp.is_none() && settings.port == 8080);
}

#[test]
fn a_mistyped_name_is_refused_with_the_nearest_one() {
    let said = read(&[("SEXTANT_FIRESTORE_DATABSE", "x"), ("SEXTANT_KEEPDAYS", "90")], &[]).unwrap_err();
    assert!(said.contains("`SEXTANT_KEEPDAYS`; did you mean `SEXTANT_KEEP_DAYS`"), "{said}");
    assert!(said.contains("SEXTANT_FIRESTORE_DATABSE"), "{said}");
    let set = Reading::new(Process::Up).flag("collect_minute", "--set".to_owned(), "1").finish(&[]);
    assert!(set.unwrap_err().to_string().contains("`collect_minutes`"));
    // What a machine marks the apps with that it runs, and what is none of ours.
    assert!(
        read(&[("SEXTANT_INSTANCE", "x"), ("DATABASE_URL", "x"), ("SEXTANT_URL", "not ours to read")], &[])
            .is_ok()
    );
}

#[test]
fn on_cloud_run_nothing_is_guessed() {
    for variable in ["K_SERVICE", "CLOUD_RUN_JOB"] {
        let said = read(&[(variable, "sextant-door")], &[]).unwrap_err();
        assert!(said.contains(variable) && said.contains("Set SEXTANT_PLACE=gcp"), "{said}");
        assert_eq!(read(&[(variable, "x"), ("SEXTANT_PLACE", "machine")], &[]).unwrap().1, Place::Machine);
    }
    assert_eq!(read(&[("FIRESTORE_EMULATOR_HOST", "localhost:1")], &[]).unwrap().1, Place::Machine);
}

#[test]
fn what_is_for_the_other_place_is_refused() {
    let said = read(&[("SEXTANT_DATABASE", "x")], &[]).unwrap_err();
    assert!(said.contains("SEXTANT_DATABASE") && said.contains("place `gcp`"), "{said}");
    let said = read(&[&CLOUD[..], &[("SEXTANT_DATA", "/data")]].concat(), &[]).unwrap_err();
    assert!(said.contains("SEXTANT_DATA") && said.contains("place `machine`"), "{said}");
    let said = read(&[&CLOUD[..], &[("PUBSUB_EMULATOR_HOST", "localhost:1")]].concat(), &[]).unwrap_err();
    assert!(said.contains("both or neither"), "{said}");
}

#[test]
fn in_the_cloud_what_terraform_gives_must_be_there() {
    let (settings, place) = read(&CLOUD, &["notify"]).unwrap();
    assert_eq!((place, settings.public_url.unwrap().as_str()), (Place::Gcp, "https://sextant.example"));
    for (missing, _) in &CLOUD[1..4] {
        let rest: Vec<_> = CLOUD.into_iter().filter(|(name, _)| name != missing).collect();
        let said = read(&rest, &["notify"]).unwrap_err();
        assert!(said.contains(missing) && said.lines().count() == 1, "{said}");
    }
    // Nobody needs a mail server who sends no mail.
    assert!(read(&CLOUD[..3], &["advise"]).is_ok());
    assert!(read(&CLOUD, &["register"]).unwrap_err().contains("SEXTANT_TOKEN_KEY"));
}

#[test]
fn a_later_word_wins() {
    let reading = Reading::new(Process::Up).variables([("SEXTANT_PORT".to_owned(), "1".to_owned())]);
    let (settings, _) = reading.flag("console_port", "--port".to_owned(), "2").finish(&[]).unwrap();
    assert_eq!(settings.console_port, 2);
}
