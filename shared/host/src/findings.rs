//! What is wrong with a request, all of it at once: whoever mends one field should not meet the next one after.

use crate::Error;
use std::fmt::Display;

/// Wrong fields, in the order they were looked at.
#[derive(Default)]
pub struct Findings(Vec<(String, String)>);

impl Findings {
    /// One more wrong field: its path, and what is wrong and would be right.
    pub fn add(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.0.push((field.into(), problem.into()));
    }

    /// Notes the problem unless it holds.
    pub fn require(&mut self, holds: bool, field: &str, problem: impl FnOnce() -> String) {
        if !holds {
            self.add(field, problem());
        }
    }

    /// The value, or the problem is noted.
    pub fn take<T, E: Display>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|problem| self.add(field, problem.to_string())).ok()
    }

    /// 422 with every field, unless there is none.
    pub fn finish(self) -> Result<(), Error> {
        let Some((field, problem)) = self.0.first() else { return Ok(()) };
        let more = match self.0.len() {
            1 => String::new(),
            2 => " One more field is wrong; `errors` has it.".to_owned(),
            n => format!(" {} more fields are wrong; `errors` has them.", n - 1),
        };
        let problem = problem.trim_end_matches('.');
        let detail = format!(
            "`{field}` is wrong: {problem}.{more} Nothing was changed; correct it and send it again."
        );
        let error = Error::unprocessable(detail);
        Err(self.0.into_iter().fold(error, |error, (field, problem)| error.field(field, problem)))
    }
}
