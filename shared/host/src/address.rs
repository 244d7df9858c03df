//! From where a request comes: whom limits by address count.

use axum::http::request::Parts;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The other end of the connection.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub SocketAddr);

/// The client's address as a key. `hops` proxies of ours stand in front, each of which adds whom it saw to
/// `X-Forwarded-For`; what the client wrote there itself stands before that and counts for nothing.
pub(crate) fn of(parts: &Parts, hops: usize) -> String {
    let lines = parts.headers.get_all("x-forwarded-for").into_iter().filter_map(|line| line.to_str().ok());
    let all: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let forwarded = hops.checked_sub(1).and_then(|before| all.iter().rev().nth(before));
    let told = forwarded.and_then(|text| text.parse::<IpAddr>().ok());
    let peer = parts.extensions.get::<Peer>().map(|Peer(address)| address.ip());
    told.or(peer).map_or_else(|| "unknown".to_owned(), network)
}

/// One customer of a provider has a whole network of IPv6, so that is what is counted.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    #[test]
    fn only_what_our_own_proxies_say_counts() {
        let seen = |hops, lines: &[&str]| {
            let mut request = Request::builder();
            for line in lines {
                request = request.header("x-forwarded-for", *line);
            }
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            parts.extensions.insert(Peer("192.0.2.1:99".parse().unwrap()));
            of(&parts, hops)
        };
        assert_eq!(seen(0, &["203.0.113.9"]), "192.0.2.1");
        assert_eq!(seen(1, &[]), "192.0.2.1");
        assert_eq!(seen(1, &["198.51.100.7, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen(2, &["1.1.1.1, 203.0.113.9", "198.51.100.7"]), "203.0.113.9");
        assert_eq!(seen(1, &["nonsense"]), "192.0.2.1");
        assert_eq!(seen(1, &["2001:db8:1:2:3:4:5:6"]), "2001:db8:1:2::");
        assert_eq!(seen(1, &["::ffff:203.0.113.9"]), "203.0.113.9");
    }
}
