//! The crash walk: whole pipelines, each told once undisturbed, and once for every place at which every process can die.
//!
//! Invariant: wherever that is, the same comes of it: the same ends, and each effect once.

use crate::{
    chance::Chaos,
    people::{Ask, Command, order},
    run::{Death, World},
};
use host::crash::POINTS;
use model::{
    DeploymentId,
    document::{Deployment, Status, Step, Strategy},
    time::{MINUTE_MS, SECOND_MS},
};
use std::collections::{BTreeMap, BTreeSet};
use tests::fake::Nature;

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tale {
    /// A first deployment at once.
    Deploy,
    /// A second one, by way of a canary.
    Canary,
    /// A second one, whose requests fail.
    FailedCanary,
    /// A second one, cancelled while it builds.
    Cancel,
    /// A second one, held for lack of requests while it has a share of the traffic, and cancelled.
    CancelShift,
    /// A second one, rolled back once it is deployed.
    Rollback,
}

const TALES: [Tale; 6] =
    [Tale::Deploy, Tale::Canary, Tale::FailedCanary, Tale::Cancel, Tale::CancelShift, Tale::Rollback];

/// What came of a tale.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    /// How each deployment ended, in the order in which they were asked for.
    ends: Vec<Status>,
    /// What took effect at the target, by sort and step, and how often.
    effects: BTreeMap<String, usize>,
}

/// One tale under way.
struct Teller {
    world: World,
    tale: Tale,
    ids: Vec<DeploymentId>,
}

/// What came of it, and the calls of ports that it took; `None` if nobody died where they should have.
fn tell(tale: Tale, alone: bool, death: Option<Death>) -> Option<(Told, u64)> {
    let world = World::dying(7, Chaos { alone, ..Chaos::default() }, death);
    let mut teller = Teller { world, tale, ids: vec![] };
    teller.deploy(Strategy::Instant, Nature::Good);
    match tale {
        Tale::Deploy => {}
        Tale::FailedCanary => teller.deploy(Strategy::Canary, Nature::Failing),
        Tale::CancelShift => teller.deploy(Strategy::Canary, Nature::Quiet),
        Tale::Canary | Tale::Cancel | Tale::Rollback => teller.deploy(Strategy::Canary, Nature::Good),
    }
    if tale == Tale::Rollback {
        teller.command(Command::Rollback { to: None });
        teller.until(|found| found.status == Status::RolledBack);
    }
    teller.end()
}

impl Teller {
    /// A deployment is asked for and comes to its end; a person does meanwhile what the tale says.
    fn deploy(&mut self, strategy: Strategy, nature: Nature) {
        let mut target = self.world.target.state();
        target.natures.push_back(nature);
        target.builds_take = (strategy == Strategy::Canary && self.tale == Tale::Cancel).then_some(MINUTE_MS);
        drop(target);
        self.world.ask_for(order(strategy, true));
        let known: BTreeSet<DeploymentId> = self.ids.iter().cloned().collect();
        while self.world.deployments.len() == known.len() {
            assert!(self.world.go_on(), "the request was lost");
        }
        let new = self.world.deployments.keys().find(|id| !known.contains(*id)).unwrap().clone();
        self.ids.push(new);
        if strategy == Strategy::Canary {
            match self.tale {
                Tale::Cancel => self.until(|found| found.step == Step::AwaitBuild),
                Tale::CancelShift => self.until(|found| found.canary.held.is_some()),
                Tale::Deploy | Tale::Canary | Tale::FailedCanary | Tale::Rollback => {}
            }
            if matches!(self.tale, Tale::Cancel | Tale::CancelShift) {
                self.command(Command::Cancel);
            }
        }
        self.until(|found| found.status.at_rest());
    }

    fn command(&mut self, command: Command) {
        let about = self.ids.last().unwrap().clone();
        self.world.ask(Ask::Command { about, command });
    }

    /// Goes on until the newest deployment is as wanted, and nobody is at work.
    fn until(&mut self, wanted: impl Fn(&Deployment) -> bool) {
        let id = self.ids.last().unwrap().clone();
        for _ in 0..5_000 {
            if wanted(&self.world.deployments[&id]) {
                return;
            }
            if !self.world.go_on() {
                break;
            }
        }
        self.world.fail("it never comes to where it should");
    }

    fn end(mut self) -> Option<(Told, u64)> {
        while self.world.go_on() {}
        self.world.check_rest();
        if self.world.death.is_some() {
            return None;
        }
        let state = self.world.target.state();
        let mut effects = BTreeMap::new();
        for (key, times) in &state.effects {
            let place = |id: &DeploymentId| {
                key.contains(id.as_str()) || key.contains(&self.world.deployments[id].revision_name())
            };
            let whose = self.ids.iter().position(place);
            let mut sort = key.clone();
            for id in &self.ids {
                sort = sort.replace(&self.world.deployments[id].revision_name(), "").replace(id.as_str(), "");
            }
            *effects.entry(format!("{whose:?} {sort}")).or_default() += times.len();
        }
        let ends = self.ids.iter().map(|id| self.world.deployments[id].status).collect();
        Some((Told { ends, effects }, self.world.calls))
    }
}

impl World {
    /// Whatever is to happen next, happens: whoever is at work goes on, messages come, or time passes. Answers whether
    /// there was anything.
    pub fn go_on(&mut self) -> bool {
        self.advance() || self.deliver() || self.wait(SECOND_MS / 10)
    }
}

fn expected(tale: Tale) -> Vec<Status> {
    let second = match tale {
        Tale::Deploy => return vec![Status::Deployed],
        Tale::Canary => Status::Deployed,
        Tale::FailedCanary | Tale::Rollback => Status::RolledBack,
        Tale::Cancel | Tale::CancelShift => Status::Cancelled,
    };
    vec![Status::Deployed, second]
}

/// A tale, killed at each of these; how often somebody died.
fn walk(tale: Tale, alone: bool, deaths: impl Iterator<Item = Death>) -> u32 {
    let (undisturbed, _) = tell(tale, alone, None).unwrap();
    assert_eq!(undisturbed.ends, expected(tale), "{tale:?}");
    let mut died = 0;
    for death in deaths {
        let Some((told, _)) = tell(tale, alone, Some(death)) else { break };
        assert_eq!(told, undisturbed, "{tale:?}, alone: {alone}, died {death:?}");
        died += 1;
    }
    died
}

#[test]
fn dying_before_any_call_changes_nothing() {
    for tale in TALES {
        let died = walk(tale, true, (1..).map(Death::Before));
        assert!(died > 30, "{tale:?} made only {died} calls");
    }
}

#[test]
fn dying_after_any_call_changes_nothing_where_leases_must_run_out() {
    for tale in TALES {
        let died = walk(tale, false, (1..).map(Death::After));
        assert!(died > 30, "{tale:?} made only {died} calls");
    }
}

#[test]
fn dying_at_any_crash_point_changes_nothing() {
    for point in
        POINTS.into_iter().filter(|point| point.starts_with("register") || point.starts_with("deploy-step"))
    {
        let died: u32 =
            TALES.into_iter().map(|tale| walk(tale, true, (1..).map(|pass| Death::At(point, pass)))).sum();
        assert!(died > 0, "{point} was never reached");
    }
}
