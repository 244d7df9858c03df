//! An answer as it arrives, flat or nested, and as it is checked.

use host::Error;
use host::Findings;
use model::{Micros, document::FeedbackKind};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Characters that a comment may have.
pub const LONGEST_COMMENT: usize = 4_000;
/// The most that anybody pays in a month, in any currency.
const MOST_COST: f64 = 1e9;

/// What somebody says of a decision. Either flat (`feedback_type`, `satisfaction_score`, `comments`) or nested
/// (`user_feedback`); `cost_data` and `deployment_metrics` go with both.
#[derive(Deserialize, utoipa::ToSchema)]
#[expect(
    dead_code,
    reason = "documents the body; it is read field by field, so that all problems are told at once"
)]
pub struct FeedbackBody {
    /// Flat: what they think of the size.
    feedback_type: Option<FeedbackKind>,
    /// Flat: 1 to 10.
    #[schema(minimum = 1, maximum = 10)]
    satisfaction_score: Option<u8>,
    /// Flat: in their words, at most 4,000 characters.
    #[schema(max_length = 4000)]
    comments: Option<String>,
    /// What they measured themselves.
    #[schema(value_type = Option<Object>)]
    deployment_metrics: Option<Value>,
    /// What they pay.
    cost_data: Option<CostData>,
    /// Nested: what they think.
    user_feedback: Option<UserFeedback>,
}

/// What they pay.
#[derive(Deserialize, utoipa::ToSchema)]
#[expect(dead_code, reason = "documents the body")]
pub struct CostData {
    /// In a month, 0 or more.
    actual_monthly_cost: f64,
    /// Three letters; USD if absent. Other currencies are kept and neither converted nor learned from.
    currency: Option<String>,
}

/// What they think.
#[derive(Deserialize, utoipa::ToSchema)]
#[expect(dead_code, reason = "documents the body")]
pub struct UserFeedback {
    /// Of the size.
    r#type: FeedbackKind,
    /// 1 to 10.
    #[schema(minimum = 1, maximum = 10)]
    satisfaction: u8,
    /// In their words, at most 4,000 characters.
    #[schema(max_length = 4000)]
    comments: Option<String>,
}

/// A checked answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// What they think of the size.
    pub kind: FeedbackKind,
    /// 1–10.
    pub satisfaction: u8,
    /// In their words.
    pub comments: String,
    /// What they measured themselves, as they sent it.
    pub metrics: Value,
    /// What they pay in a month.
    pub cost: Option<Micros>,
    /// In which currency.
    pub currency: Option<String>,
}

/// Reads either body; the error names every field that is wrong.
pub fn read(body: &Map<String, Value>) -> Result<Answer, Error> {
    let mut findings = Findings::default();
    let nested = body.get("user_feedback").filter(|value| !value.is_null());
    findings.require(nested.is_none() || !body.contains_key("feedback_type"), "feedback_type", || {
        "the answer is in `user_feedback` already; send one of the two".to_owned()
    });
    let empty = Map::new();
    let (said, names) = match nested {
        Some(value) => {
            let said = value.as_object();
            findings.require(said.is_some(), "user_feedback", || "it must be an object".to_owned());
            let names = ["user_feedback.type", "user_feedback.satisfaction", "user_feedback.comments"];
            (said.unwrap_or(&empty), names)
        }
        None => (body, ["feedback_type", "satisfaction_score", "comments"]),
    };
    let of = |name: &str| said.get(name.rsplit('.').next().unwrap_or(name)).unwrap_or(&Value::Null);
    let kind = findings.take(names[0], kind(of(names[0])));
    let satisfaction = findings.take(names[1], satisfaction(of(names[1])));
    let comments = findings.take(names[2], comments(of(names[2])));
    let metrics = body.get("deployment_metrics").cloned().unwrap_or_default();
    findings.require(metrics.is_null() || metrics.is_object(), "deployment_metrics", || {
        "it must be an object of what you measured".to_owned()
    });
    findings.require(is_storable(&metrics, 0), "deployment_metrics", || {
        "at most 8 levels deep, no list directly in a list, and whole numbers below 2^63".to_owned()
    });
    let (cost, currency) = cost(body.get("cost_data"), &mut findings);
    findings.finish()?;
    match (kind, satisfaction, comments) {
        (Some(kind), Some(satisfaction), Some(comments)) => {
            Ok(Answer { kind, satisfaction, comments, metrics, cost, currency })
        }
        _ => Err(Error::internal("a checked answer lacks a part")),
    }
}

/// One of the three words.
pub fn kind(value: &Value) -> Result<FeedbackKind, String> {
    FeedbackKind::deserialize(value)
        .map_err(|_| "it must be `perfect_fit`, `over_provisioned` or `under_provisioned`".to_owned())
}

/// A whole number from 1 to 10.
pub fn satisfaction(value: &Value) -> Result<u8, String> {
    let whole = value.as_u64().filter(|number| (1..=10).contains(number));
    whole.map(|number| number as u8).ok_or_else(|| "it must be a whole number from 1 to 10".to_owned())
}

fn comments(value: &Value) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => comment(text),
        _ => Err("it must be a text".to_owned()),
    }
}

/// At most so many characters.
pub fn comment(text: &str) -> Result<String, String> {
    match text.chars().count() {
        length if length > LONGEST_COMMENT => {
            Err(format!("it has {length} characters; {LONGEST_COMMENT} is the most"))
        }
        _ => Ok(text.to_owned()),
    }
}

fn cost(data: Option<&Value>, findings: &mut Findings) -> (Option<Micros>, Option<String>) {
    let Some(data) = data.filter(|value| !value.is_null()) else { return (None, None) };
    let Some(data) = data.as_object() else {
        findings.add("cost_data", "it must be an object with `actual_monthly_cost` and `currency`");
        return (None, None);
    };
    let paid = data.get("actual_monthly_cost").unwrap_or(&Value::Null);
    if paid.is_null() {
        return (None, None);
    }
    let paid = paid.as_f64().ok_or("it must be a number, 0 or more".to_owned()).and_then(amount);
    let currency = match data.get("currency") {
        None | Some(Value::Null) => Ok("USD".to_owned()),
        Some(Value::String(text)) => currency(text),
        Some(_) => Err("it must be three letters, such as USD".to_owned()),
    };
    (findings.take("cost_data.actual_monthly_cost", paid), findings.take("cost_data.currency", currency))
}

/// An amount of money that somebody may pay in a month.
pub fn amount(paid: f64) -> Result<Micros, String> {
    let legal = Some(paid).filter(|paid| (0.0..=MOST_COST).contains(paid));
    legal.and_then(Micros::from_usd).ok_or_else(|| "it must be from 0 to 1,000,000,000 a month".to_owned())
}

/// Three letters, in upper case.
pub fn currency(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        Ok(text.to_ascii_uppercase())
    } else {
        Err("it must be three letters, such as USD".to_owned())
    }
}

/// Whether any engine can store it.
fn is_storable(value: &Value, depth: usize) -> bool {
    match value {
        _ if depth > 8 => false,
        Value::Array(items) => items.iter().all(|item| !item.is_array() && is_storable(item, depth + 1)),
        Value::Object(map) => map.iter().all(|(name, item)| !name.is_empty() && is_storable(item, depth + 1)),
        Value::Number(number) => number.is_i64() || number.is_f64(),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}
