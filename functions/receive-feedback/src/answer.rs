//! An answer as it arrives, flat or nested, and as it is checked.

use crate::share;
use host::{Error, Findings};
use model::{FieldName, Micros, document::FeedbackKind};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Characters that a comment may have.
pub const LONGEST_COMMENT: usize = 4_000;
/// The most that anybody pays in a month, in any currency.
const MOST_COST: f64 = 1e9;

/// What somebody says of a decision. Either flat (`feedback_type`, `satisfaction_score` or `satisfaction`,
/// `comments`) or nested (`user_feedback`); `cost_data` and `deployment_metrics` go with both.
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
    /// Flat: the same under its short name; where both are sent, they must agree.
    #[schema(minimum = 1, maximum = 10)]
    satisfaction: Option<u8>,
    /// Flat: in their words, at most 4,000 characters.
    #[schema(max_length = 4000)]
    comments: Option<String>,
    /// What they measured themselves. `cpu_utilization`, `memory_utilization` and `error_rate`, directly or under
    /// `cloud_run`, are a fraction or percent: a value over 1 is percent, so `0.25` and `25` are the same.
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
    /// In a month; `null` where nobody knows.
    #[schema(required = true, minimum = 0, maximum = 1_000_000_000)]
    actual_monthly_cost: Option<f64>,
    /// Three letters; USD if absent. Other currencies are kept and neither converted nor learned from.
    #[schema(pattern = "^[A-Za-z]{3}$")]
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
    /// How satisfied they are, from 1 (not at all) to 10.
    pub satisfaction: u8,
    /// In their words.
    pub comments: String,
    /// What they measured themselves; shares as fractions, the rest as they sent it.
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
    for flat in ["feedback_type", "satisfaction_score", "satisfaction", "comments"] {
        let twice = nested.is_some() && body.get(flat).is_some_and(|value| !value.is_null());
        findings.require(!twice, flat, || {
            "the answer is in `user_feedback` already; send one of the two".to_owned()
        });
    }
    let empty = Map::new();
    let (said, names) = match nested {
        Some(value) => {
            let said = value.as_object();
            findings.require(said.is_some(), "user_feedback", || "it must be an object".to_owned());
            let names = ["user_feedback.type", "user_feedback.satisfaction", "user_feedback.comments"];
            (said.unwrap_or(&empty), names)
        }
        None => (body, ["feedback_type", satisfaction_name(body, &mut findings), "comments"]),
    };
    let of = |name: &str| said.get(name.rsplit('.').next().unwrap_or(name)).unwrap_or(&Value::Null);
    let kind = findings.take(names[0], kind(of(names[0])));
    let satisfaction = findings.take(names[1], satisfaction(of(names[1])));
    let comments = findings.take(names[2], comments(of(names[2])));
    let metrics = metrics(body.get("deployment_metrics"), &mut findings);
    let (cost, currency) = cost(body.get("cost_data"), &mut findings);
    findings.finish()?;
    match (kind, satisfaction, comments) {
        (Some(kind), Some(satisfaction), Some(comments)) => {
            Ok(Answer { kind, satisfaction, comments, metrics, cost, currency })
        }
        _ => Err(Error::internal("a checked answer lacks a part")),
    }
}

/// Which of the two names of a flat answer is used; where both are, they must agree.
fn satisfaction_name(body: &Map<String, Value>, findings: &mut Findings) -> &'static str {
    let named = |name: &str| body.get(name).filter(|value| !value.is_null());
    match (named("satisfaction_score"), named("satisfaction")) {
        (None, Some(_)) => "satisfaction",
        (Some(long), Some(short)) => {
            findings.require(satisfaction(long) == satisfaction(short), "satisfaction", || {
                "it differs from `satisfaction_score`; send one of the two".to_owned()
            });
            "satisfaction_score"
        }
        (_, None) => "satisfaction_score",
    }
}

/// What they measured, with shares as fractions.
fn metrics(value: Option<&Value>, findings: &mut Findings) -> Value {
    const FIELD: &str = "deployment_metrics";
    let mut metrics = value.cloned().unwrap_or_default();
    findings.require(metrics.is_null() || metrics.is_object(), FIELD, || {
        "it must be an object of what you measured".to_owned()
    });
    if let Err((field, why)) = storable(&metrics, 0, FIELD) {
        findings.add(field, why);
    }
    normalise(&mut metrics, FIELD, findings);
    if let Some(below) = metrics.get_mut("cloud_run") {
        normalise(below, "deployment_metrics.cloud_run", findings);
    }
    metrics
}

fn normalise(metrics: &mut Value, field: &str, findings: &mut Findings) {
    let Some(metrics) = metrics.as_object_mut() else { return };
    for name in share::NAMES {
        if let Some(share) = share::take(metrics, name, field, findings) {
            metrics.insert(name.to_owned(), share.into());
        }
    }
}

/// One of the three words.
pub fn kind(value: &Value) -> Result<FeedbackKind, String> {
    FeedbackKind::deserialize(value)
        .map_err(|_| "it must be `perfect_fit`, `over_provisioned` or `under_provisioned`".to_owned())
}

/// A whole number from 1 to 10.
pub fn satisfaction(value: &Value) -> Result<u8, String> {
    let whole = value.as_f64().filter(|number| number.fract() == 0.0 && (1.0..=10.0).contains(number));
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
    let currency = match data.get("currency") {
        None | Some(Value::Null) => Ok("USD".to_owned()),
        Some(Value::String(text)) => currency(text),
        Some(_) => Err("it must be three letters, such as USD".to_owned()),
    };
    let currency = findings.take("cost_data.currency", currency);
    let paid = match data.get("actual_monthly_cost") {
        Some(Value::Null) => return (None, None),
        paid => paid.and_then(Value::as_f64).ok_or_else(|| "it must be a number, 0 or more".to_owned()),
    };
    (findings.take("cost_data.actual_monthly_cost", paid.and_then(amount)), currency)
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

/// What no engine can store: where it is, and what would do.
fn storable(value: &Value, depth: usize, field: &str) -> Result<(), (String, String)> {
    let refuse = |why: &str| Err((field.to_owned(), why.to_owned()));
    match value {
        _ if depth > 8 => refuse("it is more than 8 levels deep"),
        Value::Array(items) if items.iter().any(Value::is_array) => {
            refuse("no list can stand directly in a list")
        }
        Value::Array(items) => items.iter().try_for_each(|item| storable(item, depth + 1, field)),
        Value::Object(map) => map.iter().try_for_each(|(name, item)| {
            let shown: String = name.chars().take(80).collect();
            let below = format!("{field}.{shown}");
            FieldName::new(name).map_err(|malformed| (below.clone(), malformed.why))?;
            storable(item, depth + 1, &below)
        }),
        Value::Number(number) if !(number.is_i64() || number.is_f64()) => {
            refuse("whole numbers must be below 2^63")
        }
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
    }
}
