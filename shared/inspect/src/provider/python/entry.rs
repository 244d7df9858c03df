//! Which object or file of Python is the app: found by reading the source, never by importing it.

use super::dependencies::Known;
use crate::plan::{App, Draft, Field, Origin};
use crate::text;

/// Classes, and functions, whose call makes an app; with the framework they belong to.
const MAKERS: [(&str, &str); 13] = [
    ("FastAPI", "fastapi"),
    ("Flask", "flask"),
    ("APIFlask", "flask"),
    ("Starlette", "starlette"),
    ("Sanic", "sanic"),
    ("Quart", "quart"),
    ("FastHTML", "fasthtml"),
    ("fast_app", "fasthtml"),
    ("Litestar", "litestar"),
    ("Dash", "dash"),
    ("Bottle", "bottle"),
    ("connexion.App", "flask"),
    ("AsyncApp", "starlette"),
];

/// Names of functions that make the app when they are called.
const FACTORIES: [&str; 6] =
    ["create_app", "make_app", "get_app", "create_application", "build_app", "app_factory"];

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
    claim_function(app, known, draft);
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
    let scripts = app.files().filter(|file| file.rsplit('/').next() == Some("manage.py") && !is_side(file));
    let Some(manage) = scripts.min_by_key(|file| (file.matches('/').count(), *file)) else { return false };
    let content = app.text(manage).unwrap_or_default();
    if !content.contains("django") {
        return false;
    }
    let folder = manage.rsplit_once('/').map_or("", |(folder, _)| folder);
    let inner = App::new(app.tree, &app.path(folder));
    let origin = app.origin(manage, text::line_of(&content, "DJANGO_SETTINGS_MODULE"), 0.95);
    draft.claim(Field::Framework, "django", origin.clone());
    draft.claim_port(8000, Origin { confidence: 0.6, ..origin.clone() });
    let nearest = |end: &str| {
        let files = inner.files().filter(|file| file.ends_with(end) && !is_side(file));
        let file = files.min_by_key(|file| (file.matches('/').count(), *file))?;
        Some(format!("{}:application", file.trim_end_matches(".py").replace('/', ".")))
    };
    let (module, asgi) = (nearest("/wsgi.py"), nearest("/asgi.py"));
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

/// Tools that run a file by themselves: package, module, port, and the command around the file.
const TOOLS: [(&str, &str, u16, &str); 7] = [
    (
        "streamlit",
        "streamlit",
        8501,
        "streamlit run {} --server.port ${PORT:-8501} --server.address 0.0.0.0 --server.headless true",
    ),
    ("chainlit", "chainlit", 8000, "chainlit run {} --headless --host 0.0.0.0 --port ${PORT:-8000}"),
    ("gradio", "gradio", 7860, "GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=${PORT:-7860} python {}"),
    (
        "panel",
        "panel",
        5006,
        "panel serve {} --address 0.0.0.0 --port ${PORT:-5006} --allow-websocket-origin='*'",
    ),
    ("marimo", "marimo", 2718, "marimo run {} --headless --host 0.0.0.0 --port ${PORT:-2718}"),
    ("nicegui", "nicegui", 8080, "python {}"),
    ("mesop", "mesop", 32123, "mesop {} --port ${PORT:-32123}"),
];

/// Claims a file that such a tool runs: the likeliest by its name that imports the tool.
fn claim_tool_apps(app: &App, known: &Known, draft: &mut Draft) {
    for (package, module, port, command) in TOOLS {
        let Some(origin) = known.get(package) else { continue };
        // Without an import the name has to do; a library that is run by Python needs one.
        let named = || {
            app.first(&FIRST).filter(|_| !command.ends_with("python {}")).map(|file| (file.to_owned(), None))
        };
        let found = importer(app, module).map(|(file, line)| (file, Some(line))).or_else(named);
        let Some((file, line)) = found else { continue };
        draft.claim(Field::Framework, package, origin.clone());
        draft.claim_port(port, app.origin(&file, line, 0.7));
        let command = command.replace("{}", &text::shell_word(&file));
        draft.claim(Field::Start, app.command(command), app.origin(&file, line, 0.85));
        if package == "streamlit" {
            // Where it is by default; a setting may move it.
            draft.claim(Field::HealthPath, "/_stcore/health", Origin { confidence: 0.85, ..origin.clone() });
        }
    }
}

