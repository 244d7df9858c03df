//! What a function declares, once: its routes, topics and schedules. Local wiring, the catalog, the OpenAPI
//! document and the pages about routes and errors all come from it.

use crate::{Context, Error, Port, Request, Response, limit::Class, openapi::Schema};
use futures::future::BoxFuture;
use model::{Timestamp, port::Delivery};
use serde::{Deserialize, Serialize};
use std::{fmt, future::Future, sync::Arc};

/// What a caller may do. Each includes the ones before.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Nobody need be signed in: the handler checks what the request carries (a link's token, a signature).
    Public,
    /// May read everything of the tenant's.
    Viewer,
    /// Deploys and operates.
    Deployer,
    /// Members, keys, money.
    Owner,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Viewer => "viewer",
            Self::Deployer => "deployer",
            Self::Owner => "owner",
        })
    }
}

/// The HTTP methods that routes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "they are what they are called")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// As in a request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether it changes nothing.
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get)
    }
}

/// How a delivery ended, when it didn't fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was handled; the message is acknowledged.
    Done,
    /// It had been done before; nothing was changed.
    Duplicate,
    /// Not now: the host has the message delivered again at that time.
    Later(Timestamp),
    /// It can't be done, ever: recorded in the log, not delivered again.
    Reject(String),
}

/// Answers requests. Any `async fn(Context, Request) -> Result<Response, Error>` is one.
pub trait HttpHandler: Send + Sync {
    /// Answers one request.
    fn call(&self, ctx: Context, request: Request) -> BoxFuture<'static, Result<Response, Error>>;
}

impl<F, R> HttpHandler for F
where
    F: Fn(Context, Request) -> R + Send + Sync,
    R: Future<Output = Result<Response, Error>> + Send + 'static,
{
    fn call(&self, ctx: Context, request: Request) -> BoxFuture<'static, Result<Response, Error>> {
        Box::pin(self(ctx, request))
    }
}

/// Handles deliveries. Any `async fn(Context, Delivery) -> Result<Outcome, Error>` is one.
pub trait DeliveryHandler: Send + Sync {
    /// Handles one delivery.
    fn call(&self, ctx: Context, delivery: Delivery) -> BoxFuture<'static, Result<Outcome, Error>>;
}

impl<F, R> DeliveryHandler for F
where
    F: Fn(Context, Delivery) -> R + Send + Sync,
    R: Future<Output = Result<Outcome, Error>> + Send + 'static,
{
    fn call(&self, ctx: Context, delivery: Delivery) -> BoxFuture<'static, Result<Outcome, Error>> {
        Box::pin(self(ctx, delivery))
    }
}

/// Body bytes a route takes unless it says otherwise.
pub const BODY_LIMIT: usize = 1 << 20;

