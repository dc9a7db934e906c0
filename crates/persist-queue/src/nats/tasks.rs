//! The typed queues for tasks on tokio.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::ack_queue::NatsAckQueue;
use super::put;
use super::queue::NatsQueue;
use super::store::NatsStore;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::file::Rejected;
use crate::sql::{Held, PutOptions, Row, Settlement, Which, encode, encode_all};
use crate::wait::tokio::{Arrivals, Clock};
use crate::wait::{Task, Wait};
use crate::{Error, Result};

/// A [`NatsQueue`] for tasks on tokio: what waits there is awaited here. Cheap to clone.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let address = persist_queue::NatsAddress::new("nats.example");
/// let queue = persist_queue::NatsOptions::new().open::<String>(&address)?.into_async();
/// queue.put("one".to_owned()).await?;
/// assert_eq!(queue.get().await?, "one");
/// # Ok(())
/// # }
/// ```
///
/// Every future may be dropped at any time: a dropped get leaves its item in the queue, or puts it back,
/// where it was final already behind all others; a dropped put has stored its item or not.
pub struct AsyncNatsQueue<T, C = DefaultCodec> {
    queue: Arc<NatsQueue<T, C>>,
}

/// A [`NatsAckQueue`] for tasks on tokio, as [`AsyncNatsQueue`] is a [`NatsQueue`]. Cheap to clone.
pub struct AsyncNatsAckQueue<T, C = DefaultCodec> {
    queue: Arc<NatsAckQueue<T, C>>,
}

impl<T, C> Clone for AsyncNatsQueue<T, C> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue) }
    }
}

impl<T, C> Clone for AsyncNatsAckQueue<T, C> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue) }
    }
}

impl<T, C> fmt::Debug for AsyncNatsQueue<T, C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = &self.queue.store;
        formatter.debug_struct("AsyncNatsQueue").field("store", store).finish_non_exhaustive()
    }
}

impl<T, C> fmt::Debug for AsyncNatsAckQueue<T, C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = &self.queue.store;
        formatter.debug_struct("AsyncNatsAckQueue").field("store", store).finish_non_exhaustive()
    }
}

/// The thread of the connections does all work: there is none that blocks.
fn task() -> Task<Clock> {
    Task::new(Clock, Arc::default())
}

async fn put_one<T, C: Codec<T>>(
    store: &NatsStore,
    codec: &C,
    item: T,
    options: PutOptions,
    wait: Wait,
) -> Result<Option<i64>, Rejected<T>> {
    let put = async {
        let put = encode(codec, &item, options)?;
        Ok(store.put(&mut task(), vec![put], wait).await?)
    };
    let put = put.await;
    put::one(item, put)
}

async fn put_all<T, C: Codec<T>>(
    store: &NatsStore,
    codec: &C,
    items: Vec<T>,
    options: PutOptions,
    wait: Wait,
) -> Result<Vec<Option<i64>>, Rejected<Vec<T>>> {
    let put = async {
        let puts = encode_all(codec, &items, options)?;
        Ok(store.put(&mut task(), puts, wait).await?)
    };
    let put = put.await;
    put::many(items, put)
}

impl<T, C: Codec<T>> NatsQueue<T, C> {
    /// The same queue, for tasks on tokio.
    pub fn into_async(self) -> AsyncNatsQueue<T, C> {
        AsyncNatsQueue { queue: Arc::new(self) }
    }
}

impl<T, C: Codec<T>> AsyncNatsQueue<T, C> {
    /// The queue itself. Threads may use it beside the tasks.
    pub fn queue(&self) -> &NatsQueue<T, C> {
        &self.queue
    }

    /// As [`NatsQueue::put`].
    ///
    /// # Errors
    /// As there.
    pub async fn put(&self, item: T) -> Result<Option<i64>, Rejected<T>> {
        let (store, codec) = (&self.queue.store, &self.queue.codec);
        put_one(store, codec, item, PutOptions::default(), Wait::Forever).await
    }

    /// As [`NatsQueue::put_many`].
    ///
    /// # Errors
    /// As there.
    pub async fn put_many(
        &self,
        items: Vec<T>,
        wait: Wait,
    ) -> Result<Vec<Option<i64>>, Rejected<Vec<T>>> {
        put_all(&self.queue.store, &self.queue.codec, items, PutOptions::default(), wait).await
    }