/// Names of files that such a tool is pointed at, the likeliest first.
const FIRST: [&str; 5] = ["streamlit_app.py", "app.py", "main.py", "Home.py", "run.py"];

/// The file that imports a module, unless it is an app of another framework that only embeds it.
fn importer(app: &App, module: &str) -> Option<(String, usize)> {
    let mut files: Vec<&str> = app
        .files()
        .filter(|file| text::has_end(file, "py") && !is_side(file) && !file.contains("pages/"))
        .collect();
    let rank = |file: &str| {
        FIRST.iter().position(|name| file.rsplit('/').next() == Some(name)).unwrap_or(FIRST.len())
    };
    files.sort_by_key(|file| (file.matches('/').count(), rank(file), *file));
    files.into_iter().take(100).find_map(|file| {
        let content = app.text(file)?;
        let imports = |line: &str| {
            let rest = line.strip_prefix("import ").or_else(|| line.strip_prefix("from "));
            rest.is_some_and(|rest| rest.split([' ', '.', ',']).next() == Some(module))
        };
        let line = content.lines().position(imports)? + 1;
        (!content.contains("FastAPI(") && !content.contains("Flask(")).then(|| (file.to_owned(), line))
    })
}

/// `functions-framework` serves one function of `main.py`.
fn claim_function(app: &App, known: &Known, draft: &mut Draft) {
    let Some(origin) = known.get("functions-framework").filter(|_| app.has("main.py")) else { return };
    let content = app.text("main.py").unwrap_or_default();
    let mut lines =
        content.lines().enumerate().skip_while(|(_, line)| !line.starts_with("@functions_framework."));
    let named = lines.find_map(|(index, line)| {
        let name = line.strip_prefix("def ")?.split('(').next()?.trim();
        Some((name.to_owned(), index + 1))
    });
    let Some((name, line)) = named else { return };
    draft.claim(Field::Framework, "functions-framework", origin.clone());
    draft.claim_port(8080, Origin { confidence: 0.7, ..origin.clone() });
    let command = format!("functions-framework --target={name} --port=${{PORT:-8080}}");
    draft.claim(Field::Start, app.command(command), app.origin("main.py", Some(line), 0.9));
}

/// Every object that could be the app, the likeliest first.
fn objects(app: &App) -> Vec<Object> {
    let members = super::members(app);
    let of_member = |file: &str| {
        members
            .iter()
            .any(|member| file.strip_prefix(member.as_str()).is_some_and(|rest| rest.starts_with('/')))
    };
    let mut files: Vec<&str> =
        app.files().filter(|file| text::has_end(file, "py") && !is_side(file) && !of_member(file)).collect();
    files.sort_by_key(|file| (file.matches('/').count(), name_rank(file), *file));
    let mut found: Vec<Object> = Vec::new();
    for file in files.into_iter().take(200) {
        let Some(content) = app.text(file) else { continue };
        found.extend(object_in(file, &content));
    }
    // An object that calls the factory is what its author starts; its framework is the factory's.
    let framework = found.iter().find(|object| !object.framework.is_empty()).map(|object| object.framework);
    found.retain_mut(|object| {
        if object.framework.is_empty() {
            object.framework = framework.unwrap_or_default();
        }
        !object.framework.is_empty()
    });
    found
}

