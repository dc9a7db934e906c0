//! The store of a queue in a database, whichever it is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "nats")]
use crate::nats::NatsTable;
#[cfg(feature = "postgres")]
use crate::postgres::{Cursor, only_here};
#[cfg(feature = "server")]
use crate::server::ServerStore;
use crate::sql::{Decode, Held, Put, Row, Settlement, Status, Which};
use crate::sqlite::{Change, SqliteStore};
use crate::wait::{Host, Wait, Worker};
use crate::{Error, Result};

/// A queue of bytes in a database. Each call does what that of [`SqliteStore`] does that has its name.
#[derive(Debug)]
pub enum SqlStore {
    /// In an SQLite database.
    Sqlite(SqliteStore),
    /// On a server.
    #[cfg(feature = "server")]
    Server(ServerStore),
    /// On NATS, which is no database, but does most of what one does.
    #[cfg(feature = "nats")]
    Nats(NatsTable),
}

/// Has whichever it is do it.
macro_rules! either {
    ($self:ident, $store:ident => $done:expr) => {
        match $self {
            Self::Sqlite($store) => $done,
            #[cfg(feature = "server")]
            Self::Server($store) => $done,
            #[cfg(feature = "nats")]
            Self::Nats($store) => $done,
        }
    };
}

/// Calls that both have.
macro_rules! calls {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) -> $given:ty;)*) => {$(
        #[doc = concat!("See [`SqliteStore::", stringify!($name), "`].")]
        ///
        /// # Errors
        /// As there; [`Error::Connect`] where the server cannot be reached.
        pub async fn $name<H: Host>(
            &self,
            host: &mut H,
            $($argument: $kind),*
        ) -> Result<$given, H::Error>
        where
            H::Error: From<Error>,
        {
            either!(self, store => store.$name(host, $($argument),*).await)
        }
    )*};
}

impl SqlStore {
    calls! {
        fn put(items: Vec<Put>, wait: Wait) -> Vec<Option<i64>>;
        fn give_back(rows: Vec<Row>) -> ();
        fn task_done(thread: u64) -> ();
        fn join(wait: Wait) -> bool;
        fn size() -> u64;
        fn count(status: Status) -> u64;
        fn rows() -> Vec<(Row, i64)>;
        fn peek(which: Which) -> Option<Row>;
        fn contains(id: i64) -> bool;
        fn update(id: i64, item: Put) -> bool;
        fn purge() -> u64;
        fn shrink() -> ();
        fn hold(wait: Wait, which: Which, lease: Option<Duration>, most: usize) -> Vec<Held>;
        fn settle(rows: Vec<(i64, Option<i64>)>, settlement: Settlement) -> Vec<Option<i64>>;
        fn extend(id: i64, token: Option<i64>, lease: Duration) -> bool;
        fn resume() -> u64;
        fn clear_acked(most: Option<u64>, keep: u64, failed: bool) -> u64;
        fn dead_letters() -> Vec<Row>;
        fn requeue_dead(ids: Vec<i64>) -> u64;
        fn drop_dead(ids: Vec<i64>) -> u64;
    }

    /// Nobody works on what is held. On NATS it comes back when its lease is over; in a database it stays held
    /// until the queue is opened anew.
    #[cfg(feature = "nats")]
    pub fn let_go(&self, held: &Held) {
        if let Self::Nats(store) = self {
            store.let_go(held.row.id, held.token);
        }
    }

    /// Puts an item in a transaction of the caller's own; see [`ServerStore::put_in`].
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "postgres")]
    pub fn put_in(&self, cursor: &mut dyn Cursor, item: Put) -> Result<Option<i64>> {
        match self {
            Self::Server(store) => store.put_in(cursor, item),
            _ => Err(only_here()),
        }
    }

    /// See [`SqliteStore::get`].
    ///
    /// # Errors
    /// As there.
    pub async fn get<T, H: Host>(
        &self,
        host: &mut H,
        thread: u64,
        wait: Wait,
        which: Which,
        decode: impl Decode<T, H>,
    ) -> Result<Option<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        either!(self, store => store.get(host, thread, wait, which, decode).await)
    }

    /// See [`SqliteStore::get_many`].
    ///
    /// # Errors
    /// As there.
    pub async fn get_many<T, H: Host>(
        &self,
        host: &mut H,
        thread: u64,
        wait: Wait,
        most: usize,
        decode: impl Decode<T, H>,
    ) -> Result<Vec<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        either!(self, store => store.get_many(host, thread, wait, most, decode).await)
    }

    /// The database: a path, or `mysql://user@host:port/database` and the like.
    pub fn path(&self) -> &Path {
        either!(self, store => store.path())
    }

    /// See [`SqliteStore::table`].
    ///
    /// # Errors
    /// As there.
    pub fn table(&self) -> Result<String> {
        either!(self, store => store.table())
    }

    /// See [`SqliteStore::acks`].
    pub fn acks(&self) -> bool {
        either!(self, store => store.acks())
    }

    /// See [`SqliteStore::worker`].
    ///
    /// # Errors
    /// As there.
    pub fn worker(&self) -> Result<Arc<Worker>> {
        either!(self, store => store.worker())
    }

    /// See [`SqliteStore::is_closed`].
    pub fn is_closed(&self) -> bool {
        either!(self, store => store.is_closed())
    }

    /// See [`SqliteStore::close`].
    ///
    /// # Errors
    /// As there.
    pub fn close(&self) -> Result<()> {
        either!(self, store => store.close())
    }

    /// Refuses a change that could not be part of a transaction of this queue's database.
    ///
    /// # Errors
    /// As [`SqliteStore::check_change`]; [`Error::Invalid`] where one of the two is on a server.
    pub fn check_change(&self, store: &Self, change: &Change) -> Result<()> {
        self.sqlite()?.check_change(store.sqlite()?, change)
    }

    /// Makes changes in queues of one database, all or none.
    ///
    /// # Errors
    /// As [`SqliteStore::change_all`]; [`Error::Invalid`] where one of them is on a server.
    pub async fn change_all<H: Host>(
        &self,
        host: &mut H,
        changes: Vec<(&Self, Change)>,
    ) -> Result<Vec<Option<i64>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let changes = changes.into_iter().map(|(store, change)| Ok((store.sqlite()?, change)));
        self.sqlite()?.change_all(host, changes.collect::<Result<_>>()?).await
    }

    #[cfg_attr(
        not(any(feature = "nats", feature = "server")),
        expect(clippy::unnecessary_wraps, reason = "there is no other")
    )]
    fn sqlite(&self) -> Result<&SqliteStore> {
        match self {
            Self::Sqlite(store) => Ok(store),
            #[cfg(any(feature = "nats", feature = "server"))]
            _ => Err(Error::Invalid(format!(
                "a transaction changes queues in one SQLite database, and {} is none",
                self.path().display()
            ))),
        }
    }
}
