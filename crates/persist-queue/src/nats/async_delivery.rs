//! An item that a task has taken and not settled yet.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::store::NatsStore;
use super::tasks::task;
use crate::sql::{Held, Row, Settlement};
use crate::{Error, Result};

/// A [`NatsDelivery`](super::NatsDelivery) for tasks on tokio. Dropping it gives it back.
#[derive(Debug)]
pub struct AsyncNatsDelivery<T> {
    item: T,
    open: OpenDelivery,
}

/// What must be settled.
#[derive(Debug)]
pub(super) struct OpenDelivery {
    store: Arc<NatsStore>,
    held: Held,
    settled: bool,
}

impl OpenDelivery {
    pub(super) fn new(store: Arc<NatsStore>, held: Held) -> Self {
        Self { store, held, settled: false }
    }

    pub(super) fn row(&self) -> &Row {
        &self.held.row
    }

    /// It comes back when its lease is over.
    pub(super) fn let_go(mut self) {
        self.settled = true;
        self.store.let_go(self.held.row.id, self.held.token);
    }

    fn not_held(&self) -> Error {
        Error::NotHeld { path: self.store.path().to_owned(), id: self.held.row.id }
    }

    async fn settle(mut self, settlement: Settlement) -> Result<()> {
        // Also where this is dropped: the thread of the connections goes on with it.
        self.settled = true;
        let row = vec![(self.held.row.id, Some(self.held.token))];
        let settled = self.store.settle(&mut task(), row, settlement).await?;
        match settled.first() {
            Some(Some(_)) => Ok(()),
            _ => Err(self.not_held()),
        }
    }
}

impl Drop for OpenDelivery {
    fn drop(&mut self) {
        if !self.settled {
            self.store.give_back(self.held.row.id, self.held.token);
        }
    }
}

impl<T> AsyncNatsDelivery<T> {
    pub(super) fn new(item: T, open: OpenDelivery) -> Self {
        Self { item, open }
    }

    /// The item's number.
    pub fn id(&self) -> i64 {
        self.open.held.row.id
    }

    /// How often the item was delivered, this time included.
    pub fn attempts(&self) -> u32 {
        self.open.held.attempts
    }

    /// As [`NatsDelivery::ack`](super::NatsDelivery::ack).
    ///
    /// # Errors
    /// As there.
    pub async fn ack(self) -> Result<T> {
        let Self { item, open } = self;
        open.settle(Settlement::Acked).await?;
        Ok(item)
    }

    /// As [`NatsDelivery::nack`](super::NatsDelivery::nack).
    ///
    /// # Errors
    /// As there.
    pub async fn nack(self) -> Result<()> {
        self.open.settle(Settlement::Back { delay: None, last: false }).await
    }

    /// As [`NatsDelivery::nack_after`](super::NatsDelivery::nack_after).
    ///
    /// # Errors
    /// As there.
    pub async fn nack_after(self, delay: Duration) -> Result<()> {
        self.open.settle(Settlement::Back { delay: Some(delay), last: false }).await
    }

    /// As [`NatsDelivery::fail`](super::NatsDelivery::fail).
    ///
    /// # Errors
    /// As there.
    pub async fn fail(self) -> Result<()> {
        self.open.settle(Settlement::Failed).await
    }

    /// As [`NatsDelivery::extend`](super::NatsDelivery::extend).
    ///
    /// # Errors
    /// As there.
    pub async fn extend(&self, lease: Duration) -> Result<()> {
        let (store, token) = (&self.open.store, self.open.held.token);
        if store.extend(&mut task(), self.id(), Some(token), lease).await? {
            return Ok(());
        }
        Err(self.open.not_held())
    }
}

impl<T> Deref for AsyncNatsDelivery<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.item
    }
}
