//! The queues that are compared, behind one face: put a payload, take the next.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use heed::types::{Bytes as HeedBytes, U64};
use heed::{EnvFlags, EnvOpenOptions, byteorder::BigEndian};
use persist_queue::codec::Bytes;
use persist_queue::{Durability, FileQueue, Options};
use redb::{ReadableDatabase, TableDefinition};

/// A queue that is measured.
pub trait Peer {
    fn put(&mut self, payload: &[u8]);
    /// The length of the next payload, which is removed.
    fn get(&mut self) -> usize;
}

/// What a put that returned survives.
pub const PROCESS: &str = "killed process";
pub const DISK: &str = "dead machine";
pub const NOTHING: &str = "nothing";

pub struct Entry {
    pub name: &'static str,
    pub survives: &'static str,
    /// How many times fewer calls than the fastest ones are worth their time.
    pub slower: usize,
    pub open: fn(&Path) -> Box<dyn Peer>,
}

pub const PEERS: &[Entry] = &[
    Entry { name: "persist-queue", survives: PROCESS, slower: 1, open: |dir| ours(dir, true) },
    Entry {
        name: "persist-queue, plain writes",
        survives: PROCESS,
        slower: 1,
        open: |dir| ours(dir, false),
    },
    Entry {
        name: "commitlog (nothing is removed)",
        survives: PROCESS,
        slower: 1,
        open: |dir| Box::new(Commitlog::open(dir)),
    },
    Entry { name: "yaque", survives: PROCESS, slower: 1, open: |dir| Box::new(Yaque::open(dir)) },
    Entry {
        name: "queue-file",
        survives: PROCESS,
        slower: 1,
        open: |dir| Box::new(QueueFile::open(dir)),
    },
    Entry { name: "fjall", survives: PROCESS, slower: 2, open: |dir| Box::new(Fjall::open(dir)) },
    Entry {
        name: "LMDB (heed, no sync)",
        survives: PROCESS,
        slower: 4,
        open: |dir| Box::new(Lmdb::open(dir)),
    },
    Entry { name: "sled", survives: NOTHING, slower: 4, open: |dir| Box::new(Sled::open(dir)) },
    Entry {
        name: "redb (Durability::None)",
        survives: NOTHING,
        slower: 8,
        open: |dir| Box::new(Redb::open(dir)),
    },
    Entry {
        name: "walrus",
        survives: PROCESS,
        slower: 20,
        open: |dir| Box::new(Walrus::open(dir)),
    },
];

pub fn ours(dir: &Path, mapped: bool) -> Box<dyn Peer> {
    let options = Options::new().autosave(true).mapped(mapped);
    Box::new(Ours(options.open_with(dir, Bytes).unwrap()))
}

pub fn ours_on_disk(dir: &Path) -> FileQueue<Vec<u8>, Bytes> {
    let options = Options::new().autosave(true).durability(Durability::Disk);
    options.open_with(dir, Bytes).unwrap()
}

struct Ours(FileQueue<Vec<u8>, Bytes>);

impl Peer for Ours {
    fn put(&mut self, payload: &[u8]) {
        self.0.put(payload.to_vec()).unwrap();
    }

    fn get(&mut self) -> usize {
        self.0.try_get().unwrap().unwrap().len()
    }
}

struct Commitlog {
    log: commitlog::CommitLog,
    next: u64,
    read: std::collections::VecDeque<usize>,
}

impl Commitlog {
    fn open(dir: &Path) -> Self {
        let mut options = commitlog::LogOptions::new(dir);
        options.message_max_bytes(1 << 24);
        let log = commitlog::CommitLog::new(options).unwrap();
        Self { log, next: 0, read: Default::default() }
    }
}

impl Peer for Commitlog {
    fn put(&mut self, payload: &[u8]) {
        self.log.append_msg(payload).unwrap();
    }

    fn get(&mut self) -> usize {
        use commitlog::message::MessageSet;
        if self.read.is_empty() {
            let limit = commitlog::ReadLimit::max_bytes(1 << 17);
            let read = self.log.read(self.next, limit).unwrap();
            self.read.extend(read.iter().map(|message| message.payload().to_vec().len()));
            self.next += self.read.len() as u64;
        }
        self.read.pop_front().unwrap()
    }
}

struct Yaque(yaque::Sender, yaque::Receiver);

impl Yaque {
    fn open(dir: &Path) -> Self {
        let (sender, receiver) = yaque::channel(dir.join("queue")).unwrap();
        Self(sender, receiver)
    }
}

impl Peer for Yaque {
    fn put(&mut self, payload: &[u8]) {
        self.0.try_send(payload).ok().unwrap();
    }

    fn get(&mut self) -> usize {
        let item = self.1.try_recv().ok().unwrap();
        let size = item.len();
        item.commit().unwrap();
        size
    }
}

struct QueueFile(queue_file::QueueFile);

