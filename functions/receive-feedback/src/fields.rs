//! The form's fields as a browser sends them, and the answer that they make.

use crate::answer::{self, Answer};
use host::{Error, Findings};
use serde::Deserialize;
use serde_json::Value;

/// The form's fields; what is left empty is empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Fields {
    /// One of the three words.
    pub feedback_type: String,
    /// How satisfied they are, from 1 (not at all) to 10.
    pub satisfaction: String,
    /// In their words.
    pub comments: String,
    /// What they pay in a month; may be empty.
    pub cost: String,
    /// In which currency; may be empty.
    pub currency: String,
}

/// The checked answer; the error names every field that is wrong.
pub fn read(fields: &Fields) -> Result<Answer, Error> {
    let mut findings = Findings::default();
    let kind = findings.take("feedback_type", answer::kind(&Value::from(fields.feedback_type.as_str())));
    let satisfaction = fields.satisfaction.trim().parse::<u64>().map_or(Value::Null, Value::from);
    let satisfaction = findings.take("satisfaction", answer::satisfaction(&satisfaction));
    let comments = findings.take("comments", answer::comment(&fields.comments.replace("\r\n", "\n")));
    let paid = fields.cost.trim().replace(',', ".");
    let (mut cost, mut currency) = (None, None);
    if !paid.is_empty() {
        let number = paid.parse::<f64>().map_err(|_| "it must be a number, such as 12.40".to_owned());
        cost = findings.take("cost", number.and_then(answer::amount));
        let named = if fields.currency.trim().is_empty() { "USD" } else { &fields.currency };
        currency = findings.take("currency", answer::currency(named));
    }
    findings.finish()?;
    match (kind, satisfaction, comments) {
        (Some(kind), Some(satisfaction), Some(comments)) => {
            Ok(Answer { kind, satisfaction, comments, metrics: Value::Null, cost, currency })
        }
        _ => Err(Error::internal("a checked form lacks a part")),
    }
}