    /// As [`NatsQueue::get`].
    ///
    /// # Errors
    /// As there.
    pub async fn get(&self) -> Result<T> {
        loop {
            if let Some(item) = self.get_with(Wait::Forever).await? {
                return Ok(item);
            }
        }
    }

    /// Takes the next item, and waits as `wait` says for it.
    ///
    /// # Errors
    /// As [`NatsQueue::get`].
    pub async fn get_with(&self, wait: Wait) -> Result<Option<T>> {
        let queue = &self.queue;
        let decode = |_: &mut Task<Clock>, row: &Row| queue.decode(row);
        Ok(queue.store.get(&mut task(), wait, Which::Next, 1, decode).await?.pop())
    }

    /// As [`NatsQueue::get_many`].
    ///
    /// # Errors
    /// As there.
    pub async fn get_many(&self, most: usize, wait: Wait) -> Result<Vec<T>> {
        let queue = &self.queue;
        let decode = |_: &mut Task<Clock>, row: &Row| queue.decode(row);
        Ok(queue.store.get(&mut task(), wait, Which::Next, most, decode).await?)
    }

    /// As [`NatsQueue::len`].
    ///
    /// # Errors
    /// As there.
    pub async fn len(&self) -> Result<u64> {
        Ok(self.queue.store.size(&mut task()).await?)
    }

    /// Whether no item waits.
    ///
    /// # Errors
    /// As [`AsyncNatsQueue::len`].
    pub async fn is_empty(&self) -> Result<bool> {
        Ok(self.len().await? == 0)
    }

    /// As [`NatsQueue::close`]: ends all waits and streams of this queue.
    pub fn close(&self) {
        self.queue.store.close();
    }
}

impl<T, C> AsyncNatsQueue<T, C>
where
    T: Send + 'static,
    C: Codec<T> + Send + Sync + 'static,
{
    /// The items as they come, until the queue is closed.
    pub fn stream(&self) -> Arrivals<T> {
        let queue = self.clone();
        Arrivals::new(move || {
            let queue = queue.clone();
            async move { queue.get().await }
        })
    }
}

impl<T, C: Codec<T>> NatsAckQueue<T, C> {
    /// The same queue, for tasks on tokio.
    pub fn into_async(self) -> AsyncNatsAckQueue<T, C> {
        AsyncNatsAckQueue { queue: Arc::new(self) }
    }
}

impl<T, C: Codec<T>> AsyncNatsAckQueue<T, C> {
    /// The queue itself. Threads may use it beside the tasks.
    pub fn queue(&self) -> &NatsAckQueue<T, C> {
        &self.queue
    }

    /// As [`NatsAckQueue::put`].
    ///
    /// # Errors
    /// As there.
    pub async fn put(&self, item: T) -> Result<Option<i64>, Rejected<T>> {
        let (store, codec) = (&self.queue.store, &self.queue.codec);
        put_one(store, codec, item, PutOptions::default(), Wait::Forever).await
    }

    /// As [`NatsAckQueue::put_many`].
    ///
    /// # Errors
    /// As there.
    pub async fn put_many(
        &self,
        items: Vec<T>,
        wait: Wait,
    ) -> Result<Vec<Option<i64>>, Rejected<Vec<T>>> {
        put_all(&self.queue.store, &self.queue.codec, items, PutOptions::default(), wait).await
    }

    /// As [`NatsAckQueue::get`].
    ///
    /// # Errors
    /// As there.
    pub async fn get(&self) -> Result<AsyncNatsDelivery<T>> {
        loop {
            if let Some(delivery) = self.get_with(Wait::Forever, None).await? {
                return Ok(delivery);
            }
        }
    }

