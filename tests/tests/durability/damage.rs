//! Files that were damaged are refused with the way out, and never changed; interrupted writes are not damage.

use machine::store::{Options, Store};
use model::port::Store as _;
use model::port::store::{Path, Precondition, StoreError, Write};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

const FRAME: [u8; 4] = [0xf5, b'S', 0xff, b'X'];

fn write(n: usize) -> Vec<Write> {
    vec![
        Write::put(
            Path::new(format!("a/d{n}")),
            Precondition::None,
            &json!({ "n": n, "text": "t".repeat(40) }),
        )
        .unwrap(),
    ]
}

/// A folder with ten commits, one frame each, closed properly; and its file.
async fn written() -> (TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options::default()).unwrap();
    for n in 0..10 {
        store.commit(write(n)).await.unwrap();
    }
    drop(store);
    let file = folder.path().join("log-0000000001");
    let bytes = fs::read(&file).unwrap();
    (folder, file, bytes)
}

/// Where each frame begins; the last one is the mark of a proper end.
fn frames(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len() - 4).step_by(8).filter(|&at| bytes[at..].starts_with(&FRAME)).collect()
}

fn open(folder: &TempDir) -> Result<Store, StoreError> {
    Store::open(folder.path(), Options::default())
}

fn refused(folder: &TempDir) -> String {
    match open(folder) {
        Err(StoreError::Corrupt(text)) => text,
        Err(e) => panic!("{e}"),
        Ok(_) => panic!("a damaged file was opened"),
    }
}

#[tokio::test]
async fn damage_before_a_valid_frame_is_refused() {
    let (folder, file, good) = written().await;
    let frames = frames(&good);
    assert_eq!(frames.len(), 11);
    for (number, &start) in frames[..10].iter().enumerate() {
        for at in [start, start + 5, start + 9, start + 17, start + 30, frames[number + 1] - 9] {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            fs::write(&file, &bad).unwrap();
            let text = refused(&folder);
            for part in
                [file.to_str().unwrap(), &format!("byte {start}"), "--fresh", "backup", "Nothing was changed"]
            {
                assert!(text.contains(part), "{text:?} lacks {part:?}");
            }
            assert_eq!(fs::read(&file).unwrap(), bad, "the file was changed");
        }
        let mut bad = good.clone();
        bad[start..frames[number + 1]].fill(0);
        fs::write(&file, &bad).unwrap();
        assert!(refused(&folder).contains("missing"), "a frame that became zeros");
    }
    fs::write(&file, &good).unwrap();
    assert_eq!(open(&folder).unwrap().stats().documents, 10);
}

#[tokio::test]
async fn a_wrong_header_is_refused() {
    let (folder, file, good) = written().await;
    let mut schema = good.clone();
    schema[16] = 2;
    let crc = crc32(&schema[..24]);
    schema[24..28].copy_from_slice(&crc.to_le_bytes());
    let mut magic = good.clone();
    magic[0] = b'S';
    let mut flipped = good.clone();
    flipped[17] ^= 1;
    let cases = [
        (schema, "schema 2"),
        (magic, "doesn't begin"),
        (flipped, "checksum"),
        (good[..20].to_vec(), "doesn't begin"),
        (vec![], "doesn't begin"),
    ];
    for (bad, why) in cases {
        fs::write(&file, &bad).unwrap();
        let text = refused(&folder);
        assert!(text.contains(why) && text.contains("byte 0"), "{text}");
        assert_eq!(fs::read(&file).unwrap(), bad);
    }
}

/// CRC-32 as in zip, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[tokio::test]
async fn an_interrupted_write_is_cut_off() {
    let (folder, file, good) = written().await;
    let frames = frames(&good);
    let (last, end) = (frames[9], frames[10]);
    for length in (last..end).step_by(3) {
        let mut torn = good[..length].to_vec();
        torn.resize(good.len(), 0);
        for bytes in [good[..length].to_vec(), torn] {
            fs::write(&file, bytes).unwrap();
            let store = open(&folder).unwrap();
            // Only the padding may be missing: then the commit is whole.
            assert!(
                store.stats().documents == 9 || (length + 8 > end && store.stats().documents == 10),
                "cut at {length}"
            );
            store.commit(write(20)).await.unwrap();
            drop(store);
            let store = open(&folder).unwrap();
            let there: Value = store.get(&Path::new("a/d20")).await.unwrap().unwrap().body.parse().unwrap();
            assert_eq!(there["n"], 20);
        }
    }
}

#[tokio::test]
async fn one_process_has_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder).unwrap();
    let Err(refused) = open(&folder) else { panic!("two stores on one folder") };
    let text = refused.to_string();
    for part in [folder.path().to_str().unwrap(), &format!("Process {}", std::process::id()), "--data"] {
        assert!(text.contains(part), "{text:?} lacks {part:?}");
    }
    store.commit(write(1)).await.unwrap();
    drop(store);
    assert_eq!(open(&folder).unwrap().stats().documents, 1);
}

/// The backup that the message names is there, and works as it says.
#[tokio::test]
async fn a_compacted_store_leaves_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let options = || Options { compact_from: 20_000, compact_ratio: 3, ..Options::default() };
    let store = Store::open(folder.path(), options()).unwrap();
    let mut n = 0;
    while store.stats().compactions < 2 {
        store.commit(write(n % 10)).await.unwrap();
        n += 1;
    }
    for n in 100..103 {
        store.commit(write(n)).await.unwrap();
    }
    drop(store);
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["lock", "log-0000000002", "log-0000000003"]);
    let file = folder.path().join("log-0000000003");
    let mut bytes = fs::read(&file).unwrap();
    let first = frames(&bytes)[0];
    bytes[first + 40] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let text = refused(&folder);
    assert!(text.contains("log-0000000002` is read then"), "{text}");
    fs::rename(&file, folder.path().join("damaged")).unwrap();
    let store = open(&folder).unwrap();
    assert_eq!(store.stats().documents, 10, "the state of the last compaction");
    store.commit(write(7)).await.unwrap();
}

#[tokio::test]
async fn a_half_compaction_is_thrown_away() {
    let (folder, _, _) = written().await;
    let draft = folder.path().join("log-0000000002.new");
    fs::write(&draft, b"sextant-store\n").unwrap();
    assert_eq!(open(&folder).unwrap().stats().documents, 10);
    assert!(!draft.exists());
}
