//! The typed queue whose items stay until they are acknowledged.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::address::Address;
use super::engine::Make;
use super::options::ServerOptions;
use super::store::ServerStore;
use crate::codec::{Codec, Default as DefaultCodec};
use crate::file::Rejected;
use crate::sql::{Held, PutOptions, Row, Settlement, Status, Which, encode, encode_all};
use crate::wait::{Thread, Wait, now};
use crate::{Error, Result};

/// A queue on a database server that keeps each item until it is acknowledged: `MySqlAckQueue` and
/// `PostgresAckQueue` are names for it.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use persist_queue::{MySqlAddress, MySqlOptions};
///
/// let address = MySqlAddress::new("db.example", "jobs", "secret", "work");
/// let queue = MySqlOptions::new().open_ack(&address)?;
/// queue.put("a page to fetch".to_owned())?;
/// let delivery = queue.get()?;
/// println!("{}", *delivery);
/// delivery.ack()?; // dropped without a word it goes back
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ServerAckQueue<M, T, C = DefaultCodec> {
    pub(crate) store: Arc<ServerStore>,
    pub(crate) codec: C,
    make: PhantomData<fn(M) -> M>,
    items: PhantomData<fn(T) -> T>,
}

/// An item that was taken and is not acknowledged. Dropping it gives it back.
#[derive(Debug)]
pub struct ServerDelivery<'a, T> {
    item: T,
    pub(super) held: Open<'a>,
}

/// A row that must be settled.
#[derive(Debug)]
pub(super) struct Open<'a> {
    pub(super) store: &'a ServerStore,
    pub(super) held: Held,
    /// A transaction settles what it only has a reference to.
    settled: AtomicBool,
}

impl<'a> Open<'a> {
    fn new(store: &'a ServerStore, held: Held) -> Self {
        Self { store, held, settled: AtomicBool::new(false) }
    }

    /// Dropping it changes nothing any more.
    pub(super) fn note_settled(&self) {
        self.settled.store(true, Ordering::Relaxed);
    }

    fn settle(&self, settlement: Settlement) -> Result<()> {
        self.note_settled();
        let (id, token) = (self.held.row.id, self.held.token);
        let settled = now(self.store.settle(&mut Thread, vec![(id, Some(token))], settlement))?;
        match settled.first() {
            Some(Some(_)) => Ok(()),
            _ => Err(Error::NotHeld { path: self.store.path().to_owned(), id }),
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.settled.load(Ordering::Relaxed) && !self.store.is_closed() {
            let back = Settlement::Back { delay: Some(Duration::ZERO), last: false };
            if let Err(error) = self.settle(back) {
                tracing::warn!(%error, "a dropped delivery comes back when the queue is opened again");
            }
        }
    }
}

impl<T> ServerDelivery<'_, T> {
    /// The row's number.
    pub fn id(&self) -> i64 {
        self.held.held.row.id
    }

    /// How often the item was delivered, this time included.
    pub fn attempts(&self) -> u32 {
        self.held.held.attempts
    }

    /// The item is done; it is handed out.
    ///
    /// # Errors
    /// [`Error::NotHeld`] where the lease was over or somebody else has it by now;
    /// [`Error::Closed`], [`Error::Connect`], [`Error::Database`]. Then it comes back.
    pub fn ack(self) -> Result<T> {
        let Self { item, held } = self;
        held.settle(Settlement::Acked)?;
        Ok(item)
    }

    /// The item waits again, after the rest that the options say.
    ///
    /// # Errors
    /// As [`ServerDelivery::ack`].
    pub fn nack(self) -> Result<()> {
        self.held.settle(Settlement::Back { delay: None, last: false })
    }

    /// The item waits again after `delay`.
    ///
    /// # Errors
    /// As [`ServerDelivery::ack`].
    pub fn nack_after(self, delay: Duration) -> Result<()> {
        self.held.settle(Settlement::Back { delay: Some(delay), last: false })
    }

    /// The item waits again behind all others, under a new number.
    ///
    /// # Errors
    /// As [`ServerDelivery::ack`].
    pub fn nack_to_back(self) -> Result<()> {
        self.held.settle(Settlement::Back { delay: None, last: true })
    }

