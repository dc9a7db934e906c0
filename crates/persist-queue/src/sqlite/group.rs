//! The typed transaction of several changes.

use super::ack_queue::{Delivery, Open, SqliteAckQueue};
use super::queue::SqliteQueue;
use super::store::SqliteStore;
use super::transaction::Change;
use crate::Result;
use crate::codec::Codec;
use crate::sql::{Put, PutOptions, Settlement, encode};
use crate::wait::{Thread, now};

/// Several puts and settlements, in queues of one database, that are made together by
/// [`Group::commit`], or not at all: nothing is written before, and nothing where it is dropped.
///
/// A worker that puts its result and acknowledges its work in one group does each piece of work exactly
/// once, as far as anybody can see: killed before the commit it has published nothing and the work
/// comes back; one that lost its lease meanwhile cannot publish.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("data.db");
/// use persist_queue::{SqliteAckQueue, SqliteOptions, SqliteQueue};
///
/// let pages: SqliteAckQueue<String> = SqliteOptions::new().name("pages").open_ack(&path)?;
/// let words: SqliteQueue<usize> = SqliteOptions::new().name("words").open(&path)?;
/// pages.put("so many words".to_owned())?;
///
/// let page = pages.get()?;
/// let count = page.split(' ').count();
/// let mut group = pages.transaction();
/// group.put(&words, &count)?;
/// group.ack(&page)?;
/// group.commit()?;
/// assert_eq!((pages.len()?, words.get()?), (0, 3));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "nothing is changed before `commit`"]
pub struct Group<'a> {
    home: &'a SqliteStore,
    changes: Vec<(&'a SqliteStore, Change)>,
    deliveries: Vec<&'a Open<'a>>,
}

/// A queue that a [`Group`] can put items into: [`SqliteQueue`] and [`SqliteAckQueue`].
pub trait Inlet<T>: sealed::Sealed {
    /// Its store.
    #[doc(hidden)]
    fn store(&self) -> &SqliteStore;
    /// The row that it makes of an item.
    #[doc(hidden)]
    fn encode(&self, item: &T, options: PutOptions) -> Result<Put>;
}

mod sealed {
    pub trait Sealed {}
    impl<T, C> Sealed for super::SqliteQueue<T, C> {}
    impl<T, C> Sealed for super::SqliteAckQueue<T, C> {}
}

impl<T, C: Codec<T>> Inlet<T> for SqliteQueue<T, C> {
    fn store(&self) -> &SqliteStore {
        &self.store
    }

    fn encode(&self, item: &T, options: PutOptions) -> Result<Put> {
        encode(&self.codec, item, options)
    }
}

impl<T, C: Codec<T>> Inlet<T> for SqliteAckQueue<T, C> {
    fn store(&self) -> &SqliteStore {
        &self.store
    }

    fn encode(&self, item: &T, options: PutOptions) -> Result<Put> {
        encode(&self.codec, item, options)
    }
}

impl<'a> Group<'a> {
    pub(super) fn new(home: &'a SqliteStore) -> Self {
        Self { home, changes: Vec::new(), deliveries: Vec::new() }
    }

    /// Has an item put into `queue`. Where it waits already in a queue of
    /// [`Kind::Unique`](crate::sql::Kind::Unique) nothing is stored, and the group goes on.
    ///
    /// # Errors
    /// As [`Group::put_with`].
    pub fn put<T>(&mut self, queue: &'a impl Inlet<T>, item: &T) -> Result<()> {
        self.put_with(queue, item, PutOptions::default())
    }

    /// As [`Group::put`], and says when the item comes out.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for a queue in another database, for one with
    /// [`auto_commit`](super::SqliteOptions::auto_commit) off, and for options that its kind of queue
    /// does not know; [`Error::Encode`](crate::Error::Encode), [`Error::Closed`](crate::Error::Closed).
    pub fn put_with<T>(
        &mut self,
        queue: &'a impl Inlet<T>,
        item: &T,
        options: PutOptions,
    ) -> Result<()> {
        let put = queue.encode(item, options)?;
        self.add(queue.store(), Change::Put(put))
    }

    /// Has an item acknowledged.
    ///
    /// # Errors
    /// As [`Group::settle`].
    pub fn ack<T>(&mut self, delivery: &'a Delivery<'_, T>) -> Result<()> {
        self.settle(delivery, Settlement::Acked)
    }

    /// Has an item wait again, after the rest that the options of its queue say.
    ///
    /// # Errors
    /// As [`Group::settle`].
    pub fn nack<T>(&mut self, delivery: &'a Delivery<'_, T>) -> Result<()> {
        self.settle(delivery, Settlement::Back { delay: None, last: false })
    }

    /// Has an item given up.
    ///
    /// # Errors
    /// As [`Group::settle`].
    pub fn fail<T>(&mut self, delivery: &'a Delivery<'_, T>) -> Result<()> {
        self.settle(delivery, Settlement::Failed)
    }

    /// Says what becomes of an item. Where the group is not committed, or cannot be, the delivery is as
    /// it was.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) for an item of a queue in another database,
    /// [`Error::Closed`](crate::Error::Closed).
    pub fn settle<T>(
        &mut self,
        delivery: &'a Delivery<'_, T>,
        settlement: Settlement,
    ) -> Result<()> {
        let open = &delivery.held;
        let (id, token) = (open.held.row.id, Some(open.held.token));
        self.add(open.store, Change::Settle { id, token, settlement })?;
        self.deliveries.push(open);
        Ok(())
    }

    fn add(&mut self, store: &'a SqliteStore, change: Change) -> Result<()> {
        self.home.check_change(store, &change)?;
        self.changes.push((store, change));
        Ok(())
    }

    /// Makes all of the changes, in their order, in one transaction. It waits for the disk where one of the
    /// queues does. Gives a row's number for each change: nothing for an item that waits already.
    ///
    /// # Errors
    /// [`Error::Full`](crate::Error::Full) where a queue has no room: the commit does not wait for any.
    /// [`Error::NotHeld`](crate::Error::NotHeld) where an item is settled that is not held any more, or
    /// twice. [`Error::Closed`](crate::Error::Closed), [`Error::Locked`](crate::Error::Locked),
    /// [`Error::Io`](crate::Error::Io), [`Error::Database`](crate::Error::Database). After an error
    /// nothing was changed.
    pub fn commit(self) -> Result<Vec<Option<i64>>> {
        let done = now(self.home.change_all(&mut Thread, self.changes))?;
        self.deliveries.iter().for_each(|open| open.note_settled());
        Ok(done)
    }
}
