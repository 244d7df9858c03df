//! Variables belong to the service: a deployment adds to them or removes by name, and nothing vanishes in silence.

use crate::world::{Answer, World, tenant};
use host::seal::{self, ExposeSecret, SecretString};
use model::{
    DeploymentId, ServiceName,
    document::{Deployment, Variables, deployment_path, variables_path},
    port::KeyContext,
};
use serde_json::{Value, json};

async fn deploy(world: &World, more: Value) -> Deployment {
    let mut body = json!({"path": "/srv/app", "service": "shop"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = world.post("/api/v1/deployments", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    world.deployment(&DeploymentId::new(answer.text("deployment_id")).unwrap()).await
}

async fn variables(world: &World) -> Variables {
    world.document(&variables_path(&tenant(), &ServiceName::new("shop").unwrap())).await.unwrap()
}

async fn opened(world: &World, deployment: &Deployment, name: &str) -> String {
    let context = deployment.variable_context(name);
    seal::open(&world.ports, &context, &deployment.secrets[name]).await.unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn a_deployment_that_names_none_keeps_those_that_the_service_had() {
    let world = World::new();
    deploy(&world, json!({"env": {"A": "1", "B": "2"}, "secrets": {"KEY": "k3y"}})).await;
    let next = deploy(&world, json!({})).await;
    assert_eq!((next.variables["A"].as_str(), next.variables["B"].as_str()), ("1", "2"));
    assert_eq!(opened(&world, &next, "KEY").await, "k3y");
    assert!(
        next.checks.iter().any(|check| check == "variables kept from before: A, B, KEY"),
        "{:?}",
        next.checks
    );
}

#[tokio::test]
async fn a_deployment_adds_changes_and_removes_by_name() {
    let world = World::new();
    deploy(&world, json!({"env": {"A": "1", "B": "2"}, "secrets": {"KEY": "k3y", "OLD": "0ld"}})).await;
    let changes =
        json!({"env": {"A": "one", "C": "3"}, "secrets": {"B": "now secret"}, "unset": ["OLD", "NEVER"]});
    let next = deploy(&world, changes).await;
    let plain: Vec<_> = next.variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(plain, ["A=one", "C=3"]);
    assert_eq!(next.secrets.keys().collect::<Vec<_>>(), ["B", "KEY"]);
    assert_eq!(opened(&world, &next, "B").await, "now secret");
    let kept = variables(&world).await;
    assert_eq!((kept.plain, kept.secret, kept.updated_by.as_str()), (next.variables, next.secrets, "ann"));
}

#[tokio::test]
async fn what_cannot_be_is_refused_with_its_field() {
    let world = World::new();
    let body = json!({"path": "/a", "service": "shop", "env": {"A": "1"}, "unset": ["A"]});
    let answer = world.post("/api/v1/deployments", &body).await;
    assert_eq!((answer.status, answer.fields()), (422, vec!["unset"]), "{answer:?}");
    let many = |from: usize| {
        (from..from + 150).map(|n| (format!("V{n}"), json!("x"))).collect::<serde_json::Map<_, _>>()
    };
    deploy(&world, json!({"env": many(0)})).await;
    let body = json!({"path": "/srv/app", "service": "shop", "env": many(1000)});
    let answer = world.post("/api/v1/deployments", &body).await;
    assert_eq!((answer.status, answer.fields()), (422, vec!["env"]), "{answer:?}");
    assert!(answer.json.to_string().contains("300 variables"), "{answer:?}");
    assert_eq!(variables(&world).await.count(), 150, "a refusal changes nothing");
}

/// What was deployed before services had variables of their own: the serving deployment's are taken over once.
#[tokio::test]
async fn a_service_from_before_takes_over_what_its_serving_deployment_had() {
    let world = World::new();
    let before = world.deployed("shop").await;
    let record = deployment_path(&tenant(), &before).as_str().to_owned();
    let context = KeyContext { tenant: tenant(), record, field: "secrets.KEY".to_owned() };
    let sealed = seal::seal(&world.ports, &context, &SecretString::from("k3y".to_owned())).await.unwrap();
    world
        .alter(&before, |deployment| {
            deployment.variables.insert("A".to_owned(), "1".to_owned());
            deployment.secrets.insert("KEY".to_owned(), sealed);
            deployment.service_secrets = false;
        })
        .await;
    let next = deploy(&world, json!({})).await;
    assert_eq!(next.variables["A"], "1");
    assert_eq!(opened(&world, &next, "KEY").await, "k3y");
    assert_eq!(variables(&world).await.count(), 2);
}

const PATH: &str = "/api/v1/services/shop/variables";

/// As they are shown: name, whether secret, value, version.
async fn shown(world: &World) -> Vec<(String, bool, Option<String>, u64)> {
    let answer = world.get(PATH).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let one = |one: &Value| {
        let value = one["value"].as_str().map(str::to_owned);
        let name = one["name"].as_str().unwrap().to_owned();
        (name, one["secret"].as_bool().unwrap(), value, one["version"].as_u64().unwrap())
    };
    answer.json["variables"].as_array().unwrap().iter().map(one).collect()
}

#[tokio::test]
async fn they_are_shown_with_versions_and_no_secret_is() {
    let world = World::new();
    assert_eq!(world.get(PATH).await.status, 404);
    let mut body = json!({"env": {"A": "1", "B": "2"}, "secrets": {"KEY": "k3y"}});
    let mistyped = world.patch(PATH, &body).await;
    assert_eq!(mistyped.status, 404, "{mistyped:?}");
    body["new"] = true.into();
    let answer = world.patch(PATH, &body).await;
    assert_eq!((answer.status, &answer.json["version"]), (200, &json!(1)), "{answer:?}");
    assert!(answer.text("message").contains("no service `shop` yet"), "{answer:?}");
    let again = world.patch(PATH, &body).await;
    assert_eq!(
        (again.status, &again.json["changed"]),
        (200, &json!(false)),
        "secrets are compared, too: {again:?}"
    );
    world.patch(PATH, &json!({"env": {"B": "two"}, "new": true})).await;
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        shown(&world).await,
        [
            ("A".to_owned(), false, text("1"), 1),
            ("B".to_owned(), false, text("two"), 2),
            ("KEY".to_owned(), true, None, 1)
        ]
    );
    assert!(!world.get(PATH).await.json.to_string().contains("k3y"));
    let next = deploy(&world, json!({})).await;
    let versions = next.variable_versions;
    assert_eq!((versions.version, versions.names["A"], versions.names["B"]), (2, 1, 2));
    assert_eq!(world.post_as("other", PATH, &json!({})).await.status, 405);
}

#[tokio::test]
async fn a_change_makes_a_revision_of_what_serves() {
    let world = World::new();
    let first = world.built("shop").await;
    let answer = world.patch(PATH, &json!({"env": {"A": "1"}})).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let id = answer.json["deployment"]["deployment_id"].as_str().unwrap();
    let made = world.deployment(&id.parse().unwrap()).await;
    assert_eq!((made.variables["A"].as_str(), made.again.unwrap().of), ("1", first));
    assert!(answer.json["deployment"]["expected"].as_str().unwrap().starts_with("Without a build"));
    let busy = world.patch(PATH, &json!({"env": {"A": "2"}})).await;
    assert_eq!((busy.status, busy.text("type")), (409, "/errors#service-busy"), "{busy:?}");
    assert_eq!(variables(&world).await.plain["A"], "1", "a refusal changes nothing");
    let kept = world.patch(PATH, &json!({"env": {"A": "2"}, "deploy": false})).await;
    assert_eq!((kept.status, &kept.json["deployment"]), (200, &Value::Null), "{kept:?}");
}

/// What was changed without a deployment, or with one that failed or was taken back, isn't there: that is told.
#[tokio::test]
async fn what_serves_and_lacks_them_is_told() {
    let world = World::new();
    world.built("shop").await;
    let body = json!({"env": {"A": "1"}});
    keep(&world, body.clone()).await;
    let told = world.patch(PATH, &body).await;
    assert_eq!((told.status, &told.json["changed"]), (200, &json!(false)), "{told:?}");
    assert!(
        told.text("message").contains("runs with version 0 of them, and they are at version 1"),
        "{told:?}"
    );
    let brought = world.patch(PATH, &json!({"env": {"A": "2"}})).await;
    let id = brought.json["deployment"]["deployment_id"].as_str().unwrap();
    let again = world.patch(PATH, &json!({"env": {"A": "2"}})).await;
    assert_eq!((again.status, &again.json["deployment"]), (200, &Value::Null), "{again:?}");
    assert!(again.text("message").contains(id), "the one under way brings them: {again:?}");
}

/// Without a deployment.
async fn keep(world: &World, mut body: Value) -> Answer {
    body["deploy"] = false.into();
    world.patch(PATH, &body).await
}

#[tokio::test]
async fn who_saw_another_version_is_refused() {
    let world = World::new();
    world.start("shop").await;
    keep(&world, json!({"env": {"A": "1"}})).await;
    keep(&world, json!({"env": {"A": "2"}})).await;
    let late = keep(&world, json!({"env": {"A": "3"}, "version": 1})).await;
    assert_eq!((late.status, late.text("type")), (409, "/errors#moved-on"), "{late:?}");
    let repeat = keep(&world, json!({"env": {"A": "2"}, "version": 1})).await;
    assert_eq!((repeat.status, &repeat.json["changed"]), (200, &json!(false)), "{repeat:?}");
    let nameless = keep(&world, json!({"unset": ["", ""]})).await;
    assert_eq!((nameless.status, nameless.fields()), (422, vec!["unset"]), "{nameless:?}");
    let unborn = keep(&world, json!({"env": {}, "version": 1_u64 << 63})).await;
    assert_eq!(
        (unborn.status, unborn.text("type")),
        (409, "/errors#moved-on"),
        "nobody saw that: {unborn:?}"
    );
    assert_eq!(keep(&world, json!({"env": {"A": "3"}, "version": 2})).await.status, 200);
}

#[tokio::test]
async fn what_the_deployment_that_serves_has_is_not_dropped_in_silence() {
    let world = World::new();
    let first = world.built("shop").await;
    world
        .alter(&first, |deployment| {
            deployment.variables =
                [("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())].into();
        })
        .await;
    let body = json!({"path": "/srv/app", "service": "shop", "unset": ["B"]});
    let answer = world.post("/api/v1/deployments", &body).await;
    assert_eq!((answer.status, answer.text("type")), (409, "/errors#drops-variables"), "{answer:?}");
    assert_eq!(answer.json["variables"], json!(["B"]));
    assert_eq!(world.count("deployments").await, 1);
    let changed = world.patch(PATH, &json!({"unset": ["A"]})).await;
    assert_eq!((changed.status, &changed.json["variables"]), (409, &json!(["A"])), "{changed:?}");
    // Removed without a deployment, the next one asks.
    assert_eq!(world.patch(PATH, &json!({"unset": ["A"], "deploy": false})).await.status, 200);
    let next = world.command(&first, "redeploy", &json!({})).await;
    assert_eq!((next.status, &next.json["variables"]), (409, &json!(["A"])), "{next:?}");
    let next = deploy(&world, json!({"may_drop": true})).await;
    let said = format!("variables that {first} had and this one hasn't: A");
    assert!(next.checks.contains(&said), "{:?}", next.checks);
}
