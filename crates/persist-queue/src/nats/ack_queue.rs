//! The typed queue whose items stay until they are acknowledged.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use super::address::NatsAddress;
use super::delivery::{NatsDelivery, Open};
use super::options::NatsOptions;
use super::put;
use super::store::NatsStore;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::file::Rejected;
use crate::sql::{PutOptions, Row, Settlement, Status, Which, encode, encode_all};
use crate::wait::{Thread, Wait, now};
use crate::{Error, Result};

/// A queue on NATS `JetStream` that keeps each item until it is acknowledged.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use persist_queue::{NatsAddress, NatsOptions};
///
/// let address = NatsAddress::new("nats.example").user("jobs", "secret");
/// let queue = NatsOptions::new().open_ack(&address)?;
/// queue.put("a page to fetch".to_owned())?;
/// let delivery = queue.get()?;
/// println!("{}", *delivery);
/// delivery.ack()?; // dropped without a word it goes back
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct NatsAckQueue<T, C = DefaultCodec> {
    pub(super) store: Arc<NatsStore>,
    pub(super) codec: C,
    items: PhantomData<fn(T) -> T>,
}

impl<T, C: Codec<T>> NatsAckQueue<T, C> {
    pub(super) fn new(options: NatsOptions, address: &NatsAddress, codec: C) -> Result<Self> {
        let store = Arc::new(NatsStore::open(address, options, true)?);
        Ok(Self { store, codec, items: PhantomData })
    }

    /// Puts an item, and waits while the queue is full. Gives its number.
    ///
    /// # Errors
    /// The item comes back, with [`Error::Encode`], [`Error::Closed`], [`Error::DoesNotFit`],
    /// [`Error::Connect`] or [`Error::Database`]: it was not put then. With [`Error::PutUnknown`] it may have
    /// been put.
    pub fn put(&self, item: T) -> Result<Option<i64>, Rejected<T>> {
        self.put_with(item, PutOptions::default(), Wait::Forever)
    }

    /// Puts an item, and waits as `wait` says while the queue is full. `JetStream` has none of the options.
    ///
    /// # Errors
    /// As [`NatsAckQueue::put`], [`Error::Full`], and [`Error::Invalid`] for an option.
    pub fn put_with(
        &self,
        item: T,
        options: PutOptions,
        wait: Wait,
    ) -> Result<Option<i64>, Rejected<T>> {
        let put = encode(&self.codec, &item, options)
            .and_then(|item| Ok(now(self.store.put(&mut Thread, vec![item], wait))?));
        put::one(item, put)
    }

    /// Puts the items in their order. It is not all of them or none: where some are stored and others are
    /// not, the others come back with [`Error::PutInPart`].
    ///
    /// # Errors
    /// As [`NatsAckQueue::put_with`], where none is stored.
    pub fn put_many(
        &self,
        items: Vec<T>,
        options: PutOptions,
        wait: Wait,
    ) -> Result<Vec<Option<i64>>, Rejected<Vec<T>>> {
        let puts = encode_all(&self.codec, &items, options);
        let put = puts.and_then(|puts| Ok(now(self.store.put(&mut Thread, puts, wait))?));
        put::many(items, put)
    }

