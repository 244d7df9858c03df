//! The table of known forms of secrets: a prefix that stays, and what kind of text follows it.

/// The characters that the hidden part of a secret is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Letters and digits.
    Alnum,
    /// Letters, digits, `_` and `-`.
    Word,
    /// `Word` and `.`.
    Dotted,
    /// Letters, digits, `+`, `/`, `=`, `_` and `-`.
    Base64,
    /// Path segments after a host: `Word`, `/` and `.`.
    Path,
    /// What follows `Bearer`: `Base64`, `.` and `~`.
    Credential,
}

impl Class {
    pub(crate) fn has(self, byte: u8) -> bool {
        let extra: &[u8] = match self {
            Self::Alnum => b"",
            Self::Word => b"_-",
            Self::Dotted => b"_-.",
            Self::Base64 => b"+/=_-",
            Self::Path => b"_-/.@",
            Self::Credential => b"+/=_-.~",
        };
        byte.is_ascii_alphanumeric() || extra.contains(&byte)
    }
}

/// A prefix that an issuer gives its secrets.
pub(crate) struct Prefix {
    /// Case matters.
    pub(crate) text: &'static str,
    pub(crate) class: Class,
    /// The shortest hidden part that counts.
    pub(crate) min: usize,
    /// Whether the prefix alone is too common, so that the hidden part needs digits beside letters.
    pub(crate) mixed: bool,
    /// For people, with its article.
    pub(crate) kind: &'static str,
}

const fn sure(text: &'static str, class: Class, min: usize, kind: &'static str) -> Prefix {
    Prefix { text, class, min, mixed: false, kind }
}

const fn mixed(text: &'static str, class: Class, min: usize, kind: &'static str) -> Prefix {
    Prefix { text, class, min, mixed: true, kind }
}

