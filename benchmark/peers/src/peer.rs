//! The queues that are compared, behind one face: put a payload, take the next.

use std::path::Path;
use std::sync::Mutex;

use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use heed::types::{Bytes as HeedBytes, U64};
use heed::{EnvFlags, EnvOpenOptions, byteorder::BigEndian};
use persist_queue::codec::Bytes;
use persist_queue::{Durability, FileQueue, Options};
use persist_queue_bench::{NOTHING, PROCESS};
use redb::{ReadableDatabase, TableDefinition};

/// A queue that is measured.
pub trait Peer: Send {
    fn put(&mut self, payload: &[u8]);
    /// The length of the next payload, which is removed; nothing where none is there.
    fn get(&mut self) -> Option<usize>;
}

/// The two ends of a queue, each of them for any number of threads.
pub trait Ends: Sync {
    fn put(&self, payload: &[u8]);
    /// As [`Peer::get`].
    fn get(&self) -> Option<usize>;
}

/// What is for one thread at a time, as several would use it.
impl Ends for Mutex<Box<dyn Peer>> {
    fn put(&self, payload: &[u8]) {
        self.lock().unwrap().put(payload);
    }

    fn get(&self) -> Option<usize> {
        self.lock().unwrap().get()
    }
}

pub struct Entry {
    pub name: &'static str,
    /// What a put that returned survives.
    pub survives: &'static str,
    /// How many times fewer calls than the fastest ones are worth their time.
    pub slower: usize,
    pub open: fn(&Path) -> Box<dyn Peer>,
    /// Where threads need not take turns for all of it.
    pub ends: Option<fn(&Path) -> Box<dyn Ends>>,
}

impl Entry {
    pub fn ends(&self, dir: &Path) -> Box<dyn Ends> {
        match self.ends {
            Some(ends) => ends(dir),
            None => Box::new(Mutex::new((self.open)(dir))),
        }
    }
}

pub const fn entry(
    name: &'static str,
    survives: &'static str,
    slower: usize,
    open: fn(&Path) -> Box<dyn Peer>,
) -> Entry {
    Entry { name, survives, slower, open, ends: None }
}

const fn with_ends(entry: Entry, ends: fn(&Path) -> Box<dyn Ends>) -> Entry {
    Entry { ends: Some(ends), ..entry }
}

pub const PEERS: &[Entry] = &[
    with_ends(entry("persist-queue", PROCESS, 1, |dir| ours(dir, true)), |dir| our_ends(dir, true)),
    with_ends(entry("persist-queue, plain writes", PROCESS, 1, |dir| ours(dir, false)), |dir| {
        our_ends(dir, false)
    }),
    entry("commitlog (nothing is removed)", PROCESS, 1, |dir| Box::new(Commitlog::open(dir))),
    with_ends(entry("yaque", PROCESS, 1, |dir| Box::new(Yaque::open(dir))), |dir| {
        let Yaque(sender, receiver) = Yaque::open(dir);
        Box::new((Mutex::new(sender), Mutex::new(receiver)))
    }),
    entry("queue-file", PROCESS, 1, |dir| Box::new(QueueFile::open(dir))),
    entry("fjall", PROCESS, 2, |dir| Box::new(Fjall::open(dir))),
    entry("LMDB (heed, no sync)", PROCESS, 4, |dir| Box::new(Lmdb::open(dir))),
    entry("sled", NOTHING, 4, |dir| Box::new(Sled::open(dir))),
    entry("redb (Durability::None)", NOTHING, 8, |dir| Box::new(Redb::open(dir))),
    entry("walrus", PROCESS, 20, |dir| Box::new(Walrus::open(dir))),
];

fn ours(dir: &Path, mapped: bool) -> Box<dyn Peer> {
    Box::new(Ours::open(dir, mapped))
}

fn our_ends(dir: &Path, mapped: bool) -> Box<dyn Ends> {
    Box::new(Ours::open(dir, mapped))
}

