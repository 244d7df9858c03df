//! Everything that is found in a source before anything of it runs: secrets in any file, mistakes in Dockerfiles.
//!
//! Invariant: files of every folder are looked at, whatever its name: what travels is what is deployed. No link is
//! followed; a file is in memory a piece at a time; nothing of a secret is kept.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::docker::{self, Settings, Surroundings};
use crate::secret::{self, WINDOW, scan_window};

/// Larger files are no Dockerfiles, nor settings for them.
const DOCKERFILE_BYTES: u64 = 1 << 20;
/// Bytes of a text in UTF-16 that are looked at: it is translated whole.
const WIDE_BYTES: u64 = 8 << 20;
/// Bytes by which text is told from anything else.
const HEAD: usize = 8 << 10;

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// What looks like a secret.
    Secret(secret::Finding),
    /// A mistake in a Dockerfile.
    Dockerfile {
        /// Relative to the source's root, with `/`.
        file: String,
        /// What is wrong.
        finding: docker::Finding,
    },
}

/// How much was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// Files.
    pub files: u64,
    /// Files that hold no text or can't be read.
    pub passed_over: u64,
}

/// Settings by the file they stand in: read once, however many Dockerfiles they hold for.
type Known = BTreeMap<PathBuf, Settings>;

/// Looks at every file below a folder, in the order of their names, and tells what it finds.
pub fn survey(root: &Path, told: &mut dyn FnMut(Found)) -> io::Result<Looked> {
    let mut looked = Looked::default();
    let mut folders = vec![root.to_owned()];
    let mut settings = Known::new();
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<fs::DirEntry> = fs::read_dir(&folder)?.collect::<io::Result<_>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        let mut inner = vec![];
        for entry in entries {
            let kind = entry.file_type()?;
            if kind.is_dir() {
                inner.push(entry.path());
            } else if kind.is_file() {
                looked.files += 1;
                let text = file(root, &entry.path(), &mut settings, told).unwrap_or(false);
                looked.passed_over += u64::from(!text);
            }
        }
        folders.extend(inner.into_iter().rev());
    }
    Ok(looked)
}

/// One file; whether it is a text.
fn file(root: &Path, path: &Path, known: &mut Known, told: &mut dyn FnMut(Found)) -> io::Result<bool> {
    let shown = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if docker::is_named(&name) {
        dockerfile(root, path, &shown, known, told);
    }
    let mut from = fs::File::open(path)?;
    let mut window =
        Vec::with_capacity(WINDOW.min(usize::try_from(from.metadata()?.len()).unwrap_or(WINDOW)));
    let (mut lines, mut first) = (0, true);
    loop {
        let room = WINDOW - window.len();
        let read = (&mut from).take(room as u64).read_to_end(&mut window)?;
        let last = read < room;
        if first && is_wide(&window) {
            (&mut from).take(WIDE_BYTES).read_to_end(&mut window)?;
            for finding in secret::scan_text(&shown, crate::text::decoded(&window).as_bytes()) {
                told(Found::Secret(finding));
            }
            return Ok(true);
        }
        if first && memchr::memchr(0, &window[..window.len().min(HEAD)]).is_some() {
            return Ok(false);
        }
        let (findings, done, passed) = scan_window(&shown, &window, lines, last);
        for finding in findings {
            told(Found::Secret(finding));
        }
        if last {
            return Ok(true);
        }
        window.drain(..done);
        (lines, first) = (lines + passed, false);
    }
}

/// Text in UTF-16 says so at its beginning.
fn is_wide(text: &[u8]) -> bool {
    text.starts_with(&[0xff, 0xfe]) || text.starts_with(&[0xfe, 0xff])
}

fn dockerfile(root: &Path, path: &Path, shown: &str, known: &mut Known, told: &mut dyn FnMut(Found)) {
    let Some(text) = small(path) else { return };
    let ignore = |name: String| path.with_file_name(name).exists();
    let own = format!("{}.dockerignore", path.file_name().unwrap_or_default().to_string_lossy());
    let around = Surroundings {
        dockerignore: Some(ignore(".dockerignore".to_owned()) || ignore(own)),
        report_ignores: false,
    };
    for finding in docker::scan_file(&docker::parse(&text), around, settings(root, path, known)) {
        told(Found::Dockerfile { file: shown.to_owned(), finding });
    }
}

