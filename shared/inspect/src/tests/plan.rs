//! What a plan says beyond the report, and which folder it is about.

use super::*;

#[test]
fn an_older_lock_of_pnpm_is_installed_by_the_version_that_wrote_it() {
    let package = ("package.json", r#"{"dependencies":{"a":"1"},"scripts":{"start":"node x"}}"#);
    let pnpm = |lock: &str| report(&[package, ("pnpm-lock.yaml", lock)]).plan().tools["pnpm"].clone();
    assert_eq!(pnpm("lockfileVersion: '6.0'\n"), "8");
    assert_eq!(pnpm("lockfileVersion: '9.0'\n"), "9");
    let settings = ("pnpm-workspace.yaml", "onlyBuiltDependencies: [canvas]\n");
    let ten = report(&[package, ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n"), settings]);
    assert_eq!(ten.package_manager_version.as_deref(), Some("10"));
    let image = crate::docker::generate(&report(&[package, ("pnpm-lock.yaml", "lockfileVersion: '6.0'\n")]));
    assert!(image.dockerfile.contains("corepack prepare pnpm@8 --activate"), "{}", image.dockerfile);
    let mise = ("mise.toml", "[tools]\npnpm = '11.2'\n");
    let mise = report(&[package, ("pnpm-lock.yaml", "lockfileVersion: '9.0'\n"), mise]);
    assert_eq!(mise.package_manager_version.as_deref(), Some("11.2"));
}

#[test]
fn a_plan_says_what_it_needs() {
    let plan = |files: &[(&str, &str)]| report(files).plan();
    let bun =
        r#"{"packageManager":"pnpm@9.1.0","engines":{"node":">=20"},"scripts":{"start":"bun index.ts"}}"#;
    let tools = plan(&[("package.json", bun), ("pnpm-lock.yaml", "")]).tools;
    let tools: Vec<_> = tools.iter().map(|(name, asked)| (name.as_str(), asked.as_str())).collect();
    assert_eq!(tools, [("bun", ""), ("node", ">=20"), ("pnpm", "9.1.0")]);
    let bun = plan(&[
        ("package.json", "{\"workspaces\":[]}"),
        ("bun.lock", ""),
        (".bun-version", "1.3.14"),
        ("index.ts", ""),
    ]);
    assert_eq!((bun.tools["bun"].as_str(), bun.tools.len()), ("1.3.14", 1));

    let uv = plan(&[
        ("uv.lock", ""),
        ("pyproject.toml", "[project]\nname='a'\n"),
        ("main.py", ""),
        (".python-version", "3.12\n"),
    ]);
    assert_eq!((uv.tools["uv"].as_str(), uv.tools["python"].as_str()), ("", "3.12"));
    assert!(plan(&[("package.json", r#"{"scripts":{"start":"node a.js"}}"#)]).tools.is_empty());

    let rocket =
        plan(&[("Cargo.toml", "[package]\nname='a'\n[dependencies]\nrocket='0.5'\n"), ("src/main.rs", "")]);
    assert_eq!(rocket.start_command.as_deref(), Some("ROCKET_PORT=${PORT:-8000} ./target/release/a"));
    assert_eq!(rocket.run_env["ROCKET_ADDRESS"], "0.0.0.0");

    let image =
        "FROM a:1\nENV LEVEL=info API_TOKEN=ghp_a8Kq3ZxP0mW7vT2rYc5LqK3aZ8xPm0W7Tv2r\nCMD [\"./x\"]\n";
    let variables = plan(&[("Dockerfile", image)]).run_env;
    assert_eq!(variables.keys().collect::<Vec<_>>(), ["LEVEL"], "a plan is stored in clear");
}

#[test]
fn a_root_that_holds_packages_for_its_members_is_not_the_app() {
    let root = r#"{"private":true,"dependencies":{"next":"16"},"scripts":{}}"#;
    let member = r#"{"name":"@x/web","dependencies":{"next":"16"}}"#;
    let tree = [
        ("package.json", root),
        ("pnpm-workspace.yaml", "packages: ['apps/*']\n"),
        ("apps/web/package.json", member),
    ];
    let found = report(&tree);
    assert_eq!(found.start_command.as_deref(), Some("cd apps/web && npx next start"));
    assert_eq!(found.build_command.as_deref(), Some("cd apps/web && npx next build"));
    let own = [tree[0], tree[1], tree[2], ("src/app/page.tsx", "")];
    assert_eq!(report(&own).start_command.as_deref(), Some("npx next start"), "it has pages of its own");
}

#[test]
fn an_automatic_adapter_is_told_where_it_builds_for() {
    let package = r#"{"devDependencies":{"@sveltejs/kit":"2","@sveltejs/adapter-auto":"6"},"scripts":{"build":"vite build"}}"#;
    let config =
        "import adapter from '@sveltejs/adapter-auto';\nexport default { kit: { adapter: adapter() } };\n";
    let plan = report(&[("package.json", package), ("svelte.config.js", config)]).plan();
    assert_eq!(
        (plan.build_env["GCP_BUILDPACKS"].as_str(), plan.start_command.unwrap().contains("node build")),
        ("true", true)
    );
}

#[test]
fn options_win_and_say_so() {
    let folder =
        tree(&[("package.json", r#"{"scripts":{"start":"node a.js"}}"#), ("Procfile", "web: node b.js\n")]);
    let options = Options { start_command: Some("node c.js".into()), port: Some(81), ..Options::default() };
    let report = read(folder.path(), &options).expect("a tree");
    assert_eq!((report.start_command.as_deref(), report.port), (Some("node c.js"), Some(81)));
    assert!(
        report
            .evidence
            .iter()
            .any(|evidence| evidence.file == "options" && evidence.claim.contains("node c.js"))
    );
    let starts = report.alternatives.iter().filter(|other| other.field == "start_command");
    let others: Vec<_> = starts.map(|other| other.value.as_str()).collect();
    assert_eq!(others, ["node b.js", "npm run start"]);
    let asked = Options { provider: Some(Provider::Shell), ..Options::default() };
    assert_eq!(read(folder.path(), &asked).expect("a tree").provider, Some(Provider::Shell));
}

#[test]
fn apps_of_a_monorepo() {
    let folder = tree(&[
        ("package.json", r#"{"workspaces":["apps/*","!apps/old"],"packageManager":"npm@10.9.0"}"#),
        ("package-lock.json", "{}"),
        (
            "apps/web/package.json",
            r#"{"name":"@x/web","dependencies":{"express":"4"},"scripts":{"start":"node ."}}"#,
        ),
        ("apps/worker/package.json", r#"{"name":"@x/worker","scripts":{"start":"node ."}}"#),
        ("apps/old/package.json", r#"{"name":"@x/old","scripts":{"start":"node ."}}"#),
        ("apps/lib/package.json", r#"{"name":"@x/lib"}"#),
    ]);
    let report = read(folder.path(), &Options::default()).expect("a tree");
    assert_eq!(report.app.as_deref(), Some("apps/web"));
    assert_eq!(report.start_command.as_deref(), Some("cd apps/web && npm run start"));
    assert_eq!(report.install_command.as_deref(), Some("npm ci"), "members are installed from the root");
    let apps: Vec<_> = report.apps.iter().map(|app| app.path.as_str()).collect();
    assert_eq!(apps, ["apps/web", "apps/worker"]);
    let app = |name: &str| read(folder.path(), &Options { app: Some(name.into()), ..Options::default() });
    assert_eq!(app("@x/worker").expect("by name").app.as_deref(), Some("apps/worker"));
    for name in ["apps/none", "../x", "/etc"] {
        let error = app(name).expect_err(name);
        assert!(error.to_string().contains("apps/web, apps/worker"), "{error}");
    }
}
