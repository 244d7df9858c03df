//! Reads a file of variables: `NAME=value` a line, with quotes, comments, `export`, and values of several lines.
//!
//! Not by a library: the one that is kept (dotenvy) replaces `$NAME` by what this process has under that name, and its
//! errors repeat the line, which may hold a secret. Invariant: what is refused is told by its line, never by its text.

/// One variable of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name, as it is written.
    pub name: String,
    /// Its value, without quotes.
    pub value: String,
    /// Whether another variable is named in it (`${OTHER}`), which other tools would put in; here it stays as it is.
    pub refers: bool,
}

/// A line that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Broken {
    /// From 1 on.
    pub line: usize,
    /// What is wrong, without what stands there.
    pub why: &'static str,
}

/// All variables, in order of their first mention; of one that is set twice the last value counts.
///
/// # Errors
/// The first line that can't be read.
pub fn parse(text: &str) -> Result<Vec<Setting>, Broken> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader { rest: text, line: 1 };
    let mut settings: Vec<Setting> = vec![];
    while let Some(setting) = reader.next()? {
        match settings.iter_mut().find(|known| known.name == setting.name) {
            Some(known) => *known = setting,
            None => settings.push(setting),
        }
    }
    Ok(settings)
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Option<Setting>, Broken> {
        loop {
            self.skip(char::is_whitespace);
            if self.rest.is_empty() {
                return Ok(None);
            }
            if !self.rest.starts_with('#') {
                return self.setting().map(Some);
            }
            self.skip(|c| c != '\n');
        }
    }

    fn setting(&mut self) -> Result<Setting, Broken> {
        if let Some(after) = self.rest.strip_prefix("export").filter(|after| after.starts_with([' ', '\t'])) {
            self.rest = after.trim_start_matches([' ', '\t']);
        }
        let name = self.skip(|c| c != '=' && c != '\n').trim().to_owned();
        if !self.rest.starts_with('=') {
            return Err(self.broken("it sets nothing: write NAME=VALUE, or # before a comment"));
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if name.is_empty() || !name.chars().all(legal) {
            return Err(self.broken("what stands before = is no name"));
        }
        self.rest = self.rest[1..].trim_start_matches([' ', '\t']);
        let (value, literal) = match self.rest.chars().next() {
            Some(quote @ ('"' | '\'' | '`')) => (self.quoted(quote)?, quote != '"'),
            _ => (self.plain(), false),
        };
        let refers = !literal && refers(&value);
        Ok(Setting { name, value, refers })
    }

    /// To the end of the line, or to a comment behind a space.
    fn plain(&mut self) -> String {
        let line = self.skip(|c| c != '\n');
        let comment = line.match_indices('#').map(|(at, _)| at);
        let end = comment.into_iter().find(|at| *at == 0 || line[..*at].ends_with([' ', '\t']));
        line[..end.unwrap_or(line.len())].trim_end().to_owned()
    }

    /// To the quote that closes it, over several lines if need be. Only double quotes know escapes.
    fn quoted(&mut self, quote: char) -> Result<String, Broken> {
        let begun = self.line;
        let (mut value, mut end) = (String::new(), None);
        let mut chars = self.rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                _ if c == quote => {
                    end = Some(at + c.len_utf8());
                    break;
                }
                // A file from elsewhere ends its lines otherwise.
                '\r' if self.rest[at..].starts_with("\r\n") => {}
                '\\' if quote == '"' => escape(&mut value, chars.next().map(|(_, c)| c)),
                _ => value.push(c),
            }
        }
        let Some(end) = end else {
            return Err(Broken { line: begun, why: "its quote is never closed" });
        };
        self.line += self.rest[..end].matches('\n').count();
        self.rest = &self.rest[end..];
        let after = self.skip(|c| c != '\n').trim();
        if !after.is_empty() && !after.starts_with('#') {
            return Err(self.broken("something stands behind the closing quote"));
        }
        Ok(value)
    }

    fn broken(&self, why: &'static str) -> Broken {
        Broken { line: self.line, why }
    }

    /// What is skipped.
    fn skip(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (skipped, rest) = self.rest.split_at(end);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
        skipped
    }
}

fn escape(value: &mut String, escaped: Option<char>) {
    match escaped {
        Some('n') => value.push('\n'),
        Some('r') => value.push('\r'),
        Some('t') => value.push('\t'),
        Some(c @ ('"' | '\\' | '$' | '`')) => value.push(c),
        Some(c) => value.extend(['\\', c]),
        None => value.push('\\'),
    }
}

/// `$NAME` or `${NAME}`.
fn refers(value: &str) -> bool {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '{';
    value.split('$').skip(1).any(|after| after.starts_with(begins))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap().into_iter().map(|one| (one.name, one.value)).collect()
    }

    fn one(text: &str) -> String {
        let mut all = pairs(text);
        assert_eq!(all.len(), 1, "{text}: {all:?}");
        all.remove(0).1
    }

    #[test]
    fn values_as_they_are_written() {
        for (text, value) in [
            ("A=1", "1"),
            ("A = 1 ", "1"),
            ("export A=1", "1"),
            ("  export\tA=1\r\n", "1"),
            ("A=", ""),
            ("A=\n", ""),
            ("A=a=b", "a=b"),
            ("A=1 # one", "1"),
            ("A=#nothing", ""),
            ("A=a#b", "a#b"),
            ("A='a # b' # c", "a # b"),
            ("A=\"a \\\"b\\\" \\n\\$c \\d\"", "a \"b\" \n$c \\d"),
            ("A='a\\n$B'", "a\\n$B"),
            ("A=`it's \"so\"`", "it's \"so\""),
            ("A=\"one\r\ntwo\r\n\"\r\n", "one\ntwo\n"),
            ("A='-----BEGIN\nabc\n-----END'", "-----BEGIN\nabc\n-----END"),
            ("\u{feff}# first\n\nA=ü", "ü"),
            ("A=postgres://u:p@h/d?x=1", "postgres://u:p@h/d?x=1"),
        ] {
            assert_eq!(one(text), value, "{text:?}");
        }
    }

    #[test]
    fn the_last_one_counts_and_lines_are_told_apart() {
        let text = "A=1\nB='x\ny'\nexport C=\nA=2";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs(text), [pair("A", "2"), pair("B", "x\ny"), pair("C", "")]);
        assert!(pairs("").is_empty() && pairs("# A=1\n\n").is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_line_alone() {
        for (text, line) in [
            ("A=1\nhunter2", 2),
            ("A='x\ny'\n=hunter2", 3),
            ("A=1\nB=\"hunter2\nmore", 2),
            ("A=\"hunter2\" more", 1),
            ("A B=hunter2", 1),
        ] {
            let broken = parse(text).unwrap_err();
            assert_eq!(broken.line, line, "{text:?}");
            assert!(!broken.to_string().contains("hunter2"), "{broken}");
        }
    }

    #[test]
    fn another_variable_in_a_value_is_noticed() {
        let refers = |text: &str| parse(text).unwrap()[0].refers;
        assert!(refers("A=$B/x") && refers("A=\"${B}\""));
        assert!(!refers("A='$B'") && !refers("A=5$") && !refers("A=$1"));
    }
}
