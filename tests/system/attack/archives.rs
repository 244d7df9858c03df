//! Archives that were made by hand to get out of their folder, or to fill the disk; each is sent under its true
//! digest, so that nothing but what is in it can be the reason to refuse it.

use super::ground::Ground;
use host::Role;
use reqwest::Method;
use sha2::{Digest as _, Sha256};
use std::{fmt::Write as _, fs, path::Path};
use tar::EntryType;
use tests::system::{Killed, System, client::Reply};

/// A folder, packed as a client packs it.
pub fn packed(folder: &Path) -> (String, Vec<u8>) {
    let tree = archive::walk(folder, &archive::Rules::default()).unwrap();
    let mut bytes = Vec::new();
    let contents = archive::pack(&tree, &mut bytes, archive::Limits::default(), &mut |_| {}).unwrap();
    (contents.digest.to_string(), bytes)
}

/// Sends an archive.
pub async fn send(system: &System, digest: &str, bytes: Vec<u8>, token: &str) -> Result<Reply, Killed> {
    let request = system.request(Method::POST, "/api/v1/sources", token).body(bytes);
    system.send(request.header("x-sextant-digest", format!("sha256={digest}"))).await
}

/// One entry; the name goes in as it is, whatever the library thinks of it.
fn entry(tar: &mut tar::Builder<Vec<u8>>, kind: EntryType, name: &str, link: &str, data: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(0o755);
    header.set_size(data.len() as u64);
    let raw = header.as_mut_bytes();
    raw[..name.len()].copy_from_slice(name.as_bytes());
    raw[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    tar.append(&header, data).unwrap();
}

/// Kind, name, where a link leads, content.
type Entry<'a> = (EntryType, &'a str, &'a str, &'a [u8]);

fn made(entries: &[Entry<'_>]) -> (String, Vec<u8>) {
    let mut tar = tar::Builder::new(Vec::new());
    for (kind, name, link, data) in entries {
        entry(&mut tar, *kind, name, link, data);
    }
    let tar = tar.into_inner().unwrap();
    let digest = Sha256::digest(&tar).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    (digest, zstd::encode_all(tar.as_slice(), 3).unwrap())
}

#[tokio::test]
async fn what_leads_out_of_an_archive_is_refused() -> Result<(), Killed> {
    use EntryType as Kind;
    let ground = Ground::new().await?;
    let (system, owner) = (&ground.system, ground.token("local", Role::Owner));
    let outside = system.work().join("outside");
    fs::create_dir(&outside).unwrap();
    let (absolute, folder) = (outside.join("x").display().to_string(), outside.display().to_string());
    let long = format!("{}x", "d/".repeat(49));
    let none: &[u8] = b"";
    let cases: Vec<Vec<Entry<'_>>> = vec![
        vec![(Kind::Regular, "../outside/x", "", b"x")],
        vec![(Kind::Regular, "a/../../outside/x", "", b"x")],
        vec![(Kind::Regular, &absolute, "", b"x")],
        vec![(Kind::Symlink, "a", &folder, none), (Kind::Regular, "a/x", "", b"x")],
        vec![(Kind::Symlink, "a", "../..", none)],
        vec![(Kind::Symlink, "a", "b/..", none), (Kind::Symlink, "b", "../outside", none)],
        vec![(Kind::Symlink, "a", ".", none), (Kind::Symlink, "b", "a/../../outside", none)],
        vec![
            (Kind::Regular, "f", "", b"x"),
            (Kind::Symlink, "d", "f", none),
            (Kind::Regular, "d/x", "", b"x"),
        ],
        vec![(Kind::Link, "a", "../../token.key", none)],
        vec![(Kind::Link, "a", "/etc/passwd", none)],
        vec![(Kind::Char, "null", "", none)],
        vec![(Kind::Block, "disk", "", none)],
        vec![(Kind::Fifo, "pipe", "", none)],
        vec![(Kind::Regular, "same", "", b"1"), (Kind::Regular, "same", "", b"2")],
        vec![(Kind::Regular, "", "", b"x")],
        vec![(Kind::GNUSparse, &long, "", b"x")],
    ];
    for entries in cases {
        let (digest, bytes) = made(&entries);
        let names: Vec<(&str, &str)> = entries.iter().map(|(_, name, link, _)| (*name, *link)).collect();
        let reply = send(system, &digest, bytes, &owner).await?;
        let (slug, _) = reply.problem(422);
        assert_eq!(slug, "archive-refused", "{names:?}: {}", reply.text);
        system.get(&format!("/api/v1/sources/{digest}")).await?.expect(404);
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "something got out");
    // Such archives are taken when nothing is wrong with them, or all of the above would prove little.
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("index.html"), "hello").unwrap();
    let (digest, bytes) = packed(tree.path());
    send(system, &digest, bytes.clone(), &owner).await?.expect(201);
    // The other has the same one only by sending it.
    let stranger = ground.token("strangers", Role::Owner);
    let look = system.request(Method::GET, &format!("/api/v1/sources/{digest}"), &stranger);
    system.send(look).await?.problem(404);
    let wrong: String = digest.chars().rev().collect();
    send(system, &wrong, bytes, &owner).await?.problem(422);
    Ok(())
}

#[tokio::test]
async fn a_bomb_is_refused_and_leaves_nothing() -> Result<(), Killed> {
    let ground = Ground::new().await?;
    let (system, owner) = (&ground.system, ground.token("local", Role::Owner));
    let zeros = vec![0_u8; 200 << 20];
    let (digest, bytes) = made(&[(EntryType::Regular, "zeros", "", &zeros)]);
    assert!(bytes.len() < 1 << 20, "it is small from outside: {}", bytes.len());
    let request = system.request(Method::POST, "/api/v1/sources", &owner).body(bytes);
    let answer = request.header("x-sextant-digest", format!("sha256={digest}")).send().await;
    // Refused before all of it was sent: a client that is still sending may only see its connection end.
    if let Ok(answer) = answer {
        assert_eq!(answer.status(), 422);
        let text = answer.text().await.unwrap_or_default();
        assert!(text.contains("archive-refused"), "{text}");
    }
    system.get(&format!("/api/v1/sources/{digest}")).await?.expect(404);
    ground.lives().await
}

/// What no client of ours packs: it is refused with its path, written out so that it moves no terminal's cursor.
#[tokio::test]
async fn what_never_travels_is_refused_with_its_path() -> Result<(), Killed> {
    let system = crate::system().start().await;
    let owner = system.address().token.clone();
    for (name, shown) in [
        (".git/config", "`.git/config`"),
        ("node_modules/x/index.js", "`node_modules/x/index.js`"),
        (".env", "`.env`"),
        ("a\nb", "`a\\nb`"),
        ("a\u{1b}[31mb", "`a\\u{1b}[31mb`"),
        ("a\\b", "`a\\b`"),
    ] {
        let (digest, bytes) = made(&[(EntryType::Regular, name, "", b"x")]);
        let (slug, detail) = send(&system, &digest, bytes, &owner).await?.problem(422);
        assert!(slug == "archive-refused" && detail.contains(shown), "{detail}");
    }
    // Git tracks it, its sender says.
    let (digest, bytes) = made(&[(EntryType::Regular, ".env", "", b"PORT=1")]);
    let request = system.request(Method::POST, "/api/v1/sources?tracked=true", &owner).body(bytes);
    system.send(request.header("x-sextant-digest", format!("sha256={digest}"))).await?.expect(201);
    Ok(())
}
