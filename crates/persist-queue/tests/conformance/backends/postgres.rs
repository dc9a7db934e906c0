//! Queues on a PostgreSQL server.

use std::sync::Arc;

use persist_queue::PostgresAddress;
use persist_queue::postgres::driver::{Client, NoTls};
use persist_queue::sql::Flavour;

use super::server::{open, open_ack};
use crate::backend::{AckTasks, Acks, Backend, End, Opened, Plain, Tasks, Wanted, unless_refused};

#[path = "../../support/postgres.rs"]
mod support;

pub(crate) const NAME: &str = "PostgreSQL";

/// A database of its own on a server.
pub(crate) struct Postgres {
    url: String,
    address: PostgresAddress,
    _database: Option<support::Database>,
}

impl Postgres {
    /// Nothing where there is no server.
    pub(crate) fn new() -> Option<Self> {
        let database = support::database()?;
        let at = Self::at(&database.url());
        Some(Self { _database: Some(database), ..at })
    }

    pub(crate) fn at(url: &str) -> Self {
        let address = PostgresAddress::from_url(url).unwrap();
        Self { url: url.to_owned(), address, _database: None }
    }
}

impl Backend for Postgres {
    fn name(&self) -> &'static str {
        NAME
    }

    fn address(&self) -> String {
        self.url.clone()
    }

    fn url(&self, queue: &str, flavour: Flavour) -> String {
        format!("{}#{queue}?kind={flavour}", self.url)
    }

    fn plain(&self, queue: &str, wanted: Wanted) -> Opened<Box<dyn Plain>> {
        Ok(Box::new(open(&self.address, queue, wanted)?))
    }

    fn acks(&self, queue: &str, wanted: Wanted) -> Opened<Box<dyn Acks>> {
        Ok(Box::new(open_ack(&self.address, queue, wanted)?))
    }

    fn tasks(&self, queue: &str) -> Opened<Arc<dyn Tasks>> {
        Ok(Arc::new(open(&self.address, queue, Wanted::default())?.into_async()))
    }

    fn ack_tasks(&self, queue: &str) -> Opened<Arc<dyn AckTasks>> {
        Ok(Arc::new(open_ack(&self.address, queue, Wanted::default())?.into_async()))
    }

    fn put_in(
        &self,
        queue: &str,
        item: &str,
        end: End,
        before_end: &mut dyn FnMut(),
    ) -> Opened<()> {
        let opened = open(&self.address, queue, Wanted::default())?;
        let mut client = Client::connect(&self.url, NoTls).unwrap();
        client.batch_execute("CREATE TABLE IF NOT EXISTS mine (number INT)").unwrap();
        let mut transaction = client.transaction().unwrap();
        transaction.execute("INSERT INTO mine VALUES (1)", &[]).unwrap();
        unless_refused(opened.put_in(&mut transaction, &item.to_owned(), 0))?;
        before_end();
        match end {
            End::Commit => transaction.commit().unwrap(),
            End::Rollback => transaction.rollback().unwrap(),
        }
        Ok(())
    }
}
