//! Which host a request is for.
//!
//! Invariant: a request that two readers could understand differently is refused, not guessed at.

use super::reply::Problem;
use hyper::{Method, Request, Version, header, http::uri::Authority};

/// The host, port and all, as the client gave it; empty if an HTTP/1.0 client gave none.
pub(crate) fn host<B>(request: &Request<B>) -> Result<String, Problem> {
    if request.method() == Method::CONNECT {
        return Err(Problem::no_tunnel());
    }
    let mut lines = request.headers().get_all(header::HOST).iter();
    let (line, second) = (lines.next(), lines.next());
    if second.is_some() {
        return Err(Problem::bad_host("the request has several Host headers; send one"));
    }
    // An absolute address outranks the header (RFC 9112, 3.2.2).
    if let Some(authority) = request.uri().authority() {
        return plain(authority.as_str());
    }
    match line {
        None if request.version() == Version::HTTP_10 => Ok(String::new()),
        None => Err(Problem::bad_host("the request has no Host header; send one")),
        Some(line) if line.is_empty() => Ok(String::new()),
        Some(line) => plain(line.to_str().unwrap_or("\u{fffd}")),
    }
}

fn plain(host: &str) -> Result<String, Problem> {
    if host.contains('@') || host.parse::<Authority>().is_err() {
        return Err(Problem::bad_host(
            "the Host header is not a host with an optional port; send `HOST:PORT`",
        ));
    }
    Ok(host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, version: Version, hosts: &[&str]) -> Request<()> {
        let mut request = Request::get(uri).version(version);
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        request.body(()).unwrap()
    }

    #[test]
    fn one_plain_host_is_taken() {
        for good in
            ["a.localhost", "A.LOCALHOST.:80", "127.0.0.1:8080", "[::1]:8080", "localhost", "a_b.localhost"]
        {
            assert_eq!(host(&request("/", Version::HTTP_11, &[good])).ok().as_deref(), Some(good));
        }
        assert_eq!(host(&request("/", Version::HTTP_10, &[])).ok().as_deref(), Some(""));
        assert_eq!(host(&request("/", Version::HTTP_11, &[""])).ok().as_deref(), Some(""));
        let absolute = request("http://a.localhost:1/x", Version::HTTP_11, &["b.localhost"]);
        assert_eq!(host(&absolute).ok().as_deref(), Some("a.localhost:1"));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for bad in [
            &["a.localhost", "b.localhost"] as &[&str],
            &["a.localhost", "a.localhost"],
            &[],
            &["user@a.localhost"],
            &["a.localhost, b.localhost"],
            &["a.localhost b.localhost"],
            &["a.localhost/x"],
            &["http://a.localhost"],
        ] {
            let problem = host(&request("/", Version::HTTP_11, bad)).unwrap_err();
            assert_eq!(problem.status.as_u16(), 400, "{bad:?}");
        }
    }
}
