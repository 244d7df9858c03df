//! Archives that were made to do harm: each is refused with the entry's name, and nothing of it stays.

use archive::{Error, Limits, check, unpack};
use model::port::source::Digest;
use std::{fs, io::Write as _};
use tar::{Builder, EntryType, Header};

/// An entry: its kind, its raw name, where it links to, its content.
struct Evil<'a>(EntryType, &'a [u8], &'a [u8], &'a [u8]);

fn header(evil: &Evil<'_>) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(evil.0);
    header.set_size(evil.3.len() as u64);
    header.set_mode(0o644);
    let gnu = header.as_gnu_mut().unwrap();
    // Raw, as no honest tool writes it.
    let cut = |field: &mut [u8], value: &[u8]| {
        let length = value.len().min(field.len());
        field[..length].copy_from_slice(&value[..length]);
    };
    cut(&mut gnu.name, evil.1);
    cut(&mut gnu.linkname, evil.2);
    header.set_cksum();
    header
}

fn compressed(tar: &[u8]) -> Vec<u8> {
    zstd::encode_all(tar, 3).unwrap()
}

fn archive(entries: &[Evil<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for evil in entries {
        builder.append(&header(evil), evil.3).unwrap();
    }
    compressed(&builder.into_inner().unwrap())
}

fn refused_by(bytes: &[u8], limits: Limits) -> String {
    let checked = check(bytes, limits, true).unwrap_err();
    assert!(!checked.is_transient(), "{checked}");
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("inner/tree");
    fs::create_dir(place.path().join("inner")).unwrap();
    let any: Digest = "0".repeat(64).parse().unwrap();
    let unpacked = unpack(bytes, &to, limits, &any).unwrap_err();
    assert_eq!(unpacked.to_string(), checked.to_string());
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "something lies beside it");
    assert_eq!(fs::read_dir(place.path().join("inner")).unwrap().count(), 0, "something of it stayed");
    checked.to_string()
}

