//! Finds the route of a path. A literal segment wins over `{name}`, which wins over a last `{*name}`.

use crate::{Function, Method, Route};
use std::collections::BTreeMap;

/// What a path turned out to be.
pub(crate) enum Found<'a> {
    /// A route, with what its captures matched.
    Route(&'a Function, &'a Route, BTreeMap<String, String>),
    /// Only other methods are known there.
    OtherMethods(Vec<Method>),
    /// No route has that path.
    Nothing,
}

/// Looks for a route. `None` as method is one that no route has.
pub(crate) fn find<'a>(functions: &'a [Function], method: Option<Method>, path: &str) -> Found<'a> {
    let segments: Vec<&str> = path.split('/').collect();
    let routes =
        || functions.iter().flat_map(|function| function.routes.iter().map(move |route| (function, route)));
    let ranked =
        || routes().filter_map(|(function, route)| Some((rank(route.path, &segments)?, function, route)));
    // The most literal pattern is what the path means, whatever its methods: so says OpenAPI as well.
    let Some(best) = ranked().map(|(rank, _, _)| rank).min() else { return Found::Nothing };
    let mut others = vec![];
    for (_, function, route) in ranked().filter(|(rank, _, _)| *rank == best) {
        if Some(route.method) == method {
            return Found::Route(function, route, captures(route.path, &segments));
        }
        others.push(route.method);
    }
    others.sort_unstable();
    others.dedup();
    Found::OtherMethods(others)
}

/// How literally each segment matches, less is more: two bits for each, the first one's the highest. `None` if the
/// path doesn't match.
fn rank(pattern: &str, segments: &[&str]) -> Option<u128> {
    let mut rank = 0;
    let mut rest = segments.iter();
    for (index, part) in pattern.split('/').enumerate() {
        let place = 126_usize.saturating_sub(2 * index);
        if part.starts_with("{*") {
            rest.next()?;
            return Some(rank | 2 << place);
        }
        let segment = rest.next()?;
        if part.starts_with('{') && !segment.is_empty() {
            rank |= 1 << place;
        } else if part != *segment {
            return None;
        }
    }
    rest.next().is_none().then_some(rank)
}

fn captures(pattern: &str, segments: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (place, part) in pattern.split('/').enumerate() {
        let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else { continue };
        if let Some(name) = name.strip_prefix('*') {
            found.insert(name.to_owned(), decode(&segments[place..].join("/")));
        } else {
            found.insert(name.to_owned(), decode(segments[place]));
        }
    }
    found
}

/// Percent-decoding; what is not UTF-8 after it shows as replacement characters and then matches no id.
fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Context, Error, Request, Response, Role};

    async fn nothing(_: Context, _: Request) -> Result<Response, Error> {
        Ok(Response::empty(204))
    }

    fn functions() -> Vec<Function> {
        let route = |path| Route::get(path, Role::Public, "", nothing);
        vec![
            Function::new("one", "").route(route("/d/{id}")).route(route("/d/{id}/logs")).route(route("/")),
            Function::new("two", "")
                .route(route("/d/register"))
                .route(route("/a/{*rest}"))
                .route(route("/d/{service}/events")),
            Function::new("three", "").route(Route::post("/d/{other}", Role::Public, "", nothing)),
        ]
    }

    fn path_of(path: &str) -> Option<(&'static str, String)> {
        match find(&functions(), Some(Method::Get), path) {
            Found::Route(_, route, captures) => Some((route.path, captures.into_values().collect())),
            _ => None,
        }
    }

    #[test]
    fn literal_segments_win_and_captures_are_decoded() {
        assert_eq!(path_of("/d/register"), Some(("/d/register", String::new())));
        assert_eq!(path_of("/d/a%2Fb%20c"), Some(("/d/{id}", "a/b c".into())));
        assert_eq!(path_of("/d/x/events"), Some(("/d/{service}/events", "x".into())));
        assert_eq!(path_of("/a/b/c.css"), Some(("/a/{*rest}", "b/c.css".into())));
        assert_eq!(path_of("/"), Some(("/", String::new())));
        for path in ["/d", "/d/", "/d/x/", "//d/x", "/d/x/logs/y", "/e"] {
            assert_eq!(path_of(path), None, "{path}");
        }
    }

    #[test]
    fn other_methods_are_told_from_nothing() {
        let functions = functions();
        assert!(
            matches!(find(&functions, None, "/d/x"), Found::OtherMethods(methods) if methods == [Method::Get, Method::Post])
        );
        assert!(
            matches!(find(&functions, Some(Method::Post), "/d/x"), Found::Route(function, _, _) if function.name == "three")
        );
        assert!(matches!(find(&functions, Some(Method::Delete), "/e"), Found::Nothing));
        // A literal path is that alone: `register` is no id.
        assert!(
            matches!(find(&functions, Some(Method::Post), "/d/register"), Found::OtherMethods(methods) if methods == [Method::Get])
        );
    }
}
