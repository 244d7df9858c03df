//! Reads whatever was recorded of a canary, by its columns: counts of requests (see [`parse_csv`]), one number for each
//! side (`canary,stable`), or histograms (`window,side,upper,count`, a bucket per row, `upper` its end or `inf`).
//!
//! Invariant: as for counts, a file is read whole or refused with the line and column that is wrong.

use super::{
    CsvError, Window,
    csv::{clean, parse_csv},
};
use std::collections::BTreeMap;

/// A record, by what it holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Requests and bad ones of each window.
    Counts(Vec<Window>),
    /// Requests and slow ones: slower than the p95 of stable so far, by the end of its bucket.
    Slow(Vec<Window>),
    /// A number for the canary and one for stable, of each window.
    Numbers(Vec<(f64, f64)>),
}

const NUMBERS: [&str; 2] = ["canary", "stable"];
const BUCKETS: [&str; 4] = ["window", "side", "upper", "count"];

/// The record of a CSV text. Without names in the first line, two numbers a row are numbers and four are counts.
pub fn parse_record(text: &str) -> Result<Record, CsvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let (_, first) = rows.next().ok_or(CsvError::Empty)?;
    let names: Vec<&str> = first.split(',').map(clean).collect();
    let is_bare = names.len() == 2 && names.iter().all(|name| name.parse::<f64>().is_ok());
    if is_bare {
        let all = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        return numbers(all, 2, [0, 1]);
    }
    if let Some(places) = places(&names, NUMBERS) {
        return numbers(rows, names.len(), places);
    }
    if let Some(places) = places(&names, BUCKETS) {
        return histograms(rows, names.len(), places);
    }
    parse_csv(text).map(Record::Counts)
}

fn places<const N: usize>(names: &[&str], columns: [&str; N]) -> Option<[usize; N]> {
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        *place = names.iter().position(|name| name.eq_ignore_ascii_case(column))?;
    }
    Some(places)
}

/// The values of a row, in the order of the columns asked for.
fn values<const N: usize>(
    (index, text): (usize, &str),
    expected: usize,
    places: [usize; N],
) -> Result<(usize, [&str; N]), CsvError> {
    let (line, values): (_, Vec<&str>) = (index + 1, text.split(',').map(clean).collect());
    if values.len() != expected {
        return Err(CsvError::Width { line, found: values.len(), expected });
    }
    Ok((line, places.map(|place| values[place])))
}

/// What is smaller is read as 0: the square of anything else is a number still.
const LEAST: f64 = 1e-100;

fn number(line: usize, column: &'static str, value: &str) -> Result<f64, CsvError> {
    let parsed = value.parse::<f64>().ok().filter(|number| number.is_finite() && number.abs() < 1e100);
    let parsed = parsed.map(|number| if number.abs() < LEAST { 0.0 } else { number });
    parsed.ok_or_else(|| CsvError::Number { line, column, value: value.chars().take(40).collect() })
}

fn numbers<'a>(
    rows: impl Iterator<Item = (usize, &'a str)>,
    expected: usize,
    places: [usize; 2],
) -> Result<Record, CsvError> {
    let pair = |row| {
        let (line, [canary, stable]) = values(row, expected, places)?;
        Ok((number(line, NUMBERS[0], canary)?, number(line, NUMBERS[1], stable)?))
    };
    rows.map(pair).collect::<Result<_, _>>().map(Record::Numbers)
}

/// Buckets of one side, by the place of their end among all ends.
type Buckets = BTreeMap<usize, u64>;

fn histograms<'a>(
    rows: impl Iterator<Item = (usize, &'a str)>,
    expected: usize,
    places: [usize; 4],
) -> Result<Record, CsvError> {
    let mut read = vec![];
    for row in rows {
        let (line, [window, side, upper, count]) = values(row, expected, places)?;
        let is_canary = match side.to_ascii_lowercase().as_str() {
            "canary" => true,
            "stable" => false,
            _ => return Err(CsvError::Side { line, value: side.chars().take(40).collect() }),
        };
        let upper = match upper.to_ascii_lowercase().trim_start_matches('+') {
            "inf" => f64::INFINITY,
            upper => number(line, BUCKETS[2], upper)?,
        };
        let whole = |column, value: &str| {
            let value = value.chars().take(40).collect::<String>();
            value.parse::<u64>().map_err(|_| CsvError::Value { line, column, value })
        };
        read.push((whole(BUCKETS[0], window)?, is_canary, upper, whole(BUCKETS[3], count)?));
    }
    let mut ends: Vec<f64> = read.iter().map(|(.., upper, _)| *upper).collect();
    ends.sort_by(f64::total_cmp);
    ends.dedup();
    let mut windows: BTreeMap<u64, [Buckets; 2]> = BTreeMap::new();
    for (window, is_canary, upper, count) in read {
        let place = ends.partition_point(|end| *end < upper);
        let slot = windows.entry(window).or_default()[usize::from(is_canary)].entry(place).or_default();
        *slot = slot.saturating_add(count);
    }
    Ok(Record::Slow(slow(windows.into_values())))
}

