//! The typed queues for tasks on tokio.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::ack_queue::ServerAckQueue;
use super::engine::Make;
use super::queue::ServerQueue;
use super::store::ServerStore;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::error::Slim;
use crate::file::Rejected;
use crate::sql::{Held, PutOptions, Row, Settlement, Which, aside, encode, encode_all};
use crate::wait::tokio::{Arrivals, Clock, next_owner};
use crate::wait::{Task, Wait};
use crate::{Error, Result};

/// A [`ServerQueue`] for tasks on tokio: what waits there is awaited here. Cheap to clone.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let address = persist_queue::MySqlAddress::new("db.example", "jobs", "secret", "work");
/// let queue = persist_queue::MySqlOptions::new().open::<String>(&address)?.into_async();
/// queue.put("one".to_owned()).await?;
/// assert_eq!(queue.get().await?, "one");
/// # Ok(())
/// # }
/// ```
///
/// A few threads of the database's do what blocks, and claim together what tasks ask for at the same time;
/// what waits for an item costs no thread. Every future may be dropped at any time: a dropped get
/// leaves its item in the queue, or puts it back into its place, a dropped put has stored its item or
/// not, and [`AsyncServerQueue::len`] says which.
///
/// An owner, in the sense of [`ServerQueue::task_done`], is a clone: give each task one of its own.
pub struct AsyncServerQueue<M, T, C = DefaultCodec> {
    queue: Arc<ServerQueue<M, T, C>>,
    owner: u64,
}

impl<M, T, C> Clone for AsyncServerQueue<M, T, C> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue), owner: next_owner() }
    }
}

impl<M, T, C> fmt::Debug for AsyncServerQueue<M, T, C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AsyncServerQueue")
            .field("store", &self.queue.store)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

fn task(store: &ServerStore) -> Result<Task<Clock>> {
    Ok(Task::new(Clock, store.worker()?))
}

/// Has the thread of the database close the queue.
async fn close(store: &Arc<ServerStore>) -> Result<()> {
    let Ok(worker) = store.worker() else { return Ok(()) };
    let store = Arc::clone(store);
    worker.run(move || store.close()).await?
}

impl<M: Make, T, C: Codec<T>> ServerQueue<M, T, C> {
    /// The same queue, for tasks on tokio.
    pub fn into_async(self) -> AsyncServerQueue<M, T, C> {
        AsyncServerQueue { queue: Arc::new(self), owner: next_owner() }
    }
}

impl<M: Make, T, C: Codec<T>> AsyncServerQueue<M, T, C> {
    /// The queue itself. Threads may use it beside the tasks.
    pub fn queue(&self) -> &ServerQueue<M, T, C> {
        &self.queue
    }

    /// As [`ServerQueue::put`].
    ///
    /// # Errors
    /// As there.
    pub async fn put(&self, item: T) -> Result<Option<i64>, Rejected<T>> {
        self.put_with(item, 0, Wait::Forever).await
    }

    /// As [`ServerQueue::put_with`].
    ///
    /// # Errors
    /// As there.
    pub async fn put_with(
        &self,
        item: T,
        priority: i64,
        wait: Wait,
    ) -> Result<Option<i64>, Rejected<T>> {
        let options = PutOptions { priority, ..PutOptions::default() };
        put_one(&self.queue.store, &self.queue.codec, item, options, wait).await
    }

    /// As [`ServerQueue::put_many`].
    ///
    /// # Errors
    /// As there.
    pub async fn put_many(
        &self,
        items: Vec<T>,
        wait: Wait,
    ) -> Result<Vec<Option<i64>>, Rejected<Vec<T>>> {
        let options = PutOptions::default();
        put_all(&self.queue.store, &self.queue.codec, items, options, wait).await
    }

    /// As [`ServerQueue::get`].
    ///
    /// # Errors
    /// As there.
    pub async fn get(&self) -> Result<T> {
        loop {
            if let Some(item) = self.get_with(Wait::Forever, Which::Next).await? {
                return Ok(item);
            }
        }
    }

    /// As [`ServerQueue::try_get`].
    ///
    /// # Errors
    /// As there.
    pub async fn try_get(&self) -> Result<Option<T>> {
        self.get_with(Wait::No, Which::Next).await
    }

