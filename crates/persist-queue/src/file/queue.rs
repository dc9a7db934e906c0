//! The typed queue.

use std::cell::Cell;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::options::Options;
use super::store::{FileStore, Patience};
use super::take::Fate;
use super::taken::Taken;
use crate::codec::{Bytes, Codec, CodecError, Default as DefaultCodec};
use crate::error::Slim;
use crate::wait::{Thread, Wait, now, this_thread};
use crate::{Error, Result};

/// A first-in first-out queue in a folder, for any number of threads and processes.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let queue = persist_queue::Options::new().open(folder.path())?;
/// queue.put("one".to_owned())?;
/// assert_eq!(queue.get()?, "one");
/// queue.task_done()?; // until here, "one" would have come back after a crash
/// # Ok(())
/// # }
/// ```
///
/// A put that returned is there for whoever opens the folder after this process died, however it
/// died; what a dead machine takes is the choice of [`Durability`](crate::Durability). A take is
/// final at once with [`Options::autosave`], else with [`FileQueue::task_done`].
#[derive(Debug)]
pub struct FileQueue<T, C = DefaultCodec> {
    store: FileStore,
    codec: C,
    untold: Untold,
    items: PhantomData<fn(T) -> T>,
}

/// Errors that came behind items that were given out; the next take tells them.
#[derive(Debug, Default)]
struct Untold {
    any: AtomicBool,
    errors: Mutex<VecDeque<Box<Error>>>,
}

impl Untold {
    fn keep(&self, error: Box<Error>) {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).push_back(error);
        self.any.store(true, Ordering::Release);
    }

    #[inline]
    fn tell(&self) -> Slim<()> {
        if self.any.load(Ordering::Acquire) { self.tell_first() } else { Ok(()) }
    }

    #[cold]
    fn tell_first(&self) -> Slim<()> {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        let first = errors.pop_front();
        self.any.store(!errors.is_empty(), Ordering::Release);
        first.map_or(Ok(()), Err)
    }
}

/// An item that was not put, and why.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct Rejected<T> {
    /// The item.
    pub item: T,
    /// Why it was not put.
    #[source]
    pub error: Error,
}

