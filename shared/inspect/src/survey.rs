//! Everything that is found in a source before anything of it runs: secrets in any file, mistakes in Dockerfiles.
//!
//! Invariant: files of every folder are looked at, whatever its name: what travels is what is deployed. No link is
//! followed; a file is in memory a piece at a time; nothing of a secret is kept.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _, Seek as _, SeekFrom},
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
    /// Files, those that hold no text included.
    pub files: u64,
    /// Files that hold no text or can't be read.
    pub passed_over: u64,
}

/// How far a survey has come: everything before it is told. It holds for a tree that is the same file by file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// The files that are done with.
    pub looked: Looked,
    /// Bytes of the next file that are done with: in whole pieces.
    pub offset: u64,
    /// Lines of the next file that end before that.
    pub lines: u64,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// Go on with the next piece.
    On,
    /// Enough for now: the rest is looked at later.
    Pause,
}

/// How a survey stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It has looked at everything.
    Done(Looked),
    /// It goes on from here.
    Paused(Position),
}

/// Settings by the file they stand in: read once, however many Dockerfiles they hold for.
type Known = BTreeMap<PathBuf, Settings>;

/// Looks at every file below a folder, in the order of their names, and tells what it finds.
pub fn survey(root: &Path, told: &mut dyn FnMut(Found)) -> io::Result<Looked> {
    match survey_from(root, Position::default(), told, &mut |_| Pace::On)? {
        Stand::Done(looked) => Ok(looked),
        Stand::Paused(position) => Ok(position.looked),
    }
}

/// The same from a position on; `pace` is asked after each file and each piece of one, with the bytes of it, and a
/// survey that pauses has looked at one at least.
pub fn survey_from(
    root: &Path,
    from: Position,
    told: &mut dyn FnMut(Found),
    pace: &mut dyn FnMut(u64) -> Pace,
) -> io::Result<Stand> {
    let mut walk = Walk { root, known: Known::new(), at: from, told, pace };
    let mut to_skip = from.looked.files;
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<fs::DirEntry> = fs::read_dir(&folder)?.collect::<io::Result<_>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        let mut inner = vec![];
        for entry in entries {
            let kind = entry.file_type()?;
            if kind.is_dir() {
                inner.push(entry.path());
            } else if kind.is_file() && to_skip > 0 {
                to_skip -= 1;
            } else if kind.is_file() && walk.file(&entry.path()) == Pace::Pause {
                return Ok(Stand::Paused(walk.at));
            }
        }
        folders.extend(inner.into_iter().rev());
    }
    Ok(Stand::Done(walk.at.looked))
}

/// What one file came to.
enum Read {
    /// It is done with.
    Whole {
        /// Whether it is a text.
        text: bool,
        /// Bytes of it since the pace was asked last.
        bytes: u64,
    },
    /// The rest of it is looked at later.
    Part,
}

/// A survey under way.
struct Walk<'a> {
    root: &'a Path,
    known: Known,
    at: Position,
    told: &'a mut dyn FnMut(Found),
    pace: &'a mut dyn FnMut(u64) -> Pace,
}

impl Walk<'_> {
    /// One file, from where the survey has come in it.
    fn file(&mut self, path: &Path) -> Pace {
        let (text, bytes) = match self.read(path) {
            Ok(Read::Part) => return Pace::Pause,
            Ok(Read::Whole { text, bytes }) => (text, bytes),
            Err(_) => (false, 0),
        };
        let looked = &mut self.at.looked;
        looked.files += 1;
        looked.passed_over += u64::from(!text);
        (self.at.offset, self.at.lines) = (0, 0);
        (self.pace)(bytes)
    }

    fn read(&mut self, path: &Path) -> io::Result<Read> {
        let shown = path.strip_prefix(self.root).unwrap_or(path).to_string_lossy().into_owned();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut first = self.at.offset == 0;
        if first && docker::is_named(&name) {
            dockerfile(self.root, path, &shown, &mut self.known, self.told);
        }
        let mut from = fs::File::open(path)?;
        let size = from.metadata()?.len();
        from.seek(SeekFrom::Start(self.at.offset))?;
        let mut window = Vec::with_capacity(WINDOW.min(usize::try_from(size).unwrap_or(WINDOW)));
        loop {
            let room = WINDOW - window.len();
            let read = (&mut from).take(room as u64).read_to_end(&mut window)?;
            let last = read < room;
            if first && is_wide(&window) {
                (&mut from).take(WIDE_BYTES).read_to_end(&mut window)?;
                for finding in secret::scan_text(&shown, crate::text::decoded(&window).as_bytes()) {
                    (self.told)(Found::Secret(finding));
                }
                return Ok(Read::Whole { text: true, bytes: size.saturating_sub(self.at.offset) });
            }
            if first && memchr::memchr(0, &window[..window.len().min(HEAD)]).is_some() {
                return Ok(Read::Whole { text: false, bytes: size });
            }
            let before = usize::try_from(self.at.lines).unwrap_or(usize::MAX);
            let (findings, done, passed) = scan_window(&shown, &window, before, last);
            for finding in findings {
                (self.told)(Found::Secret(finding));
            }
            if last {
                return Ok(Read::Whole { text: true, bytes: size.saturating_sub(self.at.offset) });
            }
            window.drain(..done);
            (self.at.offset, self.at.lines) = (self.at.offset + done as u64, self.at.lines + passed as u64);
            first = false;
            if (self.pace)(done as u64) == Pace::Pause {
                return Ok(Read::Part);
            }
        }
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

    /// In as many stretches as there are pieces it finds what it finds at once.
    #[test]
    fn a_survey_that_pauses_goes_on_where_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let lines = ["key = ", &key(), "\n", &"nothing to see in this line\n".repeat(40_000)].concat();
        for name in ["a/large.txt", "b.txt", "z.txt"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, lines.repeat(3)).expect("written");
        }
        fs::write(folder.path().join("Dockerfile"), "FROM a:1\nADD x /y\n").expect("written");
        fs::write(folder.path().join("image.png"), b"\x89PNG\r\n\0\0").expect("written");
        let (mut at_once, mut in_parts) = (vec![], vec![]);
        let looked = survey(folder.path(), &mut |found| at_once.push(found)).expect("a folder");
        let (mut at, mut stretches, mut bytes) = (Position::default(), 0, 0);
        let told = loop {
            stretches += 1;
            let stand = survey_from(folder.path(), at, &mut |found| in_parts.push(found), &mut |piece| {
                bytes += piece;
                Pace::Pause
            });
            match stand.expect("a folder") {
                Stand::Paused(position) => at = position,
                Stand::Done(looked) => break looked,
            }
        };
        assert_eq!((told, in_parts), (looked, at_once));
        assert!(stretches > 10, "{stretches} stretches");
        let size = |name: &str| fs::metadata(folder.path().join(name)).expect("a file").len();
        let all = ["a/large.txt", "b.txt", "z.txt", "Dockerfile", "image.png"].map(size);
        assert_eq!(bytes, all.iter().sum::<u64>());
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
