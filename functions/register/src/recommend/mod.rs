//! `POST /api/v1/decisions`: a recommendation for a repository, or for a class of apps, with nothing deployed.

pub mod class;
mod repository;
pub mod view;

use crate::{
    deploy::source::{naming_source, source},
    secret::Secret,
};
use forecast::{
    price,
    recommend::{learning, recommend},
    size::Learning,
};
use host::{Context, Error, Findings, Request, Response};
use model::{
    DecisionId, ServiceName, TenantId,
    document::{
        Decision, SCHEMA,
        calibration::{ClassDocument, OwnDocument, own_path, pool_path},
        decision_path,
    },
    port::{
        source::SourceRef,
        store::{Body, Document, Precondition, Write},
        target::Plan,
    },
};
use view::DecisionView;

/// Most requests a month that a price is made for.
const MOST_REQUESTS: u64 = 1_000_000_000_000;
/// Longest request: Cloud Run's own limit of an hour.
const LONGEST_REQUEST_MS: u32 = 3_600_000;

naming_source! {
    /// For what: a repository (one of `repository`, `source`, `path`, `url`), or a `class` of apps.
    pub struct RecommendBody {
        /// An absolute path or an https:// URL.
        #[serde(default)]
        pub repository: Option<String>,
        /// Token for a private repository; used once, not stored.
        #[serde(default)]
        #[schema(value_type = Option<String>, format = "password")]
        pub source_token: Option<Secret>,
        /// Such as `node/express` or `fastapi`.
        #[serde(default)]
        #[schema(pattern = "^[A-Za-z0-9][A-Za-z0-9.+#_/ -]*$", max_length = 60)]
        pub class: Option<String>,
        /// Requests in a month of 30 days; assumed if absent.
        #[serde(default)]
        #[schema(maximum = 1_000_000_000_000_u64)]
        pub requests_month: Option<u64>,
        /// Mean time to answer one; the framework's if absent.
        #[serde(default)]
        #[schema(minimum = 1, maximum = 3_600_000)]
        pub duration_ms: Option<u32>,
        /// Cloud Run region.
        #[serde(default)]
        pub region: Option<String>,
        /// The service it is for.
        #[serde(default)]
        #[schema(pattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length = 34)]
        pub service: Option<String>,
    }
}

/// A checked body.
struct Wanted {
    source: Option<SourceRef>,
    token: Option<Secret>,
    class: Option<String>,
    requests_month: Option<u64>,
    duration_ms: Option<u32>,
    region: String,
    service: Option<ServiceName>,
}

/// What the app is.
struct App {
    class: String,
    plan: Plan,
    reasons: Vec<String>,
}

/// Recommends, and stores the decision.
pub async fn decide(ctx: Context, request: Request) -> Result<Response, Error> {
    let wanted = check(&ctx, request.json()?)?;
    let tenant = ctx.tenant()?.clone();
    let id = DecisionId::from_random(ctx.random());
    let app = match (&wanted.source, &wanted.class) {
        (Some(source), _) => repository::inspect(&ctx, source, wanted.token.as_ref(), &id).await?,
        (None, class) => App {
            class: class::canonical(class.as_deref().unwrap_or("unknown")),
            plan: Plan::default(),
            reasons: vec![],
        },
    };
    let learned = learned(&ctx, &tenant, &app.class).await?;
    let made = recommend(&app.class, wanted.requests_month, wanted.duration_ms, &wanted.region, &learned)
        .map_err(|error| no_price(&error, "region"))?;
    let decision = Decision {
        schema: SCHEMA,
        id,
        tenant: tenant.clone(),
        created_at: ctx.now(),
        model_version: made.model_version.to_owned(),
        deployment: None,
        service: wanted.service.map(String::from),
        class: app.class,
        plan: app.plan,
        configuration: made.configuration,
        demand: made.demand,
        prediction: made.prediction,
        reasons: app.reasons.into_iter().chain(made.reasons).collect(),
        registration: None,
    };
    let response = Response::json(201, &DecisionView::from(&decision));
    let write = Write::put(decision_path(&tenant, &decision.id), Precondition::Absent, &decision)?;
    ctx.commit(vec![write], &response).await?;
    Ok(response)
}

fn check(ctx: &Context, mut body: RecommendBody) -> Result<Wanted, Error> {
    let mut findings = Findings::default();
    if let Some(repository) = body.repository.take() {
        let slot = if repository.starts_with('/') { &mut body.path } else { &mut body.url };
        if slot.replace(repository).is_some() {
            findings
                .add("repository", "the source is given twice; keep one of `repository`, `path` and `url`");
        }
    }
    let named = body.take_named();
    let any = named.source.is_some() || named.path.is_some() || named.url.is_some();
    let source = if any || named.branch.is_some() || named.commit.is_some() {
        source(named, &mut findings)
    } else {
        findings.require(body.class.is_some(), "repository", || {
            "nothing says for what; give `repository` (a path or URL) or `class`".to_owned()
        });
        None
    };
    findings.require(!(any && body.class.is_some()), "class", || {
        "a repository's class is found by reading it; keep one of `repository` and `class`".to_owned()
    });
    if let Some(problem) = body.class.as_deref().and_then(class::problem) {
        findings.add("class", problem);
    }
    findings.require(body.requests_month.is_none_or(|n| n <= MOST_REQUESTS), "requests_month", || {
        format!("0 to {MOST_REQUESTS} requests a month can be priced")
    });
    let duration = 1..=LONGEST_REQUEST_MS;
    findings.require(body.duration_ms.is_none_or(|ms| duration.contains(&ms)), "duration_ms", || {
        format!("a request takes 1 to {LONGEST_REQUEST_MS} ms")
    });
    let region = body.region.unwrap_or_else(|| default_region(ctx).to_owned());
    findings.take("region", price::tier_of(&region));
    let service = body.service.and_then(|name| findings.take("service", ServiceName::new(name)));
    findings.finish()?;
    Ok(Wanted {
        source,
        token: body.source_token,
        class: body.class,
        requests_month: body.requests_month,
        duration_ms: body.duration_ms,
        region,
        service,
    })
}

/// The region whose prices are used where nobody names one.
pub fn default_region(ctx: &Context) -> &str {
    ctx.config.settings.region.as_str()
}

/// A price that can't be made, as a problem of the field that names the region.
pub fn no_price(error: &price::Error, region_field: &str) -> Error {
    let field = match error {
        price::Error::UnknownRegion { .. } => region_field,
        price::Error::Invalid { field, .. } => field,
    };
    Error::unprocessable(format!("{error}. Nothing was stored.")).field(field, error.to_string())
}

/// What this tenant may know about a class.
async fn learned(ctx: &Context, tenant: &TenantId, class: &str) -> Result<Learning, Error> {
    let found = ctx.ports.store.get_many(&[pool_path(class), own_path(tenant, class)]).await?;
    let mut found = found.into_iter();
    learning_of(ctx, found.next().flatten(), found.next().flatten())
}

/// The same from the two documents as they were read.
pub fn learning_of(ctx: &Context, pool: Option<Document>, own: Option<Document>) -> Result<Learning, Error> {
    let body = |document: Option<Document>| document.map(|document| document.body);
    let pool: Option<ClassDocument> = body(pool).as_ref().map(Body::parse).transpose()?;
    let own: Option<OwnDocument> = body(own).as_ref().map(Body::parse).transpose()?;
    Ok(learning(pool, own.as_ref(), ctx.now()))
}
