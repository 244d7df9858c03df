//! What a customer registers, checked: ids, project, region, sizes, dates. All that is wrong is told at once.

use super::{body::RegisterBody, launch, specs, specs::Recommended};
use forecast::price;
use host::Findings;
use host::{
    Error,
    seal::{ExposeSecret, SecretString},
};
use model::{CustomerId, DecisionId, Timestamp};

/// The class of an app of which nothing is known.
const UNKNOWN: &str = "unknown";
/// Bytes of credentials; a service account's key has under 3 KiB.
const LONGEST_CREDENTIALS: usize = 64 << 10;

/// A checked body. The credentials are still in clear, so it can't be printed.
pub struct Wanted {
    /// The decision that was applied.
    pub decision: DecisionId,
    /// The customer's id of the user.
    pub user: CustomerId,
    /// The customer's id of the session.
    pub session: CustomerId,
    /// The id of the customer's Google Cloud project.
    pub project: String,
    /// Their credentials, in clear.
    pub credentials: SecretString,
    /// Where they deploy.
    pub region: Option<String>,
    /// What was recommended to them.
    pub recommended: Recommended,
    /// Metrics count from here.
    pub launch_at: Option<Timestamp>,
    /// Whether metrics may be collected.
    pub collect: bool,
}

impl Wanted {
    /// What the app is compared with.
    pub fn class(&self) -> &str {
        self.recommended.class.as_deref().unwrap_or(UNKNOWN)
    }
}

/// Checks a body.
pub fn check(body: RegisterBody) -> Result<Wanted, Error> {
    let mut findings = Findings::default();
    let decision = findings.take("decision_id", DecisionId::new(&body.decision_id));
    let user = findings.take("user_id", CustomerId::new(&body.user_id));
    let session = findings.take("session_id", CustomerId::new(&body.session_id));
    findings.require(is_project(&body.gcp_project_id), "gcp_project_id", || {
        "a project id has 6 to 30 lower-case letters, digits and hyphens and begins with a letter".to_owned()
    });
    let credentials = body.gcp_credentials.0;
    let length = credentials.expose_secret().len();
    findings.require(length <= LONGEST_CREDENTIALS, "gcp_credentials", || {
        format!("they have {length} bytes; {LONGEST_CREDENTIALS} is the most")
    });
    let region = body.deployment_region.filter(|region| !region.trim().is_empty());
    if let Some(region) = &region {
        findings.take("deployment_region", price::tier_of(region));
    }
    let recommended = specs::read(
        body.recommended_architecture.as_ref(),
        body.recommended_cost.as_ref(),
        body.recommended_specs.as_ref(),
        &mut findings,
    );
    let launch_at = body
        .expected_launch_date
        .and_then(|text| findings.take("expected_launch_date", launch::parse(&text)));
    findings.finish()?;
    let (Some(decision), Some(user), Some(session)) = (decision, user, session) else {
        return Err(Error::internal("a checked registration lacks an id"));
    };
    Ok(Wanted {
        decision,
        user,
        session,
        project: body.gcp_project_id,
        credentials,
        region,
        recommended,
        launch_at,
        collect: body.should_collect_metrics.unwrap_or(true),
    })
}

/// A project's id, with the domain that some have before it (`example.com:shop-1`).
fn is_project(text: &str) -> bool {
    let id = text.rsplit_once(':').map_or(text, |(domain, id)| if domain.contains('.') { id } else { "" });
    (6..=30).contains(&id.len())
        && text.len() <= 100
        && id.starts_with(|c: char| c.is_ascii_lowercase())
        && !id.ends_with('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b))
        && !id.contains(['.', ':'])
}
