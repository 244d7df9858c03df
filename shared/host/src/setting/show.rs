//! The table as people read it, and as the environment that Terraform gives a service.

use super::{Given, PROCESSES, Setting, TABLE};
use crate::function::Door;
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// The whole table as JSON.
pub fn json() -> Value {
    TABLE
        .iter()
        .map(|setting| {
            json!({
                "name": setting.name,
                "variable": setting.variable,
                "flag": (!setting.flag.is_empty()).then(|| format!("--{}", setting.flag)),
                "takes": (setting.takes)(),
                "default": (!setting.default.is_empty()).then_some(setting.default),
                "place": setting.place.as_str(),
                "read_by": setting.readers,
                "secret": setting.secret,
                "about": setting.sentence(),
            })
        })
        .collect()
}

/// The page about settings.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Settings\n\n\
         Read once, when a process starts. A flag wins over its variable; what nobody sets has its default. A variable\n\
         that begins with `SEXTANT_` and isn't here, or a value that isn't one, ends the start with a sentence.\n\
         `sextant settings` prints this table, `--json` for programs.\n\n\
         | variable | what it is | takes | default | flag | place | read by |\n|---|---|---|---|---|---|---|\n",
    );
    for setting in TABLE {
        let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
        let flag = if setting.flag.is_empty() { String::new() } else { format!("`--{}`", setting.flag) };
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {flag} | {} | {} |",
            setting.variable,
            setting.sentence(),
            (setting.takes)(),
            code(setting.default),
            setting.place.as_str(),
            readers(setting)
        );
    }
    page
}

/// Who reads it, for people: functions as code.
pub fn readers(setting: &Setting) -> String {
    let one =
        |reader: &&str| if PROCESSES.contains(reader) { (*reader).to_owned() } else { format!("`{reader}`") };
    setting.readers.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// The environment of a service that runs these functions: by variable, `value` for a text, `from` for one of
/// Terraform's values, `secret` for a secret's name.
pub fn environment(door: Door, functions: &[&str]) -> Value {
    let mut environment = Map::new();
    for setting in of(functions) {
        let given = match (setting.given, door) {
            (Given::Fixed(text), _)
            | (Given::ByDoor { public: text, .. }, Door::Public)
            | (Given::ByDoor { internal: text, .. }, Door::Internal) => json!({ "value": text }),
            (Given::Terraform(value), _) => json!({ "from": value }),
            (Given::Secret(name), _) => json!({ "secret": name }),
            (Given::Nobody | Given::Platform | Given::Operator, _) => continue,
        };
        environment.insert(setting.variable.to_owned(), given);
    }
    environment.into()
}

/// The variables that whoever applies `infra/` may set for a service that runs these functions.
pub fn for_operators(functions: &[&str]) -> Vec<&'static str> {
    of(functions).filter(|setting| setting.given == Given::Operator).map(|setting| setting.variable).collect()
}

fn of(functions: &[&str]) -> impl Iterator<Item = &'static Setting> {
    TABLE.iter().filter(|setting| setting.is_read_by(&["serve"]) || setting.is_read_by(functions))
}
