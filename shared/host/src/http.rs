//! Functions behind HTTP: one entrance for every request, and the one place where errors become answers.

use crate::{
    Caller, Context, Error, Function, Kind, Method, Request, Response, Route, Runner, Trace, address, auth,
    cors, idempotency,
    idempotency::{Checked, IdempotencyKey},
    push, request,
    response::Body,
    routing::{self, Found},
    serve::Closing,
    upload::{self, Upload},
};
use axum::{
    Router,
    body::Body as HttpBody,
    http::{self, HeaderMap, HeaderName, HeaderValue, Uri, request::Parts},
};
use bytes::Bytes;
use futures::StreamExt;
use model::port::{Subscriber, Verdict};
use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};
use tracing::Instrument;

type HttpRequest = http::Request<HttpBody>;
type HttpResponse = http::Response<HttpBody>;

/// Who sends a request, as far as that matters before anybody is known.
struct Client {
    /// Whether a person looks at the answer.
    browser: bool,
    /// From where, as limits count it.
    address: String,
}

/// How long `/readyz` waits for the store.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

impl Runner {
    /// The router of all functions' routes, pushes, health and documents.
    pub fn router(self: &Arc<Self>) -> Router {
        let runner = Arc::clone(self);
        Router::new().fallback(move |request: HttpRequest| {
            let runner = Arc::clone(&runner);
            async move { runner.answer(request).await }
        })
    }

    async fn answer(&self, request: HttpRequest) -> HttpResponse {
        let (parts, body) = request.into_parts();
        let closing = parts.extensions.get::<Closing>().cloned();
        let client = Client {
            browser: accepts_html(&parts.headers),
            address: address::of(&parts, self.config.forwarded_hops),
        };
        let result = match parts.uri.path() {
            "/healthz" => Ok(Response::text(200, "ok\n")),
            "/readyz" => self.ready().await,
            path => match path.strip_prefix("/push/") {
                Some(subscription) => self.push(subscription, &parts, body, &client).await,
                None => self.page_or_route(&parts, body, &client).await,
            },
        };
        let response = result.unwrap_or_else(|error| self.problem(&error, client.browser));
        let mut answer = self.finish(response, closing);
        if !self.config.origins.is_empty() {
            let origin = cors::allowed(&self.config.origins, &parts.headers);
            cors::open(answer.headers_mut(), origin);
        }
        answer
    }

    async fn ready(&self) -> Result<Response, Error> {
        match tokio::time::timeout(READY_TIMEOUT, self.ports.store.ready()).await {
            Ok(result) => result.map(|()| Response::text(200, "ready\n")).map_err(Error::from),
            Err(_) => Err(Error::unavailable(
                "The store doesn't answer within 2 s. Look at its logs; this process is well.",
            )),
        }
    }

    async fn push(
        &self,
        subscription: &str,
        parts: &Parts,
        body: HttpBody,
        client: &Client,
    ) -> Result<Response, Error> {
        let query = parts.uri.query().unwrap_or_default();
        auth::check_push(&self.config.push, query, &parts.headers, self.ports.clock.real())
            .await
            .unwrap_or_else(|| Err(not_found(&parts.uri)))?;
        if parts.method != http::Method::POST {
            return Err(wrong_method(&parts.method, "/push", &[Method::Post]));
        }
        let name = subscription.split('.').next().unwrap_or_default();
        let function = self.function(name).ok_or_else(|| not_found(&parts.uri))?;
        let limit = crate::function::BODY_LIMIT;
        let body =
            self.intake.read(&client.address, &parts.headers, body, limit, self.config.read_timeout).await?;
        let _permit = self.permit(function)?;
        match push::read(subscription, &parts.headers, &body, self.ports.clock.now()) {
            Ok(delivery) => match self.deliver(delivery).await {
                Verdict::Ack => Ok(Response::empty(204)),
                Verdict::Nack => Ok(Response::empty(503)),
            },
            Err(push::Bad::Message(why)) => {
                tracing::error!(subscription, "a message was given up: {why}");
                Ok(Response::empty(204))
            }
            Err(push::Bad::Envelope(why)) => Err(Error::bad_request(format!("{why}; nothing was done."))),
        }
    }

