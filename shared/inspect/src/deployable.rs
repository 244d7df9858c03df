//! From a report to the plan that a target builds and runs.

use crate::Report;
use model::port::target::Plan;

impl Report {
    /// How the app is built and started. What is not known stays empty; see [`Report::missing`].
    pub fn plan(&self) -> Plan {
        let with_path = |command: &Option<String>| command.as_ref().map(|command| self.in_path(command));
        Plan {
            provider: self.provider.map(|provider| provider.name().to_owned()).unwrap_or_default(),
            framework: self.framework.clone(),
            install_command: with_path(
                &self.install_command.as_deref().map(|command| self.by_version(command)),
            ),
            build_command: with_path(&self.build_command),
            start_command: if self.static_site { None } else { with_path(&self.start_command) },
            static_folder: self
                .static_site
                .then(|| self.static_dir.clone().unwrap_or_else(|| ".".to_owned())),
            single_page: self.spa,
            health_path: self.health_path.clone(),
            // Commands and folders are relative to the root of the tree already.
            app_folder: None,
        }
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

    /// Older lock files of pnpm are refused by newer versions of it: npm fetches the one that wrote them.
    fn by_version(&self, command: &str) -> String {
        let version = self.package_manager_version.as_deref();
        match version.filter(|version| ["7", "8"].contains(version)) {
            Some(version) => command
                .replace("pnpm install --frozen", &format!("npx --yes pnpm@{version} install --frozen")),
            None => command.to_owned(),
        }
    }

    fn in_path(&self, command: &str) -> String {
        if self.path.is_empty() {
            return command.to_owned();
        }
        let folders: Vec<String> = self.path.iter().map(|folder| format!("$PWD/{folder}")).collect();
        format!("export PATH=\"{}:$PATH\"; {command}", folders.join(":"))
    }
}
