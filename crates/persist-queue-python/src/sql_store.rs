//! The store of a queue in a database, whichever it is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use persist_queue::mysql::MySqlStore;
use persist_queue::sql::{Decode, Held, Put, Row, Settlement, Status, Which};
use persist_queue::sqlite::{Change, SqliteStore};
use persist_queue::wait::{Host, Wait, Worker};
use persist_queue::{Error, Result};

/// See the module.
#[derive(Debug)]
pub(crate) enum SqlStore {
    Sqlite(SqliteStore),
    MySql(MySqlStore),
}

/// Has whichever it is do it.
macro_rules! either {
    ($self:ident, $store:ident => $done:expr) => {
        match $self {
            Self::Sqlite($store) => $done,
            Self::MySql($store) => $done,
        }
    };
}

/// Calls that both have.
macro_rules! calls {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) -> $given:ty;)*) => {$(
        pub(crate) async fn $name<H: Host>(
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

    pub(crate) async fn get<T, H: Host>(
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

    pub(crate) async fn get_many<T, H: Host>(
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

    pub(crate) fn path(&self) -> &Path {
        either!(self, store => store.path())
    }

    pub(crate) fn table(&self) -> Result<String> {
        either!(self, store => store.table())
    }

    pub(crate) fn acks(&self) -> bool {
        either!(self, store => store.acks())
    }

    pub(crate) fn worker(&self) -> Result<Arc<Worker>> {
        either!(self, store => store.worker())
    }

    pub(crate) fn is_closed(&self) -> bool {
        either!(self, store => store.is_closed())
    }

    pub(crate) fn close(&self) -> Result<()> {
        either!(self, store => store.close())
    }

    /// Refuses a change that could not be part of a transaction of this queue's database.
    pub(crate) fn check_change(&self, store: &Self, change: &Change) -> Result<()> {
        self.sqlite()?.check_change(store.sqlite()?, change)
    }

    /// Makes changes in queues of one database, all or none.
    pub(crate) async fn change_all<H: Host>(
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

    fn sqlite(&self) -> Result<&SqliteStore> {
        match self {
            Self::Sqlite(store) => Ok(store),
            Self::MySql(_) => Err(Error::Invalid(format!(
                "a transaction changes queues in one SQLite database, and {} is none",
                self.path().display()
            ))),
        }
    }
}
