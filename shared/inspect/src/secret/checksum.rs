//! Checksums that issuers put into their secrets: one that holds makes a finding certain.

/// Whether a GitHub or npm token's last six characters are the CRC-32 of the thirty before them, in base 62; none
/// for text that is no such token. Described by GitHub in "Behind GitHub's new authentication token formats", 2021.
pub(crate) fn github(text: &[u8]) -> Option<bool> {
    const PREFIXES: [&[u8]; 6] = [b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"npm_"];
    if !PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
        return None;
    }
    let body = text.get(4..40)?;
    if !body.iter().all(u8::is_ascii_alphanumeric) || text.get(40).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    Some(digits(&body[..30]).as_bytes() == &body[30..])
}

/// The six digits that such a token of this body ends in.
pub(crate) fn digits(body: &[u8]) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let sum = crc32(body);
    (0..6).rev().map(|place| char::from(DIGITS[(sum / 62_u32.pow(place) % 62) as usize])).collect()
}

/// CRC-32 as in IEEE 802.3. Thirty bytes of a finding need no table.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0_u32, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_standard_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_token_whose_sum_holds() {
        // By zlib the sum of thirty zeros is 2011552642.
        let zeros = "0".repeat(30);
        let good = format!("ghp_{zeros}2C8GjS");
        assert_eq!(github(good.as_bytes()), Some(true));
        assert_eq!(github(format!("ghp_{zeros}abcdef").as_bytes()), Some(false));
        assert_eq!(github(b"ghp_short"), None);
    }
}
