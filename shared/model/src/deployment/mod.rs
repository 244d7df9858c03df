//! The deployment state machine: `decide(state, input, at)` is pure and total.
//!
//! Every status has an answer of its own to every input, late and duplicate ones too. What it answers is one
//! transition: the new document (with messages, timeline and due time in it) and at most one effect. The
//! handler commits the document at the version it read, performs the effect, and comes back with the outcome.
//! On a conflict it reads again and decides again with the same input.
//!
//! What is owed: before it decides, the handler publishes what the outbox holds (but for what just arrived) and
//! drops it from the document it decides on; what the new document owes is published after the commit. At rest,
//! a wake with an empty outbox clears the due time.
//!
//! What is under way ends first: a command that takes a deployment back while somebody performs an effect waits
//! for that effect's result, or for the end of its lease. Traffic is fenced by tokens beyond that; a revision that
//! comes up later still is discarded.

mod accept;
mod again;
mod await_target;
mod batch;
mod build;
mod decide;
mod enter;
mod late;
mod restore;
mod retry;
mod scan;
mod shift;
mod slot;
mod verify;
mod window;

pub use accept::{Request, accept};
pub use batch::{BatchError, batch};
pub use decide::decide;
pub use restore::RESTORE_REFUSED;
pub use shift::MOST_UNREADABLE;
pub use slot::{Claim, claim, settle};

use crate::{
    DecisionId, Timestamp,
    document::{Counts, Deployment, Failure, Kept, Scan, Scanning, Step, Synthetic},
    port::{
        source::Archived,
        target::{BuildState, Gone, Plan, Probe, Released, Traffic, TrafficToken, Window, WindowPolicy},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The moment of a decision, and who makes it.
#[derive(Clone, Debug)]
pub struct At<'a> {
    /// By the clock of timers.
    pub now: Timestamp,
    /// As time really passes.
    pub real: Timestamp,
    /// The process that decides; leases are taken in its name.
    pub owner: &'a str,
    /// Whether every other owner is known to be dead: the store belongs to this process alone.
    pub alone: bool,
    /// Whether the caller can perform an effect right after the commit; else the next step is left to a message.
    pub can_act: bool,
    /// When windows of the target can be read.
    pub window: WindowPolicy,
}

/// What may happen to a deployment.
#[derive(Clone, Debug)]
pub enum Input {
    /// A message, a timer or the sweep says that something may be due.
    Wake,
    /// The service is free for this deployment. Carries what serves now.
    Granted {
        /// The revision that serves and is returned to.
        last_good: Option<Kept>,
    },
    /// An effect of this step and attempt came to something.
    Result {
        /// The step it was performed for.
        step: Step,
        /// The attempt its key was derived from.
        attempt: u32,
        /// What came of it.
        outcome: Outcome,
    },
    /// A person wants it ended.
    Cancel,
    /// A newer deployment of the service has come.
    Supersede,
    /// A person or a policy wants traffic back on an earlier revision; the last good one if none is named.
    Rollback {
        /// The revision that takes all traffic again.
        to: Option<Kept>,
    },
    /// A person vouches for the weight with this index: go to the next.
    Promote {
        /// The index they saw.
        index: usize,
    },
    /// A person wants no further weight for now.
    Pause,
    /// A person lets the evidence decide again.
    Resume,
    /// A person has a way back given up that doesn't succeed: whatever serves goes on serving.
    LetGo,
}

/// What an effect came to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The source is here and nothing speaks against it.
    Scanned {
        /// The archive that it was packed into.
        archive: Box<Archived>,
        /// What was found in it.
        scan: Box<Scan>,
        /// What was checked, for the report.
        checks: Vec<String>,
    },
    /// The source is here, and part of it was looked at: the rest comes with the same effect again, at once.
    Scanning {
        /// The archive that it was packed into.
        archive: Box<Archived>,
        /// How far it has come.
        scanning: Box<Scanning>,
    },
    /// Something in it must not be deployed.
    Rejected {
        /// What must not be deployed, where it is, and what to do.
        failure: Failure,
        /// The archive it is in.
        archive: Box<Archived>,
        /// What was found in it.
        scan: Box<Scan>,
    },
    /// We know what it is; the decision is part of the same commit.
    Analyzed {
        /// How it is built and run.
        plan: Box<Plan>,
        /// What was recommended and predicted.
        decision: DecisionId,
        /// One sentence on what it is.
        summary: String,
        /// What is to be known of it, for the report.
        checks: Vec<String>,
    },
    /// The build is under way.
    BuildStarted,
    /// How the build stands.
    BuildRead(BuildState),
    /// The release is under way.
    ReleasePending {
        /// What it waits for.
        why: String,
    },
    /// The target knows nothing of the release that was started.
    ReleaseUnknown,
    /// The revision exists and takes no traffic, or is closed.
    Released {
        /// The revision and its addresses.
        released: Released,
        /// The traffic as it is now.
        traffic: TrafficToken,
    },
    /// What the probe saw, and what came before the release.
    Probed {
        /// What its health path answered.
        probe: Probe,
        /// What the last good revision had to do lately; none where that isn't known, or doesn't matter yet.
        before: Option<Before>,
    },
    /// People are let in to the first revision.
    Opened(Traffic),
    /// The change of traffic, or the way back, is under way.
    TrafficPending {
        /// What it waits for.
        why: String,
    },
    /// The target knows nothing of the change of traffic that was started.
    TrafficUnknown,
    /// These weights serve.
    TrafficSet(Traffic),
    /// Somebody else changed traffic; these weights serve.
    TrafficMoved(Traffic),
    /// A closed window was read.
    WindowSeen(WindowSeen),
    /// Revisions that nobody needs are stopped.
    Retired,
    /// Traffic is back where it was.
    Restored(Traffic),
    /// Nothing was done yet: it waits for its turn, or goes on. The same effect again, soon.
    Waits {
        /// For what, one sentence.
        reason: String,
    },
    /// It failed; whether in passing or for good, the fault says.
    Fault(Fault),
}

