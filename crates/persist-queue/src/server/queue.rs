//! The typed queue.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::address::Address;
use super::engine::Make;
use super::options::ServerOptions;
use super::store::ServerStore;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::file::Rejected;
use crate::sql::{PutOptions, Row, Undecoded, Which, encode, encode_all};
use crate::wait::{Thread, Wait, now, this_thread};
use crate::{Error, Result};

/// A queue on a database server, for any number of machines: `MySqlQueue` and `PostgresQueue` are names for it.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use persist_queue::{MySqlAddress, MySqlOptions};
///
/// let address = MySqlAddress::new("db.example", "jobs", "secret", "work");
/// let queue = MySqlOptions::new().open(&address)?;
/// queue.put("one".to_owned())?;
/// assert_eq!(queue.get()?, "one");
/// # Ok(())
/// # }
/// ```
///
/// A put that returned and a get that returned are final: each is a transaction, unless
/// [`ServerOptions::auto_commit`] says otherwise.
#[derive(Debug)]
pub struct ServerQueue<M, T, C = DefaultCodec> {
    pub(crate) store: Arc<ServerStore>,
    pub(crate) codec: C,
    make: PhantomData<fn(M) -> M>,
    items: PhantomData<fn(T) -> T>,
}

impl<M: Make, T, C: Codec<T>> ServerQueue<M, T, C> {
    pub(super) fn new(options: ServerOptions<M>, address: &Address<M>, codec: C) -> Result<Self> {
        let store = Arc::new(ServerStore::open(address, options, false)?);
        Ok(Self { store, codec, make: PhantomData, items: PhantomData })
    }

    /// Puts an item, and waits while the queue is full. Gives its row's number; nothing where it
    /// waits already in a queue of [`Kind::Unique`](crate::sql::Kind::Unique).
    ///
    /// # Errors
    /// The item comes back, with [`Error::Encode`], [`Error::Closed`], [`Error::DoesNotFit`],
    /// [`Error::Connect`] or [`Error::Database`]: it was not put then. With [`Error::PutUnknown`] it may have
    /// been put.
    pub fn put(&self, item: T) -> Result<Option<i64>, Rejected<T>> {
        self.put_with(item, 0, Wait::Forever)
    }

    /// Puts an item with a priority, and waits as `wait` says while the queue is full.
    ///
    /// # Errors
    /// As [`ServerQueue::put`], and [`Error::Full`].
    pub fn put_with(&self, item: T, priority: i64, wait: Wait) -> Result<Option<i64>, Rejected<T>> {
        let options = PutOptions { priority, ..PutOptions::default() };
        let put = encode(&self.codec, &item, options)
            .and_then(|put| Ok(now(self.store.put(&mut Thread, vec![put], wait))?));
        match put {
            Ok(ids) => Ok(ids.into_iter().next().flatten()),
            Err(error) => Err(Rejected { item, error }),
        }
    }

    /// Puts all of the items in one transaction, or none. Gives the numbers of their rows, with nothing
    /// for an item that waits already in a queue of [`Kind::Unique`](crate::sql::Kind::Unique).
    ///
    /// # Errors
    /// As [`ServerQueue::put_with`]; all items come back.
    pub fn put_many(
        &self,
        items: Vec<T>,
        wait: Wait,
    ) -> Result<Vec<Option<i64>>, Rejected<Vec<T>>> {
        let puts = encode_all(&self.codec, &items, PutOptions::default());
        let put = puts.and_then(|puts| Ok(now(self.store.put(&mut Thread, puts, wait))?));
        put.map_err(|error| Rejected { item: items, error })
    }

    /// Takes the next item, and waits for one.
    ///
    /// # Errors
    /// [`Error::Decode`], and the row stays; [`Error::GetUnknown`], which holds the item;
    /// [`Error::Closed`], [`Error::Connect`], [`Error::Database`].
    pub fn get(&self) -> Result<T> {
        loop {
            if let Some(item) = self.get_with(Wait::Forever, Which::Next)? {
                return Ok(item);
            }
        }
    }

    /// Takes the next item if one waits.
    ///
    /// # Errors
    /// As [`ServerQueue::get`].
    pub fn try_get(&self) -> Result<Option<T>> {
        self.get_with(Wait::No, Which::Next)
    }

    /// Takes the next item, and waits at most `time` for one.
    ///
    /// # Errors
    /// As [`ServerQueue::get`].
    pub fn get_timeout(&self, time: Duration) -> Result<Option<T>> {
        self.get_with(Wait::For(time), Which::Next)
    }

    /// Takes an item, and waits as `wait` says for it.
    ///
    /// # Errors
    /// As [`ServerQueue::get`].
    pub fn get_with(&self, wait: Wait, which: Which) -> Result<Option<T>> {
        let decode = |_: &mut Thread, row: &Row| self.decode(row);
        Ok(now(self.store.get(&mut Thread, this_thread(), wait, which, decode))?)
    }

    /// Takes up to `most` items in one transaction: waits as `wait` says for the first one, and takes
    /// what else is there. Nothing where none came in time.
    ///
    /// # Errors
    /// As [`ServerQueue::get`]; [`Error::Decode`] only where it is about the first one.
    pub fn get_many(&self, most: usize, wait: Wait) -> Result<Vec<T>> {
        let decode = |_: &mut Thread, row: &Row| self.decode(row);
        Ok(now(self.store.get_many(&mut Thread, this_thread(), wait, most, decode))?)
    }

    pub(super) fn decode(&self, row: &Row) -> Result<T, Undecoded<Box<Error>>> {
        self.codec.decode(&row.data).map_err(|source| {
            let (path, sequence) = (self.store.path().to_owned(), row.id.cast_unsigned());
            Undecoded::Broken(Box::new(Error::Decode { path, sequence, source }))
        })
    }

    /// With [`ServerOptions::auto_commit`] set to `false`, makes final what this thread has taken
    /// so far, never what another one still works on, and stores all that was put through this
    /// object. A thread that holds nothing finishes the oldest item that was taken. Otherwise each
    /// get is final already, and nothing happens.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Connect`], [`Error::Database`]: nothing is done and nothing lost then.
    /// After [`Error::PutUnknown`] it may be done, and nothing is kept of what was put.
    pub fn task_done(&self) -> Result<()> {
        Ok(now(self.store.task_done(&mut Thread, this_thread()))?)
    }

    /// Waits until no item waits, and none that was taken through this object is not done. Says
    /// whether that came in time.
    ///
    /// # Errors
    /// As [`ServerQueue::len`].
    pub fn join(&self, wait: Wait) -> Result<bool> {
        Ok(now(self.store.join(&mut Thread, wait))?)
    }

    /// How many items wait.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Connect`], [`Error::Database`].
    pub fn len(&self) -> Result<u64> {
        Ok(now(self.store.size(&mut Thread))?)
    }

    /// Whether no item waits.
    ///
    /// # Errors
    /// As [`ServerQueue::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Removes all items that wait; gives how many there were.
    ///
    /// # Errors
    /// As [`ServerQueue::len`].
    pub fn purge(&self) -> Result<u64> {
        Ok(now(self.store.purge(&mut Thread))?)
    }

    /// Stores what was put, gives back what was taken and is not done, and wakes who waits through
    /// this object. Dropping does the same.
    ///
    /// # Errors
    /// [`Error::Connect`], [`Error::Database`]: the queue is open then as before. [`Error::PutUnknown`].
    pub fn close(&self) -> Result<()> {
        self.store.close()
    }
}
