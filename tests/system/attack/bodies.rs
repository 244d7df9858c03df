//! Bodies and queries that nobody honest sends, at every route: refused with words, never a failure of ours.

use super::{
    ground::Ground,
    raw,
    routes::{self, Route},
};
use host::Role;
use serde_json::{Value, json};
use tests::system::Killed;

fn junk() -> Vec<Vec<u8>> {
    let deep = "[".repeat(50_000);
    let nested = format!("{}1{}", "{\"a\":".repeat(200), "}".repeat(200));
    let number = format!("{{\"cpu\":{}}}", "9".repeat(400));
    let many: Vec<String> = (0..2_000).map(|n| format!("\"k{n}\":{n}")).collect();
    let many = many.join(",");
    let twice = r#"{"service":"a","service":"b","env":{"A":"1","A":"2"}}"#;
    let texts = [
        "[]",
        "null",
        "true",
        "0",
        "\"text\"",
        "{",
        "[{}]",
        "[[[]]]",
        "{}{}",
        "{\"a\":1e999}",
        "-0",
        "NaN",
        "{\"__x__\":1}",
        "{\"__proto__\":{\"x\":1}}",
        "{\"\":\"\"}",
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\\ud800\"}",
        "\u{feff}{}",
        "a=b&c=%ff",
        "<a/>",
        twice,
        &deep,
        &nested,
        &number,
        &format!("{{{many}}}"),
    ];
    let mut all: Vec<Vec<u8>> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    all.push(b"{\"service\":\"\xff\xfe\"}".to_vec());
    all.push(b"\x1f\x8b\x08\x00junk".to_vec());
    all.push(vec![0; 100]);
    all
}

/// Each leaf and each branch of a good body, put wrong in each way.
fn mutants(good: &Value) -> Vec<Value> {
    let wrong = [
        json!(null),
        json!([]),
        json!([null]),
        json!({}),
        json!({ "__x__": "__x__" }),
        json!({ "": 1 }),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!(i64::MIN),
        json!(""),
        json!("__x__"),
        json!("\u{0}"),
        json!("../../x"),
        json!("9999-99-99T99:99:99Z"),
        json!("x".repeat(70_000)),
        json!(true),
    ];
    let mut pointers = vec![];
    collect(good, String::new(), &mut pointers);
    let mut all = vec![];
    for pointer in pointers {
        for value in &wrong {
            let mut mutant = good.clone();
            *mutant.pointer_mut(&pointer).unwrap() = value.clone();
            all.push(mutant);
        }
    }
    all
}

fn collect(value: &Value, at: String, all: &mut Vec<String>) {
    for (name, inner) in value.as_object().into_iter().flatten() {
        let pointer = format!("{at}/{name}");
        all.push(pointer.clone());
        collect(inner, pointer, all);
    }
}

/// Where it comes from and for whom, anew for each few, so that limits don't answer in place of the handler.
struct Sender<'a> {
    ground: &'a Ground,
    sent: u16,
}

impl Sender<'_> {
    async fn send(&mut self, route: &Route, body: &[u8]) -> u16 {
        self.sent += 1;
        let [high, low] = (self.sent / 4).to_be_bytes();
        let (host, path) = (raw::host(&self.ground.system), route.path_on(self.ground));
        let token = if route.path.contains("/webhook/") {
            self.ground.webhook_secret.clone()
        } else {
            self.ground.token("local", Role::Owner)
        };
        let path = path.replace(
            &format!("webhook/{}", self.ground.decision),
            &format!("webhook/{}", self.ground.registered),
        );
        let head = format!(
            "{} {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\nx-sextant-digest: sha256={}",
            route.method,
            "0".repeat(64)
        );
        let answer = raw::send(&self.ground.system, (20 + high, low), &head, body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
        assert!(answer.status < 500, "{} {shown}: {}", route.name(), answer.text);
        answer.status
    }
}

#[tokio::test]
async fn junk_is_refused_by_every_route_that_takes_a_body() -> Result<(), Killed> {
    let ground = Ground::new().await?;
    let mut sender = Sender { ground: &ground, sent: 0 };
    for route in routes::all().into_iter().filter(|route| !route.is_safe()) {
        for body in junk() {
            let status = sender.send(&route, &body).await;
            let object = serde_json::from_slice::<Value>(&body).is_ok_and(|body| body.is_object());
            // Commands need no body, so theirs may be anything that is an object.
            let optional = route.path.contains("{id}");
            assert!(
                status >= 400 || object || optional,
                "{} took {:?}: {status}",
                route.name(),
                String::from_utf8_lossy(&body[..body.len().min(80)])
            );
        }
    }
    ground.lives().await
}

#[tokio::test]
async fn a_good_body_with_one_thing_wrong_is_no_failure_of_ours() -> Result<(), Killed> {
    let ground = Ground::new().await?;
    let mut sender = Sender { ground: &ground, sent: 0 };
    let mut tried = 0;
    for route in routes::all().into_iter().filter(|route| !route.is_safe()) {
        let mut good = route.body(&ground).unwrap();
        if route.path == "/api/v1/deployments" {
            // Refused at last for its source, so that nothing is built; everything else is read before.
            good["path"] = json!("/nowhere/at/all");
            good["secrets"] = json!({ "KEY": "value" });
            good["unset"] = json!("OLD");
        }
        for mutant in mutants(&good) {
            sender.send(&route, mutant.to_string().as_bytes()).await;
            tried += 1;
        }
    }
    assert!(tried > 500, "{tried}");
    // Names that a store can't hold, in an order that is good otherwise.
    let route = routes::all().into_iter().find(|r| r.path == "/api/v1/deployments" && !r.is_safe()).unwrap();
    for field in ["env", "secrets"] {
        for name in ["__x__", "", ".", "a.b", "a/b", "A=B", "\u{0}", "`a`", "é", &"N".repeat(2_000)] {
            let mut order = ground.app.order("v2");
            order["service"] = json!("other");
            order[field][name] = json!("1");
            sender.send(&route, order.to_string().as_bytes()).await;
        }
    }
    ground.lives().await
}

#[tokio::test]
async fn queries_that_make_no_sense() -> Result<(), Killed> {
    let ground = Ground::new().await?;
    let (host, token) = (raw::host(&ground.system), ground.token("local", Role::Owner));
    for route in routes::all().into_iter().filter(|route| route.is_safe() && !route.path.ends_with("/events"))
    {
        for query in [
            "limit=-1",
            "limit=99999999999999999999",
            "limit=0",
            "limit=1e9",
            "limit=&limit=2",
            "cursor=junk",
            "cursor=eyJ9",
            "cursor=%ff",
            "service=__x__",
            "service=..%2f",
            "from=9999-99-99",
            "days=-1",
            "days=99999999999",
            "format=..%2fx",
            "after=-1",
            "position=99999999999999999999",
            "%ff=%ff",
            "&&&==",
            "status=nonsense",
            "a[]=1&a[__proto__]=2",
        ] {
            let head = format!(
                "GET {}?{query} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nlast-event-id: x:y",
                route.path_on(&ground)
            );
            let answer = raw::send(&ground.system, (11, 1), &head, b"").await;
            assert!(answer.status < 500, "{}?{query}: {}", route.name(), answer.text);
        }
    }
    ground.lives().await
}
