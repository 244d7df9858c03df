//! From a report to the plan that a target builds and runs.

use std::collections::BTreeMap;

use crate::{Provider, Report, names};
use model::port::target::{Need, Plan, at_line};

/// Programs that come from a registry, and what they belong to.
const MANAGERS: [(&str, &str); 10] = [
    ("pnpm", "pnpm"),
    ("pnpx", "pnpm"),
    ("yarn", "yarn"),
    ("bun", "bun"),
    ("bunx", "bun"),
    ("uv", "uv"),
    ("uvx", "uv"),
    ("poetry", "poetry"),
    ("pdm", "pdm"),
    ("pipenv", "pipenv"),
];

/// The programs from a registry that a command names, by what they belong to.
pub(crate) fn programs(command: &str) -> impl Iterator<Item = &'static str> {
    let words = command.split([' ', ';', '&', '|', '(', ')', '"', '\'']);
    words.filter_map(|word| MANAGERS.iter().find(|(program, _)| *program == word)).map(|(_, name)| *name)
}

/// How sure a health path is that somebody wrote down as one: a host's configuration, a flag, `sextant.toml`.
const SAID: f64 = 0.9;

/// What a target sets itself.
const OWN: [&str; 4] = ["HOME", "PATH", "PORT", "TMPDIR"];

/// Variables as the tree sets them, without those that look like secrets: a plan is stored in clear.
fn plain(variables: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let kept = |(name, value): &(&String, &String)| {
        !OWN.contains(&name.as_str()) && names::looks_secret(name, value).is_none()
    };
    variables.iter().filter(kept).map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl Report {
    /// How the app is built and started. What is not known stays empty; see [`Report::missing`].
    pub fn plan(&self) -> Plan {
        let health = self.evidence.iter().find(|one| one.claim.starts_with("health_path: "));
        let with_path = |command: &Option<String>| command.as_ref().map(|command| self.in_path(command));
        Plan {
            provider: self.provider.map(|provider| provider.name().to_owned()).unwrap_or_default(),
            framework: self.framework.clone(),
            install_command: with_path(&self.install_command),
            build_command: with_path(&self.build_command),
            start_command: if self.static_site { None } else { with_path(&self.started()) },
            static_folder: self
                .static_site
                .then(|| self.static_dir.clone().unwrap_or_else(|| ".".to_owned())),
            single_page: self.spa,
            health_path: self.health_path.clone(),
            health_said: health.is_some_and(|one| one.confidence >= SAID),
            health_place: health.map(|one| at_line(&one.file, one.line)),
            port: self.port.filter(|_| !self.static_site),
            needs: Some(self.needs()),
            fixed_port: self.fixed_port.clone().filter(|_| !self.static_site),
            // Commands and folders are relative to the root of the tree already.
            app_folder: None,
            tools: self.tools(),
            build_env: plain(&self.build_env),
            run_env: plain(&self.run_env),
        }
    }

    /// Each variable that it seems to need, with its place.
    fn needs(&self) -> Vec<Need> {
        let needs = self.evidence.iter().filter_map(|one| {
            let name = one.claim.strip_prefix("env_required: ")?;
            let (file, line, sure) = (one.file.clone(), one.line, one.confidence >= crate::scan::SURE);
            Some(Need { name: name.to_owned(), file, line, sure })
        });
        needs.collect()
    }

    /// The start command; a framework that has a variable of its own for the port is given `$PORT` in it.
    pub(crate) fn started(&self) -> Option<String> {
        let command = self.start_command.clone()?;
        Some(match (&self.port_variable, self.port) {
            (Some(name), Some(port)) => format!("{name}=${{PORT:-{port}}} {command}"),
            _ => command,
        })
    }

    /// The programs that it names, and the runtime where a version of that is declared.
    fn tools(&self) -> BTreeMap<String, String> {
        let commands = [&self.install_command, &self.build_command, &self.start_command];
        let named = commands.into_iter().flatten().flat_map(|command| programs(command)).map(str::to_owned);
        let mut tools: BTreeMap<String, String> =
            named.chain(self.tools.iter().cloned()).map(|name| (name, String::new())).collect();
        if let (Some(name), Some(version)) = (&self.package_manager, &self.package_manager_version)
            && let Some(asked) = tools.get_mut(name)
        {
            asked.clone_from(version);
        }
        if let (Some(provider @ (Provider::Node | Provider::Python)), Some(version)) =
            (self.provider, &self.runtime_version)
            && self.package_manager_version.as_ref() != Some(version)
        {
            tools.insert(provider.name().to_owned(), version.clone());
        }
        tools
    }

    /// What stands in the way of running it, with what to do; `None` when it can run.
    pub fn missing(&self) -> Option<String> {
        if self.provider.is_none() {
            return Some(
                "Nothing in it says what it is. Add a manifest (package.json, requirements.txt, Cargo.toml, index.html), \
                 a Procfile with a `web:` line, or a Dockerfile."
                    .to_owned(),
            );
        }
        (self.start_command.is_none() && !self.static_site).then(|| {
            "No command that starts it was found. Add a Procfile with a line like `web: node server.js`, or a start script."
                .to_owned()
        })
    }

    fn in_path(&self, command: &str) -> String {
        if self.path.is_empty() {
            return command.to_owned();
        }
        let folders: Vec<String> = self.path.iter().map(|folder| format!("$PWD/{folder}")).collect();
        format!("export PATH=\"{}:$PATH\"; {command}", folders.join(":"))
    }
}
