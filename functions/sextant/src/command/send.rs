//! Packs a folder and hands it to the server, wherever that is: what the server has already is not sent again.

use super::{client::Api, output::Output};
use crate::failure::Stop;
use anyhow::{Context as _, Result};
use archive::{Limits, Progress, Rules, Tree, git::Git};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use model::{
    port::source::{Manifest, Origin},
    text::visible,
};
use std::{
    fs::File,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};
use tokio::io::AsyncReadExt as _;

/// Bytes of a piece.
const PIECE: usize = 256 * 1024;

/// A packed folder.
struct Packed {
    manifest: Manifest,
    /// Whether something is in it that travels only because Git tracks it.
    tracked: bool,
    file: tempfile::NamedTempFile,
}

/// Packs a folder, sends it unless it is there, and answers what it is.
pub async fn send(api: &Api, folder: &Path, service: &str, data: &Path, output: Output) -> Result<Manifest> {
    apart(folder, data)?;
    let service = service.to_owned();
    let (from, quiet) = (folder.to_owned(), output.is_json() || !io::stderr().is_terminal());
    let limits = api.source_limits().await?;
    let packing = tokio::task::spawn_blocking(move || pack(&from, &service, limits, quiet));
    let (packed, left) = packing.await.context("packing broke off")??;
    for line in &left {
        output.note(line);
    }
    let manifest = &packed.manifest;
    if let Some(commit) = checked_out(&manifest.origin) {
        output.note(&commit);
    }
    let size = format!("{} files, {}", manifest.files, mib(manifest.packed_bytes));
    if api.has_source(&manifest.digest).await? {
        output.note(&format!("Packed {size}; the server has it already."));
    } else {
        let bar =
            bar(quiet, manifest.packed_bytes, "Sending {bytes} of {total_bytes}, {bytes_per_sec} {wide_bar}");
        let sent = api.send_source(manifest, packed.tracked, pieces(packed.file.path(), bar.clone())?).await;
        bar.finish_and_clear();
        sent?;
        output.note(&format!("Packed and sent {size}."));
    }
    Ok(packed.manifest)
}

/// The data folder with its keys is never packed, whether it is this folder, in it, or around it.
fn apart(folder: &Path, data: &Path) -> Result<()> {
    let Ok(data) = data.canonicalize() else { return Ok(()) };
    if folder.starts_with(&data) || data.starts_with(folder) {
        return Err(Stop::Usage(format!(
            "`{}` and Sextant's own data folder `{}` lie in each other, and its keys are never sent; deploy the \
             app's own folder, or move the data folder with --data",
            folder.display(),
            data.display()
        ))
        .into());
    }
    Ok(())
}

/// Packs into a file that goes when it is dropped; and what is to be said about what stays.
fn pack(folder: &Path, service: &str, limits: Limits, quiet: bool) -> Result<(Packed, Vec<String>)> {
    let usage =
        |error: archive::Error| Stop::Usage(format!("`{}` can't be packed: {error}", folder.display()));
    let git = Git::of(folder, None);
    let tracked = git.as_ref().and_then(Git::tracked);
    let tree = archive::walk(folder, &Rules { tracked, limits }).map_err(usage)?;
    let file = tempfile::Builder::new().prefix("sextant-source-").tempfile();
    let mut file = file.context("no temporary file could be made; point TMPDIR to a place with room")?;
    let bar = bar(quiet, tree.bytes, "Packing {msg} files, {bytes} of {total_bytes} {wide_bar}");
    let mut told = |progress: Progress| {
        bar.set_position(progress.bytes);
        bar.set_message(progress.files.to_string());
    };
    let contents = archive::pack(&tree, io::BufWriter::new(file.as_file_mut()), limits, &mut told);
    bar.finish_and_clear();
    let contents = contents.map_err(usage)?;
    file.flush().context("the packed folder can't be written")?;
    let origin = git.map(|git| git.origin()).unwrap_or_default();
    let tracked = tree.tracks_what_stays();
    let left = stays(folder, service, &tree);
    Ok((Packed { manifest: contents.manifest(origin), tracked, file }, left))
}

/// The commit that a folder of a Git repository is at, in one line.
fn checked_out(origin: &Origin) -> Option<String> {
    let commit = origin.commit.as_ref()?;
    let on = origin.branch.as_ref().or(origin.tag.as_ref()).map(|name| format!("{name}, "));
    let author = origin.author.as_ref().map(|author| format!(" by {author}")).unwrap_or_default();
    let message = origin.message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
    let dirty = if origin.dirty { ", with uncommitted changes" } else { "" };
    let short = commit.get(..8).unwrap_or(commit);
    let line = format!("From {}commit {short}{author}{message}{dirty}", on.unwrap_or_default());
    Some(visible(&line).into_owned())
}

