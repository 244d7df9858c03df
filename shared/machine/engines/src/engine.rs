//! The engines behind one trait: a durable group, a read, a range.

use crate::load::{Put, target};
use lsm_tree::{AbstractTree as _, Guard as _};
use std::{fs::File, os::unix::fs::FileExt as _, path::Path, sync::Arc};

pub const NAMES: [&str; 6] = ["fjall", "fjall-separated", "redb", "sqlite", "lsm-tree", "lsm-tree-separated"];
const CACHE: usize = 16 << 20;
const MEMTABLE: u64 = 16 << 20;

pub trait Engine {
    /// Durable on return. Documents are looked for first, as a commit's preconditions are.
    fn group(&mut self, puts: &[Put]);
    fn get(&self, key: &[u8]) -> Option<Vec<u8>>;
    /// Keys of the first documents that a range of an index leads to.
    fn page(&self, prefix: &[u8], limit: usize) -> Vec<Vec<u8>>;
}

pub fn open(name: &str, folder: &Path) -> Box<dyn Engine> {
    match name {
        "fjall" => Box::new(Fjall::open(folder, None)),
        "fjall-separated" => Box::new(Fjall::open(folder, Some(256))),
        "redb" => Box::new(Redb::open(folder)),
        "sqlite" => Box::new(Sqlite::open(folder)),
        "lsm-tree" => Box::new(Lsm::open(folder, None)),
        "lsm-tree-separated" => Box::new(Lsm::open(folder, Some(256))),
        other => panic!("no engine {other}"),
    }
}

struct Fjall(fjall::Database, fjall::Keyspace);

impl Fjall {
    fn open(folder: &Path, separated: Option<u32>) -> Self {
        let database = fjall::Database::builder(folder)
            .cache_size(CACHE as u64)
            .max_journaling_size(64 << 20)
            .manual_journal_persist(true)
            .open()
            .unwrap();
        let separated = separated.map(|bytes| fjall::KvSeparationOptions::default().separation_threshold(bytes));
        let options =
            || fjall::KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE).with_kv_separation(separated);
        let keyspace = database.keyspace("all", options).unwrap();
        Self(database, keyspace)
    }
}

impl Engine for Fjall {
    fn group(&mut self, puts: &[Put]) {
        let mut batch = self.0.batch();
        for put in puts {
            assert!(!put.absent || !self.1.contains_key(&put.key).unwrap());
            batch.insert(&self.1, put.key.as_slice(), put.value.as_slice());
        }
        batch.durability(Some(fjall::PersistMode::SyncData)).commit().unwrap();
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.1.get(key).unwrap().map(|value| value.to_vec())
    }

    fn page(&self, prefix: &[u8], limit: usize) -> Vec<Vec<u8>> {
        self.1.prefix(prefix).take(limit).map(|entry| target(&entry.key().unwrap())).collect()
    }
}

const TABLE: redb::TableDefinition<&[u8], &[u8]> = redb::TableDefinition::new("all");

struct Redb(redb::Database);

impl Redb {
    fn open(folder: &Path) -> Self {
        let mut builder = redb::Builder::new();
        builder.set_cache_size(CACHE);
        Self(builder.create(folder.join("redb")).unwrap())
    }
}

impl Engine for Redb {
    fn group(&mut self, puts: &[Put]) {
        let write = self.0.begin_write().unwrap();
        {
            let mut table = write.open_table(TABLE).unwrap();
            for put in puts {
                use redb::ReadableTable as _;
                assert!(!put.absent || table.get(put.key.as_slice()).unwrap().is_none());
                table.insert(put.key.as_slice(), put.value.as_slice()).unwrap();
            }
        }
        write.commit().unwrap();
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        use redb::ReadableDatabase as _;
        let table = self.0.begin_read().unwrap().open_table(TABLE).unwrap();
        table.get(key).unwrap().map(|value| value.value().to_vec())
    }

    fn page(&self, prefix: &[u8], limit: usize) -> Vec<Vec<u8>> {
        use redb::ReadableDatabase as _;
        let table = self.0.begin_read().unwrap().open_table(TABLE).unwrap();
        let range = table.range(prefix..).unwrap();
        range.take(limit).map(|entry| target(entry.unwrap().0.value())).collect()
    }
}

struct Sqlite(rusqlite::Connection);

impl Sqlite {
    fn open(folder: &Path) -> Self {
        let connection = rusqlite::Connection::open(folder.join("sqlite")).unwrap();
        connection
            .execute_batch(&format!(
                "pragma page_size = 4096; pragma journal_mode = wal; pragma synchronous = full;
                 pragma cache_size = -{}; pragma wal_autocheckpoint = 4000;
                 create table if not exists everything (k blob primary key, v blob not null) without rowid;",
                CACHE >> 10
            ))
            .unwrap();
        connection.set_prepared_statement_cache_capacity(16);
        Self(connection)
    }
}

impl Engine for Sqlite {
    fn group(&mut self, puts: &[Put]) {
        let write = self.0.transaction().unwrap();
        {
            let mut insert =
                write.prepare_cached("insert or replace into everything values (?1, ?2)").unwrap();
            let mut find = write.prepare_cached("select 1 from everything where k = ?1").unwrap();
            for put in puts {
                assert!(!put.absent || !find.exists([&put.key]).unwrap());
                insert.execute([&put.key, &put.value]).unwrap();
            }
        }
        write.commit().unwrap();
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut find = self.0.prepare_cached("select v from everything where k = ?1").unwrap();
        find.query_row([key], |row| row.get(0)).ok()
    }

