//! Paths that lead out, in place of every name in every route's path.

use super::{ground::Ground, raw, routes};
use host::Role;
use tests::system::Killed;

#[tokio::test]
async fn no_name_in_a_path_leads_out() -> Result<(), Killed> {
    let ground = Ground::new().await?;
    let before = ground.state().await?;
    let (host, token) = (raw::host(&ground.system), ground.token("local", Role::Owner));
    let long = "a".repeat(9_000);
    let secret = std::fs::read(ground.system.data().join("token.key")).unwrap();
    let secret = String::from_utf8_lossy(&secret).into_owned();
    let names = [
        "..",
        "%2e%2e",
        "..%2f..%2f..%2f..%2fetc%2fpasswd",
        "%2e%2e%2f%2e%2e%2ftoken.key",
        "..%5c..%5ctoken.key",
        "%252e%252e%252ftoken.key",
        "%2fetc%2fpasswd",
        "token.key%00",
        "%00",
        "%ff%fe",
        "%",
        "%zz",
        "__proto__",
        "__x__",
        "tenants%2flocal%2fdeployments",
        "%E2%80%AE%F0%9F%92%A3",
        "*",
        "~new",
        "-rf",
        "a%0d%0aset-cookie:x=1",
        long.as_str(),
    ];
    let mut tried = 0;
    for (at, route) in routes::all().iter().enumerate().filter(|(_, route)| !route.parameters().is_empty()) {
        for name in names {
            let path = route.path_with(|_| name.to_owned());
            let head =
                format!("{} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}", route.method);
            let body = route.body(&ground).map(|body| body.to_string()).unwrap_or_default();
            let answer = raw::send(&ground.system, (10, 1 + at as u8), &head, body.as_bytes()).await;
            assert!((400..500).contains(&answer.status), "{} {name:.60}: {}", route.name(), answer.text);
            let leaks = answer.text.contains("root:") || answer.text.contains(&secret);
            let split = answer.text.to_ascii_lowercase().contains("\r\nset-cookie");
            assert!(!leaks && !split, "{} {name:.60}: {}", route.name(), answer.text);
            tried += 1;
        }
    }
    for path in
        ["/assets/../token.key", "/assets/..%2ftoken.key", "/docs/..%2f..%2fetc%2fpasswd", "//etc/passwd"]
    {
        let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}");
        let answer = raw::send(&ground.system, (10, 200), &head, b"").await;
        assert!((400..500).contains(&answer.status), "{path}: {}", answer.text);
    }
    assert!(tried > 300, "{tried}");
    assert_eq!(ground.state().await?, before);
    Ok(())
}