    /// Takes the next item, and waits for one.
    ///
    /// # Errors
    /// [`Error::Decode`], and the item comes again when its lease is over; [`Error::Closed`],
    /// [`Error::Connect`], [`Error::Database`].
    pub fn get(&self) -> Result<NatsDelivery<'_, T>> {
        loop {
            if let Some(delivery) = self.get_with(Wait::Forever, Which::Next, None)? {
                return Ok(delivery);
            }
        }
    }

    /// Takes the next item if one waits.
    ///
    /// # Errors
    /// As [`NatsAckQueue::get`].
    pub fn try_get(&self) -> Result<Option<NatsDelivery<'_, T>>> {
        self.get_with(Wait::No, Which::Next, None)
    }

    /// Takes an item, waits as `wait` says for it, and holds it for `lease`; as the options say where
    /// that is not given. It can only be the next one, and a lease not shorter than that of the queue.
    ///
    /// # Errors
    /// As [`NatsAckQueue::get`]; [`Error::Invalid`].
    pub fn get_with(
        &self,
        wait: Wait,
        which: Which,
        lease: Option<Duration>,
    ) -> Result<Option<NatsDelivery<'_, T>>> {
        Ok(self.take(wait, which, lease, 1)?.pop())
    }

    /// Takes up to `most` items: waits as `wait` says for the first one, and takes what else is there.
    /// Nothing where none came in time.
    ///
    /// # Errors
    /// As [`NatsAckQueue::get`]; [`Error::Decode`] only where it is about the first one. A later one
    /// waits again, with all that come behind it.
    pub fn get_many(
        &self,
        most: usize,
        wait: Wait,
        lease: Option<Duration>,
    ) -> Result<Vec<NatsDelivery<'_, T>>> {
        self.take(wait, Which::Next, lease, most)
    }

    fn take(
        &self,
        wait: Wait,
        which: Which,
        lease: Option<Duration>,
        most: usize,
    ) -> Result<Vec<NatsDelivery<'_, T>>> {
        let held = now(self.store.hold(&mut Thread, wait, which, lease, most))?;
        let mut rows: VecDeque<_> =
            held.into_iter().map(|held| Open::new(&self.store, held)).collect();
        let mut deliveries = Vec::new();
        while let Some(open) = rows.pop_front() {
            match self.decode(&open.held.row) {
                Ok(item) => deliveries.push(NatsDelivery::new(item, open)),
                // Dropped, they wait again.
                Err(_) if !deliveries.is_empty() => break,
                Err(error) => {
                    // Not at once: others come first.
                    open.let_go();
                    return Err(error);
                }
            }
        }
        Ok(deliveries)
    }

    pub(super) fn decode(&self, row: &Row) -> Result<T> {
        self.codec.decode(&row.data).map_err(|source| {
            let (path, sequence) = (self.store.path().to_owned(), row.id.cast_unsigned());
            Error::Decode { path, sequence, source }
        })
    }

    /// Acknowledges many items, and hands each out; [`Error::NotHeld`] in the place of one that is not
    /// held any more. That is not one transaction.
    ///
    /// # Errors
    /// As [`NatsDelivery::ack`], without [`Error::NotHeld`].
    pub fn ack_many(&self, deliveries: Vec<NatsDelivery<'_, T>>) -> Result<Vec<Result<T>>> {
        let path = self.store.path();
        let rows = deliveries.iter().map(NatsDelivery::place).collect();
        let settled = now(self.store.settle(&mut Thread, rows, Settlement::Acked))?;
        let items = deliveries.into_iter().zip(settled).map(|(delivery, settled)| {
            let id = delivery.id();
            if settled.is_some() {
                return Ok(delivery.settled());
            }
            Err(Error::NotHeld { path: path.to_owned(), id })
        });
        Ok(items.collect())
    }

    /// How many items are not done: those that wait, and those that somebody holds.
    ///
    /// # Errors
    /// [`Error::Closed`], [`Error::Connect`], [`Error::Database`].
    pub fn len(&self) -> Result<u64> {
        Ok(now(self.store.size(&mut Thread))?)
    }

    /// Whether no item waits and none is held.
    ///
    /// # Errors
    /// As [`NatsAckQueue::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// How many items have `status`: [`Status::New`], [`Status::Held`], in which those are that wait again, or
    /// [`Status::Dead`].
    ///
    /// # Errors
    /// As [`NatsAckQueue::len`]; [`Error::Invalid`] for one that `JetStream` does not keep account of.
    pub fn count(&self, status: Status) -> Result<u64> {
        Ok(now(self.store.count(&mut Thread, status))?)
    }

    /// Removes all items, also those that somebody holds; gives how many there were.
    ///
    /// # Errors
    /// As [`NatsAckQueue::len`].
    pub fn purge(&self) -> Result<u64> {
        Ok(now(self.store.purge(&mut Thread))?)
    }

    /// Waits until each item is done. Says whether that came in time.
    ///
    /// # Errors
    /// As [`NatsAckQueue::len`].
    pub fn join(&self, wait: Wait) -> Result<bool> {
        Ok(now(self.store.join(&mut Thread, wait))?)
    }

    /// The numbers of the dead letters, and what they hold or why that cannot be told.
    ///
    /// # Errors
    /// As [`NatsAckQueue::len`].
    pub fn dead_letters(&self) -> Result<Vec<(i64, Result<T>)>> {
        let rows = now(self.store.dead_letters(&mut Thread))?;
        Ok(rows.into_iter().map(|row| (row.id, self.decode(&row))).collect())
    }

    /// Has dead letters wait again, behind all others, as if they had never been tried. Gives how many there
    /// were.
    ///
    /// # Errors
    /// As [`NatsAckQueue::len`].
    pub fn requeue_dead(&self, ids: &[i64]) -> Result<u64> {
        Ok(now(self.store.requeue_dead(&mut Thread, ids.to_vec()))?)
    }

    /// Removes dead letters. Gives how many there were.
    ///
    /// # Errors
    /// As [`NatsAckQueue::len`].
    pub fn drop_dead(&self, ids: &[i64]) -> Result<u64> {
        Ok(now(self.store.drop_dead(&mut Thread, ids.to_vec()))?)
    }

    /// Wakes who waits through this object. What it holds waits again when its lease is over.
    ///
    /// # Errors
    /// None yet.
    pub fn close(&self) -> Result<()> {
        self.store.close();
        Ok(())
    }
}
