//! The typed queue for tasks on tokio.

use std::fmt;
use std::sync::Arc;

use super::queue::NatsQueue;
use super::tasks::{put_all, put_one, task};
use crate::Result;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::file::Rejected;
use crate::sql::{PutOptions, Row, Which};
use crate::wait::tokio::{Arrivals, Clock};
use crate::wait::{Task, Wait};

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

impl<T, C> Clone for AsyncNatsQueue<T, C> {
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
