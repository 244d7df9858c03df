//! The table of known forms of secrets: a prefix that stays, and what kind of text follows it.

/// The characters that the hidden part of a secret is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Capital letters and digits.
    Upper,
    /// Digits of base 16.
    Hex,
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
            Self::Upper => return byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => return byte.is_ascii_hexdigit(),
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
    /// The bytes that the form begins with; upper and lower case differ.
    pub(crate) text: &'static str,
    pub(crate) class: Class,
    /// The shortest hidden part that counts.
    pub(crate) min: usize,
    /// The longest, where the issuer's are all of one length: what is longer is something else.
    pub(crate) most: usize,
    /// Whether the prefix alone is too common, so that the hidden part needs digits beside letters.
    pub(crate) mixed: bool,
    /// For people, with its article.
    pub(crate) kind: &'static str,
}

impl Prefix {
    /// Whether nobody else's text begins like this, so that what doesn't go on as it should is no secret at all.
    pub(crate) fn is_own(&self) -> bool {
        !self.mixed || self.text.bytes().filter(|byte| b"_-.".contains(byte)).count() >= 2
    }
}

const fn sure(text: &'static str, class: Class, min: usize, kind: &'static str) -> Prefix {
    Prefix { text, class, min, most: usize::MAX, mixed: false, kind }
}

const fn mixed(text: &'static str, class: Class, min: usize, kind: &'static str) -> Prefix {
    Prefix { text, class, min, most: usize::MAX, mixed: true, kind }
}

/// So many bytes and no other number of them.
const fn exact(text: &'static str, class: Class, length: usize, kind: &'static str) -> Prefix {
    Prefix { text, class, min: length, most: length, mixed: true, kind }
}

