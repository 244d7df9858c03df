//! What an app is told about who asked: the headers that proxies set.
//!
//! Invariant: what these headers say of this hop was written here. A client's `X-Forwarded-For` is kept before
//! ours, as Cloud Run does, so an app may trust the last address alone; whatever else a client says is dropped.

use hyper::{
    HeaderMap,
    header::{self, HeaderName, HeaderValue},
};
use std::net::{IpAddr, SocketAddr};

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Replaces what the client said.
pub(crate) fn set(headers: &mut HeaderMap, host: Option<&HeaderValue>, peer: SocketAddr) {
    let before: Vec<&str> = headers.get_all(FOR).iter().filter_map(|line| line.to_str().ok()).collect();
    let peer = peer.ip().to_canonical();
    let chain =
        before.into_iter().map(str::to_owned).chain([peer.to_string()]).collect::<Vec<_>>().join(", ");
    let spoofed: Vec<HeaderName> = headers.keys().filter(|name| is_ours(name)).cloned().collect();
    for name in spoofed {
        headers.remove(name);
    }
    let element = match peer {
        IpAddr::V4(address) => format!("for={address};proto=http"),
        IpAddr::V6(address) => format!("for=\"[{address}]\";proto=http"),
    };
    for (name, value) in [(FOR, chain), (header::FORWARDED, element)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    headers.insert(PROTO, HeaderValue::from_static("http"));
    if let Some(host) = host {
        headers.insert(HOST, host.clone());
    }
}

/// Also spelled with underscores: CGI and WSGI make one variable of both.
fn is_ours(name: &HeaderName) -> bool {
    let name = name.as_str().replace('_', "-");
    name.starts_with("x-forwarded-") || matches!(name.as_str(), "forwarded" | "x-real-ip")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_says_nothing_about_this_hop() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-forwarded-for", "10.1.2.3"),
            ("x-forwarded-for", "10.4.5.6"),
            ("x_forwarded_for", "1.1.1.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "bank.example"),
            ("x-forwarded-port", "443"),
            ("forwarded", "for=1.1.1.1;proto=https"),
            ("x-real-ip", "1.1.1.1"),
            ("x-mine", "1"),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let host = HeaderValue::from_static("a.localhost");
        set(&mut headers, Some(&host), "[::1]:5".parse().unwrap());
        let mut all: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        all.sort();
        assert_eq!(
            all,
            [
                "forwarded: for=\"[::1]\";proto=http",
                "x-forwarded-for: 10.1.2.3, 10.4.5.6, ::1",
                "x-forwarded-host: a.localhost",
                "x-forwarded-proto: http",
                "x-mine: 1",
            ]
        );
    }
}
