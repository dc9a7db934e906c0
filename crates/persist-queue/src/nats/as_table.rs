//! A queue on NATS with the calls that queues in databases have, so that what stands on any of them can
//! stand on this one. What `JetStream` does not have is refused.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::address::NatsAddress;
use super::ask::ask;
use super::options::{NatsOptions, missing};
use super::put;
use super::store::NatsStore;
use super::view::undone;
use crate::sql::{Decode, Flavour, Held, Put, QueueTable, Row, Settlement, Status, Which};
use crate::wait::{Host, Wait, Worker};
use crate::{Error, Result};

/// See the module.
#[derive(Debug)]
pub struct NatsTable {
    store: NatsStore,
    worker: Arc<Worker>,
}

/// Calls of the store that are the same.
macro_rules! same {
    ($(fn $name:ident($($argument:ident: $kind:ty),*) -> $given:ty;)*) => {$(
        #[doc = concat!("See [`NatsStore::", stringify!($name), "`].")]
        ///
        /// # Errors
        /// As there.
        pub async fn $name<H: Host>(
            &self,
            host: &mut H,
            $($argument: $kind),*
        ) -> Result<$given, H::Error>
        where
            H::Error: From<Error>,
        {
            self.store.$name(host, $($argument),*).await
        }
    )*};
}

/// Calls that have no meaning here.
macro_rules! refused {
    ($(fn $name:ident($($kind:ty),*) -> $given:ty: $what:literal;)*) => {$(
        #[doc = concat!("There is no ", $what, ".")]
        ///
        /// # Errors
        /// [`Error::Invalid`].
        pub async fn $name<H: Host>(
            &self,
            _: &mut H,
            $(_: $kind),*
        ) -> Result<$given, H::Error>
        where
            H::Error: From<Error>,
        {
            Err(missing($what).into())
        }
    )*};
}

impl NatsTable {
    /// As [`NatsStore::open`].
    ///
    /// # Errors
    /// As there.
    pub fn open(address: &NatsAddress, options: NatsOptions, acks: bool) -> Result<Self> {
        Ok(Self { store: NatsStore::open(address, options, acks)?, worker: Arc::default() })
    }

    /// The queue's store.
    pub fn store(&self) -> &NatsStore {
        &self.store
    }

    same! {
        fn size() -> u64;
        fn count(status: Status) -> u64;
        fn purge() -> u64;
        fn join(wait: Wait) -> bool;
        fn hold(wait: Wait, which: Which, lease: Option<Duration>, most: usize) -> Vec<Held>;
        fn settle(rows: Vec<(i64, Option<i64>)>, settlement: Settlement) -> Vec<Option<i64>>;
        fn extend(id: i64, token: Option<i64>, lease: Duration) -> bool;
        fn dead_letters() -> Vec<Row>;
        fn requeue_dead(ids: Vec<i64>) -> u64;
        fn drop_dead(ids: Vec<i64>) -> u64;
    }

    refused! {
        fn give_back(Vec<Row>) -> (): "batch from which items could be given back";
        fn update(i64, Put) -> bool: "way to change an item that waits";
        fn resume() -> u64: "way to take what somebody else holds: it comes back when its lease is over";
    }

    /// Puts items: not all of them or none.
    ///
    /// # Errors
    /// As [`NatsStore::put`]; [`Error::PutInPart`].
    pub async fn put<H: Host>(
        &self,
        host: &mut H,
        items: Vec<Put>,
        wait: Wait,
    ) -> Result<Vec<Option<i64>>, H::Error>
    where
        H::Error: From<Error>,
    {
        let places = vec![(); items.len()];
        let results = self.store.put(host, items, wait).await?;
        put::many(places, Ok(results)).map_err(|rejected| rejected.error.into())
    }

