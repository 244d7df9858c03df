//! Durations, as people write and read them.

use jiff::{Span, SpanRelativeTo};

/// Milliseconds of `7d`, `36h`, `1h 30m`, `10s`, `250ms`; a day has 24 hours.
pub fn parse_ms(text: &str) -> Result<i64, String> {
    let span = text.trim().parse::<Span>().ok();
    let length = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let ms = length.and_then(|length| i64::try_from(length.as_millis()).ok()).filter(|ms| *ms > 0);
    ms.ok_or_else(|| format!("`{text}` is no duration; write for example 7d, 36h, 90m, 10s or 250ms"))
}

/// `850 ms`, `12.3 s`, `4 min 5 s`, `2 h 3 min`.
pub fn words(ms: i64) -> String {
    let seconds = ms / 1000;
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{:.1} s", ms as f64 / 1e3),
        120_000..7_200_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        7_200_000..172_800_000 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, ms) in [
            ("7d", 604_800_000),
            ("36h", 129_600_000),
            ("90m", 5_400_000),
            ("1h 30min", 5_400_000),
            ("250ms", 250),
        ] {
            assert_eq!(parse_ms(text), Ok(ms));
        }
        for text in ["", "7", "d", "7 fortnights", "0s", "-1s", "99999999999999d", "1mo"] {
            assert!(parse_ms(text).is_err(), "{text}");
        }
        let written: Vec<_> = [850, 12_340, 245_000, 7_380_000, 612_000_000].map(words).into();
        assert_eq!(written, ["850 ms", "12.3 s", "4 min 5 s", "2 h 3 min", "7 d 2 h"]);
    }
}
