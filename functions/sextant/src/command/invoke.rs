//! `sextant invoke FUNCTION`: starts a function once, as its trigger would: a request, a schedule or a message.

use super::{
    client::{Api, encoded},
    output::Output,
};
use crate::{
    failure::{Ended, Stop},
    functions,
};
use anyhow::Result;
use clap::Args;
use host::{Function, Route};
use reqwest::Method;
use serde_json::{Value, json};
use std::{fs, io::Read as _};

/// Recommends; stores a decision and does nothing else.
const DECISIONS: &str = "/api/v1/decisions";

/// Which function, with what.
#[derive(Args)]
pub struct Invoke {
    /// The function (`sextant catalog` lists them).
    pub function: String,
    /// One of its routes, such as `POST /api/v1/decisions`; the first with a body if absent.
    #[arg(long)]
    pub route: Option<String>,
    /// What stands in the route's path, such as `--path id=dep_…`; with `--example`, the newest deployment's if absent.
    #[arg(long = "path", value_parser = super::deploy::pair, value_name = "NAME=VALUE")]
    pub path: Vec<(String, String)>,
    /// Send an example: what the OpenAPI document says a body has, filled in.
    #[arg(long, conflicts_with = "body")]
    pub example: bool,
    /// Send this file as the body; `-` for standard input.
    #[arg(long)]
    pub body: Option<String>,
}

impl Invoke {
    /// Starts it and shows what it answers.
    pub async fn run(self, api: &Api, output: Output) -> Result<Ended> {
        let Some(function) = functions::named(&self.function) else {
            let names: Vec<&str> = functions::all().iter().map(|function| function.name).collect();
            return Err(Stop::Usage(format!(
                "there is no function `{}`; there are {}",
                self.function,
                names.join(", ")
            ))
            .into());
        };
        if function.routes.is_empty() {
            return wake(&function, api, output).await;
        }
        let route = self.route(&function)?;
        let path = self.fill(route, api).await?;
        let body = match (&self.body, self.example) {
            (Some(file), _) => Some(read(file)?),
            (None, true) if route.method != host::Method::Get => Some(example(&function, route)),
            _ => None,
        };
        send(api, output, route.method.as_str(), &path, body.as_ref()).await
    }

    /// The route's path with a value for each of its names.
    async fn fill(&self, route: &Route, api: &Api) -> Result<String> {
        let names: Vec<&str> = names(route.path).collect();
        if let Some((name, _)) = self.path.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            let text = format!("`{}` has no `{{{name}}}` in its path", route.path);
            return Err(Stop::Usage(text).into());
        }
        let mut path = route.path.to_owned();
        for name in names {
            let given = self.path.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
            let value = match given {
                Some(value) => value,
                None if self.example => newest(name, api).await?,
                None => {
                    let text = format!(
                        "`{}` needs `{name}` in its path: give it with `--path {name}=…`, or take the newest deployment's with `--example`",
                        route.path
                    );
                    return Err(Stop::Usage(text).into());
                }
            };
            path = path.replace(&format!("{{{name}}}"), &encoded(&value));
        }
        Ok(path)
    }

    fn route<'f>(&self, function: &'f Function) -> Result<&'f Route> {
        let Some(wanted) = &self.route else {
            let plain = |route: &&Route| !route.path.contains('{');
            // What only asks for a recommendation is the more harmless example.
            let decisions = function.routes.iter().find(|route| route.path == DECISIONS);
            let posts = decisions.or_else(|| {
                function.routes.iter().filter(plain).find(|route| route.method == host::Method::Post)
            });
            return posts
                .or_else(|| function.routes.iter().find(plain))
                .or(function.routes.first())
                .ok_or_else(|| Stop::Usage(format!("`{}` has no route", function.name)).into());
        };
        let is = |route: &&Route| format!("{} {}", route.method.as_str(), route.path) == *wanted;
        function.routes.iter().find(is).ok_or_else(|| {
            let all: Vec<String> =
                function.routes.iter().map(|r| format!("{} {}", r.method.as_str(), r.path)).collect();
            Stop::Usage(format!("`{}` has no route `{wanted}`; it has {}", function.name, all.join(", ")))
                .into()
        })
    }
}

/// The names in a route's path, such as `id` of `/deployments/{id}`.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// What the newest deployment has under that name.
async fn newest(name: &str, api: &Api) -> Result<String> {
    let field = match name {
        "id" => "deployment_id",
        "name" => "service",
        "decision_id" => "decision_id",
        other => {
            let text =
                format!("nothing is known that could stand for `{other}`: give it with `--path {other}=…`");
            return Err(Stop::Usage(text).into());
        }
    };
    let page: Value = api.get("/api/v1/deployments?limit=1").await?;
    page["deployments"][0][field].as_str().map(str::to_owned).ok_or_else(|| {
        let text = format!(
            "there is no deployment whose `{field}` could stand for `{name}`: deploy something first, or give it with `--path {name}=…`"
        );
        Stop::Usage(text).into()
    })
}

