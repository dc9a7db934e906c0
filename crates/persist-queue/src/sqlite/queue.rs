//! The typed queue.

use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Transaction;

use super::group::Group;
use super::options::SqliteOptions;
use super::store::SqliteStore;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::file::Rejected;
use crate::sql::{PutOptions, Row, Undecoded, Which, encode, encode_all};
use crate::wait::{Thread, Wait, now, this_thread};
use crate::{Error, Result};

/// A queue in an SQLite database, for any number of threads and processes, and for persist-queue 1.x
/// on the same file at the same time.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let queue = persist_queue::SqliteOptions::new().open(folder.path().join("data.db"))?;
/// queue.put("one".to_owned())?;
/// assert_eq!(queue.get()?, "one");
/// # Ok(())
/// # }
/// ```
///
/// A put that returned and a get that returned are final: each is a transaction, unless
/// [`SqliteOptions::auto_commit`] says otherwise. What a dead machine takes is the choice of
/// [`Durability`](crate::Durability).
#[derive(Debug)]
pub struct SqliteQueue<T, C = DefaultCodec> {
    pub(super) store: Arc<SqliteStore>,
    pub(super) codec: C,
    items: PhantomData<fn(T) -> T>,
}

impl<T, C: Codec<T>> SqliteQueue<T, C> {
    pub(super) fn new(options: SqliteOptions, path: &Path, codec: C) -> Result<Self> {
        let store = Arc::new(SqliteStore::open(path, options, false)?);
        Ok(Self { store, codec, items: PhantomData })
    }

    /// Puts an item, and waits while the queue is full. Gives its row's number; nothing where it
    /// waits already in a queue of [`Kind::Unique`](crate::sql::Kind::Unique).
    ///
    /// # Errors
    /// The item comes back, with [`Error::Encode`], [`Error::Closed`], [`Error::Locked`],
    /// [`Error::Io`] or [`Error::Database`]. It was not put then.
    pub fn put(&self, item: T) -> Result<Option<i64>, Rejected<T>> {
        self.put_with(item, 0, Wait::Forever)
    }

    /// Puts an item with a priority, and waits as `wait` says while the queue is full.
    ///
    /// # Errors
    /// As [`SqliteQueue::put`], and [`Error::Full`].
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
    /// As [`SqliteQueue::put_with`]; all items come back.
    pub fn put_many(
        &self,
        items: Vec<T>,
        wait: Wait,
    ) -> Result<Vec<Option<i64>>, Rejected<Vec<T>>> {
        let puts = encode_all(&self.codec, &items, PutOptions::default());
        let put = puts.and_then(|puts| Ok(now(self.store.put(&mut Thread, puts, wait))?));
        put.map_err(|error| Rejected { item: items, error })
    }

    /// Puts an item in a transaction of the caller's own on the same database file: it is there for
    /// others once he commits, together with what he changed in tables of his own, and never after a
    /// rollback. Gives its row's number, as [`SqliteQueue::put`] does.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("data.db");
    /// use persist_queue::{SqliteOptions, SqliteQueue, rusqlite::Connection};
    ///
    /// let orders: SqliteQueue<String> = SqliteOptions::new().open(&path)?;
    /// let mut connection = Connection::open(&path)?;
    /// connection.execute_batch("CREATE TABLE stock (thing TEXT, pieces INTEGER)")?;
    ///
    /// let transaction = connection.transaction()?;
    /// transaction.execute("INSERT INTO stock VALUES ('hat', -1)", [])?;
    /// orders.put_in(&transaction, &"a hat".to_owned(), 0)?;
    /// transaction.commit()?; // a get that waits for an order wakes now
    /// assert_eq!(orders.get()?, "a hat");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Until the caller's transaction ends nobody else can write, so do not call anything else that
    /// writes to the database from the same thread: it waits for the lock in vain.
    ///
    /// # Errors
    /// [`Error::Full`] at once where there is no room; [`Error::Invalid`] for a transaction on another
    /// database, for a queue in memory or one with [`SqliteOptions::auto_commit`] off, and for a
    /// priority where there is none; [`Error::Encode`], [`Error::Closed`], [`Error::Locked`],
    /// [`Error::Io`], [`Error::Database`]. Then it was not put, and the transaction can go on, unless
    /// SQLite has rolled it back, as on a full disk.
    pub fn put_in(
        &self,
        transaction: &Transaction<'_>,
        item: &T,
        priority: i64,
    ) -> Result<Option<i64>> {
        let options = PutOptions { priority, ..PutOptions::default() };
        self.store.put_in(transaction, encode(&self.codec, item, options)?)
    }