    async fn page_or_route(&self, parts: &Parts, body: HttpBody, client: &Client) -> Result<Response, Error> {
        let host = auth::check_host(&self.config, &parts.uri, &parts.headers)?;
        if cors::is_preflight(parts) && cors::allowed(&self.config.origins, &parts.headers).is_some() {
            return Ok(cors::preflight());
        }
        let get = parts.method == http::Method::GET;
        match parts.uri.path() {
            "/session" if get && self.config.browser_sessions => self.session(&parts.uri),
            "/openapi.json" if get && self.openapi.is_some() => Ok(self.openapi_document()),
            "/errors" if get => Ok(crate::problems::page(&self.functions)),
            path => match routing::find(&self.functions, method(&parts.method), path) {
                Found::Nothing => Err(not_found(&parts.uri)),
                Found::OtherMethods(allowed) => Err(wrong_method(&parts.method, path, &allowed)),
                Found::Route(function, route, params) => {
                    let request = Request {
                        method: route.method,
                        path: path.to_owned(),
                        params,
                        query_string: parts.uri.query().unwrap_or_default().to_owned(),
                        body: Bytes::new(),
                        headers: parts.headers.clone(),
                        upload: Upload::default(),
                    };
                    let caller = self.admit(route, &host, &request, &client.address).await?;
                    self.route(function, route, caller, request, body, client).await
                }
            },
        }
    }

    fn session(&self, uri: &Uri) -> Result<Response, Error> {
        let said = |name| request::in_query(uri.query().unwrap_or_default(), name).unwrap_or_default();
        let (code, to) = (said("code"), said("to"));
        let secure = self.config.public_url.starts_with("https://");
        self.sessions.redeem(
            &code,
            &to,
            self.ports.clock.real(),
            &self.config.token_key,
            self.ports.random.bits(),
            secure,
        )
    }

    fn openapi_document(&self) -> Response {
        let make = || {
            self.openapi.and_then(|document| serde_json::to_vec(&document()).ok()).unwrap_or_default().into()
        };
        Response::bytes(200, "application/json", self.openapi_json.get_or_init(make).clone())
    }

    async fn route(
        &self,
        function: &Function,
        route: &Route,
        caller: Option<Caller>,
        mut request: Request,
        body: HttpBody,
        client: &Client,
    ) -> Result<Response, Error> {
        let patience = self.config.read_timeout;
        // Whoever sends slowly must not keep others from being answered: a body that is read whole is here before its
        // request has a place, and those that are streamed have places of their own.
        let _permit = if route.streams.is_some() {
            request.upload = Upload::of(body, route.body_limit, patience);
            self.uploads.try_acquire().map_err(|_| busy(function))?
        } else {
            request.body =
                self.intake.read(&client.address, &request.headers, body, route.body_limit, patience).await?;
            self.permit(function)?
        };
        let upload = request.upload.clone();
        let trace = Trace::continued(request.header("traceparent"), &*self.ports.random);
        // The route's pattern, not the path: some paths carry a link's token.
        let span = tracing::info_span!(
            "request",
            function = function.name,
            method = route.method.as_str(),
            route = route.path,
            trace_id = trace.trace_id(),
            tenant = tracing::field::Empty,
            deployment = tracing::field::Empty,
        );
        let mut ctx = self.context(function, trace, span.clone());
        if let Some(caller) = caller {
            ctx = ctx.with_caller(caller);
        }
        async {
            let limit = if route.streams.is_some() { upload::LONGEST } else { self.timeout(function) };
            let result = self.bounded_by(limit, function, self.run(route, ctx, request)).await;
            upload.drain(patience).await;
            let now = self.ports.clock.real();
            let result = result.map_err(|error| self.limiter.refused(error, &client.address, now));
            // Turned into an answer while the span is open, so that the log entry carries its ids.
            Ok(result.unwrap_or_else(|error| self.problem(&error, client.browser)))
        }
        .instrument(span)
        .await
    }

    /// Who calls, if they may, and not too often.
    async fn admit(
        &self,
        route: &Route,
        host: &str,
        request: &Request,
        address: &str,
    ) -> Result<Option<Caller>, Error> {
        let now = self.ports.clock.real();
        let caller = auth::authenticate(&self.config, now, route, host, &request.headers)
            .map_err(|error| self.limiter.refused(error, address, now))?;
        let tenant = caller.as_ref().map(|caller| &caller.tenant);
        self.limiter.check(route.limit, tenant, address, &*self.ports.store, now).await?;
        Ok(caller)
    }

