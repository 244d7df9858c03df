//! Whether what inspection knows of the app goes with where it is to run: said before anything is built.
//!
//! Invariant: only what is certain is refused, and only where something is to be built; what ran already runs again. The
//! rest is a warning in the report.

use super::Failed;
use host::Context;
use model::{
    document::{Deployment, RunOptions, deployment_path},
    port::target::{FixedPort, Need, Plan, at_line},
};
use std::collections::BTreeSet;

/// Whether it will be built: what an earlier deployment built is released as it is.
fn builds(deployment: &Deployment) -> bool {
    deployment.again.as_ref().is_none_or(|again| again.built.is_none())
}

/// How it is to run: as asked for, else as its own file says. What can't be had ends it, with its place.
pub fn run(deployment: &Deployment, report: &inspect::Report) -> Result<RunOptions, Failed> {
    let run = deployment.run.or(&report.run);
    let Some(wrong) = run.findings().into_iter().next() else { return Ok(run) };
    if !builds(deployment) {
        // What ran already runs again, with what can be had.
        return Ok(deployment.run.clone());
    }
    // The file calls them by shorter names.
    let key = wrong.field.trim_end_matches("_milli").trim_end_matches("_mib");
    let place = report.overrides.iter().find(|one| one.field == key).map(place);
    let place = place.unwrap_or_else(|| "from sextant.toml".to_owned());
    let message = format!("`{key}` {place} can't be had: {}", wrong.takes);
    Err(Failed::lasting("bad_configuration", message, "Mend that, then deploy again."))
}

/// What was configured rather than found, each with its place.
pub fn said(deployment: &Deployment, report: &inspect::Report) -> Option<String> {
    let RunOptions { cpu_milli, memory_mib, concurrency, min_instances, max_instances, .. } = deployment.run;
    let asked = [
        ("cpu", cpu_milli.map(|milli| format!("{} vCPU", f64::from(milli) / 1e3))),
        ("memory", memory_mib.map(|mib| format!("{mib} MiB"))),
        ("concurrency", concurrency.map(|n| n.to_string())),
        ("min_instances", min_instances.map(|n| n.to_string())),
        ("max_instances", max_instances.map(|n| n.to_string())),
    ];
    let asked: Vec<(&str, String)> =
        asked.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let own = report.overrides.iter().filter(|one| !asked.iter().any(|(name, _)| *name == one.field));
    let own = own.map(|one| format!("{} {} {}", one.field, one.value, place(one)));
    let asked = asked.iter().map(|(name, value)| format!("{name} {value} as asked for"));
    let all: Vec<String> = own.chain(asked).collect();
    (!all.is_empty()).then(|| format!("configured: {}", all.join(", ")))
}

/// `from sextant.toml:3`.
fn place(one: &inspect::Override) -> String {
    match one.by.as_str() {
        "options" => "as asked for".to_owned(),
        by => format!("from {}", at_line(by, one.line)),
    }
}

/// A port that the source fixes: a warning, or a refusal where the target can't map it.
pub fn port(
    ctx: &Context,
    deployment: &Deployment,
    fixed: Option<&FixedPort>,
) -> Result<Option<String>, Failed> {
    let Some(fixed) = fixed else { return Ok(None) };
    let (what, mend, port) = (fixed.sentence(), fixed.mend(), fixed.port);
    if ctx.ports.target.capabilities().own_port {
        return Ok(Some(format!("port: {what}; {port} is mapped")));
    }
    if !fixed.sure || !builds(deployment) {
        return Ok(Some(format!(
            "warning: it seems that {what}. If it then isn't reached: {}",
            lower(&mend)
        )));
    }
    Err(Failed::lasting(
        "port_fixed",
        format!("{what}: two revisions couldn't serve side by side on this machine. {mend}"),
        &format!(
            "Mend that and deploy again; if it listens on $PORT after all, say so: `port = {port}` in sextant.toml, or \
             `--port {port}`."
        ),
    ))
}

/// Variables that the code reads and nobody set: those that it certainly needs end the deployment, unless it may lack
/// them or what serves now does without; the others are named.
pub async fn variables(
    ctx: &Context,
    deployment: &Deployment,
    plan: &Plan,
) -> Result<Option<String>, Failed> {
    let set = |name: &str| {
        deployment.variables.contains_key(name) || deployment.secrets.contains_key(name) || name == "PORT"
    };
    let missing: Vec<&Need> = plan.needs.iter().flatten().filter(|need| !set(&need.name)).collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let certain: Vec<&Need> = missing.iter().copied().filter(|need| need.sure).collect();
    if !certain.is_empty() && builds(deployment) && !deployment.may_lack {
        let spared = does_without(ctx, deployment).await?;
        let lacking: Vec<&Need> = certain.into_iter().filter(|need| !spared.spares(&need.name)).collect();
        if !lacking.is_empty() {
            return Err(unset(deployment, &lacking));
        }
    }
    Ok(Some(format!("warning: the code reads {}, which nobody has set", words(&missing))))
}

/// What is certainly needed and not there.
fn unset(deployment: &Deployment, lacking: &[&Need]) -> Failed {
    let (service, listed) = (&deployment.service, words(lacking));
    let all = match lacking {
        [_] => "it",
        _ => "them",
    };
    let pairs: Vec<String> = lacking.iter().map(|need| format!("{}=…", need.name)).collect();
    Failed::lasting(
        "variables_missing",
        format!("The app ends at its start without {listed}, and nobody has set {all}"),
        &format!(
            "`sextant env set --service {service} {}`, then deploy again. If it runs without {all} after all, deploy \
             with `--yes` (`may_lack`).",
            pairs.join(" ")
        ),
    )
}

fn words(needs: &[&Need]) -> String {
    needs.iter().map(|need| need.words()).collect::<Vec<_>>().join(", ")
}

/// What the deployment that serves lacks as well.
enum Spared {
    /// Nothing serves.
    Nothing,
    /// It read these, and serves without them.
    Names(BTreeSet<String>),
    /// It is from before that was looked for.
    Unknown { set: BTreeSet<String> },
}

impl Spared {
    fn spares(&self, name: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Names(names) => names.contains(name),
            Self::Unknown { set } => !set.contains(name),
        }
    }
}

async fn does_without(ctx: &Context, deployment: &Deployment) -> Result<Spared, Failed> {
    let Some(good) = &deployment.last_good else { return Ok(Spared::Nothing) };
    let path = deployment_path(&deployment.tenant, &good.deployment);
    let Some(found) = ctx.ports.store.get(&path).await? else { return Ok(Spared::Nothing) };
    let serving: Deployment = found.body.parse()?;
    let set: BTreeSet<String> = serving.variables.keys().chain(serving.secrets.keys()).cloned().collect();
    let needs = serving.plan.and_then(|plan| plan.needs);
    Ok(match needs {
        Some(needs) => Spared::Names(
            needs.into_iter().map(|need| need.name).filter(|name| !set.contains(name)).collect(),
        ),
        None => Spared::Unknown { set },
    })
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
