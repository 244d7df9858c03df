//! The documentation: every file of `docs/` is served, linked, and links only to what is there.

use crate::world::World;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, Request},
};
use http_body_util::BodyExt;
use std::{fs, path::Path};
use tower_service::Service as _;

/// Status, headers and text of what somebody gets who isn't signed in.
async fn get(world: &World, path: &str, headers: &[(&str, &str)]) -> (u16, HeaderMap, String) {
    let mut request = Request::builder().uri(path).header("host", "localhost:8080");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = world.runner.router().call(request.body(Body::empty()).unwrap()).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let bytes: Bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, headers, String::from_utf8(bytes.to_vec()).unwrap())
}

/// Name and text of each file in `docs/`.
fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let one = |path: std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        let name = name.strip_suffix(".md").unwrap_or_else(|| panic!("docs/ holds Markdown, not `{name}`"));
        (name.to_owned(), fs::read_to_string(&path).unwrap())
    };
    let mut files: Vec<_> = entries.map(one).collect();
    files.sort();
    files
}

/// What links lead to, in HTML.
fn links(page: &str) -> impl Iterator<Item = &str> {
    page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap())
}

#[tokio::test]
async fn every_file_is_served_and_in_the_index_and_nobody_need_be_signed_in() {
    let world = World::new();
    let (status, _, index) = get(&world, "/docs", &[]).await;
    assert_eq!(status, 200, "{index}");
    let files = files();
    assert!(files.len() >= 7, "{files:?}");
    for (name, text) in &files {
        let address = format!("/docs/{name}");
        assert!(links(&index).any(|link| link == address), "the index has no link to {address}");
        let (status, headers, page) = get(&world, &address, &[]).await;
        assert_eq!((status, headers["content-type"].to_str().unwrap()), (200, "text/html; charset=utf-8"));
        let title = text.lines().next().unwrap().strip_prefix("# ").expect("a page begins with its title");
        assert!(page.contains(&format!("<h1>{title}</h1>")), "{address}: {page}");
        assert!(!page.contains("<script"), "{address} needs no script");
        let (status, headers, raw) = get(&world, &format!("{address}.md"), &[]).await;
        assert_eq!(
            (status, headers["content-type"].to_str().unwrap()),
            (200, "text/markdown; charset=utf-8")
        );
        assert!(raw == *text, "{address}.md is not the file");
    }
    let listed = links(&index).filter(|link| link.starts_with("/docs/")).count();
    assert_eq!(listed, files.len(), "the index lists what is there and no more");
}

#[tokio::test]
async fn every_link_leads_somewhere() {
    let world = World::new();
    for (name, _) in files() {
        let here = format!("/docs/{name}");
        let (_, _, page) = get(&world, &here, &[]).await;
        let body = page.split("<article").nth(1).unwrap();
        for link in links(body).filter(|link| !link.starts_with("https://")) {
            let (address, part) = link.split_once('#').unwrap_or((link, ""));
            let address = if address.is_empty() { &here } else { address };
            let (status, _, found) = get(&world, address, &[]).await;
            assert_eq!(status, 200, "{here} links to {link}");
            let there = part.is_empty() || found.contains(&format!("id=\"{part}\""));
            assert!(there, "{here} links to {link}, and no heading there has that name");
        }
    }
}

/// What doesn't resolve is turned into a link to the index when it is rendered; here it is told.
#[test]
fn links_of_the_files_resolve_in_a_repository_too() {
    let files = files();
    for (name, text) in &files {
        for rest in text.split("](").skip(1) {
            let link = rest.split(')').next().unwrap();
            let file = link.split('#').next().unwrap();
            let known = file.is_empty() || files.iter().any(|(other, _)| format!("{other}.md") == file);
            assert!(known || link.starts_with("https://"), "{name}.md links to {link}, which isn't in docs/");
        }
    }
}

#[tokio::test]
async fn whoever_has_a_page_is_not_sent_it_again() {
    let world = World::new();
    for address in ["/docs", "/docs/limits", "/docs/limits.md"] {
        let (_, headers, _) = get(&world, address, &[]).await;
        let tag = headers["etag"].to_str().unwrap().to_owned();
        assert_eq!(headers["cache-control"], "no-cache", "{address}");
        let (status, _, body) = get(&world, address, &[("if-none-match", &tag)]).await;
        assert_eq!((status, body.as_str()), (304, ""), "{address}");
        assert_eq!(get(&world, address, &[("if-none-match", "\"other\"")]).await.0, 200, "{address}");
    }
}

#[tokio::test]
async fn a_page_that_is_not_there_names_those_that_are() {
    let world = World::new();
    for address in ["/docs/nothing", "/docs/nothing.md", "/docs/..%2fCargo.toml"] {
        let (status, _, problem) = get(&world, address, &[]).await;
        assert!(status == 404 && problem.contains("settings"), "{address}: {problem}");
    }
}