fn refused(entries: &[Evil<'_>]) -> String {
    refused_by(&archive(entries), Limits::default())
}

const FILE: EntryType = EntryType::Regular;
const LINK: EntryType = EntryType::Symlink;
const FOLDER: EntryType = EntryType::Directory;

#[test]
fn names_that_lead_out() {
    for (name, why) in [
        ("../x", "`..`"),
        ("a/../../x", "`..`"),
        ("a/..", "`..`"),
        ("/etc/cron.d/x", "absolute"),
        ("//x", "absolute"),
        ("", "no name"),
        (".", "no name"),
    ] {
        let said = refused(&[Evil(FILE, b"good", b"", b"1"), Evil(FILE, name.as_bytes(), b"", b"x")]);
        assert!(said.contains(why), "{name}: {said}");
        assert!(said.contains(&format!("`{name}`")), "{name}: {said}");
    }
}

#[test]
fn links_that_lead_out_alone_or_through_each_other() {
    for links in [
        &[("a", "/etc")][..],
        &[("a", "..")],
        &[("a/b", "../../x")],
        &[("x/y/deep", "../.."), ("z", "x/y/deep/../secret")],
        &[("a/a", ".."), ("b", "a/a/../x")],
    ] {
        let entries: Vec<Evil<'_>> =
            links.iter().map(|(at, to)| Evil(LINK, at.as_bytes(), to.as_bytes(), b"")).collect();
        let said = refused(&entries);
        let (at, to) = links.last().unwrap();
        assert!(said.contains(&format!("`{at}` -> `{to}`")), "{said}");
    }
}

/// Were the link there already, the file would be written where it leads.
#[test]
fn nothing_is_written_through_a_link() {
    let link = |at: &'static [u8], to: &'static [u8]| Evil(LINK, at, to, b"");
    let file = |at: &'static [u8]| Evil(FILE, at, b"", b"x");
    assert!(refused(&[link(b"a", b"b"), file(b"a/x")]).contains("in its way"));
    assert!(refused(&[file(b"a/x"), link(b"a", b"b")]).contains("folder's too"));
    assert!(refused(&[link(b"a", b"/tmp"), file(b"a")]).contains("twice"));
    assert!(refused(&[file(b"a"), link(b"a", b"b")]).contains("twice"));
    assert!(refused(&[Evil(FOLDER, b"a", b"", b""), link(b"a", b"b")]).contains("folder's too"));
}

#[test]
fn names_that_are_there_twice() {
    assert!(refused(&[Evil(FILE, b"a", b"", b"1"), Evil(FILE, b"./a", b"", b"2")]).contains("twice"));
    assert!(refused(&[Evil(FILE, b"a", b"", b"1"), Evil(FILE, b"a/b", b"", b"2")]).contains("in its way"));
    assert!(refused(&[Evil(FOLDER, b"a/", b"", b""), Evil(FOLDER, b"a", b"", b"")]).contains("twice"));
    assert!(refused(&[Evil(FOLDER, b"a", b"", b""), Evil(FILE, b"a", b"", b"2")]).contains("folder's too"));
}

#[test]
fn devices_pipes_hard_links_and_what_nobody_knows() {
    for (kind, why) in [
        (EntryType::Link, "hard link"),
        (EntryType::Char, "device"),
        (EntryType::Block, "device"),
        (EntryType::Fifo, "pipe"),
        (EntryType::XHeader, "pax"),
        (EntryType::XGlobalHeader, "pax"),
        (EntryType::GNUSparse, "neither"),
        (EntryType::Continuous, "neither"),
        (EntryType::new(b'Z'), "neither"),
    ] {
        let said = refused(&[Evil(kind, b"odd", b"good", b"")]);
        assert!(said.contains("`odd`") && said.contains(why), "{said}");
    }
}

#[test]
fn huge_names() {
    let long = |size: usize| {
        let mut builder = Builder::new(Vec::new());
        let name = vec![b'n'; size];
        builder
            .append(&header(&Evil(EntryType::GNULongName, b"././@LongLink", b"", &name)), name.as_slice())
            .unwrap();
        builder.append(&header(&Evil(FILE, b"n", b"", b"x")), b"x".as_slice()).unwrap();
        compressed(&builder.into_inner().unwrap())
    };
    for size in [256, 3_000, 5_000, 100_000_000] {
        let said = refused_by(&long(size), Limits::default());
        assert!(said.contains("too long") && said.len() < 700, "{size}: {} letters", said.len());
    }
    // A name with a line break and a colour is shown as it is written, on one line.
    let said = refused(&[Evil(EntryType::Fifo, b"a\n\x1b[31mred", b"", b"")]);
    assert!(said.contains(r"`a\n\u{1b}[31mred`"), "{said}");
}

/// Thousands of short names that take thousands of long ones in memory.
#[test]
fn more_names_than_fit() {
    let mut builder = Builder::new(Vec::new());
    let part = "n".repeat(200);
    for number in 0..20_000 {
        let name = format!("{part}/{part}/{part}/{part}/{part}/{part}/{part}/{part}/{part}/{number}");
        let evil = Evil(EntryType::GNULongName, b"././@LongLink", b"", name.as_bytes());
        builder.append(&header(&evil), name.as_bytes()).unwrap();
        builder.append(&header(&Evil(FILE, b"n", b"", b"")), b"".as_slice()).unwrap();
    }
    let said = refused_by(&compressed(&builder.into_inner().unwrap()), Limits::default());
    assert!(said.contains("names have more than"), "{said}");
}

#[test]
fn bombs() {
    let zeros = vec![0; 8 << 20];
    let tight = Limits { bytes: 4 << 20, ..Limits::default() };
    let said = refused_by(&archive(&[Evil(FILE, b"zeros", b"", &zeros)]), tight);
    assert!(said.contains("more than 4 MiB"), "{said}");
    let many: Vec<Evil<'_>> = (0..20).map(|_| Evil(EntryType::GNULongName, b"x", b"", b"x")).collect();
    let said = refused_by(&archive(&many), Limits { files: 5, ..Limits::default() });
    assert!(said.contains("more than 5 files"), "{said}");
    // One more than the limit is too many, also where nothing comes after it.
    let names: Vec<String> = (0..6).map(|n| format!("f{n}")).collect();
    let files: Vec<Evil<'_>> = names.iter().map(|name| Evil(FILE, name.as_bytes(), b"", b"")).collect();
    let said = refused_by(&archive(&files), Limits { files: 5, ..Limits::default() });
    assert!(said.contains("more than 5 files"), "{said}");
    let small = Limits { packed_bytes: 100, ..Limits::default() };
    let said = refused_by(
        &archive(&[Evil(FILE, b"a", b"", &(0..=255).cycle().take(9000).collect::<Vec<u8>>())]),
        small,
    );
    assert!(matches!(check(&b""[..], small, true), Err(Error::Damaged(_))), "{said}");
}

/// A gigabyte of zeros, a few dozen kilobytes packed: it ends soon after the proportion is passed.
#[test]
fn a_bomb_by_proportion() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    let mut header = header(&Evil(FILE, b"zeros", b"", b""));
    header.set_size(900 << 20);
    header.set_cksum();
    encoder.write_all(header.as_bytes()).unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..128 {
        encoder.write_all(&zeros).unwrap();
    }
    let bytes = encoder.finish().unwrap();
    assert!(bytes.len() < 64 << 10);
    let said = check(bytes.as_slice(), Limits::default(), true).unwrap_err().to_string();
    assert!(said.contains("KiB of it became") && said.contains("MiB"), "{said}");
}

