//! How a queue on a server is opened.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::ack_queue::ServerAckQueue;
use super::address::Address;
use super::engine::Make;
use super::queue::ServerQueue;
use crate::Result;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::sql::Kind;

/// How a queue on a server of this make is opened. The defaults are what [`ServerOptions::new`] says.
pub struct ServerOptions<M> {
    pub(super) settings: Settings,
    make: PhantomData<fn(M) -> M>,
}

/// What is in [`ServerOptions`], whatever the make.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) table: Option<String>,
    pub(super) timeout: Duration,
    pub(super) auto_commit: bool,
    pub(super) maxsize: u64,
    pub(super) auto_resume: bool,
    pub(super) keep_acked: bool,
    pub(super) lease: Option<Duration>,
    pub(super) max_attempts: Option<u32>,
    pub(super) backoff: Duration,
    pub(super) ttl: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kind: Kind::Fifo,
            name: "default".to_owned(),
            table: None,
            timeout: Duration::from_secs(10),
            auto_commit: true,
            maxsize: 0,
            auto_resume: true,
            keep_acked: true,
            lease: None,
            max_attempts: None,
            backoff: Duration::ZERO,
            ttl: None,
        }
    }
}

impl Settings {
    pub(super) fn table_name_of(&self, acks: bool) -> String {
        self.table.clone().unwrap_or_else(|| self.kind.table_name(acks, &self.name))
    }
}

impl<M> Clone for ServerOptions<M> {
    fn clone(&self) -> Self {
        Self { settings: self.settings.clone(), make: PhantomData }
    }
}

impl<M> fmt::Debug for ServerOptions<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(formatter)
    }
}

impl<M: Make> Default for ServerOptions<M> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M: Make> ServerOptions<M> {
    /// A first-in first-out queue named `default`, 10 seconds of patience, each call a transaction, no size limit.
    pub fn new() -> Self {
        Self { settings: Settings::default(), make: PhantomData }
    }

    /// The order of the items; [`Kind::Fifo`] by default.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.settings.kind = kind;
        self
    }

    /// The name of the queue; a database holds any number of queues. `default` by default.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// The exact name of the table, where it is not to be made of the queue's name and kind.
    #[must_use]
    pub fn table_name(mut self, table: impl Into<String>) -> Self {
        self.settings.table = Some(table.into());
        self
    }

    /// How long a call waits for a connection while all are in use, and for others that are in its way
    /// in the database; 10 seconds by default.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> Self {
        self.settings.timeout = time;
        self
    }

    /// Whether each call is a transaction; it is by default. Otherwise puts and takes of a queue
    /// without acknowledgements are kept, and become final together: by [`ServerQueue::task_done`], by
    /// [`ServerQueue::close`], or when the queue is dropped. At most 1,000 items are kept in memory that are
    /// put and not stored; the put that goes beyond stores them all. What was taken and is not done waits
    /// again when the queue is closed, or its process dies.
    ///
    /// Others see a put when it is stored. What was taken is locked on the server meanwhile, so that nobody
    /// else takes it; a connection of the pool is held for that. The locks end where that connection breaks,
    /// or nothing is taken and nothing done for ten minutes: then somebody else may take it too.
    #[must_use]
    pub fn auto_commit(mut self, auto_commit: bool) -> Self {
        self.settings.auto_commit = auto_commit;
        self
    }

    /// The most items that the queue may hold; 0, the default, for no limit. Each opener brings its
    /// own limit. It is exact within a process; each other process that puts at the same moment may put
    /// one item more, or one list.
    #[must_use]
    pub fn maxsize(mut self, items: u64) -> Self {
        self.settings.maxsize = items;
        self
    }

    /// Whether opening an acknowledged queue brings back what nobody alive holds; it does by default.
    #[must_use]
    pub fn auto_resume(mut self, auto_resume: bool) -> Self {
        self.settings.auto_resume = auto_resume;
        self
    }

    /// Whether rows stay behind an acknowledgement; they do by default, as in persist-queue, until
    /// [`ServerAckQueue::clear_acked`](super::ServerAckQueue::clear_acked).
    #[must_use]
    pub fn keep_acked(mut self, keep: bool) -> Self {
        self.settings.keep_acked = keep;
        self
    }

    /// How long a delivery is held, where the get does not say it. Behind that the item waits again, and its late
    /// acknowledgement is refused. By default it is held for as long as its holder lives.
    #[must_use]
    pub fn lease(mut self, time: Duration) -> Self {
        self.settings.lease = Some(time);
        self
    }

    /// How often an item is delivered at most. Behind that it is a dead letter. No limit by default.
    #[must_use]
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.settings.max_attempts = Some(attempts);
        self
    }

    /// How long an item rests behind its first failed attempt; twice as long behind each further one,
    /// at most an hour. Not at all by default.
    #[must_use]
    pub fn backoff(mut self, first: Duration) -> Self {
        self.settings.backoff = first;
        self
    }

    /// How long an item may wait, where the put does not say it. Behind that it is a dead letter. For
    /// ever by default.
    #[must_use]
    pub fn ttl(mut self, time: Duration) -> Self {
        self.settings.ttl = Some(time);
        self
    }

    /// Opens a queue that keeps its items until they are acknowledged.
    ///
    /// # Errors
    /// As [`ServerOptions::open_with`].
    pub fn open_ack_with<T, C: Codec<T>>(
        self,
        address: &Address<M>,
        codec: C,
    ) -> Result<ServerAckQueue<M, T, C>> {
        ServerAckQueue::new(self, address, codec)
    }

    /// As [`ServerOptions::open_ack_with`], with the default codec, MessagePack.
    ///
    /// # Errors
    /// As [`ServerOptions::open_with`].
    #[cfg(feature = "msgpack")]
    pub fn open_ack<T>(self, address: &Address<M>) -> Result<ServerAckQueue<M, T>>
    where
        DefaultCodec: Codec<T>,
    {
        self.open_ack_with(address, DefaultCodec::default())
    }

    /// Opens the queue with the default codec, MessagePack. The table is made where it is missing.
    ///
    /// # Errors
    /// As [`ServerOptions::open_with`].
    #[cfg(feature = "msgpack")]
    pub fn open<T>(self, address: &Address<M>) -> Result<ServerQueue<M, T>>
    where
        DefaultCodec: Codec<T>,
    {
        self.open_with(address, DefaultCodec::default())
    }

    /// Opens the queue.
    ///
    /// # Errors
    /// [`Error::Connect`](crate::Error::Connect) where there is no connection, which says why and what to
    /// do, [`Error::Unrecognised`](crate::Error::Unrecognised) where the table is another one,
    /// [`Error::Database`](crate::Error::Database) where the server refuses.
    pub fn open_with<T, C: Codec<T>>(
        self,
        address: &Address<M>,
        codec: C,
    ) -> Result<ServerQueue<M, T, C>> {
        ServerQueue::new(self, address, codec)
    }
}
