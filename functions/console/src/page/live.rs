//! The part of a deployment's page that changes.

use super::{
    chart::{Steps, evidence_x},
    compare::{Compared, comparison},
    link,
    paint::{Run, runs},
    words::{self, Moment},
};
use crate::{read::Whole, view::DeploymentView};
use askama::Template;
use host::page::sentence;
use model::{
    document::{CarriedOutBy, Deployment, Diagnosis, FollowUp, ScanFinding, Stage, Status, Why},
    port::Ports,
    text::visible,
};

const STAGES: [Stage; 6] =
    [Stage::Validate, Stage::Analyze, Stage::Build, Stage::Release, Stage::Verify, Stage::Shift];

/// The part that changes.
#[derive(Template)]
#[template(path = "live.html")]
pub struct Live {
    /// The deployment's id.
    pub id: String,
    service: String,
    environment: String,
    /// The status in a word.
    pub word: &'static str,
    tone: &'static str,
    /// As markup.
    sentence: String,
    progress: u8,
    ours: bool,
    /// Whether it is at rest: then nothing follows.
    pub over: bool,
    stages: Vec<StageItem>,
    failure: Option<Problem>,
    /// Why it failed, in the program's own words.
    why: Option<String>,
    last_words: Vec<LastLine>,
    url: Option<String>,
    canary: Option<Canary>,
    comparison: Vec<Compared>,
    window: Option<String>,
    configuration: Option<String>,
    reasons: Vec<String>,
    buttons: Vec<Button>,
    feedback: Option<String>,
    follow_up: &'static str,
}

/// A line of a log; the one that says why stands out.
struct LastLine {
    runs: Vec<Run>,
    says_why: bool,
}

fn last_words(view: &DeploymentView) -> Vec<LastLine> {
    let why = view.diagnosis.as_ref().map(|found| found.line.as_str());
    let line = |line: &String| LastLine { runs: runs(line), says_why: why == Some(line) };
    view.last_words.iter().map(line).collect()
}

/// What happened, and the facts: it comes below the log.
#[derive(Template)]
#[template(path = "story.html")]
pub struct Story {
    facts: Vec<(&'static str, String)>,
    checks: Vec<String>,
    /// How many findings of the scan there are, and those that count most.
    found: u64,
    findings: Vec<FindingItem>,
    lines: Vec<Line>,
}

struct FindingItem {
    severity: &'static str,
    tone: &'static str,
    what: String,
    place: String,
    allowed: Option<String>,
}

struct StageItem {
    name: &'static str,
    state: &'static str,
    duration: String,
    /// How long it has run, in milliseconds.
    ms: i64,
}

/// What is said of it, as markup.
struct Problem {
    message: String,
    hint: String,
    code: String,
}

struct Canary {
    steps: Steps,
    verdict: &'static str,
    words: String,
    more: Vec<String>,
    e: String,
    e_x: f64,
    p: String,
    over_limit: bool,
    reason: String,
    held: Option<String>,
    /// Where its requests differ, and the lines that only it wrote.
    differs: Vec<String>,
    wrote: Vec<String>,
    windows: Option<String>,
    ours: String,
    last_good_share: Option<String>,
}

struct Line {
    at: Moment,
    status: &'static str,
    tone: &'static str,
    /// As markup.
    text: String,
}

/// A command that the page offers.
pub struct Button {
    /// What it says.
    pub label: &'static str,
    /// Where it posts to.
    pub action: String,
    /// The JSON it posts.
    pub body: String,
    /// What it asks before, if anything.
    pub confirm: &'static str,
    /// `main`, `plain` or `danger`.
    pub look: &'static str,
}

impl Live {
    /// What the browser's tab says.
    pub fn title(&self) -> String {
        format!("{} · {} · Sextant", self.word, self.service)
    }

