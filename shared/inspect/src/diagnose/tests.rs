//! What each language really writes when it ends badly, and what is told of it.

use super::diagnose;
use model::document::Diagnosis;
use proptest::prelude::*;

fn read(text: &str) -> Diagnosis {
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    diagnose(&lines).unwrap_or_else(|| panic!("nothing found in {text}"))
}

/// What, and where.
fn told(text: &str) -> (String, String) {
    let found = read(text);
    (found.what, found.at.unwrap_or_default())
}

fn pair(what: &str, at: &str) -> (String, String) {
    (what.to_owned(), at.to_owned())
}

const NODE: &str = r#"starting
/tmp/sextant-1/app/server.js:12
  throw new Error("DATABASE_URL is required");
  ^

Error: DATABASE_URL is required
    at Object.<anonymous> (/tmp/sextant-1/app/server.js:12:9)
    at Module._compile (node:internal/modules/cjs/loader:1554:14)

Node.js v22.1.0"#;

#[test]
fn node() {
    let found = read(NODE);
    assert_eq!(
        (found.line.as_str(), found.what.as_str(), found.at.as_deref()),
        ("Error: DATABASE_URL is required", "DATABASE_URL is required", Some("server.js:12"))
    );
    assert_eq!(found.variable.as_deref(), Some("DATABASE_URL"));
    assert_eq!(
        found.next.as_deref(),
        Some("Set `DATABASE_URL` for this service (`sextant env set DATABASE_URL=…`), then deploy again.")
    );
}

#[test]
fn a_module_of_node_that_is_missing() {
    let found = read(
        "node:internal/modules/cjs/loader:1228\n  throw err;\n  ^\n\nError: Cannot find module 'express'\nRequire stack:\n- /x/app/server.js\n    at Function._resolveFilename (node:internal/modules/cjs/loader:1225:15)\n    at require (node:internal/modules/helpers:135:16)\n    at Object.<anonymous> (/x/app/server.js:1:17) {\n  code: 'MODULE_NOT_FOUND',\n}\n\nNode.js v22.1.0",
    );
    assert_eq!(
        (found.what.as_str(), found.at.as_deref()),
        ("Cannot find module 'express'", Some("server.js:1"))
    );
    assert!(found.next.unwrap().contains("`npm install express`"));
    let found = read(
        "Error: Cannot find module './lib/Config'\nRequire stack:\n- /x/app/server.js\n    at node:internal/x:1:2",
    );
    assert_eq!(found.at.as_deref(), Some("server.js"));
    assert!(found.next.unwrap().contains("its case"));
    let found = read(
        "Error [ERR_MODULE_NOT_FOUND]: Cannot find package '@hono/node-server' imported from /app/index.mjs\n    at x (node:internal/a:1:1)",
    );
    assert!(found.next.unwrap().contains("`npm install @hono/node-server`"));
}

#[test]
fn syntax_and_ports_of_node() {
    let text = "/app/server.js:3\nconst = 4;\n      ^\n\nSyntaxError: Unexpected token '='\n    at wrapSafe (node:internal/modules/cjs/loader:1378:20)\n\nNode.js v22";
    assert_eq!(told(text), pair("SyntaxError: Unexpected token '='", "server.js:3"));
    let found = read(
        "node:events:497\n      throw er;\n      ^\n\nError: listen EADDRINUSE: address already in use :::3000\n    at Server.setupListenHandle [as _listen2] (node:net:1817:16)\n    at Function.listen (/app/node_modules/express/lib/application.js:635:24)\n    at Object.<anonymous> (/app/index.js:9:5)",
    );
    assert_eq!(found.at.as_deref(), Some("index.js:9"));
    assert!(found.next.unwrap().contains("PORT"));
    let found = read(
        "Error: connect ECONNREFUSED 127.0.0.1:5432\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1494:16)",
    );
    assert!(found.next.as_deref().unwrap().contains("127.0.0.1:5432, PostgreSQL's"), "{found:?}");
}

#[test]
fn python() {
    let found = read(
        "Traceback (most recent call last):\n  File \"/x/app/main.py\", line 7, in <module>\n    url = os.environ[\"DATABASE_URL\"]\n          ~~~~~~~~~~^^^^^^^^^^^^^^^^\n  File \"<frozen os>\", line 685, in __getitem__\nKeyError: 'DATABASE_URL'",
    );
    assert_eq!((found.what.as_str(), found.at.as_deref()), ("KeyError: 'DATABASE_URL'", Some("main.py:7")));
    assert_eq!(found.variable.as_deref(), Some("DATABASE_URL"));
    let found = read(
        "Traceback (most recent call last):\n  File \"/x/app/venv/lib/python3.12/site-packages/gunicorn/arbiter.py\", line 609, in spawn_worker\n    worker.init_process()\n  File \"/x/app/wsgi.py\", line 1, in <module>\n    from flask import Flask\nModuleNotFoundError: No module named 'flask'\n[2026-01-01 00:00:00 +0000] [7] [INFO] Worker exiting (pid: 7)",
    );
    assert_eq!(
        (found.line.as_str(), found.at.as_deref()),
        ("ModuleNotFoundError: No module named 'flask'", Some("wsgi.py:1"))
    );
    assert!(found.next.unwrap().contains("`flask`"));
    assert_eq!(
        told("  File \"/app/main.py\", line 3\n    x =\n       ^\nSyntaxError: invalid syntax"),
        pair("SyntaxError: invalid syntax", "main.py:3")
    );
}

