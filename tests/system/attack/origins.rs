//! Pages of other sites: with the browser's cookie, or under a name that leads to this machine.

use super::{ground::Ground, raw, routes};
use host::Role;
use tests::system::Killed;

#[tokio::test]
async fn another_sites_page_changes_nothing_with_the_cookie() -> Result<(), Killed> {
    let ground = Ground::new().await?;
    let before = ground.state().await?;
    let (host, cookie) = (raw::host(&ground.system), ground.token("local", Role::Owner));
    let port = host.rsplit_once(':').unwrap().1;
    let foreign = [
        String::new(),
        "\r\norigin: null".to_owned(),
        "\r\norigin: https://evil.example".to_owned(),
        format!("\r\norigin: http://{host}.evil.example"),
        format!("\r\norigin: http://evil.example:{port}"),
        format!("\r\norigin: http://shop.localhost:{port}"),
        format!("\r\norigin: http://localhost:{}", port.parse::<u16>().unwrap() - 1),
        format!("\r\norigin: http://{host}@evil.example"),
        format!("\r\norigin: http://{host}/\r\nreferer: http://{host}/"),
    ];
    for route in routes::guarded().into_iter().filter(|route| !route.is_safe()) {
        let head = |origin: &str| {
            format!(
                "{} {} HTTP/1.1\r\nhost: {host}{origin}\r\ncookie: a=b; sextant_session={cookie}\r\ncontent-type: text/plain",
                route.method,
                route.path_on(&ground)
            )
        };
        let body = route.body(&ground).unwrap().to_string();
        for (at, origin) in foreign.iter().enumerate() {
            let answer = raw::send(&ground.system, (8, 1 + at as u8), &head(origin), body.as_bytes()).await;
            assert_eq!(answer.status, 403, "{} with {origin:?}: {}", route.name(), answer.text);
            assert!(answer.text.contains("cross-site"), "{}: {}", route.name(), answer.text);
        }
        // From our own page it is let in; this body is then refused, so that nothing happens.
        let ours =
            raw::send(&ground.system, (8, 99), &head(&format!("\r\norigin: http://{host}")), b"[").await;
        assert!(!matches!(ours.status, 401 | 403), "{}: {}", route.name(), ours.text);
        let asked = format!(
            "OPTIONS {} HTTP/1.1\r\nhost: {host}\r\norigin: https://evil.example\r\naccess-control-request-method: POST",
            route.path_on(&ground)
        );
        let asked = raw::send(&ground.system, (8, 98), &asked, b"").await.text.to_ascii_lowercase();
        assert!(!asked.contains("access-control-allow-origin"), "{}: {asked}", route.name());
    }
    assert_eq!(ground.state().await?["services"], before["services"]);
    Ok(())
}

#[tokio::test]
async fn a_name_that_is_not_ours_is_not_answered() -> Result<(), Killed> {
    let ground = Ground::new().await?;
    let (host, token) = (raw::host(&ground.system), ground.token("local", Role::Owner));
    let port = host.rsplit_once(':').unwrap().1;
    let names = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("{host}.evil.example"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("shop.localhost:{port}"),
        "localhost:1".to_owned(),
        format!("169.254.169.254:{port}"),
        format!("0.0.0.0:{port}"),
        format!("evil@{host}"),
        String::new(),
    ];
    for route in routes::all() {
        for name in &names {
            let head = format!(
                "{} {} HTTP/1.1\r\nhost: {name}\r\nauthorization: Bearer {token}",
                route.method,
                route.path_on(&ground)
            );
            let answer = raw::send(&ground.system, (9, 1), &head, b"").await;
            assert!(matches!(answer.status, 400 | 421), "{} as {name}: {}", route.name(), answer.text);
        }
        // A target that names the host itself counts, whatever `Host` says.
        let head = format!(
            "{} http://evil.example{} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}",
            route.method,
            route.path_on(&ground)
        );
        let answer = raw::send(&ground.system, (9, 1), &head, b"").await;
        assert!(matches!(answer.status, 400 | 421), "{}: {}", route.name(), answer.text);
    }
    Ok(())
}