/// One HTTP route.
#[derive(Clone)]
pub struct Route {
    /// The method; `GET` answers `HEAD` too.
    pub method: Method,
    /// The path; `{name}` matches one segment, a last `{*name}` the rest.
    pub path: &'static str,
    /// What the caller needs.
    pub role: Role,
    /// One line for people.
    pub summary: &'static str,
    /// Whether it creates, so that `Idempotency-Key` is honoured (for callers that are signed in).
    pub creates: bool,
    /// Most bytes of the body.
    pub body_limit: usize,
    /// The content type of a body that is handed over as it comes, if it is.
    pub streams: Option<&'static str>,
    /// How often it may be asked for.
    pub limit: Class,
    pub(crate) body: Option<Schema>,
    pub(crate) body_optional: bool,
    pub(crate) params: Vec<(&'static str, Schema)>,
    pub(crate) headers: Vec<(&'static str, Schema)>,
    pub(crate) query: Option<Schema>,
    pub(crate) statuses: Vec<u16>,
    pub(crate) answers: Vec<(u16, &'static str, Option<Schema>)>,
    pub(crate) handler: Arc<dyn HttpHandler>,
}

macro_rules! methods {
    ($($name:ident => $method:ident),*) => {
        $(#[doc = concat!("A `", stringify!($method), "` route.")]
        pub fn $name(path: &'static str, role: Role, summary: &'static str, handler: impl HttpHandler + 'static) -> Self {
            Self::new(Method::$method, path, role, summary, handler)
        })*
    };
}

impl Route {
    /// A route that reads no body and creates nothing, until more is said of it.
    pub fn new(
        method: Method,
        path: &'static str,
        role: Role,
        summary: &'static str,
        handler: impl HttpHandler + 'static,
    ) -> Self {
        Self {
            method,
            path,
            role,
            summary,
            creates: false,
            body_limit: BODY_LIMIT,
            streams: None,
            limit: if method.is_safe() { Class::Read } else { Class::Write },
            body: None,
            body_optional: false,
            params: vec![],
            headers: vec![],
            query: None,
            statuses: vec![],
            answers: vec![],
            handler: Arc::new(handler),
        }
    }

    methods!(get => Get, post => Post, put => Put, patch => Patch, delete => Delete);

    /// It creates something: `Idempotency-Key` is honoured.
    #[must_use]
    pub fn creates(mut self) -> Self {
        self.creates = true;
        self
    }

    /// Takes bodies of at most so many bytes instead of 1 MiB.
    #[must_use]
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Its body of this type is not read before the handler is called, which takes it as it comes. Such a request may
    /// take longer than the function's others.
    #[must_use]
    pub fn streams(mut self, content_type: &'static str) -> Self {
        self.streams = Some(content_type);
        self
    }

    /// Counts as another class than its method's.
    #[must_use]
    pub fn limit(mut self, class: Class) -> Self {
        self.limit = class;
        self
    }

    /// What a `{name}` of its path is, for the OpenAPI document.
    #[must_use]
    pub fn param<T: utoipa::ToSchema>(mut self, name: &'static str) -> Self {
        self.params.push((name, Schema::of::<T>()));
        self
    }

    /// A header that it needs, for the OpenAPI document.
    #[must_use]
    pub fn header<T: utoipa::ToSchema>(mut self, name: &'static str) -> Self {
        self.headers.push((name, Schema::of::<T>()));
        self
    }

    /// A problem with this status is among its answers, beside those that follow from what it is.
    #[must_use]
    pub fn refuses(mut self, status: u16) -> Self {
        self.statuses.push(status);
        self
    }

    /// Its JSON body, for the OpenAPI document.
    #[must_use]
    pub fn body<T: utoipa::ToSchema>(mut self) -> Self {
        self.body = Some(Schema::of::<T>());
        self
    }

    /// Its JSON body, which may be absent.
    #[must_use]
    pub fn optional_body<T: utoipa::ToSchema>(mut self) -> Self {
        self.body_optional = true;
        self.body::<T>()
    }

    /// Its query: an object of plain values, for the OpenAPI document.
    #[must_use]
    pub fn query<T: utoipa::ToSchema>(mut self) -> Self {
        self.query = Some(Schema::of::<T>());
        self
    }

    /// A JSON answer, for the OpenAPI document.
    #[must_use]
    pub fn answers<T: utoipa::ToSchema>(mut self, status: u16) -> Self {
        self.answers.push((status, "application/json", Some(Schema::of::<T>())));
        self
    }

    /// An answer of another type (a page, a stream), for the OpenAPI document; `""` for no body.
    #[must_use]
    pub fn answers_with(mut self, status: u16, content_type: &'static str) -> Self {
        self.answers.push((status, content_type, None));
        self
    }
}

/// One topic a function listens to.
#[derive(Clone)]
pub struct TopicTrigger {
    /// The topic's name, without the installation's prefix.
    pub topic: &'static str,
    /// Types it is for; empty means all.
    pub kinds: &'static [&'static str],
    pub(crate) handler: Arc<dyn DeliveryHandler>,
}

/// One schedule that starts the function.
#[derive(Clone)]
pub struct ScheduleTrigger {
    /// Its name, unique in the function.
    pub name: &'static str,
    /// Five fields of cron, UTC.
    pub cron: &'static str,
    pub(crate) handler: Arc<dyn DeliveryHandler>,
}

/// Through which service on Google Cloud a function is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Its own, which only pushes and schedules get into.
    Internal,
    /// The one public service, which all functions with routes share.
    Public,
}

/// A function: its name, what starts it, what it may use, and the handlers.
#[derive(Clone)]
pub struct Function {
    /// Its name: the crate's, the Cloud Run service's, the first part of its subscriptions.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// A request or delivery is cut off after this long.
    pub timeout_s: u32,
    /// Requests and deliveries one instance takes at once.
    pub concurrency: u32,
    /// Roles its service account needs.
    pub permissions: &'static [&'static str],
    /// Ports that it is handed; a call of any other fails.
    pub ports: &'static [Port],
    /// Through which service it is reached.
    pub door: Door,
    /// HTTP routes, each with the role that it asks for.
    pub routes: Vec<Route>,
    /// Topics that it listens to.
    pub topics: Vec<TopicTrigger>,
    /// Schedules that start it.
    pub schedules: Vec<ScheduleTrigger>,
    /// Problems of its own: slug and what it means.
    pub problems: Vec<(&'static str, &'static str)>,
}

