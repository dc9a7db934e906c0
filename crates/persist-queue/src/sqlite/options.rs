//! How a queue in a database is opened.

use std::path::Path;
use std::time::Duration;

use super::ack_queue::SqliteAckQueue;
use super::nameless::Nameless;
use super::queue::SqliteQueue;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::sql::Kind;
use crate::{Durability, Result};

/// How a queue in a database is opened. The defaults are what [`SqliteOptions::new`] says.
#[derive(Debug, Clone)]
pub struct SqliteOptions {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) nameless: Nameless,
    pub(super) timeout: Duration,
    pub(super) auto_commit: bool,
    pub(super) durability: Durability,
    pub(super) maxsize: u64,
    pub(super) auto_resume: bool,
    pub(super) keep_acked: bool,
    pub(super) lease: Option<Duration>,
    pub(super) max_attempts: Option<u32>,
    pub(super) backoff: Duration,
    pub(super) ttl: Option<Duration>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl SqliteOptions {
    /// A first-in first-out queue named `default`, 10 seconds of patience with a locked database, each
    /// call a transaction, [`Durability::Disk`], no size limit.
    pub fn new() -> Self {
        Self {
            kind: Kind::Fifo,
            name: "default".to_owned(),
            nameless: Nameless::Never,
            timeout: Duration::from_secs(10),
            auto_commit: true,
            durability: Durability::Disk,
            maxsize: 0,
            auto_resume: true,
            keep_acked: true,
            lease: None,
            max_attempts: None,
            backoff: Duration::ZERO,
            ttl: None,
        }
    }

    /// The order of the items; [`Kind::Fifo`] by default.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// How long a call waits for other processes.
    pub fn patience(&self) -> Duration {
        self.timeout
    }

    /// The order of the items, as it was set.
    pub fn order(&self) -> Kind {
        self.kind
    }

    /// The name of the queue; a database holds any number of queues. `default` by default.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Whether the queue goes on with what the asynchronous classes of persist-queue 1.1.0 left, or use at
    /// the same time: they forget the name, and all have the tables `queue`, `filo_queue` and
    /// `unique_queue`. Where such a table has rows when the queue is opened, that is its table then,
    /// instead of the one of its name. It does not by default.
    #[must_use]
    pub fn joins_nameless(mut self, joins: bool) -> Self {
        self.nameless = if joins { Nameless::WhereUsed } else { Nameless::Never };
        self
    }

    /// How long a call waits for other processes that hold the database's lock, 10 seconds by
    /// default; then it fails with [`Error::Locked`](crate::Error::Locked).
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// Whether each call is a transaction; it is by default. Otherwise puts and takes of a queue
    /// without acknowledgements are kept in memory, and become durable together: by
    /// [`SqliteQueue::task_done`], by [`SqliteQueue::close`], or when the queue is dropped. At most
    /// 1,000 items are kept that are put and not stored; the put that goes beyond stores them all.
    /// What was taken and is not done comes back when the queue is opened again.
    ///
    /// Others see a put when it is stored, and are not kept from the database meanwhile. Other
    /// objects of this process do not take what this one has taken; other processes may, until it is
    /// done.
    #[must_use]
    pub fn auto_commit(mut self, auto_commit: bool) -> Self {
        self.auto_commit = auto_commit;
        self
    }

    /// What a finished call survives; [`Durability::Disk`] by default. All levels survive a killed
    /// process.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// The most items that the queue may hold; 0, the default, for no limit. Each opener brings its
    /// own limit.
    #[must_use]
    pub fn maxsize(mut self, items: u64) -> Self {
        self.maxsize = items;
        self
    }

    /// Whether opening an acknowledged queue brings back what nobody alive holds; it does by default.
    #[must_use]
    pub fn auto_resume(mut self, auto_resume: bool) -> Self {
        self.auto_resume = auto_resume;
        self
    }

    /// Whether rows stay behind an acknowledgement; they do by default, as in persist-queue, until
    /// [`SqliteAckQueue::clear_acked`](super::SqliteAckQueue::clear_acked).
    #[must_use]
    pub fn keep_acked(mut self, keep: bool) -> Self {
        self.keep_acked = keep;
        self
    }

    /// How long a delivery is held, where the get does not say it. Behind that the item waits again, and its late
    /// acknowledgement is refused. By default it is held for as long as its holder lives.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Self {
        self.lease = Some(time);
        self
    }

    /// How often an item is delivered at most. Behind that it is a dead letter. No limit by default.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = Some(attempts);
        self
    }

    /// How long an item rests behind its first failed attempt; twice as long behind each further one,
    /// at most an hour. Not at all by default.
    #[must_use]
    pub fn backoff(mut self, first: Duration) -> Self {
        self.backoff = first;
        self
    }

    /// How long an item may wait, where the put does not say it. Behind that it is a dead letter. For
    /// ever by default.
    #[must_use]
    pub fn ttl(mut self, time: Duration) -> Self {
        self.ttl = Some(time);
        self
    }

    /// Opens a queue in the database file `path` that keeps its items until they are acknowledged.
    ///
    /// # Errors
    /// As [`SqliteOptions::open_with`].
    pub fn open_ack_with<T, C: Codec<T>>(
        self,
        path: impl AsRef<Path>,
        codec: C,
    ) -> Result<SqliteAckQueue<T, C>> {
        SqliteAckQueue::new(self, path.as_ref(), codec)
    }

    /// As [`SqliteOptions::open_ack_with`], with the default codec, MessagePack.
    ///
    /// # Errors
    /// As [`SqliteOptions::open_with`].
    #[cfg(feature = "msgpack")]
    pub fn open_ack<T>(self, path: impl AsRef<Path>) -> Result<SqliteAckQueue<T>>
    where
        DefaultCodec: Codec<T>,
    {
        self.open_ack_with(path, DefaultCodec::default())
    }

    /// Opens the queue in the database file `path` with the default codec, MessagePack. Folder and
    /// file are made where they are missing; `:memory:` keeps the queue in memory.
    ///
    /// # Errors
    /// As [`SqliteOptions::open_with`].
    #[cfg(feature = "msgpack")]
    pub fn open<T>(self, path: impl AsRef<Path>) -> Result<SqliteQueue<T>>
    where
        DefaultCodec: Codec<T>,
    {
        self.open_with(path, DefaultCodec::default())
    }

    /// Opens the queue in the database file `path`.
    ///
    /// # Errors
    /// [`Error::Unrecognised`](crate::Error::Unrecognised) where the file is no database,
    /// [`Error::Invalid`](crate::Error::Invalid) for an option that makes no sense,
    /// [`Error::Io`](crate::Error::Io) and [`Error::Database`](crate::Error::Database) where the disk
    /// or SQLite refuses.
    pub fn open_with<T, C: Codec<T>>(
        self,
        path: impl AsRef<Path>,
        codec: C,
    ) -> Result<SqliteQueue<T, C>> {
        SqliteQueue::new(self, path.as_ref(), codec)
    }
}
