//! Whether text may have been drawn at random: what repeats or counts up was typed by somebody.

/// Fewer different bytes than random text of this length ever has.
pub(crate) fn is_monotonous(body: &[u8]) -> bool {
    let mut seen = [false; 256];
    for byte in body {
        seen[usize::from(*byte)] = true;
    }
    let distinct = seen.iter().filter(|seen| **seen).count();
    distinct < 3 || (body.len() >= 16 && distinct < 4)
}

/// Text that no generator gives: too few different characters for its length and alphabet, one character over
/// and over, or mostly `abcdef` and `123456`.
pub(crate) fn is_regular(body: &[u8]) -> bool {
    is_monotonous(body) || bits(body) < least_bits(body) || repeats(body) || counts_up(body)
}

/// Shannon's entropy in bits a byte.
pub(crate) fn entropy(value: &str) -> f64 {
    bits(value.as_bytes())
}

fn bits(body: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in body {
        counts[usize::from(*byte)] += 1;
    }
    let all = body.len() as f64;
    let share = |count: &u32| {
        let share = f64::from(*count) / all;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(share).sum()
}

/// Random text of this length and alphabet has more than this, but for one in many thousands: drawing n times
/// from k characters gives about log2(min(n, k)) bits less what comes twice.
fn least_bits(body: &[u8]) -> f64 {
    let all = |fits: fn(&u8) -> bool| body.iter().filter(|byte| byte.is_ascii_alphanumeric()).all(fits);
    let alphabet = if all(u8::is_ascii_digit) {
        10
    } else if all(u8::is_ascii_hexdigit) {
        16
    } else {
        32
    };
    0.66 * (body.len().clamp(2, alphabet) as f64).log2()
}

/// One character six times and more, as a fifth of the text at least.
fn repeats(body: &[u8]) -> bool {
    let longest = body.chunk_by(|a, b| a == b).map(<[u8]>::len).max().unwrap_or(0);
    longest >= 6 && longest * 5 >= body.len()
}

/// Characters that follow each other in their order, five and more, as two thirds of the text at least.
fn counts_up(body: &[u8]) -> bool {
    let next = |a: &u8, b: &u8| b.wrapping_sub(*a) == 1 || (*a == b'9' && *b == b'0');
    let runs = body.chunk_by(next).map(<[u8]>::len);
    let in_order: usize = runs.filter(|length| *length >= 5).sum();
    in_order * 3 > body.len() * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_is_regular() {
        for text in [
            "xxxxxxxxxxxxxxxx",
            "aaaaaaaaaa1111111111bbbbbbbbbb2222222222",
            "abcdefghijklmnopqrstuvwxyz1234567890",
            "0123456789abcdef",
            "1212121212121212121212",
            "deadbeefdeadbeeffffffff",
        ] {
            assert!(is_regular(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_was_drawn_is_not() {
        // Drawn by a plain generator, so that many lengths and alphabets are covered.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut draw = move |most: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % most
        };
        let all = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
        let mut wrong = 0;
        for round in 0..30_000 {
            let alphabet = &all[..[10, 16, 36, 62][round % 4]];
            let text: Vec<u8> = (0..16 + round % 48).map(|_| alphabet[draw(alphabet.len())]).collect();
            wrong += usize::from(is_regular(&text));
        }
        assert!(wrong <= 15, "{wrong} of 30,000");
    }
}
