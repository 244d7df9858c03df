//! What random worlds reach only rarely, told by hand.

use crate::{
    chance::Chaos,
    gate::{Fate, Lasts},
    people::{Ask, Command, order},
    run::{START, World, shop},
};
use model::{
    DeploymentId,
    document::{Deployment, Status, Step, Strategy},
};

struct Story {
    world: World,
    ids: Vec<DeploymentId>,
}

impl Story {
    /// A service with so many deployments, each of which served.
    fn deployed(times: usize) -> Self {
        let mut story = Self { world: World::new(START.0 as u64, Chaos::default()), ids: vec![] };
        for _ in 0..times {
            story.deploy(Strategy::Instant, |found| found.status == Status::Deployed);
            story.rest();
        }
        story
    }

    /// One more is asked for, and goes on until it is as wanted.
    fn deploy(&mut self, strategy: Strategy, wanted: impl Fn(&Deployment) -> bool) {
        self.world.ask_for(order(strategy, false));
        loop {
            let new = |id: &&DeploymentId| !self.ids.contains(id);
            let id = self.world.deployments.keys().find(new).cloned();
            if let Some(id) = id.filter(|id| wanted(&self.world.deployments[id])) {
                return self.ids.push(id);
            }
            assert!(self.world.go_on(), "it never comes to where it should");
        }
    }

    fn rest(&mut self) {
        while self.world.go_on() {}
        self.world.check_rest();
    }

    /// Goes on until a deployment is as wanted.
    fn go_on_until(&mut self, n: usize, wanted: impl Fn(&Deployment) -> bool) {
        while !wanted(self.deployment(n)) {
            assert!(self.world.go_on(), "it never comes to where it should");
        }
    }

    fn command(&mut self, n: usize, command: Command) {
        self.world.ask(Ask::Command { about: self.ids[n].clone(), command });
        self.rest();
    }

    fn deployment(&self, n: usize) -> &Deployment {
        &self.world.deployments[&self.ids[n]]
    }
}

#[test]
fn a_second_way_back_is_not_answered_with_what_the_first_came_to() {
    let mut story = Story::deployed(2);
    // The first one takes effect, and its answer is lost for good.
    story.world.fates.push(("start_traffic", Fate::AnswerLost(Lasts::ForGood)));
    story.command(1, Command::Rollback { to: None });
    assert_eq!(story.deployment(1).status, Status::Deployed);
    story.command(1, Command::Rollback { to: None });
    assert_eq!(story.deployment(1).status, Status::RolledBack);
}

#[test]
fn whoever_moves_traffic_while_the_last_weight_is_watched_has_the_last_word() {
    let mut story = Story::deployed(1);
    story.deploy(Strategy::Quick, |found| found.step == Step::Watch);
    let first = story.deployment(0).revision_name();
    story.world.target.give(&shop(), &first);
    story.rest();
    assert_eq!(
        story.deployment(1).failure.as_ref().map(|failure| failure.code.as_str()),
        Some("traffic_changed")
    );
    let service = story.world.service().unwrap();
    assert_eq!(service.slot.serving.map(|kept| kept.revision), Some(first));
}

#[test]
fn a_way_back_that_the_target_could_not_do_is_done_anew() {
    let mut story = Story::deployed(2);
    story.world.target.state().fails = 2;
    story.command(1, Command::Rollback { to: None });
    assert_eq!(story.deployment(1).status, Status::RolledBack);
}

#[test]
fn whoever_was_late_with_a_way_back_leaves_what_came_since_alone() {
    let mut story = Story::deployed(1);
    story.deploy(Strategy::Quick, |found| found.step == Step::Watch);
    story.world.fates.push(("start_traffic", Fate::Fails(Lasts::Passing)));
    story.world.ask(Ask::Command { about: story.ids[1].clone(), command: Command::Cancel });
    story.go_on_until(1, |found| found.tries > 0);
    story.go_on_until(1, |found| found.lease.is_some());
    // A worker stands still before it has read the traffic; a person loses patience, and deploys anew.
    story.world.hold("traffic");
    story.world.ask(Ask::Command { about: story.ids[1].clone(), command: Command::LetGo });
    story.go_on_until(1, |found| found.status.at_rest());
    story.deploy(Strategy::Instant, |found| found.status == Status::Deployed);
    let serves = story.world.target.state().effects.len();
    story.world.release();
    while story.world.go_on() {}
    assert_eq!(story.world.target.state().effects.len(), serves, "it did something all the same");
}
