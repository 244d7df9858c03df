//! Frameworks of Node, and whether each makes a server or files: by its configuration, not by its name.

use std::rc::Rc;

use super::{Package, manager::Manager, script};
use crate::plan::{App, Draft, Field, Origin};
use crate::text;

/// What a framework's configuration makes of the app.
enum Shape {
    /// A process; the command that starts it when no script does.
    Server(Option<String>),
    /// Files in this folder; whether it is a single page app.
    Files(String, bool),
}

struct Framework {
    name: &'static str,
    /// Any of these dependencies means this framework.
    dependencies: &'static [&'static str],
    /// The port it listens on by default.
    port: Option<u16>,
}

const fn framework(
    name: &'static str,
    dependencies: &'static [&'static str],
    port: Option<u16>,
) -> Framework {
    Framework { name, dependencies, port }
}

/// Frameworks that build on others come first.
const FRAMEWORKS: [Framework; 52] = [
    framework("redwood", &["@redwoodjs/core"], Some(8910)),
    framework("blitz", &["blitz"], Some(3000)),
    framework("payload", &["payload"], Some(3000)),
    framework("next", &["next"], Some(3000)),
    framework("nuxt", &["nuxt", "nuxt3", "nuxt-edge"], Some(3000)),
    framework("remix", &["@remix-run/react", "@remix-run/node", "@remix-run/serve"], Some(3000)),
    framework("react-router", &["@react-router/dev"], Some(3000)),
    framework(
        "tanstack-start",
        &["@tanstack/react-start", "@tanstack/solid-start", "@tanstack/start"],
        Some(3000),
    ),
    framework("solid-start", &["@solidjs/start", "solid-start"], Some(3000)),
    framework("qwik-city", &["@builder.io/qwik-city", "@qwik.dev/router"], Some(3000)),
    framework("vike", &["vike"], Some(3000)),
    framework("sveltekit", &["@sveltejs/kit"], Some(3000)),
    framework("astro", &["astro"], Some(4321)),
    framework("angular", &["@angular/core"], Some(4000)),
    framework("gatsby", &["gatsby"], Some(9000)),
    framework("docusaurus", &["@docusaurus/core"], None),
    framework("vitepress", &["vitepress"], None),
    framework("vuepress", &["vuepress"], None),
    framework("eleventy", &["@11ty/eleventy"], None),
    framework("hexo", &["hexo"], None),
    framework("expo", &["expo"], None),
    framework("create-react-app", &["react-scripts"], None),
    framework("functions-framework", &["@google-cloud/functions-framework"], Some(8080)),
    framework("nest", &["@nestjs/core"], Some(3000)),
    framework("adonis", &["@adonisjs/core"], Some(3333)),
    framework("strapi", &["@strapi/strapi", "strapi"], Some(1337)),
    framework("keystone", &["@keystone-6/core"], Some(3000)),
    framework("directus", &["directus"], Some(8055)),
    framework("medusa", &["@medusajs/medusa"], Some(9000)),
    framework("feathers", &["@feathersjs/feathers"], Some(3030)),
    framework("sails", &["sails"], Some(1337)),
    framework("loopback", &["@loopback/rest", "@loopback/core"], Some(3000)),
    framework("fastify", &["fastify"], None),
    framework("hono", &["hono"], None),
    framework("koa", &["koa"], None),
    framework("express", &["express"], None),
    framework("hapi", &["@hapi/hapi"], None),
    framework("elysia", &["elysia"], Some(3000)),
    framework("nitro", &["nitropack", "nitro"], Some(3000)),
    framework("h3", &["h3"], Some(3000)),
    framework("restify", &["restify"], None),
    framework("polka", &["polka"], None),
    framework("apollo", &["@apollo/server", "apollo-server"], Some(4000)),
    framework("vue-cli", &["@vue/cli-service"], None),
    framework("ember", &["ember-cli"], None),
    framework("quasar", &["@quasar/app-vite", "@quasar/app-webpack"], None),
    framework("stencil", &["@stencil/core"], None),
    framework("preact-cli", &["preact-cli"], None),
    framework("parcel", &["parcel"], None),
    framework("rsbuild", &["@rsbuild/core"], None),
    framework("vite", &["vite"], None),
    // Bundlers of much that is no site: only with what makes a page of it.
    framework("webpack", &["html-webpack-plugin", "webpack-dev-server"], None),
];

/// Names of a framework's configuration file, without their ends.
const ENDS: [&str; 6] = ["ts", "js", "mjs", "cjs", "mts", "json"];

