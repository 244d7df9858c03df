//! The OpenAPI document, made from what the routes declare.

use crate::{Function, Role, Route};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};
use utoipa::{
    ToSchema,
    openapi::{
        Components, Content, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, PathsBuilder, Ref, RefOr,
        Required, Response, ResponseBuilder, Schema as JsonSchema,
        path::{HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
        request_body::RequestBodyBuilder,
        schema::{ObjectBuilder, SchemaFormat, SchemaType, Type},
        security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

type Named = Vec<(String, RefOr<JsonSchema>)>;

/// A type's schema, made when it is asked for: nothing is built when a process starts.
#[derive(Clone, Copy)]
pub(crate) struct Schema {
    name: fn() -> Cow<'static, str>,
    own: fn() -> RefOr<JsonSchema>,
    others: fn(&mut Named),
}

impl Schema {
    pub(crate) fn of<T: ToSchema>() -> Self {
        Self { name: T::name, own: T::schema, others: T::schemas }
    }

    /// A reference to the type, which is added to `all`; lists are written out where they stand.
    fn reference(self, all: &mut Named) -> RefOr<JsonSchema> {
        (self.others)(all);
        match (self.own)() {
            list @ RefOr::T(JsonSchema::Array(_)) => list,
            own => {
                let name = (self.name)().into_owned();
                let reference = Ref::from_schema_name(&name);
                all.push((name, own));
                reference.into()
            }
        }
    }
}

/// The document of these functions' routes.
pub fn document(functions: &[Function]) -> OpenApi {
    let mut all = Named::new();
    let mut paths = PathsBuilder::new();
    for function in functions {
        for route in &function.routes {
            let item = PathItem::new(method(route), operation(function, route, &mut all));
            paths = paths.path(route.path.replace("{*", "{"), item);
        }
    }
    let mut components = Components::new();
    components.schemas.insert("Problem".to_owned(), problem_schema().into());
    for (name, schema) in all {
        components.schemas.entry(name).or_insert(schema);
    }
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    let info = InfoBuilder::new()
        .title("Sextant")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("Deploys an app, watches what it does and costs, asks, and learns."));
    OpenApiBuilder::new().info(info.build()).paths(paths.build()).components(Some(components)).build()
}

/// Names that two different types share. Such a document would describe one of them wrongly; a test holds this
/// empty.
pub fn collisions(functions: &[Function]) -> Vec<String> {
    let mut all = Named::new();
    for route in functions.iter().flat_map(|function| &function.routes) {
        for schema in route
            .body
            .iter()
            .chain(&route.query)
            .chain(route.answers.iter().filter_map(|(_, _, s)| s.as_ref()))
        {
            schema.reference(&mut all);
        }
    }
    let mut seen: BTreeMap<&String, &RefOr<JsonSchema>> = BTreeMap::new();
    let mut twice: Vec<String> = all
        .iter()
        .filter(|(name, schema)| *seen.entry(name).or_insert(schema) != schema)
        .map(|(name, _)| name.clone())
        .collect();
    twice.sort();
    twice.dedup();
    twice
}

fn operation(function: &Function, route: &Route, all: &mut Named) -> Operation {
    let mut operation = OperationBuilder::new()
        .tag(function.name)
        .summary(Some(route.summary))
        .operation_id(Some(operation_id(function, route)))
        .description(Some(route.limit.sentence()))
        .parameters(Some(parameters(route)));
    if let Some(body) = route.body {
        let content = Content::new(Some(body.reference(all)));
        let required = if route.body_optional { Required::False } else { Required::True };
        let body = RequestBodyBuilder::new().content("application/json", content).required(Some(required));
        operation = operation.request_body(Some(body.build()));
    }
    if let Some(content_type) = route.streams {
        let bytes = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::Custom("binary".to_owned())));
        let content = Content::new(Some(RefOr::T(JsonSchema::from(bytes))));
        let body = RequestBodyBuilder::new().content(content_type, content).required(Some(Required::True));
        operation = operation.request_body(Some(body.build()));
    }
    let statuses: BTreeSet<u16> = route.answers.iter().map(|(status, _, _)| *status).collect();
    for status in statuses {
        operation = operation.response(status.to_string(), answer(route, status, all));
    }
    for status in problem_statuses(route) {
        operation = operation.response(status.to_string(), problem(status));
    }
    if route.role > Role::Public {
        operation = operation.security(SecurityRequirement::new("bearer", [route.role.to_string()]));
    }
    operation.build()
}

/// All that a route answers with a status: one type of content or several.
fn answer(route: &Route, status: u16, all: &mut Named) -> Response {
    let mut response = ResponseBuilder::new().description(description(status));
    let same =
        route.answers.iter().filter(|(known, content_type, _)| *known == status && !content_type.is_empty());
    for (_, content_type, schema) in same {
        response = response.content(*content_type, Content::new(schema.map(|schema| schema.reference(all))));
    }
    if (status == 404 || status == 422) && route.answers.iter().any(|(known, _, _)| *known == status) {
        // Beside a page of the handler's own.
        let problem = Content::new(Some(Ref::from_schema_name("Problem")));
        response = response.content("application/problem+json", problem);
    }
    response.build()
}