#[test]
fn the_last_of_several_lives_is_told() {
    let twice = format!("{NODE}\n{}", NODE.replace("DATABASE_URL", "REDIS_URL"));
    assert_eq!(read(&twice).variable.as_deref(), Some("REDIS_URL"));
}

#[test]
fn java() {
    let text = "Exception in thread \"main\" java.lang.ExceptionInInitializerError\n\tat com.shop.Main.main(Main.java:9)\nCaused by: java.lang.IllegalStateException: DATABASE_URL is required\n\tat java.base/java.util.Optional.orElseThrow(Optional.java:403)\n\tat com.shop.Settings.<clinit>(Settings.java:12)\n\t... 1 more";
    let found = read(text);
    assert_eq!(
        (found.what.as_str(), found.at.as_deref()),
        ("IllegalStateException: DATABASE_URL is required", Some("Settings.java:12"))
    );
    assert_eq!(found.variable.as_deref(), Some("DATABASE_URL"));
    let spring = "***************************\nAPPLICATION FAILED TO START\n***************************\n\nDescription:\n\nWeb server failed to start. Port 8080 was already in use.\n\nAction:\n\nIdentify and stop the process that's listening on port 8080.\n";
    let found = read(spring);
    assert!(found.what.starts_with("Web server failed") && found.next.unwrap().starts_with("Identify"));
}

#[test]
fn go() {
    let text = "panic: DATABASE_URL is required\n\ngoroutine 1 [running]:\nmain.main()\n\t/x/app/main.go:12 +0x1d\nexit status 2";
    assert_eq!(told(text), pair("DATABASE_URL is required", "main.go:12"));
    let text =
        "2026/01/01 10:00:00 main.go:9: cannot connect: dial tcp 127.0.0.1:6379: connect: connection refused";
    let found = read(text);
    assert_eq!(found.at.as_deref(), Some("main.go:9"));
    assert!(found.next.unwrap().contains("Redis"));
    let found = read("./main.go:5:2: undefined: router\n./main.go:7:2: undefined: handler");
    assert_eq!((found.what.as_str(), found.at.as_deref()), ("undefined: router", Some("main.go:5")));
    let found = read(
        "main.go:4:2: no required module provides package github.com/gin-gonic/gin; to add it:\n\tgo get github.com/gin-gonic/gin",
    );
    assert!(found.next.unwrap().contains("`go get github.com/gin-gonic/gin`"));
}

#[test]
fn rust() {
    let text = "\nthread 'main' panicked at src/main.rs:12:5:\nDATABASE_URL must be set: NotPresent\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace";
    assert_eq!(told(text), pair("DATABASE_URL must be set: NotPresent", "src/main.rs:12"));
    let text = "thread 'main' (123) panicked at src/main.rs:3:5:\nboom";
    assert_eq!(told(text), pair("boom", "src/main.rs:3"));
    let text = "thread 'main' panicked at 'boom', src/main.rs:3:5";
    assert_eq!(told(text), pair("boom", "src/main.rs:3"));
    let text = "   Compiling shop v0.1.0\nerror[E0433]: failed to resolve: use of undeclared crate or module `axum`\n --> src/main.rs:3:5\n  |\nerror: aborting due to 1 previous error";
    assert_eq!(
        told(text),
        pair("failed to resolve: use of undeclared crate or module `axum`", "src/main.rs:3")
    );
}

#[test]
fn ruby() {
    let text = "<internal:/usr/lib/ruby/rubygems/core_ext/kernel_require.rb>:136:in `require': cannot load such file -- sinatra (LoadError)\n\tfrom <internal:/usr/lib/ruby/rubygems/core_ext/kernel_require.rb>:136:in `require'\n\tfrom /x/app/app.rb:1:in `<main>'";
    let found = read(text);
    assert_eq!(
        (found.what.as_str(), found.at.as_deref()),
        ("cannot load such file -- sinatra (LoadError)", Some("app.rb:1"))
    );
    assert!(found.next.unwrap().contains("Gemfile"));
    let found = read("/x/app/app.rb:3:in 'Hash#fetch': key not found: \"DATABASE_URL\" (KeyError)");
    assert_eq!((found.variable.as_deref(), found.at.as_deref()), (Some("DATABASE_URL"), Some("app.rb:3")));
    assert_eq!(told("app.rb:3:in '<main>': no shop (RuntimeError)"), pair("no shop", "app.rb:3"));
}