struct Found {
    framework: &'static Framework,
    origin: Origin,
}

/// Libraries that answer requests; a page may have one for its tests or its development alone.
const LIBRARIES: [&str; 8] = ["fastify", "hono", "koa", "express", "hapi", "h3", "restify", "polka"];

fn find(app: &App, package: &Package) -> Option<Found> {
    let mut present = FRAMEWORKS.iter().filter_map(|framework| {
        let dependency = framework.dependencies.iter().find(|name| package.dependency(name).is_some())?;
        Some(Found { framework, origin: app.origin(package.file, package.line(dependency), 0.9) })
    });
    let first = present.next()?;
    if !LIBRARIES.contains(&first.framework.name) || serves_itself(app, package) {
        return Some(first);
    }
    const PAGES: [&str; 5] = ["vite", "vue-cli", "parcel", "rsbuild", "webpack"];
    Some(present.find(|other| PAGES.contains(&other.framework.name)).unwrap_or(first))
}

/// Whether anything says that a program of the app's own is run.
fn serves_itself(app: &App, package: &Package) -> bool {
    const FILES: [&str; 9] = [
        "server.js",
        "server.ts",
        "server.mjs",
        "server/index.js",
        "server/index.ts",
        "src/server.js",
        "src/server.ts",
        "index.js",
        "app.js",
    ];
    has_own_server(app, package) || FILES.iter().any(|file| app.has(file))
}

/// Claims the framework, whether it makes files, and its default port.
pub(super) fn claim(app: &App, package: &Package, manager: &Manager, draft: &mut Draft) {
    if let Some(folder) = super::super::staticfile::configured(app) {
        let (folder, line) = folder;
        draft.claim_static(app.path(&folder), false, app.origin("Staticfile", Some(line), 0.95));
        draft.claim_port(80, app.origin("Staticfile", Some(line), 0.4));
    }
    claim_script_port(app, draft);
    let Some(Found { framework, origin }) = find(app, package) else { return claim_behind(app, draft) };
    draft.claim(Field::Framework, framework.name, origin.clone());
    if draft.report.static_site {
        return;
    }
    let (shape, origin) = shape(framework.name, app, package, origin);
    match shape {
        Shape::Files(folder, spa) if !has_own_server(app, package) => {
            draft.claim_static(app.path(&folder), spa, origin.clone());
            draft.claim_port(80, Origin { confidence: 0.4, ..origin });
            if package.script("build").is_none() {
                claim_tool_build(app, framework.name, manager, draft);
            }
        }
        Shape::Files(folder, _) => draft.alternative("static_dir", app.path(&folder), origin),
        Shape::Server(_) => {
            if let Some(port) = framework.port {
                draft.claim_port(port, Origin { confidence: 0.7, ..origin });
            }
        }
    }
}

/// Claims what the start script leads to in another package: `cd apps/web && npm start`, `turbo run start`.
fn claim_behind(app: &App, draft: &mut Draft) {
    let Some(behind) = script::resolve(app, "start").filter(|behind| behind.app.folder != app.folder) else {
        return;
    };
    let Some(Found { framework, origin }) = find(&behind.app, &behind.package) else { return };
    draft.claim(Field::Framework, framework.name, Origin { confidence: 0.8, ..origin.clone() });
    let runs_it = TOOLS.iter().any(|tool| behind.command.split_whitespace().any(|word| word == *tool));
    if let Some(port) = framework.port.filter(|_| runs_it) {
        draft.claim_port(port, Origin { confidence: 0.65, ..origin });
    }
}

/// Claims the port that the start script writes out: `next start -p 8080` never looks at `$PORT`.
fn claim_script_port(app: &App, draft: &mut Draft) {
    let Some(behind) = script::resolve(app, "start") else { return };
    if let Some(port) = script::port(&behind.command)
        && draft.report.port.is_none()
    {
        let line = behind.package.line(&behind.script);
        draft.claim_port(port, behind.app.origin(behind.package.file, line, 0.85));
        draft.report.port_fixed = true;
    }
}

/// Claims how the framework is started by itself, below the package's own scripts.
pub(super) fn claim_start(app: &App, package: &Package, manager: &Manager, draft: &mut Draft) {
    let Some(Found { framework, origin }) = find(app, package) else { return };
    if let (Shape::Server(Some(command)), origin) = shape(framework.name, app, package, origin) {
        if ["start", "build"].iter().all(|name| package.script(name).is_none()) {
            claim_tool_build(app, framework.name, manager, draft);
        }
        draft.claim(Field::Start, app.command(command), Origin { confidence: 0.75, ..origin });
    }
}