    async fn run(&self, route: &Route, ctx: Context, request: Request) -> Result<Response, Error> {
        let keyed = route.creates && ctx.caller.is_some();
        let Some(key) = keyed.then(|| IdempotencyKey::of(&request)).transpose()?.flatten() else {
            return route.handler.call(ctx, request).await;
        };
        let claim = match idempotency::check(&self.in_flight, &ctx, route, &request, &key).await? {
            Checked::Repeat(response) => return Ok(response),
            Checked::First(claim) => claim,
        };
        let ctx = ctx.with_idempotency(Some(Arc::clone(&claim)));
        let result = match route.handler.call(ctx.clone(), request).await {
            Ok(response) => claim.settle_with(&ctx, response).await,
            Err(error) => Err(error),
        };
        result.or_else(|mut error| match error.take_replay() {
            Some(record) => claim.answer(&record),
            None => Err(error),
        })
    }

    fn permit(&self, function: &Function) -> Result<tokio::sync::SemaphorePermit<'_>, Error> {
        self.permits
            .get(function.name)
            .and_then(|permits| permits.try_acquire().ok())
            .ok_or_else(|| busy(function))
    }

    /// An error as an answer. What is ours to look at is logged, once, with an id that the answer carries.
    fn problem(&self, error: &Error, browser: bool) -> Response {
        let error_id = error.is_ours().then(|| self.error_id());
        if let Some(id) = &error_id {
            let status = error.kind().status();
            if matches!(error.kind(), Kind::Unavailable) {
                tracing::warn!(error_id = id, status, "{error}");
            } else {
                tracing::error!(error_id = id, status, "{error}");
            }
        }
        let document = error.problem(error_id.as_deref());
        let mut response = if browser {
            crate::problems::problem_page(error.kind().status(), &document)
        } else {
            let body = serde_json::to_vec(&document).unwrap_or_default();
            Response::bytes(error.kind().status(), "application/problem+json", body)
        };
        for (name, value) in error.headers() {
            response = response.header(name, value.as_str());
        }
        response
    }

    fn finish(&self, response: Response, closing: Option<Closing>) -> HttpResponse {
        let Response { status, headers, body } = response;
        let body = match body {
            Body::Whole(bytes) => HttpBody::from(bytes),
            Body::Failed(error) => return self.finish(self.problem(&error, false), closing),
            Body::Stream(stream) => {
                let stream = stream.into_inner().unwrap_or_else(PoisonError::into_inner);
                let logged = stream.inspect(|item| {
                    if let Err(error) = item {
                        tracing::error!("a stream was cut off: {error}");
                    }
                });
                match closing {
                    Some(closing) => HttpBody::from_stream(logged.take_until(closing.closed())),
                    None => HttpBody::from_stream(logged),
                }
            }
        };
        let mut answer = HttpResponse::new(body);
        *answer.status_mut() =
            http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                answer.headers_mut().append(name, value);
            } else {
                tracing::warn!("a response header with illegal characters was left out");
            }
        }
        secure(answer.headers_mut());
        answer
    }
}

/// What browsers should make of our answers, unless the handler says otherwise.
fn secure(headers: &mut HeaderMap) {
    let html = headers.get("content-type").is_some_and(|value| value.as_bytes().starts_with(b"text/html"));
    let mut default = |name: &'static str, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    default("x-content-type-options", "nosniff");
    default("cache-control", "no-store");
    if html {
        default("x-frame-options", "DENY");
        default("referrer-policy", "same-origin");
    }
}

/// Whether a person looks at the answer.
fn accepts_html(headers: &HeaderMap) -> bool {
    headers.get("accept").is_some_and(|value| value.to_str().is_ok_and(|accept| accept.contains("text/html")))
}

fn busy(function: &Function) -> Error {
    Error::unavailable(format!(
        "`{}` is busy with as many requests as it takes at once. Nothing was done; repeat this in a second.",
        function.name
    ))
    .slug("busy")
    .header("retry-after", "1")
}

fn not_found(uri: &Uri) -> Error {
    Error::not_found(format!(
        "There is nothing at `{}`. `GET /openapi.json` lists what there is.",
        uri.path()
    ))
}

fn wrong_method(method: &http::Method, path: &str, allowed: &[Method]) -> Error {
    let names = allowed.iter().map(|method| method.as_str()).collect::<Vec<_>>();
    Error::new(
        Kind::MethodNotAllowed,
        format!("`{method}` does nothing at `{path}`; use {}.", names.join(" or ")),
    )
    .header("allow", names.join(", "))
    .with("allowed", names)
}

fn method(method: &http::Method) -> Option<Method> {
    match method.as_str() {
        "GET" | "HEAD" => Some(Method::Get),
        "POST" => Some(Method::Post),
        "PUT" => Some(Method::Put),
        "PATCH" => Some(Method::Patch),
        "DELETE" => Some(Method::Delete),
        _ => None,
    }
}
