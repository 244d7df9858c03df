//! `sextant env set`, `unset`: changes, and the revision that has them.

use super::{Whose, kind::sealed};
use crate::{
    command::{
        client::Api,
        consent::unless_dropping,
        deploy::{accepted, pair, secret, strategy},
        output::Output,
    },
    failure::{Ended, Stop},
};
use anyhow::Result;
use clap::Args;
use model::document::Strategy;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What becomes of a change.
#[derive(Args)]
pub struct Then {
    /// The service.
    #[command(flatten)]
    pub whose: Whose,
    /// How traffic gets to the new revision; as it did before if absent.
    #[arg(long, value_parser = strategy, value_name = "instant|quick|canary")]
    pub strategy: Option<Strategy>,
    /// The service may be one that was never deployed: its first deployment has them.
    #[arg(long)]
    pub new: bool,
    /// Only keep it; the next deployment has it.
    #[arg(long)]
    pub no_deploy: bool,
    /// Only hand it over; don't follow the deployment.
    #[arg(long)]
    pub no_wait: bool,
    /// Go on without asking, also without variables that the deployment that serves has.
    #[arg(long)]
    pub yes: bool,
}

/// Some to set.
#[derive(Args)]
pub struct Set {
    /// NAME=VALUE; what looks like a secret is sealed.
    #[arg(value_parser = pair, value_name = "NAME=VALUE")]
    pub pairs: Vec<(String, String)>,
    /// A secret. NAME alone takes the value from this shell's variable of that name.
    #[arg(long = "secret", value_parser = secret, value_name = "NAME[=VALUE]")]
    pub secrets: Vec<(String, String)>,
    /// One of those named before that is no secret, though it looks like one.
    #[arg(long, value_name = "NAME")]
    pub plain: Vec<String>,
    /// What becomes of it.
    #[command(flatten)]
    pub then: Then,
}

/// Some to remove.
#[derive(Args)]
pub struct Unset {
    /// Their names.
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// What becomes of it.
    #[command(flatten)]
    pub then: Then,
}

/// Variables to set, sealed or not.
#[derive(Default)]
pub struct Changes {
    /// Plain ones.
    pub env: BTreeMap<String, String>,
    /// Secret ones.
    pub secrets: BTreeMap<String, String>,
    /// Those that are plain because somebody said so.
    pub told_plain: BTreeSet<String>,
    /// What is said of them, one line each; never a value.
    pub said: Vec<String>,
}

impl Changes {
    /// Sorts one in, sealed if it is named so or looks so.
    pub fn add(&mut self, name: &str, value: String, plain: bool, secret: bool) {
        let why = if secret { Some("as told") } else { sealed(name, &value).filter(|_| !plain) };
        if let Some(why) = why {
            self.said.push(format!("{name}: sealed ({why})"));
            self.secrets.insert(name.to_owned(), value);
        } else {
            if plain {
                self.told_plain.insert(name.to_owned());
            }
            self.said.push(format!("{name}: plain"));
            self.env.insert(name.to_owned(), value);
        }
    }

    /// What is sealed now stays so, whatever its new value looks like, unless somebody says that it is plain.
    fn keep_sealed(&mut self, sealed_now: &BTreeSet<String>) {
        let told = &self.told_plain;
        let stays = |name: &String| sealed_now.contains(name) && !told.contains(name);
        for (name, value) in self.env.extract_if(.., |name, _| stays(name)) {
            self.said.retain(|line| *line != format!("{name}: plain"));
            self.said.push(format!("{name}: sealed (it was before; `--plain {name}` makes it a plain one)"));
            self.secrets.insert(name, value);
        }
    }
}

impl Set {
    /// Sets them.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        if self.pairs.is_empty() && self.secrets.is_empty() {
            return Err(Stop::Usage("nothing is to be set; write NAME=VALUE, or --secret NAME".into()).into());
        }
        let mut changes = Changes::default();
        for (name, value) in self.pairs {
            let plain = self.plain.contains(&name);
            changes.add(&name, value, plain, false);
        }
        for (name, value) in self.secrets {
            changes.add(&name, value, false, true);
        }
        self.then.set(api, changes, output).await
    }
}

impl Unset {
    /// Removes them.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let body = Map::from_iter([("unset".to_owned(), json!(self.names))]);
        self.then.send(api, body, output).await
    }
}

impl Then {
    /// Sets variables, and says of each whether it is sealed.
    pub async fn set(self, api: &Api, mut changes: Changes, output: Output) -> Result<Ended> {
        // A service that was never heard of has none; the change itself says so.
        if let Ok((now, _)) = self.whose.read(api).await {
            let sealed = now.variables.into_iter().filter(|one| one.secret);
            changes.keep_sealed(&sealed.map(|one| one.name).collect());
        }
        for line in &changes.said {
            output.note(line);
        }
        let body = Map::from_iter([
            ("env".to_owned(), json!(changes.env)),
            ("secrets".to_owned(), json!(changes.secrets)),
        ]);
        self.send(api, body, output).await
    }

    /// Sends the change, and follows the deployment that it leads to.
    async fn send(self, api: &Api, mut body: Map<String, Value>, output: Output) -> Result<Ended> {
        let path = self.whose.path()?;
        body.insert("deploy".to_owned(), json!(!self.no_deploy));
        body.insert("new".to_owned(), json!(self.new));
        body.insert("strategy".to_owned(), json!(self.strategy));
        let send = |may_drop: bool| {
            let (path, mut body) = (&path, body.clone());
            body.insert("may_drop".to_owned(), may_drop.into());
            async move { api.patch(path, &body).await }
        };
        let changed = unless_dropping(self.yes, send).await?;
        let message = changed["message"].as_str().unwrap_or_default().to_owned();
        if changed["deployment"].is_null() {
            output.data(&changed, || message);
            return Ok(Ended::Done);
        }
        output.note(&message);
        accepted(api, changed["deployment"].clone(), self.no_wait, output).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_stays_so_unless_somebody_says_otherwise() {
        let mut changes = Changes::default();
        changes.add("LICENSE", "def".into(), false, false);
        changes.add("MODE", "quick".into(), false, false);
        changes.add("OPEN", "yes".into(), true, false);
        assert!(changes.secrets.is_empty());
        changes.keep_sealed(&["LICENSE", "OPEN"].map(str::to_owned).into());
        assert_eq!(changes.secrets.keys().collect::<Vec<_>>(), ["LICENSE"]);
        assert_eq!(changes.env.keys().collect::<Vec<_>>(), ["MODE", "OPEN"]);
        assert_eq!(changes.said.iter().filter(|line| line.starts_with("LICENSE")).count(), 1);
    }
}