    /// As [`ServerQueue::get_timeout`].
    ///
    /// # Errors
    /// As there.
    pub async fn get_timeout(&self, time: Duration) -> Result<Option<T>> {
        self.get_with(Wait::For(time), Which::Next).await
    }

    /// As [`ServerQueue::get_with`].
    ///
    /// # Errors
    /// As there.
    pub async fn get_with(&self, wait: Wait, which: Which) -> Result<Option<T>> {
        let queue = &self.queue;
        let decode = |_: &mut Task<Clock>, row: &Row| queue.decode(row);
        let mut task = task(&queue.store)?;
        Ok(queue.store.get(&mut task, self.owner, wait, which, decode).await?)
    }

    /// As [`ServerQueue::get_many`].
    ///
    /// # Errors
    /// As there.
    pub async fn get_many(&self, most: usize, wait: Wait) -> Result<Vec<T>> {
        let queue = &self.queue;
        let decode = |_: &mut Task<Clock>, row: &Row| queue.decode(row);
        let mut task = task(&queue.store)?;
        Ok(queue.store.get_many(&mut task, self.owner, wait, most, decode).await?)
    }

    /// As [`ServerQueue::task_done`], for what was taken through this clone.
    ///
    /// # Errors
    /// As there.
    pub async fn task_done(&self) -> Result<()> {
        let store = &self.queue.store;
        Ok(store.task_done(&mut task(store)?, self.owner).await?)
    }

    /// As [`ServerQueue::join`].
    ///
    /// # Errors
    /// As there.
    pub async fn join(&self, wait: Wait) -> Result<bool> {
        let store = &self.queue.store;
        Ok(store.join(&mut task(store)?, wait).await?)
    }

    /// As [`ServerQueue::len`].
    ///
    /// # Errors
    /// As there.
    pub async fn len(&self) -> Result<u64> {
        let store = &self.queue.store;
        Ok(store.size(&mut task(store)?).await?)
    }

    /// Whether no item waits.
    ///
    /// # Errors
    /// As [`AsyncServerQueue::len`].
    pub async fn is_empty(&self) -> Result<bool> {
        Ok(self.len().await? == 0)
    }

    /// As [`ServerQueue::close`]: ends all waits and streams of this queue.
    ///
    /// # Errors
    /// As there.
    pub async fn close(&self) -> Result<()> {
        close(&self.queue.store).await
    }
}

impl<M, T, C> AsyncServerQueue<M, T, C>
where
    M: Make,
    T: Send + 'static,
    C: Codec<T> + Send + Sync + 'static,
{
    /// The items as they come, until the queue is closed. They are this clone's, as those of
    /// [`AsyncServerQueue::get`].
    pub fn stream(&self) -> Arrivals<T> {
        let (queue, owner) = (Arc::clone(&self.queue), self.owner);
        Arrivals::new(move || {
            let queue = Self { queue: Arc::clone(&queue), owner };
            async move { queue.get().await }
        })
    }
}

/// A [`ServerAckQueue`] for tasks on tokio, as [`AsyncServerQueue`] is a [`ServerQueue`]. Cheap to
/// clone.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let address = persist_queue::MySqlAddress::new("db.example", "jobs", "secret", "work");
/// let queue = persist_queue::MySqlOptions::new().open_ack::<String>(&address)?.into_async();
/// queue.put("a page to fetch".to_owned()).await?;
/// let delivery = queue.get().await?;
/// println!("{}", *delivery);
/// delivery.ack().await?; // dropped without a word it goes back
/// # Ok(())
/// # }
/// ```
pub struct AsyncServerAckQueue<M, T, C = DefaultCodec> {
    queue: Arc<ServerAckQueue<M, T, C>>,
}

impl<M, T, C> Clone for AsyncServerAckQueue<M, T, C> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue) }
    }
}

impl<M, T, C> fmt::Debug for AsyncServerAckQueue<M, T, C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AsyncServerAckQueue")
            .field("store", &self.queue.store)
            .finish_non_exhaustive()
    }
}

impl<M: Make, T, C: Codec<T>> ServerAckQueue<M, T, C> {
    /// The same queue, for tasks on tokio.
    pub fn into_async(self) -> AsyncServerAckQueue<M, T, C> {
        AsyncServerAckQueue { queue: Arc::new(self) }
    }
}

impl<M: Make, T, C: Codec<T>> AsyncServerAckQueue<M, T, C> {
    /// The queue itself. Threads may use it beside the tasks.
    pub fn queue(&self) -> &ServerAckQueue<M, T, C> {
        &self.queue
    }