pub fn ours_on_disk(dir: &Path) -> FileQueue<Vec<u8>, Bytes> {
    let options = Options::new().autosave(true).durability(Durability::Disk);
    options.open_with(dir, Bytes).unwrap()
}

struct Ours(FileQueue<Vec<u8>, Bytes>);

impl Ours {
    fn open(dir: &Path, mapped: bool) -> Self {
        let options = Options::new().autosave(true).mapped(mapped);
        Self(options.open_with(dir, Bytes).unwrap())
    }
}

impl Ends for Ours {
    fn put(&self, payload: &[u8]) {
        self.0.put_bytes(payload, persist_queue::Wait::Forever).unwrap();
    }

    fn get(&self) -> Option<usize> {
        let most = std::time::Duration::from_millis(10);
        self.0.get_timeout(most).unwrap().map(|item| item.len())
    }
}

impl Peer for Ours {
    fn put(&mut self, payload: &[u8]) {
        Ends::put(self, payload);
    }

    fn get(&mut self) -> Option<usize> {
        Ends::get(self)
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

    fn get(&mut self) -> Option<usize> {
        use commitlog::message::MessageSet;
        if self.read.is_empty() && self.next <= self.log.last_offset()? {
            let limit = commitlog::ReadLimit::max_bytes(1 << 17);
            let read = self.log.read(self.next, limit).unwrap();
            self.read.extend(read.iter().map(|message| message.payload().to_vec().len()));
            self.next += self.read.len() as u64;
        }
        self.read.pop_front()
    }
}

struct Yaque(yaque::Sender, yaque::Receiver);

impl Yaque {
    fn open(dir: &Path) -> Self {
        let (sender, receiver) = yaque::channel(dir.join("queue")).unwrap();
        Self(sender, receiver)
    }
}

/// What was taken is final.
fn receive(receiver: &mut yaque::Receiver) -> Option<usize> {
    let item = receiver.try_recv().ok()?;
    let size = item.len();
    item.commit().unwrap();
    Some(size)
}

impl Peer for Yaque {
    fn put(&mut self, payload: &[u8]) {
        self.0.try_send(payload).ok().unwrap();
    }

    fn get(&mut self) -> Option<usize> {
        receive(&mut self.1)
    }
}

impl Ends for (Mutex<yaque::Sender>, Mutex<yaque::Receiver>) {
    fn put(&self, payload: &[u8]) {
        self.0.lock().unwrap().try_send(payload).ok().unwrap();
    }

    fn get(&self) -> Option<usize> {
        receive(&mut self.1.lock().unwrap())
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

    fn get(&mut self) -> Option<usize> {
        let size = self.0.peek().unwrap()?.len();
        self.0.remove().unwrap();
        Some(size)
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

    fn get(&mut self) -> Option<usize> {
        let key = self.tail.to_be_bytes();
        let size = self.items.get(key).unwrap()?.len();
        self.items.remove(key).unwrap();
        self.tail += 1;
        Some(size)
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

    fn get(&mut self) -> Option<usize> {
        if self.tail == self.head {
            return None;
        }
        let mut transaction = self.env.write_txn().unwrap();
        let size = self.items.get(&transaction, &self.tail).unwrap().unwrap().to_vec().len();
        self.items.delete(&mut transaction, &self.tail).unwrap();
        transaction.commit().unwrap();
        self.tail += 1;
        Some(size)
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

    fn get(&mut self) -> Option<usize> {
        Some(self.database.pop_min().unwrap()?.1.len())
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

    fn get(&mut self) -> Option<usize> {
        let tail = self.tail;
        if tail == self.head {
            return None;
        }
        self.tail += 1;
        Some(self.change(|items| items.remove(tail).unwrap().unwrap().value().len()))
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

    fn get(&mut self) -> Option<usize> {
        Some(self.0.read_next("items", true).unwrap()?.data.len())
    }
}
