//! `sextant up --install`: a unit for systemd, so that it starts with the machine and again after a fault.

use super::super::output::Output;
use crate::{failure::Ended, place::machine::private_folder};
use anyhow::{Context as _, Result};
use serde_json::json;
use std::{
    fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Writes the unit and says what starts it. Nothing is started: whoever installs may want to read it first.
pub fn run(data: &Path, output: Output) -> Result<Ended> {
    let data = private_folder(data)?;
    let system = rustix::process::geteuid().is_root();
    let folder = if system { PathBuf::from("/etc/systemd/system") } else { user_units()? };
    let path = folder.join("sextant.service");
    let given = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    let arguments = arguments(given);
    let here = std::env::current_dir()?;
    let unit = unit(&std::env::current_exe()?, &arguments, (&data, &here), system);
    write(&path, &unit)?;
    let user = if system { "" } else { "--user " };
    let next = format!("systemctl {user}daemon-reload && systemctl {user}enable --now sextant");
    output.data(&json!({ "unit": path, "next": next }), || {
        let linger = if system {
            ""
        } else {
            "\nSo that it runs while you aren't logged in: `loginctl enable-linger`"
        };
        format!("`{}` is written. Start it with\n  {next}{linger}{}", path.display(), left_out())
    });
    Ok(Ended::Done)
}

/// The command without what is said otherwise: a folder may be named from where we are.
fn arguments(given: impl Iterator<Item = String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut skip = false;
    for argument in given {
        if std::mem::take(&mut skip) || argument == "--install" || argument.starts_with("--data=") {
            continue;
        }
        skip = argument == "--data";
        if !skip {
            kept.push(argument);
        }
    }
    kept
}

/// Settings of this terminal that the unit doesn't have; their values may be secrets.
fn left_out() -> String {
    let names: Vec<String> = std::env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("SEXTANT_") && name != "SEXTANT_DATA")
        .collect();
    if names.is_empty() {
        return String::new();
    }
    format!("\nNot taken along from this terminal: {}. `systemctl edit sextant` sets them.", names.join(", "))
}

fn user_units() -> Result<PathBuf> {
    let home = std::env::home_dir().context("there is no home folder to write a unit to")?;
    Ok(home.join(".config/systemd/user"))
}

fn write(path: &Path, unit: &str) -> Result<()> {
    let written = || -> std::io::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(path))?;
        // Only its owner reads it: a flag may be a secret.
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600).open(path)?.write_all(unit.as_bytes())
    };
    written().with_context(|| format!("`{}` can't be written", path.display()))
}

/// Apps aren't stopped with it (`KillMode=process`): they serve on and are found again, as after Ctrl-C.
fn unit(program: &Path, arguments: &[String], (data, here): (&Path, &Path), system: bool) -> String {
    let folder = ["--data".to_owned(), data.display().to_string()];
    let words = std::iter::once(program.display().to_string()).chain(folder).chain(arguments.iter().cloned());
    let start: Vec<String> = words.map(|word| quoted(&word)).collect();
    let target = if system { "multi-user.target" } else { "default.target" };
    format!(
        "[Unit]\nDescription=Sextant\nAfter=network-online.target\nWants=network-online.target\n\n\
         [Service]\nWorkingDirectory={}\nExecStart={}\nRestart=on-failure\nRestartSec=2\nKillMode=process\nTimeoutStopSec=30\n\n\
         [Install]\nWantedBy={target}\n",
        here.display().to_string().replace('%', "%%"),
        start.join(" ")
    )
}

/// One word of a command line, as systemd reads it: `%` and `$` mean something to it, even within quotes.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    let mut text = "\"".to_owned();
    for c in word.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '%' | '$' => text.extend([c, c]),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_starts_what_was_asked_for_and_leaves_apps_alone() {
        let arguments = ["up".to_owned(), "--port".to_owned(), "80".to_owned()];
        let places = (Path::new("/var/lib/s"), Path::new("/home/ann"));
        let unit = unit(Path::new("/opt/my tools/sextant"), &arguments, places, true);
        let start = "ExecStart=\"/opt/my tools/sextant\" --data /var/lib/s up --port 80\n";
        assert!(unit.contains(start) && unit.contains("KillMode=process\n"), "{unit}");
        assert!(unit.contains("WantedBy=multi-user.target"), "{unit}");
        assert!(unit.contains("WorkingDirectory=/home/ann\n"), "{unit}");
        let given = ["--data", "./rel", "up", "--install", "--data=x"].map(str::to_owned);
        assert_eq!(super::arguments(given.into_iter()), ["up"]);
    }

    #[test]
    fn words_reach_the_program_as_they_are() {
        assert_eq!(quoted("100%$HOME"), "\"100%%$$HOME\"");
        assert_eq!(quoted("a \"b\" \\"), "\"a \\\"b\\\" \\\\\"");
        assert_eq!(quoted(""), "\"\"");
    }
}