    fn page(&self, prefix: &[u8], limit: usize) -> Vec<Vec<u8>> {
        let mut find =
            self.0.prepare_cached("select k from everything where k >= ?1 order by k limit ?2").unwrap();
        let rows = find.query_map((prefix, limit as i64), |row| row.get::<_, Vec<u8>>(0)).unwrap();
        rows.map(|key| target(&key.unwrap())).collect()
    }
}

/// The tree under fjall, with a journal of one checksummed frame for each group.
struct Lsm {
    tree: lsm_tree::AnyTree,
    journal: File,
    at: u64,
    allocated: u64,
    seqno: lsm_tree::SequenceNumberCounter,
    work: std::sync::mpsc::SyncSender<()>,
}

impl Lsm {
    fn open(folder: &Path, separated: Option<u32>) -> Self {
        let separated =
            separated.map(|bytes| lsm_tree::KvSeparationOptions::default().separation_threshold(bytes));
        let counter = lsm_tree::SequenceNumberCounter::default();
        let tree = lsm_tree::Config::new(folder.join("tree"), counter.clone(), Default::default())
            .use_cache(Arc::new(lsm_tree::Cache::with_capacity_bytes(CACHE as u64)))
            .with_kv_separation(separated)
            .open()
            .unwrap();
        let journal = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(folder.join("journal"))
            .unwrap();
        let seqno = tree.get_highest_seqno().map_or(1, |known| known + 1);
        counter.fetch_max(seqno + 1);
        // Its part here is only what it costs: what the tree lacks is read again.
        let mut frames = vec![];
        std::io::Read::read_to_end(&mut &journal, &mut frames).unwrap();
        let mut rest = &frames[..];
        while let Some((head, tail)) = rest.split_at_checked(16) {
            let length = u64::from_le_bytes(head[..8].try_into().unwrap()) as usize;
            if length == 0 {
                break;
            }
            assert_eq!(crc32fast::hash(&tail[..length]) as u64, u64::from_le_bytes(head[8..].try_into().unwrap()));
            let mut entries = &tail[..length];
            while !entries.is_empty() {
                let (sizes, after) = entries.split_at(8);
                let key = u32::from_le_bytes(sizes[..4].try_into().unwrap()) as usize;
                let value = u32::from_le_bytes(sizes[4..].try_into().unwrap()) as usize;
                tree.insert(&after[..key], &after[key..key + value], seqno);
                entries = &after[key + value..];
            }
            rest = &tail[length..];
        }
        let (work, wanted) = std::sync::mpsc::sync_channel::<()>(1);
        let worker = tree.clone();
        std::thread::spawn(move || {
            let strategy = Arc::new(lsm_tree::compaction::Leveled::default());
            while wanted.recv().is_ok() {
                let lock = worker.get_flush_lock();
                let mark = worker.get_highest_seqno().unwrap_or(0);
                worker.flush(&lock, mark).unwrap();
                drop(lock);
                for _ in 0..4 {
                    worker.compact(strategy.clone(), mark).unwrap();
                }
            }
        });
        Self { tree, journal, at: 0, allocated: 0, seqno: counter, work }
    }
}

impl Engine for Lsm {
    fn group(&mut self, puts: &[Put]) {
        let mut frame = vec![0; 16];
        for put in puts {
            assert!(!put.absent || !self.tree.contains_key(&put.key, u64::MAX >> 1).unwrap());
            frame.extend((put.key.len() as u32).to_le_bytes());
            frame.extend((put.value.len() as u32).to_le_bytes());
            frame.extend(&put.key);
            frame.extend(&put.value);
        }
        let checksum = crc32fast::hash(&frame[16..]) as u64;
        let length = frame.len() as u64 - 16;
        frame[..8].copy_from_slice(&length.to_le_bytes());
        frame[8..16].copy_from_slice(&checksum.to_le_bytes());
        let end = self.at + frame.len() as u64;
        if end > self.allocated {
            self.allocated = end + (4 << 20);
            self.journal.set_len(self.allocated).unwrap();
        }
        self.journal.write_all_at(&frame, self.at).unwrap();
        self.journal.sync_data().unwrap();
        self.at = end;
        let seqno = self.seqno.next();
        for put in puts {
            self.tree.insert(put.key.as_slice(), put.value.as_slice(), seqno);
        }
        if self.tree.active_memtable().size() > MEMTABLE {
            while self.tree.sealed_memtable_count() > 2 {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            self.tree.rotate_memtable();
            let _ = self.work.try_send(());
            (self.at, self.allocated) = (0, 0);
            self.journal.set_len(0).unwrap();
        }
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.tree.get(key, u64::MAX >> 1).unwrap().map(|value| value.to_vec())
    }

    fn page(&self, prefix: &[u8], limit: usize) -> Vec<Vec<u8>> {
        let range = self.tree.prefix(prefix, u64::MAX >> 1, None);
        range.take(limit).map(|entry| target(&entry.key().unwrap())).collect()
    }
}
