//! What a message is worth telling, and how it is told. Most messages are worth nothing.

use host::{Context, Error};
use model::{
    ServiceName,
    document::{Deployment, Diagnosis, Learning, Status, deployment_path, learning_path},
    message::{AboutAnomaly, AboutDeployment, AboutLearning, Message, kind},
    text::visible,
};

/// Lines of a log in a mail.
const LAST_LINES: usize = 30;

/// Something worth telling.
pub struct Subject {
    /// What it is about, the same whenever the same event arrives.
    pub event: String,
    /// The service whose owner is told.
    pub service: ServiceName,
    /// The mail's subject.
    pub title: String,
    /// The mail's text.
    pub text: String,
}

/// What there is to tell of a message, if anything is.
pub async fn of(ctx: &Context, message: &Message) -> Result<Option<Subject>, Error> {
    match message.kind.as_str() {
        kind::DEPLOYMENT_ENDED => ended(ctx, message).await,
        kind::ANOMALY_DETECTED => Ok(anomaly(ctx, message)),
        kind::LEARNING_RECORDED => learned(ctx, message).await,
        _ => Ok(None),
    }
}

async fn ended(ctx: &Context, message: &Message) -> Result<Option<Subject>, Error> {
    let Ok(AboutDeployment { deployment: id }) = message.body() else { return Ok(None) };
    let Some(found) = ctx.ports.store.get(&deployment_path(ctx.tenant()?, &id)).await? else {
        return Ok(None);
    };
    let deployment: Deployment = found.body.parse()?;
    let what = match deployment.status {
        Status::Failed => "failed",
        Status::SecurityFailed => "was refused",
        Status::RolledBack => "was rolled back",
        Status::Deployed
        | Status::Cancelled
        | Status::Superseded
        | Status::Pending
        | Status::SecurityScanning
        | Status::Analyzing
        | Status::Building
        | Status::Deploying
        | Status::Verifying
        | Status::Shifting
        | Status::RollingBack => return Ok(None),
    };
    Ok(Some(Subject {
        event: format!("deployment {id} {}", deployment.status.as_str()),
        title: format!("{}: the deployment {what}", deployment.service),
        text: story(ctx, &deployment, what),
        service: deployment.service,
    }))
}

fn story(ctx: &Context, deployment: &Deployment, what: &str) -> String {
    let mut paragraphs = vec![format!("Deployment {} of {} {what}.", deployment.id, deployment.service)];
    paragraphs.extend(deployment.failure.as_ref().map(|failure| {
        let stage = failure.stage.as_str();
        let why = deployment.diagnosis.as_ref();
        let next = Diagnosis::next_or(why, &failure.hint);
        let why = why.map(|why| format!("Why      {}\n", visible(&why.sentence()))).unwrap_or_default();
        format!("Stage    {stage}\n{why}What     {}\nDo next  {}", visible(&failure.message), visible(next))
    }));
    if let Some(why) = &deployment.canary.why {
        paragraphs.extend(listed("Where it answered otherwise", &why.paths_in_words()));
        paragraphs.extend(listed("What only the new revision wrote", &why.lines_in_words()));
    }
    let newest = deployment.last_words.len().saturating_sub(LAST_LINES);
    paragraphs.extend(listed("It wrote last", &deployment.last_words[newest..]));
    paragraphs.extend(deployment.timeline.last().map(|last| format!("In the end: {}", visible(&last.text))));
    paragraphs.push(ctx.config.url(&format!("/deployments/{}", deployment.id)));
    paragraphs.join("\n\n") + "\n"
}

/// Lines under what they are; the page has some more of the log.
fn listed(what: &str, lines: &[String]) -> Option<String> {
    let shown: Vec<String> = lines.iter().map(|line| format!("  {}", visible(line))).collect();
    (!shown.is_empty()).then(|| format!("{what}:\n\n{}", shown.join("\n")))
}

/// Only high ones: at medium, one comes each day of a service that is well.
fn anomaly(ctx: &Context, message: &Message) -> Option<Subject> {
    let about: AboutAnomaly = message.body().ok().filter(|about: &AboutAnomaly| about.severity == "high")?;
    let url = ctx.config.url(&format!("/services/{}", about.service));
    Some(Subject {
        event: format!("anomaly {} {}", about.observation, about.metric),
        title: format!("{}: {} is out of line", about.service, about.metric.replace('_', " ")),
        text: format!("{}\n\nIt served deployment {}.\n\n{url}\n", about.sentence, about.deployment),
        service: about.service,
    })
}

async fn learned(ctx: &Context, message: &Message) -> Result<Option<Subject>, Error> {
    let Ok(AboutLearning { learning, service: Some(service), .. }) = message.body() else { return Ok(None) };
    let Some(found) = ctx.ports.store.get(&learning_path(ctx.tenant()?, &learning)).await? else {
        return Ok(None);
    };
    let document: Learning = found.body.parse()?;
    if document.impact != "high" {
        return Ok(None);
    }
    let lines = |lines: &[String]| format!("  {}\n", lines.join("\n  "));
    Ok(Some(Subject {
        event: format!("learning {learning}"),
        title: format!("{service}: what we learned from it"),
        text: format!(
            "The next recommendation for a service of class {} changes:\n\n{}\nWhy:\n\n{}\n{}\n",
            document.class,
            lines(&document.updates_generated),
            lines(&document.explanation),
            ctx.config.url("/learnings")
        ),
        service,
    }))
}
