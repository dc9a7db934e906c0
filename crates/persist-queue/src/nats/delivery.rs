//! An item that was taken and is not settled yet.

use std::ops::Deref;
use std::time::Duration;

use super::store::NatsStore;
use crate::sql::{Held, Settlement};
use crate::wait::{Thread, now};
use crate::{Error, Result};

/// An item that was taken and is not acknowledged. Dropping it gives it back.
#[derive(Debug)]
pub struct NatsDelivery<'a, T> {
    item: T,
    held: Open<'a>,
}

/// What must be settled.
#[derive(Debug)]
pub(super) struct Open<'a> {
    store: &'a NatsStore,
    pub(super) held: Held,
    settled: bool,
}

impl<'a> Open<'a> {
    pub(super) fn new(store: &'a NatsStore, held: Held) -> Self {
        Self { store, held, settled: false }
    }

    /// It comes back when its lease is over.
    pub(super) fn let_go(mut self) {
        self.settled = true;
        self.store.let_go(self.held.row.id, self.held.token);
    }

    fn settle(&mut self, settlement: Settlement) -> Result<()> {
        self.settled = true;
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
        if !self.settled && !self.store.is_closed() {
            let back = Settlement::Back { delay: Some(Duration::ZERO), last: false };
            if let Err(error) = self.settle(back) {
                tracing::warn!(%error, "a dropped delivery comes back when its lease is over");
            }
        }
    }
}

impl<'a, T> NatsDelivery<'a, T> {
    pub(super) fn new(item: T, held: Open<'a>) -> Self {
        Self { item, held }
    }

    /// Its number and token.
    pub(super) fn place(&self) -> (i64, Option<i64>) {
        (self.id(), Some(self.held.held.token))
    }

    /// Somebody settled it.
    pub(super) fn settled(self) -> T {
        let Self { item, mut held } = self;
        held.settled = true;
        item
    }

    /// The item's number.
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
    /// [`Error::NotHeld`] where the lease was over; [`Error::Closed`]. Then it comes back.
    /// [`Error::Database`] where the server did not answer: it is done, or comes back.
    pub fn ack(self) -> Result<T> {
        let Self { item, mut held } = self;
        held.settle(Settlement::Acked)?;
        Ok(item)
    }

    /// The item waits again, after the rest that the options say.
    ///
    /// # Errors
    /// As [`NatsDelivery::ack`].
    pub fn nack(mut self) -> Result<()> {
        self.held.settle(Settlement::Back { delay: None, last: false })
    }

    /// The item waits again after `delay`.
    ///
    /// # Errors
    /// As [`NatsDelivery::ack`].
    pub fn nack_after(mut self, delay: Duration) -> Result<()> {
        self.held.settle(Settlement::Back { delay: Some(delay), last: false })
    }

    /// The item is given up: it becomes a dead letter.
    ///
    /// # Errors
    /// As [`NatsDelivery::ack`].
    pub fn fail(mut self) -> Result<()> {
        self.held.settle(Settlement::Failed)
    }

    /// Holds the item for `lease` from now on, if this process lives.
    ///
    /// # Errors
    /// As [`NatsDelivery::ack`].
    pub fn extend(&self, lease: Duration) -> Result<()> {
        let (id, token) = (self.id(), self.held.held.token);
        if now(self.held.store.extend(&mut Thread, id, Some(token), lease))? {
            return Ok(());
        }
        Err(Error::NotHeld { path: self.held.store.path().to_owned(), id })
    }
}

impl<T> Deref for NatsDelivery<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}
