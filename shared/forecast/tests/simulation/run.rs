//! One deployment through the state machine and the test that deployments use, under the policy as shipped.

use super::{random::Random, scene::Scene};
use forecast::canary::Watch;
use model::{
    DeploymentId, ServiceName, TenantId, Timestamp,
    deployment::{At, Input, Outcome, Request, accept, decide},
    document::{
        CanaryPolicy, CarriedOutBy, Deployment, Kept, Limits, RunOptions, ScanPolicy, Status, Step, Strategy,
        VariableVersions,
    },
    port::target::{Probe, Released, RevisionWindow, Traffic, TrafficToken, Window, WindowPolicy},
};
use std::collections::BTreeMap;

const START: Timestamp = Timestamp(1_800_000_000_000);
/// Nothing may go on for longer than this.
const MOST_WINDOWS: i64 = 1_000;

/// What became of the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Failed and taken back.
    TakenBack,
    /// Waits for a person.
    Held,
    /// All traffic, by itself.
    Promoted,
}

/// How one run ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// What became of it.
    pub end: End,
    /// Windows looked at until then.
    pub windows: i64,
}

/// One run of this scene.
pub fn run(scene: &Scene, policy: &CanaryPolicy, place: WindowPolicy, random: &mut Random) -> Ended {
    Run::new(policy, place).until_its_end(scene, random)
}

struct Run {
    document: Deployment,
    real: Timestamp,
    place: WindowPolicy,
    windows: i64,
}

impl Run {
    fn new(policy: &CanaryPolicy, place: WindowPolicy) -> Self {
        let mut run = Self { document: document(policy, place), real: START, place, windows: 0 };
        run.document.step = Step::Verify;
        run.document.status = Status::Verifying;
        run.document.released = Some(Released {
            revision: run.document.revision_name(),
            url: "http://shop.localhost".to_owned(),
            revision_url: "http://r7.shop.localhost".to_owned(),
            closed: false,
        });
        run
    }

    fn until_its_end(mut self, scene: &Scene, random: &mut Random) -> Ended {
        let day = scene.day(random);
        let history: Vec<RevisionWindow> =
            (-scene.history..0).map(|at| scene.window(day, at, 0, random).1).collect();
        loop {
            match self.document.step {
                Step::Verify => self.probed(),
                Step::SetTraffic | Step::AwaitTraffic => {
                    let traffic = self.traffic();
                    self.came_to(Outcome::TrafficSet(traffic));
                }
                Step::Watch if self.document.canary.held.is_some() || self.windows >= MOST_WINDOWS => {
                    return self.ended(End::Held);
                }
                Step::Watch => {
                    let (ours, good) = scene.window(day, self.windows, self.weight(), random);
                    self.watch(&history, &ours, &good);
                }
                Step::Retire => return self.ended(End::Promoted),
                Step::Restore => return self.ended(End::TakenBack),
                step => panic!("a canary doesn't come to {step:?}: {:?}", self.document.timeline),
            }
        }
    }

    fn ended(&self, end: End) -> Ended {
        Ended { end, windows: self.windows }
    }

    fn probed(&mut self) {
        let probe = Probe { healthy: true, detail: "GET / answered 200".to_owned(), ..Probe::default() };
        self.came_to(Outcome::Probed { probe, before: None });
    }

    fn watch(&mut self, history: &[RevisionWindow], ours: &RevisionWindow, good: &RevisionWindow) {
        let length = self.place.shortest_ms;
        let from = self.document.canary.seen_to;
        let window = Window { from, to: from.plus(length) };
        self.real = window.to.plus(self.place.lag_ms);
        self.windows += 1;
        let mut watch = Watch::of(&self.document);
        if self.document.canary.test.is_null() {
            for before in history {
                watch.learn(before);
            }
        }
        let mut said = watch.see(&self.document, window, length, ours, good);
        said.seen.probe = said.ask_probe.then_some(true);
        self.came_to(Outcome::WindowSeen(said.seen));
    }

    fn came_to(&mut self, outcome: Outcome) {
        let at = At {
            now: self.real,
            real: self.real,
            owner: "simulation",
            alone: false,
            can_act: true,
            window: self.place,
        };
        let (step, attempt) = (self.document.step, self.document.attempt);
        let transition = decide(&self.document, Input::Result { step, attempt, outcome }, &at);
        if let Some(next) = transition.next {
            self.document = *next;
            self.document.outbox.clear();
            self.document.timeline.clear();
        }
    }

    fn weight(&self) -> u32 {
        self.document.policy.weights.get(self.document.canary.index).copied().unwrap_or(100)
    }

    fn traffic(&self) -> Traffic {
        let weight = self.weight();
        let good = self.document.last_good.as_ref().map(|good| good.revision.clone());
        let weights: BTreeMap<String, u32> = [(self.document.revision_name(), weight)]
            .into_iter()
            .chain(good.map(|good| (good, 100 - weight)))
            .filter(|(_, share)| *share > 0)
            .collect();
        Traffic { token: TrafficToken("t".to_owned()), weights, closed: false }
    }
}

fn document(policy: &CanaryPolicy, place: WindowPolicy) -> Deployment {
    let id = |n: u32| DeploymentId::new(format!("dep_{n}")).expect("an id");
    let kept = Kept {
        revision: "shop-r1".to_owned(),
        deployment: id(1),
        decision: None,
        commit: None,
        since: START,
    };
    let request = Request {
        id: id(7),
        tenant: TenantId::new("acme").expect("a tenant"),
        service: ServiceName::new("shop").expect("a service"),
        environment: "production".to_owned(),
        carried_out_by: CarriedOutBy::Sextant,
        requested_by: "ada".to_owned(),
        source: None,
        source_token: None,
        strategy: Strategy::Canary,
        policy: policy.clone(),
        limits: Limits::default(),
        allow: vec![],
        scan: ScanPolicy::default(),
        run: RunOptions::default(),
        may_lack: false,
        variables: BTreeMap::new(),
        secrets: BTreeMap::new(),
        versions: VariableVersions::default(),
        again: None,
    };
    let at = At { now: START, real: START, owner: "simulation", alone: false, can_act: true, window: place };
    accept(request, true, Some(kept), &at)
}
