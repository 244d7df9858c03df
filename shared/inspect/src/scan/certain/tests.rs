//! What ends every start, and what only seems to.

use super::*;
use crate::{Limits, tree::Tree};

fn names_of(files: &[(&str, &str)], started: &str) -> Vec<String> {
    let folder = tempfile::TempDir::new().expect("a folder");
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        std::fs::write(path, content).expect("a file");
    }
    let tree = Tree::open(folder.path(), Limits::default()).expect("a tree");
    let sources: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    find(&App::new(&tree, ""), &sources, started)
        .into_iter()
        .map(|one| format!("{}:{}:{}", one.name, one.file, one.line))
        .collect()
}

#[test]
fn what_ends_every_start_is_certain() {
    for (files, started, found) in [
        (vec![("main.py", "import os\nDB = os.environ[\"DB_URL\"]\n")], "python main.py", "DB_URL:main.py:2"),
        (
            vec![
                ("main.py", "from config import DB\n"),
                ("config.py", "import os\nDB = os.environ['DB_URL']\n"),
            ],
            "uvicorn main:app --port $PORT",
            "DB_URL:config.py:2",
        ),
        (
            vec![
                (
                    "shop/wsgi.py",
                    "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
                ),
                ("shop/settings.py", "SECRET_KEY = os.environ['SECRET_KEY']\n"),
            ],
            "gunicorn --bind 0.0.0.0:$PORT shop.wsgi",
            "SECRET_KEY:shop/settings.py:1",
        ),
        (
            vec![(
                "main.py",
                "key = os.getenv('API_KEY')\n\nif not key:\n    raise RuntimeError('no key')\n",
            )],
            "python main.py",
            "API_KEY:main.py:3",
        ),
        (
            vec![
                ("server.js", "const c = require('./config');\n"),
                ("config.js", "if (!process.env.DB_URL) {\n  console.error('no');\n  process.exit(1);\n}\n"),
            ],
            "node server.js",
            "DB_URL:config.js:1",
        ),
        (
            vec![(
                "server.js",
                "const url = process.env.DB_URL;\nif (!url) throw new Error('DB_URL is required');\n",
            )],
            "npm start node server.js",
            "DB_URL:server.js:2",
        ),
        (
            vec![(
                "main.go",
                "package main\n\nfunc main() {\n\turl := os.Getenv(\"DB_URL\")\n\tif url == \"\" {\n\t\tlog.Fatal(\"x\")\n\t}\n}\n",
            )],
            "./app",
            "DB_URL:main.go:4",
        ),
        (
            vec![(
                "src/main.rs",
                "fn main() {\n    let url = std::env::var(\"DB_URL\").expect(\"DB_URL\");\n}\n",
            )],
            "./target/release/app",
            "DB_URL:src/main.rs:2",
        ),
    ] {
        assert_eq!(names_of(&files, started), [found], "{files:?}");
    }
}

#[test]
fn in_doubt_it_says_nothing() {
    let main = |content: &str| names_of(&[("main.py", content)], "python main.py");
    for content in [
        "def f():\n    return os.environ['A_B']\n",
        "if debug:\n    A = os.environ['A_B']\n",
        "try:\n    A = os.environ['A_B']\nexcept KeyError:\n    A = 1\n",
        "A = os.environ['A_B'] if prod else 1\n",
        "os.environ['A_B'] = '1'\n",
        "A = os.environ.get('A_B')\n",
        "if not os.environ.get('A_B'):\n    print('none')\n",
        "if prod and not os.environ.get('A_B'):\n    raise E\n",
        "\"\"\"\nA = os.environ['A_B']\n\"\"\"\n",
        "# A = os.environ['A_B']\n",
    ] {
        assert!(main(content).is_empty(), "{content}");
    }
    let node = |content: &str| names_of(&[("server.js", content)], "node server.js");
    for content in [
        "const a = process.env.A_B;\n",
        "if (!process.env.A_B) {\n  console.warn('a');\n}\n",
        "if (prod && !process.env.A_B) throw new Error('x');\n",
        "function f() {\n  if (!process.env.A_B) throw 1;\n}\n",
        "if (!process.env.A_B) process.exit(0);\n",
        "// if (!process.env.A_B) throw 1\n",
        "let a = process.env.A_B;\na = a || 1;\nif (!a) throw 1;\n",
    ] {
        assert!(node(content).is_empty(), "{content}");
    }
    let aside = [("main.py", "print(1)\n"), ("seed.py", "A = os.environ['A_B']\n")];
    assert!(names_of(&aside, "python main.py").is_empty(), "nothing imports it");
    let set = [("main.py", "A = os.environ['A_B']\n"), (".env", "A_B=1\n")];
    assert!(names_of(&set, "python main.py").is_empty(), "its .env travels");
    assert!(names_of(&set[..1], "A_B=1 python main.py").is_empty());
}