/// Slow ones of each window: beyond the bucket of the stable p95 so far.
fn slow(windows: impl Iterator<Item = [Buckets; 2]>) -> Vec<Window> {
    let mut usual = Buckets::new();
    windows
        .map(|[stable, canary]| {
            for (place, count) in &stable {
                let slot = usual.entry(*place).or_default();
                *slot = slot.saturating_add(*count);
            }
            let edge = p95(&usual);
            let beyond =
                |side: &Buckets| side.range(edge + 1..).fold(0, |sum: u64, (_, n)| sum.saturating_add(*n));
            Window::new(total(&canary), total(&stable), beyond(&canary), beyond(&stable))
        })
        .collect()
}

fn total(side: &Buckets) -> u64 {
    side.values().fold(0, |sum, count| sum.saturating_add(*count))
}

fn p95(side: &Buckets) -> usize {
    let rank = (total(side) as f64 * 0.95).ceil() as u64;
    let mut seen = 0_u64;
    let found = side.iter().find(|(_, count)| {
        seen = seen.saturating_add(**count);
        seen >= rank
    });
    found.map_or(0, |(place, _)| *place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_shows_in_its_columns() {
        let counts = "canary_requests,stable_requests,canary_bad,stable_bad\n1,2,0,1\n";
        assert_eq!(parse_record(counts), Ok(Record::Counts(vec![Window::new(1, 2, 0, 1)])));
        let numbers = Record::Numbers(vec![(1.5, -2.0), (3.0, 4.0)]);
        assert_eq!(parse_record("1.5,-2\n3,4e0\n"), Ok(numbers.clone()));
        assert_eq!(parse_record("minute,stable,canary\n1,-2,1.5\n\n2,4,3\n"), Ok(numbers));
        assert_eq!(parse_record(" \n"), Err(CsvError::Empty));
        for (text, wanted) in [
            ("canary,stable\n1,x\n", "line 2, column `stable`: `x` is not a finite number"),
            ("canary,stable\n1,inf\n", "line 2, column `stable`: `inf`"),
            ("canary,stable\n1\n", "line 2: 1 values where the first line names 2"),
            ("window,side,upper,count\n1,both,10,3\n", "line 2, column `side`: `both`"),
            ("window,side,upper,count\n1,canary,10,3.5\n", "line 2, column `count`: `3.5`"),
        ] {
            let error = parse_record(text).unwrap_err().to_string();
            assert!(error.starts_with(wanted), "{error}");
        }
    }

    /// The square of a difference that small is 0, and a test divides by it.
    #[test]
    fn what_is_next_to_nothing_is_read_as_nothing() {
        assert_eq!(
            parse_record("1e-200,-1e-180\n1e-99,0\n"),
            Ok(Record::Numbers(vec![(0.0, 0.0), (1e-99, 0.0)]))
        );
        let Ok(Record::Numbers(pairs)) = parse_record(&"2e-200,1e-200\n".repeat(9)) else { unreachable!() };
        let made = crate::canary::numeric(&pairs, &crate::canary::NumericOptions::default());
        assert!(made.e_value.is_finite() && made.p_value.is_finite(), "{made:?}");
    }

    #[test]
    fn histograms_become_counts_of_slow_requests() {
        let text = "window,side,upper,count\n1,stable,100,95\n1,stable,200,5\n1,canary,100,2\n1,canary,+Inf,8\n2,canary,50,1\n";
        let wanted = vec![Window::new(10, 100, 8, 5), Window::new(1, 0, 0, 0)];
        assert_eq!(parse_record(text), Ok(Record::Slow(wanted)));
    }
}
