//! The commands of a shell script, as far as linting needs them: names, words without quotes, pipes.
//!
//! Total and linear: each byte is read once; nesting deeper than [`DEPTH`] is read as plain text.

/// How deep `$(…)` and `(…)` are followed.
const DEPTH: usize = 40;

/// A command with its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Command {
    /// Its name and arguments, without quotes.
    pub(crate) words: Vec<String>,
    /// `NAME=value` before it.
    pub(crate) assignments: Vec<String>,
    /// Whether it reads what the command before it writes.
    pub(crate) piped: bool,
}

/// A script as a shell would read it: its commands, and how they are joined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) commands: Vec<Command>,
    pub(crate) pipes: bool,
}

impl Command {
    pub(crate) fn name(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// The name without its folder.
    pub(crate) fn base(&self) -> &str {
        self.name().rsplit('/').next().unwrap_or_default()
    }

    pub(crate) fn args(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }

    pub(crate) fn has(&self, arg: &str) -> bool {
        self.args().iter().any(|word| word == arg)
    }

    /// Whether one of the arguments is one of these words.
    pub(crate) fn has_any(&self, args: &[&str]) -> bool {
        args.iter().any(|arg| self.has(arg))
    }

    /// `y` for `-y` and `-qy`, `yes` for `--yes` and `--yes=true`.
    pub(crate) fn flag(&self, flag: &str) -> bool {
        self.args().iter().any(|word| match word.strip_prefix("--") {
            Some(long) => long.split('=').next() == Some(flag),
            None => word.strip_prefix('-').is_some_and(|short| {
                short == flag
                    || (flag.len() == 1 && short.split('=').next().unwrap_or_default().contains(flag))
            }),
        })
    }

    pub(crate) fn any_flag(&self, flags: &[&str]) -> bool {
        flags.iter().any(|flag| self.flag(flag))
    }

    /// Arguments that are no flags, nor the values of the flags that are named.
    pub(crate) fn plain(&self, with_value: &[&str]) -> Vec<&str> {
        let mut out = Vec::new();
        let mut skip = false;
        for word in self.args() {
            if std::mem::take(&mut skip) {
                continue;
            }
            match word.strip_prefix('-') {
                Some(_) => skip = with_value.contains(&word.trim_start_matches('-')),
                None => out.push(word.as_str()),
            }
        }
        out
    }
}

/// Reads a script.
pub(crate) fn parse(script: &str) -> Script {
    let mut reader =
        Reader { text: script, at: 0, out: Script::default(), heredocs: Vec::new(), endless: false };
    while reader.at < script.len() {
        reader.list(None, 0);
    }
    reader.out
}

/// The one command of the exec form; the script that a shell is handed there is read too.
pub(crate) fn exec(words: Vec<String>) -> Script {
    let command = Command { words, ..Command::default() };
    let shell = ["sh", "bash", "ash", "dash", "zsh"].contains(&command.base());
    let mut script = match command.args() {
        [flag, text, ..] if shell && flag.starts_with('-') && flag.ends_with('c') => parse(text),
        _ => Script::default(),
    };
    script.commands.push(unwrapped(command));
    script
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    out: Script,
    heredocs: Vec<(String, bool)>,
    /// A heredoc without an end was met: looking for further ends would read the rest again and again.
    endless: bool,
}

/// What is being put together.
#[derive(Default)]
struct Open {
    command: Command,
    word: Option<String>,
    quoted: bool,
    skip: bool,
    pattern: bool,
    cases: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        super::work::steps(1);
        Some(c)
    }

    fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// Commands up to the closing character.
    fn list(&mut self, close: Option<char>, depth: usize) {
        let mut open = Open::default();
        while let Some(c) = self.next() {
            if Some(c) == close && !open.pattern {
                break;
            }
            if open.word.is_none() && c == '#' {
                let end = self.rest().find('\n').unwrap_or(self.rest().len());
                self.at += end;
                continue;
            }
            self.step(c, &mut open, depth);
        }
        self.end(&mut open, false);
    }

