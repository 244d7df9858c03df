//! What the last stage of a Dockerfile sets for the container, on top of the stages that it is built from.
//!
//! Total and linear. Nothing of a base image is known but its name.

use super::syntax::{File, Instruction};
use super::word;
use std::collections::BTreeMap;

/// How a command is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// `["node", "server.js"]`: no shell in between.
    Exec(Vec<String>),
    /// Text for `/bin/sh -c`.
    Shell(String),
}

/// What a stage sets; lines from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) image: Option<(String, usize)>,
    pub(crate) entrypoint: Option<(Command, usize)>,
    pub(crate) cmd: Option<(Command, usize)>,
    pub(crate) expose: Vec<(u16, usize)>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) workdir: Option<String>,
    pub(crate) health_path: Option<(String, usize)>,
    cmd_is_inherited: bool,
}

/// The last stage; an empty one where there is none.
pub(crate) fn last(file: &File) -> Stage {
    let mut walk = Walk { left: super::lint::INHERITED, ..Walk::default() };
    for instruction in file.instructions.iter().filter(|instruction| !instruction.onbuild) {
        walk.step(instruction, file.escape);
    }
    walk.stages.pop().unwrap_or_default()
}

#[derive(Default)]
struct Walk {
    args: BTreeMap<String, String>,
    stages: Vec<Stage>,
    names: BTreeMap<String, usize>,
    /// What stages may still take from others.
    left: usize,
}

impl Walk {
    fn step(&mut self, instruction: &Instruction, escape: char) {
        match instruction.keyword.as_str() {
            "FROM" => self.from(instruction, escape),
            "ARG" => {
                for raw in word::split(&instruction.text, escape) {
                    let Some((key, value)) = raw.split_once('=') else { continue };
                    let value = self.known(&word::unquote(value, escape));
                    self.args.insert(key.to_owned(), value);
                }
            }
            "ENV" => {
                for (key, value) in word::pairs(&instruction.text, escape).0 {
                    let value = self.known(&value);
                    self.set(|stage| stage.env.insert(key, value));
                }
            }
            "WORKDIR" => {
                let folder = self.known(&word::unquote(&instruction.text, escape));
                self.set(|stage| stage.enter(folder));
            }
            "EXPOSE" => {
                for port in instruction.text.split_whitespace() {
                    let port = self.known(port).split(['/', '-']).next().and_then(|port| port.parse().ok());
                    self.set(|stage| stage.expose.extend(port.map(|port| (port, instruction.line))));
                }
            }
            _ => self.set(|stage| stage.start(instruction)),
        }
    }

    /// Outside of a stage nothing is set.
    fn set<T>(&mut self, change: impl FnOnce(&mut Stage) -> T) {
        self.stages.last_mut().map(change);
    }

    /// Variables put in: those of the stage before those of the build.
    fn known(&self, text: &str) -> String {
        let env = self.stages.last().map(|stage| &stage.env);
        word::expand(text, &|name| {
            word::short(env.and_then(|env| env.get(name)).or_else(|| self.args.get(name)))
        })
    }

    fn from(&mut self, instruction: &Instruction, escape: char) {
        let words = instruction.words(escape);
        let image = words.first().map(String::as_str).unwrap_or_default();
        let image = word::expand(image, &|name| word::short(self.args.get(name)));
        let base = self.names.get(&image.to_ascii_lowercase()).and_then(|base| self.stages.get(*base));
        let stage = match base.filter(|_| self.left > 0) {
            Some(base) => {
                self.left = self.left.saturating_sub(format!("{base:?}").len());
                Stage { cmd_is_inherited: true, ..base.clone() }
            }
            None => Stage { image: Some((image, instruction.line)), ..Stage::default() },
        };
        if let [_, between, name] = &words[..]
            && between.eq_ignore_ascii_case("as")
        {
            self.names.insert(name.to_ascii_lowercase(), self.stages.len());
        }
        self.stages.push(stage);
    }
}

impl Stage {
    fn enter(&mut self, folder: String) {
        self.workdir = Some(match &self.workdir {
            Some(above) if !folder.starts_with('/') => {
                format!("{}/{folder}", above.trim_end_matches('/'))
            }
            _ => folder,
        });
    }