/// What was once refused, and would have run.
#[test]
fn nothing_is_certain_that_another_file_or_statement_may_change() {
    for (files, started) in [
        (vec![("index.js", ""), ("infra/index.js", "if (!process.env.A_B) throw 1;\n")], "node index.js"),
        (
            vec![("server/index.js", ""), ("infra/index.js", "if (!process.env.A_B) throw 1;\n")],
            "node server/index.js",
        ),
        (vec![("main.py", ""), ("worker/main.py", "A = os.environ['A_B']\n")], "uvicorn main:app"),
        (
            vec![
                ("main.go", "package main\n\nfunc main() {\n}\n"),
                (
                    "cmd/migrate/main.go",
                    "package main\n\nfunc main() {\n\turl := os.Getenv(\"A_B\")\n\tif url == \"\" {\n\t\tlog.Fatal(1)\n\t}\n}\n",
                ),
            ],
            "./app",
        ),
        (
            vec![("a.js", "if (!process.env.A_B) {\n  app.post('/', () => { throw new Error('off') })\n}\n")],
            "node a.js",
        ),
        (vec![("a.js", "if (x === 'on' && (!process.env.A_B || !y)) throw 1;\n")], "node a.js"),
        (vec![("a.js", "if (process.env.A_B === '') throw 1;\n")], "node a.js"),
        (
            vec![("a.js", "require('dotenv').config({ path: 'x' });\nif (!process.env.A_B) throw 1;\n")],
            "node a.js",
        ),
        (vec![("a.js", "if (!process.env.A_B) throw 1;\n"), ("prod.env", "A_B = x\n")], "node a.js"),
        (vec![("a.js", "if (!process.env.A_B) throw 1;\n")], "node --env-file=x a.js"),
        (vec![("a.py", "try: A = os.environ['A_B']\nexcept KeyError: A = 1\n")], "python a.py"),
        (vec![("a.py", "os.environ.update(vault())\nA = os.environ['A_B']\n")], "python a.py"),
        (vec![("a.py", "print('set os.environ[\"A_B\"]')\n")], "python a.py"),
        (vec![("a.py", "if not os.getenv('A_B'):\n    def f():\n        raise E\n")], "python a.py"),
        (
            vec![(
                "src/main.rs",
                "fn main() {\n    let key = move || std::env::var(\"A_B\").expect(\"x\");\n}\n",
            )],
            "./target/release/app",
        ),
    ] {
        assert_eq!(names_of(&files, started), Vec::<String>::new(), "{files:?}");
    }
}

#[test]
fn long_lines_and_many_names_are_bounded() {
    let long = format!("from {} import {}\n", "a".repeat(400_000), "b,".repeat(300_000));
    assert!(names_of(&[("main.py", &long)], "python main.py").is_empty());
    let many: Vec<String> = (0..500).map(|n| format!("V_{n} = os.environ['V_{n}']")).collect();
    let many = many.join("\n");
    assert_eq!(names_of(&[("main.py", &many)], "python main.py").len(), NAMES);
}

#[test]
fn any_text_has_an_answer() {
    for text in [
        "environ[",
        "x = environ[\"é",
        "if (",
        "if (!",
        "import",
        "from . import",
        "from .. import é",
        "if not :",
    ] {
        let _ = names_of(&[("main.py", text), ("server.js", text)], "python main.py server.js");
    }
}
