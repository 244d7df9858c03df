//! Fetches the source and checks what can be checked before anything of it runs.
//!
//! The scan reads what the archive holds, from the tree that analysis reads next: nothing is fetched twice. It looks at a
//! large source in stretches, each within a lease: how far it came is in the deployment's document, so whoever comes next
//! goes on from there, after a crash as well, and a cancelled one just isn't gone on with.

use super::{Failed, findings};
use host::{Context, seal};
use model::{
    deployment::Outcome,
    document::{Deployment, deployment_path},
    port::{
        KeyContext, PortError,
        source::{Archived, Checkout, Fetched, Manifest, Opened, SourceRef},
    },
};

/// Fetches the source under the deployment's id, and looks at its files, at names and at variables.
pub async fn scan(ctx: &Context, deployment: &Deployment) -> Result<Outcome, Failed> {
    let began = ctx.real();
    let archive = Box::new(archived(ctx, deployment).await?);
    let checkout = open(ctx, &archive).await?;
    let scan = match findings::find(ctx, checkout, deployment, &archive, began).await? {
        findings::Stretch::Done(scan) => Box::new(scan),
        findings::Stretch::GoesOn(scanning) => {
            return Ok(Outcome::Scanning { archive, scanning: Box::new(scanning) });
        }
    };
    if let Some(failure) = findings::stopped(&scan) {
        return Ok(Outcome::Rejected { failure, archive, scan });
    }
    let kind = deployment.source.as_ref().map_or("nothing", kind);
    let mut checks = vec![said(kind, &archive.manifest)];
    checks.extend(findings::said(&scan, deployment));
    checks.extend(suspicious(deployment));
    Ok(Outcome::Scanned { archive, scan, checks })
}

/// The archive: the one that was fetched first under the deployment's id. If it is lost it is fetched again, by the
/// same token, and what was scanned is what must come: a branch may have moved meanwhile.
pub async fn archived(ctx: &Context, deployment: &Deployment) -> Result<Archived, Failed> {
    let Some(source) = &deployment.source else {
        return Err(Failed::lasting(
            "no_source",
            "The deployment has no source",
            "Deploy again with a path or a Git URL.",
        ));
    };
    let token = token(ctx, deployment).await?;
    let token = token.as_ref().map(seal::ExposeSecret::expose_secret);
    let scanned = deployment.archive.as_ref().map(|archived| &archived.manifest);
    let wanted = pinned(source, scanned.and_then(|manifest| manifest.origin.commit.as_deref()));
    let key = deployment.id.as_str();
    let fetched =
        ctx.ports.source.fetch(&deployment.tenant, &wanted, key, token).await.map_err(unavailable)?;
    let archived = match fetched {
        Fetched::Archived(archived) => archived,
        Fetched::Waits { reason } => return Err(Failed::Waits(reason)),
    };
    match scanned {
        Some(scanned) if scanned.digest != archived.manifest.digest => Err(Failed::lasting(
            "source_changed",
            format!(
                "The fetched source was lost, and what was fetched again is {} instead of {}",
                named(&archived.manifest),
                named(scanned)
            ),
            "Deploy again: then the source is checked as it is now.",
        )),
        Some(_) | None => Ok(archived),
    }
}

/// The tree, to read.
pub async fn checkout(ctx: &Context, deployment: &Deployment) -> Result<Checkout, Failed> {
    open(ctx, &archived(ctx, deployment).await?).await
}

async fn open(ctx: &Context, archived: &Archived) -> Result<Checkout, Failed> {
    match ctx.ports.source.open(archived).await.map_err(unavailable)? {
        Opened::Tree(checkout) => Ok(checkout),
        Opened::Waits { reason } => Err(Failed::Waits(reason)),
        // Removed in between: the next try fetches it again.
        Opened::Gone => Err(PortError::Transient(
            "The source's archive was removed just now; it is fetched again".to_owned(),
        )
        .into()),
    }
}

fn unavailable(error: PortError) -> Failed {
    let transient = error.is_transient();
    let failed = Failed::from(error);
    if transient {
        return failed;
    }
    failed.named("source_unavailable", "Check the path or URL, the branch, and whether it needs a token.")
}

/// The source at the commit that is known already.
fn pinned(source: &SourceRef, commit: Option<&str>) -> SourceRef {
    match source {
        SourceRef::Git { url, branch, commit: None } => {
            SourceRef::Git { url: url.clone(), branch: branch.clone(), commit: commit.map(str::to_owned) }
        }
        SourceRef::Git { .. } | SourceRef::Folder { .. } | SourceRef::Archive { .. } => source.clone(),
    }
}

async fn token(ctx: &Context, deployment: &Deployment) -> Result<Option<seal::SecretString>, Failed> {
    let Some(sealed) = &deployment.source_token else { return Ok(None) };
    let context = secret_context(deployment, "source_token");
    Ok(Some(seal::open(&ctx.ports, &context, sealed).await?))
}

/// What a secret of this deployment is sealed for.
pub fn secret_context(deployment: &Deployment, field: &str) -> KeyContext {
    let record = deployment_path(&deployment.tenant, &deployment.id).as_str().to_owned();
    KeyContext { tenant: deployment.tenant.clone(), record, field: field.to_owned() }
}

fn kind(source: &SourceRef) -> &'static str {
    match source {
        SourceRef::Folder { .. } => "folder",
        SourceRef::Git { .. } => "Git",
        SourceRef::Archive { .. } => "uploaded folder",
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

/// What was fetched, in one line.
fn said(kind: &str, manifest: &Manifest) -> String {
    let origin = &manifest.origin;
    let on = origin.tag.as_ref().map(|tag| format!(" ({tag})"));
    let on = on.or_else(|| origin.branch.as_ref().map(|branch| format!(" ({branch})"))).unwrap_or_default();
    let changes = match &origin.commit {
        Some(commit) if origin.dirty => format!(", with changes that {} doesn't have", short(commit)),
        _ => String::new(),
    };
    let (files, bytes) = (manifest.files, size(manifest.bytes));
    format!("source: {kind} at {}{on}, {files} files, {bytes}{changes}", short(manifest.revision()))
}

/// The commit and, since the same one may come out differently, the content.
fn named(manifest: &Manifest) -> String {
    match &manifest.origin.commit {
        Some(commit) => format!("{} (content {})", short(commit), short(manifest.digest.as_str())),
        None => short(manifest.digest.as_str()).to_owned(),
    }
}

fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// Plain variables that look as if they should have been secret ones.
fn suspicious(deployment: &Deployment) -> Vec<String> {
    let looks = |(name, value): (&String, &String)| {
        let why = inspect::names::looks_secret(name, value)?;
        Some(format!(
            "warning: variable {name} looks like a secret ({why}); pass it with --secret so that it is stored encrypted"
        ))
    };
    let found: Vec<String> = deployment.variables.iter().filter_map(looks).collect();
    if found.is_empty() && !deployment.variables.is_empty() {
        return vec![format!(
            "variables: {} plain, {} secret",
            deployment.variables.len(),
            deployment.secrets.len()
        )];
    }
    found
}