    fn step(&mut self, c: char, open: &mut Open, depth: usize) {
        let test = open.command.words.first().is_some_and(|word| word == "[[")
            && open.command.words.last().is_none_or(|word| word != "]]");
        match c {
            ' ' | '\t' | '\r' => Self::word_end(open),
            '\n' => {
                self.end(open, false);
                self.skip_heredocs();
            }
            '&' | '|' | '(' | ')' if test => Self::word_end(open),
            ';' => {
                let double = self.take(";");
                self.end(open, false);
                open.pattern = double && open.cases > 0;
            }
            '&' if self.rest().starts_with('>') => self.redirect(open),
            '&' => {
                self.take("&");
                self.end(open, false);
            }
            '|' if open.pattern => Self::word_end(open),
            '|' if self.take("|") => self.end(open, false),
            '|' => {
                self.take("&");
                self.out.pipes = true;
                self.end(open, true);
            }
            '(' if open.word.is_some() => self.function(open),
            '(' if self.rest().starts_with(')') => {
                self.at += 1;
                open.command = Command::default();
            }
            '(' if open.pattern => {}
            '(' if depth < DEPTH => {
                self.end(open, false);
                self.list(Some(')'), depth + 1);
            }
            '(' | ')' => {
                if open.pattern {
                    open.word = None;
                    open.command = Command::default();
                    open.pattern = false;
                } else {
                    self.end(open, false);
                }
            }
            '<' | '>' => self.redirection(c, open, depth),
            _ => self.character(c, open, depth),
        }
    }

    /// `name()` begins a function, `name=(` a list.
    fn function(&mut self, open: &mut Open) {
        if self.take(")") {
            open.word = None;
            open.command.words.clear();
        } else {
            let end = self.rest().find(')').map_or(self.rest().len(), |end| end + 1);
            self.at += end;
        }
    }

    fn redirect(&mut self, open: &mut Open) {
        Self::word_end(open);
        self.at += 1;
        self.take(">");
        open.skip = true;
    }

    fn redirection(&mut self, c: char, open: &mut Open, depth: usize) {
        if open.word.as_ref().is_some_and(|word| word.chars().all(|c| c.is_ascii_digit())) {
            open.word = None;
        }
        Self::word_end(open);
        if self.rest().starts_with('(') && depth < DEPTH {
            self.at += 1;
            self.list(Some(')'), depth + 1);
            open.word.get_or_insert_default().push_str("/dev/fd");
        } else if c == '<' && self.take("<<") {
            open.skip = true;
        } else if c == '<' && self.take("<") {
            let strip = self.take("-");
            while self.take(" ") {}
            let end = self.rest().find(|c: char| c.is_whitespace() || ";&|<>()".contains(c));
            let raw = &self.rest()[..end.unwrap_or(self.rest().len())];
            let (name, length) = (raw.replace(['"', '\'', '\\'], ""), raw.len());
            self.at += length;
            self.heredocs.push((name, strip));
        } else {
            for more in [">", "&", "|"] {
                self.take(more);
            }
            open.skip = true;
        }
    }

    fn skip_heredocs(&mut self) {
        for (name, strip) in std::mem::take(&mut self.heredocs) {
            // An ending that never comes swallows nothing: the text may stand in the Dockerfile, not here.
            if self.endless {
                return;
            }
            let mut at = self.at;
            let start = at;
            for line in self.text[self.at..].split_inclusive('\n') {
                super::work::steps(line.len());
                at += line.len();
                let line = line.trim_end_matches(['\n', '\r']);
                if name == if strip { line.trim_start_matches('\t') } else { line } {
                    self.at = at;
                    break;
                }
            }
            self.endless = self.at == start;
        }
    }

