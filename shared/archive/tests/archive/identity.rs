//! What is packed comes back the same, and the same tree is always the same archive.

use super::{folder, link, listing, write};
use archive::{Contents, Limits, Rules, check, pack, unpack, walk};
use proptest::prelude::*;
use std::{fs, path::Path};

fn packed(folder: &Path) -> (Vec<u8>, Contents) {
    let tree = walk(folder, &Rules::default()).unwrap();
    let mut bytes = Vec::new();
    let contents = pack(&tree, &mut bytes, Limits::default(), &mut |_| {}).unwrap();
    (bytes, contents)
}

#[test]
fn what_is_packed_comes_back() {
    let long = format!("{}/{}", "long-".repeat(40), "name-".repeat(40));
    let app = folder(&[
        ("a.txt", "one"),
        ("bin/run*", "#!/bin/sh\n"),
        ("empty", ""),
        (&long, "long"),
        ("ä/ö ü", "text"),
    ]);
    link(app.path(), "to-a", "a.txt");
    link(app.path(), "bin/up", "../a.txt");
    link(app.path(), "nowhere", &format!("gone/{}", "x".repeat(150)));
    let (bytes, contents) = packed(app.path());
    assert_eq!(
        (contents.files, contents.bytes, contents.packed_bytes),
        (8, 3 + 10 + 4 + 4, bytes.len() as u64)
    );
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("tree");
    let back = unpack(bytes.as_slice(), &to, Limits::default(), &contents.digest).unwrap();
    assert_eq!(back, contents);
    assert_eq!(listing(&to), listing(app.path()));
    assert_eq!(check(bytes.as_slice(), Limits::default(), true).unwrap(), contents);
}

#[test]
fn times_owners_empty_folders_and_odd_modes_make_no_difference() {
    let files = [("a/b", "1"), ("a/c*", "2"), ("d", "3")];
    let (one, two) = (folder(&files), folder(&[]));
    // In another order, with another umask, at another time.
    write(two.path(), &files.iter().rev().copied().collect::<Vec<_>>());
    fs::create_dir_all(two.path().join("e/empty")).unwrap();
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(two.path().join("d"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(two.path().join("a/c"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::File::open(two.path().join("d")).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(packed(one.path()), packed(two.path()));
    for change in [("d", "4"), ("a/b*", "1"), ("f", "")] {
        let other = folder(&files);
        write(other.path(), &[change]);
        assert_ne!(packed(one.path()).1.digest, packed(other.path()).1.digest, "{change:?}");
    }
}

#[test]
fn a_file_that_changes_meanwhile_is_named() {
    let app = folder(&[("a", "1"), ("grows", "12345")]);
    let tree = walk(app.path(), &Rules::default()).unwrap();
    for text in ["123456", "1"] {
        write(app.path(), &[("grows", text)]);
        let error = pack(&tree, Vec::new(), Limits::default(), &mut |_| {}).unwrap_err();
        assert!(error.is_transient() && error.to_string().contains("`grows` changed"), "{error}");
    }
    fs::remove_file(app.path().join("grows")).unwrap();
    link(app.path(), "grows", "/etc/hostname");
    let error = pack(&tree, Vec::new(), Limits::default(), &mut |_| {}).unwrap_err().to_string();
    assert!(error.contains("grows"), "a link in its place is not followed: {error}");
}

#[test]
fn another_digest_leaves_nothing() {
    let (one, two) = (folder(&[("a", "1")]), folder(&[("a", "2")]));
    let ((bytes, _), (_, other)) = (packed(one.path()), packed(two.path()));
    let place = tempfile::tempdir().unwrap();
    let to = place.path().join("tree");
    let error = unpack(bytes.as_slice(), &to, Limits::default(), &other.digest).unwrap_err();
    assert!(error.to_string().contains(other.digest.as_str()), "{error}");
    assert!(!to.exists());
}

/// A small tree: paths of a few letters, so that folders are shared, and contents.
fn trees() -> impl Strategy<Value = Vec<(String, Vec<u8>, bool)>> {
    let path = prop::collection::vec("[ab]{1,2}\u{2764}?", 1..4).prop_map(|parts| parts.join("/"));
    prop::collection::vec((path, prop::collection::vec(any::<u8>(), 0..300), any::<bool>()), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_tree_comes_back_the_same_and_has_one_digest(files in trees()) {
        let (one, two) = (folder(&[]), folder(&[]));
        let put = |folder: &Path, (path, data, runs): &(String, Vec<u8>, bool)| {
            let full = folder.join(path);
            let made = fs::create_dir_all(full.parent().unwrap()).is_ok() && !full.exists();
            made && fs::write(&full, data).is_ok() && {
                use std::os::unix::fs::PermissionsExt as _;
                fs::set_permissions(&full, fs::Permissions::from_mode(if *runs { 0o755 } else { 0o644 })).is_ok()
            }
        };
        // What was really written (a file can be in a folder's way), written again in another order.
        let written: Vec<_> = files.iter().filter(|file| put(one.path(), file)).collect();
        for file in written.into_iter().rev() {
            prop_assert!(put(two.path(), file));
        }
        let (bytes, contents) = packed(one.path());
        prop_assert_eq!(&packed(two.path()), &(bytes.clone(), contents.clone()));
        let place = tempfile::tempdir().unwrap();
        let to = place.path().join("tree");
        unpack(bytes.as_slice(), &to, Limits::default(), &contents.digest).unwrap();
        prop_assert_eq!(listing(&to), listing(one.path()));
    }

    /// Whatever bytes come, the answer is an error or a tree, and nothing lies beside it.
    #[test]
    fn a_damaged_archive_is_refused_whole(at in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<bool>()) {
        let app = folder(&[("a/b", "some text that is long enough"), ("c*", "more")]);
        let (mut bytes, contents) = packed(app.path());
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        let place = tempfile::tempdir().unwrap();
        let to = place.path().join("tree");
        // A bit that says nothing (a reserved one of a frame) may be flipped: then it is the same tree.
        if unpack(bytes.as_slice(), &to, Limits::default(), &contents.digest).is_ok() {
            prop_assert_eq!(listing(&to), listing(app.path()));
        } else {
            prop_assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        }
    }
}