#[test]
fn what_is_no_archive_or_holds_more_than_one() {
    for bytes in
        [&b""[..], b"PK\x03\x04", b"\x1f\x8b\x08", b"text", &compressed(b"not a tar stream, and too short")]
    {
        let error = check(bytes, Limits::default(), true).unwrap_err();
        assert!(matches!(error, Error::Damaged(_)), "{error}");
    }
    let good = archive(&[Evil(FILE, b"a", b"", b"1")]);
    let behind = [good.clone(), archive(&[Evil(FILE, b"b", b"", b"2")])].concat();
    assert!(
        check(behind.as_slice(), Limits::default(), true).unwrap_err().to_string().contains("behind its end")
    );
    assert!(check(good.as_slice(), Limits::default(), true).is_ok());
}

#[test]
fn what_never_travels_is_refused_with_its_path() {
    for (name, why) in [
        (&b".git/config"[..], "Git keeps"),
        (b"sub/.GIT/hooks/post-checkout", "Git keeps"),
        (b"a\nb", "control characters"),
        (b"a\tb", "control characters"),
        (b"a/\x1b[2Jb", "control characters"),
        ("a\u{202e}b".as_bytes(), "control characters"),
        (b"a\\..\\b", "backslash"),
    ] {
        let said = refused(&[Evil(FILE, name, b"", b"x")]);
        assert!(said.contains(why), "{said}");
        assert!(!said.contains(['\n', '\t', '\u{1b}', '\u{202e}']), "{said:?}");
    }
    // What Git tracks travels all the same, so only the sender can say whether it may.
    for name in [&b".env"[..], b"web/.env.local", b"node_modules/x/index.js", b".venv/bin/python"] {
        let bytes = archive(&[Evil(FILE, name, b"", b"x")]);
        let said = check(&*bytes, Limits::default(), false).unwrap_err().to_string();
        assert!(said.contains("unless Git tracks them"), "{said}");
        check(&*bytes, Limits::default(), true).unwrap();
    }
    for name in [&b".env.example"[..], b".gitignore", b"venv.md", b"docs/node_modules"] {
        check(&*archive(&[Evil(FILE, name, b"", b"x")]), Limits::default(), false).unwrap();
    }
}

/// Whoever packs a folder hears it before anything is sent.
#[test]
fn a_folder_with_such_a_name_is_not_packed() {
    for name in ["a\nb", "a\\b"] {
        let app = crate::folder(&[("deep/x", "1")]);
        fs::write(app.path().join("deep").join(name), "x").unwrap();
        let error = archive::walk(app.path(), &archive::Rules::default()).unwrap_err();
        assert!(error.to_string().contains("can't travel") && !error.is_transient(), "{error}");
        fs::write(app.path().join(".sextantignore"), "deep/a*\n").unwrap();
        assert_eq!(archive::walk(app.path(), &archive::Rules::default()).unwrap().files(), 2);
    }
}
