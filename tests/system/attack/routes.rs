//! Every route there is: those of the catalog, and those that only a developer's machine has.

use super::ground::Ground;
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Command;

/// What only a developer's machine has; not in the catalog.
const LOCAL: [(&str, &str); 5] = [
    ("POST", "/local/v1/tick"),
    ("GET", "/local/v1/messages"),
    ("GET", "/local/v1/dead-letters"),
    ("POST", "/local/v1/dead-letters/{id}/replay"),
    ("POST", "/local/v1/publish"),
];

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    pub method: Method,
    /// With `{name}` where something goes in.
    pub path: String,
    pub role: String,
}

/// All of them.
pub fn all() -> Vec<Route> {
    let output = Command::new(env!("CARGO_BIN_EXE_sextant")).args(["catalog", "--json"]).output().unwrap();
    let catalog: Value = serde_json::from_slice(&output.stdout).unwrap();
    let functions = catalog["functions"].as_array().unwrap();
    let declared = functions.iter().flat_map(|function| function["http"].as_array().unwrap());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let declared = declared.map(|route| (text(&route["method"]), text(&route["path"]), text(&route["role"])));
    let local = LOCAL.map(|(method, path)| (method.to_owned(), path.to_owned(), "owner".to_owned()));
    let routes: Vec<Route> = declared
        .chain(local)
        .map(|(method, path, role)| Route { method: method.parse().unwrap(), path, role })
        .collect();
    assert!(routes.len() > 30, "the catalog lists its routes: {routes:?}");
    routes
}

/// Those that want a token.
pub fn guarded() -> Vec<Route> {
    all().into_iter().filter(|route| route.role != "public").collect()
}

impl Route {
    /// Whether it only looks.
    pub fn is_safe(&self) -> bool {
        self.method == Method::GET
    }

    /// Whether its answer goes on for as long as somebody reads, so that it is never there whole.
    pub fn is_endless(&self) -> bool {
        self.path == "/api/v1/events"
    }

    /// The names in its path.
    pub fn parameters(&self) -> Vec<&str> {
        self.path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect()
    }

    /// The path with what really belongs there.
    pub fn path_on(&self, ground: &Ground) -> String {
        self.path_with(|name| ground.value(&self.path, name))
    }

    /// The path with these in place of names.
    pub fn path_with(&self, value: impl Fn(&str) -> String) -> String {
        let names = self.parameters();
        names.iter().fold(self.path.clone(), |path, name| path.replace(&format!("{{{name}}}"), &value(name)))
    }

    /// A body that makes sense, so that nothing is refused for its form alone; `None` for none.
    pub fn body(&self, ground: &Ground) -> Option<Value> {
        if self.is_safe() {
            return None;
        }
        Some(match self.path.as_str() {
            "/api/v1/deployments" => ground.other.order("v9"),
            "/api/v1/deployments/register" => Ground::registration("dec_0000000000000000000a"),
            "/api/v1/decisions" => {
                json!({ "class": "node/express", "requests_month": 1000, "service": "shop" })
            }
            "/api/v1/services/{name}/actions" => json!({ "action": "restart", "reason": "an attack" }),
            "/api/v1/services/{name}/variables" => json!({ "env": { "STOLEN": "1" } }),
            "/api/v1/feedback/{decision_id}" => {
                json!({ "feedback_type": "perfect_fit", "satisfaction_score": 5, "comments": "mine" })
            }
            "/api/v1/metrics/webhook/{decision_id}" => json!({ "requests": 10, "cpu": 0.5, "memory": 0.5 }),
            "/local/v1/tick" => json!({ "by_ms": 1 }),
            "/local/v1/publish" => {
                json!({ "topic": "deployments", "type": "x", "tenant": "strangers", "body": {} })
            }
            // As a click on a page that is out of date.
            "/api/v1/deployments/{id}/promote" => json!({ "index": 7 }),
            _ => json!({}),
        })
    }

    /// For messages.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}
