//! What was asked, checked: names, variables, policy, limits. All that is wrong is told at once.

use super::{
    body::StartBody,
    source::{source, suggested_name},
};
use host::Findings;
use host::{
    Error,
    seal::{ExposeSecret, SecretString},
};
use model::{
    ServiceName, VariableName,
    document::{
        Allowance, CanaryPolicy, Limits, RunOptions, Scan, ScanPolicy, Strategy, SyntheticPolicy, Variables,
        WithoutTraffic, in_environment,
    },
    port::source::SourceRef,
    time::{HOUR_MS, MINUTE_MS, SECOND_MS},
};
use std::collections::{BTreeMap, BTreeSet};

/// Variables a service may have, plain and secret together.
const MOST_VARIABLES: usize = 200;
/// Bytes of a variable's value: Cloud Run's limit for one.
const LONGEST_VALUE: usize = 32 << 10;
/// Bytes of all values: they are one document with the rest of the deployment.
const LONGEST_VALUES: usize = 256 << 10;
/// Characters of a finding's id and of the reason it is let through for.
const LONGEST_FINDING: usize = 600;
const LONGEST_WHY: usize = 500;
/// Bytes of a token for a private repository.
const LONGEST_TOKEN: usize = 4 << 10;

/// A request that can be carried out. Secrets are still in clear, so it can't be printed.
pub struct Wanted {
    /// The service, its environment in it.
    pub service: ServiceName,
    /// The environment: `production` where none was named.
    pub environment: String,
    /// What to deploy.
    pub source: SourceRef,
    /// Token for it.
    pub token: Option<SecretString>,
    /// How traffic gets there.
    pub strategy: Strategy,
    /// On which evidence.
    pub policy: CanaryPolicy,
    /// Within which time.
    pub limits: Limits,
    /// Findings that are let through.
    pub allow: Vec<Allowance>,
    /// What beside live keys stops it.
    pub scan: ScanPolicy,
    /// Variables that are stored as they are.
    pub variables: BTreeMap<VariableName, String>,
    /// Variables that are sealed before they are stored.
    pub secrets: BTreeMap<VariableName, SecretString>,
    /// Those to remove.
    pub unset: BTreeSet<String>,
    /// Whether variables of the deployment that serves may be missing.
    pub may_drop: bool,
    /// Whether variables that its code certainly needs may be missing.
    pub may_lack: bool,
    /// How it is to run.
    pub run: RunOptions,
}

/// Checks a body.
pub fn check(mut body: StartBody) -> Result<Wanted, Error> {
    let mut findings = Findings::default();
    let source = source(body.take_named(), &mut findings);
    let environment = body.environment.take().unwrap_or_else(|| "production".to_owned());
    environment_name(&environment, &mut findings);
    let service = service_name(body.service.take(), source.as_ref(), &environment, &mut findings);
    removed(&body.unset, &body.env, &body.secrets.0, &mut findings);
    let (variables, secrets) = variables(body.env, body.secrets.0, &mut findings);
    policy(&body.canary, &mut findings);
    limits(&body.limits, &mut findings);
    allowances(&body.allow, &mut findings);
    for wrong in body.run.findings() {
        findings.add(format!("run.{}", wrong.field), wrong.takes);
    }
    let token = body.source_token.map(|token| token.0);
    check_token(token.as_ref(), source.as_ref(), &mut findings);
    findings.finish()?;
    let (Some(service), Some(source)) = (service, source) else {
        return Err(Error::internal("a checked request lacks its service or source"));
    };
    Ok(Wanted {
        service,
        environment,
        source,
        token,
        strategy: body.strategy,
        policy: body.canary,
        limits: body.limits,
        allow: body.allow,
        scan: body.scan,
        variables,
        secrets,
        unset: body.unset,
        may_drop: body.may_drop,
        may_lack: body.may_lack,
        run: body.run,
    })
}

fn environment_name(name: &str, findings: &mut Findings) {
    let legal = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.len() <= 20;
    findings.require(legal, "environment", || {
        "an environment has 1 to 20 lower-case letters, digits and hyphens and begins with a letter, such as `staging`".to_owned()
    });
}

fn service_name(
    given: Option<String>,
    source: Option<&SourceRef>,
    environment: &str,
    findings: &mut Findings,
) -> Option<ServiceName> {
    let name = if let Some(given) = given {
        findings.take("service", inspect::names::service_name(&given))?
    } else {
        let derived = source.and_then(suggested_name).map(|name| shortened(name, environment));
        if derived.is_none() && source.is_some() {
            findings.add("service", "no name can be derived from the source; give one");
        }
        derived?
    };
    let whole = in_environment(&name, environment).map_err(|malformed| {
        format!("`{}` (the environment is part of the name): {}", malformed.text, malformed.why)
    });
    findings.take("service", whole)
}