    /// Of a deployment and all that belongs to it.
    pub fn of(whole: &Whole, view: &DeploymentView) -> Self {
        let deployment = &whole.deployment;
        let ours = deployment.carried_out_by == CarriedOutBy::Sextant;
        Self {
            id: view.deployment_id.clone(),
            service: view.service.clone(),
            environment: view.environment.clone(),
            word: if ours { words::status(deployment.status) } else { "Carried out by the customer" },
            tone: if ours { words::tone(deployment.status) } else { "calm" },
            sentence: deployment
                .timeline
                .last()
                .map_or_else(String::new, |entry| sentence(&visible(&entry.text))),
            progress: view.progress,
            ours,
            over: deployment.status.at_rest(),
            stages: stages(view),
            failure: view.failure.as_ref().map(|failure| Problem {
                message: sentence(&visible(&failure.message)),
                hint: sentence(&visible(Diagnosis::next_or(view.diagnosis.as_ref(), &failure.hint))),
                code: failure.code.clone(),
            }),
            why: view.diagnosis.as_ref().map(|found| visible(&found.sentence()).into_owned()),
            last_words: last_words(view),
            // An address that nobody answers at is no help.
            url: link(
                view.url.as_deref().filter(|_| whole.service.as_ref().is_some_and(|of| of.live().is_some())),
            ),
            canary: canary(view, deployment),
            comparison: comparison(view),
            window: view.metrics.as_ref().map(|seen| {
                format!(
                    "{} requests from {} to {}",
                    words::count(seen.cloud_run.request_count),
                    seen.window_from,
                    seen.window_to
                )
            }),
            configuration: view.configuration.as_ref().map(|c| {
                format!(
                    "{} vCPU, {} MiB, {} requests at once, {} to {} instances, {}",
                    c.vcpu, c.memory_mib, c.concurrency, c.min_instances, c.max_instances, c.region
                )
            }),
            reasons: view.reasons.clone(),
            buttons: buttons(whole),
            feedback: whole.feedback.as_ref().map(said),
            follow_up: match view.status {
                FollowUp::Running | FollowUp::Failed => "",
                FollowUp::PendingFeedback => "Its owner was asked how it fits and hasn't answered yet.",
                FollowUp::FeedbackCollected => "Its owner has said how it fits.",
            },
        }
    }
}

impl Story {
    /// Of a deployment, looked at now.
    pub fn of(whole: &Whole, view: &DeploymentView, ports: &Ports) -> Self {
        Self {
            facts: facts(view),
            checks: view.checks.clone(),
            found: view.scan.as_ref().map_or(0, |scan| scan.found),
            findings: view.scan.iter().flat_map(|scan| &scan.findings).map(FindingItem::of).collect(),
            lines: lines(&whole.deployment, ports),
        }
    }
}

impl FindingItem {
    fn of(finding: &ScanFinding) -> Self {
        Self {
            severity: finding.severity.as_str(),
            tone: if finding.stops && finding.allowed.is_none() { "bad" } else { "" },
            what: finding.what.clone(),
            place: format!("{}:{}", finding.file, finding.line),
            allowed: finding.allowed.clone(),
        }
    }
}

fn said(feedback: &model::document::Feedback) -> String {
    let kind = match feedback.kind {
        model::document::FeedbackKind::PerfectFit => "Fits perfectly",
        model::document::FeedbackKind::OverProvisioned => "Too large",
        model::document::FeedbackKind::UnderProvisioned => "Too small",
    };
    let comments =
        if feedback.comments.is_empty() { String::new() } else { format!(": “{}”", feedback.comments) };
    format!("{kind}, {} of 10{comments}", feedback.satisfaction)
}

fn stages(view: &DeploymentView) -> Vec<StageItem> {
    let over = view.ended_at.is_some();
    let item = |stage: Stage| {
        let ran = view.stages.iter().rfind(|ran| ran.stage == stage);
        let failed = view.failure.as_ref().is_some_and(|failure| failure.stage == stage);
        let state = match ran {
            Some(_) if failed => "failed",
            Some(ran) if ran.ended_at.is_none() && !over => "now",
            Some(_) => "past",
            None => "next",
        };
        let took: i64 = view.stages.iter().filter(|ran| ran.stage == stage).map(|ran| ran.duration_ms).sum();
        let duration = if ran.is_some() { words::duration(took) } else { String::new() };
        StageItem { name: words::stage(stage), state, duration, ms: took }
    };
    STAGES.into_iter().map(item).collect()
}

fn canary(view: &DeploymentView, deployment: &Deployment) -> Option<Canary> {
    let canary = view.canary.as_ref()?;
    let (over, good) = (deployment.status.at_rest(), deployment.status == Status::Deployed);
    let back = deployment.status == Status::RollingBack;
    let share =
        |bad: u64, all: u64| format!("{} of {} requests failed", words::count(bad), words::count(all));
    let counts = &canary.counts;
    Some(Canary {
        steps: Steps::of(canary, over || back, good),
        verdict: match canary.verdict.as_str() {
            "pass" => "passed",
            "fail" => "failed",
            "held" => "held",
            _ if over || back => "ended before it could be judged",
            _ => "not decided yet",
        },
        words: format!("{}.", capitalised(&canary.words)),
        more: [&canary.effect, &canary.power_words, &canary.outlook]
            .into_iter()
            .flatten()
            .chain(canary.synthetic.as_ref().map(|asked| &asked.words))
            .map(|text| sentence(&visible(&format!("{text}."))))
            .collect(),
        e: words::evidence(canary.e_value),
        e_x: evidence_x(canary.e_value),
        p: words::probability(canary.p_value),
        over_limit: canary.e_value >= 100.0,
        reason: canary.reason.clone(),
        held: canary.held.clone(),
        differs: differs(canary.why.as_ref()),
        wrote: canary.why.as_ref().map(Why::lines_in_words).unwrap_or_default(),
        windows: (!over && !back).then(|| {
            format!(
                "{} of at least {} windows, {} of at least {} requests at this weight",
                canary.windows,
                canary.bake_windows,
                words::count(canary.requests),
                canary.min_requests
            )
        }),
        ours: share(counts.canary_bad, counts.canary_requests),
        last_good_share: deployment
            .last_good
            .as_ref()
            .map(|_| share(counts.stable_bad, counts.stable_requests)),
    })
}

/// What was asked has names that others chose.
fn differs(why: Option<&Why>) -> Vec<String> {
    let words = why.map(Why::paths_in_words).unwrap_or_default();
    words.iter().map(|words| sentence(&visible(words))).collect()
}

/// A sentence begins with it.
fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// What was changed, by whom, and whether there is more in it than was committed.
pub fn change(origin: &model::port::source::Origin) -> Option<String> {
    let message = origin.message.clone()?;
    let author = origin.author.as_ref().map(|author| format!(", by {author}")).unwrap_or_default();
    let more = if origin.dirty { ", and changes that are not committed" } else { "" };
    Some(format!("{message}{author}{more}"))
}

/// Whether its own revision may still answer: while it is put to work, and as long as it is kept.
fn answers(view: &DeploymentView) -> bool {
    view.ended_at.is_none() || view.kept.iter().any(|kept| kept.deployment_id == view.deployment_id)
}

fn facts(view: &DeploymentView) -> Vec<(&'static str, String)> {
    use model::port::source::SourceRef;
    let source = view.source.as_ref().map(|source| match source {
        SourceRef::Folder { path } => path.clone(),
        SourceRef::Git { url, branch: Some(branch), .. } => format!("{url}, branch {branch}"),
        SourceRef::Git { url, .. } => url.clone(),
        SourceRef::Archive { name, .. } => {
            format!("{}, uploaded", name.as_deref().unwrap_or("a folder"))
        }
    });
    let took = view.duration_ms.map(words::duration);
    let strategy =
        serde_json::to_value(view.strategy).ok().and_then(|value| Some(value.as_str()?.to_owned()));
    [
        ("Took", took),
        ("Source", source),
        ("Commit", view.commit.clone()),
        ("Change", view.archive.as_ref().and_then(|manifest| change(&manifest.origin))),
        ("Strategy", strategy.filter(|_| view.carried_out_by == CarriedOutBy::Sextant)),
        ("Revision", view.revision.clone()),
        ("Its own address", view.revision_url.clone().filter(|_| answers(view))),
        ("Runs on", Some(view.target.clone())),
        ("Asked for by", Some(view.requested_by.clone())),
        ("Decision", view.decision_id.clone()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn lines(deployment: &Deployment, ports: &Ports) -> Vec<Line> {
    let real = ports.clock.real();
    let line = |entry: &model::document::Entry| Line {
        at: Moment::of(entry.at, real),
        status: words::status(entry.status),
        tone: words::tone(entry.status),
        text: sentence(&visible(&entry.text)),
    };
    deployment.timeline.iter().rev().map(line).collect()
}

/// What can be asked of a deployment as it stands. Whether it is done is for the API to say.
fn buttons(whole: &Whole) -> Vec<Button> {
    let deployment = &whole.deployment;
    if deployment.carried_out_by == CarriedOutBy::Customer {
        return vec![];
    }
    let seq = deployment.seq;
    let button = |label, verb: &str, body: String, confirm, look| Button {
        label,
        action: format!("/api/v1/deployments/{}/{verb}", deployment.id),
        body,
        confirm,
        look,
    };
    let plain = format!("{{\"seq\":{seq}}}");
    let cancel = button(
        "Cancel",
        "cancel",
        plain.clone(),
        "Cancel this deployment? Traffic stays on, or goes back to, the last good revision.",
        "danger",
    );
    match deployment.status {
        Status::Pending
        | Status::SecurityScanning
        | Status::Analyzing
        | Status::Building
        | Status::Deploying
        | Status::Verifying => vec![cancel],
        Status::Shifting => {
            let index = deployment.canary.index;
            let promote = format!("{{\"index\":{index},\"seq\":{seq}}}");
            let mut all = vec![button(
                "Go on to the next weight",
                "promote",
                promote,
                "Go on without waiting for the evidence? What it would have shown at this weight stays unknown.",
                "plain",
            )];
            if deployment.canary.held.is_some() {
                all.insert(0, button("Go on by the evidence", "resume", plain.clone(), "", "main"));
            } else if deployment.is_watched() {
                all.push(button("Pause", "pause", plain.clone(), "", "plain"));
            }
            all.push(button(
                "Roll back",
                "rollback",
                plain,
                "Bring all traffic back to the last good revision?",
                "danger",
            ));
            all
        }
        Status::Deployed if serves(whole) => {
            vec![button(
                "Roll back",
                "rollback",
                plain,
                "Bring all traffic back to the revision before?",
                "danger",
            )]
        }
        Status::Deployed | Status::Failed | Status::Cancelled | Status::Superseded | Status::RolledBack
            if deployment.archive.is_some() =>
        {
            let label = match deployment.status {
                Status::RolledBack if deployment.failure.is_none() => "Undo the rollback",
                _ => "Put to work again",
            };
            vec![button(
                label,
                "redeploy",
                "{}".to_owned(),
                "Deploy this again? It isn't built again where what was built is still there.",
                "plain",
            )]
        }
        Status::Deployed
        | Status::RollingBack
        | Status::SecurityFailed
        | Status::Failed
        | Status::Cancelled
        | Status::Superseded
        | Status::RolledBack => vec![],
    }
}

/// Whether it serves, and there is an earlier revision to go back to.
fn serves(whole: &Whole) -> bool {
    let id = &whole.deployment.id;
    whole.service.as_ref().is_some_and(|service| {
        service.slot.serving.as_ref().is_some_and(|serving| serving.deployment == *id)
            && service.slot.kept.iter().any(|kept| kept.deployment != *id)
    })
}
