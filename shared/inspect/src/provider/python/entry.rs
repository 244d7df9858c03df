//! Which object or file of Python is the app: found by reading the source, never by importing it.

use std::sync::LazyLock;

use regex::Regex;

use super::dependencies::Known;
use crate::plan::{App, Draft, Field, Origin};
use crate::text;

/// `app = FastAPI()` at the start of a line, also with a type, also as `app, rt = fast_app()`.
static OBJECT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?m)^(\w+)(?:\s*,\s*\w+)*\s*(?::[^=\n]+)?=\s*(?:\w+\.)*(FastAPI|Flask|Starlette|Sanic|Quart|FastHTML|fast_app|Litestar|Dash|APIFlask|Bottle)\(",
    )
    .ok()
});

/// `def create_app():`, which makes the app when it is called.
static FACTORY: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?m)^def (create_app|make_app|get_app|create_application)\(").ok());

/// Files whose names say that they start the app, the likeliest first.
const NAMES: [&str; 9] =
    ["main.py", "app.py", "server.py", "api.py", "wsgi.py", "asgi.py", "application.py", "run.py", "bot.py"];

/// An object, or a function that makes one, that could be the app.
struct Object {
    file: String,
    name: String,
    /// Whether the name is a function that has to be called.
    factory: bool,
    framework: &'static str,
    line: usize,
}

pub(super) fn claim(app: &App, known: &Known, draft: &mut Draft) {
    if claim_django(app, known, draft) {
        return;
    }
    claim_tool_apps(app, known, draft);
    for object in objects(app) {
        claim_object(app, known, draft, &object);
    }
    claim_task(app, draft);
    claim_script(app, draft);
}

/// A start task of pdm or pipenv, which stands above files that are only named likely.
fn claim_task(app: &App, draft: &mut Draft) {
    let places =
        [("pyproject.toml", &["tool", "pdm", "scripts"][..], "pdm"), ("Pipfile", &["scripts"][..], "pipenv")];
    for (file, path, tool) in places {
        let Some(content) = app.text(file) else { continue };
        let Ok(table) = content.parse::<toml::Table>() else { continue };
        let mut value = Some(toml::Value::Table(table));
        for part in path {
            value = value.and_then(|value| value.get(*part).cloned());
        }
        let named = ["web", "start", "serve"]
            .into_iter()
            .find(|n| value.as_ref().is_some_and(|v| v.get(*n).is_some()));
        if let Some(name) = named {
            let line = text::line_of(&content, &format!("{name} ="));
            draft.claim(
                Field::Start,
                app.command(format!("{tool} run {name}")),
                app.origin(file, line, 0.85),
            );
        }
    }
}

fn claim_django(app: &App, known: &Known, draft: &mut Draft) -> bool {
    let Some(manage) = app.files().find(|file| file.rsplit('/').next() == Some("manage.py")) else {
        return false;
    };
    let content = app.text(manage).unwrap_or_default();
    if !content.contains("django") {
        return false;
    }
    let folder = manage.rsplit_once('/').map_or("", |(folder, _)| folder);
    let inner = App::new(app.tree, &app.path(folder));
    let origin = app.origin(manage, text::line_of(&content, "DJANGO_SETTINGS_MODULE"), 0.95);
    draft.claim(Field::Framework, "django", origin.clone());
    draft.claim_port(8000, Origin { confidence: 0.6, ..origin.clone() });
    let module = inner
        .files()
        .find_map(|file| file.strip_suffix("/wsgi.py").filter(|folder| !folder.contains('/')))
        .map(|package| format!("{package}.wsgi:application"));
    let asgi = inner
        .files()
        .find_map(|file| file.strip_suffix("/asgi.py").filter(|folder| !folder.contains('/')))
        .map(|package| format!("{package}.asgi:application"));
    let has = |name: &str| known.contains_key(name);
    let serve = match (module, asgi) {
        (Some(module), _) if has("gunicorn") => format!("gunicorn --bind 0.0.0.0:${{PORT:-8000}} {module}"),
        (_, Some(asgi)) if has("daphne") => format!("daphne -b 0.0.0.0 -p ${{PORT:-8000}} {asgi}"),
        (_, Some(asgi)) if has("uvicorn") => format!("uvicorn {asgi} --host 0.0.0.0 --port ${{PORT:-8000}}"),
        (Some(module), _) if has("waitress") => format!("waitress-serve --listen=*:${{PORT:-8000}} {module}"),
        _ => "python manage.py runserver 0.0.0.0:${PORT:-8000}".to_owned(),
    };
    draft.claim(Field::Start, inner.command(format!("python manage.py migrate && {serve}")), origin);
    true
}

/// Tools that run a file by themselves.
fn claim_tool_apps(app: &App, known: &Known, draft: &mut Draft) {
    let file = app.first(&["streamlit_app.py", "app.py", "main.py", "Home.py"]);
    let Some(file) = file else { return };
    if let Some(origin) = known.get("streamlit") {
        let options = "--server.port ${PORT:-8501} --server.address 0.0.0.0 --server.headless true";
        draft.claim(Field::Framework, "streamlit", origin.clone());
        draft.claim_port(8501, app.origin(file, None, 0.7));
        draft.claim(
            Field::Start,
            app.command(format!("streamlit run {file} {options}")),
            app.origin(file, None, 0.85),
        );
        draft.claim(Field::HealthPath, "/_stcore/health", origin.clone());
    }
    if let Some(origin) = known.get("chainlit") {
        draft.claim(Field::Framework, "chainlit", origin.clone());
        draft.claim_port(8000, app.origin(file, None, 0.7));
        let command = format!("chainlit run {file} --headless --host 0.0.0.0 --port ${{PORT:-8000}}");
        draft.claim(Field::Start, app.command(command), app.origin(file, None, 0.85));
    }
    let text = app.text(file).unwrap_or_default();
    if known.contains_key("gradio") && text.contains("gradio") && !text.contains("FastAPI(") {
        let line = text::line_of(&text, "gradio");
        draft.claim(Field::Framework, "gradio", app.origin(file, line, 0.9));
        draft.claim_port(7860, app.origin(file, line, 0.7));
        let command = "GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=${PORT:-7860}";
        draft.claim(
            Field::Start,
            app.command(format!("{command} python {file}")),
            app.origin(file, line, 0.85),
        );
    }
}

/// Every object that could be the app, the likeliest first.
fn objects(app: &App) -> Vec<Object> {
    let Some(pattern) = OBJECT.as_ref() else { return Vec::new() };
    let mut files: Vec<&str> =
        app.files().filter(|file| text::has_end(file, "py") && !is_side(file)).collect();
    files.sort_by_key(|file| (file.matches('/').count(), name_rank(file), *file));
    let mut found = Vec::new();
    for file in files.into_iter().take(200) {
        let Some(content) = app.text(file) else { continue };
        if let Some(hit) = pattern.captures(&content) {
            let framework = framework_of(&hit[2]);
            let line = text::line_at(&content, hit.get(0).map_or(0, |whole| whole.start()));
            let (file, name) = (file.to_owned(), hit[1].to_owned());
            found.push(Object { file, name, factory: false, framework, line });
        } else if let Some(hit) = FACTORY.as_ref().and_then(|factory| factory.captures(&content)) {
            let framework =
                ["FastAPI", "Flask", "Starlette", "Quart"].into_iter().find(|name| content.contains(name));
            let Some(framework) = framework.map(framework_of) else { continue };
            let line = text::line_at(&content, hit.get(0).map_or(0, |whole| whole.start()));
            let (file, name) = (file.to_owned(), hit[1].to_owned());
            found.push(Object { file, name, factory: true, framework, line });
        }
    }
    found
}

fn is_side(file: &str) -> bool {
    file.split('/').any(|part| {
        part.starts_with("test")
            || part.ends_with("_test.py")
            || ["docs", "examples", "scripts", "migrations"].contains(&part)
    })
}

fn name_rank(file: &str) -> usize {
    let name = file.rsplit('/').next().unwrap_or(file);
    NAMES.iter().position(|known| *known == name).unwrap_or(NAMES.len())
}

fn framework_of(class: &str) -> &'static str {
    match class {
        "FastAPI" => "fastapi",
        "Flask" | "APIFlask" => "flask",
        "Starlette" => "starlette",
        "Sanic" => "sanic",
        "Quart" => "quart",
        "FastHTML" | "fast_app" => "fasthtml",
        "Litestar" => "litestar",
        "Dash" => "dash",
        _ => "bottle",
    }
}

