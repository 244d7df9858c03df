//! Who may come in: the name the request was sent to, the token or cookie it carries, and the role its route
//! needs. Nothing else in the host decides that.

use crate::{Caller, Config, Error, Kind, Method, PushAuth, Role, Route, session, token};
use axum::http::{HeaderMap, Uri};
use model::Timestamp;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Refuses requests for names that are not ours: a page on the attacker's name that resolves to this machine
/// (DNS rebinding) shows itself by its `Host`.
pub(crate) fn check_host(config: &Config, uri: &Uri, headers: &HeaderMap) -> Result<String, Error> {
    let authority = uri.authority().map(ToString::to_string);
    let header = headers.get("host").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let host = authority.or(header).unwrap_or_default().to_ascii_lowercase();
    if is_ours(config, &host) {
        return Ok(host);
    }
    Err(Error::new(
        Kind::Misdirected,
        format!(
            "This server doesn't answer for `{host}`. Use http://localhost:{}, or start it with that name among its allowed hosts.",
            config.port
        ),
    ))
}

fn is_ours(config: &Config, host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let loopback = ["localhost", "127.0.0.1", "[::1]"].contains(&name)
        && (host == format!("{name}:{}", config.port) || (config.port == 80 && host == name));
    let named = |allowed: &String| {
        allowed == "*" || allowed.eq_ignore_ascii_case(host) || allowed.eq_ignore_ascii_case(name)
    };
    loopback || (!host.is_empty() && config.hosts.iter().any(named))
}

/// The caller of a route that needs one; `None` on public routes.
pub(crate) fn authenticate(
    config: &Config,
    now: Timestamp,
    route: &Route,
    host: &str,
    headers: &HeaderMap,
) -> Result<Option<Caller>, Error> {
    if route.role == Role::Public {
        return Ok(None);
    }
    let (jwt, from_cookie) = credentials(headers)?;
    let claims = token::verify(&config.token_key, jwt, now)
        .map_err(|refused| unauthenticated(&format!("Not signed in: {refused}.")))?;
    if from_cookie {
        check_origin(route.method, host, headers)?;
    }
    if claims.role < route.role {
        return Err(Error::forbidden(format!(
            "`{}` is a {} and this needs a {}. Ask an owner of `{}` for that role, or use another token.",
            claims.sub, claims.role, route.role, claims.tenant
        ))
        .with("role", claims.role.to_string())
        .with("needed", route.role.to_string()));
    }
    Ok(Some(claims.caller()))
}

/// The token, and whether a cookie brought it.
fn credentials(headers: &HeaderMap) -> Result<(&str, bool), Error> {
    if let Some(value) = headers.get("authorization") {
        let text = value.to_str().unwrap_or_default();
        return bearer(text)
            .map(|jwt| (jwt, false))
            .ok_or_else(|| unauthenticated("The `Authorization` header is not `Bearer TOKEN`."));
    }
    let cookies = headers.get_all("cookie").iter().filter_map(|value| value.to_str().ok());
    let session = cookies
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(session::COOKIE)?.strip_prefix('='));
    session.map(|jwt| (jwt, true)).ok_or_else(|| unauthenticated("Nobody is signed in."))
}

fn bearer(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
}

fn unauthenticated(what: &str) -> Error {
    let detail = format!(
        "{what} Send a token from `sextant token` as `Authorization: Bearer TOKEN`, or open a fresh sign-in link in the browser: `sextant open` makes one."
    );
    Error::unauthenticated(detail).header("www-authenticate", "Bearer")
}

/// A cookie goes along with whatever page the browser shows, so what changes something must come from ours.
fn check_origin(method: Method, host: &str, headers: &HeaderMap) -> Result<(), Error> {
    if method.is_safe() {
        return Ok(());
    }
    let origin = headers.get("origin").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let from = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    if from.is_some_and(|from| from.eq_ignore_ascii_case(host)) {
        return Ok(());
    }
    Err(Error::forbidden("This request was sent by another site's page, so it was refused. Use the console's own pages, or a bearer token.")
        .slug("cross-site"))
}

/// Whether a push may come in; `None` where there is no push route.
pub(crate) async fn check_push(
    auth: &PushAuth,
    query: &str,
    headers: &HeaderMap,
    now: Timestamp,
) -> Option<Result<(), Error>> {
    let secret = match auth {
        PushAuth::Off => return None,
        PushAuth::Platform => return Some(Ok(())),
        PushAuth::Google(verifier) => return Some(verifier.check(headers, now).await),
        PushAuth::Token(secret) => secret,
    };
    let header = headers.get("authorization").and_then(|value| bearer(value.to_str().ok()?));
    let given = crate::request::in_query(query, "token").or(header.map(Into::into));
    let same = given.is_some_and(|given| same(&given, secret));
    Some(if same {
        Ok(())
    } else {
        Err(unauthenticated("This push doesn't carry the subscription's token."))
    })
}

/// Compares in constant time; hashing first hides the length too.
fn same(a: &str, b: &str) -> bool {
    Sha256::digest(a.as_bytes()).ct_eq(&Sha256::digest(b.as_bytes())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_names_with_our_port() {
        let mut config = Config::local(8080, token::Key::new(vec![0; 32]).unwrap());
        for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"] {
            assert!(is_ours(&config, host), "{host}");
        }
        for host in [
            "",
            "localhost",
            "localhost:8081",
            "evil.example:8080",
            "localhost.evil.example:8080",
            "app.localhost:8080",
            "127.0.0.1:80800",
        ] {
            assert!(!is_ours(&config, host), "{host}");
        }
        config.hosts = vec!["Console.example".into(), "other.example:444".into()];
        for (host, ours) in [
            ("console.example", true),
            ("console.example:444", true),
            ("other.example:444", true),
            ("other.example", false),
            ("x.console.example", false),
        ] {
            assert_eq!(is_ours(&config, host), ours, "{host}");
        }
        config.hosts = vec!["*".into()];
        assert!(is_ours(&config, "any.example") && !is_ours(&config, ""));
    }
}