    fn character(&mut self, c: char, open: &mut Open, depth: usize) {
        let word = &mut open.word;
        match c {
            '\\' => match self.next() {
                None | Some('\n') => {}
                Some(next) => word.get_or_insert_default().push(next),
            },
            '\'' => {
                open.quoted = true;
                let end = self.rest().find('\'').unwrap_or(self.rest().len());
                word.get_or_insert_default().push_str(&self.text[self.at..self.at + end]);
                self.at = (self.at + end + 1).min(self.text.len());
            }
            '"' => {
                open.quoted = true;
                word.get_or_insert_default();
                while let Some(c) = self.next() {
                    match c {
                        '"' => break,
                        '\\' => match self.next() {
                            None | Some('\n') => {}
                            Some(next) => open.word.get_or_insert_default().push(next),
                        },
                        _ => self.expansion(c, &mut open.word, depth),
                    }
                }
            }
            _ => self.expansion(c, word, depth),
        }
    }

    fn expansion(&mut self, c: char, word: &mut Option<String>, depth: usize) {
        let word = word.get_or_insert_default();
        match c {
            '$' if self.take("((") => {
                let end = self.rest().find("))").map_or(self.rest().len(), |end| end + 2);
                self.at += end;
                word.push_str("${VAR}");
            }
            '$' if depth < DEPTH && self.take("(") => {
                self.list(Some(')'), depth + 1);
                word.push_str("${VAR}");
            }
            '$' if self.take("{") => {
                let end = self.rest().find('}').map_or(self.rest().len(), |end| end + 1);
                word.push_str("${");
                word.push_str(&self.text[self.at..self.at + end]);
                self.at += end;
            }
            '`' if depth < DEPTH => {
                self.list(Some('`'), depth + 1);
                word.push_str("${VAR}");
            }
            _ => word.push(c),
        }
    }

    fn word_end(open: &mut Open) {
        let Some(word) = open.word.take() else { return };
        let quoted = std::mem::take(&mut open.quoted);
        if std::mem::take(&mut open.skip) {
            return;
        }
        if open.command.words.is_empty() && !quoted {
            match word.as_str() {
                "if" | "then" | "elif" | "else" | "fi" | "while" | "until" | "do" | "done" | "{" | "}"
                | "!" | "time" | "coproc" => {
                    return;
                }
                "function" => {
                    // Its name follows, which is no command.
                    open.skip = true;
                    return;
                }
                "esac" => {
                    open.cases = open.cases.saturating_sub(1);
                    open.pattern = false;
                    return;
                }
                _ => {}
            }
        }
        let case = open.command.words.first().is_some_and(|first| first == "case");
        if case && word == "in" {
            open.command = Command::default();
            open.cases += 1;
            open.pattern = true;
            return;
        }
        if open.command.words.is_empty() && is_assignment(&word) {
            open.command.assignments.push(word);
        } else {
            open.command.words.push(word);
        }
    }

    /// Ends the command; `pipe` says that the next one reads what it writes.
    fn end(&mut self, open: &mut Open, pipe: bool) {
        Self::word_end(open);
        let command = std::mem::take(&mut open.command);
        open.skip = false;
        open.command.piped = pipe;
        let none = matches!(command.name(), "" | "for" | "select" | "case" | "[" | "[[");
        if !none && !open.pattern {
            self.out.commands.push(unwrapped(command));
        }
    }
}

/// `command x`, `builtin x`, `busybox x` and `exec x` run x.
fn unwrapped(mut command: Command) -> Command {
    let skip = match command.name() {
        "command" | "builtin" | "busybox" => 1,
        "exec" if command.args().first().is_some_and(|arg| arg == "-a") => 3,
        "exec" => {
            1 + command.args().iter().take_while(|arg| matches!(arg.as_str(), "-c" | "-l" | "-cl")).count()
        }
        _ => 0,
    };
    if command.words.get(skip).is_some_and(|program| !program.starts_with('-')) {
        command.words.drain(..skip);
    }
    command
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        let name = name.trim_end_matches('+');
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}
