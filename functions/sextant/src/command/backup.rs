//! `sextant backup FILE`: documents, queue, keys, logs and artifacts in one sealed file, from the running server or from
//! a data folder that nothing runs on.
//!
//! Invariant: FILE appears only once it was read back whole, and nothing is written over.

#![expect(clippy::disallowed_methods, reason = "a passphrase may be said by the environment")]

use super::{
    client::{Api, Named},
    output::Output,
    server,
};
use crate::failure::{Ended, Stop};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use machine::{
    backup::{self, Contents},
    engine::{self, Engine},
};
use serde_json::json;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead as _, IsTerminal as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Where the backup is written to.
#[derive(Args)]
pub struct Backup {
    /// The file; it must not be there yet.
    pub file: PathBuf,
    #[command(flatten)]
    pub passphrase: Passphrase,
}

/// What the file is sealed under.
#[derive(Args)]
pub struct Passphrase {
    /// A file whose first line is the passphrase; else `SEXTANT_BACKUP_PASSPHRASE`, else it is asked for.
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

/// Fewer characters than this are guessed.
const SHORTEST: usize = 12;

impl Passphrase {
    /// From a file, the environment, or whoever sits there.
    pub fn read(&self) -> Result<String> {
        if let Some(file) = &self.passphrase_file {
            let text = fs::read_to_string(file);
            let text =
                text.with_context(|| format!("the passphrase file `{}` can't be read", file.display()))?;
            return Ok(text.lines().next().unwrap_or_default().to_owned());
        }
        if let Ok(text) = std::env::var("SEXTANT_BACKUP_PASSPHRASE") {
            return Ok(text);
        }
        if !io::stdin().is_terminal() {
            return Err(Stop::Usage(
                "There is no passphrase. Set SEXTANT_BACKUP_PASSPHRASE, or name a file with --passphrase-file."
                    .to_owned(),
            )
            .into());
        }
        ask()
    }
}

/// Without showing what is typed.
fn ask() -> Result<String> {
    use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
    let stdin = io::stdin();
    let shown = tcgetattr(&stdin).context("the terminal can't be asked for a passphrase")?;
    let mut hidden = shown.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    io::stderr().write_all(b"Passphrase: ")?;
    tcsetattr(&stdin, SetArg::TCSANOW, &hidden)?;
    let mut text = String::new();
    let read = stdin.lock().read_line(&mut text);
    tcsetattr(&stdin, SetArg::TCSANOW, &shown)?;
    io::stderr().write_all(b"\n")?;
    read?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

impl Backup {
    /// Writes it, reads it back, gives it its name.
    pub async fn run(self, data: &Path, named: &Named, output: Output) -> Result<Ended> {
        if self.file.exists() {
            bail!(
                "`{}` is there already, and no backup is written over: name another file",
                self.file.display()
            );
        }
        let passphrase = self.passphrase.read()?;
        if passphrase.chars().count() < SHORTEST {
            let text = format!(
                "The passphrase is too short: the file holds every key, so take at least {SHORTEST} characters."
            );
            return Err(Stop::Usage(text).into());
        }
        let draft = self.file.with_added_extension("unfinished");
        let done = self.write(data, named, &passphrase, &draft).await;
        if done.is_err() {
            drop(fs::remove_file(&draft)); // it may not have been made
        }
        let contents = done?;
        let size = fs::metadata(&self.file)?.len();
        let value = json!({ "file": self.file, "bytes": size, "contents": contents });
        output.data(&value, || {
            format!(
                "Backed up {} documents, {} messages and {} files into {} ({} MiB), and read it back. Restore it with \
                 `sextant restore`; without its passphrase nobody can.",
                contents.documents,
                contents.messages,
                contents.files,
                self.file.display(),
                size.div_ceil(1 << 20)
            )
        });
        Ok(Ended::Done)
    }

    async fn write(&self, data: &Path, named: &Named, passphrase: &str, draft: &Path) -> Result<Contents> {
        let failed =
            || format!("`{}` can't be written; see that its folder is there and has room", draft.display());
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(draft);
        let mut file = file.with_context(failed)?;
        if named.server.is_some() || server::running(data).is_some() {
            let api = Api::find(data, named)?;
            let mut answer = api.download("/local/v1/backup", &json!({ "passphrase": passphrase })).await?;
            while let Some(piece) =
                answer.chunk().await.context("the backup broke off; look at the server's log")?
            {
                file.write_all(&piece).with_context(failed)?;
            }
        } else {
            from_folder(data, passphrase, &file)?;
        }
        file.sync_all().with_context(failed)?;
        drop(file);
        let contents = backup::check(draft, passphrase)?;
        fs::rename(draft, &self.file).with_context(failed)?;
        let folder =
            self.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).with_context(failed)?;
        Ok(contents)
    }
}

/// Nothing runs on it: this process has it meanwhile.
fn from_folder(data: &Path, passphrase: &str, file: &File) -> Result<()> {
    let store = data.join("store");
    if !Engine::is_in(&store) {
        bail!(
            "`{}` holds no store, so there is nothing to back up; name a data folder with --data",
            data.display()
        );
    }
    machine::migrate::data_folder(data)?;
    let engine = Engine::open(&store, engine::Options::default())?;
    let data = data.canonicalize()?;
    backup::Source::new(&data, &engine).write(passphrase, io::BufWriter::new(file))?;
    Ok(())
}
