//! Pages of lists: how many, and where the next one begins.
//!
//! Invariant: a cursor that is not one of ours, or of another list, is the caller's mistake and never reaches the store.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use host::Error;
use model::port::store::{Cursor, Query, Scope};
use serde_json::Value;

/// The most that one page holds.
pub const MOST: usize = 100;
/// What it holds unless told otherwise.
pub const USUAL: usize = 25;

/// How many were asked for: 1 to `most`.
pub fn limit(given: Option<usize>, usual: usize, most: usize) -> Result<usize, Error> {
    let limit = given.unwrap_or(usual);
    if (1..=most).contains(&limit) {
        return Ok(limit);
    }
    let problem = format!("{limit} is not from 1 to {most}");
    Err(Error::unprocessable(format!(
        "The query's `limit` is wrong: {problem}. Ask for fewer, and go on with `cursor`."
    ))
    .field("limit", problem))
}

/// The query, from where the page before ended.
pub fn resume(query: Query, cursor: Option<&str>) -> Result<Query, Error> {
    let Some(text) = cursor.filter(|text| !text.is_empty()) else { return Ok(query) };
    let cursor = decode(text, &query).ok_or_else(|| {
        let problem = "it is not one that this list has given out";
        Error::unprocessable(format!(
            "The query's `cursor` is wrong: {problem}. Take `next` from the page before, or leave it out to begin anew."
        ))
        .field("cursor", problem)
    })?;
    Ok(query.after(Some(cursor)))
}

fn decode(text: &str, query: &Query) -> Option<Cursor> {
    let cursor: Cursor = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let Scope::Collection(collection) = &query.scope else { return None };
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let id = cursor.path.as_str().strip_prefix(collection.as_str())?.strip_prefix('/')?;
    let ours = cursor.values.len() == query.order.len()
        && cursor.values.iter().all(Value::is_i64)
        && !id.is_empty()
        && id.chars().all(legal);
    ours.then_some(cursor)
}

/// What the next page is asked for with.
pub fn encode(cursor: Option<&Cursor>) -> Option<String> {
    Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursor?).ok()?))
}