    /// Begins a transaction of several changes, in this queue and in others of the same database.
    pub fn transaction(&self) -> Group<'_> {
        Group::new(&self.store)
    }

    /// Takes the next item, and waits for one.
    ///
    /// # Errors
    /// [`Error::Decode`], and the row stays; [`Error::Closed`], [`Error::Locked`], [`Error::Io`],
    /// [`Error::Database`].
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
    /// As [`SqliteQueue::get`].
    pub fn try_get(&self) -> Result<Option<T>> {
        self.get_with(Wait::No, Which::Next)
    }

    /// Takes the next item, and waits at most `time` for one.
    ///
    /// # Errors
    /// As [`SqliteQueue::get`].
    pub fn get_timeout(&self, time: Duration) -> Result<Option<T>> {
        self.get_with(Wait::For(time), Which::Next)
    }

    /// Takes an item, and waits as `wait` says for it.
    ///
    /// # Errors
    /// As [`SqliteQueue::get`].
    pub fn get_with(&self, wait: Wait, which: Which) -> Result<Option<T>> {
        let decode = |_: &mut Thread, row: &Row| self.decode(row);
        Ok(now(self.store.get(&mut Thread, this_thread(), wait, which, decode))?)
    }

    /// Takes up to `most` items in one transaction: waits as `wait` says for the first one, and takes
    /// what else is there. Nothing where none came in time.
    ///
    /// # Errors
    /// As [`SqliteQueue::get`]; [`Error::Decode`] only where it is about the first one.
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

    /// With [`SqliteOptions::auto_commit`] set to `false`, makes final what this thread has taken
    /// so far, never what another one still works on, and stores all that was put through this
    /// object. A thread that holds nothing finishes the oldest item that was taken. Otherwise each
    /// get is final already, and nothing happens.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Locked`], [`Error::Io`], [`Error::Database`]. Nothing is done and
    /// nothing lost then.
    pub fn task_done(&self) -> Result<()> {
        Ok(now(self.store.task_done(&mut Thread, this_thread()))?)
    }

    /// Waits until no item waits, and none that was taken through this object is not done. Says
    /// whether that came in time.
    ///
    /// # Errors
    /// As [`SqliteQueue::len`].
    pub fn join(&self, wait: Wait) -> Result<bool> {
        Ok(now(self.store.join(&mut Thread, wait))?)
    }

    /// How many items wait.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Locked`], [`Error::Io`], [`Error::Database`].
    pub fn len(&self) -> Result<u64> {
        Ok(now(self.store.size(&mut Thread))?)
    }

    /// Whether no item waits.
    ///
    /// # Errors
    /// As [`SqliteQueue::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Removes all items that wait; gives how many there were.
    ///
    /// # Errors
    /// As [`SqliteQueue::len`].
    pub fn purge(&self) -> Result<u64> {
        Ok(now(self.store.purge(&mut Thread))?)
    }

    /// Stores what was put, gives back what was taken and is not done, and wakes who waits through
    /// this object. Dropping does the same.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Io`], [`Error::Database`]. The queue is open then as before.
    pub fn close(&self) -> Result<()> {
        self.store.close()
    }
}
