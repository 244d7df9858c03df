//! What an app is told about who asked: the headers that proxies set.
//!
//! Invariant: what these headers say of this hop was written here. A client's `X-Forwarded-For` is kept before
//! ours, as Cloud Run does, so an app may trust the last address alone; whatever else a client says is dropped.
//! The console's own cookie stays here: browsers tell hosts apart by name and not by port, so whoever is signed in on
//! `localhost` sends it to an app on another port of `localhost` too.

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

/// The console's cookie, as `host` names it.
const SESSION: &[u8] = b"sextant_session=";

/// Takes the console's cookie out of what the client sent; an app has no business with it.
pub(crate) fn hide_session(headers: &mut HeaderMap) {
    let is_session = |pair: &&[u8]| pair.trim_ascii_start().starts_with(SESSION);
    let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).into_iter().cloned().collect();
    if !lines.iter().any(|line| line.as_bytes().split(|b| *b == b';').any(|pair| is_session(&pair))) {
        return;
    }
    headers.remove(header::COOKIE);
    for line in lines {
        let pairs: Vec<&[u8]> =
            line.as_bytes().split(|b| *b == b';').filter(|pair| !is_session(pair)).collect();
        let rest = pairs.join(&b';');
        if let Ok(rest) = HeaderValue::from_bytes(rest.trim_ascii())
            && !rest.is_empty()
        {
            headers.append(header::COOKIE, rest);
        }
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

    #[test]
    fn the_consoles_cookie_stays_here() {
        let seen = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, HeaderValue::from_static(line));
            }
            hide_session(&mut headers);
            let left = headers.get_all(header::COOKIE).into_iter();
            left.map(|line| line.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(seen(&["a=1; sextant_session=eyJ.x.y; b=2"]), ["a=1; b=2"]);
        assert_eq!(seen(&["sextant_session=x; a=1"]), ["a=1"]);
        assert_eq!(seen(&["a=1", "sextant_session=x", "a=1;sextant_session=y"]), ["a=1", "a=1"]);
        assert_eq!(seen(&["sextant_session=x"]), Vec::<String>::new());
        assert_eq!(seen(&["a=1; my_sextant_session=2"]), ["a=1; my_sextant_session=2"]);
    }
}