    /// Takes the next item, waits as `wait` says for it, and holds it for `lease`: see
    /// [`NatsAckQueue::get_with`].
    ///
    /// # Errors
    /// As there.
    pub async fn get_with(
        &self,
        wait: Wait,
        lease: Option<Duration>,
    ) -> Result<Option<AsyncNatsDelivery<T>>> {
        let store = &self.queue.store;
        let held = store.hold(&mut task(), wait, Which::Next, lease, 1).await?;
        let Some(held) = held.into_iter().next() else { return Ok(None) };
        let mut open = OpenDelivery { store: Arc::clone(store), held, settled: false };
        match self.queue.decode(&open.held.row) {
            Ok(item) => Ok(Some(AsyncNatsDelivery { item, open })),
            Err(error) => {
                // Not at once: others come first.
                open.settled = true;
                store.let_go(open.held.row.id, open.held.token);
                Err(error)
            }
        }
    }

    /// As [`NatsAckQueue::len`].
    ///
    /// # Errors
    /// As there.
    pub async fn len(&self) -> Result<u64> {
        Ok(self.queue.store.size(&mut task()).await?)
    }

    /// Whether no item waits and none is held.
    ///
    /// # Errors
    /// As [`AsyncNatsAckQueue::len`].
    pub async fn is_empty(&self) -> Result<bool> {
        Ok(self.len().await? == 0)
    }

    /// As [`NatsAckQueue::close`]: ends all waits of this queue.
    pub fn close(&self) {
        self.queue.store.close();
    }
}

/// A [`NatsDelivery`](super::NatsDelivery) for tasks on tokio. Dropping it gives it back.
#[derive(Debug)]
pub struct AsyncNatsDelivery<T> {
    item: T,
    open: OpenDelivery,
}

#[derive(Debug)]
struct OpenDelivery {
    store: Arc<NatsStore>,
    held: Held,
    settled: bool,
}

impl OpenDelivery {
    fn not_held(&self) -> Error {
        Error::NotHeld { path: self.store.path().to_owned(), id: self.held.row.id }
    }

    async fn settle(mut self, settlement: Settlement) -> Result<()> {
        // Also where this is dropped: the thread of the connections goes on with it.
        self.settled = true;
        let row = vec![(self.held.row.id, Some(self.held.token))];
        let settled = self.store.settle(&mut task(), row, settlement).await?;
        match settled.first() {
            Some(Some(_)) => Ok(()),
            _ => Err(self.not_held()),
        }
    }
}

impl Drop for OpenDelivery {
    fn drop(&mut self) {
        if !self.settled {
            self.store.give_back(self.held.row.id, self.held.token);
        }
    }
}

impl<T> AsyncNatsDelivery<T> {
    /// The item's number.
    pub fn id(&self) -> i64 {
        self.open.held.row.id
    }

    /// How often the item was delivered, this time included.
    pub fn attempts(&self) -> u32 {
        self.open.held.attempts
    }

    /// As [`NatsDelivery::ack`](super::NatsDelivery::ack).
    ///
    /// # Errors
    /// As there.
    pub async fn ack(self) -> Result<T> {
        let Self { item, open } = self;
        open.settle(Settlement::Acked).await?;
        Ok(item)
    }

    /// As [`NatsDelivery::nack`](super::NatsDelivery::nack).
    ///
    /// # Errors
    /// As there.
    pub async fn nack(self) -> Result<()> {
        self.open.settle(Settlement::Back { delay: None, last: false }).await
    }

    /// As [`NatsDelivery::nack_after`](super::NatsDelivery::nack_after).
    ///
    /// # Errors
    /// As there.
    pub async fn nack_after(self, delay: Duration) -> Result<()> {
        self.open.settle(Settlement::Back { delay: Some(delay), last: false }).await
    }

    /// As [`NatsDelivery::fail`](super::NatsDelivery::fail).
    ///
    /// # Errors
    /// As there.
    pub async fn fail(self) -> Result<()> {
        self.open.settle(Settlement::Failed).await
    }

    /// As [`NatsDelivery::extend`](super::NatsDelivery::extend).
    ///
    /// # Errors
    /// As there.
    pub async fn extend(&self, lease: Duration) -> Result<()> {
        let (store, token) = (&self.open.store, self.open.held.token);
        if store.extend(&mut task(), self.id(), token, lease).await? {
            return Ok(());
        }
        Err(self.open.not_held())
    }
}

impl<T> Deref for AsyncNatsDelivery<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}
