//! What is made from declarations: the catalog, the pages about routes and errors, the OpenAPI document.

use crate::{fake::Documents, server::key};
use host::{
    Config, Context, Delivery, Door, Error, Function, Outcome, Port, Request, Response, Role, Route, Runner,
    catalog, derived, openapi,
};
use model::message::{kind, topic};
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(serde::Serialize, utoipa::ToSchema)]
struct Start {
    source: Origin,
}

#[derive(serde::Serialize, utoipa::ToSchema)]
struct Origin {
    url: String,
}

#[derive(serde::Serialize, utoipa::ToSchema)]
struct Filter {
    status: Option<String>,
    limit: u32,
}

mod elsewhere {
    #[derive(serde::Serialize, utoipa::ToSchema)]
    pub struct Origin {
        pub other: bool,
    }
}

async fn handle(_: Context, _: Request) -> Result<Response, Error> {
    Ok(Response::empty(204))
}

async fn receive(_: Context, _: Delivery) -> Result<Outcome, Error> {
    Ok(Outcome::Done)
}

fn functions() -> Vec<Function> {
    let register = Function::new("register", "Records")
        .permissions(&["datastore.user"])
        .uses(&[Port::Store, Port::Keys])
        .door(Door::Public)
        .route(
            Route::post("/d", Role::Deployer, "Start one", handle)
                .creates()
                .body::<Start>()
                .answers::<Origin>(201),
        )
        .route(
            Route::get("/d/{id}", Role::Viewer, "One", handle).query::<Filter>().answers::<Vec<Start>>(200),
        )
        .route(Route::get("/page", Role::Public, "A page", handle).answers_with(200, "text/html"));
    let advise = Function::new("advise", "Advises")
        .timeout_s(60)
        .concurrency(2)
        .topic(topic::OBSERVATIONS, &[kind::OBSERVATION_RECORDED], receive)
        .schedule("hourly", "0 * * * *", receive);
    vec![register, advise]
}

#[test]
fn the_catalog_says_all_that_was_declared() {
    assert!(catalog::defects(&functions()).is_empty());
    let json = catalog::json(&functions());
    assert_eq!(json["functions"][0]["name"], "advise");
    assert_eq!(
        json["functions"][0],
        json!({
            "name": "advise", "summary": "Advises", "timeout_s": 60, "concurrency": 2, "permissions": [], "http": [],
            "ports": [], "door": "internal",
            "topics": [{ "topic": "observations", "types": ["observation.recorded"], "subscription": "advise.observations" }],
            "schedules": [{ "name": "hourly", "cron": "0 * * * *" }],
        })
    );
    let http = &json["functions"][1]["http"];
    assert_eq!(
        http[0],
        json!({ "method": "POST", "path": "/d", "role": "deployer", "limit": "write", "summary": "Start one" })
    );
    let reversed: Vec<_> = functions().into_iter().rev().collect();
    assert_eq!(catalog::json(&reversed), json);
}

#[test]
fn the_page_about_routes_says_who_answers_what() {
    let page = derived::routes(&functions());
    for row in [
        "| `advise` | Advises | topic `observations`: `observation.recorded`; schedule `0 * * * *` (hourly) | internal | 60 s | 2 |",
        "| `POST` | `/d` | deployer | write | 1 MiB | `register` | Start one |",
        "| rollback | At most 5 a minute for each tenant; 429 with `Retry-After` beyond that. |",
    ] {
        assert!(page.contains(row), "{row} in {page}");
    }
}

#[test]
fn the_page_about_errors_has_each_slug_once() {
    let declare = |one: Function| {
        if one.name == "advise" {
            one.problem("gone-away", "Advised.")
        } else {
            one.problem("gone-away", "Gone.")
        }
    };
    let page = derived::errors(&functions().into_iter().map(declare).collect::<Vec<_>>());
    assert_eq!(page.matches("### gone-away\n").count(), 1, "{page}");
    assert!(page.contains("Of `register` and `advise`. Gone. Advised."), "{page}");
    for slug in ["bad-request", "busy", "timeout"] {
        assert_eq!(page.matches(&format!("### {slug}\n")).count(), 1, "{slug} in {page}");
    }
}

#[test]
fn what_is_declared_twice_is_found() {
    let twice = vec![
        Function::new("a", "").route(Route::get("/d/{id}", Role::Public, "", handle)),
        Function::new("a", "")
            .route(Route::get("/d/{name}", Role::Public, "", handle))
            .schedule("s", "* *", receive),
    ];
    let defects = catalog::defects(&twice);
    // Its name, its route, its cron, and twice routes without a door.
    assert_eq!(defects.len(), 5, "{defects:?}");
    let pushed = Function::new("b", "").door(Door::Public).schedule("s", "* * * * *", receive);
    let pushed = pushed.route(Route::get("/", Role::Public, "", handle));
    let defects = catalog::defects(&[pushed]);
    assert!(defects.len() == 1 && defects[0].contains("split it in two"), "{defects:?}");
    assert_eq!(catalog::defects(&[Function::new("c", "").door(Door::Public)]).len(), 1);
}