impl QueueFile {
    fn open(dir: &Path) -> Self {
        let mut file = queue_file::QueueFile::open(dir.join("queue")).unwrap();
        file.set_sync_writes(false);
        file.set_overwrite_on_remove(false);
        Self(file)
    }
}

impl Peer for QueueFile {
    fn put(&mut self, payload: &[u8]) {
        self.0.add(payload).unwrap();
    }

    fn get(&mut self) -> usize {
        let size = self.0.peek().unwrap().unwrap().len();
        self.0.remove().unwrap();
        size
    }
}

struct Fjall {
    _database: Database,
    items: Keyspace,
    head: u64,
    tail: u64,
}

impl Fjall {
    fn open(dir: &Path) -> Self {
        let database = Database::builder(dir).open().unwrap();
        let items = database.keyspace("items", KeyspaceCreateOptions::default).unwrap();
        Self { _database: database, items, head: 0, tail: 0 }
    }
}

impl Peer for Fjall {
    fn put(&mut self, payload: &[u8]) {
        self.items.insert(self.head.to_be_bytes(), payload).unwrap();
        self.head += 1;
    }

    fn get(&mut self) -> usize {
        let key = self.tail.to_be_bytes();
        let size = self.items.get(key).unwrap().unwrap().len();
        self.items.remove(key).unwrap();
        self.tail += 1;
        size
    }
}

struct Lmdb {
    env: heed::Env,
    items: heed::Database<U64<BigEndian>, HeedBytes>,
    head: u64,
    tail: u64,
}

impl Lmdb {
    fn open(dir: &Path) -> Self {
        let mut options = EnvOpenOptions::new();
        options.map_size(4 << 30);
        // SAFETY: nobody else opens this folder.
        let env = unsafe { options.flags(EnvFlags::NO_SYNC).open(dir).unwrap() };
        let mut transaction = env.write_txn().unwrap();
        let items = env.create_database(&mut transaction, None).unwrap();
        transaction.commit().unwrap();
        Self { env, items, head: 0, tail: 0 }
    }
}

impl Peer for Lmdb {
    fn put(&mut self, payload: &[u8]) {
        let mut transaction = self.env.write_txn().unwrap();
        self.items.put(&mut transaction, &self.head, payload).unwrap();
        transaction.commit().unwrap();
        self.head += 1;
    }

    fn get(&mut self) -> usize {
        let mut transaction = self.env.write_txn().unwrap();
        let size = self.items.get(&transaction, &self.tail).unwrap().unwrap().to_vec().len();
        self.items.delete(&mut transaction, &self.tail).unwrap();
        transaction.commit().unwrap();
        self.tail += 1;
        size
    }
}

struct Sled {
    database: sled::Db,
    head: u64,
}

impl Sled {
    fn open(dir: &Path) -> Self {
        Self { database: sled::open(dir).unwrap(), head: 0 }
    }
}

impl Peer for Sled {
    fn put(&mut self, payload: &[u8]) {
        self.database.insert(self.head.to_be_bytes(), payload).unwrap();
        self.head += 1;
    }

    fn get(&mut self) -> usize {
        self.database.pop_min().unwrap().unwrap().1.len()
    }
}

const ITEMS: TableDefinition<u64, &[u8]> = TableDefinition::new("items");

struct Redb {
    database: redb::Database,
    head: u64,
    tail: u64,
}

impl Redb {
    fn open(dir: &Path) -> Self {
        let database = redb::Database::create(dir.join("items")).unwrap();
        drop(database.begin_read().unwrap());
        Self { database, head: 0, tail: 0 }
    }

    fn change<T>(&self, change: impl FnOnce(&mut redb::Table<u64, &[u8]>) -> T) -> T {
        let mut transaction = self.database.begin_write().unwrap();
        transaction.set_durability(redb::Durability::None).unwrap();
        let changed = change(&mut transaction.open_table(ITEMS).unwrap());
        transaction.commit().unwrap();
        changed
    }
}

impl Peer for Redb {
    fn put(&mut self, payload: &[u8]) {
        self.change(|items| items.insert(self.head, payload).map(drop).unwrap());
        self.head += 1;
    }

    fn get(&mut self) -> usize {
        let tail = self.tail;
        self.tail += 1;
        self.change(|items| items.remove(tail).unwrap().unwrap().value().len())
    }
}

struct Walrus(walrus_rust::Walrus);

impl Walrus {
    fn open(dir: &Path) -> Self {
        // It keeps its files in a folder of the current one.
        std::env::set_current_dir(dir).unwrap();
        let (reads, flushes) =
            (walrus_rust::ReadConsistency::StrictlyAtOnce, walrus_rust::FsyncSchedule::NoFsync);
        Self(walrus_rust::Walrus::with_consistency_and_schedule(reads, flushes).unwrap())
    }
}

impl Peer for Walrus {
    fn put(&mut self, payload: &[u8]) {
        self.0.append_for_topic("items", payload).unwrap();
    }

    fn get(&mut self) -> usize {
        self.0.read_next("items", true).unwrap().unwrap().data.len()
    }
}
