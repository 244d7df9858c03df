//! The catalog: every function with its triggers and needs, for Terraform and for people.

use crate::{Door, Function, setting::show};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What `infra/catalog.json` holds. Functions by name, the rest in the order of declaration.
pub fn json(functions: &[Function]) -> Value {
    json!({
        "functions": sorted(functions).into_iter().map(one).collect::<Vec<_>>(),
        "services": services(functions),
    })
}

/// The name of the one public service.
const DOOR: &str = "door";
/// Requests that one instance may take at once, the most that Cloud Run allows.
const MOST_AT_ONCE: u32 = 1_000;

/// The services on Google Cloud: one for the door, and one for each other function.
fn services(functions: &[Function]) -> Vec<Value> {
    let (public, internal): (Vec<_>, Vec<_>) =
        sorted(functions).into_iter().partition(|function| function.door == Door::Public);
    let door = (!public.is_empty()).then(|| service(DOOR, Door::Public, &public));
    let own = internal.iter().map(|function| service(function.name, Door::Internal, &[function]));
    door.into_iter().chain(own).collect()
}

/// A service, with the command, the environment and the roles that its functions together need.
fn service(name: &str, door: Door, functions: &[&Function]) -> Value {
    let names: Vec<&str> = functions.iter().map(|function| function.name).collect();
    let permissions: BTreeSet<&str> =
        functions.iter().flat_map(|function| function.permissions).copied().collect();
    let at_once: u32 = functions.iter().map(|function| function.concurrency).sum();
    json!({
        "name": name,
        "functions": names,
        "arguments": ["serve", names.join(",")],
        "public": door == Door::Public,
        "timeout_s": functions.iter().map(|function| function.timeout_s).max(),
        "concurrency": at_once.min(MOST_AT_ONCE),
        "permissions": permissions,
        "environment": show::environment(door, &names),
        "settings": show::for_operators(&names),
    })
}

fn one(function: &Function) -> Value {
    let routes = function.routes.iter().map(|route| {
        json!({ "method": route.method.as_str(), "path": route.path, "role": route.role, "limit": route.limit, "summary": route.summary })
    });
    let topics = function.topics.iter().map(|trigger| {
        json!({
            "topic": trigger.topic,
            "types": trigger.kinds,
            "subscription": format!("{}.{}", function.name, trigger.topic),
        })
    });
    let schedules =
        function.schedules.iter().map(|trigger| json!({ "name": trigger.name, "cron": trigger.cron }));
    json!({
        "name": function.name,
        "summary": function.summary,
        "timeout_s": function.timeout_s,
        "concurrency": function.concurrency,
        "permissions": function.permissions,
        "ports": function.ports,
        "door": if function.door == Door::Public { "public" } else { "internal" },
        "http": routes.collect::<Vec<_>>(),
        "topics": topics.collect::<Vec<_>>(),
        "schedules": schedules.collect::<Vec<_>>(),
    })
}

/// What is declared twice or can't work: names, routes, schedules. A test holds this empty.
pub fn defects(functions: &[Function]) -> Vec<String> {
    let mut defects = vec![];
    let mut routes = BTreeSet::new();
    let mut operations = BTreeSet::new();
    let mut names = BTreeSet::new();
    for function in functions {
        if !names.insert(function.name) || function.name.contains('.') {
            defects.push(format!("function name `{}` is taken or has a dot", function.name));
        }
        if function.timeout_s == 0 || function.concurrency == 0 {
            defects.push(format!("function `{}` has no time or no room", function.name));
        }
        let pushed = function.topics.len() + function.schedules.len() > 0;
        if (function.door == Door::Public) == function.routes.is_empty() {
            defects.push(format!(
                "function `{}` has routes and no public door, or a door and no routes",
                function.name
            ));
        }
        if function.door == Door::Public && pushed {
            defects.push(format!(
                "function `{}` is public and also pushed to; a public service can't tell a push from a stranger's request: split it in two",
                function.name
            ));
        }
        for route in &function.routes {
            let id = crate::openapi::operation_id(function, route);
            if !operations.insert(id.clone()) {
                defects.push(format!("operation id `{id}` of `{}` is taken", function.name));
            }
            if !route.path.starts_with('/') || !routes.insert((route.method, shape(route.path))) {
                defects.push(format!(
                    "route `{} {}` of `{}` is taken or not absolute",
                    route.method.as_str(),
                    route.path,
                    function.name
                ));
            }
        }
        let mut schedules = BTreeSet::new();
        for schedule in &function.schedules {
            if !schedules.insert(schedule.name) || schedule.cron.split_whitespace().count() != 5 {
                defects.push(format!(
                    "schedule `{}` of `{}` is taken or not five fields",
                    schedule.name, function.name
                ));
            }
        }
    }
    defects
}

/// A path with the names of its captures left out: what makes two routes the same.
fn shape(path: &str) -> String {
    path.split('/')
        .map(|segment| if segment.starts_with('{') { "{}" } else { segment })
        .collect::<Vec<_>>()
        .join("/")
}

/// Functions by name.
pub(crate) fn sorted(functions: &[Function]) -> Vec<&Function> {
    let mut functions: Vec<&Function> = functions.iter().collect();
    functions.sort_by_key(|function| function.name);
    functions
}