/// A failed effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whether the same may work later.
    pub transient: bool,
    /// What failed, machine-readable.
    pub code: String,
    /// What happened, to what.
    pub message: String,
    /// What to do next.
    pub hint: String,
    /// What the target no longer has, if that is why.
    pub gone: Option<Gone>,
}

/// What the evidence says so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Enough was seen, and it is good.
    Pass,
    /// It is worse.
    Fail,
    /// Not enough was seen.
    Inconclusive,
    /// Nothing could be read.
    Error,
}

/// What the last good revision had to do before a shift, and what is to be expected of the shift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// Requests to it.
    pub requests: u64,
    /// In so many milliseconds.
    pub span_ms: i64,
    /// Whether all of them were counted: a target that was ended abruptly may have forgotten the last ones.
    pub counted: bool,
    /// How long the shift takes at that traffic, and what it would catch by then: one sentence.
    pub outlook: String,
    /// What requests of our own came to, where no others came and the policy asks for them.
    pub asked: Option<Asked>,
}

/// What requests of our own say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Pass: it may take all traffic. Fail: take it back. Anything else: that isn't clear enough.
    pub verdict: Verdict,
    /// What they came to.
    pub evidence: Synthetic,
}

/// A closed window and what the sequential test says after it.
#[derive(Clone, Debug)]
pub struct WindowSeen {
    /// The window of time that was read.
    pub window: Window,
    /// Requests of both sides in it, and the bad ones among them.
    pub counts: Counts,
    /// What the test says.
    pub verdict: Verdict,
    /// Why, one sentence with its numbers.
    pub reason: String,
    /// The test's new state, opaque.
    pub test: Value,
    /// A reason to take it back whatever the test says: a crash loop, a failing probe, a burst of errors.
    pub guard: Option<String>,
    /// What speaks against it besides failed requests, and too little to take it back: it takes longer, or it died once.
    pub against: Option<String>,
    /// Whether the revision's own address answered, where that was asked.
    pub probe: Option<bool>,
    /// What requests of our own came to, where those were sent instead.
    pub asked: Option<Asked>,
    /// Whether nobody has asked anything of either side for so long that traffic must have stopped.
    pub idle: bool,
}

/// What is to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Fetch and check the source.
    Scan,
    /// Find out what it is, predict, and write the decision.
    Analyze,
    /// Start the build of key [`Deployment::build_key`].
    StartBuild,
    /// Read how that build stands.
    ReadBuild,
    /// Start to create the revision [`Deployment::revision_name`], and look at it once.
    Release,
    /// Read how that release stands.
    ReadRelease,
    /// Probe it, for a while.
    Probe,
    /// Let people in to the first revision.
    Open,
    /// Start to set these weights, expecting the token in the document, under key [`Deployment::effect_key`], and look
    /// at it once.
    SetTraffic(BTreeMap<String, u32>),
    /// Read how that change of traffic stands.
    ReadTraffic(BTreeMap<String, u32>),
    /// Read this window.
    ReadWindow(Window),
    /// Stop every revision of the service but this one.
    Retire {
        /// The one that serves.
        keep: String,
    },
    /// End the builds ([`Deployment::build_keys`]), start to bring traffic back to `last_good` (or to none), and go on
    /// as `ReadRestore` does. Traffic is set even where it is right already: only a new token fences off a late
    /// `SetTraffic`.
    Restore,
    /// Read how the way back stands; once traffic is back, stop our revision.
    ReadRestore,
    /// Stop this revision unless it takes traffic: it came up after nobody wanted it any more. What comes of it
    /// changes nothing, so its result need not be told.
    Discard {
        /// The revision that nobody wants any more.
        revision: String,
    },
}

/// What the caller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The document changed.
    Applied,
    /// There is nothing to do, or it was done before.
    Unchanged,
    /// Not before this, by the clock of timers; nothing was written.
    Wait(Timestamp),
    /// A command that makes no sense here; says why.
    Refused(String),
}

/// What must become of the service's document in the same commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slot {
    /// It stays as it is.
    Stays,
    /// This deployment takes it; refused if another one runs.
    Take,
    /// It is free again for the queued one; what serves is as it was.
    Free,
    /// It is free again, and the target confirmed that traffic is on the deployment's `last_good`, or on nothing.
    Back,
    /// It is free again, and this revision serves now.
    Serve(Kept),
    /// It is free again, and the target has lost something of it.
    Lost(Gone),
}

/// One decision: what becomes of the document, and what is done next.
#[derive(Clone, Debug)]
pub struct Transition {
    /// What the caller is told.
    pub answer: Answer,
    /// The document to commit at the version that was read; `None` when nothing changes.
    pub next: Option<Box<Deployment>>,
    /// What to do after the commit.
    pub effect: Option<Effect>,
    /// What becomes of the service.
    pub slot: Slot,
}
