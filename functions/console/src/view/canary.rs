//! A shift of traffic and the evidence it goes by.

use forecast::canary::{Watch, effect, of_counts, power};
use model::document::{Counts, Deployment, Stage, Status, Step, Strategy, Synthetic, Why};
use serde::Serialize;
use utoipa::ToSchema;

/// How far a shift is, and what speaks for and against it.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct CanaryView {
    /// Percent of traffic that the new revision takes, or is about to take.
    pub weight: u32,
    /// Percent of traffic, step by step.
    pub weights: Vec<u32>,
    /// Which of them; a promotion names it.
    pub index: usize,
    /// Windows looked at, at this weight.
    pub windows: u32,
    /// Windows needed before this weight can pass.
    pub bake_windows: u32,
    /// Requests to the new revision at this weight.
    pub requests: u64,
    /// Requests needed before this weight can pass.
    pub min_requests: u32,
    /// Requests and failed ones of both revisions, over the whole shift.
    pub counts: Counts,
    /// What failed on both sides, in words.
    pub words: String,
    /// By how much, with bounds that hold at any time at 95 %; none before it was compared with anything.
    pub effect: Option<String>,
    /// The share of its requests that it fails is at most this, at 95 %, at any time; 1 before anything is known.
    pub rate_at_most: f64,
    /// It fails at least so many times as often as the last good revision; 1 where it may be as good.
    pub ratio_at_least: f64,
    /// It fails at most so many times as often; none where it may be more than any ratio that is tried.
    pub ratio_at_most: Option<f64>,
    /// What the test could have seen by now, in words.
    pub power_words: Option<String>,
    /// The chance that a revision failing `catch_rate` of requests would have been stopped by now.
    pub power: f64,
    /// The share of failing requests that the policy wants found out.
    pub catch_rate: f64,
    /// How long the shift was expected to take at the traffic seen, and what it would catch by then.
    pub outlook: Option<String>,
    /// Evidence that the new revision fails more often: 100 or more takes it back.
    pub e_value: f64,
    /// The smallest false alarm rate at which what was seen would have been an alarm; valid at any time.
    pub p_value: f64,
    /// Evidence that it is slower: 200 or more takes it back.
    pub e_value_latency: f64,
    /// What the last window said.
    pub reason: String,
    /// Why nothing moves until a person or the next deployment says so.
    pub held: Option<String>,
    /// Whether a weight was passed without enough requests to judge.
    pub thin: bool,
    /// What synthetic requests came to, where no others came and the policy asks for them; they are in no other count.
    pub synthetic: Option<Synthetic>,
    /// What set it apart from the last good revision when it was judged: lines that only it wrote, requests that it
    /// answered otherwise; none before.
    pub why: Option<Why>,
    /// `pass`, `fail`, `held` or `inconclusive`.
    pub verdict: String,
}

impl CanaryView {
    /// Of a deployment that has begun to shift, or was judged by synthetic requests; `None` before.
    pub fn of(deployment: &Deployment) -> Option<Self> {
        let run = &deployment.canary;
        let shifts = deployment.stages.iter().any(|time| time.stage == Stage::Shift);
        if !shifts && run.synthetic.is_none() {
            return None;
        }
        let said = Watch::of(deployment).decision(deployment);
        Some(Self {
            weight: weight(deployment),
            weights: weights(deployment),
            index: run.index,
            windows: run.windows,
            bake_windows: deployment.policy.bake_windows,
            requests: run.requests,
            min_requests: deployment.policy.min_requests,
            counts: run.counts,
            words: of_counts(&run.counts),
            effect: effect(&said),
            rate_at_most: said.rate_at_most,
            ratio_at_least: said.ratio_at_least,
            ratio_at_most: said.ratio_at_most,
            power_words: (said.canary_requests > 0).then(|| power(&said)),
            power: said.power,
            catch_rate: said.catch_rate,
            outlook: Some(run.outlook.clone()).filter(|outlook| !outlook.is_empty()),
            e_value: said.e_value,
            p_value: said.p_value,
            e_value_latency: said.e_value_latency,
            reason: run.reason.clone(),
            held: run.held.clone(),
            thin: run.thin,
            synthetic: run.synthetic.clone(),
            why: run.why.clone(),
            verdict: verdict(deployment).to_owned(),
        })
    }
}

/// The steps it goes by: the first revision and other strategies go at once.
fn weights(deployment: &Deployment) -> Vec<u32> {
    if deployment.strategy == Strategy::Canary && deployment.last_good.is_some() {
        deployment.policy.weights.clone()
    } else {
        vec![100]
    }
}

/// Percent of traffic on the new revision, as far as this deployment has brought it.
pub fn weight(deployment: &Deployment) -> u32 {
    match deployment.status {
        Status::Deployed => 100,
        Status::Shifting => weights(deployment).get(deployment.canary.index).copied().unwrap_or(100).min(100),
        Status::Pending
        | Status::SecurityScanning
        | Status::Analyzing
        | Status::Building
        | Status::Deploying
        | Status::Verifying
        | Status::RollingBack
        | Status::SecurityFailed
        | Status::Failed
        | Status::Cancelled
        | Status::Superseded
        | Status::RolledBack => 0,
    }
}

fn verdict(deployment: &Deployment) -> &'static str {
    let failed = deployment.failure.as_ref().is_some_and(|failure| failure.code == "canary_failed");
    if failed {
        "fail"
    } else if deployment.canary.held.is_some() {
        "held"
    } else if deployment.status == Status::Deployed || deployment.step == Step::Retire {
        "pass"
    } else {
        "inconclusive"
    }
}