/// What isn't sent: one line for the names that never travel, and one for each file of variables.
fn stays(folder: &Path, service: &str, tree: &Tree) -> Vec<String> {
    let files: Vec<&str> = tree.dotenv.iter().map(|file| file.name.as_str()).collect();
    let others = tree.left_out.iter().filter(|path| !files.iter().any(|file| path == &Path::new(file)));
    let mut names: Vec<String> = others.map(|path| path.display().to_string()).collect();
    let more = names.len().saturating_sub(5);
    names.truncate(5);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    if tree.ignored {
        names.push("what its ignore files name".to_owned());
    }
    let mut lines = vec![];
    if !names.is_empty() {
        lines.push(format!("Left out: {}.", names.join(", ")));
    }
    lines.extend(tree.dotenv.iter().map(|file| {
        let names = if file.names == 1 { "1 name".to_owned() } else { format!("{} names", file.names) };
        let here = std::env::current_dir().is_ok_and(|here| here == folder);
        let path = if here { PathBuf::from(&file.name) } else { folder.join(&file.name) };
        format!(
            "Found {} with {names}, which is not sent: import with `sextant env import {} --service {service}`.",
            file.name,
            shell(&path.display().to_string()),
        )
    }));
    lines
}

/// As one word of a shell's command.
fn shell(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

fn bar(quiet: bool, length: u64, template: &str) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(length).with_style(style)
}

fn pieces(path: &Path, bar: ProgressBar) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + use<>> {
    let file = File::open(path).context("the packed folder can't be read")?;
    let file = tokio::fs::File::from_std(file);
    let pieces = stream::try_unfold(file, |mut file| async move {
        let mut piece = Vec::with_capacity(PIECE);
        let read = file.read_buf(&mut piece).await?;
        Ok((read > 0).then(|| (Bytes::from(piece), file)))
    });
    Ok(pieces.inspect(move |piece| bar.inc(piece.as_ref().map_or(0, |piece| piece.len() as u64))))
}

fn mib(bytes: u64) -> String {
    if bytes < 1 << 20 {
        format!("{} KiB", bytes.div_ceil(1 << 10))
    } else {
        format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
    }
}

/// A folder that was named on the command line.
pub fn folder(source: &str) -> Result<PathBuf> {
    let absolute = Path::new(source).canonicalize().map_err(|error| {
        Stop::Usage(format!(
            "`{source}` can't be deployed ({error}); give an existing folder, or an https:// URL"
        ))
    })?;
    if !absolute.is_dir() {
        return Err(Stop::Usage(format!(
            "`{source}` is a file; give the folder that holds the app's source"
        ))
        .into());
    }
    Ok(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_stays_is_said() {
        let app = tempfile::tempdir().unwrap();
        for (name, text) in
            [("a", ""), ("node_modules/x", ""), (".env", "A=1\nB=2\nC=3\nD=4\n"), (".gitignore", "x")]
        {
            let path = app.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let (packed, said) = pack(app.path(), "shop", Limits::default(), true).unwrap();
        let file = app.path().join(".env").display().to_string();
        assert_eq!(packed.manifest.files, 2);
        assert_eq!(
            said,
            [
                "Left out: node_modules, what its ignore files name.".to_owned(),
                format!(
                    "Found .env with 4 names, which is not sent: import with `sextant env import {file} --service shop`."
                )
            ]
        );
    }

    #[test]
    fn a_checked_out_commit_is_said_with_what_differs_from_it() {
        let text = |text: &str| Some(text.to_owned());
        let origin = Origin {
            commit: text("0123456789abcdef"),
            branch: text("main"),
            author: text("Ann"),
            message: text("Mend the till\u{1b}[2J"),
            dirty: true,
            ..Origin::default()
        };
        let said = checked_out(&origin).unwrap();
        assert!(said.starts_with("From main, commit 01234567 by Ann: Mend the till"), "{said}");
        assert!(said.ends_with(", with uncommitted changes") && !said.contains('\u{1b}'), "{said}");
        assert_eq!(checked_out(&Origin::default()), None);
    }

    #[test]
    fn the_data_folder_is_never_packed() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let (app, data) = (place.join("app"), place.join("app/data"));
        fs::create_dir_all(&data).unwrap();
        fs::create_dir_all(place.join("other")).unwrap();
        for folder in [&place, &app, &data] {
            assert!(apart(folder, &data).is_err(), "{}", folder.display());
        }
        assert!(apart(&place.join("other"), &data).is_ok());
        assert!(apart(&app, &place.join("none")).is_ok());
    }
}
