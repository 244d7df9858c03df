//! Finds out what the app is, recommends how to run it, and predicts what that will cost and use.

use super::{Failed, Performed, fits, scan};
use forecast::recommend::{learning, recommend_as};
use host::Context;
use model::{
    DecisionId,
    deployment::Outcome,
    document::{
        Decision, Deployment, SCHEMA,
        calibration::{ClassDocument, OwnDocument, own_path, pool_path},
        decision_path,
    },
    port::store::{Precondition, Write},
};
use sha2::{Digest, Sha256};

/// Inspects the fetched tree; the decision is one more document of the same commit.
pub async fn analyze(ctx: &Context, deployment: &Deployment) -> Result<Performed, Failed> {
    let report = inspect_tree(ctx, deployment).await?;
    if let Some(missing) = report.missing() {
        return Err(Failed::lasting(
            "not_recognised",
            "This repository can't be deployed as it is",
            &missing,
        ));
    }
    let mut checks = Vec::new();
    checks.extend(fits::port(ctx, deployment, report.fixed_port.as_ref())?);
    let run = fits::run(deployment, &report)?;
    checks.extend(fits::said(deployment, &report));
    let plan = report.plan();
    checks.extend(fits::variables(ctx, deployment, &plan).await?);
    let class = report.class();
    let paths = [pool_path(&class), own_path(&deployment.tenant, &class)];
    let mut learned = ctx.ports.store.get_many(&paths).await?.into_iter();
    let pool: Option<ClassDocument> =
        learned.next().flatten().map(|document| document.body.parse()).transpose()?;
    let own: Option<OwnDocument> =
        learned.next().flatten().map(|document| document.body.parse()).transpose()?;
    let now = ctx.now();
    let region = ctx.config.settings.region.as_str();
    let learned = learning(pool, own.as_ref(), now);
    let made = recommend_as(&class, None, None, region, &learned, &run)
        .map_err(|error| Failed::lasting("no_price", error.to_string(), "Set a region that has a price."))?;
    let decision = Decision {
        schema: SCHEMA,
        id: decision_id(deployment),
        tenant: deployment.tenant.clone(),
        created_at: now,
        model_version: made.model_version.to_owned(),
        deployment: Some(deployment.id.clone()),
        service: Some(deployment.service.to_string()),
        class,
        plan: plan.clone(),
        configuration: made.configuration,
        demand: made.demand,
        prediction: made.prediction,
        reasons: made.reasons,
        registration: None,
    };
    let summary = describe(&report);
    let write = Write::put(decision_path(&deployment.tenant, &decision.id), Precondition::None, &decision)?;
    let outcome = Outcome::Analyzed { plan: Box::new(plan), decision: decision.id, summary, checks };
    Ok(Performed { writes: vec![write], ..outcome.into() })
}

/// Derived from the deployment, so that a repeat writes the same document.
fn decision_id(deployment: &Deployment) -> DecisionId {
    let digest = Sha256::digest(deployment.id.as_str());
    let mut bits = [0; 16];
    bits.copy_from_slice(&digest[..16]);
    DecisionId::from_random(u128::from_be_bytes(bits))
}

/// Reads the tree where reading many files does not hold up the other handlers.
async fn inspect_tree(ctx: &Context, deployment: &Deployment) -> Result<inspect::Report, Failed> {
    let checkout = scan::checkout(ctx, deployment).await?;
    let run = &deployment.run;
    let options = inspect::Options {
        port: run.port,
        health_path: run.health_path.clone(),
        ..inspect::Options::default()
    };
    // The whole value goes along: the tree stays for as long as it is read.
    let read = tokio::task::spawn_blocking(move || {
        let checkout = checkout;
        inspect::read(&checkout.folder, &options)
    })
    .await;
    match read {
        Ok(report) => report.map_err(|error| {
            Failed::lasting("not_readable", error.to_string(), "Mend that, then deploy again.")
        }),
        Err(_) => Err(Failed::lasting(
            "not_readable",
            "Inspecting the repository failed on our side",
            "Report this with the repository.",
        )),
    }
}

fn describe(report: &inspect::Report) -> String {
    let provider = report.provider.map_or("unknown", inspect::Provider::name);
    let framework = report.framework.as_deref().map(|name| format!(" with {name}")).unwrap_or_default();
    let start = match (&report.start_command, report.static_site) {
        (_, true) => format!("static files in `{}`", report.static_dir.as_deref().unwrap_or(".")),
        (Some(command), false) => format!("started by `{command}`"),
        (None, false) => "without a start command".to_owned(),
    };
    format!("It is {provider}{framework}, {start}")
}