    /// Gets an item, which is done then. It can only be the next one.
    ///
    /// # Errors
    /// As [`NatsStore::get`].
    pub async fn get<T, H: Host>(
        &self,
        host: &mut H,
        _thread: u64,
        wait: Wait,
        which: Which,
        decode: impl Decode<T, H>,
    ) -> Result<Option<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        Ok(self.store.get(host, wait, which, 1, decode).await?.pop())
    }

    /// Gets up to `most` items, which are done then.
    ///
    /// # Errors
    /// As [`NatsStore::get`].
    pub async fn get_many<T, H: Host>(
        &self,
        host: &mut H,
        _thread: u64,
        wait: Wait,
        most: usize,
        decode: impl Decode<T, H>,
    ) -> Result<Vec<T>, H::Error>
    where
        H::Error: From<Error>,
    {
        self.store.get(host, wait, Which::Next, most, decode).await
    }

    /// What is held under this token comes back when its lease is over.
    pub fn let_go(&self, id: i64, token: i64) {
        self.store.let_go(id, token);
    }

    /// Nothing is left to be done: there are no batches.
    ///
    /// # Errors
    /// None.
    #[expect(clippy::unused_async, reason = "others wait")]
    pub async fn task_done<H: Host>(&self, _: &mut H, _thread: u64) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        Ok(())
    }

    /// The server gives room back by itself.
    ///
    /// # Errors
    /// None.
    #[expect(clippy::unused_async, reason = "others wait")]
    pub async fn shrink<H: Host>(&self, _: &mut H) -> Result<(), H::Error>
    where
        H::Error: From<Error>,
    {
        Ok(())
    }

    /// Nothing is kept of what is done.
    ///
    /// # Errors
    /// None.
    #[expect(clippy::unused_async, reason = "others wait")]
    pub async fn clear_acked<H: Host>(
        &self,
        _: &mut H,
        _most: Option<u64>,
        _keep: u64,
        _failed: bool,
    ) -> Result<u64, H::Error>
    where
        H::Error: From<Error>,
    {
        Ok(0)
    }

    /// The items that are not done, and what they are known to be.
    ///
    /// # Errors
    /// As [`NatsStore::size`].
    pub async fn rows<H: Host>(&self, host: &mut H) -> Result<Vec<(Row, i64)>, H::Error>
    where
        H::Error: From<Error>,
    {
        self.undone(host, 0, usize::MAX).await
    }

    /// The next item, and whether somebody holds it is not known.
    ///
    /// # Errors
    /// As [`NatsStore::size`]; [`Error::Invalid`] for another than the next.
    pub async fn peek<H: Host>(&self, host: &mut H, which: Which) -> Result<Option<Row>, H::Error>
    where
        H::Error: From<Error>,
    {
        let behind = match which {
            Which::Next => 0,
            Which::Id(id) => id.saturating_sub(1),
            Which::Behind(id) => id,
        };
        let row = self.undone(host, behind, 1).await?.pop().map(|(row, _)| row);
        Ok(row.filter(|row| !matches!(which, Which::Id(id) if id != row.id)))
    }

    /// Whether the item with this number is there and not done.
    ///
    /// # Errors
    /// As [`NatsStore::size`].
    pub async fn contains<H: Host>(&self, host: &mut H, id: i64) -> Result<bool, H::Error>
    where
        H::Error: From<Error>,
    {
        Ok(self.peek(host, Which::Id(id)).await?.is_some())
    }

    async fn undone<H: Host>(
        &self,
        host: &mut H,
        behind: i64,
        most: usize,
    ) -> Result<Vec<(Row, i64)>, H::Error>
    where
        H::Error: From<Error>,
    {
        let attached = self.store.attached()?;
        let flavour = Flavour { acks: self.acks(), ..Flavour::default() };
        let seen = ask(host, |_| async move {
            let queue = QueueTable { name: attached.stream.name.clone(), flavour };
            undone(&attached.stream.link, &queue, behind, most, attached.deadline()).await
        });
        Ok(seen.await?.into_iter().map(|seen| (seen.row, seen.status)).collect())
    }

    /// The name of the stream.
    ///
    /// # Errors
    /// None.
    pub fn table(&self) -> Result<String> {
        Ok(self.store.options.name.clone())
    }

    /// The server, as `nats://user@host:port`.
    pub fn path(&self) -> &Path {
        self.store.path()
    }

    /// Whether items are kept until they are acknowledged.
    pub fn acks(&self) -> bool {
        self.store.acks()
    }

    /// A thread for what would hold a task up; nothing here does.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn worker(&self) -> Result<Arc<Worker>> {
        self.store.attached()?;
        Ok(Arc::clone(&self.worker))
    }

    /// Whether [`NatsTable::close`] was called.
    pub fn is_closed(&self) -> bool {
        self.store.is_closed()
    }

    /// See [`NatsStore::close`].
    ///
    /// # Errors
    /// None.
    pub fn close(&self) -> Result<()> {
        self.store.close();
        Ok(())
    }
}