/// A folder of a monorepo may have no scripts of its own: the tool is called by name.
fn claim_tool_build(app: &App, name: &str, manager: &Manager, draft: &mut Draft) {
    let command = match name {
        "expo" => "npx expo export --platform web",
        "vite" | "sveltekit" => "npx vite build",
        "astro" => "npx astro build",
        "angular" => "npx ng build",
        "create-react-app" => "npx react-scripts build",
        "next" => "npx next build",
        "nuxt" => "npx nuxt build",
        "react-router" => "npx react-router build",
        "gatsby" => "npx gatsby build",
        "docusaurus" => "npx docusaurus build",
        "eleventy" => "npx eleventy",
        "nitro" => "npx nitro build",
        _ => return,
    };
    let command = if manager.name == "bun" { command.replace("npx", "bunx") } else { command.to_owned() };
    draft.claim(Field::Build, app.command(command), app.origin("package.json", None, 0.6));
}

/// Programs that serve what a framework made, or make it anew: none of them is the app's own server.
const TOOLS: [&str; 35] = [
    "ember",
    "webpack",
    "webpack-dev-server",
    "quasar",
    "stencil",
    "preact",
    "rsbuild",
    "serve-handler",
    "live-server",
    "lite-server",
    "vinxi",
    "qwik",
    "tsc",
    "vite",
    "react-scripts",
    "ng",
    "astro",
    "next",
    "nuxt",
    "nuxi",
    "expo",
    "gatsby",
    "serve",
    "http-server",
    "vue-cli-service",
    "react-router",
    "react-router-serve",
    "remix-serve",
    "npx",
    "docusaurus",
    "vitepress",
    "vuepress",
    "eleventy",
    "hexo",
    "parcel",
];

/// Whether a script runs something else than the framework's own development or preview server.
fn has_own_server(app: &App, package: &Package) -> bool {
    let Some(start) = package.script("start") else {
        // Without a start script a server file beside the page is the app only if it is named so.
        let served = package.script("serve:ssr").is_some() && app.has("server.ts");
        return served || super::own_script(package).is_some();
    };
    !script::is_tool(start, &TOOLS)
}

fn shape(name: &str, app: &App, package: &Package, origin: Origin) -> (Shape, Origin) {
    let server = |command: &str| Shape::Server(Some(command.to_owned()));
    let files = |folder: &str, spa| Shape::Files(folder.to_owned(), spa);
    let config = |stem: &str| config(app, stem);
    match name {
        "next" => {
            match config("next.config").and_then(|c| c.says(app, &["output:'export'", "output=\"export\""])) {
                Some(origin) => {
                    let folder = config("next.config").and_then(|c| c.folder("distDir"));
                    (files(folder.as_deref().unwrap_or("out"), false), origin)
                }
                None => (server("npx next start"), origin),
            }
        }
        "nuxt" => nuxt(app, package, origin),
        "remix" => match config("vite.config").and_then(|c| c.says(app, &["ssr:false"])) {
            Some(origin) => (files("build/client", true), origin),
            None => (server("npx remix-serve ./build/server/index.js"), origin),
        },
        "react-router" => match config("react-router.config").and_then(|c| c.says(app, &["ssr:false"])) {
            Some(origin) => (files("build/client", true), origin),
            None => (server("npx react-router-serve ./build/server/index.js"), origin),
        },
        "astro" => astro(app, origin),
        "sveltekit" => sveltekit(app, origin),
        "angular" => angular(app, origin),
        "tanstack-start" => (server(tanstack(app, package)), origin),
        "solid-start" | "nitro" => (server("node .output/server/index.mjs"), origin),
        "docusaurus" => (files("build", false), origin),
        "vitepress" | "vuepress" => press(name, app, origin),
        "eleventy" => (files("_site", false), origin),
        "adonis" => (server("node build/bin/server.js"), origin),
        "gatsby" | "hexo" => (files("public", false), origin),
        "create-react-app" | "preact-cli" => (files("build", true), origin),
        "expo" | "vue-cli" | "parcel" | "ember" | "rsbuild" => (files("dist", true), origin),
        "stencil" => (files("www", true), origin),
        "quasar" => (files("dist/spa", true), origin),
        "webpack" => match config("webpack.config").and_then(|c| c.folder("path")) {
            Some(folder) => (files(&folder, true), origin),
            None => (files("dist", true), origin),
        },
        "functions-framework" => (function(app, package), origin),
        "vite" => vite(app, package, origin),
        "nest" => (server("node dist/main"), origin),
        _ => (Shape::Server(None), origin),
    }
}