    fn start(&mut self, instruction: &Instruction) {
        let line = instruction.line;
        match instruction.keyword.as_str() {
            "CMD" => {
                self.cmd = Some((command(instruction), line));
                self.cmd_is_inherited = false;
            }
            "ENTRYPOINT" => {
                self.entrypoint = Some((command(instruction), line));
                // What the stage below starts with is no argument of another program.
                if self.cmd_is_inherited {
                    self.cmd = None;
                }
            }
            "HEALTHCHECK" => {
                self.health_path = health_path(&instruction.text).map(|path| (path, line));
            }
            _ => {}
        }
    }
}

/// JSON where it is JSON, else shell text. BuildKit takes a broken list as shell text too.
fn command(instruction: &Instruction) -> Command {
    instruction.json().map_or_else(|| Command::Shell(instruction.text.clone()), Command::Exec)
}

/// The path that a health check asks for: `curl -f http://localhost:8080/healthz`.
fn health_path(text: &str) -> Option<String> {
    let at = text.find("http://").or_else(|| text.find("https://"))?;
    let (_, rest) = text[at..].split_once("//")?;
    let url = rest.split(|c: char| c.is_whitespace() || "\"',;|)".contains(c)).next()?;
    let path = url.find('/').map_or("/", |slash| &url[slash..]);
    Some(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::parse;

    fn of(text: &str) -> Stage {
        last(&parse(text))
    }

    fn exec(words: &[&str]) -> Command {
        Command::Exec(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn the_last_stage_on_top_of_the_one_it_names() {
        let stage = of(
            "ARG V=20\nFROM node:${V}-slim AS base\nWORKDIR /app\nENV A=1 B=\"two words\" PORT=3000\n\
             FROM golang AS other\nCMD x\nFROM base\nWORKDIR web\nEXPOSE $PORT/tcp 9000\nCMD [\"node\", \"a.js\"]\n",
        );
        assert_eq!(stage.image, Some(("node:20-slim".into(), 2)));
        assert_eq!(stage.workdir.as_deref(), Some("/app/web"));
        assert_eq!(stage.env["B"], "two words");
        assert_eq!(stage.expose, [(3000, 9), (9000, 9)]);
        assert_eq!(stage.cmd, Some((exec(&["node", "a.js"]), 10)));
    }

    #[test]
    fn continuations_comments_and_heredocs() {
        let stage = of(
            "FROM a\r\nRUN <<EOF cat <<-'B' > x\nCMD not this\nEOF\nCMD nor this\n\tB\nENV X a b\n\
             CMD [\"a\", \\\n# a comment\n\n  \"b\"]\nHEALTHCHECK CMD curl -f http://localhost:80/ok || exit 1\n\
             ONBUILD CMD later\n",
        );
        assert_eq!(stage.cmd, Some((exec(&["a", "b"]), 8)));
        assert_eq!(stage.env["X"], "a b");
        assert_eq!(stage.health_path, Some(("/ok".into(), 12)));
    }

    #[test]
    fn windows_escapes_and_lists_that_are_not_json() {
        let stage = of("# escape=`\nFROM a\nCMD one `\n  two\n");
        assert_eq!(stage.cmd, Some((Command::Shell("one two".into()), 3)));
        let stage = of("FROM a\nCMD ['node', 'x']");
        assert_eq!(stage.cmd, Some((Command::Shell("['node', 'x']".into()), 2)));
    }

    #[test]
    fn an_entry_point_of_its_own_drops_the_command_below() {
        assert_eq!(of("FROM a AS b\nCMD x\nFROM b\nENTRYPOINT y").cmd, None);
        assert!(of("FROM a AS b\nCMD x\nFROM b\nCMD z\nENTRYPOINT y").cmd.is_some());
        assert!(of("FROM a AS b\nENTRYPOINT y\nCMD x\nFROM B").cmd.is_some());
    }

    #[test]
    fn variables_in_every_form() {
        let stage = of("ARG A=1\nFROM a:${A:+x-y}${B:-${C-2}}\nENV D=${A:-9}$E\nEXPOSE ${P:-81} $Q");
        assert_eq!(stage.image, Some(("a:x-y2".into(), 2)));
        assert_eq!((stage.env["D"].as_str(), &stage.expose[..]), ("1$E", &[(81, 4)][..]));
    }

    #[test]
    fn text_that_is_no_dockerfile() {
        for text in
            ["", "\\", "FROM", "CMD", "RUN <<", "ENV =", "FROM a\nRUN <<EOF", "EXPOSE ${", "a\0\\\n\\"]
        {
            assert_eq!(of(text).cmd.filter(|_| text != "CMD"), None, "{text}");
        }
    }
}
