//! Whether text is made of words, as names in code are, or of letters that nobody chose.
//!
//! Two letters that follow each other in a word are one of few pairs; in random text any pair is as likely as any
//! other. So a handful of pairs tells one from the other, whatever the language's vocabulary is.

/// For each letter those that often follow it in English and in names: 240 of the 676 pairs, nine of ten in words,
/// a third in random text.
const FOLLOWERS: [&str; 26] = [
    "bcdgilmnprstuvy",
    "aeilorsu",
    "aceghiklorstu",
    "adeilorsu",
    "acdefgilmnpqrstvwx",
    "adefilorsu",
    "aehinrsu",
    "aeior",
    "abcdefglmnoprstvz",
    "aou",
    "eis",
    "adeilostuy",
    "abeimopsu",
    "acdefgiklnostuv",
    "bcdfgilmnoprstuvw",
    "aehiloprstu",
    "u",
    "acdeiklmnoprstuvy",
    "acehiklmopstuy",
    "acehilmoprstuy",
    "abceilmnprst",
    "aei",
    "aeinrs",
    "ept",
    "p",
    "e",
];

/// A bit for each letter that often follows.
static COMMON: [u32; 26] = {
    let mut table = [0; 26];
    let mut letter = 0;
    while letter < 26 {
        let followers = FOLLOWERS[letter].as_bytes();
        let mut at = 0;
        while at < followers.len() {
            table[letter] |= 1 << (followers[at] - b'a');
            at += 1;
        }
        letter += 1;
    }
    table
};

fn is_common(first: u8, second: u8) -> bool {
    let place = |letter: u8| letter.to_ascii_lowercase() - b'a';
    COMMON[usize::from(place(first))] & (1 << place(second)) != 0
}

/// What text is made of.
#[derive(Default)]
struct Makeup {
    letters: usize,
    digits: usize,
    /// Letters right behind a digit that is right behind a letter.
    inner: usize,
    /// Words, or what would be some.
    pieces: usize,
    /// Letters beside letters in one piece, and those that often are.
    pairs: usize,
    common: usize,
    /// Bytes that neither words nor what joins them have.
    other: usize,
}

impl Makeup {
    fn of(text: &[u8]) -> Self {
        let mut makeup = Self::default();
        let mut before = b' ';
        let mut joined = false;
        for byte in text.iter().copied() {
            match byte {
                _ if byte.is_ascii_alphabetic() => {
                    makeup.letters += 1;
                    makeup.inner += usize::from(joined && before.is_ascii_digit());
                    joined = true;
                    let hump = byte.is_ascii_uppercase() && before.is_ascii_lowercase();
                    if before.is_ascii_alphabetic() && !hump {
                        makeup.pairs += 1;
                        makeup.common += usize::from(is_common(before, byte));
                    } else {
                        makeup.pieces += 1;
                    }
                }
                _ if byte.is_ascii_digit() => makeup.digits += 1,
                b'_' | b'-' | b'.' | b'/' | b':' | b',' | b' ' | b'\\' | b'[' | b']' => {}
                _ => makeup.other += 1,
            }
            joined &= byte.is_ascii_alphanumeric();
            before = byte;
        }
        makeup
    }
}

/// Whether this is a word, or several: `client-vpn-endpoint`, `getInternalToken`, `MAX_RETRIES_2`.
pub(crate) fn are_words(text: &[u8]) -> bool {
    let makeup = Makeup::of(text);
    makeup.other == 0
        && makeup.pairs >= 3
        && makeup.inner <= 1
        && makeup.digits * 3 <= makeup.letters
        && makeup.pieces * 3 <= makeup.letters
        && makeup.common * 10 >= makeup.pairs * 7
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words() {
        for text in [
            "client-vpn-endpoint.id",
            "getInternalToken",
            "MAX_RETRIES_2",
            "config.database.password",
            "com.example.security.AuthenticationProvider",
            "resources/keys/server-private-key",
            "windows_sys::core::Result",
            "monitoring-dashboard-reader",
        ] {
            assert!(are_words(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn random_text_is_none() {
        for text in [
            "qzkfjwpbxmvhtdlg",
            "a8Kq3ZxP0mW7vT2rYc5L",
            "hegq80sxbe88o3ykpxlpwcna",
            "xXuomyfdtWgAVDvYLdaTLDUXYggq",
            "3fa9c04be17d52688aa0",
            "p4ssw0rd!",
            "URo0GIzg7a3futnlFOR8",
        ] {
            assert!(!are_words(text.as_bytes()), "{text}");
        }
    }
}
