//! The typed acknowledged queue for tasks on tokio.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::ack_queue::NatsAckQueue;
use super::async_delivery::{AsyncNatsDelivery, OpenDelivery};
use super::tasks::{put_all, put_one, task};
use crate::Result;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::file::Rejected;
use crate::sql::{PutOptions, Which};
use crate::wait::Wait;

/// A [`NatsAckQueue`] for tasks on tokio, as
/// [`AsyncNatsQueue`](super::AsyncNatsQueue) is a [`NatsQueue`](super::NatsQueue). Cheap to clone.
pub struct AsyncNatsAckQueue<T, C = DefaultCodec> {
    queue: Arc<NatsAckQueue<T, C>>,
}

impl<T, C> Clone for AsyncNatsAckQueue<T, C> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue) }
    }
}

impl<T, C> fmt::Debug for AsyncNatsAckQueue<T, C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let store = &self.queue.store;
        formatter.debug_struct("AsyncNatsAckQueue").field("store", store).finish_non_exhaustive()
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
        let open = OpenDelivery::new(Arc::clone(store), held);
        match self.queue.decode(open.row()) {
            Ok(item) => Ok(Some(AsyncNatsDelivery::new(item, open))),
            Err(error) => {
                // Not at once: others come first.
                open.let_go();
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
