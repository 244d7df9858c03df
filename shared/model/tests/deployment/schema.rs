//! Kept fixtures of today's documents: what is written now must be readable, and re-written the same, for ever.

use model::document::{
    ActionRecord, Baseline, Decision, Deployment, Feedback, Learning, LearningRun, Observation, SCHEMA,
    Service,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::fmt::Debug;

/// Parses a fixture, writes it again, and compares. Unknown fields are tolerated and dropped; a field that says
/// nothing may be left out, so what was written is read once more and must be the same document.
fn round<T: Serialize + DeserializeOwned + PartialEq + Debug>(text: &str) {
    let kept: Value = serde_json::from_str(text).unwrap();
    assert_eq!(kept["schema"], json!(SCHEMA));
    let document: T = serde_json::from_value(kept.clone()).unwrap();
    let written = serde_json::to_value(&document).unwrap();
    assert_eq!(saying_something(written.clone()), saying_something(kept.clone()));
    assert_eq!(serde_json::from_value::<T>(written.clone()).unwrap(), document);
    let mut newer = kept;
    newer["field_of_a_later_release"] = json!({"any": [1, 2]});
    let document: T = serde_json::from_value(newer).unwrap();
    assert_eq!(serde_json::to_value(&document).unwrap(), written);
}

/// A document without the fields that are null or empty.
fn saying_something(mut document: Value) -> Value {
    let empty = [json!(null), json!([]), json!({})];
    document.as_object_mut().unwrap().retain(|_, value| !empty.contains(value));
    document
}

macro_rules! kept {
    ($($test:ident: $type:ty = $file:literal;)*) => {$(
        #[test]
        fn $test() {
            round::<$type>(include_str!(concat!("../fixtures/v1/", $file, ".json")));
        }
    )*};
}

kept! {
    a_deployment_is_read_and_written_the_same: Deployment = "deployment";
    a_service_is_read_and_written_the_same: Service = "service";
    a_decision_is_read_and_written_the_same: Decision = "decision";
    an_observation_is_read_and_written_the_same: Observation = "observation";
    a_feedback_is_read_and_written_the_same: Feedback = "feedback";
    a_learning_is_read_and_written_the_same: Learning = "learning";
    an_action_is_read_and_written_the_same: ActionRecord = "action";
    a_baseline_is_read_and_written_the_same: Baseline = "baseline";
    a_learning_run_is_read_and_written_the_same: LearningRun = "learning_run";
}

/// A document from before a field had been added is still read: only what every document has always had is needed.
#[test]
fn fields_that_were_added_have_defaults() {
    let mut kept: Value = serde_json::from_str(include_str!("../fixtures/v1/deployment.json")).unwrap();
    let needed = [
        "schema",
        "id",
        "tenant",
        "service",
        "environment",
        "carried_out_by",
        "requested_by",
        "created_at",
        "updated_at",
        "status",
        "step",
        "attempt",
        "shard",
    ];
    kept.as_object_mut().unwrap().retain(|field, _| needed.contains(&field.as_str()));
    let document: Deployment = serde_json::from_value(kept).unwrap();
    assert!(document.outbox.is_empty() && !document.awaited);
}

/// What set a canary apart is kept with it; documents from before that have none.
#[test]
fn why_it_was_judged_so_is_read_and_written_the_same() {
    let mut kept: Value = serde_json::from_str(include_str!("../fixtures/v1/deployment.json")).unwrap();
    let before: Deployment = serde_json::from_value(kept.clone()).unwrap();
    assert_eq!(before.canary.why, None);
    kept["canary"]["why"] = json!({
        "read_at": "taken_back",
        "lines": [{"template": "no pay #", "count": 9, "error": true, "example": "no pay 7"}],
        "more_lines": 2,
        "paths": [{"path": "/pay", "class": "5xx", "canary_requests": 9, "canary_bad": 9, "stable_requests": 80,
            "stable_bad": 0}],
    });
    let document: Deployment = serde_json::from_value(kept.clone()).unwrap();
    assert_eq!(serde_json::to_value(&document).unwrap()["canary"]["why"], kept["canary"]["why"]);
    kept["canary"]["why"] = json!({"read_at": "held"});
    let document: Deployment = serde_json::from_value(kept).unwrap();
    assert!(document.canary.why.is_some_and(|why| why.lines.is_none() && why.paths.is_none()));
}

/// Statuses are read in lower case too, and written in upper case.
#[test]
fn a_status_is_read_in_any_case() {
    let mut kept: Value = serde_json::from_str(include_str!("../fixtures/v1/deployment.json")).unwrap();
    let upper = kept["status"].clone();
    kept["status"] = json!(upper.as_str().unwrap().to_lowercase());
    let document: Deployment = serde_json::from_value(kept).unwrap();
    assert_eq!(serde_json::to_value(document.status).unwrap(), upper);
}