fn claim_object(app: &App, known: &Known, draft: &mut Draft, object: &Object) {
    let Object { file, name, factory, .. } = object;
    let origin = app.origin(file, Some(object.line), 0.9);
    draft.claim(Field::Framework, object.framework, origin.clone());
    let (folder, module) = module(app, file);
    let bind = "--bind 0.0.0.0:${PORT:-8000}";
    let host = "--host 0.0.0.0 --port ${PORT:-8000}";
    let chdir =
        |option: &str| folder.as_ref().map(|folder| format!("{option} {folder} ")).unwrap_or_default();
    let target = format!("{module}:{name}{}", if *factory { "()" } else { "" });
    let command = match object.framework {
        "flask" | "dash" | "bottle" if known.contains_key("gunicorn") => {
            let server = if object.framework == "dash" { format!("{module}:{name}.server") } else { target };
            format!("gunicorn {}{bind} {}", chdir("--chdir"), text::shell_word(&server))
        }
        "flask" if !reads_port(app, file) => {
            let path = folder.as_ref().map_or_else(|| module.clone(), |folder| format!("{folder}/{module}"));
            format!("flask --app {} run {host}", text::shell_word(&format!("{path}:{name}")))
        }
        "flask" | "dash" | "bottle" => format!("python {file}"),
        "sanic" => format!("sanic {target} --host=0.0.0.0 --port=${{PORT:-8000}}"),
        "quart" if known.contains_key("hypercorn") => format!("hypercorn {bind} {target}"),
        _ if has_uvicorn(known, object.framework) => {
            let target = format!("{module}:{name}");
            format!(
                "uvicorn {}{target} {host}{}",
                chdir("--app-dir"),
                if *factory { " --factory" } else { "" }
            )
        }
        _ => format!("python {file}"),
    };
    draft.claim_port(8000, Origin { confidence: 0.6, ..origin.clone() });
    draft.claim(Field::Start, app.command(command), origin);
    // The file may also start itself, on its own terms.
    let content = app.text(file).unwrap_or_default();
    if let Some(line) = text::line_of(&content, "__main__").filter(|_| content.contains(".run(")) {
        let command = app.command(format!("python {}", text::shell_word(file)));
        draft.claim(Field::Start, command, app.origin(file, Some(line), 0.6));
    }
}

