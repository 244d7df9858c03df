//! Performing effects: one file each. Each comes back with an outcome; none decides anything.
//!
//! Invariant: an effect is keyed by (deployment, step, attempt), so performing it again finds what the first time
//! did. A failure is an outcome too: whether it passes or lasts is the port's word, never guessed from text.

mod analyze;
mod build;
mod findings;
mod fits;
mod follow;
mod last_words;
mod lately;
mod release;
mod restore;
mod scan;
mod synthetic;
mod traffic;
mod verify;
mod watch;
mod why;

use host::{Context, Error};
use model::{
    deployment::{Effect, Fault, Outcome},
    document::{Deployment, Stage, Why},
    port::{
        PortError,
        store::{StoreError, Write},
        target::{BuildState, TargetError},
    },
};

#[cfg(test)]
pub use scan::secret_context as sealed_for;

/// What came of an effect, and what else belongs into the commit that records it.
pub struct Performed {
    /// What came of it.
    pub outcome: Outcome,
    /// Documents of other aggregates, such as the decision.
    pub writes: Vec<Write>,
    /// What failed wrote last, where something did.
    pub last_words: Option<Vec<String>>,
    /// What sets the new revision apart, where a verdict falls.
    pub why: Option<Why>,
}

impl Performed {
    /// Puts into the document what goes along with whatever the outcome leads to: nothing is decided on it.
    pub fn note(&self, deployment: &mut Deployment) {
        if let Some(words) = &self.last_words {
            deployment.last_words.clone_from(words);
            // A release that was weighed and found too bad may have written nothing of that; only an error that ended it
            // is told as the reason.
            let weighed = deployment.failure.as_ref().is_some_and(|failure| failure.stage == Stage::Shift);
            let read = if weighed { inspect::diagnose::crash } else { inspect::diagnose::diagnose };
            deployment.diagnosis = read(words);
        }
        if let Some(why) = &self.why {
            let known = deployment.canary.why.take();
            deployment.canary.why = Some(why.clone().or(known));
        }
    }
}

impl From<Outcome> for Performed {
    fn from(outcome: Outcome) -> Self {
        let last_words = match &outcome {
            Outcome::BuildRead(BuildState::Failed { tail, .. }) => last_words::bounded(tail.clone()),
            _ => None,
        };
        Self { outcome, writes: vec![], last_words, why: None }
    }
}

/// Performs one effect of this deployment.
pub async fn perform(ctx: &Context, deployment: &Deployment, effect: Effect) -> Performed {
    let (point, result) = match effect {
        Effect::Scan => ("deploy-step.after-scan", scan::scan(ctx, deployment).await.map(Performed::from)),
        Effect::Analyze => ("deploy-step.after-analyze", analyze::analyze(ctx, deployment).await),
        Effect::StartBuild => {
            ("deploy-step.after-start-build", build::start(ctx, deployment).await.map(Performed::from))
        }
        Effect::ReadBuild => return or_fault(build::read(ctx, deployment).await.map(Performed::from)),
        Effect::Release => {
            ("deploy-step.after-release", release::release(ctx, deployment).await.map(Performed::from))
        }
        Effect::ReadRelease => return or_fault(release::read(ctx, deployment).await.map(Performed::from)),
        Effect::Probe => return or_fault(verify::probe(ctx, deployment).await.map(Performed::from)),
        Effect::Open => return or_fault(traffic::open(ctx, deployment).await.map(Performed::from)),
        Effect::ReadTraffic(weights) => {
            return or_fault(traffic::read(ctx, deployment, &weights).await.map(Performed::from));
        }
        Effect::SetTraffic(weights) => (
            "deploy-step.after-set-traffic",
            traffic::set(ctx, deployment, &weights).await.map(Performed::from),
        ),
        Effect::ReadWindow(window) => {
            return or_fault(watch::read(ctx, deployment, window).await);
        }
        Effect::Retire { keep } => {
            let why = why::of_success(ctx, deployment).await;
            let retired = traffic::retire(ctx, deployment, &keep).await;
            ("deploy-step.after-retire", retired.map(|outcome| Performed { why, ..Performed::from(outcome) }))
        }
        Effect::ReadRestore => {
            let told = told_by_failure(ctx, deployment).await;
            return or_fault(restore::read(ctx, deployment).await.map(told));
        }
        // The driver performs it: nothing comes of it that could be told.
        Effect::Discard { .. } => return Outcome::Retired.into(),
        Effect::Restore => {
            let told = told_by_failure(ctx, deployment).await;
            ("deploy-step.after-restore", restore::restore(ctx, deployment).await.map(told))
        }
    };
    ctx.crash_point(point);
    or_fault(result)
}

/// What is known of a failure before its revision is taken away: it goes along with the outcome.
async fn told_by_failure(ctx: &Context, deployment: &Deployment) -> impl FnOnce(Outcome) -> Performed {
    let (last_words, why) =
        tokio::join!(last_words::of_revision(ctx, deployment), why::of_failure(ctx, deployment));
    move |outcome| Performed { last_words, why, ..Performed::from(outcome) }
}

fn or_fault(result: Result<Performed, Failed>) -> Performed {
    result.unwrap_or_else(|failed| {
        let outcome = match failed {
            Failed::Fault(fault) => Outcome::Fault(fault),
            Failed::Waits(reason) => Outcome::Waits { reason },
        };
        outcome.into()
    })
}

/// Why an effect came to nothing, on its way out.
pub enum Failed {
    /// It failed; whether in passing or for good, the fault says.
    Fault(Fault),
    /// It waits for its turn.
    Waits(String),
}

impl Failed {
    /// A lasting fault with a sentence on what to do.
    pub fn lasting(code: &str, message: impl Into<String>, hint: &str) -> Self {
        Self::Fault(Fault {
            transient: false,
            code: code.to_owned(),
            message: message.into(),
            hint: hint.to_owned(),
            gone: None,
        })
    }

    /// A fault that may pass by itself.
    pub fn passing(code: &str, message: impl Into<String>) -> Self {
        fault(true, code, message.into())
    }

    /// The same fault under another code and hint.
    pub fn named(mut self, code: &str, hint: &str) -> Self {
        if let Self::Fault(fault) = &mut self {
            (fault.code, fault.hint) = (code.to_owned(), hint.to_owned());
        }
        self
    }
}

fn fault(transient: bool, code: &str, message: String) -> Failed {
    let hint = if transient {
        "It may pass by itself; if not, look at the target."
    } else {
        "Mend that, then deploy again."
    };
    Failed::Fault(Fault { transient, code: code.to_owned(), message, hint: hint.to_owned(), gone: None })
}

impl From<PortError> for Failed {
    fn from(error: PortError) -> Self {
        fault(error.is_transient(), "port_failed", error.to_string())
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        fault(error.is_transient(), "store_failed", error.to_string())
    }
}

impl From<TargetError> for Failed {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::Stale { .. } => fault(true, "traffic_changed", error.to_string()),
            TargetError::Gone { what, text } => {
                let mut lost = fault(false, "target_lost", text);
                if let Failed::Fault(fault) = &mut lost {
                    fault.gone = Some(what);
                }
                lost
            }
            TargetError::Port(error) => error.into(),
        }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        fault(error.is_transient(), error.slug_text(), error.detail().to_owned())
    }
}
