//! What `POST /api/v1/deployments/register` is sent and what it answers. Fields that are not known are let through:
//! clients that exist already may send more than we read.

use crate::secret::sort;
use host::seal::SecretString;
use model::{CustomerId, DecisionId};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

/// A deployment that the customer carries out.
#[derive(Deserialize, utoipa::ToSchema)]
pub struct RegisterBody {
    /// The decision it carries out; one we don't know is made from `recommended_*`.
    #[schema(value_type = DecisionId)]
    pub decision_id: String,
    /// Their user, who gets the mails.
    #[schema(value_type = CustomerId)]
    pub user_id: String,
    /// The id of the customer's session, as their system has it.
    #[schema(value_type = CustomerId)]
    pub session_id: String,
    /// Their Google Cloud project.
    #[schema(pattern = "^([a-z0-9.-]+\\.[a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$", max_length = 100)]
    pub gcp_project_id: String,
    /// A service account's key, as text or as an object; stored encrypted, never given back.
    #[schema(value_type = String, format = "password", min_length = 1, max_length = 65536)]
    pub gcp_credentials: Credentials,
    /// Where they deploy.
    #[serde(default)]
    pub deployment_region: Option<String>,
    /// What was recommended, in words or as an object.
    #[serde(default)]
    pub recommended_architecture: Option<Value>,
    /// What it was to cost in a month: US dollars, or an object with `monthly_cost`.
    #[serde(default)]
    pub recommended_cost: Option<Value>,
    /// Its size: `cpu`, `memory`, `concurrency`, `min_instances`, `max_instances`, `framework`, `requests_month`.
    #[serde(default)]
    pub recommended_specs: Option<Value>,
    /// A date, or a date and time; metrics count from here.
    #[serde(default)]
    pub expected_launch_date: Option<String>,
    /// Whether metrics may be collected; true if absent.
    #[serde(default)]
    pub should_collect_metrics: Option<bool>,
}

/// Credentials as text, whether they came as text or as an object.
pub struct Credentials(pub SecretString);

impl<'de> Deserialize<'de> for Credentials {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::String(text) if !text.trim().is_empty() => Ok(Self(text.into())),
            Value::Object(object) if !object.is_empty() => {
                let text = serde_json::to_string(&object)
                    .map_err(|_| D::Error::custom("the object can't be written as text"))?;
                Ok(Self(text.into()))
            }
            Value::String(_) | Value::Object(_) => {
                Err(D::Error::custom("it is empty; send the service account's key"))
            }
            other => Err(D::Error::custom(format!("expected a string or an object, found {}", sort(&other)))),
        }
    }
}

/// A registered deployment.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Registered {
    /// Its id; the same for the same decision.
    pub deployment_id: String,
    /// What your metrics webhook signs with, or sends as bearer token. Shown once, at the first registration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook_secret: Option<String>,
}