    /// As [`ServerAckQueue::put`].
    ///
    /// # Errors
    /// As there.
    pub async fn put(&self, item: T) -> Result<Option<i64>, Rejected<T>> {
        self.put_with(item, PutOptions::default(), Wait::Forever).await
    }

    /// As [`ServerAckQueue::put_with`].
    ///
    /// # Errors
    /// As there.
    pub async fn put_with(
        &self,
        item: T,
        options: PutOptions,
        wait: Wait,
    ) -> Result<Option<i64>, Rejected<T>> {
        put_one(&self.queue.store, &self.queue.codec, item, options, wait).await
    }

    /// As [`ServerAckQueue::put_many`].
    ///
    /// # Errors
    /// As there.
    pub async fn put_many(
        &self,
        items: Vec<T>,
        options: PutOptions,
        wait: Wait,
    ) -> Result<Vec<Option<i64>>, Rejected<Vec<T>>> {
        put_all(&self.queue.store, &self.queue.codec, items, options, wait).await
    }

    /// As [`ServerAckQueue::get`].
    ///
    /// # Errors
    /// As there.
    pub async fn get(&self) -> Result<AsyncServerDelivery<T>> {
        loop {
            if let Some(delivery) = self.get_with(Wait::Forever, Which::Next, None).await? {
                return Ok(delivery);
            }
        }
    }

    /// As [`ServerAckQueue::try_get`].
    ///
    /// # Errors
    /// As there.
    pub async fn try_get(&self) -> Result<Option<AsyncServerDelivery<T>>> {
        self.get_with(Wait::No, Which::Next, None).await
    }

    /// As [`ServerAckQueue::get_with`].
    ///
    /// # Errors
    /// As there.
    pub async fn get_with(
        &self,
        wait: Wait,
        which: Which,
        lease: Option<Duration>,
    ) -> Result<Option<AsyncServerDelivery<T>>> {
        let store = &self.queue.store;
        let held = store.hold(&mut task(store)?, wait, which, lease, 1).await?;
        let Some(held) = held.into_iter().next() else { return Ok(None) };
        let open = OpenDelivery { store: Arc::clone(store), held, settled: AtomicBool::new(false) };
        match self.queue.codec.decode(&open.held.row.data) {
            Ok(item) => Ok(Some(AsyncServerDelivery { item, open })),
            Err(source) => {
                open.settled.store(true, Ordering::Relaxed);
                let (path, sequence) = (store.path().to_owned(), open.id().cast_unsigned());
                Err(Error::Decode { path, sequence, source })
            }
        }
    }

    /// As [`ServerAckQueue::len`].
    ///
    /// # Errors
    /// As there.
    pub async fn len(&self) -> Result<u64> {
        let store = &self.queue.store;
        Ok(store.size(&mut task(store)?).await?)
    }

    /// Whether no item waits.
    ///
    /// # Errors
    /// As [`AsyncServerAckQueue::len`].
    pub async fn is_empty(&self) -> Result<bool> {
        Ok(self.len().await? == 0)
    }

    /// As [`ServerAckQueue::close`]: ends all waits and streams of this queue.
    ///
    /// # Errors
    /// As there.
    pub async fn close(&self) -> Result<()> {
        close(&self.queue.store).await
    }
}

impl<M, T, C> AsyncServerAckQueue<M, T, C>
where
    M: Make,
    T: Send + 'static,
    C: Codec<T> + Send + Sync + 'static,
{
    /// The deliveries as they come, until the queue is closed.
    pub fn stream(&self) -> Arrivals<AsyncServerDelivery<T>> {
        let queue = self.clone();
        Arrivals::new(move || {
            let queue = queue.clone();
            async move { queue.get().await }
        })
    }
}

/// A [`ServerDelivery`](super::ServerDelivery) for tasks on tokio. Dropping it gives it back, as dropping one of
/// its futures before the end does, unless that was committed already.
#[derive(Debug)]
pub struct AsyncServerDelivery<T> {
    item: T,
    open: OpenDelivery,
}

#[derive(Debug)]
struct OpenDelivery {
    store: Arc<ServerStore>,
    held: Held,
    settled: AtomicBool,
}

impl OpenDelivery {
    fn id(&self) -> i64 {
        self.held.row.id
    }