impl Function {
    /// A function that nothing starts yet; 30 s, 80 at once.
    pub fn new(name: &'static str, summary: &'static str) -> Self {
        Self {
            name,
            summary,
            timeout_s: 30,
            concurrency: 80,
            permissions: &[],
            ports: &[],
            door: Door::Internal,
            routes: vec![],
            topics: vec![],
            schedules: vec![],
            problems: vec![],
        }
    }

    /// Cuts a request or delivery off after this long.
    #[must_use]
    pub fn timeout_s(mut self, seconds: u32) -> Self {
        self.timeout_s = seconds;
        self
    }

    /// Requests and deliveries one instance takes at once.
    #[must_use]
    pub fn concurrency(mut self, most: u32) -> Self {
        self.concurrency = most;
        self
    }

    /// Roles its service account needs, such as `datastore.user`.
    #[must_use]
    pub fn permissions(mut self, roles: &'static [&'static str]) -> Self {
        self.permissions = roles;
        self
    }

    /// Ports that it is handed. A place that lacks one of them refuses to start the function.
    #[must_use]
    pub fn uses(mut self, ports: &'static [Port]) -> Self {
        self.ports = ports;
        self
    }

    /// Through which service it is reached.
    #[must_use]
    pub fn door(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// One more route.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    /// Listens to a topic for these types (all if empty). The subscription is `FUNCTION.TOPIC`.
    #[must_use]
    pub fn topic(
        mut self,
        topic: &'static str,
        kinds: &'static [&'static str],
        handler: impl DeliveryHandler + 'static,
    ) -> Self {
        self.topics.push(TopicTrigger { topic, kinds, handler: Arc::new(handler) });
        self
    }

    /// Runs by cron. Arrives as a delivery of type `schedule` whose body is `{"name": …}`; it has no tenant.
    #[must_use]
    pub fn schedule(
        mut self,
        name: &'static str,
        cron: &'static str,
        handler: impl DeliveryHandler + 'static,
    ) -> Self {
        self.schedules.push(ScheduleTrigger { name, cron, handler: Arc::new(handler) });
        self
    }

    /// Documents a problem of its own: the slug and what it means, with what to do.
    #[must_use]
    pub fn problem(mut self, slug: &'static str, meaning: &'static str) -> Self {
        self.problems.push((slug, meaning));
        self
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Function({}, {} routes, {} topics, {} schedules)",
            self.name,
            self.routes.len(),
            self.topics.len(),
            self.schedules.len()
        )
    }
}
