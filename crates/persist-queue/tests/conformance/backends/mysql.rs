//! Queues on a MySQL or MariaDB server.

use std::sync::Arc;

use persist_queue::MySqlAddress;
use persist_queue::sql::Flavour;

use super::server::{open, open_ack};
use crate::backend::{AckTasks, Acks, Backend, Opened, Plain, Tasks, Wanted};

#[path = "../../support/mysql.rs"]
mod support;

pub(crate) const NAME: &str = "MySQL";

/// A database of its own on a server.
pub(crate) struct MySql {
    url: String,
    address: MySqlAddress,
    _database: Option<support::Database>,
}

impl MySql {
    /// Nothing where there is no server.
    pub(crate) fn new() -> Option<Self> {
        let database = support::database()?;
        let at = Self::at(&database.url());
        Some(Self { _database: Some(database), ..at })
    }

    pub(crate) fn at(url: &str) -> Self {
        let address = MySqlAddress::from_url(url).unwrap();
        Self { url: url.to_owned(), address, _database: None }
    }
}

impl Backend for MySql {
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
}