/// The function that the manifest's `main` exports by the name the script gives, or the first one registered.
fn function(app: &App, package: &Package) -> Shape {
    let main = package.json.get("main").and_then(serde_json::Value::as_str).unwrap_or("index.js");
    let content = app.text(main.trim_start_matches("./")).unwrap_or_default();
    let name = content
        .split_once("functions.http(")
        .or_else(|| content.split_once("functions.cloudEvent("))
        .and_then(|(_, rest)| rest.split(['"', '\'']).nth(1));
    Shape::Server(name.map(|name| format!("npx functions-framework --target={name} --port=${{PORT:-8080}}")))
}

/// With nitro the build is a program; without it, it is a handler that srvx serves beside the client's files.
fn tanstack(app: &App, package: &Package) -> &'static str {
    let nitro = ["nitro", "nitropack", "vinxi", "@tanstack/nitro-v2-vite-plugin"];
    let older = app.has("app.config.ts") || app.has("app.config.js");
    if older || nitro.iter().any(|name| package.dependency(name).is_some()) {
        return "node .output/server/index.mjs";
    }
    "npx srvx --prod -s ../client dist/server/server.js"
}

/// `VitePress` and `VuePress` write beside the folder that holds the pages.
fn press(name: &str, app: &App, origin: Origin) -> (Shape, Origin) {
    let hidden = format!(".{name}");
    let base = ["docs", "src", ""].into_iter().find(|base| {
        app.has_folder(&if base.is_empty() { hidden.clone() } else { format!("{base}/{hidden}") })
    });
    let folder = match base.unwrap_or("docs") {
        "" => format!("{hidden}/dist"),
        base => format!("{base}/{hidden}/dist"),
    };
    (Shape::Files(folder, false), origin)
}

fn astro(app: &App, origin: Origin) -> (Shape, Origin) {
    let config = config(app, "astro.config");
    let serves = ["output:'server'", "output:'hybrid'", "adapter:"];
    if let Some(origin) = config.as_ref().and_then(|config| config.says(app, &serves)) {
        return (Shape::Server(Some("node ./dist/server/entry.mjs".to_owned())), origin);
    }
    let folder = config.and_then(|config| config.folder("outDir"));
    (Shape::Files(folder.unwrap_or_else(|| "dist".to_owned()), false), origin)
}

fn nuxt(app: &App, package: &Package, origin: Origin) -> (Shape, Origin) {
    let generates = package.script("build").is_some_and(|script| script.contains("generate"));
    let preset =
        config(app, "nuxt.config").and_then(|c| c.says(app, &["preset:'static'", "preset:'github-pages'"]));
    if generates || preset.is_some() {
        return (Shape::Files(".output/public".into(), false), preset.unwrap_or(origin));
    }
    (Shape::Server(Some("node .output/server/index.mjs".into())), origin)
}

fn sveltekit(app: &App, origin: Origin) -> (Shape, Origin) {
    let config = config(app, "svelte.config");
    match config.and_then(|c| c.says(app, &["adapter-static"])) {
        Some(origin) => (Shape::Files("build".into(), false), origin),
        None => (Shape::Server(Some("node build".into())), origin),
    }
}

/// SvelteKit's adapter-auto makes a server for Cloud Run where this says that it builds for it.
pub(super) fn claim_platform(app: &App, package: &Package, draft: &mut Draft) {
    if package.dependency("@sveltejs/adapter-auto").is_some()
        && let Some(origin) = config(app, "svelte.config").and_then(|c| c.says(app, &["adapter-auto"]))
    {
        draft.note("build_env: GCP_BUILDPACKS=true", origin);
        draft.report.build_env.insert("GCP_BUILDPACKS".into(), "true".into());
    }
}

/// Vite makes a single page app, unless the app brings a server that uses it as a tool.
fn vite(app: &App, package: &Package, origin: Origin) -> (Shape, Origin) {
    // A library is built for others to import: nothing of it is a site.
    if !app.has("index.html") && config(app, "vite.config").is_some_and(|c| c.says(app, &["lib:{"]).is_some())
    {
        return (Shape::Server(None), origin);
    }
    let page = app.has("index.html") || config(app, "vite.config").is_some_and(|c| c.text.contains("root"));
    if !page && has_own_server(app, package) {
        return (Shape::Server(None), origin);
    }
    let folder = config(app, "vite.config").and_then(|c| c.folder("outDir"));
    (Shape::Files(folder.unwrap_or_else(|| "dist".into()), true), origin)
}