/// FastAPI without a server in its list is nearly always run by uvicorn all the same, from some other list.
fn has_uvicorn(known: &Known, framework: &str) -> bool {
    known.contains_key("uvicorn")
        || matches!(framework, "fastapi" | "fasthtml" | "starlette" | "litestar" | "quart")
}

fn reads_port(app: &App, file: &str) -> bool {
    app.text(file).is_some_and(|text| text.contains("__main__") && text.contains("PORT"))
}

/// The module of a file, and the folder to start in where the source has a folder of its own.
fn module(app: &App, file: &str) -> (Option<String>, String) {
    let bare = file.trim_end_matches(".py").trim_end_matches("/__init__");
    let source = bare.strip_prefix("src/").filter(|_| !app.has("src/__init__.py"));
    match source {
        Some(inner) => (Some("src".into()), inner.replace('/', ".")),
        None => (None, bare.replace('/', ".")),
    }
}

/// A file that is run as it is.
fn claim_script(app: &App, draft: &mut Draft) {
    let named =
        NAMES.into_iter().chain(["manage.py", "src/main.py", "src/app.py", "app/main.py", "hello.py"]);
    let single = || {
        let mut files = app
            .top_files()
            .filter(|file| text::has_end(file, "py") && !["setup.py", "conftest.py"].contains(file));
        files.next().filter(|_| files.next().is_none())
    };
    if draft.has(Field::Start) {
        return;
    }
    let known = named.into_iter().find(|name| app.has(name)).map(|name| (name, 0.8));
    if let Some((file, confidence)) = known.or_else(|| single().map(|file| (file, 0.6))) {
        let file = text::shell_word(file);
        draft.claim(Field::Start, app.command(format!("python {file}")), app.origin(&file, None, confidence));
    } else if let Some((name, line)) = script_of_project(app) {
        draft.claim(Field::Start, app.command(name), app.origin("pyproject.toml", Some(line), 0.7));
    }
}

/// The command that `[project.scripts]` or poetry's table installs: the only one, or one with a likely name.
fn script_of_project(app: &App) -> Option<(String, usize)> {
    let content = app.text("pyproject.toml")?;
    let table: toml::Table = content.parse().ok()?;
    let own = table.get("project").and_then(|project| project.get("scripts"));
    let poetry = || table.get("tool").and_then(|tool| tool.get("poetry")?.get("scripts"));
    let scripts = own.or_else(poetry)?.as_table()?;
    let likely = |name: &&String| ["start", "serve", "server", "web", "api", "app"].contains(&name.as_str());
    let only = || scripts.keys().next().filter(|_| scripts.len() == 1);
    let name = scripts.keys().find(likely).or_else(only)?;
    Some((name.clone(), text::line_of(&content, name)?))
}
