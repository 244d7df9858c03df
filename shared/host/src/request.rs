//! A request as a handler sees it: no web server's types, and readers whose errors say which field, on which
//! line, is wrong and what was expected.

use crate::{Error, Method, upload::Upload};
use axum::http::HeaderMap;
use bytes::Bytes;
use model::{id::Malformed, port::objects::Stream};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData, str::FromStr};

/// One request, its body read and within the route's limit.
#[derive(Clone)]
pub struct Request {
    /// The method; `HEAD` arrives as `Get`.
    pub method: Method,
    /// The path as it came.
    pub path: String,
    /// What the route's `{name}` segments matched, percent-decoded.
    pub params: BTreeMap<String, String>,
    /// The raw query, without `?`.
    pub query_string: String,
    /// The body, at most as long as its route allows.
    pub body: Bytes,
    pub(crate) headers: HeaderMap,
    pub(crate) upload: Upload,
}

impl fmt::Debug for Request {
    // Headers and body can hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {} ({} bytes)", self.method, self.path, self.body.len())
    }
}

impl Request {
    /// A request made by hand, for tests of handlers.
    pub fn new(method: Method, path: impl Into<String>, body: impl Into<Bytes>) -> Self {
        let (path, body) = (path.into(), body.into());
        let (path, query) = path.split_once('?').map_or((path.as_str(), ""), |(path, query)| (path, query));
        Self {
            method,
            path: path.to_owned(),
            params: BTreeMap::new(),
            query_string: query.to_owned(),
            upload: Upload::of_bytes(body.clone()),
            body,
            headers: HeaderMap::new(),
        }
    }

    /// With one path capture, for tests of handlers.
    #[must_use]
    pub fn with_param(mut self, name: &str, value: &str) -> Self {
        self.params.insert(name.to_owned(), value.to_owned());
        self
    }

    /// With one header, for tests of handlers; an illegal one is left out.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = value.parse() {
            self.headers.insert(name, value);
        }
        self
    }

    /// The body of a route that streams, as it comes; it can be taken once. A piece that is an error is the last.
    pub fn take_stream(&self) -> Result<Stream, Error> {
        self.upload.take()
    }

    /// A header's value, where it is text; names are case-insensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// What the route's `{name}` matched; empty if the route has no such segment.
    pub fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// The same as an id or a name of ours; 422 says what is wrong with it.
    pub fn id<T: FromStr<Err = Malformed>>(&self, name: &str) -> Result<T, Error> {
        self.param(name)
            .parse()
            .map_err(|e: Malformed| Error::unprocessable(e.to_string()).field(name, e.why))
    }

    /// Whether a browser asks, that wants a page rather than JSON.
    pub fn wants_html(&self) -> bool {
        self.header("accept").is_some_and(|accept| accept.contains("text/html"))
    }

    /// Reads the JSON body, an object, whatever its content type says: 400 if it is no JSON, 422 with the field if
    /// it is not what was expected.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Err(Error::bad_request("The body is empty; send a JSON object."));
        }
        // serde reads a list as an object whose fields come in order; nobody means that.
        let listed = self.body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
        if !listed && let Ok(value) = serde_json::from_slice(&self.body) {
            return Ok(value);
        }
        // Read again for whoever must mend it: keeping track of where reading is costs more than reading.
        serde_json::from_slice::<IgnoredAny>(&self.body).map_err(|error| no_json(&error))?;
        if listed {
            return Err(wrong(".", 1, "expected an object, found a list"));
        }
        let mut reader = serde_json::Deserializer::from_slice(&self.body);
        serde_path_to_error::deserialize(&mut reader).map_err(|error| json_problem(&error))
    }

    /// Reads the query.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, Error> {
        urlencoded(self.query_string.as_bytes(), "query")
    }

    /// Reads an urlencoded form from the body.
    pub fn form<T: DeserializeOwned>(&self) -> Result<T, Error> {
        urlencoded(&self.body, "form")
    }
}

fn no_json(error: &serde_json::Error) -> Error {
    let (line, what) = (error.line(), told(error));
    Error::bad_request(format!("The body is not JSON: {what} (line {line}, column {}).", error.column()))
        .field_at(".", line, what)
}

fn json_problem(error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let (inner, path) = (error.inner(), error.path().to_string());
    let (line, what) = (inner.line(), told(inner));
    if !inner.is_data() {
        return no_json(inner);
    }
    let field = match (path.as_str(), missing(&what)) {
        (".", Some(name)) => name.to_owned(),
        (path, Some(name)) => format!("{path}.{name}"),
        (path, None) => path.to_owned(),
    };
    wrong(&field, line, &what)
}

fn wrong(field: &str, line: usize, what: &str) -> Error {
    let place = if field == "." { "The body".to_owned() } else { format!("The body's `{field}`") };
    Error::unprocessable(format!("{place} is wrong: {what} (line {line}).")).field_at(field, line, what)
}

/// For `#[serde(deserialize_with = "host::request::object")]` on a field that is an object: serde's own reading
/// takes a list as well, by the order of its fields, which the API's document doesn't say and nobody means.
pub fn object<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    from.deserialize_any(OnlyMaps(PhantomData))
}

/// The same for a field that may be absent or `null`.
pub fn optional_object<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    from.deserialize_option(OptionalMaps(PhantomData))
}

struct OnlyMaps<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OnlyMaps<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

struct OptionalMaps<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OptionalMaps<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        object(from).map(Some)
    }
}

/// What serde says, without the place, which is told apart.
fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    plain(text.strip_suffix(&place).unwrap_or(&text))
}

/// serde says what it expected in Rust's words.
fn plain(text: &str) -> String {
    let Some((found, expected)) = text.rsplit_once("expected ") else { return text.to_owned() };
    let words = match expected {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        other if other.starts_with("struct ") || other.starts_with("internally tagged enum ") => "an object",
        other => other,
    };
    format!("{found}expected {words}")
}

/// serde names a missing field only in its text; the path ends at the object around it.
fn missing(text: &str) -> Option<&str> {
    text.strip_prefix("missing field `")?.split('`').next()
}

/// The first value of a name in a query, decoded.
pub(crate) fn in_query<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).map(|(_, value)| value)
}

fn urlencoded<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, Error> {
    let reader = serde_urlencoded::Deserializer::new(form_urlencoded::parse(bytes));
    serde_path_to_error::deserialize(reader).map_err(|error| {
        let text = error.inner().to_string();
        let path = error.path().to_string();
        let field = missing(&text).map_or(path, str::to_owned);
        Error::unprocessable(format!("The {what}'s `{field}` is wrong: {text}.")).field(field, text)
    })
}
