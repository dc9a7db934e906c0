//! The typed queue for tasks on tokio.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::queue::{FileQueue, Rejected};
use super::take::Fate;
use crate::Result;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::error::Slim;
use crate::wait::tokio::{Arrivals, Clock, next_owner};
use crate::wait::{Task, Wait, Worker};

/// A [`FileQueue`] for tasks on tokio: what waits there is awaited here. Cheap to clone.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let queue = persist_queue::Options::new().open::<String>(folder.path())?.into_async();
/// queue.put("one".to_owned()).await?;
/// assert_eq!(queue.get().await?, "one");
/// queue.task_done().await?;
/// # Ok(())
/// # }
/// ```
///
/// What only touches the page cache is done where the call is polled; what waits for the disk is done
/// by one thread of the queue's for all tasks; what waits for an item costs no thread. Every future
/// may be dropped at any time: a dropped get leaves its item in the queue, a dropped put has stored
/// its item or not, and [`AsyncFileQueue::len`] says which.
///
/// An owner, in the sense of [`FileQueue::task_done`], is a clone: give each task one of its own.
pub struct AsyncFileQueue<T, C = DefaultCodec> {
    inner: Arc<Inner<T, C>>,
    owner: u64,
}

struct Inner<T, C> {
    queue: FileQueue<T, C>,
    worker: Arc<Worker>,
}

impl<T, C> Clone for AsyncFileQueue<T, C> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), owner: next_owner() }
    }
}

impl<T, C> fmt::Debug for AsyncFileQueue<T, C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AsyncFileQueue")
            .field("store", self.inner.queue.store())
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

impl<T, C: Codec<T>> FileQueue<T, C> {
    /// The same queue, for tasks on tokio.
    pub fn into_async(self) -> AsyncFileQueue<T, C> {
        let inner = Inner { queue: self, worker: Arc::default() };
        AsyncFileQueue { inner: Arc::new(inner), owner: next_owner() }
    }
}

impl<T, C: Codec<T>> AsyncFileQueue<T, C> {
    fn task(&self) -> Task<Clock> {
        Task::new(Clock, Arc::clone(&self.inner.worker))
    }

    /// The queue itself, for calls that do not wait. Threads may use it beside the tasks.
    pub fn queue(&self) -> &FileQueue<T, C> {
        &self.inner.queue
    }

    /// Puts an item, and waits while the queue is full.
    ///
    /// # Errors
    /// As [`FileQueue::put`].
    pub async fn put(&self, item: T) -> Result<(), Rejected<T>> {
        self.put_wait(item, Wait::Forever).await
    }

    /// Puts an item, and waits at most `time` while the queue is full.
    ///
    /// # Errors
    /// As [`FileQueue::put_timeout`].
    pub async fn put_timeout(&self, item: T, time: Duration) -> Result<(), Rejected<T>> {
        self.put_wait(item, Wait::For(time)).await
    }

    async fn put_wait(&self, item: T, wait: Wait) -> Result<(), Rejected<T>> {
        let queue = &self.inner.queue;
        let mut payload = Vec::new();
        if let Err(error) = queue.encode(&item, &mut payload) {
            return Err(Rejected { item, error });
        }
        let put = queue.store().put(&mut self.task(), &[&payload], wait).later().await;
        put.map_err(|error| Rejected { item, error: *error })
    }

    /// Takes the next item, and waits for one.
    ///
    /// # Errors
    /// As [`FileQueue::get`].
    pub async fn get(&self) -> Result<T> {
        loop {
            if let Some(item) = self.get_wait(Wait::Forever).await? {
                return Ok(item);
            }
        }
    }

    /// Takes the next item, and waits at most `time` for one.
    ///
    /// # Errors
    /// As [`FileQueue::get`].
    pub async fn get_timeout(&self, time: Duration) -> Result<Option<T>> {
        Ok(self.get_wait(Wait::For(time)).await?)
    }

    /// Takes the next item if one waits.
    ///
    /// # Errors
    /// As [`FileQueue::get`].
    pub async fn try_get(&self) -> Result<Option<T>> {
        Ok(self.get_wait(Wait::No).await?)
    }

    async fn get_wait(&self, wait: Wait) -> Slim<Option<T>> {
        let (queue, mut task, mut payload) = (&self.inner.queue, self.task(), Vec::new());
        queue.tell_untold()?;
        let taken = queue.store().take(&mut task, self.owner, wait, &mut payload).later().await?;
        let Some(mut taken) = taken else { return Ok(None) };
        match queue.decode(&mut taken, &payload) {
            Ok(item) => {
                taken.settle(&mut task, Fate::Delivered).later().await?;
                Ok(Some(item))
            }
            Err(error) => {
                taken.settle(&mut task, Fate::Undecodable).later().await?;
                Err(error)
            }
        }
    }

    /// Makes final what was taken through this clone so far. One that holds nothing finishes the
    /// oldest item in flight.
    ///
    /// # Errors
    /// As [`FileQueue::task_done`].
    pub async fn task_done(&self) -> Result<()> {
        let store = self.inner.queue.store();
        Ok(store.task_done(&mut self.task(), self.owner).later().await?)
    }

    /// Waits until `task_done` was called for each item.
    ///
    /// # Errors
    /// As [`FileQueue::join`].
    pub async fn join(&self) -> Result<()> {
        self.inner.queue.store().join(&mut self.task(), Wait::Forever).await?;
        Ok(())
    }

    /// How many items wait.
    ///
    /// # Errors
    /// As [`FileQueue::len`].
    pub async fn len(&self) -> Result<u64> {
        Ok(self.inner.queue.store().size(&mut self.task()).await?)
    }

    /// Whether no item waits.
    ///
    /// # Errors
    /// As [`FileQueue::len`].
    pub async fn is_empty(&self) -> Result<bool> {
        Ok(self.len().await? == 0)
    }

    /// Makes all that was done survive a dead machine, at any durability.
    ///
    /// # Errors
    /// As [`FileQueue::flush`].
    pub async fn flush(&self) -> Result<()> {
        Ok(self.inner.queue.store().flush(&mut self.task()).await?)
    }
}

impl<T, C> AsyncFileQueue<T, C>
where
    T: Send + 'static,
    C: Codec<T> + Send + Sync + 'static,
{
    /// The items as they come, until the queue is closed. They are this clone's, as those of
    /// [`AsyncFileQueue::get`].
    pub fn stream(&self) -> Arrivals<T> {
        let (inner, owner) = (Arc::clone(&self.inner), self.owner);
        Arrivals::new(move || {
            let queue = Self { inner: Arc::clone(&inner), owner };
            async move { queue.get().await }
        })
    }

    /// As [`FileQueue::close`]: ends all waits and streams of this queue.
    ///
    /// # Errors
    /// As [`FileQueue::close`].
    pub async fn close(&self) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        self.inner.worker.run(move || inner.queue.close()).await?
    }
}
