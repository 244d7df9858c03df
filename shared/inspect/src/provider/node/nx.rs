//! Apps of Nx that have a `project.json` and no manifest of their own: the root's packages, the project's targets.

use serde_json::Value;

use crate::plan::{App, Draft, Field, Origin};
use crate::text;

const FILE: &str = "project.json";

/// What an executor's name says: the framework, its port, and whether it makes files.
const EXECUTORS: [(&str, &str, Option<u16>, bool); 11] = [
    ("@nx/next", "next", Some(3000), false),
    ("@nrwl/next", "next", Some(3000), false),
    ("@nx/remix", "remix", Some(3000), false),
    ("@nx/nuxt", "nuxt", Some(3000), false),
    ("@nx/angular", "angular", None, true),
    ("@angular", "angular", None, true),
    ("@nx/vite", "vite", None, true),
    ("@nx/nest", "nest", Some(3000), false),
    ("@nx/node", "node", None, false),
    ("@nx/js", "node", None, false),
    ("@nx/webpack", "node", None, false),
];

struct Project {
    content: std::rc::Rc<str>,
    json: Value,
}

fn read(app: &App) -> Option<Project> {
    if app.folder.is_empty() || !App::new(app.tree, "").has("nx.json") {
        return None;
    }
    let content = app.text(FILE)?;
    let json = text::json(&content)?;
    let is_app = json.get("projectType").and_then(Value::as_str) == Some("application");
    let builds = json.pointer("/targets/build").is_some();
    (is_app && builds).then_some(Project { content, json })
}

pub(super) fn detect(app: &App) -> Option<Origin> {
    let project = read(app)?;
    Some(app.origin(FILE, text::json_key_line(&project.content, "projectType"), 0.9))
}

/// Claims what the project's targets say.
pub(super) fn claim(app: &App, draft: &mut Draft) {
    let Some(Project { content, json }) = read(app) else { return };
    let folder_name = app.folder.rsplit('/').next().unwrap_or_default();
    let name = json.get("name").and_then(Value::as_str).unwrap_or(folder_name);
    let word = text::shell_word(name);
    let origin = |key: &str, confidence| app.origin(FILE, text::json_key_line(&content, key), confidence);
    draft.claim(Field::Build, format!("npx nx build {word}"), origin("build", 0.9));
    let executors: Vec<&str> = ["build", "serve"]
        .iter()
        .filter_map(|target| json.pointer(&format!("/targets/{target}/executor"))?.as_str())
        .collect();
    let known =
        EXECUTORS.iter().find(|(prefix, ..)| executors.iter().any(|executor| executor.starts_with(prefix)));
    let Some((_, framework, port, files)) = known else { return };
    let output = json.pointer("/targets/build/options/outputPath").and_then(Value::as_str);
    let output = output.map_or_else(
        || format!("dist/{}", app.folder),
        |path| path.replace("{workspaceRoot}/", "").replace("{projectRoot}", &app.folder),
    );
    if *framework != "node" {
        draft.claim(Field::Framework, *framework, origin("executor", 0.9));
    }
    if *files {
        draft.claim_static(output, true, origin("outputPath", 0.8));
        return draft.claim_port(80, origin("executor", 0.4));
    }
    if let Some(port) = port {
        draft.claim_port(*port, origin("executor", 0.7));
    }
    let start = match *framework {
        "nest" | "node" => format!("node {output}/main.js"),
        _ => format!("npx nx start {word}"),
    };
    draft.claim(Field::Start, start, origin("serve", 0.75));
}
