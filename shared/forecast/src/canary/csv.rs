//! Reads recorded windows: one per row, four whole numbers. The first row names the columns, in any order; a first row
//! of four whole numbers is data in the usual order.
//!
//! Invariant: a file is read whole or refused with the line and column that is wrong; nothing is guessed.

use super::Window;

const COLUMNS: [&str; 4] = ["canary_requests", "stable_requests", "canary_bad", "stable_bad"];

/// Why a file of windows was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// Nothing in the file.
    #[error(
        "the file is empty: its first line must be `canary_requests,stable_requests,canary_bad,stable_bad`"
    )]
    Empty,
    /// The first line lacks a column.
    #[error(
        "line 1: the column `{0}` is missing: the first line must be `canary_requests,stable_requests,canary_bad,stable_bad`"
    )]
    MissingColumn(&'static str),
    /// The first line names a column twice.
    #[error("line 1: the column `{0}` is there twice: keep one of them")]
    RepeatedColumn(&'static str),
    /// A row has too few or too many values.
    #[error("line {line}: {found} values where the first line names {expected} columns: correct the row")]
    Width {
        /// Line, from 1.
        line: usize,
        /// Values in the row.
        found: usize,
        /// Columns in the first line.
        expected: usize,
    },
    /// A value is not a count.
    #[error(
        "line {line}, column `{column}`: `{value}` is not a whole number of requests (0 or more): correct it"
    )]
    Value {
        /// Line, from 1.
        line: usize,
        /// Name of the column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
    /// A value is not a number.
    #[error("line {line}, column `{column}`: `{value}` is not a finite number: correct it")]
    Number {
        /// Line, from 1.
        line: usize,
        /// Name of the column.
        column: &'static str,
        /// What stands there.
        value: String,
    },
    /// A row is of neither side.
    #[error("line {line}, column `side`: `{value}` is neither `canary` nor `stable`: correct it")]
    Side {
        /// Line, from 1.
        line: usize,
        /// What stands there.
        value: String,
    },
    /// More bad requests than requests.
    #[error(
        "line {line}, column `{column}`: {bad} bad of {requests} requests: bad ones are counted among the requests"
    )]
    MoreBadThanRequests {
        /// Line, from 1.
        line: usize,
        /// Name of the column.
        column: &'static str,
        /// The bad requests of that row.
        bad: u64,
        /// The requests of that row, bad ones included.
        requests: u64,
    },
}

/// Windows of a CSV text. Empty lines are skipped, a byte order mark, spaces and quotes around values are allowed;
/// columns with other names are ignored.
pub fn parse_csv(text: &str) -> Result<Vec<Window>, CsvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let (first, header) = lines.next().ok_or(CsvError::Empty)?;
    let names: Vec<&str> = header.split(',').map(clean).collect();
    let is_data = names.len() == COLUMNS.len() && names.iter().all(|name| name.parse::<u64>().is_ok());
    let places = if is_data { [0, 1, 2, 3] } else { places(&names)? };
    let data = is_data.then_some((first, header)).into_iter().chain(lines);
    data.map(|(index, line)| row(index + 1, line, names.len(), places)).collect()
}

fn places(names: &[&str]) -> Result<[usize; 4], CsvError> {
    let mut places = [0; 4];
    for (place, column) in places.iter_mut().zip(COLUMNS) {
        let mut found = (0..names.len()).filter(|at| names[*at].eq_ignore_ascii_case(column));
        *place = found.next().ok_or(CsvError::MissingColumn(column))?;
        if found.next().is_some() {
            return Err(CsvError::RepeatedColumn(column));
        }
    }
    Ok(places)
}

fn row(line: usize, text: &str, expected: usize, places: [usize; 4]) -> Result<Window, CsvError> {
    let values: Vec<&str> = text.split(',').map(clean).collect();
    if values.len() != expected {
        return Err(CsvError::Width { line, found: values.len(), expected });
    }
    let mut counts = [0_u64; 4];
    for ((count, place), column) in counts.iter_mut().zip(places).zip(COLUMNS) {
        let value = values[place];
        *count = value.parse().map_err(|_| CsvError::Value {
            line,
            column,
            value: value.chars().take(40).collect(),
        })?;
    }
    let [canary_requests, stable_requests, canary_bad, stable_bad] = counts;
    within(line, COLUMNS[2], canary_bad, canary_requests)?;
    within(line, COLUMNS[3], stable_bad, stable_requests)?;
    Ok(Window::new(canary_requests, stable_requests, canary_bad, stable_bad))
}

fn within(line: usize, column: &'static str, bad: u64, requests: u64) -> Result<(), CsvError> {
    if bad <= requests { Ok(()) } else { Err(CsvError::MoreBadThanRequests { line, column, bad, requests }) }
}

/// A value without spaces and quotes around it.
pub(super) fn clean(value: &str) -> &str {
    value.trim().trim_matches('"').trim()
}