/// `app = FastAPI()` at the start of a line, also with a type, also as `app, rt = fast_app()`; else a factory.
fn object_in(file: &str, content: &str) -> Option<Object> {
    let mut factory = None;
    for (index, line) in content.lines().enumerate().take(5_000) {
        let object = |name: &str, factory, framework| Object {
            file: file.to_owned(),
            name: name.to_owned(),
            factory,
            framework,
            line: index + 1,
        };
        if let Some((name, call)) = assignment(line) {
            if let Some((_, framework)) = MAKERS.iter().find(|(maker, _)| calls(call, maker)) {
                return Some(object(name, false, framework));
            }
            if FACTORIES.iter().any(|factory| calls(call, factory)) {
                return Some(object(name, false, ""));
            }
        } else if factory.is_none()
            && let Some(name) = defined(line)
            && let Some((_, framework)) = MAKERS.iter().find(|(maker, _)| content.contains(maker))
        {
            factory = Some(object(name, true, framework));
        }
    }
    factory
}

/// The first name that an assignment at the start of a line gives, and what is assigned.
fn assignment(line: &str) -> Option<(&str, &str)> {
    if !line.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return None;
    }
    let (left, right) = line.split_once('=')?;
    let name = left.split([',', ':']).next()?.trim();
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (plain && !right.starts_with('=') && !left.contains('(')).then(|| (name, right.trim()))
}

/// Whether the text is a call of this name, also behind its module.
fn calls(text: &str, name: &str) -> bool {
    let called = text.split('(').next().unwrap_or_default().trim();
    text.contains('(')
        && (called == name || called.strip_suffix(name).is_some_and(|module| module.ends_with('.')))
}

fn defined(line: &str) -> Option<&'static str> {
    let name = line.strip_prefix("def ").or_else(|| line.strip_prefix("async def "))?.split('(').next()?;
    FACTORIES.into_iter().find(|known| *known == name.trim())
}

fn is_side(file: &str) -> bool {
    file.split('/').any(|part| {
        part.starts_with("test")
            || part.ends_with("_test.py")
            || [
                "docs",
                "examples",
                "scripts",
                "migrations",
                "notebooks",
                "fixtures",
                "venv",
                "env",
                "site-packages",
            ]
            .contains(&part)
    })
}

fn name_rank(file: &str) -> usize {
    let name = file.rsplit('/').next().unwrap_or(file);
    NAMES.iter().position(|known| *known == name).unwrap_or(NAMES.len())
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
        "flask" | "dash" | "bottle" if known.contains_key("waitress") && folder.is_none() => {
            let call = if *factory { "--call " } else { "" };
            format!("waitress-serve --listen=*:${{PORT:-8000}} {call}{module}:{name}")
        }
        "flask" if !reads_port(app, file) && !runs_for_all(app, file) => {
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
    // A file that is run as it is says its port itself.
    if !command.starts_with("python ") {
        draft.claim_port(8000, Origin { confidence: 0.6, ..origin.clone() });
    }
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

/// Whether the file starts itself so that others can reach it: its author means it to be run as it is.
fn runs_for_all(app: &App, file: &str) -> bool {
    app.text(file).is_some_and(|text| {
        text.split_once("__main__")
            .is_some_and(|(_, block)| block.contains(".run(") && block.contains("0.0.0.0"))
    })
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
    } else if let Some(file) = package_that_runs(app) {
        let (folder, package) = module(app, file.trim_end_matches("/__main__.py"));
        let path = folder.map(|folder| format!("PYTHONPATH={folder} ")).unwrap_or_default();
        draft.claim(
            Field::Start,
            app.command(format!("{path}python -m {package}")),
            app.origin(&file, None, 0.7),
        );
    }
}

/// The `__main__.py` of the nearest package: `python -m package` runs it.
fn package_that_runs(app: &App) -> Option<String> {
    let files = app.files().filter(|file| file.ends_with("/__main__.py") && !is_side(file));
    files.min_by_key(|file| (file.matches('/').count(), *file)).map(str::to_owned)
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
