//! From variables and flags to [`Settings`]. All that is wrong is told at once.

use super::{Given, PROCESSES, Place, Setting, Settings, TABLE, named};
use std::{collections::BTreeSet, fmt};

/// What variables of ours begin with: one that the table doesn't know is a mistake.
const OURS: &str = "SEXTANT_";
/// What the machine target marks the apps with that it starts. An app may be a Sextant of its own.
const MARKS: [&str; 1] = ["SEXTANT_INSTANCE"];

/// What reads settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// Functions as a service.
    Serve,
    /// Every function on one machine.
    Up,
}

impl Process {
    const fn reader(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Up => "up",
        }
    }

    /// The settings that it reads, whichever functions it runs.
    pub fn settings(self) -> impl Iterator<Item = &'static Setting> {
        let is_function = |reader: &&str| !PROCESSES.contains(reader);
        TABLE.iter().filter(move |setting| {
            setting.readers.contains(&self.reader()) || setting.readers.iter().any(is_function)
        })
    }
}

/// What is wrong with the settings, a sentence each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong(pub Vec<String>);

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Wrong {}

/// Settings while they are read; what comes later wins.
pub struct Reading {
    process: Process,
    settings: Settings,
    /// Names, and how each was set.
    set: Vec<(&'static Setting, String)>,
    wrong: Vec<String>,
}

impl Reading {
    /// Nothing is set yet.
    pub fn new(process: Process) -> Self {
        Self { process, settings: Settings::default(), set: vec![], wrong: vec![] }
    }

    /// Reads an environment. Variables of ours that nobody knows are wrong; others are somebody else's. An empty one
    /// is as good as none.
    #[must_use]
    pub fn variables(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        for (variable, text) in variables {
            let known = TABLE.iter().find(|setting| setting.variable == variable);
            match known {
                Some(setting)
                    if text.is_empty() || !self.process.settings().any(|s| s.name == setting.name) => {}
                Some(setting) => self.put(setting, variable, &text),
                None if variable.starts_with(OURS) && !MARKS.contains(&&*variable) => {
                    self.unknown(&variable, TABLE.iter().map(|setting| setting.variable));
                }
                None => {}
            }
        }
        self
    }

    /// Takes one from the command line; `origin` is how people wrote it, such as `--port`.
    #[must_use]
    pub fn flag(mut self, name: &str, origin: String, text: &str) -> Self {
        if let Some(setting) = named(name) {
            self.put(setting, origin, text);
        } else {
            self.unknown(name, self.process.settings().map(|setting| setting.name));
        }
        self
    }

    fn unknown<'a>(&mut self, name: &str, known: impl Iterator<Item = &'a str>) {
        let nearest = nearest(name, known);
        self.wrong.push(format!(
            "There is no setting `{name}`; did you mean `{nearest}`? `sextant settings` lists them."
        ));
    }

    fn put(&mut self, setting: &'static Setting, origin: String, text: &str) {
        if (setting.put)(&mut self.settings, text) {
            self.set.push((setting, origin));
            return;
        }
        let takes = (setting.takes)();
        self.wrong.push(if setting.secret {
            format!("What `{origin}` holds can't be used; it takes {takes}. {}", setting.sentence())
        } else {
            let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
            format!("`{origin}` is `{shown}`; it takes {takes}. {}", setting.sentence())
        });
    }

    /// Whether this place is asked for.
    pub fn wants(&self, place: Place) -> bool {
        self.settings.place == Some(place)
    }

    /// The settings of a process that runs these functions, and its place; or all that is wrong.
    pub fn finish(mut self, functions: &[&str]) -> Result<(Settings, Place), Wrong> {
        let place = self.place();
        if let Some(place) = place {
            self.check_place(place);
            self.check_required(place, functions);
        }
        match place {
            Some(place) if self.wrong.is_empty() => Ok((self.settings, place)),
            _ => Err(Wrong(self.wrong)),
        }
    }

    /// Said, or `machine`; nothing is kept in a container of Cloud Run, so nothing is assumed there.
    fn place(&mut self) -> Option<Place> {
        let Settings { place, service, job, .. } = &self.settings;
        if place.is_some() {
            return *place;
        }
        let run = [("K_SERVICE", service), ("CLOUD_RUN_JOB", job)];
        let Some((variable, Some(name))) = run.into_iter().find(|(_, name)| name.is_some()) else {
            return Some(Place::Machine);
        };
        self.wrong.push(format!(
            "This runs on Cloud Run ({variable} is `{name}`) and no place is named; as a machine it would lose all it stores with its container. Set SEXTANT_PLACE=gcp."
        ));
        None
    }

    /// What is set for another place is a mistake. Variables that other programs have too are left alone.
    fn check_place(&mut self, place: Place) {
        let mut told = BTreeSet::new();
        for (setting, origin) in &self.set {
            let ours = origin.starts_with(OURS) || origin.starts_with('-');
            if ours && !setting.place.holds_in(place) && told.insert(origin) {
                self.wrong.push(format!(
                    "`{origin}` is for place `{}`, and this process runs in place `{place}`. Leave it out, or set SEXTANT_PLACE.",
                    setting.place.as_str()
                ));
            }
        }
        let emulators = [&self.settings.firestore_emulator, &self.settings.pubsub_emulator];
        if place == Place::Gcp && emulators.iter().filter(|address| address.is_some()).count() == 1 {
            self.wrong.push(
                "Only one of FIRESTORE_EMULATOR_HOST and PUBSUB_EMULATOR_HOST is set, which would mix an emulator with the real cloud. Set both or neither.".to_owned(),
            );
        }
    }

    /// What `infra/` sets and has no default must be there in place `gcp`.
    fn check_required(&mut self, place: Place, functions: &[&str]) {
        if place == Place::Machine {
            return;
        }
        for setting in TABLE {
            let given = matches!(setting.given, Given::Terraform(_) | Given::Secret(_));
            let is_set = self.set.iter().any(|(set, _)| set.name == setting.name);
            let read = setting.is_read_by(&[self.process.reader()]) || setting.is_read_by(functions);
            if given && setting.default.is_empty() && read && !is_set {
                self.wrong.push(format!(
                    "{} is not set, and place `gcp` needs it; it takes {}. {}",
                    setting.variable,
                    (setting.takes)(),
                    setting.sentence()
                ));
            }
        }
    }
}

/// The candidate that a mistyped name most resembles.
fn nearest<'a>(name: &str, among: impl Iterator<Item = &'a str>) -> &'a str {
    let distance = |candidate: &&str| strsim::damerau_levenshtein(name, candidate);
    among.min_by_key(distance).unwrap_or_default()
}

impl Settings {
    /// Sets one by its name. `false` if there is none of that name, or it takes something else.
    pub fn set(&mut self, name: &str, text: &str) -> bool {
        named(name).is_some_and(|setting| (setting.put)(self, text))
    }

    /// Once adapters have what they need: no handler is handed a secret of the process.
    pub fn forget_secrets(&mut self) {
        for setting in TABLE.iter().filter(|setting| setting.secret) {
            (setting.put)(self, "");
        }
    }
}