#[test]
fn php_dotnet_elixir_and_deno() {
    let text = "PHP Fatal error:  Uncaught Exception: DATABASE_URL is required in /var/www/html/index.php:12\nStack trace:\n#0 {main}\n  thrown in /var/www/html/index.php on line 12";
    assert_eq!(told(text), pair("DATABASE_URL is required", "index.php:12"));
    let text = "PHP Parse error:  syntax error, unexpected token \"}\" in /app/x.php on line 3";
    assert_eq!(told(text), pair("syntax error, unexpected token \"}\"", "x.php:3"));
    let text = "Unhandled exception. System.InvalidOperationException: DATABASE_URL is required\n   at Program.<Main>$(String[] args) in /app/Program.cs:line 12";
    assert_eq!(told(text), pair("DATABASE_URL is required", "Program.cs:12"));
    let text = "** (RuntimeError) environment variable DATABASE_URL is missing.\n    /app/config/runtime.exs:12: (file)";
    let found = read(text);
    assert_eq!(
        (found.at.as_deref(), found.variable.as_deref()),
        (Some("config/runtime.exs:12"), Some("DATABASE_URL"))
    );
    let text = "error: Uncaught (in promise) Error: DATABASE_URL is required\n    at file:///app/main.ts:3:7";
    assert_eq!(told(text), pair("DATABASE_URL is required", "main.ts:3"));
}

#[test]
fn a_shell_a_package_manager_a_compiler() {
    let found = read("/bin/sh: 1: exec: gunicorn: not found");
    assert_eq!(found.what, "gunicorn: not found");
    assert!(found.next.unwrap().starts_with("`gunicorn` isn't there"));
    let found =
        read("npm error Missing script: \"start\"\nnpm error\nnpm error To see a list of scripts, run:");
    assert!(found.next.unwrap().contains("script `start`"));
    let text = "src/index.ts:3:7 - error TS2304: Cannot find name 'shop'.\n\n3 const";
    assert_eq!(told(text), pair("TS2304: Cannot find name 'shop'.", "src/index.ts:3"));
    let text = "ERROR: Could not find a version that satisfies the requirement flask==99 (from versions: 1, 2)\nERROR: No matching distribution found for flask==99";
    assert!(read(text).next.unwrap().contains("`flask==99`"));
    let text =
        "[ERROR] /x/app/src/main/java/App.java:[3,5] cannot find symbol\n[ERROR] Failed to execute goal";
    assert_eq!(told(text), pair("cannot find symbol", "src/main/java/App.java:3"));
    let text = "* What went wrong:\nExecution failed for task ':compileJava'.";
    assert_eq!(told(text).0, "Execution failed for task ':compileJava'.");
}

#[test]
fn lines_that_call_themselves_errors() {
    let text = r#"{"level":30,"msg":"starting"}
{"level":60,"msg":"can't start","err":{"type":"Error","message":"STRIPE_KEY is not set"}}"#;
    let found = read(text);
    assert_eq!(
        (found.what.as_str(), found.variable.as_deref()),
        ("can't start: STRIPE_KEY is not set", Some("STRIPE_KEY"))
    );
    assert_eq!(read("2026-01-01 [ERROR] shop: no shelf").what, "shop: no shelf");
    assert_eq!(read("listening\n\u{1b}[31mERROR\u{1b}[0m no shelf").what, "no shelf");
    assert_eq!(read("level=error msg=\"no shelf\"").what, "no shelf");
    assert_eq!(read("error: no shelf").what, "no shelf");
    assert_eq!(read("10:00 [error] no shelf").what, "no shelf");
    assert_eq!(read("hello\nDATABASE_URL is required\nbye").variable.as_deref(), Some("DATABASE_URL"));
}

#[test]
fn of_what_is_well_nothing_is_told() {
    for text in [
        "",
        "listening on 8080\nGET / 200",
        "0 errors, 0 warnings",
        "error_log loaded",
        "INFO error rate 0.1 %",
        "GET /fatal 200",
    ] {
        assert_eq!(diagnose(&text.lines().map(str::to_owned).collect::<Vec<_>>()), None, "{text}");
    }
}

proptest! {
    #[test]
    fn any_lines_are_read(lines in prop::collection::vec(".{0,80}", 0..40)) {
        if let Some(found) = diagnose(&lines) {
            prop_assert!(lines.contains(&found.line));
            prop_assert!(found.what.len() <= 404);
        }
    }
}