/// What may be absent is left out of a query; there is no `null` to send.
fn without_null(schema: RefOr<JsonSchema>) -> RefOr<JsonSchema> {
    match schema {
        RefOr::T(JsonSchema::Object(mut object)) => {
            if let SchemaType::Array(types) = &mut object.schema_type {
                types.retain(|one| *one != Type::Null);
                if let [one] = types.as_slice() {
                    object.schema_type = SchemaType::Type(one.clone());
                }
            }
            RefOr::T(JsonSchema::Object(object))
        }
        other => other,
    }
}

/// Unique, since it holds the whole path: a page and the API's route to the same thing differ in `api`.
pub(crate) fn operation_id(function: &Function, route: &Route) -> String {
    let words = route
        .path
        .split(['/', '{', '}', '*', '.', '-', '_'])
        .filter(|word| !word.is_empty() && *word != "v1");
    let name = words.collect::<Vec<_>>().join("_");
    format!("{}_{}_{name}", function.name.replace('-', "_"), route.method.as_str().to_lowercase())
        .trim_end_matches('_')
        .to_owned()
}

fn method(route: &Route) -> HttpMethod {
    match route.method {
        crate::Method::Get => HttpMethod::Get,
        crate::Method::Post => HttpMethod::Post,
        crate::Method::Put => HttpMethod::Put,
        crate::Method::Patch => HttpMethod::Patch,
        crate::Method::Delete => HttpMethod::Delete,
    }
}

fn parameters(route: &Route) -> Vec<Parameter> {
    let segments = route.path.split('/').filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Parameter> = segments
        .map(|name| name.trim_start_matches('*'))
        .map(|name| {
            let known = route.params.iter().find(|(known, _)| *known == name);
            let schema = known.map_or_else(|| text(1, None), |(_, schema)| (schema.own)());
            parameter(name, ParameterIn::Path, true).schema(Some(schema)).build()
        })
        .collect();
    if let Some(RefOr::T(JsonSchema::Object(object))) = route.query.map(|schema| (schema.own)()) {
        for (name, schema) in object.properties {
            let required = object.required.contains(&name);
            let schema = without_null(schema);
            parameters.push(parameter(&name, ParameterIn::Query, required).schema(Some(schema)).build());
        }
    }
    for (name, schema) in &route.headers {
        let schema = (schema.own)();
        parameters.push(parameter(name, ParameterIn::Header, true).schema(Some(schema)).build());
    }
    if route.creates {
        let key = parameter("Idempotency-Key", ParameterIn::Header, false)
            .description(Some("A repeat within 24 hours gets the first answer and does nothing else."));
        parameters.push(key.schema(Some(text(255, Some("^[!-~]{1,255}$")))).build());
    }
    parameters
}

/// A text of at least one character; with a pattern, of at most so many.
fn text(length: usize, pattern: Option<&str>) -> RefOr<JsonSchema> {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).pattern(pattern);
    text.max_length(pattern.map(|_| length)).into()
}

fn parameter(name: &str, place: ParameterIn, required: bool) -> ParameterBuilder {
    let required = if required { Required::True } else { Required::False };
    ParameterBuilder::new().name(name).parameter_in(place).required(required)
}

fn problem_statuses(route: &Route) -> Vec<u16> {
    let mut statuses = vec![];
    let has = |status: u16| route.answers.iter().any(|(answer, _, _)| *answer == status);
    let mut add = |status: u16, when: bool| {
        if when && !has(status) {
            statuses.push(status);
        }
    };
    let (signed_in, changes) = (route.role > Role::Public, !route.method.is_safe());
    let captures = route.path.contains('{');
    add(400, changes);
    add(401, signed_in);
    add(403, signed_in);
    add(404, captures);
    add(408, changes);
    add(409, changes);
    add(413, changes);
    add(421, true);
    add(422, captures || changes || route.query.is_some());
    add(429, true);
    add(500, true);
    add(502, changes);
    add(503, true);
    add(504, true);
    for status in &route.statuses {
        add(*status, true);
    }
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

fn problem(status: u16) -> Response {
    let description = crate::Kind::ALL
        .iter()
        .find(|kind| kind.status() == status)
        .map_or("Any other problem", |kind| kind.title());
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}

fn description(status: u16) -> &'static str {
    match status {
        201 => "Created",
        202 => "Accepted",
        204 => "Done; there is nothing to say",
        404 => "There is no such thing",
        410 => "It was there and is over",
        422 => "Understood, but wrong; shown again with what is wrong",
        303 => "Go on there",
        _ => "Success",
    }
}

fn problem_schema() -> JsonSchema {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let field = ObjectBuilder::new()
        .property("field", text())
        .property("line", ObjectBuilder::new().schema_type(Type::Integer))
        .property("problem", text());
    ObjectBuilder::new()
        .description(Some("RFC 9457. `type` leads to what it means and what to do."))
        .property("type", text())
        .property("title", text())
        .property("status", ObjectBuilder::new().schema_type(Type::Integer))
        .property("detail", text())
        .property("errors", field.to_array_builder())
        .property("error_id", text().description(Some("Finds the log entry of a failure on our side.")))
        .required("type")
        .required("title")
        .required("status")
        .required("detail")
        .build()
        .into()
}