#[test]
fn public_functions_share_one_service_and_each_other_has_its_own() {
    let mut functions = functions();
    let console = Function::new("console", "").timeout_s(900).permissions(&["run.viewer", "datastore.user"]);
    functions.push(console.door(Door::Public).route(Route::get("/", Role::Public, "", handle)));
    let services = catalog::json(&functions)["services"].clone();
    assert_eq!(services.as_array().unwrap().len(), 2);
    let (door, advise) = (&services[0], &services[1]);
    assert_eq!(door["arguments"], json!(["serve", "console,register"]));
    assert_eq!(
        (&door["name"], &door["public"], &door["timeout_s"]),
        (&json!("door"), &json!(true), &json!(900))
    );
    assert_eq!(door["permissions"], json!(["datastore.user", "run.viewer"]));
    assert_eq!(door["environment"]["SEXTANT_PLACE"], json!({ "value": "gcp" }));
    assert_eq!(door["environment"]["SEXTANT_PUSH"], json!({ "value": "off" }));
    assert_eq!(door["environment"]["SEXTANT_TOKEN_KEY"], json!({ "secret": "token-key" }));
    assert_eq!(door["environment"]["SEXTANT_REGION"], json!({ "from": "region" }), "register reads it");
    assert!(door["settings"].as_array().unwrap().contains(&json!("SEXTANT_STREAMS")), "console reads it");
    assert_eq!((&advise["name"], &advise["arguments"][1]), (&json!("advise"), &json!("advise")));
    assert_eq!(advise["environment"]["SEXTANT_PUSH"], json!({ "value": "platform" }));
    assert!(advise["environment"].get("SEXTANT_TOKEN_KEY").is_none(), "it has no routes");
    assert_eq!(advise["settings"], json!(["SEXTANT_LOG"]));
}

#[test]
fn operations_of_one_name_are_found() {
    let same = Function::new("a", "")
        .door(Door::Public)
        .route(Route::get("/d/x-y", Role::Public, "", handle))
        .route(Route::get("/d/x_y", Role::Public, "", handle));
    assert_eq!(catalog::defects(&[same]), ["operation id `a_get_d_x_y` of `a` is taken"]);
    let page = Function::new("a", "")
        .door(Door::Public)
        .route(Route::get("/d/{id}", Role::Public, "", handle))
        .route(Route::get("/api/v1/d/{id}", Role::Public, "", handle));
    assert_eq!(
        catalog::defects(&[page]),
        Vec::<String>::new(),
        "a page and the API's route to the same thing"
    );
}

#[test]
fn the_document_describes_bodies_queries_answers_and_problems() {
    let document: Value = serde_json::to_value(openapi::document(&functions())).unwrap();
    let start = &document["paths"]["/d"]["post"];
    assert_eq!(
        start["requestBody"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/Start"
    );
    assert_eq!(
        start["responses"]["201"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/Origin"
    );
    for status in ["400", "401", "403", "408", "409", "413", "421", "422", "429", "500", "503", "504"] {
        let schema = &start["responses"][status]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/Problem", "{status}");
    }
    assert!(start["responses"].get("default").is_none(), "every status is named");
    assert!(start["description"].as_str().unwrap().contains("1200 a minute"), "{start}");
    assert_eq!(start["security"], json!([{ "bearer": ["deployer"] }]));
    assert_eq!(start["parameters"][0]["name"], "Idempotency-Key");
    let one = &document["paths"]["/d/{id}"]["get"];
    let parameters: Vec<_> = one["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["name"].as_str().unwrap(), p["in"].as_str().unwrap(), p["required"].as_bool().unwrap()))
        .collect();
    assert_eq!(parameters, [("id", "path", true), ("status", "query", false), ("limit", "query", true)]);
    assert_eq!(one["responses"]["200"]["content"]["application/json"]["schema"]["type"], "array");
    assert!(document["paths"]["/page"]["get"].get("security").is_none());
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert!(["Problem", "Start", "Origin"].iter().all(|name| schemas.contains_key(*name)));
    assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
}

#[test]
fn two_types_of_one_name_are_found() {
    assert!(openapi::collisions(&functions()).is_empty());
    let mut functions = functions();
    let route = Route::get("/x", Role::Public, "", handle).answers::<elsewhere::Origin>(200);
    functions.push(Function::new("x", "").route(route));
    assert_eq!(openapi::collisions(&functions), ["Origin"]);
}

#[test]
fn a_runner_is_made_without_touching_a_port() {
    let (documents, world) = Documents::world();
    documents.unreachable.store(true, std::sync::atomic::Ordering::SeqCst);
    let runner = Arc::new(Runner::new(functions(), world.ports(), Arc::new(Config::local(1, key()))));
    let _router = runner.router();
    assert_eq!(documents.counted(), (0, 0));
}