async fn send(api: &Api, output: Output, method: &str, path: &str, body: Option<&Value>) -> Result<Ended> {
    output.note(&format!("{method} {path}"));
    if let Some(body) = body {
        output.note(&serde_json::to_string_pretty(body)?);
    }
    let (status, answer) = api.raw(Method::from_bytes(method.as_bytes())?, path, body).await?;
    output.note(&format!("answered {status}"));
    match serde_json::from_slice::<Value>(&answer) {
        Ok(value) => output.json(&value),
        Err(_) => output.text(&String::from_utf8_lossy(&answer)),
    }
    Ok(if status < 400 { Ended::Done } else { Ended::Failed })
}

/// A function without routes is started by its schedule, or by a message about the newest deployment.
async fn wake(function: &Function, api: &Api, output: Output) -> Result<Ended> {
    let message = if let Some(schedule) = function.schedules.first() {
        json!({ "topic": host::runner::SCHEDULE_TOPIC, "type": "schedule", "tenant": "system",
                "data": json!({ "name": schedule.name }).to_string() })
    } else {
        let trigger = function
            .topics
            .first()
            .ok_or_else(|| Stop::Usage(format!("nothing starts `{}`", function.name)))?;
        let newest: Value = api.get("/api/v1/deployments?limit=1").await?;
        let id = newest["deployments"][0]["deployment_id"].as_str().ok_or_else(|| {
            Stop::Usage("there is no deployment to send a message about; deploy something first".to_owned())
        })?;
        let kind = trigger.kinds.first().copied().unwrap_or("deployment.due");
        json!({ "topic": trigger.topic, "type": kind, "tenant": crate::place::machine::TENANT,
                "data": json!({ "deployment": id }).to_string() })
    };
    output.note(&format!("publishing {} on {}", message["type"], message["topic"]));
    let value: Value = api.post("/local/v1/publish", &message).await?;
    output.data(&value, || "Published; `sextant messages` shows what becomes of it.".to_owned());
    Ok(Ended::Done)
}

fn read(file: &str) -> Result<Value> {
    let mut text = String::new();
    if file == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = fs::read_to_string(file).map_err(|e| Stop::Usage(format!("`{file}` can't be read: {e}")))?;
    }
    serde_json::from_str(&text).map_err(|e| Stop::Usage(format!("`{file}` is not JSON: {e}")).into())
}

/// A body that the route's schema allows: required fields, with plain values.
fn example(function: &Function, route: &Route) -> Value {
    if route.path == DECISIONS {
        // Any one of several fields will do here, which a schema can't say.
        return json!({ "class": "node/express", "requests_month": 2_000_000 });
    }
    let document =
        serde_json::to_value(host::openapi::document(std::slice::from_ref(function))).unwrap_or_default();
    let operation = &document["paths"][route.path][route.method.as_str().to_lowercase()];
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    value_of(schema, "", &document, 0)
}

fn value_of(schema: &Value, name: &str, document: &Value, depth: u32) -> Value {
    if depth > 6 {
        return Value::Null;
    }
    if let Some(place) = schema["$ref"].as_str() {
        return value_of(
            document.pointer(place.trim_start_matches('#')).unwrap_or(&Value::Null),
            name,
            document,
            depth + 1,
        );
    }
    if let Some(known) = schema.get("example").or(schema["enum"].get(0)) {
        return known.clone();
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        let first = schema[several].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null"));
        if let Some(first) = first {
            return value_of(first, name, document, depth + 1);
        }
    }
    let kind = schema["type"].as_str().or(schema["type"][0].as_str()).unwrap_or_default();
    match kind {
        "object" => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            required
                .map(|field| {
                    (field.to_owned(), value_of(&schema["properties"][field], field, document, depth + 1))
                })
                .collect()
        }
        "array" => json!([]),
        "integer" | "number" => json!(1),
        "boolean" => json!(true),
        _ => text_of(name),
    }
}

fn text_of(name: &str) -> Value {
    match name {
        "decision_id" => json!("dec_00000000000000000000000001"),
        "gcp_project_id" => json!("example-project"),
        "gcp_credentials" => json!({ "type": "service_account", "note": "an example, not a key" }),
        other => json!(format!("example-{}", other.replace('_', "-"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_and_values_stay_one_segment() {
        let found: Vec<&str> = names("/api/v1/services/{name}/actions").collect();
        assert_eq!(found, ["name"]);
        assert_eq!(names("/api/v1/deployments").count(), 0);
        assert_eq!(encoded("dep_1-x.y~z"), "dep_1-x.y~z");
        assert_eq!(encoded("../a b?c"), "..%2Fa%20b%3Fc");
    }
}