/// A derived name leaves room for the environment; a given one is the caller's to shorten.
fn shortened(mut name: String, environment: &str) -> String {
    if environment != "production" {
        let room = inspect::names::SERVICE_NAME_MAX.saturating_sub(environment.len() + 1).max(1);
        name.truncate(room);
        name.truncate(name.trim_end_matches('-').len());
    }
    name
}

/// Plain variables and secret ones, by names that can be stored.
pub type Named = (BTreeMap<VariableName, String>, BTreeMap<VariableName, SecretString>);

/// Checks variables that are to be set.
pub fn variables(
    plain: BTreeMap<String, String>,
    secret: BTreeMap<String, SecretString>,
    findings: &mut Findings,
) -> Named {
    let count = plain.len() + secret.len();
    findings.require(count <= MOST_VARIABLES, "env", || {
        format!("there are {count} variables; a service may have {MOST_VARIABLES}, secret ones among them")
    });
    let bytes: usize =
        plain.values().map(String::len).chain(secret.values().map(|s| s.expose_secret().len())).sum();
    findings.require(bytes <= LONGEST_VALUES, "env", || {
        format!("all values together have {bytes} bytes; {LONGEST_VALUES} is the most")
    });
    let mut checked = Named::default();
    for name in secret.keys().filter(|name| plain.contains_key(*name)) {
        findings.add(format!("secrets.{}", shown(name)), "it is in `env` as well; keep one of them");
    }
    for (name, value) in plain {
        if let Some(name) = variable("env", &name, &value, findings) {
            checked.0.insert(name, value);
        }
    }
    for (name, value) in secret {
        if let Some(name) = variable("secrets", &name, value.expose_secret(), findings) {
            checked.1.insert(name, value);
        }
    }
    checked
}

/// One can't be removed and set at once, and its name must be one; whether there is one of that name does not matter.
pub fn removed(
    unset: &BTreeSet<String>,
    plain: &BTreeMap<String, String>,
    secret: &BTreeMap<String, SecretString>,
    findings: &mut Findings,
) {
    let set = |name: &&String| plain.contains_key(name.as_str()) || secret.contains_key(name.as_str());
    for name in unset.iter().filter(set) {
        findings.add("unset", format!("`{name}` is set in this same request; keep one of the two"));
    }
    for name in unset {
        let _ = findings.take("unset", inspect::names::variable_name(name));
    }
    findings.require(unset.len() <= MOST_VARIABLES, "unset", || {
        format!("a service has at most {MOST_VARIABLES} variables, so no more can be removed")
    });
}

/// What a service has after the changes is within what one document and one revision can hold.
pub fn within_bounds(variables: &Variables) -> Result<(), Error> {
    let mut findings = Findings::default();
    let count = variables.count();
    findings.require(count <= MOST_VARIABLES, "env", || {
        format!(
            "with those that `{}` has already there would be {count} variables; a service may have \
             {MOST_VARIABLES}: remove some with `unset`",
            variables.service
        )
    });
    // What is sealed is base 64, a third longer than it was.
    let plain: usize = variables.plain.values().map(String::len).sum();
    let sealed: usize = variables.secret.values().map(|sealed| sealed.ciphertext.len() / 4 * 3).sum();
    findings.require(plain + sealed <= LONGEST_VALUES, "env", || {
        format!(
            "with those that `{}` has already all values would have {} bytes; {LONGEST_VALUES} is the most: remove \
             some with `unset`",
            variables.service,
            plain + sealed
        )
    });
    findings.finish()
}

/// The problem never repeats the value: it may be a secret.
fn variable(field: &str, name: &str, value: &str, findings: &mut Findings) -> Option<VariableName> {
    let field = format!("{field}.{}", shown(name));
    findings.take(&field, inspect::names::variable_name(name))?;
    findings.require(!value.contains('\0'), &field, || {
        "its value has a NUL character, which no variable can hold".to_owned()
    });
    findings.require(value.len() <= LONGEST_VALUE, &field, || {
        format!("its value has {} bytes; {LONGEST_VALUE} is the most", value.len())
    });
    findings.take(&field, VariableName::new(name))
}

/// A name that may be anything, in a sentence.
fn shown(name: &str) -> String {
    name.chars().take(80).collect()
}

