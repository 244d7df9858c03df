//! Every setting, once. A row reads
//! `name: type = "default" "VARIABLE" --"flag" place [who reads it] who sets it on Google Cloud;`
//! and the comment above it is the sentence that people read.

use super::{
    Given::{ByDoor, Fixed, Nobody, Operator, Platform, Secret, Terraform},
    Setting, Where,
    value::{Address, CrashPoint, Place, Push, Region, Value, WebAddress, Whole},
};
use secrecy::SecretString;
use std::{net::IpAddr, path::PathBuf};

macro_rules! settings {
    ($($(#[doc = $about:literal])+ $name:ident: $type:ty = $default:literal $variable:literal --$flag:literal $place:ident [$($reader:literal),*] $given:expr;)*) => {
        /// What a process was told, typed.
        #[derive(Clone, Debug)]
        pub struct Settings {
            $($(#[doc = $about])+ pub $name: $type,)*
            /// In whose name this process takes leases. Made at the start; nobody sets it.
            pub instance: String,
            /// Whether whoever else held a lease is dead, since this process alone owns the data. Found out at the
            /// start; nobody sets it.
            pub alone: bool,
        }

        impl Default for Settings {
            /// What holds where nothing is set.
            fn default() -> Self {
                Self {
                    $($name: <$type>::parse($default)
                        .unwrap_or_else(|| unreachable!("the default of `{}` is one", stringify!($name))),)*
                    instance: "unnamed".to_owned(),
                    alone: false,
                }
            }
        }

        /// Every setting there is.
        pub const TABLE: &[Setting] = &[$(Setting {
            name: stringify!($name),
            variable: $variable,
            flag: $flag,
            default: $default,
            place: Where::$place,
            readers: &[$($reader),*],
            given: $given,
            about: concat!($($about),+),
            secret: <$type as Value>::SECRET,
            takes: <$type as Value>::takes,
            put: |settings, text| match <$type>::parse(text) {
                Some(value) => {
                    settings.$name = value;
                    true
                }
                None => false,
            },
        }),*];
    };
}

settings! {
    /// Where this process runs and every port comes from; `machine` where nothing is said, except on Cloud Run.
    place: Option<Place> = "" "SEXTANT_PLACE" --"place" Both ["serve", "up"] Fixed("gcp");
    /// The data folder; `~/.sextant` where none is named.
    data: Option<PathBuf> = "" "SEXTANT_DATA" --"" Machine ["serve", "up", "command line"] Nobody;
    /// The port of a service.
    port: u16 = "8080" "PORT" --"port" Both ["serve"] Platform;
    /// The port of console and API on a machine; 0 for a free one.
    console_port: u16 = "8080" "SEXTANT_PORT" --"port" Machine ["up"] Nobody;
    /// The address that is listened on; anything but loopback can be reached from outside. Unless it is set, loopback, and for `up` with `--host` every address.
    listen: Option<IpAddr> = "" "SEXTANT_LISTEN" --"listen" Both ["serve", "up"] Fixed("0.0.0.0");
    /// The port of the ingress in front of the apps; 0 for a free one. Unless it is set, 8088 for `up` and a free one for `serve`.
    ingress_port: Option<u16> = "" "SEXTANT_INGRESS_PORT" --"ingress-port" Machine ["serve", "up"] Nobody;
    /// Names or addresses that this is reached by beside loopback; `*` where a front end routes by name.
    hosts: Vec<String> = "" "SEXTANT_HOSTS" --"host" Both ["serve", "up"] Fixed("*");
    /// Origins whose pages may call the API, such as `https://app.example.com`; `*` for all. Cookies never count.
    origins: Vec<String> = "" "SEXTANT_ORIGINS" --"origin" Both ["serve", "up"] Nobody;
    /// Where people reach the console; links in mails begin with it. Unless it is set, the port on this machine.
    public_url: Option<WebAddress> = "" "SEXTANT_PUBLIC_URL" --"public-url" Both ["serve", "up"] Terraform("public_url");
    /// What is logged, such as `info` or `warn,host=debug`. Unless it is set, `warn` for `up` and `info` for `serve`.
    log: Option<String> = "" "SEXTANT_LOG" --"log" Both ["serve", "up", "command line"] Operator;
    /// Signs bearer tokens and sessions. Unless it is set, a machine keeps one in its data folder.
    token_key: Option<SecretString> = "" "SEXTANT_TOKEN_KEY" --"" Both ["console", "receive-feedback", "register"] Secret("token-key");
    /// Who may push deliveries: nobody, whoever shows a token, whoever Google signed for, or whoever the platform let through. Unless it is set, what the other settings of pushes ask for, else nobody.
    push: Option<Push> = "" "SEXTANT_PUSH" --"push" Both ["serve"] ByDoor { public: "off", internal: "platform" };
    /// The token of whoever may push, with `SEXTANT_PUSH=token`; for emulators.
    push_token: Option<SecretString> = "" "SEXTANT_PUSH_TOKEN" --"push-token" Both ["serve"] Nobody;
    /// The audience that Google must have signed pushes for, with `SEXTANT_PUSH=google`.
    push_audience: Option<String> = "" "SEXTANT_PUSH_AUDIENCE" --"push-audience" Both ["serve"] Nobody;
    /// The e-mail of the service account that pushes, with `SEXTANT_PUSH=google`.
    push_account: Option<String> = "" "SEXTANT_PUSH_ACCOUNT" --"push-account" Both ["serve"] Nobody;
    /// Where the keys are that pushes are signed with.
    push_certificates: WebAddress = "https://www.googleapis.com/oauth2/v3/certs" "SEXTANT_PUSH_CERTIFICATES" --"push-certificates" Both ["serve"] Nobody;
    /// The Google Cloud project: of the documents and topics, and of the apps.
    project: Option<String> = "" "GOOGLE_CLOUD_PROJECT" --"project" Gcp ["serve", "deploy-step"] Terraform("project");
    /// The Firestore database.
    database: String = "(default)" "SEXTANT_DATABASE" --"database" Gcp ["serve"] Terraform("database");
    /// What the names of Pub/Sub topics begin with.
    topic_prefix: String = "sextant-" "SEXTANT_TOPIC_PREFIX" --"topic-prefix" Gcp ["serve"] Terraform("topic_prefix");
    /// Where the Firestore emulator is; together with the other one, and in place `gcp` only.
    firestore_emulator: Option<Address> = "" "FIRESTORE_EMULATOR_HOST" --"" Gcp ["serve"] Nobody;
    /// Where the Pub/Sub emulator is; together with the other one, and in place `gcp` only.
    pubsub_emulator: Option<Address> = "" "PUBSUB_EMULATOR_HOST" --"" Gcp ["serve"] Nobody;
    /// The service of Cloud Run that this is.
    service: Option<String> = "" "K_SERVICE" --"" Both ["serve"] Platform;
    /// The job of Cloud Run that this is.
    job: Option<String> = "" "CLOUD_RUN_JOB" --"" Both ["serve"] Platform;
    /// The revision of Cloud Run that this is; leases are taken in its name.
    revision: Option<String> = "" "K_REVISION" --"" Both ["serve"] Platform;
    /// Who gets the mails about services on a machine.
    mail_to: String = "you@localhost" "SEXTANT_MAIL_TO" --"mail-to" Machine ["up"] Nobody;
    /// Whom mails come from.
    mail_from: String = "Sextant <sextant@localhost>" "SEXTANT_MAIL_FROM" --"mail-from" Both ["notify", "send-feedback"] Terraform("mail_from");
    /// The mail server, `smtp://user:password@host:port` or `smtps://…`. Unless it is set, mails become files in a machine's data folder.
    smtp: Option<SecretString> = "" "SEXTANT_SMTP" --"smtp" Both ["notify", "send-feedback"] Secret("smtp");
    /// The region whose prices are used where nobody names one.
    region: Region = "us-central1" "SEXTANT_REGION" --"region" Both ["deploy-step", "register"] Terraform("region");
    /// Days that observations, build logs and notices are kept once nothing refers to them; owners are asked for the last time after 30, about what was measured until then.
    keep_days: Whole<31, 36_500> = "90" "SEXTANT_KEEP_DAYS" --"keep-days" Both ["sweep"] Operator;
    /// Minutes between two measurements of a service.
    collect_minutes: Whole<1, 1_440> = "5" "SEXTANT_COLLECT_MINUTES" --"collect-minutes" Both ["collect-metrics"] Operator;
    /// Streams that one instance has open at once.
    streams: Whole<1, 100_000> = "200" "SEXTANT_STREAMS" --"streams" Both ["console"] Operator;
    /// MiB of the archive that a source is sent as.
    upload_mib: Whole<1, 8_192> = "512" "SEXTANT_UPLOAD_MIB" --"upload-mib" Both ["register"] Operator;
    /// MiB of all files of a source.
    source_mib: Whole<1, 65_536> = "1024" "SEXTANT_SOURCE_MIB" --"source-mib" Both ["register"] Operator;
    /// Files and links of a source.
    source_files: Whole<1, 2_000_000> = "200000" "SEXTANT_SOURCE_FILES" --"source-files" Both ["register"] Operator;
    /// Sources that one instance fetches at once; the others wait for their turn, and say so.
    fetches: Whole<1, 64> = "4" "SEXTANT_FETCHES" --"fetches" Machine ["serve", "up"] Nobody;
    /// Builds at once on a machine, each of which may take all cores; the others wait for their turn, and say so.
    builds: Whole<1, 64> = "2" "SEXTANT_BUILDS" --"builds" Machine ["serve", "up"] Nobody;
    /// Whether predictions stay as they are, whatever is measured and answered; shows what learning is worth.
    no_learning: bool = "off" "SEXTANT_NO_LEARNING" --"no-learning" Both ["learn"] Operator;
    /// Whether what tenants teach is also folded into a pool that all of them share.
    pool: bool = "off" "SEXTANT_POOL" --"pool" Both ["learn"] Operator;
    /// For tests: die at this point of the code.
    crash_at: Option<CrashPoint> = "" "SEXTANT_CRASH_AT" --"crash-at" Machine ["act", "deploy-step", "register", "send-feedback"] Nobody;
    /// For tests: ask as often as you like.
    no_limits: bool = "off" "SEXTANT_NO_LIMITS" --"no-limits" Machine ["serve", "up"] Nobody;
    /// For tests: deliver badly, by this seed.
    hostile: Option<u64> = "" "SEXTANT_HOSTILE" --"hostile" Machine ["up"] Nobody;
    /// The server that the command line talks to, with a token; unless it is set, the one on this machine.
    url: Option<WebAddress> = "" "SEXTANT_URL" --"" Both ["command line"] Nobody;
    /// The bearer token for that server.
    token: Option<SecretString> = "" "SEXTANT_TOKEN" --"" Both ["command line"] Nobody;
    /// The token for a private repository that is deployed.
    source_token: Option<SecretString> = "" "SEXTANT_SOURCE_TOKEN" --"" Both ["command line"] Nobody;
    /// What `sextant backup` and `sextant restore` seal and open under; else they ask, or read a file.
    backup_passphrase: Option<SecretString> = "" "SEXTANT_BACKUP_PASSPHRASE" --"" Both ["command line"] Nobody;
}
