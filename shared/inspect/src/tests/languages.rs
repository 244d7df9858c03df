//! Manifests and entry points, language by language.

use super::{report, start};
use crate::Provider;

#[test]
fn a_manifest_in_json5() {
    let text = "{\n  // why\n  scripts: { start: 'node main.js', },\n  engines: { node: '24' },\n}\n";
    let report = report(&[("package.json5", text), ("pnpm-lock.yaml", "")]);
    assert_eq!(report.start_command.as_deref(), Some("pnpm run start"));
    assert_eq!((report.runtime_version.as_deref(), report.provider), (Some("24"), Some(Provider::Node)));
}

#[test]
fn scripts_are_followed_to_what_they_run() {
    let next = (
        "apps/web/package.json",
        r#"{"name":"web","scripts":{"start":"next start"},"dependencies":{"next":"15"}}"#,
    );
    for start in
        ["cd apps/web && npm start", "turbo run start --filter=web", "npm start -w web", "turbo start"]
    {
        let root = format!(r#"{{"workspaces":["apps/*"],"scripts":{{"start":"{start}"}}}}"#);
        let report = report(&[("package.json", &root), next]);
        assert_eq!((report.port, report.framework.as_deref()), (Some(3000), Some("next")), "{start}");
        assert_eq!(report.start_command.as_deref(), Some("npm run start"), "{start}");
    }
    let fixed = report(&[(
        "package.json",
        r#"{"scripts":{"start":"next start -p 4100"},"dependencies":{"next":"15"}}"#,
    )]);
    assert_eq!((fixed.port, fixed.port_fixed), (Some(4100), true));
    let circle = report(&[("package.json", r#"{"scripts":{"start":"npm run other","other":"npm start"}}"#)]);
    assert_eq!(circle.start_command.as_deref(), Some("npm run start"));
}

#[test]
fn a_dockerfile_that_cannot_be_built_is_passed_over() {
    let package = ("package.json", r#"{"scripts":{"start":"node a.js"}}"#);
    let broken = report(&[
        package,
        ("Dockerfile", "FROM node:24\nCOPY package.json yarn.lock ./\nCMD [\"npm\", \"start\"]\n"),
    ]);
    assert_eq!(broken.provider, Some(Provider::Node));
    let why = broken.evidence.iter().find(|one| one.claim.contains("cannot be built")).expect("says why");
    assert_eq!((why.file.as_str(), why.line), ("Dockerfile", Some(2)));
    let whole = report(&[
        package,
        (
            "Dockerfile",
            "FROM node:24\nCOPY package.json ./\nCOPY --from=x /yarn.lock .\nCMD [\"npm\", \"start\"]\n",
        ),
    ]);
    assert_eq!(whole.provider, Some(Provider::Dockerfile));
}

#[test]
fn tanstack_start_with_and_without_nitro() {
    let package = |more: &str| {
        format!(
            r#"{{"scripts":{{"build":"vite build"}},"dependencies":{{"@tanstack/react-start":"1"{more}}}}}"#
        )
    };
    let (bare, nitro) = (package(""), package(r#","nitro":"3""#));
    assert_eq!(start(&[("package.json", &bare)]), "npx srvx --prod -s ../client dist/server/server.js");
    assert_eq!(start(&[("package.json", &nitro)]), "node .output/server/index.mjs");
}
