//! The typed queue.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::address::NatsAddress;
use super::options::NatsOptions;
use super::put;
use super::store::NatsStore;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::file::Rejected;
use crate::sql::{PutOptions, Row, Undecoded, Which, encode, encode_all};
use crate::wait::{Thread, Wait, now};
use crate::{Error, Result};

/// A queue on NATS `JetStream`, for any number of machines.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use persist_queue::{NatsAddress, NatsOptions};
///
/// let address = NatsAddress::new("nats.example").user("jobs", "secret");
/// let queue = NatsOptions::new().open(&address)?;
/// queue.put("one".to_owned())?;
/// assert_eq!(queue.get()?, "one");
/// # Ok(())
/// # }
/// ```
///
/// A put that returned is stored by the server, and a get that returned is done there. What that is worth where a
/// server dies is a matter of its settings: see docs/nats.md.
#[derive(Debug)]
pub struct NatsQueue<T, C = DefaultCodec> {
    pub(super) store: Arc<NatsStore>,
    pub(super) codec: C,
    items: PhantomData<fn(T) -> T>,
}

impl<T, C: Codec<T>> NatsQueue<T, C> {
    pub(super) fn new(options: NatsOptions, address: &NatsAddress, codec: C) -> Result<Self> {
        let store = Arc::new(NatsStore::open(address, options, false)?);
        Ok(Self { store, codec, items: PhantomData })
    }

    /// Puts an item, and waits while the queue is full. Gives its number.
    ///
    /// # Errors
    /// The item comes back, with [`Error::Encode`], [`Error::Closed`], [`Error::DoesNotFit`],
    /// [`Error::Connect`] or [`Error::Database`]: it was not put then. With [`Error::PutUnknown`] it may have
    /// been put.
    pub fn put(&self, item: T) -> Result<Option<i64>, Rejected<T>> {
        self.put_with(item, 0, Wait::Forever)
    }

    /// Puts an item, and waits as `wait` says while the queue is full. There are no priorities but 0.
    ///
    /// # Errors
    /// As [`NatsQueue::put`], [`Error::Full`], and [`Error::Invalid`] for another priority.
    pub fn put_with(&self, item: T, priority: i64, wait: Wait) -> Result<Option<i64>, Rejected<T>> {
        let options = PutOptions { priority, ..PutOptions::default() };
        let put = encode(&self.codec, &item, options)
            .and_then(|item| Ok(now(self.store.put(&mut Thread, vec![item], wait))?));
        put::one(item, put)
    }

    /// Puts the items in their order. It is not all of them or none: where some are stored and others are
    /// not, the others come back with [`Error::PutInPart`].
    ///
    /// # Errors
    /// As [`NatsQueue::put_with`], where none is stored.
    pub fn put_many(
        &self,
        items: Vec<T>,
        wait: Wait,
    ) -> Result<Vec<Option<i64>>, Rejected<Vec<T>>> {
        let puts = encode_all(&self.codec, &items, PutOptions::default());
        let put = puts.and_then(|puts| Ok(now(self.store.put(&mut Thread, puts, wait))?));
        put::many(items, put)
    }

    /// Takes the next item, and waits for one.
    ///
    /// # Errors
    /// [`Error::Decode`], and the item comes again when its lease is over; [`Error::GetUnknown`], which holds
    /// the item; [`Error::Closed`], [`Error::Connect`], [`Error::Database`].
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
    /// As [`NatsQueue::get`].
    pub fn try_get(&self) -> Result<Option<T>> {
        self.get_with(Wait::No, Which::Next)
    }

    /// Takes the next item, and waits at most `time` for one.
    ///
    /// # Errors
    /// As [`NatsQueue::get`].
    pub fn get_timeout(&self, time: Duration) -> Result<Option<T>> {
        self.get_with(Wait::For(time), Which::Next)
    }

    /// Takes an item, and waits as `wait` says for it. It can only be the next one.
    ///
    /// # Errors
    /// As [`NatsQueue::get`]; [`Error::Invalid`] for another than the next.
    pub fn get_with(&self, wait: Wait, which: Which) -> Result<Option<T>> {
        let decode = |_: &mut Thread, row: &Row| self.decode(row);
        Ok(now(self.store.get(&mut Thread, wait, which, 1, decode))?.pop())
    }

    /// Takes up to `most` items: waits as `wait` says for the first one, and takes what else is there.
    /// Nothing where none came in time.
    ///
    /// # Errors
    /// As [`NatsQueue::get`]; [`Error::Decode`] only where it is about the first one.
    pub fn get_many(&self, most: usize, wait: Wait) -> Result<Vec<T>> {
        let decode = |_: &mut Thread, row: &Row| self.decode(row);
        Ok(now(self.store.get(&mut Thread, wait, Which::Next, most, decode))?)
    }

    pub(super) fn decode(&self, row: &Row) -> Result<T, Undecoded<Box<Error>>> {
        self.codec.decode(&row.data).map_err(|source| {
            let (path, sequence) = (self.store.path().to_owned(), row.id.cast_unsigned());
            Undecoded::Broken(Box::new(Error::Decode { path, sequence, source }))
        })
    }

    /// Waits until no item waits. Says whether that came in time.
    ///
    /// # Errors
    /// As [`NatsQueue::len`].
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
    /// As [`NatsQueue::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Removes all items; gives how many there were.
    ///
    /// # Errors
    /// As [`NatsQueue::len`].
    pub fn purge(&self) -> Result<u64> {
        Ok(now(self.store.purge(&mut Thread))?)
    }

    /// Wakes who waits through this object. Dropping does the same.
    ///
    /// # Errors
    /// None yet.
    pub fn close(&self) -> Result<()> {
        self.store.close();
        Ok(())
    }
}
