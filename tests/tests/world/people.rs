//! What people ask for.

use crate::run::World;
use model::{
    DeploymentId,
    document::{Deployment, Status, Strategy},
};
use serde_json::{Value, json};

/// What a person may want of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Cancel,
    Rollback { to: Option<String> },
    Promote { index: usize },
    Pause,
    LetGo,
}

/// A request.
#[derive(Clone, Debug)]
pub enum Ask {
    /// A deployment; the key tells a repeat.
    Deploy {
        key: String,
        body: Value,
    },
    Command {
        about: DeploymentId,
        command: Command,
    },
}

impl Ask {
    pub fn path(&self) -> String {
        let (id, what) = match self {
            Self::Deploy { .. } => return "/api/v1/deployments".to_owned(),
            Self::Command { about, command } => {
                let what = match command {
                    Command::Cancel => "cancel",
                    Command::Rollback { .. } => "rollback",
                    Command::Promote { .. } => "promote",
                    Command::Pause => "pause",
                    Command::LetGo => "let-go",
                };
                (about, what)
            }
        };
        format!("/api/v1/deployments/{id}/{what}")
    }

    pub fn body(&self) -> Value {
        match self {
            Self::Deploy { body, .. } => body.clone(),
            Self::Command { command: Command::Rollback { to }, .. } => json!({"to": to}),
            Self::Command { command: Command::Promote { index }, .. } => json!({"index": index}),
            Self::Command { .. } => json!({}),
        }
    }
}

/// The order of a deployment.
pub fn order(strategy: Strategy, hold: bool) -> Value {
    json!({
        "service": "shop",
        "url": "https://git.example/acme/shop.git",
        "strategy": strategy,
        "canary": {
            "weights": [10, 100],
            "bake_windows": 1,
            "min_requests": 5,
            "power_percent": 0,
            "deadline_windows": 3,
            "thin_evidence": if hold { "hold" } else { "promote" },
        },
        "limits": {"build_ms": 600_000, "verify_ms": 20_000},
    })
}

impl World {
    /// A new deployment is asked for; at most six in a run.
    pub fn request(&mut self) {
        if self.keys.len() >= 6 {
            return;
        }
        let strategies = [Strategy::Canary, Strategy::Quick, Strategy::Instant, Strategy::Canary];
        let strategy = strategies[self.dice.place(4)];
        let hold = self.dice.chance(20);
        self.ask_for(order(strategy, hold));
    }

    /// This deployment is asked for, under a key of its own.
    pub fn ask_for(&mut self, body: Value) {
        let key = format!("key-{}", self.keys.len() + 1);
        let ask = Ask::Deploy { key: key.clone(), body };
        self.keys.insert(key);
        self.ask(ask);
    }

    /// Somebody gives a command, about whatever deployment.
    pub fn command(&mut self) {
        let all: Vec<DeploymentId> = self.deployments.keys().cloned().collect();
        let serves = self.service().and_then(|service| service.slot.serving).map(|kept| kept.deployment);
        let any = self.dice.pick(&all).cloned();
        let Some(about) = serves.filter(|_| self.dice.chance(40)).or(any) else { return };
        let index = self.deployments[&about].canary.index;
        let command = match self.dice.place(7) {
            0 => Command::Cancel,
            1 | 2 => Command::Rollback { to: self.some_kept() },
            3 => Command::Rollback { to: None },
            4 => Command::Promote { index },
            5 => Command::LetGo,
            _ => Command::Pause,
        };
        self.ask(Ask::Command { about, command });
    }

    fn some_kept(&mut self) -> Option<String> {
        let kept: Vec<String> = self.kept();
        self.dice.pick(&kept).cloned()
    }

    /// Somebody loses patience with a way back that keeps failing. Answers whether there is one.
    pub fn let_go(&mut self) -> bool {
        let stuck = |found: &&Deployment| found.status == Status::RollingBack && found.tries > 0;
        let Some(about) = self.deployments.values().find(stuck).map(|found| found.id.clone()) else {
            return false;
        };
        self.ask(Ask::Command { about, command: Command::LetGo });
        true
    }

    /// Once nothing else goes on, a person decides about what is held. Answers whether there was something to decide.
    pub fn decide_about_what_is_held(&mut self) -> bool {
        let held = |found: &&Deployment| found.canary.held.is_some() && found.status == Status::Shifting;
        let Some(found) = self.deployments.values().find(held) else { return false };
        let (about, index) = (found.id.clone(), found.canary.index);
        let waits = self.service().and_then(|service| service.slot.queued);
        self.hold_to(waits.is_none(), || format!("{about} is held while another one waits for it"));
        let command = if self.dice.chance(80) { Command::Promote { index } } else { Command::Cancel };
        self.ask(Ask::Command { about, command });
        true
    }
}