/// Longer prefixes stand before shorter ones that they begin with, so that more of the kind stays readable.
pub(crate) const PREFIXES: &[Prefix] = &[
    sure("github_pat_", Class::Word, 70, "a GitHub token"),
    sure("ghp_", Class::Alnum, 36, "a GitHub token"),
    sure("gho_", Class::Alnum, 36, "a GitHub token"),
    sure("ghu_", Class::Alnum, 36, "a GitHub token"),
    sure("ghs_", Class::Alnum, 36, "a GitHub token"),
    sure("ghr_", Class::Alnum, 36, "a GitHub token"),
    mixed("glpat-", Class::Dotted, 20, "a GitLab token"),
    mixed("gldt-", Class::Word, 20, "a GitLab token"),
    mixed("glrt-", Class::Dotted, 20, "a GitLab token"),
    mixed("glcbt-", Class::Word, 20, "a GitLab token"),
    mixed("glptt-", Class::Word, 32, "a GitLab token"),
    mixed("glft-", Class::Word, 20, "a GitLab token"),
    mixed("glsoat-", Class::Word, 20, "a GitLab token"),
    mixed("glimt-", Class::Word, 20, "a GitLab token"),
    mixed("glagent-", Class::Word, 40, "a GitLab token"),
    mixed("gloas-", Class::Word, 50, "a GitLab secret"),
    mixed("GR1348941", Class::Word, 20, "a GitLab runner token"),
    sure("AKIA", Class::Upper, 16, "an AWS key id"),
    sure("ASIA", Class::Upper, 16, "an AWS key id"),
    sure("ABIA", Class::Upper, 16, "an AWS key id"),
    sure("ACCA", Class::Upper, 16, "an AWS key id"),
    mixed("ABSK", Class::Base64, 100, "an AWS Bedrock key"),
    sure("AIza", Class::Word, 33, "a Google API key"),
    mixed("ya29.", Class::Dotted, 20, "a Google access token"),
    mixed("GOCSPX-", Class::Word, 24, "a Google client secret"),
    mixed("1//0", Class::Word, 30, "a Google refresh token"),
    mixed("sk-ant-", Class::Word, 32, "an Anthropic key"),
    mixed("sk-proj-", Class::Word, 32, "an OpenAI key"),
    mixed("sk-or-v1-", Class::Word, 40, "an OpenRouter key"),
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
    mixed("SG.", Class::Dotted, 55, "a SendGrid key"),
    exact("key-", Class::Hex, 32, "a Mailgun key"),
    mixed("xkeysib-", Class::Word, 60, "a Brevo key"),
    exact("npm_", Class::Alnum, 36, "an npm token"),
    mixed("pypi-AgE", Class::Word, 40, "a PyPI token"),
    exact("rubygems_", Class::Hex, 48, "a RubyGems key"),
    mixed("dckr_pat_", Class::Word, 24, "a Docker token"),
    mixed("dckr_oat_", Class::Word, 24, "a Docker token"),
    exact("dop_v1_", Class::Hex, 64, "a DigitalOcean token"),
    exact("doo_v1_", Class::Hex, 64, "a DigitalOcean token"),
    exact("dor_v1_", Class::Hex, 64, "a DigitalOcean token"),
    exact("shpat_", Class::Hex, 32, "a Shopify token"),
    exact("shpca_", Class::Hex, 32, "a Shopify token"),
    exact("shppa_", Class::Hex, 32, "a Shopify token"),
    exact("shpss_", Class::Hex, 32, "a Shopify secret"),
    mixed("hvs.", Class::Word, 24, "a Vault token"),
    mixed("hvb.", Class::Word, 60, "a Vault token"),
    mixed("EAAA", Class::Alnum, 50, "a Meta token"),
    mixed("sq0atp-", Class::Word, 22, "a Square token"),
    mixed("sq0csp-", Class::Word, 38, "a Square secret"),
    exact("lin_api_", Class::Alnum, 40, "a Linear key"),
    mixed("ntn_", Class::Alnum, 30, "a Notion token"),
    mixed("figd_", Class::Word, 36, "a Figma token"),
    mixed("dapi", Class::Hex, 32, "a Databricks token"),
    mixed("sntrys_", Class::Base64, 20, "a Sentry token"),
    exact("sntryu_", Class::Hex, 64, "a Sentry token"),
    mixed("glsa_", Class::Word, 38, "a Grafana token"),
    mixed("glc_", Class::Base64, 20, "a Grafana token"),
    mixed("tskey-", Class::Word, 16, "a Tailscale key"),
    mixed("nvapi-", Class::Word, 20, "an NVIDIA key"),
    exact("hf_", Class::Alnum, 34, "a Hugging Face token"),
    exact("api_org_", Class::Alnum, 34, "a Hugging Face token"),
    mixed("r8_", Class::Alnum, 30, "a Replicate token"),
    mixed("gsk_", Class::Alnum, 30, "a Groq key"),
    mixed("xai-", Class::Word, 60, "an xAI key"),
    mixed("pplx-", Class::Alnum, 40, "a Perplexity key"),
    mixed("AGE-SECRET-KEY-1", Class::Alnum, 50, "an age key"),
    mixed("dp.pt.", Class::Alnum, 38, "a Doppler token"),
    mixed("dt0c01.", Class::Dotted, 60, "a Dynatrace token"),
    exact("EZAK", Class::Alnum, 54, "an EasyPost key"),
    exact("EZTK", Class::Alnum, 54, "an EasyPost key"),
    mixed("FLWSECK", Class::Word, 12, "a Flutterwave key"),
    mixed("PMAK-", Class::Word, 50, "a Postman key"),
    mixed("pscale_", Class::Dotted, 20, "a PlanetScale secret"),
    exact("pul-", Class::Hex, 40, "a Pulumi token"),
    mixed("sgp_", Class::Word, 36, "a Sourcegraph token"),
    mixed("atlasv1.", Class::Base64, 50, "a Terraform token"),
    mixed("ATATT3", Class::Base64, 90, "an Atlassian token"),
    mixed("ATCTT3", Class::Base64, 30, "an Atlassian token"),
    mixed("CCIPAT_", Class::Word, 20, "a CircleCI token"),
    exact("LTAI", Class::Alnum, 20, "an Alibaba key id"),
    exact("AKCp", Class::Alnum, 69, "an Artifactory key"),
    exact("cmVmd", Class::Base64, 59, "an Artifactory token"),
    mixed("fo1_", Class::Word, 38, "a Fly token"),
    mixed("fm1_", Class::Base64, 50, "a Fly token"),
    mixed("fm1r_", Class::Base64, 50, "a Fly token"),
    mixed("fm2_", Class::Base64, 50, "a Fly token"),
    mixed("HRKU-", Class::Word, 20, "a Heroku key"),
    exact("NRAK-", Class::Alnum, 27, "a New Relic key"),
    mixed("NRII-", Class::Word, 20, "a New Relic key"),
    mixed("NRJS-", Class::Alnum, 15, "a New Relic key"),
    mixed("phc_", Class::Alnum, 30, "a PostHog key"),
    mixed("phx_", Class::Alnum, 30, "a PostHog key"),
    mixed("oy2", Class::Alnum, 40, "a NuGet key"),
    mixed("ops_eyJ", Class::Base64, 50, "a 1Password token"),
    mixed("A3-", Class::Word, 24, "a 1Password key"),
    mixed("p8e-", Class::Alnum, 32, "an Adobe secret"),
    mixed("tk-us-", Class::Word, 40, "an Intra42 token"),
    mixed("s-s4t2ud-", Class::Alnum, 40, "an Intra42 secret"),
    mixed("sha256~", Class::Word, 38, "an OpenShift token"),
    exact("CLOJARS_", Class::Alnum, 60, "a Clojars token"),
    mixed("t3.", Class::Dotted, 30, "a Yandex token"),
    mixed("AQVN", Class::Word, 32, "a Yandex key"),
    mixed("vercel_", Class::Word, 20, "a Vercel token"),
    mixed("sbp_", Class::Alnum, 30, "a Supabase key"),
    mixed("rnd_", Class::Alnum, 20, "a Render key"),
    exact("pnu_", Class::Alnum, 36, "a Prefect key"),
    exact("sm_aat_", Class::Alnum, 16, "a SettleMint token"),
    exact("sm_pat_", Class::Alnum, 16, "a SettleMint token"),
    exact("sm_sat_", Class::Alnum, 16, "a SettleMint token"),
    mixed("dnkey-", Class::Word, 60, "a Defined Networking token"),
    exact("shippo_live_", Class::Hex, 40, "a Shippo token"),
    exact("shippo_test_", Class::Hex, 40, "a Shippo token"),
    mixed("tfp_", Class::Word, 50, "a Typeform token"),
    mixed("pat-", Class::Word, 30, "a personal access token"),
    mixed("secret_", Class::Alnum, 30, "a Notion token"),
    mixed("duffel_live_", Class::Word, 20, "a Duffel token"),
    mixed("duffel_test_", Class::Word, 20, "a Duffel token"),
    mixed("frameio-", Class::Word, 20, "a Frame.io token"),
    mixed("fio-u-", Class::Word, 50, "a Frame.io token"),
    mixed("live_", Class::Alnum, 30, "a live key"),
    mixed("test_", Class::Alnum, 30, "a test key"),
    exact("rdme_", Class::Alnum, 70, "a ReadMe key"),
    mixed("EAAM", Class::Alnum, 60, "a Meta token"),
    mixed("EAAC", Class::Alnum, 60, "a Meta token"),
    mixed("AKID", Class::Alnum, 32, "a Tencent key id"),
    exact("ico-", Class::Alnum, 32, "an Infracost key"),
    exact("pubkey-", Class::Hex, 32, "a Mailgun key"),
    mixed("FLWPUBK", Class::Word, 12, "a Flutterwave key"),
    mixed("apify_api_", Class::Alnum, 30, "an Apify token"),
    mixed("sb_secret_", Class::Word, 20, "a Supabase key"),
    mixed("live_pub_", Class::Alnum, 24, "a Lob key"),
    mixed("test_pub_", Class::Alnum, 24, "a Lob key"),
    exact("API-", Class::Alnum, 26, "an Octopus Deploy key"),
    mixed("dG9rO", Class::Base64, 40, "an Intercom token"),
    mixed("pk_live_", Class::Alnum, 20, "a Stripe key"),
    mixed("glffct-", Class::Word, 20, "a GitLab token"),
    mixed("glscim-", Class::Word, 16, "a GitLab token"),
    sure("_gitlab_session=", Class::Path, 20, "a GitLab session"),
    mixed("bedrock-api-key-", Class::Base64, 30, "an AWS Bedrock key"),
    mixed("ATBB", Class::Alnum, 28, "a Bitbucket password"),
    mixed("aio_", Class::Alnum, 24, "an Adafruit key"),
    mixed("squ_", Class::Alnum, 30, "a SonarQube token"),
    mixed("sqp_", Class::Alnum, 30, "a SonarQube token"),
    mixed("sqa_", Class::Alnum, 30, "a SonarQube token"),
    sure("access-sandbox-", Class::Word, 30, "a Plaid token"),
    sure("access-development-", Class::Word, 30, "a Plaid token"),
    sure("access-production-", Class::Word, 30, "a Plaid token"),
    mixed("pat", Class::Dotted, 70, "an Airtable token"),
    mixed("pat.", Class::Dotted, 50, "a Harness token"),
    mixed("sat.", Class::Dotted, 50, "a Harness token"),
    mixed("sl.", Class::Word, 50, "a Dropbox token"),
    mixed("dp.st.", Class::Dotted, 30, "a Doppler token"),
    mixed("dp.ct.", Class::Dotted, 30, "a Doppler token"),
    mixed("dp.sa.", Class::Dotted, 30, "a Doppler token"),
    mixed("dp.scim.", Class::Dotted, 30, "a Doppler token"),
    mixed("dp.audit.", Class::Dotted, 30, "a Doppler token"),
    mixed("v1.0-", Class::Word, 100, "a Cloudflare origin key"),
    mixed("t1.", Class::Dotted, 70, "a Yandex token"),
    mixed("ZXlK", Class::Base64, 60, "an encoded signed token"),
    mixed("outlook.office.com/webhook/", Class::Path, 60, "a Teams webhook"),
    mixed("lin_oauth_", Class::Alnum, 30, "a Linear token"),
    mixed("bkua_", Class::Alnum, 30, "a Buildkite token"),
    mixed("nfp_", Class::Alnum, 30, "a Netlify token"),
    mixed("re_", Class::Word, 24, "a Resend key"),
    mixed("mlsn.", Class::Alnum, 40, "a MailerSend key"),
    mixed("lsv2_pt_", Class::Word, 30, "a LangSmith key"),
    mixed("lsv2_sk_", Class::Word, 30, "a LangSmith key"),
    mixed("pcsk_", Class::Word, 40, "a Pinecone key"),
    mixed("tvly-", Class::Word, 24, "a Tavily key"),
    mixed("csk-", Class::Alnum, 30, "a Cerebras key"),
    mixed("fw_", Class::Alnum, 20, "a Fireworks key"),
    mixed("rpa_", Class::Alnum, 30, "a RunPod key"),
    mixed("e2b_", Class::Alnum, 30, "an E2B key"),
    mixed("waka_", Class::Word, 30, "a WakaTime key"),
    mixed("cio", Class::Alnum, 32, "a crates.io token"),
    mixed("hvr.", Class::Word, 20, "a Vault token"),
    mixed("ddp_", Class::Alnum, 30, "a Datadog token"),
    mixed("gta_", Class::Alnum, 30, "a Gitea token"),
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
    /// The two bytes that may stand before that run.
    before: [[bool; 256]; 2],
}

impl Index {
    pub(crate) fn new() -> Self {
        let mut index = Self {
            buckets: vec![Vec::new(); BUCKETS],
            occupied: [false; BUCKETS],
            led: Vec::new(),
            before: [[false; 256]; 2],
        };
        for (at, prefix) in PREFIXES.iter().enumerate() {
            let lead =
                prefix.text.bytes().rposition(|byte| !Class::Word.has(byte)).map_or(0, |last| last + 1);
            if lead > 0 {
                index.led.push((at, lead));
                let text = prefix.text.as_bytes();
                index.before[0][usize::from(text[lead - 1])] = true;
                index.before[1][usize::from(text[lead.saturating_sub(2)])] = true;
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
        // Nearly every run stands behind something else.
        let may = |back: usize| run > back && self.before[back][usize::from(line[run - 1 - back])];
        if !may(0) || !may(1) {
            return None;
        }
        self.led.iter().find_map(|(at, lead)| {
            let prefix = &PREFIXES[*at];
            let start = run.checked_sub(*lead)?;
            line[start..].starts_with(prefix.text.as_bytes()).then_some((prefix, start))
        })
    }
}
