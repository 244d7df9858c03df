//! A Dockerfile as BuildKit splits it: directives, instructions with their lines, flags, heredocs.
//!
//! Total: any text parses, in linear time. What BuildKit would refuse is kept in [`File::problems`].

use super::syntax::{File, Heredoc, Instruction, Problem};
use super::{refuse, word, work};

struct Reader<'t> {
    lines: Vec<&'t str>,
    next: usize,
    file: File,
}

/// Reads a Dockerfile.
pub fn parse(text: &str) -> File {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<&str> = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).collect();
    let mut reader = Reader { lines, next: 0, file: File { escape: '\\', ..File::default() } };
    reader.directives();
    while reader.next < reader.lines.len() {
        reader.instruction();
    }
    reader.file
}

impl Reader<'_> {
    /// `# key=value` on the first lines; the first line that is anything else ends them.
    fn directives(&mut self) {
        for index in 0..self.lines.len() {
            let Some((key, value)) = directive(self.lines[index]) else { break };
            if self.file.directives.iter().any(|(known, _)| *known == key) {
                self.problem(index, &format!("the directive {key} stands here twice"));
            }
            match (key.as_str(), value) {
                ("escape", "`") => self.file.escape = '`',
                ("escape", "\\") | ("syntax" | "check", _) => {}
                _ => self.problem(index, "the escape directive takes a backslash or a backtick"),
            }
            self.file.directives.push((key, value.to_owned()));
        }
    }

    fn instruction(&mut self) {
        let index = self.next;
        self.next += 1;
        work::steps(self.lines[index].len() + 1);
        let first = self.lines[index].trim();
        if first.is_empty() {
            return;
        }
        if let Some(comment) = first.strip_prefix('#') {
            self.file.comments.push((index + 1, comment.trim().to_owned()));
            return;
        }
        let whole = self.joined(self.lines[index].trim_start().to_owned());
        let mut instruction = split(&whole, index + 1);
        if instruction.keyword == "ONBUILD" && instruction.flags.is_empty() {
            let written = instruction.written;
            instruction = split(&instruction.text, index + 1);
            instruction.onbuild = true;
            if instruction.keyword.is_empty() {
                self.problem(index, "ONBUILD has no instruction behind it");
                "ONBUILD".clone_into(&mut instruction.keyword);
                instruction.written = written;
            }
        }
        // A list takes `<<` as it stands.
        let reads = matches!(instruction.keyword.as_str(), "RUN" | "COPY" | "ADD");
        if reads && instruction.text.contains("<<") && instruction.json().is_none() {
            self.heredocs(&mut instruction);
        }
        instruction.end_line = self.next;
        if let Some(message) = refuse::refused(&instruction, self.file.escape) {
            self.problem(index, &message);
        }
        self.file.instructions.push(instruction);
    }

    /// The line with those it is continued by. Comments and empty lines in between are skipped.
    fn joined(&mut self, mut whole: String) -> String {
        let escape = self.file.escape;
        while let Some(open) = continued(&whole, escape) {
            whole.truncate(open);
            loop {
                let Some(line) = self.lines.get(self.next) else { return whole };
                self.next += 1;
                work::steps(line.len() + 1);
                let trimmed = line.trim();
                if let Some(comment) = trimmed.strip_prefix('#') {
                    self.file.comments.push((self.next, comment.trim().to_owned()));
                } else if !trimmed.is_empty() {
                    let open = whole.ends_with(char::is_whitespace);
                    // Only what was added can hold the next continuation: that keeps the joining linear.
                    whole.push_str(if open { line.trim_start() } else { line });
                    break;
                }
            }
        }
        whole
    }

    fn heredocs(&mut self, instruction: &mut Instruction) {
        // BuildKit looks for them with a backslash, whatever the escape character, and in no text that it can't split.
        let (words, true) = word::split_closed(&instruction.text, '\\') else { return };
        let words: Vec<_> = words.into_iter().filter_map(word::heredoc).collect();
        for (name, strip_tabs, expand) in words {
            let line = self.next + 1;
            let mut heredoc = Heredoc { name, body: String::new(), line, expand, strip_tabs };
            if !self.body(&mut heredoc) {
                let message = format!("the heredoc {} has no end", heredoc.name);
                self.problem(instruction.line - 1, &message);
            }
            instruction.heredocs.push(heredoc);
        }
    }

    /// Takes the lines up to the end of the heredoc; whether there was one.
    fn body(&mut self, heredoc: &mut Heredoc) -> bool {
        while let Some(line) = self.lines.get(self.next) {
            self.next += 1;
            work::steps(line.len() + 1);
            let line = if heredoc.strip_tabs { line.trim_start_matches('\t') } else { line };
            if line == heredoc.name {
                return true;
            }
            heredoc.body.push_str(line);
            heredoc.body.push('\n');
        }
        false
    }

    fn problem(&mut self, index: usize, message: &str) {
        self.file.problems.push(Problem { line: index + 1, message: message.to_owned() });
    }
}

/// One that BuildKit knows.
fn directive(line: &str) -> Option<(String, &str)> {
    let (key, value) = line.trim().strip_prefix('#')?.split_once('=')?;
    let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
    (matches!(key.as_str(), "escape" | "syntax" | "check") && !value.is_empty()).then_some((key, value))
}

/// Where the escape character is that continues this line: the last character but white space, and single.
fn continued(line: &str, escape: char) -> Option<usize> {
    let open = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!open.ends_with(escape)).then_some(open.len())
}

/// Keyword, flags and the rest.
fn split(whole: &str, line: usize) -> Instruction {
    let whole = whole.trim();
    let (written, mut rest) = whole.split_once(char::is_whitespace).unwrap_or((whole, ""));
    let mut flags = Vec::new();
    while let Some(after) = rest.trim_start().strip_prefix("--") {
        let (flag, length) = flag(after);
        rest = &after[length..];
        // A bare `--` ends the flags.
        if flag.is_empty() {
            break;
        }
        let (key, value) = flag.split_once('=').unwrap_or((&flag, ""));
        flags.push((key.to_owned(), value.to_owned()));
    }
    Instruction {
        keyword: written.to_ascii_uppercase(),
        written: written.to_owned(),
        flags,
        text: rest.trim().to_owned(),
        line,
        ..Instruction::default()
    }
}

/// A flag up to the white space behind it, its quotes and backslashes taken away, and how long it was.
fn flag(text: &str) -> (String, usize) {
    let mut out = String::new();
    let mut quote = None;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (None, _) if c.is_whitespace() => return (out, at),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if c == open => quote = None,
            (_, '\\') => out.extend(chars.next().map(|(_, c)| c)),
            _ => out.push(c),
        }
    }
    (out, text.len())
}
