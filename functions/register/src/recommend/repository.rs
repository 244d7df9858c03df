//! What a repository is: fetched under a key of its own, read, and removed again whatever comes of it.

use super::App;
use crate::secret::Secret;
use host::{Context, Error, seal::ExposeSecret};
use model::{
    DecisionId, TenantId,
    port::{
        PortError,
        source::{Checkout, Fetched, Opened, SourceRef},
    },
    time::SECOND_MS,
};

/// How long fetching may hold up the answer: the function has 60 s.
const FETCH_MS: i64 = 35 * SECOND_MS;

/// Fetches and inspects.
pub async fn inspect(
    ctx: &Context,
    source: &SourceRef,
    token: Option<&Secret>,
    id: &DecisionId,
) -> Result<App, Error> {
    let key = id.as_str();
    let token = token.map(|token| token.0.expose_secret());
    let tenant = ctx.tenant()?;
    let read = match opened(ctx, tenant, source, key, token).await {
        Ok(checkout) => {
            let options = inspect::Options::default();
            tokio::task::spawn_blocking(move || {
                // The whole value goes along: the tree stays for as long as it is read.
                let checkout = checkout;
                inspect::read(&checkout.folder, &options)
            })
            .await
            .map_err(|error| Error::internal(format!("inspecting a repository failed: {error}")))
        }
        Err(error) => Err(not_fetched(error)),
    };
    if let Err(error) = ctx.ports.source.release(tenant, key).await {
        tracing::warn!(%error, key, "a fetched repository could not be removed");
    }
    let report = read?.map_err(|error| {
        Error::unprocessable(format!("The repository can't be read: {error}. Nothing was stored."))
            .slug("repository-unreadable")
    })?;
    let missing = report.missing().map(|missing| format!("It can't be deployed as it is: {missing}"));
    Ok(App { class: report.class(), plan: report.plan(), reasons: missing.into_iter().collect() })
}

/// Fetches and unpacks, for as long as a request may take.
async fn opened(
    ctx: &Context,
    tenant: &TenantId,
    source: &SourceRef,
    key: &str,
    token: Option<&str>,
) -> Result<Checkout, PortError> {
    let began = ctx.real();
    loop {
        let reason = match ctx.ports.source.fetch(tenant, source, key, token).await? {
            Fetched::Archived(archived) => match ctx.ports.source.open(&archived).await? {
                Opened::Tree(checkout) => return Ok(checkout),
                Opened::Waits { reason } => reason,
                Opened::Gone => {
                    return Err(PortError::Transient("its archive was removed just now".to_owned()));
                }
            },
            Fetched::Waits { reason } => reason,
        };
        if ctx.real().since(began) >= FETCH_MS {
            return Err(PortError::Transient(reason));
        }
    }
}

fn not_fetched(error: PortError) -> Error {
    match error {
        PortError::Transient(text) => Error::unavailable(format!(
            "The repository can't be fetched now: {text}. Nothing was stored; the same request may work in a minute."
        )),
        PortError::Permanent(text) => Error::unprocessable(format!(
            "The repository can't be fetched: {text}. Nothing was stored; check the path or URL, the branch, and whether it needs `source_token`."
        ))
        .slug("repository-not-found"),
    }
}
