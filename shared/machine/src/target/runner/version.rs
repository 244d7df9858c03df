//! Whether a version meets what a tree asks for: `20`, `>=18 <21`, `^20.1 || 22.x`, `~=3.11`, `lts/*`.
//!
//! One grammar for what npm, PyPI and version files write. A word without a number is met by any version.

/// Major, minor, patch.
pub(super) type Version = [u32; 3];

/// The first version in what a program prints: `v20.20.2`, `Python 3.11.7`, `uv 0.13.8 (x86_64)`.
pub(super) fn printed(text: &str) -> Option<Version> {
    text.split([' ', '\n', ',', '(']).find_map(|word| {
        let (version, given) = parse(word);
        (given >= 2).then_some(version)
    })
}

pub(super) fn meets(version: Version, asked: &str) -> bool {
    asked.split("||").any(|choice| comparators(choice).iter().all(|one| one.holds(version)))
}

/// What asks for one version, and nothing around it: `v18.20.5`.
pub(super) fn is_exact(asked: &str) -> bool {
    let digits = asked.trim().trim_start_matches('v');
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// `>=18.2`: an operator, numbers, and how many of them were given.
struct Comparator<'a> {
    operator: &'a str,
    than: Version,
    given: usize,
}

impl Comparator<'_> {
    fn holds(&self, version: Version) -> bool {
        let (given, than) = (self.given, self.than);
        if given == 0 {
            return true;
        }
        let alike = |parts: usize| version[..parts.min(3)] == than[..parts.min(3)];
        match self.operator {
            ">=" => version >= than,
            ">" => version[..given] > than[..given],
            "<=" => version[..given] <= than[..given],
            "<" => version < than,
            "!=" => !alike(given),
            "^" if than[0] == 0 => version >= than && alike(given.min(2)),
            "^" => version >= than && alike(1),
            // PyPI's says which part may grow by how many are given.
            "~=" => version >= than && alike(given.saturating_sub(1).max(1)),
            "~" | "~>" => version >= than && alike(given.min(2)),
            _ => alike(given),
        }
    }
}

fn comparators(choice: &str) -> Vec<Comparator<'_>> {
    let mut all: Vec<Comparator<'_>> = Vec::new();
    let mut operator = "";
    for word in choice.split([' ', ',']).filter(|word| !word.is_empty()) {
        if word == "-" {
            // `18 - 20`: from the one before to the one behind.
            if let Some(from) = all.last_mut() {
                from.operator = ">=";
            }
            operator = "<=";
            continue;
        }
        let signs = word.find(|c: char| !"<>=^~!".contains(c)).unwrap_or(word.len());
        if signs > 0 {
            operator = &word[..signs];
        }
        if signs < word.len() {
            let (than, given) = parse(&word[signs..]);
            all.push(Comparator { operator: std::mem::take(&mut operator), than, given });
        }
    }
    all
}

/// The numbers in front, up to the first part that is none, and how many there are; `python-3.12` has two.
fn parse(word: &str) -> (Version, usize) {
    let word = word.trim_start_matches(|c: char| c.is_ascii_alphabetic()).trim_start_matches('-');
    let (mut version, mut given) = ([0; 3], 0);
    for (slot, part) in version.iter_mut().zip(word.split('.')) {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let Ok(number) = part[..digits].parse() else { break };
        (*slot, given) = (number, given + 1);
        if digits < part.len() {
            break;
        }
    }
    (version, given)
}

#[cfg(test)]
mod tests {
    use super::{is_exact, meets, printed};

    #[test]
    fn ranges_of_every_registry() {
        for (asked, met, unmet) in [
            ("", &["0.1.0", "26.10.0"][..], &[][..]),
            ("lts/*", &["20.1.0"], &[]),
            ("20", &["20.0.0", "20.20.2"], &["2.0.0", "21.0.0"]),
            ("20.x", &["20.20.2"], &["22.0.0"]),
            ("v18.20.5", &["18.20.5"], &["18.20.4"]),
            (">=18", &["18.0.0", "26.1.0"], &["17.9.9"]),
            (">= 18.2 < 20", &["18.2.0", "19.9.9"], &["18.1.9", "20.0.0"]),
            (">20", &["21.0.0"], &["20.20.2"]),
            ("<=20", &["20.20.2"], &["21.0.0"]),
            ("^20.1", &["20.1.0", "20.9.0"], &["20.0.9", "21.0.0"]),
            ("^0.5.1", &["0.5.2"], &["0.6.0"]),
            ("~20.1", &["20.1.7"], &["20.2.0"]),
            ("~=3.11", &["3.11.0", "3.13.0"], &["3.10.9", "4.0.0"]),
            ("~=3.11.2", &["3.11.7"], &["3.12.0"]),
            ("==3.12.*", &["3.12.1"], &["3.11.7"]),
            (">=3.9,<3.13,!=3.10.*", &["3.9.1", "3.12.9"], &["3.10.4", "3.13.0"]),
            ("18 || 20 || >=22", &["18.1.0", "20.2.0", "23.0.0"], &["19.0.0"]),
            ("18 - 20", &["18.0.0", "20.20.2"], &["17.0.0", "21.0.0"]),
            ("python-3.12", &["3.12.4"], &["3.11.7"]),
        ] {
            let version = |text: &str| printed(text).expect("a version");
            assert!(met.iter().all(|one| meets(version(one), asked)), "{asked} is met by {met:?}");
            assert!(!unmet.iter().any(|one| meets(version(one), asked)), "{asked} is not met by {unmet:?}");
        }
    }

    #[test]
    fn what_programs_print() {
        assert_eq!(printed("Python 3.11.7\n"), Some([3, 11, 7]));
        assert_eq!(printed("pdm, PDM, version 2.29.3"), Some([2, 29, 3]));
        assert_eq!(printed("v20.20.2"), Some([20, 20, 2]));
        assert_eq!(printed("no version"), None);
        assert!(is_exact("v18.20.5") && is_exact("20") && !is_exact("^20") && !is_exact("lts/*"));
    }
}