/// The settings beside a Dockerfile, or in the nearest folder above it that belongs to the source.
fn settings<'k>(root: &Path, path: &Path, known: &'k mut Known) -> &'k Settings {
    let plain = |file: &PathBuf| fs::symlink_metadata(file).is_ok_and(|found| found.is_file());
    let folders = path.ancestors().skip(1).take_while(|folder| folder.starts_with(root));
    let files = folders.flat_map(|folder| Settings::FILES.iter().map(move |name| folder.join(name)));
    let file = files.into_iter().find(plain).unwrap_or_default();
    known
        .entry(file)
        .or_insert_with_key(|file| small(file).map_or_else(Settings::default, |text| Settings::read(&text)))
}

/// A file that is no larger than such files are.
fn small(path: &Path) -> Option<String> {
    let mut text = String::new();
    let size = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?.len();
    let read = fs::File::open(path).and_then(|file| file.take(DOCKERFILE_BYTES).read_to_string(&mut text));
    (size <= DOCKERFILE_BYTES && read.is_ok()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> String {
        format!("sk_live_{}", "a8Kq3ZxP0mW7vT2rYc5LbN9dJ6hG")
    }

    fn secrets(root: &Path) -> (Looked, Vec<(String, usize, bool)>) {
        let mut found = vec![];
        let looked = survey(root, &mut |one| {
            if let Found::Secret(finding) = one {
                found.push((finding.file, finding.line, finding.live));
            }
        });
        (looked.expect("a folder"), found)
    }

    #[test]
    fn every_folder_and_every_piece_of_a_file_is_looked_at() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &[u8]| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        };
        let filler = "nothing to see in this line\n".repeat(200_000);
        // Around the borders of pieces, and far behind the first.
        let lines: Vec<&str> = filler.lines().collect();
        let mut large = String::new();
        let mut expected = vec![];
        for (at, line) in lines.iter().enumerate() {
            if at % 997 == 0 {
                large += &["key = ", &key(), "\n"].concat();
                expected.push(("large.txt".to_owned(), at + 1, true));
            } else {
                large += line;
                large.push('\n');
            }
        }
        write("large.txt", large.as_bytes());
        write("target/deep/node_modules/a.js", format!("const k = '{}'", key()).as_bytes());
        write("image.png", b"\x89PNG\r\n\0\0 sk_live_");
        let wide: Vec<u8> =
            std::iter::once(0xfeff).chain(key().encode_utf16()).flat_map(u16::to_le_bytes).collect();
        write("wide.txt", &wide);
        expected.push(("wide.txt".to_owned(), 1, true));
        expected.push(("target/deep/node_modules/a.js".to_owned(), 1, true));
        let (looked, found) = secrets(folder.path());
        assert_eq!(looked, Looked { files: 4, passed_over: 1 });
        assert_eq!(found, expected);
    }

    #[test]
    fn a_file_of_one_long_line_is_looked_at_to_its_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!("{} {} ", "word ".repeat(WINDOW), key());
        fs::write(folder.path().join("bundle.js"), text).expect("written");
        let (_, found) = secrets(folder.path());
        assert_eq!(found, [("bundle.js".to_owned(), 1, true)]);
    }

    #[test]
    fn dockerfiles_are_looked_at_with_what_lies_beside_them() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("Dockerfile"), "FROM a:1\nADD x /y\nUSER 1000\n").expect("written");
        let rules = |root: &Path| {
            let mut rules = vec![];
            survey(root, &mut |one| {
                if let Found::Dockerfile { file, finding } = one {
                    rules.push((file, finding.rule, finding.line));
                }
            })
            .expect("a folder");
            rules
        };
        let before = rules(folder.path());
        assert!(before.iter().any(|(file, _, line)| file == "Dockerfile" && *line == 2), "{before:?}");
        fs::write(folder.path().join(".hadolint.yaml"), "ignored: [DL3020]\n").expect("written");
        let after = rules(folder.path());
        assert!(after.iter().all(|(_, _, line)| *line != 2), "{after:?}");
    }
}