    fn not_held(&self) -> Error {
        Error::NotHeld { path: self.store.path().to_owned(), id: self.id() }
    }

    async fn settle(&self, settlement: Settlement) -> Result<()> {
        let row = vec![(self.id(), Some(self.held.token))];
        let settled = self.store.settle(&mut task(&self.store)?, row, settlement).await?;
        self.settled.store(true, Ordering::Relaxed);
        match settled.first() {
            Some(Some(_)) => Ok(()),
            _ => Err(self.not_held()),
        }
    }
}

impl Drop for OpenDelivery {
    fn drop(&mut self) {
        if *self.settled.get_mut() {
            return;
        }
        // Closed, it comes back when the queue is opened again.
        let Ok(worker) = self.store.worker() else { return };
        let (store, row) = (Arc::clone(&self.store), (self.id(), Some(self.held.token)));
        aside(Some(&worker), move || {
            let back = Settlement::Back { delay: Some(Duration::ZERO), last: false };
            let given: Slim<_> =
                crate::wait::now(store.settle(&mut crate::wait::Thread, vec![row], back));
            match given.map_err(|error| *error) {
                Err(Error::Closed { .. }) => Ok(()),
                given => given.map(drop),
            }
        });
    }
}

impl<T> AsyncServerDelivery<T> {
    /// The row's number.
    pub fn id(&self) -> i64 {
        self.open.id()
    }

    /// How often the item was delivered, this time included.
    pub fn attempts(&self) -> u32 {
        self.open.held.attempts
    }

    /// As [`Delivery::ack`](super::ServerDelivery::ack).
    ///
    /// # Errors
    /// As there.
    pub async fn ack(self) -> Result<T> {
        let Self { item, open } = self;
        open.settle(Settlement::Acked).await?;
        Ok(item)
    }

    /// As [`Delivery::nack`](super::ServerDelivery::nack).
    ///
    /// # Errors
    /// As there.
    pub async fn nack(self) -> Result<()> {
        self.open.settle(Settlement::Back { delay: None, last: false }).await
    }

    /// As [`Delivery::nack_after`](super::ServerDelivery::nack_after).
    ///
    /// # Errors
    /// As there.
    pub async fn nack_after(self, delay: Duration) -> Result<()> {
        self.open.settle(Settlement::Back { delay: Some(delay), last: false }).await
    }

    /// As [`Delivery::nack_to_back`](super::ServerDelivery::nack_to_back).
    ///
    /// # Errors
    /// As there.
    pub async fn nack_to_back(self) -> Result<()> {
        self.open.settle(Settlement::Back { delay: None, last: true }).await
    }

    /// As [`Delivery::fail`](super::ServerDelivery::fail).
    ///
    /// # Errors
    /// As there.
    pub async fn fail(self) -> Result<()> {
        self.open.settle(Settlement::Failed).await
    }

    /// As [`Delivery::extend`](super::ServerDelivery::extend).
    ///
    /// # Errors
    /// As there.
    pub async fn extend(&self, lease: Duration) -> Result<()> {
        let (store, token) = (&self.open.store, Some(self.open.held.token));
        if store.extend(&mut task(store)?, self.id(), token, lease).await? {
            return Ok(());
        }
        Err(self.open.not_held())
    }
}

impl<T> Deref for AsyncServerDelivery<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}

async fn put_one<T, C: Codec<T>>(
    store: &ServerStore,
    codec: &C,
    item: T,
    options: PutOptions,
    wait: Wait,
) -> Result<Option<i64>, Rejected<T>> {
    let put = async {
        let put = encode(codec, &item, options)?;
        Ok(store.put(&mut task(store)?, vec![put], wait).await?)
    };
    match put.await {
        Ok(ids) => Ok(ids.into_iter().next().flatten()),
        Err(error) => Err(Rejected { item, error }),
    }
}

async fn put_all<T, C: Codec<T>>(
    store: &ServerStore,
    codec: &C,
    items: Vec<T>,
    options: PutOptions,
    wait: Wait,
) -> Result<Vec<Option<i64>>, Rejected<Vec<T>>> {
    let put = async {
        let puts = encode_all(codec, &items, options)?;
        Ok(store.put(&mut task(store)?, puts, wait).await?)
    };
    match put.await {
        Ok(ids) => Ok(ids),
        Err(error) => Err(Rejected { item: items, error }),
    }
}
