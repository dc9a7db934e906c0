//! What the backends on database servers share: all but how a transaction of the program's own is begun.

use std::sync::Arc;
use std::time::Duration;

use persist_queue::server::{
    Address, AsyncServerAckQueue, AsyncServerQueue, Make, ServerAckQueue, ServerDelivery,
    ServerOptions, ServerQueue,
};
use persist_queue::sql::{Flavour, PutOptions, Status};
use persist_queue::{Result, Wait};

use crate::backend::{
    AckTasks, Acks, Backend, End, Fate, Held, Later, Missing, Opened, Plain, Tasks, Wanted,
    unless_refused,
};
use crate::typed::{ack_tasks, acks, held, in_database, options, plain, tasks};

/// What differs from make to make.
pub(crate) trait Kind: Make {
    /// What its column in the table is called.
    const NAME: &'static str;
    /// A database that is dropped in the end.
    type Database: Send + Sync;

    /// See [`Backend::put_in`].
    fn put_in(
        _place: &OnServer<Self>,
        _queue: &str,
        _item: &str,
        _: End,
        _before_end: &mut dyn FnMut(),
    ) -> Opened<()>
    where
        Self: Sized,
    {
        Err(Missing::NoType)
    }
}

/// A database of its own on a server.
pub(crate) struct OnServer<K: Kind> {
    pub(super) url: String,
    address: Address<K>,
    _database: Option<K::Database>,
}

impl<K: Kind> OnServer<K> {
    pub(super) fn on(url: &str, database: K::Database) -> Self {
        Self { _database: Some(database), ..Self::at(url) }
    }

    pub(crate) fn at(url: &str) -> Self {
        let address = Address::from_url(url).unwrap();
        Self { url: url.to_owned(), address, _database: None }
    }

    pub(super) fn open(&self, queue: &str, wanted: Wanted) -> Opened<ServerQueue<K, String>> {
        unless_refused(options!(ServerOptions::<K>, queue, wanted).open(&self.address))
    }

    fn open_ack(&self, queue: &str, wanted: Wanted) -> Opened<ServerAckQueue<K, String>> {
        unless_refused(options!(ServerOptions::<K>, queue, wanted).open_ack(&self.address))
    }
}

impl<K: Kind> Backend for OnServer<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn address(&self) -> String {
        self.url.clone()
    }

    fn url(&self, queue: &str, flavour: Flavour) -> String {
        format!("{}#{queue}?kind={flavour}", self.url)
    }

    fn plain(&self, queue: &str, wanted: Wanted) -> Opened<Box<dyn Plain>> {
        Ok(Box::new(self.open(queue, wanted)?))
    }

    fn acks(&self, queue: &str, wanted: Wanted) -> Opened<Box<dyn Acks>> {
        Ok(Box::new(self.open_ack(queue, wanted)?))
    }

    fn tasks(&self, queue: &str) -> Opened<Arc<dyn Tasks>> {
        Ok(Arc::new(self.open(queue, Wanted::default())?.into_async()))
    }

    fn ack_tasks(&self, queue: &str) -> Opened<Arc<dyn AckTasks>> {
        Ok(Arc::new(self.open_ack(queue, Wanted::default())?.into_async()))
    }

    fn put_in(
        &self,
        queue: &str,
        item: &str,
        end: End,
        before_end: &mut dyn FnMut(),
    ) -> Opened<()> {
        K::put_in(self, queue, item, end, before_end)
    }
}

in_database!([M: Make] ServerQueue<M, String>, AsyncServerQueue<M, String>, ServerAckQueue<M, String>,
    AsyncServerAckQueue<M, String>, ServerDelivery<'_, String>);