fn policy(policy: &CanaryPolicy, findings: &mut Findings) {
    let weights = &policy.weights;
    let ascending = weights.windows(2).all(|pair| pair[0] < pair[1]);
    let legal = (1..=20).contains(&weights.len())
        && ascending
        && weights.first().is_some_and(|first| *first >= 1)
        && weights.last() == Some(&100);
    findings.require(legal, "canary.weights", || {
        "weights are 1 to 20 percentages that ascend from at least 1 and end in 100, such as [10, 50, 100]".to_owned()
    });
    findings.require((0..=HOUR_MS).contains(&policy.window_ms), "canary.window_ms", || {
        format!("a window has 0 (the target's own) to {HOUR_MS} ms")
    });
    findings.require(policy.bake_windows <= 1_440, "canary.bake_windows", || {
        "1 to 1440 windows can be asked for, or 0 for the target's own".to_owned()
    });
    findings.require(policy.min_requests <= 1_000_000, "canary.min_requests", || {
        "0 to 1000000 requests can be asked for".to_owned()
    });
    findings.require(policy.power_percent <= 99, "canary.power_percent", || {
        "a chance of 0 (none is asked for) to 99 percent can be asked for".to_owned()
    });
    findings.require((1..=100).contains(&policy.catch_percent), "canary.catch_percent", || {
        "1 to 100 percent of requests can be asked for".to_owned()
    });
    findings.require((2..=1_000).contains(&policy.catch_times), "canary.catch_times", || {
        "2 to 1000 times can be asked for".to_owned()
    });
    if let Some(wanted) = &policy.synthetic {
        synthetic(wanted, policy.without_traffic, findings);
    }
    let deadline = policy.bake_windows.max(1)..=10_080;
    let open = policy.deadline_windows == 0;
    findings.require(open || deadline.contains(&policy.deadline_windows), "canary.deadline_windows", || {
        format!(
            "it must be at least `bake_windows` ({}) and at most 10080, or 0 for the target's own",
            policy.bake_windows
        )
    });
}

/// Requests of our own: bounded, and to the app's own paths.
fn synthetic(wanted: &SyntheticPolicy, without: WithoutTraffic, findings: &mut Findings) {
    let (count, most) = (wanted.paths.len(), SyntheticPolicy::PATHS);
    findings.require((1..=most).contains(&count), "canary.synthetic.paths", || {
        format!("1 to {most} paths can be asked for, such as [\"/\", \"/api/health\"]")
    });
    for (at, path) in wanted.paths.iter().take(most).enumerate() {
        findings.require(SyntheticPolicy::is_path(path), &format!("canary.synthetic.paths[{at}]"), || {
            format!(
                "a path begins with one `/` and has at most {} visible ASCII characters, neither `#` nor `\\`",
                SyntheticPolicy::PATH_BYTES
            )
        });
    }
    findings.require((5..=200).contains(&wanted.requests), "canary.synthetic.requests", || {
        "5 to 200 requests to each revision can be asked for".to_owned()
    });
    findings.require(without == WithoutTraffic::Probe, "canary.synthetic", || {
        "synthetic requests decide where no others come, and `without_traffic` is `wait`; keep one of the two".to_owned()
    });
}

fn limits(limits: &Limits, findings: &mut Findings) {
    findings.require((SECOND_MS..=HOUR_MS).contains(&limits.build_ms), "limits.build_ms", || {
        format!("a build may have {SECOND_MS} to {HOUR_MS} ms")
    });
    let verify = SECOND_MS..=10 * MINUTE_MS;
    findings.require(verify.contains(&limits.verify_ms), "limits.verify_ms", || {
        format!("the health path may have {SECOND_MS} to {} ms to answer", 10 * MINUTE_MS)
    });
}

/// A reason is part of each: nothing is let through in silence.
fn allowances(allow: &[Allowance], findings: &mut Findings) {
    findings.require(allow.len() <= Scan::SHOWN, "allow", || {
        format!("{} findings are allowed; {} is the most: mend the others", allow.len(), Scan::SHOWN)
    });
    for (at, one) in allow.iter().take(Scan::SHOWN).enumerate() {
        let said = |text: &str, most: usize| {
            (1..=most).contains(&text.trim().chars().count()) && !text.chars().any(char::is_control)
        };
        findings.require(said(&one.finding, LONGEST_FINDING), &format!("allow[{at}].finding"), || {
            format!("it is the id of a finding, such as `github-token:src/config.js:12`, of at most {LONGEST_FINDING} characters")
        });
        findings.require(said(&one.why, LONGEST_WHY), &format!("allow[{at}].why"), || {
            format!("say why it may stay, on one line of at most {LONGEST_WHY} characters")
        });
    }
}

fn check_token(token: Option<&SecretString>, source: Option<&SourceRef>, findings: &mut Findings) {
    let Some(token) = token.map(ExposeSecret::expose_secret) else { return };
    let legal = (1..=LONGEST_TOKEN).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
    findings.require(legal, "source_token", || {
        format!("a token has 1 to {LONGEST_TOKEN} visible ASCII characters")
    });
    let remote = matches!(source, Some(SourceRef::Git { url, .. }) if url.starts_with("https://"));
    findings.require(remote || source.is_none(), "source_token", || {
        "a token goes with an https:// repository only; leave it out".to_owned()
    });
}
