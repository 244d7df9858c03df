//! Whatever happens to whoever handles messages, each message that a commit owed is published within two sweeps, and
//! nobody owes anything after that.

use crate::{
    leftovers::{action, answered},
    mortal::{Death, Ledger, Life, MortalBroker, MortalStore, Topics},
    world::{World, deliver, observed, schedule},
};
use host::testing::{START, sample};
use model::{
    message::{Action, Message},
    port::Ports,
    time::{DAY_MS, MINUTE_MS},
};
use proptest::prelude::*;
use std::sync::Arc;

/// What is handled: by which function, which message of that function's, how.
#[derive(Clone, Debug)]
enum Step {
    /// A message comes, again or for the first time.
    Comes { message: prop::sample::Index, death: Option<Death>, topics: Topics },
    /// A minute passes, and with it the sweep.
    Minute { death: Option<Death>, topics: Topics },
}

fn step() -> impl Strategy<Value = Step> {
    let death = || {
        let death = (0_u32..16, any::<bool>());
        prop::option::weighted(0.6, death.prop_map(|(calls, answer_lost)| Death { calls, answer_lost }))
    };
    let topics = || prop_oneof![Just(Topics::Reached), Just(Topics::OutOfReach), Just(Topics::Halfway)];
    prop_oneof![
        4 => (any::<prop::sample::Index>(), death(), topics())
            .prop_map(|(message, death, topics)| Step::Comes { message, death, topics }),
        1 => (death(), topics()).prop_map(|(death, topics)| Step::Minute { death, topics }),
    ]
}

/// A world and what was owed in it so far.
struct Tale {
    world: World,
    ledger: Arc<Ledger>,
}

impl Tale {
    fn ports(&self, death: Option<Death>, topics: Topics) -> Arc<Ports> {
        let outside = self.world.outside.ports();
        let life = Life::new(death, topics);
        Arc::new(Ports {
            store: Arc::new(MortalStore {
                inner: outside.store.clone(),
                life: life.clone(),
                ledger: self.ledger.clone(),
            }),
            broker: Arc::new(MortalBroker { inner: outside.broker.clone(), life }),
            ..(*outside).clone()
        })
    }

    async fn happens(&self, function: &str, messages: &[Message], step: &Step) {
        match step {
            Step::Comes { message, death, topics } => {
                let runner = self.world.runner(self.ports(*death, *topics));
                deliver(&runner, function, message.get(messages)).await;
            }
            Step::Minute { death, topics } => {
                self.world.outside.pass(MINUTE_MS);
                let runner = self.world.runner(self.ports(*death, *topics));
                schedule(&runner, "sweep").await;
            }
        }
    }

    /// Nothing goes wrong any more, and no message comes again: the sweep alone has to do it.
    async fn ends(&self) -> Result<usize, TestCaseError> {
        for _ in 0..2 {
            self.world.outside.pass(MINUTE_MS);
            self.world.minute("sweep").await;
        }
        let published = self.world.outside.state().messages.clone();
        let owed = self.ledger.owed();
        for message in &owed {
            let is_out = published.iter().any(|out| (&out.kind, &out.data) == (&message.kind, &message.data));
            prop_assert!(is_out, "never published: {message:?}");
        }
        prop_assert_eq!(self.world.owing().await, []);
        Ok(owed.len())
    }
}

fn story(
    function: &str,
    steps: &[Step],
    messages: impl AsyncFn(&World) -> Vec<Message>,
) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tale = Tale { world: World::new().await, ledger: Arc::default() };
        let messages = messages(&tale.world).await;
        tale.world.outside.state().messages.clear();
        for step in steps {
            tale.happens(function, &messages, step).await;
        }
        tale.ends().await?;
        // Every message comes once more, and is carried through: that owes something, or the test says nothing.
        for message in &messages {
            deliver(&tale.world.runner(tale.ports(None, Topics::Reached)), function, message).await;
        }
        prop_assert!(tale.ends().await? > 0);
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn actions(steps in prop::collection::vec(step(), 1..12)) {
        let asked = [("act_1", Action::Stop), ("act_2", Action::Restart), ("act_3", Action::Scale), ("act_4", Action::Restart)];
        story("act", &steps, async |_: &World| asked.map(|(id, what)| action(id, what)).to_vec())?;
    }

    #[test]
    fn learnings(steps in prop::collection::vec(step(), 1..12)) {
        story("learn", &steps, async |world: &World| {
            let window = observed(&world.outside, &sample::observation(1, 0, 600, 10)).await;
            let first = answered(world, 1, "a", START.plus(DAY_MS)).await;
            let second = answered(world, 2, "b", START.plus(DAY_MS)).await;
            vec![first, second, window]
        })?;
    }

    #[test]
    fn anomalies(steps in prop::collection::vec(step(), 1..12)) {
        story("advise", &steps, async |world: &World| {
            for minute in 0..12 {
                let seen = observed(&world.outside, &sample::observation(1, minute, 600, 10)).await;
                world.deliver("advise", &seen).await;
            }
            let mut messages = vec![];
            for (minute, requests) in [(12, 60_000), (13, 600), (14, 600), (15, 90_000)] {
                messages.push(observed(&world.outside, &sample::observation(1, minute, requests, 10)).await);
            }
            messages
        })?;
    }
}