fn angular(app: &App, origin: Origin) -> (Shape, Origin) {
    let Some(content) = app.text("angular.json") else {
        return (Shape::Files("dist".into(), true), origin);
    };
    let json = text::json(&content).unwrap_or_default();
    let projects = json.get("projects").and_then(|projects| projects.as_object());
    let is_app = |project: &serde_json::Value| {
        project.get("projectType").and_then(|kind| kind.as_str()).unwrap_or("application") == "application"
    };
    let default = json.get("defaultProject").and_then(|name| name.as_str());
    let chosen = projects.and_then(|projects| {
        let named = default.and_then(|name| projects.iter().find(|(known, _)| *known == name));
        named.or_else(|| projects.iter().find(|(_, project)| is_app(project)))
    });
    let Some((name, project)) = chosen else {
        return (Shape::Files("dist".into(), true), origin);
    };
    let build = project.pointer("/architect/build").or_else(|| project.pointer("/targets/build"));
    let options = build.and_then(|build| build.get("options"));
    let option = |key: &str| options.and_then(|options| options.get(key));
    let base = match option("outputPath") {
        Some(serde_json::Value::String(folder)) => folder.clone(),
        Some(table) => table.get("base").and_then(|base| base.as_str()).unwrap_or("dist").to_owned(),
        None => format!("dist/{name}"),
    };
    let origin = app.origin("angular.json", text::json_key_line(&content, "outputPath"), 0.85);
    let renders = option("ssr").is_some_and(|ssr| ssr.as_bool() != Some(false));
    if renders && option("outputMode").and_then(|mode| mode.as_str()) != Some("static") {
        return (Shape::Server(Some(format!("node {base}/server/server.mjs"))), origin);
    }
    let builder = build.and_then(|build| build.get("builder")).and_then(|builder| builder.as_str());
    // Only the newer builders put what a browser gets into a folder of its own.
    let folder = match builder {
        Some(builder) if builder.ends_with(":application") => format!("{base}/browser"),
        _ => base,
    };
    (Shape::Files(folder, true), origin)
}

struct Config {
    file: String,
    text: Rc<str>,
}

fn config(app: &App, stem: &str) -> Option<Config> {
    ENDS.iter().find_map(|end| {
        let file = format!("{stem}.{end}");
        let text = app.text(&file)?;
        Some(Config { file, text: Rc::from(text::without_comments(&text)) })
    })
}

impl Config {
    /// Where the configuration says one of these, whatever the spaces and quotes.
    fn says(&self, app: &App, any: &[&str]) -> Option<Origin> {
        let bare = |line: &str| {
            line.chars().filter(|c| !c.is_whitespace()).collect::<String>().replace(['"', '`'], "'")
        };
        let wanted: Vec<_> = any.iter().map(|needle| bare(needle)).collect();
        let line = self.text.lines().position(|line| {
            let line = bare(line);
            wanted.iter().any(|needle| line.contains(needle.as_str()))
        })?;
        Some(app.origin(&self.file, Some(line + 1), 0.9))
    }

    /// The folder inside of the app that a key is given, also through `path.resolve(__dirname, 'folder')`.
    fn folder(&self, key: &str) -> Option<String> {
        let called = || {
            let (_, rest) = self.text.split_once(&format!("{key}:"))?;
            let call = rest.lines().next()?.split_once("__dirname")?.1;
            let folder = call.split(['"', '\'', '`']).nth(1)?.trim_start_matches("./").trim_end_matches('/');
            Some(folder.to_owned())
        };
        let found = self.value(key).or_else(called)?;
        let inside =
            !found.is_empty() && !found.starts_with('/') && !found.split('/').any(|part| part == "..");
        inside.then_some(found)
    }

    /// The text that a key is given: `outDir: 'build'`.
    fn value(&self, key: &str) -> Option<String> {
        let (_, rest) = self.text.split_once(key)?;
        let rest = rest.trim_start().strip_prefix(':')?.trim_start();
        let quote = rest.chars().next().filter(|c| ['"', '\'', '`'].contains(c))?;
        let value = rest[1..].split(quote).next()?.trim_start_matches("./").trim_end_matches('/');
        (!value.is_empty()).then(|| value.to_owned())
    }
}