    /// The item is given up.
    ///
    /// # Errors
    /// As [`ServerDelivery::ack`].
    pub fn fail(self) -> Result<()> {
        self.held.settle(Settlement::Failed)
    }

    /// Holds the item for `lease` from now on.
    ///
    /// # Errors
    /// As [`ServerDelivery::ack`].
    pub fn extend(&self, lease: Duration) -> Result<()> {
        let (id, token) = (self.id(), self.held.held.token);
        if now(self.held.store.extend(&mut Thread, id, Some(token), lease))? {
            return Ok(());
        }
        Err(Error::NotHeld { path: self.held.store.path().to_owned(), id })
    }
}

impl<T> Deref for ServerDelivery<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}

impl<M: Make, T, C: Codec<T>> ServerAckQueue<M, T, C> {
    pub(super) fn new(options: ServerOptions<M>, address: &Address<M>, codec: C) -> Result<Self> {
        let store = Arc::new(ServerStore::open(address, options, true)?);
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
        self.put_with(item, PutOptions::default(), Wait::Forever)
    }

    /// Puts an item, and waits as `wait` says while the queue is full.
    ///
    /// # Errors
    /// As [`ServerAckQueue::put`], and [`Error::Full`].
    pub fn put_with(
        &self,
        item: T,
        options: PutOptions,
        wait: Wait,
    ) -> Result<Option<i64>, Rejected<T>> {
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
    /// As [`ServerAckQueue::put_with`]; all items come back.
    pub fn put_many(
        &self,
        items: Vec<T>,
        options: PutOptions,
        wait: Wait,
    ) -> Result<Vec<Option<i64>>, Rejected<Vec<T>>> {
        let puts = encode_all(&self.codec, &items, options);
        let put = puts.and_then(|puts| Ok(now(self.store.put(&mut Thread, puts, wait))?));
        put.map_err(|error| Rejected { item: items, error })
    }

    /// Takes the next item, and waits for one.
    ///
    /// # Errors
    /// [`Error::Decode`], and the row is held until the queue is opened again; [`Error::Closed`],
    /// [`Error::Connect`], [`Error::Database`].
    pub fn get(&self) -> Result<ServerDelivery<'_, T>> {
        loop {
            if let Some(delivery) = self.get_with(Wait::Forever, Which::Next, None)? {
                return Ok(delivery);
            }
        }
    }

