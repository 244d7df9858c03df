//! `sextant dockerfile PATH`: a Dockerfile for a tree. An own one is kept: it is advised on, with a diff offered.

use super::output::Output;
use super::scan;
use crate::failure::{Ended, Stop};
use anyhow::{Context as _, Result};
use clap::Args;
use inspect::docker::{self, Generated, Surroundings};
use std::fs;
use std::path::{Path, PathBuf};

/// Names of a Dockerfile that somebody wrote.
const NAMES: [&str; 3] = ["Dockerfile", "Containerfile", "dockerfile"];

/// Which tree, and what becomes of the text.
#[derive(Args)]
pub struct Dockerfile {
    /// The folder that a Dockerfile is made for.
    pub path: PathBuf,
    /// The app's folder in a monorepo.
    #[arg(long)]
    pub app: Option<String>,
    /// Write Dockerfile and .dockerignore into the folder; files that are there are never overwritten.
    #[arg(long)]
    pub write: bool,
    /// Say why it is as it is.
    #[arg(long)]
    pub explain: bool,
}

impl Dockerfile {
    /// Generates, or advises on the one that is there.
    pub fn run(self, output: Output) -> Result<Ended> {
        if let Some(own) = self.own() {
            return self.advise(&own, output);
        }
        let options = inspect::Options { app: self.app.clone(), ..inspect::Options::default() };
        let report = inspect::read(&self.path, &options)?;
        let generated = docker::generate(&report);
        if generated.dockerfile.is_empty() {
            let why = generated.because.join(" ");
            return Err(Stop::Usage(format!("no Dockerfile for {}: {why}", self.path.display())).into());
        }
        output.data(&generated, || generated.dockerfile.clone());
        if self.explain {
            output.note(&format!("Because:\n  {}", generated.because.join("\n  ")));
        }
        if self.write {
            self.store(&generated, output)?;
        }
        Ok(Ended::Done)
    }

    /// The Dockerfile that is there, in the app's folder or above it. One that is a link out of the tree isn't there.
    fn own(&self) -> Option<PathBuf> {
        let root = self.path.canonicalize().ok()?;
        let within = |file: &PathBuf| file.canonicalize().is_ok_and(|real| real.starts_with(&root));
        let app = self.app.iter().map(|app| self.path.join(app));
        let folders: Vec<PathBuf> = app.chain([self.path.clone()]).collect();
        let files = folders.iter().flat_map(|folder| NAMES.iter().map(|name| folder.join(name)));
        files.into_iter().find(|file| file.is_file() && within(file))
    }

    fn advise(&self, own: &Path, output: Output) -> Result<Ended> {
        let text = scan::read(own)?;
        let around = scan::surroundings(own);
        let settings = scan::settings(own, &self.path)?;
        let findings = docker::scan_file(&docker::parse(&text), around, &settings);
        let (fixed, _) = docker::fix_with(&text, around, &settings);
        let name = own.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let diff = docker::diff(&name, &text, &fixed);
        output.note(&format!("{} is kept as it is.", own.display()));
        let advice = serde_json::json!({ "kept": name, "findings": findings, "diff": diff });
        output.data(&advice, || {
            let found = scan::text(&[(name.clone(), findings.clone())]);
            if diff.is_empty() { found } else { format!("{found}\n\n{diff}") }
        });
        if self.explain && !diff.is_empty() {
            output.note(&format!("`sextant scan {} --fix` makes these changes.", own.display()));
        }
        if self.write {
            self.store_ignore(own, around, output)?;
        }
        Ok(Ended::Done)
    }

    fn store(&self, generated: &Generated, output: Output) -> Result<()> {
        create(&self.path.join("Dockerfile"), &generated.dockerfile, output)?;
        create(&self.path.join(".dockerignore"), &generated.dockerignore, output)
    }

    /// Beside an own Dockerfile only the `.dockerignore` can be missing.
    fn store_ignore(&self, own: &Path, around: Surroundings, output: Output) -> Result<()> {
        if around.dockerignore == Some(true) {
            return Ok(());
        }
        let report = inspect::read(&self.path, &inspect::Options::default())?;
        let text = docker::dockerignore(&report);
        create(&own.with_file_name(".dockerignore"), &text, output)
    }
}

/// Writes a file that is not there yet; one that is there is left, and that is said.
fn create(file: &Path, text: &str, output: Output) -> Result<()> {
    use std::io::Write as _;
    match fs::OpenOptions::new().write(true).create_new(true).open(file) {
        Ok(mut open) => {
            open.write_all(text.as_bytes())
                .with_context(|| format!("{} can't be written", file.display()))?;
            output.note(&format!("{} is written.", file.display()));
            Ok(())
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            output.note(&format!("{} is there already and is kept.", file.display()));
            Ok(())
        }
        Err(error) => Err(error).with_context(|| format!("{} can't be written", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(path: &Path) -> Result<Ended> {
        Dockerfile { path: path.to_owned(), app: None, write: true, explain: true }.run(Output::plain())
    }

    #[test]
    fn both_files_are_written_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("package.json"), r#"{"scripts": {"start": "node a.js"}}"#).unwrap();
        fs::write(folder.path().join(".dockerignore"), "mine\n").unwrap();
        assert_eq!(run(folder.path()).unwrap(), Ended::Done);
        let text = fs::read_to_string(folder.path().join("Dockerfile")).unwrap();
        assert!(text.contains("USER 10001:10001"), "{text}");
        assert_eq!(fs::read_to_string(folder.path().join(".dockerignore")).unwrap(), "mine\n");
    }

    #[test]
    fn a_link_out_of_the_tree_is_not_read() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("Dockerfile"), "FROM secret:1\n").unwrap();
        std::os::unix::fs::symlink(outside.path().join("Dockerfile"), folder.path().join("Dockerfile"))
            .unwrap();
        let command = |app: Option<&str>| Dockerfile {
            path: folder.path().to_owned(),
            app: app.map(str::to_owned),
            write: false,
            explain: false,
        };
        assert_eq!(command(None).own(), None);
        let up = format!("../{}", outside.path().file_name().unwrap().to_string_lossy());
        assert_eq!(command(Some(&up)).own(), None);
    }

    #[test]
    fn an_own_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("Dockerfile");
        fs::write(&file, "FROM a:1\nADD . /x\nCMD x\n").unwrap();
        assert_eq!(run(folder.path()).unwrap(), Ended::Done);
        assert_eq!(fs::read_to_string(&file).unwrap(), "FROM a:1\nADD . /x\nCMD x\n");
        assert!(folder.path().join(".dockerignore").exists());
    }

    #[test]
    fn a_tree_that_is_nothing_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = run(folder.path()).unwrap_err();
        assert!(error.to_string().contains("Add a manifest"), "{error}");
    }
}
