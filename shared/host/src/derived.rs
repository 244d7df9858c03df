//! Pages of the documentation that follow from what functions declare. They are checked in, and a test holds them to
//! the declarations.

use crate::{
    Door, Function, Route,
    catalog::sorted,
    limit::Class,
    problems::{Problem, all},
};
use std::fmt::Write;

const ROUTES: &str = "\
# Functions and routes

Every function with what starts it, and every address with who may use it. Written by `sextant catalog --markdown`
from the functions' declarations; the API in full is the OpenAPI document, `/openapi.json` on the server or
`sextant openapi`.

## Functions

A request or delivery is cut off after the timeout; one instance takes so many at once, and answers more with 503 and
`Retry-After`. Functions with the public door share one service and one address in the cloud, the internal ones have one
each, which only pushes and schedules get into. On a machine they all run in one process.

| function | does | started by | door | timeout | at once |
|---|---|---|---|---|---|
";

const ADDRESSES: &str = "
## Routes

`public` needs nobody signed in: what the request carries is checked instead, such as a link's token or a signature, or
there is nothing to hide. Else a viewer reads, a deployer also deploys and operates, and an owner may do everything. A
body may have as many bytes as the table says; more is 413. Beside these, each service answers `/healthz`, `/readyz`,
`/errors` and `/openapi.json`.

| method | path | role | counts as | body | function | does |
|---|---|---|---|---|---|---|
";

const OFTEN: &str = "
## How often

What an address counts as has a limit of its own. On one machine its own tenant reads and writes as often as it likes.

| counts as | limit |
|---|---|
";

const ERRORS: &str = "\
# Errors

Every error is `application/problem+json`: `title` and `status`, `detail` that says what happened, to what, and what to do
next, and a `type` that ends in one of the names below. `errors` names the fields of the request that are wrong. What went
wrong on our side stays in the log, under the `error_id` of the answer. Written by `sextant catalog --errors` from the
functions' declarations.

## On every address
";

/// The page `routes.md`: functions, and the addresses they answer.
pub fn routes(functions: &[Function]) -> String {
    let mut page = ROUTES.to_owned();
    for function in sorted(functions) {
        let door = if function.door == Door::Public { "public" } else { "internal" };
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {door} | {} s | {} |",
            function.name,
            function.summary,
            started_by(function),
            function.timeout_s,
            function.concurrency
        );
    }
    page.push_str(ADDRESSES);
    for function in sorted(functions) {
        for route in &function.routes {
            let _ = writeln!(
                page,
                "| `{}` | `{}` | {} | {} | {} | `{}` | {} |",
                route.method.as_str(),
                route.path,
                route.role,
                route.limit.name(),
                body(route),
                function.name,
                route.summary
            );
        }
    }
    page.push_str(OFTEN);
    for class in Class::ALL {
        let _ = writeln!(page, "| {} | {} |", class.name(), class.sentence());
    }
    page
}

fn started_by(function: &Function) -> String {
    let requests = (!function.routes.is_empty()).then(|| "requests".to_owned());
    let topics = function.topics.iter().map(|trigger| match trigger.kinds {
        [] => format!("topic `{}`", trigger.topic),
        kinds => format!("topic `{}`: `{}`", trigger.topic, kinds.join("`, `")),
    });
    let schedules =
        function.schedules.iter().map(|trigger| format!("schedule `{}` ({})", trigger.cron, trigger.name));
    requests.into_iter().chain(topics).chain(schedules).collect::<Vec<_>>().join("; ")
}

/// The most that a route's body may have; nothing where there is none to send.
fn body(route: &Route) -> String {
    if route.method.is_safe() {
        return String::new();
    }
    match route.body_limit {
        bytes if bytes >= 1 << 20 => format!("{} MiB", bytes >> 20),
        bytes => format!("{} KiB", bytes >> 10),
    }
}

/// The page `errors.md`: a heading for each slug, which is what links go to.
pub fn errors(functions: &[Function]) -> String {
    let mut page = ERRORS.to_owned();
    let (everywhere, declared): (Vec<_>, Vec<_>) =
        all(functions).into_iter().partition(|problem| problem.functions.is_empty());
    for problem in &everywhere {
        let _ = write!(page, "\n### {}\n\n{}{}\n", problem.slug, title(problem), problem.meanings.join(" "));
    }
    page.push_str("\n## Of one function\n");
    for problem in &declared {
        let of = problem.functions.join("` and `");
        let _ = write!(page, "\n### {}\n\nOf `{of}`. {}\n", problem.slug, problem.meanings.join(" "));
    }
    page
}

fn title(problem: &Problem) -> String {
    if problem.title == problem.slug { String::new() } else { format!("**{}.** ", problem.title) }
}