    /// Takes the next item if one waits.
    ///
    /// # Errors
    /// As [`ServerAckQueue::get`].
    pub fn try_get(&self) -> Result<Option<ServerDelivery<'_, T>>> {
        self.get_with(Wait::No, Which::Next, None)
    }

    /// Takes an item, waits as `wait` says for it, and holds it for `lease`; as the options say where
    /// that is not given.
    ///
    /// # Errors
    /// As [`ServerAckQueue::get`].
    pub fn get_with(
        &self,
        wait: Wait,
        which: Which,
        lease: Option<Duration>,
    ) -> Result<Option<ServerDelivery<'_, T>>> {
        let held = now(self.store.hold(&mut Thread, wait, which, lease, 1))?;
        let Some(held) = held.into_iter().next() else { return Ok(None) };
        let open = Open::new(&self.store, held);
        match self.codec.decode(&open.held.row.data) {
            Ok(item) => Ok(Some(ServerDelivery { item, held: open })),
            Err(source) => {
                open.note_settled();
                let sequence = open.held.row.id.cast_unsigned();
                Err(Error::Decode { path: self.store.path().to_owned(), sequence, source })
            }
        }
    }

    /// Takes up to `most` items in one transaction: waits as `wait` says for the first one, and takes
    /// what else is there. Nothing where none came in time.
    ///
    /// # Errors
    /// As [`ServerAckQueue::get`]; [`Error::Decode`] only where it is about the first one. A later one
    /// waits again, with all that come behind it.
    pub fn get_many(
        &self,
        most: usize,
        wait: Wait,
        lease: Option<Duration>,
    ) -> Result<Vec<ServerDelivery<'_, T>>> {
        let held = now(self.store.hold(&mut Thread, wait, Which::Next, lease, most))?;
        let mut rows: VecDeque<_> =
            held.into_iter().map(|held| Open::new(&self.store, held)).collect();
        let mut deliveries = Vec::new();
        while let Some(open) = rows.pop_front() {
            match self.codec.decode(&open.held.row.data) {
                Ok(item) => deliveries.push(ServerDelivery { item, held: open }),
                // Dropped, they wait again.
                Err(_) if !deliveries.is_empty() => break,
                Err(source) => {
                    open.note_settled();
                    let sequence = open.held.row.id.cast_unsigned();
                    let path = self.store.path().to_owned();
                    return Err(Error::Decode { path, sequence, source });
                }
            }
        }
        Ok(deliveries)
    }

    /// Acknowledges many items in one transaction, and hands each out; [`Error::NotHeld`] in the
    /// place of one that is not held any more.
    ///
    /// # Errors
    /// As [`ServerDelivery::ack`], without [`Error::NotHeld`]. Then all of them come back.
    pub fn ack_many(&self, deliveries: Vec<ServerDelivery<'_, T>>) -> Result<Vec<Result<T>>> {
        let path = self.store.path();
        // What another object holds is refused, and goes back to it.
        let rows = deliveries.iter().map(|one| (one.id(), Some(one.held.held.token))).collect();
        let settled = now(self.store.settle(&mut Thread, rows, Settlement::Acked))?;
        let mut items = Vec::with_capacity(deliveries.len());
        for (ServerDelivery { item, held }, settled) in deliveries.into_iter().zip(settled) {
            if settled.is_some() {
                held.note_settled();
            }
            let id = held.held.row.id;
            let not_held = || Error::NotHeld { path: path.to_owned(), id };
            items.push(settled.map(|_| item).ok_or_else(not_held));
        }
        Ok(items)
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
    /// As [`ServerAckQueue::len`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// How many items have `status`.
    ///
    /// # Errors
    /// As [`ServerAckQueue::len`].
    pub fn count(&self, status: Status) -> Result<u64> {
        Ok(now(self.store.count(&mut Thread, status))?)
    }

    /// Removes acknowledged items: at most `most`, and none of the latest `keep`. Gives how many.
    ///
    /// # Errors
    /// As [`ServerAckQueue::len`].
    pub fn clear_acked(&self, most: Option<u64>, keep: u64) -> Result<u64> {
        Ok(now(self.store.clear_acked(&mut Thread, most, keep, false))?)
    }

    /// Has everything wait again that nobody alive holds. Gives how many items that were.
    ///
    /// # Errors
    /// As [`ServerAckQueue::len`].
    pub fn resume(&self) -> Result<u64> {
        Ok(now(self.store.resume(&mut Thread))?)
    }

    /// The numbers of the dead letters, and what they hold or why that cannot be told.
    ///
    /// # Errors
    /// As [`ServerAckQueue::len`].
    pub fn dead_letters(&self) -> Result<Vec<(i64, Result<T>)>> {
        let rows = now(self.store.dead_letters(&mut Thread))?;
        let letter = |row: Row| {
            let decoded = self.codec.decode(&row.data);
            let (path, sequence) = (self.store.path().to_owned(), row.id.cast_unsigned());
            (row.id, decoded.map_err(|source| Error::Decode { path, sequence, source }))
        };
        Ok(rows.into_iter().map(letter).collect())
    }

    /// Has dead letters wait again, as if they had never been tried. Gives how many there were.
    ///
    /// # Errors
    /// As [`ServerAckQueue::len`].
    pub fn requeue_dead(&self, ids: &[i64]) -> Result<u64> {
        Ok(now(self.store.requeue_dead(&mut Thread, ids.to_vec()))?)
    }

    /// Removes dead letters. Gives how many there were.
    ///
    /// # Errors
    /// As [`ServerAckQueue::len`].
    pub fn drop_dead(&self, ids: &[i64]) -> Result<u64> {
        Ok(now(self.store.drop_dead(&mut Thread, ids.to_vec()))?)
    }

    /// Wakes who waits through this object. What it holds comes back when the queue is opened again.
    ///
    /// # Errors
    /// None yet.
    pub fn close(&self) -> Result<()> {
        self.store.close()
    }
}
