//! What there is to steal: a tenant with one thing of each kind.

use crate::system;
use host::{Caller, Role, token};
use model::{TenantId, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use std::{fs, time::SystemTime};
use tests::system::{Killed, System, app::App};

/// A word in everything that the tenant has: whoever else sees it has seen too much.
pub const MARK: &str = "crown-jewels";

/// A system whose tenant `local` has something of each kind.
pub struct Ground {
    pub system: System,
    pub app: App,
    /// A source that is nobody's yet.
    pub other: App,
    pub deployment: String,
    pub decision: String,
    pub registered: String,
    pub digest: String,
    pub action: String,
    pub webhook_secret: String,
}

impl Ground {
    pub async fn new() -> Result<Self, Killed> {
        let system = system().start().await;
        let (app, other) = (system.app(MARK), system.app("other"));
        let deployment = system.deploy(&app.order("v1")).await?;
        let deployed = system.rest(&deployment).await?;
        assert_eq!(deployed["pipeline_status"], "DEPLOYED", "{deployed:#}");
        let decision = deployed["decision_id"].as_str().unwrap().to_owned();
        let registered = "dec_crownjewels000000000".to_owned();
        let mut ground = Self {
            system,
            app,
            other,
            deployment,
            decision,
            registered,
            digest: String::new(),
            action: String::new(),
            webhook_secret: String::new(),
        };
        let answer = Self::registration(&ground.registered);
        let answer = ground.system.post("/api/v1/deployments/register", &answer).await?;
        let secret = answer.expect(200)["webhook_secret"].as_str().unwrap().to_owned();
        ground.webhook_secret = secret;
        // What a deployment held goes with its end, so there is one of its own to ask for.
        ground.digest = ground.upload().await?;
        ground.action = ground.act().await?;
        Ok(ground)
    }

    /// A restart, and its end.
    async fn act(&self) -> Result<String, Killed> {
        let path = format!("/api/v1/services/{MARK}/actions");
        let asked = self.system.post(&path, &json!({ "action": "restart" })).await?.expect(202);
        let id = asked["action_id"].as_str().unwrap().to_owned();
        while self.system.get(&format!("{path}/{id}?wait_ms=20000")).await?.expect(200)["ended"] != true {}
        Ok(id)
    }

    /// Of a folder that nobody deploys: a stranger who did would have one of its own by the same name.
    async fn upload(&self) -> Result<String, Killed> {
        let (digest, bytes) = super::archives::packed(&self.system.app("kept").folder);
        let owner = &self.system.address().token;
        super::archives::send(&self.system, &digest, bytes, owner).await?.expect(201);
        Ok(digest)
    }

    /// What registers a deployment of one's own.
    pub fn registration(decision: &str) -> Value {
        json!({
            "decision_id": decision,
            "user_id": "ann@example.com",
            "session_id": "s1",
            "gcp_project_id": "my-project-1",
            "gcp_credentials": { "type": "service_account", "project_id": "my-project-1", "client_email": "a@my-project-1.iam.gserviceaccount.com", "private_key": "key" },
            "deployment_region": "europe-west1",
            "recommended_architecture": "cloud run",
            "recommended_cost": { "monthly_cost": 12.5 },
            "recommended_specs": { "cpu": 1, "memory": "512Mi", "framework": "express" },
            "expected_launch_date": "2030-01-01",
        })
    }

    /// What goes into a route's path where it says `{name}`.
    pub fn value(&self, path: &str, name: &str) -> String {
        match name {
            "name" => self.app.service.clone(),
            "decision_id" => self.decision.clone(),
            "digest" => self.digest.clone(),
            "token" => "0".repeat(64),
            "id" if path.contains("/actions/") => self.action.clone(),
            "id" if path.contains("/decisions/") => self.decision.clone(),
            "id" if path.contains("/dead-letters/") => "all".to_owned(),
            "id" if path.contains("/deployments/") => self.deployment.clone(),
            _ => panic!(
                "`{{{name}}}` of {path} is new: say in `Ground::value` what it is, so that it is attacked"
            ),
        }
    }

    /// What nobody else may see.
    pub fn jewels(&self) -> [&str; 6] {
        [MARK, &self.deployment, &self.decision, &self.registered, &self.digest, &self.webhook_secret]
    }

    /// Everything that an attack could have changed.
    pub async fn state(&self) -> Result<Value, Killed> {
        let mut all = vec![];
        for path in
            ["deployments", "services", "learnings", "analytics", &format!("decisions/{}", self.decision)]
        {
            all.push(self.system.get(&format!("/api/v1/{path}")).await?.expect(200));
        }
        Ok(all.into())
    }

    /// This installation's key, for tokens that are made as the thief of one would make them.
    pub fn key(&self) -> token::Key {
        token::Key::new(fs::read(self.system.data().join("token.key")).unwrap()).unwrap()
    }

    /// What a good token of a tenant says.
    pub fn claims(tenant: &str, role: Role) -> token::Claims {
        let caller = Caller { tenant: TenantId::new(tenant).unwrap(), user: "mallory".into(), role };
        token::Claims::new(&caller, now(), 3_600, 7)
    }

    /// A good token of a tenant.
    pub fn token(&self, tenant: &str, role: Role) -> String {
        token::mint(&self.key(), &Self::claims(tenant, role)).unwrap()
    }

    /// A request to a route, as one who is allowed to would send it.
    pub fn ask(&self, route: &super::routes::Route, token: &str) -> reqwest::RequestBuilder {
        let request = self.system.request(route.method.clone(), &route.path_on(self), token);
        match route.body(self) {
            _ if route.path == "/api/v1/sources" => {
                request.header("x-sextant-digest", format!("sha256={}", "0".repeat(64))).body("no archive")
            }
            Some(body) => request.json(&body),
            None => request,
        }
    }

    /// Whether it still answers.
    pub async fn lives(&self) -> Result<(), Killed> {
        let listed = self.system.request(Method::GET, "/api/v1/deployments", &self.system.address().token);
        self.system.send(listed).await?.expect(200);
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a token is made for the time that it is")]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp(since.as_millis() as i64)
}
