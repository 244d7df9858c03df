//! Colours of a log as classes.
//!
//! Invariant: only sequences that colour (`ESC [ … m`) do anything, and all they do is choose among the classes of the
//! style; everything else in a line is text, shown as [`model::text::visible`] shows it. `log.js` does the same with
//! lines that come later.

use model::text::painted;

/// A piece of a line that looks the same throughout.
pub struct Run {
    /// Classes, such as `bold fg-1`; empty for plain text.
    pub look: String,
    /// Its text, without anything that acts.
    pub text: String,
}

/// The pieces of a line.
pub fn runs(line: &str) -> Vec<Run> {
    let mut look = Look::default();
    let mut runs = vec![];
    for (parameters, text) in painted(line) {
        look.apply(parameters);
        if !text.is_empty() {
            runs.push(Run { look: look.classes(), text: text.into_owned() });
        }
    }
    runs
}

#[derive(Default)]
struct Look {
    bold: bool,
    faint: bool,
    italic: bool,
    underlined: bool,
    /// Of the sixteen colours.
    text: Option<u8>,
    ground: Option<u8>,
}

impl Look {
    /// What `ESC [ parameters m` asks for; what is unknown is passed over.
    fn apply(&mut self, parameters: &str) {
        // What isn't said is 0, and a number beyond all codes is none of them.
        let number = |code: &str| if code.is_empty() { 0 } else { code.parse().unwrap_or(u16::MAX) };
        let mut codes = parameters.split([';', ':']).map(number);
        while let Some(code) = codes.next() {
            match code {
                0 => *self = Self::default(),
                1 => self.bold = true,
                2 => self.faint = true,
                3 => self.italic = true,
                4 => self.underlined = true,
                22 => (self.bold, self.faint) = (false, false),
                23 => self.italic = false,
                24 => self.underlined = false,
                30..=37 => self.text = Some((code - 30) as u8),
                38 => self.text = extended(&mut codes),
                39 => self.text = None,
                40..=47 => self.ground = Some((code - 40) as u8),
                48 => self.ground = extended(&mut codes),
                49 => self.ground = None,
                90..=97 => self.text = Some((code - 82) as u8),
                100..=107 => self.ground = Some((code - 92) as u8),
                _ => {}
            }
        }
    }

    fn classes(&self) -> String {
        let flags = [
            (self.bold, "bold"),
            (self.faint, "faint"),
            (self.italic, "italic"),
            (self.underlined, "underlined"),
        ];
        let flags = flags.into_iter().filter(|(on, _)| *on).map(|(_, name)| name.to_owned());
        let text = self.text.map(|colour| format!("fg-{colour}"));
        let ground = self.ground.map(|colour| format!("bg-{colour}"));
        flags.chain(text).chain(ground).collect::<Vec<_>>().join(" ")
    }
}

/// `5;N` of a palette, or `2;R;G;B`: the nearest of the sixteen.
fn extended(codes: &mut impl Iterator<Item = u16>) -> Option<u8> {
    match codes.next()? {
        5 => match codes.next()? {
            code @ 0..=15 => Some(code as u8),
            code @ 16..=231 => {
                let level = |part: u16| part * 51;
                let code = code - 16;
                Some(nearest(level(code / 36), level(code / 6 % 6), level(code % 6)))
            }
            grey => Some(nearest(grey, grey, grey)),
        },
        2 => Some(nearest(codes.next()?, codes.next()?, codes.next()?)),
        _ => None,
    }
}

/// Which of the parts stand out says the hue; grey has none.
fn nearest(red: u16, green: u16, blue: u16) -> u8 {
    let (most, least) = (red.max(green).max(blue), red.min(green).min(blue));
    if most - least < 32 {
        return if most < 160 { 8 } else { 7 };
    }
    let middle = most.midpoint(least);
    u8::from(red > middle) | u8::from(green > middle) << 1 | u8::from(blue > middle) << 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(line: &str) -> Vec<(String, String)> {
        runs(line).into_iter().map(|run| (run.look, run.text)).collect()
    }

    #[test]
    fn colours_become_classes_and_nothing_else_does() {
        let one = |look: &str, text: &str| (look.to_owned(), text.to_owned());
        assert_eq!(looks("plain"), [one("", "plain")]);
        assert_eq!(
            looks("\u{1b}[1;32mok\u{1b}[0m \u{1b}[31m<b>\u{1b}[22;39;45mx\u{1b}[m"),
            [one("bold fg-2", "ok"), one("", " "), one("fg-1", "<b>"), one("bg-5", "x")]
        );
        assert_eq!(
            looks("\u{1b}[38;5;208mor\u{1b}[38;2;10;20;250mbl\u{1b}[97mw"),
            [one("fg-1", "or"), one("fg-4", "bl"), one("fg-15", "w")]
        );
        assert_eq!(looks("\u{1b}[38;5;250;99999m\u{1b}[2Jx"), [one("fg-7", r"\x1b[2Jx")]);
    }
}
