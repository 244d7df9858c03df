//! Tokens that are not ours, not any more, not yet, or not enough, at every route that wants one.

use super::{
    ground::Ground,
    raw,
    routes::{self, Route},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use host::{Role, token};
use tests::system::Killed;

fn head(ground: &Ground, route: &Route) -> String {
    format!("{} {} HTTP/1.1\r\nhost: {}", route.method, route.path_on(ground), raw::host(&ground.system))
}

/// What somebody without our key, or with an old token, could send; by name.
fn forged(ground: &Ground) -> Vec<(&'static str, String)> {
    let bearer = |token: String| format!("\r\nauthorization: Bearer {token}");
    let good = Ground::claims("local", Role::Owner);
    let key = ground.key();
    let minted = |change: &dyn Fn(&mut token::Claims)| {
        let mut claims = good.clone();
        change(&mut claims);
        bearer(token::mint(&key, &claims).unwrap())
    };
    let strange = token::Key::new(vec![9; 32]).unwrap();
    let signed = token::mint(&key, &Ground::claims("strangers", Role::Viewer)).unwrap();
    let parts: Vec<&str> = signed.split('.').collect();
    let payload = BASE64.encode(serde_json::to_vec(&good).unwrap());
    let under = |algorithm: &str, signature: &str| {
        let header =
            BASE64.encode(format!(r#"{{"alg":"{algorithm}","typ":"JWT","jwk":{{"kty":"oct","k":""}}}}"#));
        bearer(format!("{header}.{payload}.{signature}"))
    };
    vec![
        ("nothing", String::new()),
        ("empty", bearer(String::new())),
        ("basic", "\r\nauthorization: Basic bG9jYWw6bG9jYWw=".to_owned()),
        ("no algorithm", under("none", "")),
        ("no algorithm, in capitals", under("NONE", "")),
        ("another algorithm", under("RS256", parts[2])),
        ("a longer algorithm", under("HS512", parts[2])),
        ("another key", bearer(token::mint(&strange, &good).unwrap())),
        ("another payload", bearer(format!("{}.{payload}.{}", parts[0], parts[2]))),
        ("no signature", bearer(format!("{}.{}.", parts[0], parts[1]))),
        ("half a signature", bearer(format!("{}.{}.{}", parts[0], parts[1], &parts[2][..20]))),
        ("expired", minted(&|claims| (claims.iat, claims.exp) = (claims.iat - 7_200, claims.iat - 1))),
        (
            "from the future",
            minted(&|claims| (claims.iat, claims.exp) = (claims.iat + 600, claims.exp + 600)),
        ),
        ("another issuer", minted(&|claims| claims.iss = "accounts.google.com".into())),
        ("no role", minted(&|claims| claims.role = Role::Public)),
        (
            "a cookie of another key",
            format!("\r\ncookie: sextant_session={}", token::mint(&strange, &good).unwrap()),
        ),
        (
            "a cookie, expired",
            minted(&|c| c.exp = 1).replace("authorization: Bearer ", "cookie: sextant_session="),
        ),
    ]
}

#[tokio::test]
async fn forged_expired_and_foreign_tokens_open_nothing() -> Result<(), Killed> {
    let ground = Ground::new().await?;
    let before = ground.state().await?;
    for (at, route) in routes::guarded().iter().enumerate() {
        // One address for each route: what is refused is counted by address, and 429 would prove nothing.
        let from = (7, 1 + at as u8);
        for (name, credentials) in forged(&ground) {
            let head = format!("{}{credentials}\r\ncontent-type: application/json", head(&ground, route));
            let body = route.body(&ground).map(|body| body.to_string()).unwrap_or_default();
            let answer = raw::send(&ground.system, from, &head, body.as_bytes()).await;
            assert_eq!(answer.status, 401, "{} with {name}: {}", route.name(), answer.text);
            for jewel in [super::ground::MARK, &ground.registered] {
                let asked = head.contains(jewel) || body.contains(jewel);
                assert!(
                    asked || !answer.text.contains(jewel),
                    "{} with {name}: {}",
                    route.name(),
                    answer.text
                );
            }
        }
    }
    assert_eq!(ground.state().await?, before);
    Ok(())
}

#[tokio::test]
async fn a_lower_role_is_not_enough() -> Result<(), Killed> {
    let ground = Ground::new().await?;
    let before = ground.state().await?;
    for route in routes::guarded() {
        let lower = match route.role.as_str() {
            "owner" => vec![Role::Viewer, Role::Deployer],
            "deployer" => vec![Role::Viewer],
            _ => vec![],
        };
        for role in lower {
            let reply = ground.system.send(ground.ask(&route, &ground.token("local", role))).await?;
            assert_eq!(reply.status, 403, "{} as {role}: {}", route.name(), reply.text);
        }
    }
    assert_eq!(ground.state().await?, before);
    Ok(())
}
