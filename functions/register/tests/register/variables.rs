//! Variables belong to the service: a deployment adds to them or removes by name, and nothing vanishes in silence.

use crate::world::{World, tenant};
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
