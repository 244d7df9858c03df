//! The service that a request is about.

use host::{Context, Error, Stored};
use model::{
    document::{Service, service_path},
    message::ActionRequest,
    port::target::ServiceKey,
};

/// A request's service, if there is one.
pub async fn find(ctx: &Context, request: &ActionRequest) -> Result<Option<Stored<Service>>, Error> {
    ctx.read(&service_path(ctx.tenant()?, &request.service)).await
}

/// The service as the target knows it.
pub fn key(service: &Service) -> ServiceKey {
    ServiceKey { tenant: service.tenant.clone(), service: service.name.clone() }
}