/// Longer prefixes stand before shorter ones that they begin with, so that more of the kind stays readable.
pub(crate) const PREFIXES: &[Prefix] = &[
    sure("github_pat_", Class::Word, 20, "a GitHub token"),
    sure("ghp_", Class::Alnum, 16, "a GitHub token"),
    sure("gho_", Class::Alnum, 16, "a GitHub token"),
    sure("ghu_", Class::Alnum, 16, "a GitHub token"),
    sure("ghs_", Class::Alnum, 16, "a GitHub token"),
    sure("ghr_", Class::Alnum, 16, "a GitHub token"),
    mixed("glpat-", Class::Dotted, 16, "a GitLab token"),
    mixed("gldt-", Class::Word, 16, "a GitLab token"),
    mixed("glrt-", Class::Dotted, 16, "a GitLab token"),
    mixed("glcbt-", Class::Word, 16, "a GitLab token"),
    mixed("glptt-", Class::Word, 16, "a GitLab token"),
    mixed("glft-", Class::Word, 16, "a GitLab token"),
    mixed("glsoat-", Class::Word, 16, "a GitLab token"),
    mixed("glimt-", Class::Word, 16, "a GitLab token"),
    mixed("glagent-", Class::Word, 16, "a GitLab token"),
    mixed("gloas-", Class::Word, 16, "a GitLab secret"),
    mixed("GR1348941", Class::Word, 16, "a GitLab runner token"),
    sure("AKIA", Class::Alnum, 16, "an AWS key id"),
    sure("ASIA", Class::Alnum, 16, "an AWS key id"),
    sure("ABIA", Class::Alnum, 16, "an AWS key id"),
    sure("ACCA", Class::Alnum, 16, "an AWS key id"),
    mixed("ABSK", Class::Base64, 100, "an AWS Bedrock key"),
    sure("AIza", Class::Word, 30, "a Google API key"),
    mixed("ya29.", Class::Dotted, 20, "a Google access token"),
    mixed("GOCSPX-", Class::Word, 20, "a Google client secret"),
    mixed("1//0", Class::Word, 30, "a Google refresh token"),
    mixed("sk-ant-", Class::Word, 16, "an Anthropic key"),
    mixed("sk-proj-", Class::Word, 16, "an OpenAI key"),
    mixed("sk-or-v1-", Class::Word, 16, "an OpenRouter key"),
    mixed("sk-", Class::Word, 16, "an API key"),
    mixed("sk_live_", Class::Alnum, 10, "a Stripe key"),
    mixed("sk_test_", Class::Alnum, 10, "a Stripe key"),
    mixed("sk_prod_", Class::Alnum, 10, "a Stripe key"),
    mixed("rk_live_", Class::Alnum, 10, "a Stripe key"),
    mixed("rk_test_", Class::Alnum, 10, "a Stripe key"),
    mixed("rk_prod_", Class::Alnum, 10, "a Stripe key"),
    mixed("whsec_", Class::Base64, 20, "a webhook secret"),
    mixed("xoxb-", Class::Word, 10, "a Slack token"),
    mixed("xoxp-", Class::Word, 10, "a Slack token"),
    mixed("xoxa-", Class::Word, 10, "a Slack token"),
    mixed("xoxr-", Class::Word, 10, "a Slack token"),
    mixed("xoxs-", Class::Word, 10, "a Slack token"),
    mixed("xoxo-", Class::Word, 10, "a Slack token"),
    mixed("xoxe-", Class::Word, 10, "a Slack token"),
    mixed("xapp-", Class::Word, 10, "a Slack token"),
    mixed("hooks.slack.com/services/", Class::Path, 20, "a Slack webhook"),
    mixed("hooks.slack.com/workflows/", Class::Path, 20, "a Slack webhook"),
    mixed("discord.com/api/webhooks/", Class::Path, 30, "a Discord webhook"),
    mixed("discordapp.com/api/webhooks/", Class::Path, 30, "a Discord webhook"),
    mixed("webhook.office.com/webhookb2/", Class::Path, 30, "a Teams webhook"),
    mixed("SG.", Class::Dotted, 30, "a SendGrid key"),
    mixed("key-", Class::Alnum, 30, "a Mailgun key"),
    mixed("xkeysib-", Class::Word, 20, "a Brevo key"),
    mixed("npm_", Class::Alnum, 30, "an npm token"),
    mixed("pypi-AgE", Class::Word, 20, "a PyPI token"),
    mixed("rubygems_", Class::Alnum, 30, "a RubyGems key"),
    mixed("dckr_pat_", Class::Word, 20, "a Docker token"),
    mixed("dckr_oat_", Class::Word, 20, "a Docker token"),
    mixed("dop_v1_", Class::Alnum, 30, "a DigitalOcean token"),
    mixed("doo_v1_", Class::Alnum, 30, "a DigitalOcean token"),
    mixed("dor_v1_", Class::Alnum, 30, "a DigitalOcean token"),
    mixed("shpat_", Class::Alnum, 20, "a Shopify token"),
    mixed("shpca_", Class::Alnum, 20, "a Shopify token"),
    mixed("shppa_", Class::Alnum, 20, "a Shopify token"),
    mixed("shpss_", Class::Alnum, 20, "a Shopify secret"),
    mixed("hvs.", Class::Word, 20, "a Vault token"),
    mixed("hvb.", Class::Word, 20, "a Vault token"),
    mixed("EAAA", Class::Alnum, 50, "a Meta token"),
    mixed("sq0atp-", Class::Word, 20, "a Square token"),
    mixed("sq0csp-", Class::Word, 20, "a Square secret"),
    mixed("lin_api_", Class::Alnum, 20, "a Linear key"),
    mixed("ntn_", Class::Alnum, 30, "a Notion token"),
    mixed("figd_", Class::Word, 20, "a Figma token"),
    mixed("dapi", Class::Word, 32, "a Databricks token"),
    mixed("sntrys_", Class::Base64, 20, "a Sentry token"),
    mixed("sntryu_", Class::Alnum, 20, "a Sentry token"),
    mixed("glsa_", Class::Word, 20, "a Grafana token"),
    mixed("glc_", Class::Base64, 20, "a Grafana token"),
    mixed("tskey-", Class::Word, 16, "a Tailscale key"),
    mixed("nvapi-", Class::Word, 20, "an NVIDIA key"),
    mixed("hf_", Class::Alnum, 30, "a Hugging Face token"),
    mixed("api_org_", Class::Alnum, 30, "a Hugging Face token"),
    mixed("r8_", Class::Alnum, 30, "a Replicate token"),
    mixed("gsk_", Class::Alnum, 30, "a Groq key"),
    mixed("xai-", Class::Word, 30, "an xAI key"),
    mixed("pplx-", Class::Alnum, 30, "a Perplexity key"),
    mixed("AGE-SECRET-KEY-1", Class::Alnum, 30, "an age key"),
    mixed("dp.pt.", Class::Alnum, 20, "a Doppler token"),
    mixed("dt0c01.", Class::Dotted, 30, "a Dynatrace token"),
    mixed("EZAK", Class::Alnum, 30, "an EasyPost key"),
    mixed("EZTK", Class::Alnum, 30, "an EasyPost key"),
    mixed("FLWSECK", Class::Word, 12, "a Flutterwave key"),
    mixed("PMAK-", Class::Word, 30, "a Postman key"),
    mixed("pscale_", Class::Dotted, 20, "a PlanetScale secret"),
    mixed("pul-", Class::Alnum, 30, "a Pulumi token"),
    mixed("sgp_", Class::Word, 30, "a Sourcegraph token"),
    mixed("atlasv1.", Class::Base64, 20, "a Terraform token"),
    mixed("ATATT3", Class::Base64, 30, "an Atlassian token"),
    mixed("ATCTT3", Class::Base64, 30, "an Atlassian token"),
    mixed("CCIPAT_", Class::Word, 20, "a CircleCI token"),
    mixed("LTAI", Class::Alnum, 16, "an Alibaba key id"),
    mixed("AKCp", Class::Alnum, 40, "an Artifactory key"),
    mixed("cmVmd", Class::Base64, 40, "an Artifactory token"),
    mixed("fo1_", Class::Word, 30, "a Fly token"),
    mixed("fm1_", Class::Base64, 50, "a Fly token"),
    mixed("fm1r_", Class::Base64, 50, "a Fly token"),
    mixed("fm2_", Class::Base64, 50, "a Fly token"),
    mixed("HRKU-", Class::Word, 20, "a Heroku key"),
    mixed("NRAK-", Class::Alnum, 20, "a New Relic key"),
    mixed("NRII-", Class::Word, 20, "a New Relic key"),
    mixed("NRJS-", Class::Alnum, 15, "a New Relic key"),
    mixed("phc_", Class::Alnum, 30, "a PostHog key"),
    mixed("phx_", Class::Alnum, 30, "a PostHog key"),
    mixed("oy2", Class::Alnum, 40, "a NuGet key"),
    mixed("ops_eyJ", Class::Base64, 50, "a 1Password token"),
    mixed("A3-", Class::Word, 24, "a 1Password key"),
    mixed("p8e-", Class::Alnum, 30, "an Adobe secret"),
    mixed("tk-us-", Class::Word, 40, "an Intra42 token"),
    mixed("s-s4t2ud-", Class::Alnum, 40, "an Intra42 secret"),
    mixed("sha256~", Class::Word, 30, "an OpenShift token"),
    mixed("CLOJARS_", Class::Alnum, 40, "a Clojars token"),
    mixed("t3.", Class::Dotted, 30, "a Yandex token"),
    mixed("AQVN", Class::Word, 30, "a Yandex key"),
    mixed("vercel_", Class::Word, 20, "a Vercel token"),
    mixed("sbp_", Class::Alnum, 30, "a Supabase key"),
    mixed("rnd_", Class::Alnum, 20, "a Render key"),
    mixed("pnu_", Class::Alnum, 30, "a Prefect key"),
    mixed("sm_aat_", Class::Alnum, 16, "a SettleMint token"),
    mixed("sm_pat_", Class::Alnum, 16, "a SettleMint token"),
    mixed("sm_sat_", Class::Alnum, 16, "a SettleMint token"),
    mixed("dnkey-", Class::Word, 30, "a Defined Networking token"),
    mixed("shippo_live_", Class::Alnum, 20, "a Shippo token"),
    mixed("shippo_test_", Class::Alnum, 20, "a Shippo token"),
    mixed("tfp_", Class::Word, 30, "a Typeform token"),
    mixed("pat-", Class::Word, 30, "a personal access token"),
    mixed("secret_", Class::Alnum, 30, "a Notion token"),
    mixed("duffel_live_", Class::Word, 20, "a Duffel token"),
    mixed("duffel_test_", Class::Word, 20, "a Duffel token"),
    mixed("frameio-", Class::Word, 20, "a Frame.io token"),
    mixed("fio-u-", Class::Word, 30, "a Frame.io token"),
    mixed("live_", Class::Alnum, 30, "a live key"),
    mixed("test_", Class::Alnum, 30, "a test key"),
    mixed("rdme_", Class::Alnum, 30, "a ReadMe key"),
    mixed("EAAM", Class::Alnum, 60, "a Meta token"),
    mixed("EAAC", Class::Alnum, 60, "a Meta token"),
    mixed("AKID", Class::Alnum, 32, "a Tencent key id"),
    mixed("ico-", Class::Alnum, 32, "an Infracost key"),
    mixed("pubkey-", Class::Alnum, 32, "a Mailgun key"),
    mixed("FLWPUBK", Class::Word, 12, "a Flutterwave key"),
    mixed("apify_api_", Class::Alnum, 30, "an Apify token"),
    mixed("sb_secret_", Class::Word, 20, "a Supabase key"),
    mixed("live_pub_", Class::Alnum, 24, "a Lob key"),
    mixed("test_pub_", Class::Alnum, 24, "a Lob key"),
    mixed("API-", Class::Alnum, 26, "an Octopus Deploy key"),
    mixed("dG9rO", Class::Base64, 40, "an Intercom token"),
    mixed("pk_live_", Class::Alnum, 20, "a Stripe key"),
];