thread_local! {
    /// Where payloads are built and read into; kept between calls so that it grows once.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A buffer that is larger than this is not kept.
const KEPT_BUFFER: usize = 1 << 20;

/// Lends the thread's buffer. A codec that uses a queue itself gets another one.
#[inline]
fn with_buffer<R>(work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut buffer = BUFFER.take();
    buffer.clear();
    let result = work(&mut buffer);
    if buffer.capacity() <= KEPT_BUFFER {
        BUFFER.set(buffer);
    }
    result
}

#[cfg(feature = "tokio")]
impl<T, C> FileQueue<T, C> {
    pub(super) fn store(&self) -> &FileStore {
        &self.store
    }

    pub(super) fn tell_untold(&self) -> Slim<()> {
        self.untold.tell()
    }
}

impl<T, C: Codec<T>> FileQueue<T, C> {
    pub(super) fn new(options: Options, path: &Path, codec: C) -> Result<Self> {
        let store = FileStore::open(path, codec.name(), options, Patience::Wait)?;
        Ok(Self { store, codec, untold: Untold::default(), items: PhantomData })
    }

    /// Puts an item, and waits while the queue is full.
    ///
    /// # Errors
    /// The item comes back, with [`Error::Encode`], [`Error::TooLarge`], [`Error::Closed`] or
    /// [`Error::Io`]. It was not put then, and is never delivered.
    pub fn put(&self, item: T) -> Result<(), Rejected<T>> {
        self.put_wait(item, Wait::Forever)
    }

    /// Puts an item if there is room.
    ///
    /// # Errors
    /// As [`FileQueue::put`], and [`Error::Full`].
    pub fn try_put(&self, item: T) -> Result<(), Rejected<T>> {
        self.put_wait(item, Wait::No)
    }

    /// Puts an item, and waits at most `time` while the queue is full.
    ///
    /// # Errors
    /// As [`FileQueue::put`], and [`Error::Full`].
    pub fn put_timeout(&self, item: T, time: Duration) -> Result<(), Rejected<T>> {
        self.put_wait(item, Wait::For(time))
    }

    #[inline]
    fn put_wait(&self, item: T, wait: Wait) -> Result<(), Rejected<T>> {
        let put = match self.codec.encoded(&item) {
            Some(payload) => self.put_payload(payload, wait),
            None => with_buffer(|payload| {
                self.encode(&item, payload)?;
                self.put_payload(payload, wait)
            }),
        };
        put.map_err(|error| Rejected { item, error })
    }

    #[inline]
    fn put_payload(&self, payload: &[u8], wait: Wait) -> Result<()> {
        Ok(self.store.put(&mut Thread, &[payload], wait).now()?)
    }

    /// Puts items in one piece, and waits while there is no room for all of them. A process that
    /// dies meanwhile may leave the first of them.
    ///
    /// # Errors
    /// As [`FileQueue::put`], and [`Error::Full`] where they are more than the queue can hold. None
    /// of them was put then.
    pub fn put_many(&self, items: Vec<T>) -> Result<(), Rejected<Vec<T>>> {
        let put = items
            .iter()
            .map(|item| {
                let mut payload = Vec::new();
                self.encode(item, &mut payload).map(|()| payload)
            })
            .collect::<Result<Vec<_>>>()
            .and_then(|payloads| {
                Ok(self.store.put(&mut Thread, &payloads, Wait::Forever).now()?)
            });
        put.map_err(|error| Rejected { item: items, error })
    }

    /// Takes the next item, and waits for one.
    ///
    /// # Errors
    /// [`Error::Corrupted`] once for each damaged place in the log, [`Error::Decode`],
    /// [`Error::ConsumedElsewhere`], [`Error::Closed`], [`Error::Io`]. The next take goes on.
    pub fn get(&self) -> Result<T> {
        loop {
            if let Some(item) = self.get_wait(Wait::Forever)? {
                return Ok(item);
            }
        }
    }

    /// Takes the next item if one waits.
    ///
    /// # Errors
    /// As [`FileQueue::get`].
    pub fn try_get(&self) -> Result<Option<T>> {
        Ok(self.get_wait(Wait::No)?)
    }

    /// Takes the next item, and waits at most `time` for one.
    ///
    /// # Errors
    /// As [`FileQueue::get`].
    pub fn get_timeout(&self, time: Duration) -> Result<Option<T>> {
        Ok(self.get_wait(Wait::For(time))?)
    }

    #[inline]
    fn get_wait(&self, wait: Wait) -> Slim<Option<T>> {
        self.untold.tell()?;
        let owner = this_thread();
        if self.codec.decodes_anything() {
            let mut payload = Vec::new();
            let taken = self.store.take_delivered(owner, wait, &mut payload)?;
            return taken.map(|sequence| self.decode_owned(sequence, payload)).transpose();
        }
        with_buffer(|payload| {
            let taken = self.store.take_number(&mut Thread, owner, wait, payload, false).now()?;
            let taken = taken.map(|sequence| self.store.hold(owner, sequence));
            taken.map(|taken| self.deliver(taken, payload)).transpose()
        })
    }

    /// Takes up to `most` items: waits as `wait` says for the first one, and takes what else is
    /// there. With autosave they become final together: all or none.
    ///
    /// # Errors
    /// As [`FileQueue::get`]; an error behind the first item is left to the next call.
    pub fn get_many(&self, most: usize, wait: Wait) -> Result<Vec<T>> {
        self.untold.tell()?;
        let (mut items, mut held) = (Vec::new(), Vec::new());
        while items.len() < most {
            let wait = if items.is_empty() { wait } else { Wait::No };
            match with_buffer(|payload| self.take_and_decode(wait, payload)) {
                Ok(Some((taken, item))) => {
                    held.push(taken);
                    items.push(item);
                }
                Ok(None) if items.is_empty() && wait == Wait::Forever => {}
                Ok(None) => break,
                Err(error) if items.is_empty() => return Err(*error),
                Err(error) => {
                    self.untold.keep(error);
                    break;
                }
            }
        }
        now(self.store.settle_all(&mut Thread, held))?;
        Ok(items)
    }

    fn take_and_decode(&self, wait: Wait, payload: &mut Vec<u8>) -> Slim<Option<(Taken<'_>, T)>> {
        let taken = self.store.take(&mut Thread, this_thread(), wait, payload).now()?;
        let Some(mut taken) = taken else { return Ok(None) };
        match self.decode(&mut taken, payload) {
            Ok(item) => {
                taken.otherwise(Fate::GivenBack);
                Ok(Some((taken, item)))
            }
            Err(error) => {
                taken.settle(&mut Thread, Fate::Undecodable).now()?;
                Err(error)
            }
        }
    }

    #[inline]
    fn deliver(&self, mut taken: Taken<'_>, payload: &[u8]) -> Slim<T> {
        match self.decode(&mut taken, payload) {
            Ok(item) => {
                taken.settle(&mut Thread, Fate::Delivered).now()?;
                Ok(item)
            }
            Err(error) => {
                taken.settle(&mut Thread, Fate::Undecodable).now()?;
                Err(error)
            }
        }
    }

    /// The item of a record that was taken, which is set aside where the codec panics.
    #[inline]
    pub(super) fn decode(&self, taken: &mut Taken<'_>, payload: &[u8]) -> Slim<T> {
        taken.otherwise(Fate::Undecodable);
        self.decode_record(taken.sequence(), payload)
    }

    #[inline]
    fn decode_record(&self, sequence: u64, payload: &[u8]) -> Slim<T> {
        self.codec.decode(payload).map_err(|source| self.undecodable(sequence, source).into())
    }

    #[inline]
    fn decode_owned(&self, sequence: u64, payload: Vec<u8>) -> Slim<T> {
        self.codec.decode_owned(payload).map_err(|source| self.undecodable(sequence, source).into())
    }

    #[cold]
    fn undecodable(&self, sequence: u64, source: CodecError) -> Error {
        Error::Decode { path: self.store.dir().to_owned(), sequence, source }
    }

    /// Makes final what this thread has taken so far. A thread that holds nothing finishes the
    /// oldest item in flight.
    ///
    /// # Errors
    /// [`Error::NothingUnfinished`] where it was called more often than there were items;
    /// [`Error::Io`].
    pub fn task_done(&self) -> Result<()> {
        Ok(self.store.task_done(&mut Thread, this_thread()).now()?)
    }

    /// Waits until `task_done` was called for each item.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Io`].
    pub fn join(&self) -> Result<()> {
        now(self.store.join(&mut Thread, Wait::Forever))?;
        Ok(())
    }

    /// A copy of the next item, which stays.
    ///
    /// # Errors
    /// As [`FileQueue::get`].
    pub fn peek(&self) -> Result<Option<T>> {
        let mut payload = Vec::new();
        let Some(sequence) = now(self.store.peek(&mut Thread, &mut payload))? else {
            return Ok(None);
        };
        Ok(self.decode_record(sequence, &payload).map(Some)?)
    }

    /// How many items wait.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Io`].
    pub fn len(&self) -> Result<u64> {
        Ok(now(self.store.size(&mut Thread))?)
    }

    /// Whether no item waits.
    ///
    /// # Errors
    /// As [`FileQueue::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// How many items were put and are not done.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn unfinished(&self) -> Result<u64> {
        self.store.unfinished()
    }

    /// Takes items until none waits.
    pub fn iter(&self) -> Iter<'_, T, C> {
        Iter { queue: self }
    }

    /// Removes all items that wait; gives how many there were.
    ///
    /// # Errors
    /// [`Error::ConsumedElsewhere`], [`Error::Io`].
    pub fn purge(&self) -> Result<u64> {
        Ok(now(self.store.purge(&mut Thread))?)
    }

    /// Makes all that was done survive a dead machine, at any durability.
    ///
    /// # Errors
    /// [`Error::Io`] where the disk refuses.
    pub fn flush(&self) -> Result<()> {
        Ok(now(self.store.flush(&mut Thread))?)
    }

    /// Gives back what this object has in flight and wakes who waits through it. Dropping does the
    /// same.
    ///
    /// # Errors
    /// [`Error::Io`] where the last flush failed.
    pub fn close(&self) -> Result<()> {
        self.store.close()
    }

    pub(super) fn encode(&self, item: &T, payload: &mut Vec<u8>) -> Result<()> {
        self.codec.encode(item, payload).map_err(Error::Encode)
    }
}

impl FileQueue<Vec<u8>, Bytes> {
    /// As [`FileQueue::put`], for bytes that stay with the caller.
    ///
    /// # Errors
    /// As [`FileQueue::put`], and [`Error::Full`] where there was no room in time.
    pub fn put_bytes(&self, item: &[u8], wait: Wait) -> Result<()> {
        self.put_payload(item, wait)
    }
}

/// Takes items until none waits.
#[derive(Debug)]
pub struct Iter<'a, T, C> {
    queue: &'a FileQueue<T, C>,
}

impl<T, C: Codec<T>> Iterator for Iter<'_, T, C> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        self.queue.try_get().transpose()
    }
}

impl<'a, T, C: Codec<T>> IntoIterator for &'a FileQueue<T, C> {
    type Item = Result<T>;
    type IntoIter = Iter<'a, T, C>;

    fn into_iter(self) -> Iter<'a, T, C> {
        self.iter()
    }
}