/// Where in the table a form is looked for: by its first three bytes, none being shorter.
const BUCKETS: usize = 1024;

fn bucket(text: &[u8]) -> usize {
    (usize::from(text[0]) * 331 + usize::from(text[1]) * 31 + usize::from(text[2])) % BUCKETS
}

/// The table, ready to be searched.
pub(crate) struct Index {
    /// Forms that begin where a run of word bytes begins, by their first bytes.
    buckets: Vec<Vec<u8>>,
    occupied: [bool; BUCKETS],
    /// Forms with a byte in them that no word has, and how much of them stands before the last run.
    led: Vec<(usize, usize)>,
}

impl Index {
    pub(crate) fn new() -> Self {
        let mut index =
            Self { buckets: vec![Vec::new(); BUCKETS], occupied: [false; BUCKETS], led: Vec::new() };
        for (at, prefix) in PREFIXES.iter().enumerate() {
            let lead =
                prefix.text.bytes().rposition(|byte| !Class::Word.has(byte)).map_or(0, |last| last + 1);
            if lead > 0 {
                index.led.push((at, lead));
            } else {
                let bucket = bucket(prefix.text.as_bytes());
                index.occupied[bucket] = true;
                index.buckets[bucket].push(u8::try_from(at).unwrap_or(u8::MAX));
            }
        }
        index
    }

    /// The longest form that begins here.
    pub(crate) fn longest(&self, text: &[u8]) -> Option<&'static Prefix> {
        if text.len() < 3 || !self.occupied[bucket(text)] {
            return None;
        }
        let fits = self.buckets[bucket(text)].iter().map(|at| &PREFIXES[usize::from(*at)]);
        fits.filter(|prefix| text.starts_with(prefix.text.as_bytes())).max_by_key(|prefix| prefix.text.len())
    }

    /// A form whose last run of word bytes begins at `run`: the form, and where it begins.
    pub(crate) fn led(&self, line: &[u8], run: usize) -> Option<(&'static Prefix, usize)> {
        if run == 0 || Class::Word.has(line[run - 1]) {
            return None;
        }
        self.led.iter().find_map(|(at, lead)| {
            let prefix = &PREFIXES[*at];
            let start = run.checked_sub(*lead)?;
            line[start..].starts_with(prefix.text.as_bytes()).then_some((prefix, start))
        })
    }
}
